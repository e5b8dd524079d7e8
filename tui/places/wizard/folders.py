"""The page with folders to tick, in the server's tree."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.widgets import Static

from tui.desk.present import BLANK, Safe, Tone, blanks, joined, own
from tui.desk.profiles.draft import FolderRow, FolderTree
from tui.desk.profiles.drafts import Drafts
from tui.desk.refusals import Refused
from tui.places.ask import Ask
from tui.places.confirm import Confirm
from tui.places.wizard.forms import FOR_ALL
from tui.places.wizard.step import Step
from tui.text.format import Line, Span, cut, fit
from tui.widgets.fields import Changed, Options
from tui.widgets.inputs import Marked
from tui.widgets.lines import ChoiceList
from tui.widgets.shown import shown, tell

WAYS = (("all", "all but the unticked"), ("only", "only the ticked"))


class FoldersStep(Step):
    """The folders to archive."""

    word = "Folders"
    heading = own("Which folders?")
    owns = ("folders",)
    offers = ("pattern",)

    DEFAULT_CSS = """
    FoldersStep #folders { height: 1fr; }
    FoldersStep #rules { height: auto; max-height: 3; }
    FoldersStep #said { height: auto; }
    FoldersStep #wrong { height: auto; display: none; }
    """

    def content(self) -> ComposeResult:
        yield Marked(Options(WAYS, "only" if self.drafts.folders_only(self.draft) else "all"))
        yield Static(shown(own("Reading the folders …")), id="said")
        yield ChoiceList(id="folders")
        yield Static(id="rules")
        yield Static(id="wrong", classes="wrong")

    def text(self) -> Safe:
        return FOR_ALL if self.draft.many else BLANK

    @property
    def drafts(self) -> Drafts:
        return self.desk.drafts

    def start(self) -> None:
        self._tree = FolderTree(BLANK, ())
        self._without = own("…")
        self._show()
        self.query_one("#folders", ChoiceList).focus()
        self.again()

    def again(self) -> None:
        """Read the folders from the server."""
        self._without = own("…")
        self.query_one("#said", Static).update(shown(own("Reading the folders …")))
        self.work(self._read())

    def show_errors(self, errors: Mapping[str, Safe]) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.display = bool(errors)
        wrong.update(shown(joined("\n", (own("! {} x takes all rules back.", text) for text in errors.values()))))

    async def _read(self) -> None:
        said = self.query_one("#said", Static)
        self._without = own("No folders to tick.")
        try:
            self._tree = await self.drafts.folders(self.draft)
        except Refused as trouble:
            said.update(
                shown(
                    own("! The folders cannot be read: {} {}\nPatterns can be written with p.", trouble.message, trouble.hint)
                )
            )
        else:
            said.update(
                shown(
                    own(
                        "Folders of {}. Left out unless ticked: junk, folders of others, all that is no mail.",
                        self._tree.mailbox,
                    )
                )
            )
        self._show()
        self.query_one("#folders", ChoiceList).focus()

    def _show(self) -> None:
        rows = self._tree.rows
        # With nothing to tick a line says so, which shows the focus.
        without: list[Line] = [(Span(self._without, Tone.MUTED),)]
        self.query_one("#folders", ChoiceList).show(lambda width: [self._line(row, width) for row in rows] or without)
        self.show_errors({})
        rules = self.drafts.folder_rules(self.draft)
        ticking = ("tick", "tick_below") if rows else ("test",)
        self.offer(*ticking, "pattern", "again", *(("forget",) if rules else ()))
        self.query_one("#rules", Static).update(shown(joined("\n", (cut(text, max(self.size.width, 20)) for text in rules))))

    def _line(self, row: FolderRow, width: int) -> Line:
        name = joined("", (blanks(2 * row.depth), row.name))
        if not row.selectable:
            return (Span(fit(own("    {}", name), width), Tone.MUTED),)
        reason = self.drafts.folder_reason(self.draft, row)
        right = own("{:>9}  {}", row.messages, fit(reason or row.note, 26))
        mark = own("[ ]") if reason else own("[x]")
        return (
            Span(own("{} ", mark), Tone.MUTED if reason else Tone.GOOD),
            Span(fit(name, max(width - 4 - len(right), 8)), Tone.MUTED if reason else Tone.PLAIN),
            Span(right, Tone.MUTED),
        )

    @property
    def chosen(self) -> FolderRow | None:
        rows = self._tree.rows
        return rows[min(self.query_one("#folders", ChoiceList).cursor, len(rows) - 1)] if rows else None

    def tick(self, *, below: bool) -> None:
        """Tick or untick the chosen folder."""
        row = self.chosen
        if row is None or not (row.selectable or below):
            return
        if refusal := self.drafts.tick_folder(self.draft, row, below=below):
            tell(self, refusal)
        self._show()

    def on_changed(self, event: Changed) -> None:
        event.stop()
        wanted = self.query_one(Options).value
        if not self.drafts.choose_folders(self.draft, self._tree, only=wanted == "only"):
            tell(self, own("Tick a folder first: with none ticked there is nothing to archive."))
            self.query_one(Options).choose("only" if self.drafts.folders_only(self.draft) else "all")
        self._show()

    def pattern(self) -> None:
        """Type a pattern."""
        question = own("A pattern for folders")
        text = own(
            "Name, Name/** (with all below it), Projects/* (any one level), **/Old (at any depth).\n"
            "Begin with + to archive what it matches, with - to leave it out."
        )
        self.app.push_screen(Ask(question, text, "- "), self._written)

    def _written(self, text: str | None) -> None:
        if text is None or not text.strip(" +-"):
            return
        if refusal := self.drafts.add_pattern(self.draft, text):
            tell(self, refusal)
        self._show()

    def forget(self) -> None:
        """Remove all rules, after a question."""
        text = own("What was ticked and unticked here and all patterns are forgotten: the folders are chosen as at first.")
        self.app.push_screen(
            Confirm(own("Take all folder rules back?"), text, own("take them back"), own("leave them")), self._forget
        )

    def _forget(self, yes: bool | None) -> None:
        if yes:
            self.drafts.forget_rules(self.draft)
            self._show()
