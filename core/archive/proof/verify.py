"""Verification of the archive: every stored byte, the chain of the ledger, the catalog against the ledger.

Reads the files themselves, so that an archive that would not open can be verified. A finding names the damage as closely as it
can be located: volume, part, message (and its places), ledger entry, table.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from core import files
from core.archive.catalog import catalog
from core.archive.catalog.proven_details import KnownDetails, ProvenDetails
from core.archive.catalog.replay import replay
from core.archive.proof import lane_check, older_catalog
from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Finding, Verdict
from core.archive.proof.volume_check import walk
from core.archive.store.ledger import ZERO_HASH, Head
from core.archive.store.volume import Volume
from core.config import Home
from core.db.database import Database, Row
from core.db.migrate import check, migrate
from core.errors import BusyError, DamagedError, StorageError
from core.problems import finding as found
from core.problems import volume
from core.problems.archive import CATALOG_BEING_MADE
from core.problems.disk import UNWRITTEN
from core.values import dataclass

__all__ = ["FOLDER", "Finding", "Verdict", "verify"]

#: Differences of one table that are listed one by one.
NAMED = 20
FOLDER = "verify-"

Tick = Callable[[Verdict], None]


async def verify(home: Home, tick: Tick = lambda verdict: None) -> Verdict:
    """Check everything in ``home``; ``tick`` is called at intervals with the verdict so far.

    Archiving may go on at the same time.
    """
    verdict, proven = Verdict(), ProvenDetails()
    async with aclosing(walk(home, CheckPosition(), verdict, proven=proven)) as steps:
        async for _ in steps:
            tick(verdict)
    await check_rest(home, verdict, proven)
    return verdict


async def check_rest(home: Home, verdict: Verdict, proven: ProvenDetails) -> None:
    """The checks after those of volumes: that there is one, and the catalog against the ledger.

    ``proven``: the details of messages that these have read; those of others are read now.
    """
    if not home.volume_numbers():
        verdict.add("volumes", found.NO_VOLUMES())
    await lane_check.check(home, verdict)
    with _own_folder(home, await older_catalog.room(home)) as folder:
        # Beside other damage it is not compared.
        in_use = home.catalog if verdict.findings else await older_catalog.brought_up(home, folder, verdict)
        replayed = folder / "replayed.sqlite"
        replayed.touch(0o600)
        # A damaged ledger cannot be replayed and compared; its findings are there already. The long part of it comes first:
        # while the catalog is looked at, SQLite's log beside it grows with all that is archived.
        head = Head(0, ZERO_HASH)
        if not verdict.findings:
            try:
                head = await _replay(home, in_use, replayed, head, min(verdict.head.seq, await _applied(in_use)), proven)
            except DamagedError as error:
                verdict.add("catalog", error.reason)
        snapshot = await _Snapshot.take(in_use, replayed, verdict)
        if snapshot is not None:
            try:
                await _check_catalog(home, snapshot, replayed, head, verdict, proven)
            finally:
                await snapshot.database.close()


@contextmanager
def _own_folder(home: Home, more: int) -> Iterator[Path]:
    """Context of a folder for the replayed catalog and ``more`` bytes; removes those that killed verifications left."""
    for leftover in home.path.glob(f"{FOLDER}*"):
        with files.lock(leftover) as claimed:
            if claimed:
                shutil.rmtree(leftover)
    try:
        folder = _made(home, more)
    except OSError as error:
        raise StorageError(UNWRITTEN(path=str(home.path), said=str(error.strerror))) from error
    try:
        with files.lock(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(home: Home, more: int) -> Path:
    """Make the folder beside the catalog if its disk has room for another one and ``more``, else among temporary files."""
    status = os.statvfs(home.path)
    room = (home.catalog.stat().st_size if home.catalog.exists() else 0) + more
    if os.access(home.path, os.W_OK) and status.f_bavail * status.f_frsize > room:
        return Path(mkdtemp(prefix=FOLDER, dir=home.path))
    return Path(mkdtemp(prefix=f"archivar-{FOLDER}"))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The catalog in a read transaction, and the ledger position applied in it: entry and volume."""

    database: Database
    head: Head
    volume: int

    @classmethod
    async def take(cls, in_use: Path, replayed: Path, verdict: Verdict) -> _Snapshot | None:
        if not in_use.exists():
            verdict.add("catalog", found.CATALOG_MISSING())
            return None
        database = None
        try:
            database = await Database.open(in_use, read_only=True)
            await check(database)
            # Attached now, since a transaction does not allow it; filled and first read later.
            await database.read("ATTACH DATABASE ? AS replayed", (str(replayed),))
            await database.read("BEGIN")
            row = await database.one("SELECT seq, hash, volume FROM applied")
        except DamagedError as error:
            verdict.add("catalog", error.reason)
            if database is not None:
                await database.close()
            return None
        except BaseException:
            if database is not None:
                await database.close()
            raise
        return cls(database, Head(*row[:2]) if row else Head(0, ZERO_HASH), row[2] if row else 1)


async def _check_catalog(
    home: Home, snapshot: _Snapshot, replayed: Path, head: Head, verdict: Verdict, proven: ProvenDetails
) -> None:
    """Compare the catalog replayed up to ``head`` with the one in use, table by table."""
    if snapshot.head.seq > verdict.head.seq and snapshot.head.seq > (end := max(await ledger_end(home), verdict.head.seq)):
        verdict.add("ledger", found.END_MISSING(end=end, seen=snapshot.head.seq))
        for number in range((home.volume_numbers() or [0])[-1] + 1, snapshot.volume + 1):
            name = home.volume(number).name
            verdict.add(name, volume.MISSING(file=name))
    if verdict.findings:
        return
    if snapshot.head.seq < head.seq:
        raise BusyError(CATALOG_BEING_MADE())
    try:
        last = await _replay(home, snapshot.database.path, replayed, head, snapshot.head.seq, proven)
        ends = "SELECT number, seq FROM {}.lane ORDER BY number"
        if await snapshot.database.read(ends.format("main")) != await snapshot.database.read(ends.format("replayed")):
            # What an anchor names is being applied.
            raise BusyError(CATALOG_BEING_MADE())
        if last != snapshot.head:
            verdict.add("ledger", found.OTHER_ENTRY(entry=snapshot.head.seq))
        await _compare(snapshot.database, verdict)
    except DamagedError as error:
        verdict.add("catalog", error.reason)


async def _applied(in_use: Path) -> int:
    """The last entry that the catalog has applied; 0 when it cannot be read."""
    if not in_use.exists():
        return 0
    database = await Database.open(in_use, read_only=True)
    try:
        return int(await database.value("SELECT seq FROM applied") or 0)
    finally:
        await database.close()


async def ledger_end(home: Home) -> int:
    """The number of the last entry now; 0 when the last volume cannot be read."""
    numbers = home.volume_numbers()
    if not numbers:
        return 0
    try:
        volume = await Volume.open(home.volume(numbers[-1]), read_only=True)
        try:
            return (await volume.head()).seq
        finally:
            await volume.close()
    except (DamagedError, StorageError):
        return 0


async def _replay(home: Home, in_use: Path, target: Path, head: Head, last: int, proven: ProvenDetails) -> Head:
    """Apply the ledger from after ``head`` up to entry ``last`` to a separate catalog; the entry reached."""
    if head.seq >= last:
        return head
    if not target.stat().st_size:
        await _begin(target)
    async with _opened(target) as database, _opened(in_use, read_only=True) as known:
        return await replay(database, home, last, None, KnownDetails(proven, known).of_entries)


async def _begin(target: Path) -> None:
    """Make the tables of a new catalog."""
    async with _opened(target) as database:
        await migrate(database)
        async with database.transaction() as transaction:
            await transaction.execute(
                "INSERT OR IGNORE INTO applied (id, archive_id, volume, seq, hash) VALUES (1, '', 1, 0, ?)", (ZERO_HASH,)
            )
    # By another connection: that one is held to the schema that it has made.
    async with _opened(target) as database, database.transaction() as transaction:
        # For lists of mail; none is read from this one.
        await transaction.execute("DROP INDEX placement_list")


@asynccontextmanager
async def _opened(path: Path, *, read_only: bool = False) -> AsyncIterator[Database]:
    pragmas = () if read_only else ("journal_mode = OFF", "synchronous = OFF", "cache_size = -32768")
    database = await Database.open(path, pragmas=pragmas, read_only=read_only)
    try:
        yield database
    finally:
        await database.close()


#: Columns that say where to look first: each row that is found by them is matched with its SHA-256.
_HINTS = {"volume_row"}


async def _compare(database: Database, verdict: Verdict) -> None:
    if not await older_catalog.check_pages(database, verdict):
        return
    for table in catalog.TABLES:
        columns = await database.read(f"PRAGMA replayed.table_info({table})")
        if not await _is_same(database, table, columns):
            await _name_rows(database, table, [row[1] for row in columns if row[1] not in _HINTS], verdict)


async def _is_same(database: Database, table: str, columns: Sequence[Row]) -> bool:
    """True when both catalogs have the same rows: as many, and to each replayed one that with its key is equal."""
    key = " AND ".join(f"there.{name} = here.{name}" for _, name, *_, number in columns if number)
    # Some columns compare without regard to case; this comparison must see every letter.
    equal = " AND ".join(f"there.{name} COLLATE BINARY IS here.{name}" for _, name, *_ in columns if name not in _HINTS)
    counts = await database.one(
        f"SELECT (SELECT count(*) FROM main.{table} NOT INDEXED), (SELECT count(*) FROM replayed.{table} NOT INDEXED), "
        f"(SELECT count(*) FROM replayed.{table} here CROSS JOIN main.{table} there ON {key} WHERE {equal})"
    )
    return counts is not None and len(set(counts)) == 1


async def _name_rows(database: Database, table: str, names: Sequence[str], verdict: Verdict) -> None:
    """Name the rows of a table that only one of both catalogs has."""
    columns = ", ".join(f"{name} COLLATE BINARY" for name in names)
    for here, there, code in (("main", "replayed", found.ROW_ADDED), ("replayed", "main", found.ROW_MISSING)):
        sql = f"SELECT {columns} FROM {here}.{table} EXCEPT SELECT {columns} FROM {there}.{table} LIMIT {NAMED + 1}"
        rows = await database.read(sql)
        for row in rows[:NAMED]:
            verdict.add("catalog", code(table=table, row=_row_name(row)))
        if len(rows) > NAMED:
            verdict.add("catalog", found.MORE_ROWS(table=table, count=NAMED))


def _row_name(row: tuple[object, ...]) -> str:
    return ", ".join(value.hex()[:16] if isinstance(value, bytes) else str(value)[:40] for value in row[:4])
