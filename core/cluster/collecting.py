"""The home's taking of what workers have delivered: fetched, looked through, and made part of the archive by an anchor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import aclosing
from pathlib import Path

from core import files
from core.archive.archive import Archive
from core.archive.catalog.lanes import Lane
from core.archive.registry import lanes
from core.archive.store.entries import AnyEntry
from core.archive.store.entries.mail import Moved
from core.archive.store.entries.statement import Erased, Newer
from core.archive.store.volume import Volume
from core.cluster import closing
from core.cluster.holding import Holding
from core.cluster.place import LanePlace, digest_of
from core.cluster.postgres import Postgres, Row
from core.config import IN_LANE
from core.engine.run import counting
from core.errors import ArchivarError, BusyError, DamagedError, HomeError, StorageError
from core.model import Tally
from core.problems import cluster as problems
from core.problems.code import Reason
from core.storage.keys import VolumeKey
from core.values import dataclass

#: Volumes that are taken in one go, so that progress is told in between.
AT_ONCE = 16

logger = logging.getLogger("archivar.cluster")


@dataclass(frozen=True, slots=True)
class Refused:
    """A session of which nothing more is taken, and why."""

    session: int
    why: Reason


class Collecting:
    """The taking of volumes. ``counted``: what entries of a run say of a mailbox, by run and the mailbox's name."""

    def __init__(self, archive: Archive, database: Postgres, place: LanePlace, holding: Holding) -> None:
        self.counted: dict[int, dict[str, Tally]] = {}
        #: The reason why something could not be taken at the last look; None without one.
        self.waits_for: Reason | None = None
        self._archive = archive
        self._database = database
        self._place = place
        self._holding = holding

    async def collect(self) -> list[Refused]:
        """Take what was delivered and is not taken; the sessions that must be given up.

        What cannot be fetched now stays for the next time. Raises ``AwayError``, and what keeps the archive from being written.
        """
        rows = await self._database.rows(
            "SELECT v.*, s.lane, s.lane_id FROM volume v JOIN session s ON s.id = v.session WHERE NOT v.taken "
            "ORDER BY v.session, v.number LIMIT %s",
            AT_ONCE,
        )
        self.waits_for = None
        refused: list[Refused] = []
        fetched: dict[int, list[Row]] = {}
        stopped: set[int] = set()
        tallies: dict[int, dict[int, dict[str, Tally]]] = {}
        ends = await lanes.all_of(self._archive) if rows else {}
        for row in rows:
            session = row["session"]
            if session in stopped:
                continue
            try:
                self._check(row, ends.get(row["lane"]))
                await self._fetch(row)
                tallies.setdefault(session, {})
                # A service that died may have anchored it before it could say so.
                after = ends[row["lane"]].end.head.seq
                await self._look_through(row, after, await self._granted(session), tallies[session])
                fetched.setdefault(session, []).append(row)
            except BusyError as error:
                self.waits_for = error.reason
                stopped.add(session)
            except (DamagedError, StorageError, HomeError) as error:
                refused.append(Refused(session, error.reason))
                stopped.add(session)
                fetched.pop(session, None)
        if fetched:
            refused += await self._anchor(fetched, tallies)
        for one in refused:
            await self._leave_out(one)
        return refused

    def _check(self, row: Row, lane: Lane | None) -> None:
        """Raise ``DamagedError`` for a volume of a lane that this archive did not open, or one at another's place."""
        if lane is None or lane.end.id != row["lane_id"]:
            raise DamagedError(problems.UNKNOWN_LANE(lane=row["lane"] or 0))
        key = VolumeKey.parse(row["key"])
        if key is None or (key.archive, key.volume) != (self._archive.archive_id, row["lane"] * IN_LANE + row["number"]):
            raise DamagedError(problems.OTHER_KEY(lane=row["lane"], key=row["key"][:200]))

    async def _granted(self, session: int) -> set[tuple[int, str]]:
        """The runs and mailboxes that a session was given jobs for."""
        rows = await self._database.rows(
            "SELECT run.number, job.mailbox FROM job JOIN run ON run.id = job.run WHERE job.session = %s", session
        )
        return {(row["number"], row["mailbox"]) for row in rows}

    async def _fetch(self, row: Row) -> None:
        """Copy a volume into the home; whole and compared, or not at all. Raises ``BusyError``, ``DamagedError``."""
        path = self._archive.home.volume(row["lane"] * IN_LANE + row["number"])
        # A service that died may have fetched it before.
        if path.exists() and await asyncio.to_thread(digest_of, path) == bytes(row["sha256"]):
            return
        path.parent.mkdir(mode=0o700, exist_ok=True)
        aside = files.aside(path)
        aside.unlink(missing_ok=True)
        try:
            digest = await self._place.fetch(row["key"], aside)
            if digest != bytes(row["sha256"]):
                raise DamagedError(problems.OTHER_BYTES(file=path.name))
            aside.chmod(0o400)
            files.put(aside, path)
            files.durable(path.parent.parent)
        finally:
            aside.unlink(missing_ok=True)

    async def _look_through(
        self, row: Row, after: int, granted: Collection[tuple[int, str]], tallies: dict[int, dict[str, Tally]]
    ) -> None:
        """Count the entries after ``after``. Raises ``DamagedError`` for one about a mailbox that its worker was not given."""
        path = self._archive.home.volume(row["lane"] * IN_LANE + row["number"])
        volume = await Volume.open(path, read_only=True)
        try:
            if volume.fault is not None:
                raise volume.fault
            if (await volume.head()).seq != row["head"]:
                raise DamagedError(problems.OTHER_END(lane=row["lane"], file=path.name, entry=row["head"]))
            async with aclosing(volume.entries(after)) as entries:
                async for entry in entries:
                    value = entry.value
                    run, source = _about(value)
                    if (run, source) not in granted:
                        raise DamagedError(problems.NOT_GIVEN(lane=row["lane"], entry=entry.seq))
                    counting.count(tallies.setdefault(run, {}), run, value)
        finally:
            await volume.close()

    async def _anchor(self, fetched: dict[int, list[Row]], tallies: dict[int, dict[int, dict[str, Tally]]]) -> list[Refused]:
        numbers = {rows[0]["lane"]: session for session, rows in fetched.items()}
        done = await lanes.anchor(self._archive, list(numbers), actor="service")
        ends = await lanes.all_of(self._archive)
        refused = []
        for lane, session in numbers.items():
            if lane in done.refused:
                refused.append(Refused(session, done.refused[lane]))
                continue
            reached = ends[lane].end.head.seq
            for run, counts in tallies.get(session, {}).items():
                for source, tally in counts.items():
                    self.counted.setdefault(run, {}).setdefault(source, Tally()).add(tally)
            await self._taken(session, reached, fetched[session])
        return refused

    async def _taken(self, session: int, reached: int, rows: Sequence[Row]) -> None:
        # Before a worker can know, and delete on the server: so no earlier state of this archive is taken for the present one.
        await self._holding.note()
        await self._database.change("UPDATE session SET anchored = %s WHERE id = %s", reached, session)
        await self._database.change("UPDATE volume SET taken = true WHERE session = %s AND head <= %s", session, reached)
        for row in rows:
            try:
                await self._place.taken(row["key"])
            except ArchivarError as error:
                logger.warning("%s", error)

    async def _leave_out(self, one: Refused) -> None:
        """Take nothing more of a session, and remove what of it was fetched and is no part of the archive."""
        row = await self._database.one("SELECT lane, lane_id FROM session WHERE id = %s", one.session)
        await closing.close(self._database, one.session, one.why)
        await self._database.change("DELETE FROM volume WHERE session = %s AND NOT taken", one.session)
        lane = (await lanes.all_of(self._archive)).get(row["lane"]) if row is not None else None
        if row is None or lane is None or lane.end.id != row["lane_id"]:
            return
        end = lane.end
        for number in self._archive.home.volumes_of(row["lane"]):
            if number > end.volume or not end.head.seq:
                _remove(self._archive.home.volume(number))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _about(value: AnyEntry | Newer | Erased) -> tuple[int, str]:
    """The run and the mailbox that an entry of a lane is about; nothing for one of a kind that no visit writes."""
    run, source = getattr(value, "run", 0), getattr(value, "source", "")
    if isinstance(value, Moved):
        return run, value.source
    return run, getattr(source, "source", "")
