"""Problems: messages and folders that could not be archived, over all runs, the latest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import PROBLEMS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, joined, own
from tui.desk.runs.activity import PastProblem
from tui.places.listing import ListingPlace, cells
from tui.places.runs.run import RunPlace
from tui.text.format import Line, join


class ProblemsPlace(ListingPlace[PastProblem]):
    """The latest problems of all runs."""

    ACTIONS = PROBLEMS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(PROBLEMS_ACTIONS)
    EMPTY = own("No problems. What a run cannot archive will stand here, with the folder, the message and the reason.")
    NEEDING = ("open",)

    def __init__(self) -> None:
        super().__init__()
        self._all: Sequence[PastProblem] = ()

    def words(self) -> Sequence[Safe]:
        return (own("Activity"), own("Problems"))

    def titles(self, total: int) -> tuple[Safe, Safe]:
        return (own("Latest problems ({:,})", total), BLANK)

    async def count(self) -> int:
        self._all = await self.console.desk.activity.problems()
        return len(self._all)

    async def page(self, offset: int, limit: int) -> Sequence[PastProblem]:
        return self._all[offset : offset + limit]

    async def position(self, row: PastProblem) -> int:
        same = ((one.run, one.place, one.reason) == (row.run, row.place, row.reason) for one in self._all)
        return next((index for index, found in enumerate(same) if found), 0)

    def heading(self, width: int) -> Line:
        return self._cells(own("Run"), own("Profile"), own("Where"), own("Why"), width, (Tone.MUTED,) * 4)

    def line(self, row: PastProblem, width: int) -> Line:
        place = join(row.place, max(width // 3, 12), own(" · "))
        tones = (Tone.PLAIN, Tone.STRONG, Tone.PLAIN, Tone.PLAIN)
        return self._cells(own("{}", row.run), row.profile, place, row.reason, width, tones)

    def _cells(self, run: Safe, profile: Safe, place: Safe, reason: Safe, width: int, tones: Sequence[Tone]) -> Line:
        name = max(min(width // 6, 24), 8)
        where = max(width // 3, 12)
        widths = (6, name, where, max(width - 6 - name - where - 6, 8))
        texts = (run, profile, place, reason)
        return cells([(text, tone, size, size == 6) for text, tone, size in zip(texts, tones, widths, strict=True)])

    def sentences(self, row: PastProblem) -> Sequence[Safe]:
        return (own("Run {} of {}, {}: {}", row.run, row.profile, row.when, joined(" · ", row.place)), row.reason)

    def action_open(self) -> None:
        if row := self.rows.chosen:
            self.app.push_screen(RunPlace(row.run))
