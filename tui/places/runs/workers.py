"""Workers: the machines that visit mailboxes for this archive, and what each of them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import WORKERS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, own
from tui.desk.runs.workers import WorkerRow
from tui.places.listing import ListingPlace, cells
from tui.text.format import Line

#: Cells of the columns after the name: state, mailboxes, undelivered, heard.
WIDTHS = (12, 9, 11, 12)


class WorkersPlace(ListingPlace[WorkerRow]):
    """The workers that were heard of in the last day."""

    ACTIONS = WORKERS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(WORKERS_ACTIONS)
    EMPTY = own("No workers. Other machines can visit mailboxes for this archive; the page cluster of the manual tells how.")
    restless = True

    def __init__(self) -> None:
        super().__init__()
        self._all: Sequence[WorkerRow] = ()
        self._waiting = self._trouble = BLANK

    def words(self) -> Sequence[Safe]:
        return (own("Activity"), own("Workers"))

    def titles(self, total: int) -> tuple[Safe, Safe]:
        return (own("Workers ({:,})", total), self._waiting)

    def empty(self) -> Safe:
        return self._trouble or self.EMPTY

    async def count(self) -> int:
        view = await self.console.desk.workers.view()
        self._all, self._waiting, self._trouble = view.rows, view.waiting, view.trouble
        return len(self._all)

    async def page(self, offset: int, limit: int) -> Sequence[WorkerRow]:
        return self._all[offset : offset + limit]

    async def position(self, row: WorkerRow) -> int:
        return next((at for at, one in enumerate(self._all) if one.key == row.key), 0)

    def heading(self, width: int) -> Line:
        words = (own("Worker"), own("State"), own("Mailboxes"), own("Undelivered"), own("Heard"))
        return _cells(words, (Tone.MUTED,) * 5, width)

    def line(self, row: WorkerRow, width: int) -> Line:
        words = (row.name, row.state.shown, row.mailboxes, row.undelivered, row.heard)
        return _cells(words, (Tone.STRONG, row.state.tone, Tone.PLAIN, Tone.PLAIN, Tone.MUTED), width)

    def sentences(self, row: WorkerRow) -> Sequence[Safe]:
        return row.more


def _cells(texts: Sequence[Safe], tones: Sequence[Tone], width: int) -> Line:
    name = max(width - sum(WIDTHS) - 2 * len(WIDTHS), 8)
    return cells([(text, tone, size, False) for text, tone, size in zip(texts, tones, (name, *WIDTHS), strict=True)])
