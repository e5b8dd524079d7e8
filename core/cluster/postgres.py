"""The cluster's database: the only place that knows psycopg and Procrastinate, and what their errors mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from core.cluster.protocol import PROTOCOL
from core.errors import ArchivarError, InputError
from core.model import now
from core.problems import cluster as problems
from core.text.format import duration

if TYPE_CHECKING:
    from procrastinate import App
    from procrastinate.manager import JobManager
    from psycopg import AsyncConnection

logger = logging.getLogger("archivar.cluster")

T = TypeVar("T")
Row = Mapping[str, Any]

#: The schema in which all tables are.
SCHEMA = "archivar"
#: Seconds to wait for a connection, and between tries of a database that went away.
CONNECT_SECONDS, AGAIN_SECONDS = 10, 0.5
#: Seconds after which PostgreSQL ends a transaction whose process says nothing: one that was stopped in the middle holds locks
#: that the home waits for.
SILENT_SECONDS = 5.0
#: Seconds by which the clocks of a machine and of PostgreSQL may differ.
CLOCK_SECONDS = 300.0
#: Connections of one process.
CONNECTIONS = 6
#: The name of the task that is queued for each mailbox.
TASK = "archivar.mailbox"


class AwayError(ArchivarError):
    """PostgreSQL does not answer now; trying again may help."""


class GoneError(Exception):
    """The queue has no such job, or not in such a state."""


@contextmanager
def _translated(address: str) -> Iterator[None]:
    """Context in which the libraries' errors are ours: ``AwayError``, ``GoneError`` (the queue's refusals), ``InputError``."""
    import psycopg
    from procrastinate.exceptions import ConnectorException

    try:
        yield
    except psycopg.Error as error:
        raise _meant(error, address) or error from error
    except ConnectorException as error:
        raise _meant(error.__cause__, address) or error from error


def _meant(error: BaseException | None, address: str) -> Exception | None:
    """An error of PostgreSQL as ours; None for one that only a fault of this program can cause."""
    import psycopg
    from psycopg import errors

    if isinstance(error, errors.RaiseException):
        return GoneError(_said(error))
    if isinstance(error, errors.ReadOnlySqlTransaction | errors.DiskFull):
        return AwayError(problems.TAKES_NOTHING(said=_said(error)))
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | errors.IdleInTransactionSessionTimeout):
        return AwayError(problems.AWAY(seconds=CONNECT_SECONDS, said=_said(error)))
    if isinstance(error, errors.InsufficientPrivilege):
        return InputError(problems.NO_RIGHTS(address=shown(address), said=_said(error)))
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.UndefinedFunction | errors.InvalidSchemaName):
        return InputError(problems.OTHER_TABLES(address=shown(address), said=_said(error)))
    return None


class Postgres:
    """An open connection to the cluster's database at ``address``; ``jobs`` is Procrastinate's queue."""

    def __init__(self, address: str, app: App) -> None:
        self.address = address
        self._app = app

    @property
    def jobs(self) -> JobManager:
        return self._app.job_manager

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator[Postgres]:
        """Context of the database. Raises ``InputError`` where it cannot be used, before anything is written."""
        app = await _app(address)
        async with app.open_async():
            yield cls(address, app)

    async def run(self, work: Callable[[AsyncConnection[Row]], Awaitable[T]]) -> T:
        """The result of ``work``, which is one transaction. Raises ``AwayError``."""
        connector: Any = self._app.connector
        with _translated(self.address):
            async with connector.pool.connection() as connection:
                return await work(connection)

    async def _run_alone(self, work: Callable[[AsyncConnection[Row]], Awaitable[T]]) -> T:
        """The result of ``work``, a single statement: it is a transaction by itself, without two more turns to the server."""

        async def alone(connection: AsyncConnection[Row]) -> T:
            await connection.set_autocommit(True)
            try:
                return await work(connection)
            finally:
                # One that is lost is not put back.
                if not connection.closed:
                    await connection.set_autocommit(False)

        return await self.run(alone)

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a statement."""

        async def work(connection: AsyncConnection[Row]) -> list[Row]:
            return await (await connection.execute(sql, values)).fetchall()

        return await self._run_alone(work)

    async def one(self, sql: str, *values: Any) -> Row | None:
        """The first row of a statement, or None."""
        found = await self.rows(sql, *values)
        return found[0] if found else None

    async def change(self, sql: str, *values: Any) -> int:
        """Run a statement; the number of rows that it changed."""

        async def work(connection: AsyncConnection[Row]) -> int:
            return (await connection.execute(sql, values)).rowcount

        return await self._run_alone(work)

    async def queue(self, work: Callable[[JobManager], Awaitable[T]]) -> T:
        """The result of ``work`` with Procrastinate's queue. Raises ``AwayError``, ``GoneError``."""
        with _translated(self.address):
            return await work(self.jobs)

    async def listen(self, channels: Iterable[str], heard: Callable[[str, str], None]) -> None:
        """Call ``heard`` with the channel and the words of each notification, over a connection of its own.

        It is called once at the beginning for each channel, for what was told before. Raises ``AwayError`` when it is lost.
        """
        import psycopg

        with _translated(self.address):
            async with await psycopg.AsyncConnection.connect(
                self.address, autocommit=True, connect_timeout=CONNECT_SECONDS
            ) as connection:
                for channel in channels:
                    await connection.execute(f"LISTEN {channel}")
                    heard(channel, "")
                async for told in connection.notifies():
                    heard(told.channel, told.payload)

    async def lasting(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of ``work``, tried again for as long as PostgreSQL does not answer."""
        told = False
        while True:
            try:
                return await work()
            except AwayError as error:
                if not told:
                    logger.warning("%s", error)
                    told = True
                await asyncio.sleep(AGAIN_SECONDS)

    async def make(self) -> None:
        """Make the tables and columns that are missing."""
        await self.change(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        if await self.one("SELECT to_regclass('procrastinate_jobs') IS NULL AS missing") == {"missing": True}:
            with _translated(self.address):
                await self._app.schema_manager.apply_schema_async()
        script = resources.files("core.cluster").joinpath("schema.sql").read_text(encoding="utf-8")

        async def work(connection: AsyncConnection[Row]) -> None:
            await connection.execute(script)

        await self.run(work)

    async def refuse_others(self, archive: str) -> None:
        """Raise ``InputError`` for a database that has something else, the cluster of another archive, or a newer one."""
        tables = {row["tablename"] for row in await self.rows("SELECT tablename FROM pg_tables WHERE schemaname = %s", SCHEMA)}
        if "cluster" not in tables:
            # The queue's own tables may be there from a try that was broken off.
            if any(not name.startswith("procrastinate_") for name in tables):
                raise InputError(problems.NOT_EMPTY(address=shown(self.address), schema=SCHEMA))
            return
        columns = await self.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'cluster'", SCHEMA
        )
        if not {"archive", "protocol", "public_key", "place"} <= {row["column_name"] for row in columns}:
            raise InputError(problems.NOT_EMPTY(address=shown(self.address), schema=SCHEMA))
        if await self.one("SELECT 1 FROM cluster") is not None:
            await self.cluster(archive, older=True)

    async def cluster(self, archive: str = "", *, older: bool = False) -> Row:
        """The cluster's row: of ``archive``, if that is given. Raises ``InputError`` when there is none, or another's.

        ``older``: one of an older protocol will do.
        """
        if await self.one("SELECT to_regclass('cluster') IS NOT NULL AS there") != {"there": True}:
            raise InputError(problems.NOT_SET_UP(address=shown(self.address)))
        row = await self.one("SELECT * FROM cluster")
        if row is None:
            raise InputError(problems.NOT_SET_UP(address=shown(self.address)))
        if archive and row["archive"] != archive:
            raise InputError(problems.OTHER_ARCHIVE(address=shown(self.address)))
        if row["protocol"] != PROTOCOL and not (older and row["protocol"] < PROTOCOL):
            raise InputError(problems.OTHER_PROTOCOL(theirs=row["protocol"], ours=PROTOCOL))
        return row

    async def refuse_other_clock(self) -> None:
        """Raise ``InputError`` when this machine and PostgreSQL do not agree about the time."""
        before = now()
        row = await self.one("SELECT clock_timestamp() AS at")
        assert row is not None
        apart = max((row["at"] - now()).total_seconds(), (before - row["at"]).total_seconds())
        if apart > CLOCK_SECONDS:
            raise InputError(problems.CLOCK(apart=duration(apart)))


async def _app(address: str) -> App:
    """Procrastinate on the database at ``address``, which answers. Raises ``InputError``."""
    try:
        import psycopg
        from procrastinate import App, PsycopgConnector
        from psycopg.conninfo import conninfo_to_dict
        from psycopg.rows import dict_row
    except ImportError as error:
        raise InputError(problems.NOT_INSTALLED(part=error.name or "procrastinate")) from error
    try:
        parts = conninfo_to_dict(address)
    except psycopg.ProgrammingError as error:
        raise InputError(problems.BAD_ADDRESS(address=shown(address), said=_said(error))) from error
    if parts.get("password") or parts.get("sslpassword"):
        raise InputError(problems.PASSWORD_IN_ADDRESS())
    settings = f"-c search_path={SCHEMA} -c idle_in_transaction_session_timeout={SILENT_SECONDS * 1000:.0f}"
    options = {"options": settings, "connect_timeout": CONNECT_SECONDS, "row_factory": dict_row}
    try:
        await (await psycopg.AsyncConnection.connect(address, connect_timeout=CONNECT_SECONDS)).close()
    except psycopg.OperationalError as error:
        raise InputError(problems.UNREACHABLE(address=shown(address), said=_said(error))) from error
    # Each statement is tried once: what went away is tried again by the callers, who know whether that may be.
    return App(
        connector=PsycopgConnector(
            conninfo=address,
            kwargs=options,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_SECONDS,
        )
    )


def shown(address: str) -> str:
    """An address for a sentence: without a password that may be in it."""
    scheme, at, rest = address.rpartition("@")
    return f"{scheme.rpartition(':')[0]}@{rest}" if at and scheme.count(":") > 1 else address


def _said(error: BaseException) -> str:
    """The words of the library, in one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
