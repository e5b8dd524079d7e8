"""Activity: past runs, the newest first; from here to their problems and to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import PLACES, Action, bindings
from tui.format import Line
from tui.gateway.activity_views import RunRow
from tui.gateway.views import Tone
from tui.screens.ledger import LedgerPlace
from tui.screens.listing import Listing, cells
from tui.screens.pick import Pick
from tui.screens.problems import ProblemsPlace
from tui.screens.run import RunPlace

PROFILE = Action("activity-profile", "pick_profile", ("f",), "Profile", "Only the runs of one profile, or all", footer=False)
STATE = Action("activity-state", "pick_state", ("t",), "State", "Only runs in one state, or all", footer=False)
ACTIONS = (
    Action("activity-open", "open", ("enter", "o"), "Open", "Open the run: its result, mailbox by mailbox"),
    Action("activity-problems", "problems", ("p",), "Problems", "The latest problems of all runs"),
    Action("activity-ledger", "ledger", ("a",), "Ledger", "The ledger: everything that ever happened"),
    PROFILE,
    STATE,
    Action("back", "back", ("escape", "q"), "Back", "Back to Home"),
    *PLACES,
)
WIDE = 100
TITLES = ("Run", "Profile", "State", "When", "Took", "Archived", "Failed", "Deleted", "Started")


class ActivityPlace(Listing[RunRow]):
    """All runs."""

    ACTIONS = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    EMPTY = "No runs yet. Every run of a profile will stand here, with when it was, how it ended and what it archived."
    NEEDING = ("open",)

    def __init__(self) -> None:
        super().__init__()
        self._profile, self._profile_name = "", "all profiles"
        self._state, self._state_name = "", "all states"

    def words(self) -> Sequence[str]:
        return ("Activity",)

    def titles(self, total: int) -> tuple[str, str]:
        return f"Runs ({total:,})", self.filter_words((PROFILE, self._profile_name), (STATE, self._state_name))

    def empty(self) -> str:
        return f"No run of {self._profile_name} is in {self._state_name}." if self._profile or self._state else self.EMPTY

    @property
    def restless(self) -> bool:
        return any(row.active for row in map(self.rows.row, range(min(self.rows.total, 20))) if row)

    async def count(self) -> int:
        return await self.console.gateway.activity.count(self._profile, self._state)

    async def page(self, offset: int, limit: int) -> Sequence[RunRow]:
        return await self.console.gateway.activity.runs(self._profile, self._state, offset, limit)

    async def position(self, row: RunRow) -> int:
        return await self.console.gateway.activity.position(self._profile, self._state, row.id)

    def heading(self, width: int) -> Line:
        tones = [Tone.MUTED] * len(TITLES)
        return _cells(TITLES, tones, width)

    def line(self, row: RunRow, width: int) -> Line:
        archived, failed, deleted = row.counts
        texts = (str(row.id), row.profile, str(row.state), row.when, row.took, archived, failed, deleted, row.how)
        bad = Tone.BAD if failed else Tone.PLAIN
        plain = Tone.PLAIN
        return _cells(texts, (plain, Tone.STRONG, row.state.tone, plain, plain, plain, bad, plain, Tone.MUTED), width)

    def sentences(self, row: RunRow) -> Sequence[str]:
        return row.more

    def action_open(self) -> None:
        if row := self.rows.chosen:
            self.app.push_screen(RunPlace(row.id))

    def action_problems(self) -> None:
        self.app.push_screen(ProblemsPlace())

    def action_ledger(self) -> None:
        self.app.push_screen(LedgerPlace())

    def action_pick_profile(self) -> None:
        self.console.work(self._pick_profile())

    async def _pick_profile(self) -> None:
        profiles = {one.key: one.name for one in await self.console.gateway.activity.profiles()}

        def taken(key: str | None) -> None:
            if key is not None:
                self._profile, self._profile_name = key, profiles[key]
                self.look_anew(self._profile, self._state)

        self.app.push_screen(Pick("Runs of", list(profiles.items()), self._profile), taken)

    def action_pick_state(self) -> None:
        states = {one.key: one.name for one in self.console.gateway.activity.states()}

        def taken(key: str | None) -> None:
            if key is not None:
                self._state, self._state_name = key, states[key]
                self.look_anew(self._profile, self._state)

        self.app.push_screen(Pick("Runs in", list(states.items()), self._state), taken)


def _cells(texts: Sequence[str], tones: Sequence[Tone], width: int) -> Line:
    wide = width >= WIDE
    widths = [6, 0, 13, 16, 12 if wide else 10, 8, 6 if wide else 0, 8 if wide else 0, 9 if wide else 0]
    widths[1] = max(width - sum(widths) - 2 * sum(bool(one) for one in widths), 8)
    right = {0, 5, 6, 7}
    return cells(
        [(text, tone, size, at in right) for at, (text, tone, size) in enumerate(zip(texts, tones, widths, strict=True))]
    )
