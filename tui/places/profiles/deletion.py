"""The question before new deletions on a server: their number, and no by default."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import DELETION_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, joined, own
from tui.desk.refusals import Refused
from tui.widgets.shown import shown


class Decision(Enum):
    """Yes, no, or another choice than the one in question."""

    YES = "yes"
    NO = "no"
    NEXT = "next"
    BEFORE = "before"


#: Counts the present deletions on the server, in sentences.
Count = Callable[[], Awaitable[Sequence[Safe]]]
COUNTING = own("Counting on the server what would go now …")


class DeletionQuestion(ModalScreen[Decision]):
    """A question; only ``y`` is yes. ``count`` runs in the background; without it no number is shown.

    ``choices``: up and down move to the other choices.
    """

    DEFAULT_CSS = """
    DeletionQuestion #said { height: auto; max-height: 70vh; scrollbar-size-vertical: 1; background: transparent; }
    DeletionQuestion .danger { color: $error; text-style: bold; }
    DeletionQuestion #count { margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(DELETION_ACTIONS)

    def __init__(
        self,
        question: Safe,
        sentences: Sequence[Safe],
        yes: Safe,
        no: Safe,
        count: Count | None = None,
        *,
        choices: bool = False,
    ) -> None:
        super().__init__()
        self._question, self._sentences, self._yes, self._no = question, sentences, yes, no
        self._count = count
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(self._question)
            # Long texts scroll above the answers; where arrows have another meaning the text is short.
            with VerticalScroll(id="said", can_focus=not self._choices):
                yield Static(shown(joined("\n", (own("! {}", sentence) for sentence in self._sentences))), classes="danger")
                if self._count is not None:
                    yield Static(shown(COUNTING), id="count")
            others = own("      ↑ ↓  other choice") if self._choices else BLANK
            yield Static(shown(own("y  {}      n, enter  {}{}", self._yes, self._no, others)), classes="keys")

    def on_mount(self) -> None:
        if self._count is not None:
            self.run_worker(self._tell(self._count), exit_on_error=False)

    async def _tell(self, count: Count) -> None:
        try:
            said = joined("\n", await count())
        except Refused as trouble:
            said = own("! What would go now could not be counted: {} {}", trouble.message, trouble.hint)
        self.query_one("#count", Static).update(shown(said))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._choices or parameters[:1] not in (("NEXT",), ("BEFORE",))

    def action_answer(self, name: str) -> None:
        self.dismiss(Decision[name])
