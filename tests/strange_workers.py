"""A hub of an archive with one job, and a worker written by hand, which may say and deliver whatever it likes."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.cluster import setting_up
from core.cluster.following import Following, RunHead
from core.cluster.hub import Hub
from core.cluster.place import FolderPlace
from core.cluster.postgres import Postgres, Row
from core.cluster.protocol import PROTOCOL
from core.config import IN_LANE, Home
from core.engine.visit.progress import MailboxProgress
from core.model import EventKind, MailboxResult, Told
from core.problems.code import Reason
from core.storage.keys import VolumeKey
from core.storage.place import StoragePlace
from tests import homes

RUN = 7


class Heard:
    """A listener that keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[Reason] = []

    def tell(self, kind: EventKind, mailbox: str, told: Told) -> None:
        pass

    def warn(self, mailbox: str, reason: Reason) -> None:
        self.warnings.append(reason)


class StrangeWorker:
    """One session in PostgreSQL with its lane, written to below ``folder``; ``place`` is the cluster's."""

    def __init__(self, database: Postgres, home: Home, folder: Path, place: Path) -> None:
        self.database = database
        self.home = home
        self.folder = folder
        self.place = place
        self.session = 0
        self.lane: LaneIdentity

    async def begin(self, archive: str, protocol: int = PROTOCOL) -> None:
        """Begin the session, and wait for its lane."""
        row = await self.database.one(
            "INSERT INTO session (name, version, protocol, mailboxes) VALUES ('strange', '1', %s, 4) RETURNING id", protocol
        )
        assert row is not None
        self.session = row["id"]
        row = await self.until("SELECT * FROM session WHERE id = %s AND state = 'open'", self.session)
        self.lane = LaneIdentity(archive, row["lane_id"], row["lane"])

    async def until(self, sql: str, *values: object) -> Row:
        """The first row of a query, once there is one."""
        async with asyncio.timeout(20):
            while True:
                if (row := await self.database.one(sql, *values)) is not None:
                    return row
                await asyncio.sleep(0.05)

    async def closed(self) -> Row:
        """The session's row once it is closed."""
        return await self.until("SELECT * FROM session WHERE id = %s AND state = 'closed'", self.session)

    async def claim(self, job: int) -> None:
        """Take a job, as one that was fetched from the queue."""
        await self.database.change(
            "UPDATE job SET state = 'doing', session = %s, deadline = now() + interval '1 hour' WHERE id = %s",
            *(self.session, job),
        )

    async def write(self, owner: str, count: int = 3) -> Path:
        """Archive messages in the lane; its sealed first volume."""
        drafts = [homes.archived({n: homes.message(n)}, owner=owner, run=RUN) for n in range(1, count + 1)]
        raws = [homes.message(n) for n in range(1, count + 1)]
        async with LaneWriter.open(Home(self.folder), self.lane) as writer:
            await writer.append(drafts, raws)
            await writer.seal()
        return Home(self.folder).volume(self.lane.number * IN_LANE + 1)

    async def put(self, path: Path) -> str:
        """Put a volume into the place as it should be; its key."""
        key = VolumeKey(self.lane.archive_id, self.lane.number * IN_LANE + 1)
        return await FolderPlace(self.place).put(key, path, hashlib.sha256(path.read_bytes()).digest())

    async def report(self, key: str, path: Path, *, head: int = 3, number: int = 1) -> None:
        """Report a volume."""
        data = path.read_bytes()
        await self.database.change(
            "INSERT INTO volume (session, number, key, sha256, size, head) VALUES (%s, %s, %s, %s, %s, %s)",
            *(self.session, number, key, hashlib.sha256(data).digest(), len(data), head),
        )


class StrangeHome:
    """An archive whose hub runs, with a job for alice's mailbox that ``worker`` has taken."""

    def __init__(self, archive: Archive, hub: Hub, worker: StrangeWorker) -> None:
        self.archive = archive
        self.hub = hub
        self.worker = worker
        self.heard = Heard()
        self.owner = ""
        self.following: Following

    async def give(self) -> None:
        """Give out a job, which the worker takes."""
        self.owner = (await users.find(self.archive, "alice")).id
        head: RunHead = await self.hub.begin(RUN, {"common": str(uuid.uuid4())}, b"", self.heard)
        progress = MailboxProgress(MailboxResult("a", "alice"), source=homes.SOURCE)
        self.following = await self.hub.give(head, {"a": 1}, progress)
        await self.worker.claim(self.following.job)

    async def ended(self) -> None:
        """Wait until the job has ended, and the hub lives."""
        async with asyncio.timeout(20):
            await self.following.ended.wait()
        self.hub.check()

    async def messages(self) -> int:
        return int(await self.archive.database.value("SELECT count(*) FROM message"))


@asynccontextmanager
async def strange(folder: Path, address: str) -> AsyncIterator[StrangeHome]:
    """Context of an archive in ``folder`` with a cluster in the database at ``address``."""
    (folder / "place").mkdir()
    archive = await homes.begin(folder / "home")
    try:
        await setting_up.set_up(archive, address, StoragePlace(str(folder / "place")), None)
        hub = Hub(archive)
        async with Postgres.open(address) as database, hub.used():
            worker = StrangeWorker(database, archive.home, folder / "worker", folder / "place")
            await worker.begin(archive.archive_id)
            home = StrangeHome(archive, hub, worker)
            await home.give()
            yield home
    finally:
        await archive.close()
