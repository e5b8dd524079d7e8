"""The home's hold on its cluster: one copy of an archive at a time, and none that is older than what workers delivered to.

PostgreSQL keeps the last entry of the archive's own ledger that deliveries have led to. A home whose ledger lacks it was
restored from a backup or is another copy: going on there would fork the archive in silence.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from core.archive.archive import Archive
from core.cluster.closing import close_all, kept_json
from core.cluster.postgres import Postgres, Row
from core.cluster.protocol import PROTOCOL
from core.errors import InputError
from core.problems import cluster as problems

if TYPE_CHECKING:
    from psycopg import AsyncConnection


class Holding:
    """The hold of one process of the home on its cluster."""

    def __init__(self, archive: Archive, database: Postgres) -> None:
        self._archive = archive
        self._database = database
        self._id = uuid.uuid4()
        #: True when the cluster was one of an older program.
        self.upgraded = False

    async def take(self) -> Row:
        """Take hold; the cluster's row. Brings an older cluster up to this program. Raises ``InputError``."""
        database = self._database
        row = await database.cluster(self._archive.archive_id, older=True)
        await database.refuse_other_clock()
        if row["protocol"] < PROTOCOL:
            await self._upgrade()
            self.upgraded = True
            row = await database.cluster(self._archive.archive_id)
        await self._refuse_earlier(row)
        await database.change("UPDATE cluster SET holder = %s", self._id)
        await self.note()
        return row

    async def _upgrade(self) -> None:
        """Make what an older cluster lacks. Its workers can go on with nothing, and are told so."""
        await self._database.make()

        async def work(connection: AsyncConnection[Row]) -> None:
            await connection.execute("UPDATE cluster SET protocol = %s", (PROTOCOL,))
            await refuse_protocols(connection)

        await self._database.run(work)

    async def _refuse_earlier(self, row: Row) -> None:
        """Raise ``InputError`` when the archive lacks the entry that workers' deliveries have led to."""
        if not row["head_seq"]:
            return
        found = await self._archive.entries_before(row["head_seq"] + 1, 1)
        if not found or found[0].seq != row["head_seq"] or found[0].hash != bytes(row["head_hash"]):
            raise InputError(problems.LATER(entry=row["head_seq"]))

    async def note(self) -> None:
        """Record how far the archive has come. Raises ``InputError`` when another copy of it has taken hold since."""
        head = await self._archive.applied()
        if not await self._database.change(
            "UPDATE cluster SET head_seq = %s, head_hash = %s WHERE holder = %s", head.seq, head.hash, self._id
        ):
            raise InputError(problems.TAKEN_OVER())

    async def check(self) -> None:
        """Raise ``InputError`` when another copy of the archive has taken hold since."""
        if await self._database.one("SELECT 1 FROM cluster WHERE holder = %s", self._id) is None:
            raise InputError(problems.TAKEN_OVER())

    async def last_lane(self) -> int:
        """The highest number of a lane that a worker was ever given, by whatever state of this archive."""
        row = await self._database.one("SELECT last_lane FROM cluster")
        return int(row["last_lane"]) if row is not None else 0

    async def gives(self, lane: int) -> None:
        """Record that a worker is given the lane."""
        await self._database.change("UPDATE cluster SET last_lane = greatest(last_lane, %s)", lane)


async def refuse_protocols(connection: AsyncConnection[Row]) -> None:
    """Close the sessions of workers that speak another protocol."""
    rows = await connection.execute(
        "SELECT DISTINCT protocol FROM session WHERE state <> 'closed' AND protocol <> %s", (PROTOCOL,)
    )
    for row in await rows.fetchall():
        why = problems.OTHER_VERSION(theirs=row["protocol"], ours=PROTOCOL)
        await connection.execute(
            "UPDATE session SET state = 'closed', why = %s::jsonb WHERE state <> 'closed' AND protocol = %s",
            (kept_json(why), row["protocol"]),
        )


async def adopt(archive: Archive, database: Postgres) -> None:
    """Have the workers deliver to this state of the archive from now on, whatever they have delivered to before."""
    await database.cluster(archive.archive_id, older=True)
    await database.make()
    await close_all(database, problems.RESTORED())
    head = await archive.head()
    # A process that holds it now has another copy.
    await database.change("UPDATE cluster SET holder = NULL, head_seq = %s, head_hash = %s", head.seq, head.hash)
