"""One SQLite file, opened for asyncio: reads, write transactions, errors in plain words."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from core import files
from core.db.queries import Queries
from core.db.queries import Row as Row
from core.db.shape import QUESTION, Shape
from core.db.transaction import Statements, at_once
from core.db.transaction import Transaction as Transaction
from core.errors import ArchivarError, BusyError, DamagedError, InputError, StorageError
from core.problems import storage as problems
from core.problems.code import Code
from core.system.tasks import to_the_end

T = TypeVar("T")
LOCK_SECONDS = 30.0
#: Seconds to wait for locks by default; less while their holder is known to be idle.
PATIENCE: ContextVar[float] = ContextVar("patience", default=LOCK_SECONDS)

#: Errors of SQLite, and what they are here.
_CODES: dict[int, tuple[type[ArchivarError], Code]] = {
    sqlite3.SQLITE_FULL: (StorageError, problems.FULL),
    sqlite3.SQLITE_BUSY: (BusyError, problems.LOCKED),
    sqlite3.SQLITE_LOCKED: (BusyError, problems.LOCKED),
    sqlite3.SQLITE_READONLY: (StorageError, problems.READ_ONLY),
    sqlite3.SQLITE_PERM: (StorageError, problems.DENIED),
    sqlite3.SQLITE_CANTOPEN: (StorageError, problems.NOT_OPENED),
    sqlite3.SQLITE_IOERR: (StorageError, problems.FAILED),
}
#: Errors whose code depends on the file: the caller gives it.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: Errors that SQLite reports also where the process may open no more files.
_LIMITED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)
#: SQLite's reasons for not opening a file which it can neither lock nor give files beside it: a read-only or full disk.
_NOTHING_BESIDE = {
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL),
}
#: Messages of errors without a code of their own that a damaged file causes; a wrong statement would fail every test.
_DAMAGE = (
    "no such table",
    "no such column",
    "no such index",
    "Could not decode to UTF-8",
    "vtable constructor failed",
    "access to view",
    "malformed JSON",
    "unsupported file format",
)


_DEFENSIVE = "SQLITE_DBCONFIG_DEFENSIVE"
#: Switches of a connection against running code from a file's schema, where Python knows them (3.12).
_SWITCHES = {
    "SQLITE_DBCONFIG_TRUSTED_SCHEMA": False,
    "SQLITE_DBCONFIG_ENABLE_TRIGGER": False,
    "SQLITE_DBCONFIG_ENABLE_VIEW": False,
    _DEFENSIVE: True,
}
#: Pragmas that a connection with these switches ignores.
_UNDEFENDED = ("writable_schema", "journal_mode = OFF")

#: Checks the shape of a file; raises an error when it is wrong.
Guard = Callable[[Shape], None]


@contextmanager
def translated(path: Path, damaged: Code = problems.DAMAGED) -> Iterator[None]:
    """Turn SQLite's errors into ours, with the file's name; ``damaged``: the code for a damaged one (``file``, ``said``)."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
        if str(error).startswith(_DAMAGE):
            code = sqlite3.SQLITE_CORRUPT
        if code == sqlite3.SQLITE_IOERR and _no_space(path):
            code = sqlite3.SQLITE_FULL
        if code in _LIMITED and (limit := files.limit_reached()) is not None:
            raise BusyError(problems.TOO_MANY_FILES(file=path.name, limit=limit)) from error
        if code in _DAMAGED:
            raise DamagedError(damaged(file=path.name, said=str(error))) from error
        if code not in _CODES:
            raise
        kind, problem = _CODES[code]
        raise kind(problem(file=path.name, said=str(error))) from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise InputError(problems.NO_VALUE(file=path.name, said=str(error))) from error


def _no_space(path: Path) -> bool:
    # SQLite reports an input/output error where it cannot make the shared-memory file.
    try:
        status = os.statvfs(path.parent)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < 64 * 1024


class Database(Queries):
    """A connection with one writer at a time. ``read`` may be called at any time, ``transaction`` waits for its turn."""

    def __init__(self, connection: aiosqlite.Connection, path: Path, damaged: Code = problems.DAMAGED, unseen: int = 0) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self.damaged = damaged
        self._guard: Guard | None = None
        self._guarded = -1
        self.path = path
        #: The URI with which another connection opens the same file to read it.
        self.uri = f"{path.absolute().as_uri()}?mode=ro"
        #: Bytes of a log or journal beside the file that could not be opened, so that their content is not seen.
        self.unseen = unseen
        #: The reason why nothing is to be written although it could be; None for none.
        self.refusal: ArchivarError | None = None
        #: Called when it is closed.
        self.at_close: Callable[[], None] = lambda: None

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        pragmas: Sequence[str] = (),
        read_only: bool = False,
        make: bool = True,
        patience: float | None = None,
        damaged: Code = problems.DAMAGED,
    ) -> Database:
        """Open ``path`` (made when missing, unless ``read_only`` or not to ``make``) and set ``pragmas`` in their order.

        ``patience``: seconds to wait for the locks of others before ``BusyError``, None for ``PATIENCE``; ``damaged``: the code
        for a damaged file. A ``read_only`` one opens also where nothing can be written beside it: then as the file stands, see
        ``unseen``.
        """
        mode = "mode=ro" if read_only else f"mode={'rwc' if make else 'rw'}"
        if make and not read_only:
            _make(path)
        with translated(path, damaged):
            connection = await _connect(path, mode, PATIENCE.get() if patience is None else patience)
            if read_only:
                try:
                    await connection.execute_fetchall("SELECT 1 FROM sqlite_schema LIMIT 1")
                except sqlite3.Error as error:
                    if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _NOTHING_BESIDE:
                        await connection.close()
                        return await cls.open_as_it_stands(path, pragmas, damaged)
        database = cls(connection, path, damaged)
        try:
            await database.configure(pragmas)
        except BaseException:
            await connection.close()
            raise
        return database

    @classmethod
    async def scratch(cls) -> Database:
        """Context of an empty database of this process alone: in memory, and in an unnamed file as it grows."""
        path = Path("temporary database")
        with translated(path):
            connection = await aiosqlite.connect("", isolation_level=None)
        database = cls(connection, path)
        await database.configure(("journal_mode = OFF", "synchronous = OFF", "cache_size = -8192"))
        return database

    @classmethod
    async def open_as_it_stands(cls, path: Path, pragmas: Sequence[str], damaged: Code) -> Database:
        """Open a file that is not written at the same time: without any lock, and without the log or journal beside it."""
        with translated(path, damaged):
            connection = await _connect(path, "mode=ro&immutable=1", 0)
        database = cls(connection, path, damaged, _beside(path))
        database.uri += "&immutable=1"
        try:
            await database.configure(pragmas)
        except BaseException:
            await connection.close()
            raise
        return database

    async def configure(self, pragmas: Sequence[str]) -> None:
        """Set ``pragmas`` in their order."""
        if any(pragma.startswith(_UNDEFENDED) for pragma in pragmas):
            await _switch(self._connection, {_DEFENSIVE: False})
        for pragma in pragmas:
            await self.read(f"PRAGMA {pragma}")

    async def shape(self) -> Shape:
        """The schema and the numbers of the file's header, read at one moment."""
        return Shape.of(await self.read(QUESTION))

    async def guard(self, guard: Guard) -> None:
        """Call ``guard`` with the shape now, and before each transaction in which it has changed since.

        Raises what ``guard`` raises; nothing of such a transaction is written.
        """
        self._check(guard, await self.shape())

    def _check(self, guard: Guard, shape: Shape) -> None:
        guard(shape)
        self._guard, self._guarded = guard, shape.version

    async def define(self, name: str, function: Callable[[str], str]) -> None:
        """Register a deterministic SQL function on texts as ``name``."""
        with translated(self.path, self.damaged):
            await self._connection.create_function(name, 1, function, deterministic=True)

    async def close(self) -> None:
        await self._connection.close()
        self.at_close()
        self.at_close = lambda: None

    def interrupt(self) -> None:
        """Interrupt the running statement, whose result must not be waited for any more."""
        with suppress(sqlite3.Error, ValueError):
            self._connection._conn.interrupt()

    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with translated(self.path, self.damaged):
            return list(await self._connection.execute_fetchall(sql, parameters))  # type: ignore[arg-type]

    async def job(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The result of ``job``, which reads by the bare connection in its thread: many rows for one crossing of threads."""
        with translated(self.path, self.damaged):
            return cast("T", await self._connection._execute(job, self._connection._conn))  # type: ignore[no-untyped-call]

    async def ask(self, job: Callable[[Queries], Coroutine[Any, Any, T]]) -> T:
        """The result of ``job``, which awaits its queries alone: all of them for one crossing of threads."""
        return await self.job(lambda connection: at_once(job(Statements(connection))))

    async def write(self, job: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        """The result of ``job``, which awaits its transaction alone: all of it, committed, for one crossing of threads.

        Rolled back when anything is raised. Cancelled, it is ended and committed first. Raises ``refusal`` if there is one.
        """
        if self.refusal is not None:
            raise self.refusal
        async with self._turn:
            return await to_the_end(self.job(partial(self._written, job)))

    def _written(self, job: Callable[[Transaction], Coroutine[Any, Any, T]], connection: sqlite3.Connection) -> T:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._guard is not None and connection.execute("PRAGMA schema_version").fetchone()[0] != self._guarded:
                self._check(self._guard, Shape.of(connection.execute(QUESTION)))
            done = at_once(job(Statements(connection)))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return done

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A write transaction: committed at the end, rolled back when anything is raised.

        Cancelled at its beginning, it is rolled back; cancelled during the commit, it is committed: the thread cannot be
        stopped, so it is awaited. Raises ``refusal`` if there is one.
        """
        if self.refusal is not None:
            raise self.refusal
        async with self._turn:
            with translated(self.path, self.damaged):
                try:
                    await to_the_end(self._connection.execute_fetchall("BEGIN IMMEDIATE"))
                    if self._guard is not None and await self.value("PRAGMA schema_version") != self._guarded:
                        await self.guard(self._guard)
                    yield Transaction(self._connection)
                    await to_the_end(self._connection.execute_fetchall("COMMIT"))
                except BaseException:
                    await to_the_end(self._rollback())
                    raise

    async def _rollback(self) -> None:
        # A cancelled caller's statement may still be running in the connection's thread; this one comes after it.
        await self._connection.execute_fetchall("SELECT 1")
        if self._connection.in_transaction:
            await self._connection.execute_fetchall("ROLLBACK")

    async def backup(self, target: Path) -> None:
        """Write a consistent copy of the whole file, in one file without a log, renamed when it is whole and synced."""
        # Named by process: another one may make the same copy.
        aside = target.with_name(f"{target.name}.{os.getpid()}.new")
        aside.unlink(missing_ok=True)
        _make(aside)
        with translated(target):
            copy = await aiosqlite.connect(aside)
            try:
                # Synced once, when it is whole.
                for pragma in ("synchronous = OFF", "journal_mode = OFF"):
                    await copy.execute_fetchall(f"PRAGMA {pragma}")
                await self._connection.backup(copy)
                await copy.execute_fetchall("PRAGMA journal_mode = DELETE")
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            finally:
                await copy.close()
        files.put(aside, target)

    async def copy_into(self, other: Database) -> None:
        """Make a copy of this database of ``other``, which must not be in use at the same time."""
        with translated(other.path):
            await self._connection.backup(other._connection)

    async def script(self, sql: str) -> None:
        """Run several statements; the caller begins and ends the transaction."""
        with translated(self.path):
            await self._connection.executescript(sql)


def _make(path: Path) -> None:
    """Make an empty file with mode 0600: SQLite gives those beside it the same mode.

    It never opens an existing file, since closing that would release the locks that this process has on it.
    """
    # SQLite reports the reason of a failure.
    with suppress(OSError):
        os.close(files.open_new(path))


async def _connect(path: Path, how: str, patience: float) -> aiosqlite.Connection:
    connection = aiosqlite.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=patience)
    try:
        await connection
        await connection.execute_fetchall("PRAGMA trusted_schema = OFF")
        await _switch(connection, _SWITCHES)
        return connection
    except sqlite3.Error:
        # The thread still reports to the loop, which may be closed at once after an error.
        await asyncio.to_thread(connection._thread.join)
        raise


async def _switch(connection: aiosqlite.Connection, switches: Mapping[str, bool]) -> None:
    """Set switches of a connection, in its own thread."""
    configure = getattr(connection._conn, "setconfig", None)
    if configure is not None:
        for name, on in switches.items():
            await connection._execute(configure, getattr(sqlite3, name), on)  # type: ignore[no-untyped-call]


def _beside(path: Path) -> int:
    """Bytes of the log or journal beside a database."""
    found = 0
    for suffix in ("-wal", "-journal"):
        with suppress(OSError):
            found += path.with_name(f"{path.name}{suffix}").stat().st_size
    return found
