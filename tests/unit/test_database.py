"""One SQLite file for asyncio: transactions whole or not at all, errors in words, with cancellation at any time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from core.db.database import Database, Transaction
from core.db.keys import PIECE, STEP, listed
from core.errors import BusyError, DamagedError, InputError, StorageError
from core.problems import storage as problems
from core.problems import volume
from core.system.tasks import spawn
from tests.support import coded


async def _numbers(path: Path, patience: float = 5.0) -> Database:
    database = await Database.open(path, patience=patience)
    await database.script("CREATE TABLE IF NOT EXISTS number (value INTEGER PRIMARY KEY)")
    return database


async def test_a_transaction_is_rolled_back_by_any_exception(tmp_path: Path) -> None:
    """Rows inserted before the exception are not there, and the next transaction works."""
    database = await _numbers(tmp_path / "a.sqlite")
    try:

        async def fail() -> None:
            async with database.transaction() as transaction:
                await transaction.execute("INSERT INTO number VALUES (1)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO number VALUES (2)")
        assert await database.read("SELECT value FROM number") == [(2,)]
    finally:
        await database.close()


async def test_a_transaction_cancelled_at_any_moment_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Cancelled once or twice, after any number of turns of the loop: both rows or none, and the connection stays usable."""
    database = await _numbers(tmp_path / "a.sqlite")
    random = Random(7)

    async def work(number: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO number VALUES (?)", (number * 2,))
            await transaction.execute("INSERT INTO number VALUES (?)", (number * 2 + 1,))

    try:
        for number in range(300):
            task = spawn(work(number), name="work")
            for _ in range(random.choice((1, 2))):
                for _ in range(random.randrange(40)):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None
            rows = await database.value("SELECT count(*) FROM number WHERE value / 2 = ?", (number,))
            assert rows in (0, 2), number
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO number VALUES (100000)")
    finally:
        await database.close()


async def test_a_job_that_writes_is_at_its_end_before_its_caller_is_cancelled(tmp_path: Path) -> None:
    """Else the next one would begin its transaction in this one, and the caller not know what is there."""
    database = await _numbers(tmp_path / "a.sqlite")
    begun, go_on = threading.Event(), threading.Event()

    async def job(transaction: Transaction) -> None:
        begun.set()
        assert go_on.wait(30)
        await transaction.execute("INSERT INTO number VALUES (1)")

    try:
        task = spawn(database.write(job), name="write")
        assert await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        # The cancellation has reached it by then, and a second one changes nothing.
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.read("SELECT value FROM number") == [(1,)]
    finally:
        go_on.set()
        await database.close()


async def test_a_transaction_cancelled_while_it_waits_for_the_lock_keeps_no_lock(tmp_path: Path) -> None:
    """Another process holds the lock; the cancelled waiter does not get it afterwards."""
    path = tmp_path / "a.sqlite"
    database, other = await _numbers(path), await _numbers(path)

    async def wait() -> None:
        async with database.transaction():
            raise AssertionError("it was cancelled before")

    try:
        async with other.transaction() as transaction:
            task = spawn(wait(), name="waiting")
            await asyncio.wait([task], timeout=0.05)
            task.cancel()
            await transaction.execute("INSERT INTO number VALUES (1)")
        await asyncio.wait([task])
        assert task.cancelled()
        async with other.transaction() as transaction:
            await transaction.execute("INSERT INTO number VALUES (2)")
        async with database.transaction() as transaction:
            assert await transaction.value("SELECT count(*) FROM number") == 2
    finally:
        await database.close()
        await other.close()


async def test_transactions_of_one_connection_take_turns(tmp_path: Path) -> None:
    """Fifty at once, each reading and writing what the others write: no update is lost."""
    database = await _numbers(tmp_path / "a.sqlite")

    async def next_number(transaction: Transaction) -> int:
        return int(await transaction.value("SELECT coalesce(max(value), 0) + 1 FROM number"))

    async def work() -> None:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO number VALUES (?)", (await next_number(transaction),))

    try:
        await asyncio.gather(*(work() for _ in range(50)))
        assert await database.value("SELECT max(value) FROM number") == 50
    finally:
        await database.close()


async def test_errors_of_sqlite_are_told_in_words_with_the_file_s_name(tmp_path: Path) -> None:
    """Locked, not a database, damaged, read-only, out of range: each as the error that a command can act on."""
    path = tmp_path / "a.sqlite"
    database = await _numbers(path, patience=0.05)
    other = await _numbers(path)
    try:
        async with other.transaction():
            with pytest.raises(BusyError, match=r"a\.sqlite", check=coded(problems.LOCKED)):
                async with database.transaction():
                    pass
        with pytest.raises(InputError, check=coded(problems.NO_VALUE)):
            async with database.transaction() as transaction:
                await transaction.execute("INSERT INTO number VALUES (?)", (2**70,))
        with pytest.raises(InputError, check=coded(problems.NO_VALUE)):
            await database.read("SELECT ?", ("\ud800",))
        with pytest.raises(DamagedError, check=coded(problems.DAMAGED)):
            await database.read("SELECT * FROM nowhere")
        with pytest.raises(sqlite3.OperationalError):
            await database.read("SELEKT 1")
    finally:
        await database.close()
        await other.close()
    reader = await Database.open(path, read_only=True)
    try:
        with pytest.raises(StorageError, check=coded(problems.READ_ONLY)):
            await reader.read("INSERT INTO number VALUES (3)")
    finally:
        await reader.close()
    (tmp_path / "b.sqlite").write_bytes(b"no database at all, " * 100)
    with pytest.raises(DamagedError, match=r"b\.sqlite", check=coded(problems.DAMAGED)):
        await Database.open(tmp_path / "b.sqlite", pragmas=("journal_mode = WAL",))
    with pytest.raises(DamagedError, match=r"b\.sqlite", check=coded(volume.DAMAGED)):
        await Database.open(tmp_path / "b.sqlite", pragmas=("journal_mode = WAL",), damaged=volume.DAMAGED)
    with pytest.raises(StorageError, check=coded(problems.NOT_OPENED)):
        await Database.open(tmp_path / "no" / "c.sqlite")


async def test_a_backup_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that fails on the way leaves no file; one that was made holds all rows, in a file that needs no log."""
    database = await _numbers(tmp_path / "a.sqlite")
    try:
        await database.configure(("journal_mode = WAL",))
        await database.read("INSERT INTO number VALUES (1)")

        async def fail(*_: object) -> None:
            raise sqlite3.OperationalError("full")

        with monkeypatch.context() as patch:
            patch.setattr(database._connection, "backup", fail)
            with pytest.raises(sqlite3.OperationalError):
                await database.backup(tmp_path / "copy")
        assert not list(tmp_path.glob("copy*"))
        await database.backup(tmp_path / "copy")
        assert [path.name for path in tmp_path.glob("copy*")] == ["copy"]
    finally:
        await database.close()
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
        assert copy.execute("SELECT value FROM number").fetchall() == [(1,)]
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_rows_among_many_values_are_asked_for_in_pieces(tmp_path: Path) -> None:
    """More values than a statement takes; what stands before the list keeps its place; no values ask for nothing."""
    database = await Database.open(tmp_path / "file.sqlite")
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        await transaction.many(
            "INSERT INTO t VALUES (?, ?)", [(number, ["even", "odd"][number % 2]) for number in range(40_000)]
        )
        assert await transaction.among("SELECT a FROM t WHERE a IN (??)", [3, 50_000]) == [(3,)]
    sql = "SELECT a FROM t WHERE b = ? AND a IN (??)"
    assert await database.among(sql, list(range(40_000)), ("odd",)) == [(number,) for number in range(1, 40_000, 2)]
    assert await database.among("SELECT nothing FROM nowhere WHERE a IN (??)", []) == []
    await database.close()


def test_lists_of_any_length_make_few_statements() -> None:
    """SQLite compiles each anew, so that only short ones, which are soon compiled, are as long as there are values."""
    lengths = set()
    for count in range(1200):
        lists = list(listed(range(count)))
        assert [one for some in lists for one in dict.fromkeys(some)] == list(range(count))
        lengths |= {len(some) for some in lists}
    assert max(lengths) == PIECE
    assert len(lengths) == STEP + PIECE // STEP - 1
