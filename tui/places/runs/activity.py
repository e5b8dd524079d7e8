"""Activity: past runs, the newest first; leads to their problems and to the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import ACTIVITY_ACTIONS, FILTER_PROFILE, FILTER_STATE
from tui.bindings import bindings
from tui.desk.present import Safe, Tone, cell_len, own, sentence
from tui.desk.runs.activity import PastRun
from tui.places.listing import ListingPlace, cells
from tui.places.pick import Pick
from tui.places.proof.ledger import LedgerPlace
from tui.places.runs.problems import ProblemsPlace
from tui.places.runs.run import RunPlace
from tui.places.runs.workers import WorkersPlace
from tui.text.format import Line, arranged

TITLES = ("Run", "Profile", "State", "When", "Took", "Archived", "Failed", "Deleted", "Started")
NUMBERS = ("Run", "Archived", "Failed", "Deleted")
#: Columns dropped first without room; the details of the chosen run have them too.
LEAVING = ("Started", "Deleted", "Failed", "Took", "Archived", "When")
#: Cells of a profile's name that are visible before a column is dropped for it.
LONG = 24


class ActivityPlace(ListingPlace[PastRun]):
    """All runs."""

    ACTIONS = ACTIVITY_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIVITY_ACTIONS)
    EMPTY = own("No runs yet. Every run of a profile will stand here, with when it was, how it ended and what it archived.")
    NEEDING = ("open",)

    def __init__(self) -> None:
        super().__init__()
        self._profile, self._profile_name = "", own("all profiles")
        self._state, self._state_name = "", own("all states")
        #: The longest text of each column so far. It never shrinks, or columns would move while paging.
        self._natural = {title: max(cell_len(title), 6 if title == "Run" else 0) for title in TITLES}

    def words(self) -> Sequence[Safe]:
        return (own("Activity"),)

    def titles(self, total: int) -> tuple[Safe, Safe]:
        return (
            own("Runs ({:,})", total),
            self.filter_words((FILTER_PROFILE, self._profile_name), (FILTER_STATE, self._state_name)),
        )

    def empty(self) -> Safe:
        return (
            own("No run of {} is in {}.", self._profile_name, self._state_name) if self._profile or self._state else self.EMPTY
        )

    @property
    def restless(self) -> bool:
        return any(row.active for row in map(self.rows.row, range(min(self.rows.total, 20))) if row)

    async def count(self) -> int:
        return await self.console.desk.activity.count(self._profile, self._state)

    async def page(self, offset: int, limit: int) -> Sequence[PastRun]:
        rows = await self.console.desk.activity.runs(self._profile, self._state, offset, limit)
        for row in rows:
            for title, text in _texts(row).items():
                self._natural[title] = max(self._natural[title], cell_len(text))
        return rows

    async def position(self, row: PastRun) -> int:
        return await self.console.desk.activity.position(self._profile, self._state, row.id)

    def heading(self, width: int) -> Line:
        return self._cells({title: sentence(title) for title in TITLES}, dict.fromkeys(TITLES, Tone.MUTED), width)

    def line(self, row: PastRun, width: int) -> Line:
        bad = Tone.BAD if row.counts[1] else Tone.PLAIN
        tones = {"Profile": Tone.STRONG, "State": row.state.tone, "Failed": bad, "Started": Tone.MUTED}
        return self._cells(_texts(row), tones, width)

    def _cells(self, texts: Mapping[str, Safe], tones: Mapping[str, Tone], width: int) -> Line:
        columns = {title: (size, min(size, LONG) if title == "Profile" else size) for title, size in self._natural.items()}
        widths = arranged(columns, width, LEAVING)
        # The rest of the width goes to the names, so that numbers stay together.
        *_, last = widths
        rest = widths[last] - self._natural[last]
        widths[last] -= rest
        widths["Profile"] += rest
        return cells([(texts[title], tones.get(title, Tone.PLAIN), size, title in NUMBERS) for title, size in widths.items()])

    def sentences(self, row: PastRun) -> Sequence[Safe]:
        return row.more

    def action_open(self) -> None:
        if row := self.rows.chosen:
            self.app.push_screen(RunPlace(row.id))

    def action_problems(self) -> None:
        self.app.push_screen(ProblemsPlace())

    def action_workers(self) -> None:
        self.app.push_screen(WorkersPlace())

    def action_ledger(self) -> None:
        self.app.push_screen(LedgerPlace())

    def action_pick_profile(self) -> None:
        self.console.work(self._pick_profile(), opens=True)

    async def _pick_profile(self) -> None:
        profiles = {one.key: one.name for one in await self.console.desk.activity.profiles()}

        def taken(key: str | None) -> None:
            if key is not None:
                self._profile, self._profile_name = key, profiles[key]
                self.look_anew(self._profile, self._state)

        self.app.push_screen(Pick(own("Runs of"), list(profiles.items()), self._profile), taken)

    def action_pick_state(self) -> None:
        states = {one.key: one.name for one in self.console.desk.activity.states()}

        def taken(key: str | None) -> None:
            if key is not None:
                self._state, self._state_name = key, states[key]
                self.look_anew(self._profile, self._state)

        self.app.push_screen(Pick(own("Runs in"), list(states.items()), self._state), taken)


def _texts(row: PastRun) -> dict[str, Safe]:
    """The texts of the columns."""
    texts = (own("{}", row.id), row.profile, row.state.shown, row.when, row.took, *row.counts, row.how)
    return dict(zip(TITLES, texts, strict=True))
