"""The last page: the whole profile in words, with advice and warnings before it is saved."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.desk.present import Tone, blanks, own
from tui.desk.profiles.draft import Summary
from tui.desk.refusals import Refused
from tui.places.wizard.step import Step
from tui.text.format import Line, Span, fit, wrap
from tui.widgets.lines import Lines

LABEL = 12


class SummaryStep(Step):
    """The summary; enter saves."""

    word = "Summary"
    heading = own("Is everything right?")

    DEFAULT_CSS = "SummaryStep Lines { height: 1fr; }"

    def content(self) -> ComposeResult:
        yield Lines(id="summary")

    def start(self) -> None:
        self.query_one(Lines).focus()
        self.work(self._load())

    async def _load(self) -> None:
        lines = self.query_one(Lines)
        try:
            summary = await self.desk.drafts.summary(self.draft)
        except Refused as trouble:
            summary = Summary((), (), (own("{} {}", trouble.message, trouble.hint),))
        lines.show(lambda width: summary_lines(summary, width))


def summary_lines(summary: Summary, width: int) -> list[Line]:
    """Labels with their sentences, then advice and warnings."""
    lines: list[Line] = []
    room = max(width - LABEL, 10)
    for label, text in summary.facts:
        danger = label == summary.danger
        first, *rest = wrap(own("! {}", text) if danger else text, room)
        tone = Tone.BAD if danger else Tone.PLAIN
        lines.append((Span(fit(label, LABEL), tone if danger else Tone.MUTED), Span(first, tone)))
        lines += [(Span(blanks(LABEL)), Span(one, tone)) for one in rest]
    for mark, tone, texts in ((own("! "), Tone.WARN, summary.warnings), (own("· "), Tone.MUTED, summary.advice)):
        for text in texts:
            first, *rest = wrap(text, max(width - 2, 10))
            lines += [(), (Span(mark, tone), Span(first)), *((Span(own("  ")), Span(one)) for one in rest)]
    return lines
