"""The page of a catch-all profile with the destinations of mail."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widgets import Static

from tui.desk.present import BLANK, Safe, Tone, blanks, joined, own
from tui.desk.profiles.draft import ExampleRow
from tui.desk.refusals import Refused
from tui.places.page import Page
from tui.places.wizard.step import FormStep
from tui.text.format import Line, Span, wrap
from tui.widgets.shown import shown

NOBODY = own("! No user has an e-mail address yet: ^o takes them from a directory.")
WAITING = own("Asking the server …")
NONE = own("There is no message in the mailbox yet, or no folder of it is archived.")


class FilingStep(FormStep):
    """The destinations of messages."""

    word = "Filing"
    heading = own("Where does each message go?")
    owns = ("catchall", "users")
    offers = ("examples", "take_users", "guide")
    _doubted = False

    DEFAULT_CSS = "FilingStep #nobody { height: auto; display: none; }"

    def text(self) -> Safe:
        return own("{u-email}: the user's first address. {h-email}: the one in the message.")

    def content(self) -> ComposeResult:
        yield Static(shown(NOBODY), id="nobody", classes="wrong")
        yield from super().content()

    def start(self) -> None:
        super().start()
        self.load()

    def load(self) -> None:
        """Check that there are users for the mail."""
        self.work(self._load())

    async def _load(self) -> None:
        self.query_one("#nobody").display = not await self.desk.users.archivable()

    async def doubt(self) -> Safe:
        if self._doubted or await self.desk.users.archivable():
            return BLANK
        self._doubted = True
        return own("No user has an e-mail address yet, so all mail would be for unknown people.")

    @property
    def guide(self) -> str:
        return "kerio-archive"

    def examples(self) -> None:
        """Show example destinations by the present fields."""
        self.collect()
        page = Page(own("Examples"), lambda width: [(Span(text),) for text in wrap(WAITING, width)])
        self.app.push_screen(page)
        self.work(self._look(page))

    async def _look(self, page: Page) -> None:
        try:
            found = await self.desk.drafts.examples(self.draft)
        except Refused as trouble:
            said = own("! {} {}", trouble.message, trouble.hint)
            page.show(lambda width: [(Span(text),) for text in wrap(said, width)])
        else:
            page.show(lambda width: example_lines(found, width))


def example_lines(found: Sequence[ExampleRow], width: int) -> list[Line]:
    """Each message with its destinations below it."""
    if not found:
        return [(Span(text),) for text in wrap(NONE, width)]
    lines: list[Line] = []
    for row in found:
        parts = (
            (BLANK, row.subject, Tone.STRONG),
            (own("  "), row.facts, Tone.MUTED),
            *((own("→ "), place, Tone.PLAIN) for place in row.places),
            *((own("! "), note, Tone.WARN) for note in row.notes),
        )
        lines += [()] if lines else []
        for sign, text, tone in parts:
            first, *rest = wrap(text, max(width - len(sign), 10))
            lines.append((Span(joined("", (sign, first)), tone),))
            lines += [(Span(joined("", (blanks(len(sign)), one)), tone),) for one in rest]
    return lines
