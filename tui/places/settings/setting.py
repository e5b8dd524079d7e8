"""Settings one by one: the line of each, the form for it, and the lines of facts below them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.desk.present import Safe, Tone, blanks, own
from tui.desk.refusals import Refused
from tui.desk.settings import SettingRow
from tui.places.transfer.saving import SavingForm
from tui.text.format import Line, Span, cut, fit, wrap
from tui.widgets.fields import TextField
from tui.widgets.form import Form
from tui.widgets.shown import shown

LABEL = 14
VALUE = 15
FACT = 10


def setting_line(row: SettingRow, width: int, value: int = VALUE) -> Line:
    """A setting: its label, its value in ``value`` cells, and its purpose."""
    rest = max(width - LABEL - value - 2, 8)
    what = own("{} Allowed: {}.", row.what, row.allowed) if rest > 100 else row.few
    return (
        Span(fit(row.label, LABEL)),
        Span(fit(row.value, value), Tone.STRONG),
        Span(own("  {}", cut(what, rest)), Tone.MUTED),
    )


class SettingForm(SavingForm[bool]):
    """One setting in a line; True when it was changed."""

    DEFAULT_CSS = "SettingForm Form { height: auto; max-height: 8; }"
    AUTO_FOCUS = "Form TypingLine"

    def __init__(self, row: SettingRow) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        row = self._row
        with Vertical(classes="box") as box:
            box.border_title = shown(row.label)
            yield Static(shown(own("{}\n", row.what)))
            yield Form([TextField(row.name, row.label, f"Allowed: {row.allowed}.")], {row.name: row.value})
            yield Static(shown(own("enter  save      esc  leave it")), classes="keys")

    def action_save(self) -> None:
        self.attempt(lambda: self._save(str(self.query_one(Form).values[self._row.name])))

    async def _save(self, text: str) -> bool | None:
        try:
            await self.console.desk.settings.change(self._row.name, text)
        except Refused as trouble:
            self.query_one(Form).show_errors({self._row.name: own("{} {}", trouble.message, trouble.hint)})
            return None
        return True

    def action_close(self) -> None:
        self.dismiss(False)


def fact_lines(facts: Iterable[tuple[Safe, Safe]], marked: Collection[Safe], width: int, tone: Tone = Tone.WARN) -> list[Line]:
    """Labels and sentences; those that are ``marked``, and those without a label, in ``tone``."""
    lines: list[Line] = []
    for label, text in facts:
        first, *rest = wrap(text, max(width - FACT, 10))
        found = tone if label in marked or not label else Tone.PLAIN
        lines.append((Span(fit(label, FACT), Tone.MUTED), Span(first, found)))
        lines += [(Span(blanks(FACT)), Span(part, found)) for part in rest]
    return lines
