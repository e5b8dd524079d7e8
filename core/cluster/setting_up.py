"""Setting up a cluster, looking at it, and draining its workers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.cluster import cluster_file, holding, worker_key
from core.cluster.cluster_file import ClusterFile
from core.cluster.place import LanePlace, place_of
from core.cluster.postgres import Postgres, Row, shown
from core.cluster.protocol import PROTOCOL
from core.config import Home
from core.errors import InputError
from core.problems import cluster as problems
from core.secrets import Secret
from core.storage import configuration
from core.storage.place import StoragePlace
from core.values import dataclass

#: Seconds without a sign of life after which a worker is given up, and without progress after which a mailbox is.
LEASE_SECONDS, PATIENCE_SECONDS = 30.0, 900.0
#: Sessions that ended are listed for so long.
_LISTED = "state <> 'closed' OR beat > now() - interval '1 day'"


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as it was last heard of. ``mailboxes``: those that it visits now; ``silent``: seconds since."""

    name: str
    version: str
    protocol: int
    state: str
    lane: int | None
    mailboxes: int
    most: int
    waiting_bytes: int
    silent: float
    begun: datetime
    draining: bool
    why: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        names = ("name", "version", "protocol", "state", "lane", "mailboxes", "most", "waiting_bytes", "draining", "why")
        value = {name: getattr(self, name) for name in names}
        return {**value, "silent": round(self.silent, 1), "begun": self.begun.isoformat()}


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A cluster: its database and place, the workers, and the mailboxes that wait for one."""

    address: str
    place: str
    workers: tuple[WorkerState, ...]
    waiting: int

    def as_json(self) -> dict[str, Any]:
        return {
            "database": shown(self.address),
            "place": self.place,
            "protocol": PROTOCOL,
            "mailboxes_waiting": self.waiting,
            "workers": [one.as_json() for one in self.workers],
        }


async def set_up(archive: Archive, address: str, place: StoragePlace, secret: Secret | None) -> Path:
    """Set up the cluster of an archive; the file with the workers' key. Raises ``InputError`` before anything is written.

    ``secret``: of the place, if that is a bucket with a key of its own.
    """
    home = archive.home
    archive.check_usable()
    if cluster_file.is_there(home):
        raise InputError(problems.THERE(path=str(cluster_file.path_of(home))))
    storage = configuration.read(home)
    if storage is not None and storage.is_same(place):
        raise InputError(problems.PLACE_IS_STORAGE(path=place.where))
    key = home.worker_key
    async with Postgres.open(address) as database:
        await database.refuse_others(archive.archive_id)
        await database.refuse_other_clock()
        await place_of(place, secret).check(archive.archive_id, first=True)
        await database.make()
        public = worker_key.public_half(key) if key.exists() else worker_key.make(key)
        box = worker_key.seal(public, secret, purpose=_purpose(archive.archive_id, place)) if secret else None
        await database.change(
            "INSERT INTO cluster (archive, protocol, public_key, place, place_secret, lease_seconds, patience_seconds) "
            "VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s) ON CONFLICT (archive) DO UPDATE SET protocol = excluded.protocol, "
            "public_key = excluded.public_key, place = excluded.place, place_secret = excluded.place_secret",
            *(archive.archive_id, PROTOCOL, public, json.dumps(place.as_json()), box, LEASE_SECONDS, PATIENCE_SECONDS),
        )
    ClusterFile(address, public).write(home)
    return key


async def refuse_as_storage(home: Home, wanted: StoragePlace) -> None:
    """Raise ``InputError`` for a storage that is the place of the home's workers, and when their database does not tell it."""
    if not cluster_file.is_there(home):
        return
    async with Postgres.open(cluster_file.read(home).address) as database:
        cluster = await database.cluster(older=True)
    if StoragePlace.from_json(cluster["place"]).is_same(wanted):
        raise InputError(problems.PLACE_IS_STORAGE(path=wanted.where))


def _purpose(archive: str, place: StoragePlace) -> str:
    """The purpose that a place's secret is bound to: it is never sent to another server."""
    return f"{archive}:place:{place.account}"


async def place_at(cluster: Row, key: Path, elsewhere: str = "", *, first: bool = False, line: str = "") -> LanePlace:
    """The place of a cluster, which can be used from here. Raises ``InputError``.

    ``elsewhere``: its folder on this machine; ``first``: no worker of this protocol has used it; ``line``: the limit of
    this machine's line to it.
    """
    place = StoragePlace.from_json(cluster["place"])
    if elsewhere:
        place = replace(place, where=elsewhere)
    box, secret = cluster["place_secret"], None
    if box is not None and place.is_bucket:
        secret = worker_key.unseal(key, bytes(box), purpose=_purpose(cluster["archive"], place))
    found = place_of(place, secret, line)
    await found.check(cluster["archive"], first=first)
    return found


async def place_for(address: str, key: Path) -> StoragePlace:
    """The place that a worker with this key delivers to. Raises ``InputError``."""
    async with Postgres.open(address) as database:
        cluster = await database.cluster()
    if worker_key.public_half(key) != bytes(cluster["public_key"]):
        raise InputError(problems.KEY_OTHER(path=str(key)))
    return StoragePlace.from_json(cluster["place"])


async def look(home: Home) -> ClusterState:
    """The cluster of a home. Raises ``InputError``."""
    file = cluster_file.read(home)
    async with Postgres.open(file.address) as database:
        row = await database.cluster(older=True)
        rows = await database.rows(
            "SELECT s.*, extract(epoch FROM now() - s.beat)::float8 AS silent, "
            "(SELECT count(*) FROM job WHERE job.session = s.id AND job.state IN ('doing', 'visited')) AS busy "
            f"FROM session s WHERE {_LISTED} ORDER BY s.name, s.id"
        )
        waiting = await database.one("SELECT count(*) AS waiting FROM job WHERE state = 'todo'")
    workers = tuple(
        WorkerState(
            *(row["name"], row["version"], row["protocol"], row["state"], row["lane"], row["busy"], row["mailboxes"]),
            *(row["waiting_bytes"], row["silent"], row["begun"], row["draining"], row["why"]),
        )
        for row in rows
    )
    return ClusterState(file.address, str(row["place"]["where"]), workers, waiting["waiting"] if waiting else 0)


async def adopt(archive: Archive) -> None:
    """Have workers deliver to this archive from now on, although they have delivered to a later state or another copy of it."""
    archive.check_usable()
    file = cluster_file.read(archive.home)
    async with Postgres.open(file.address) as database:
        await holding.adopt(archive, database)


async def drain(home: Home, name: str = "", *, back: bool = False) -> int:
    """Have workers take no more mailboxes, all or those of a name, or (``back``) have them take some again; their number."""
    file = cluster_file.read(home)
    async with Postgres.open(file.address) as database:
        await database.cluster(older=True)
        return await database.change(
            "UPDATE session SET draining = %s WHERE state <> 'closed' AND (%s = '' OR name = %s)", not back, name, name
        )
