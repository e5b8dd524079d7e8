"""The cluster's database: the only place that knows psycopg and Procrastinate, and what their errors mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from core.cluster.protocol import PROTOCOL
from core.errors import ArchivarError, InputError
from core.problems import cluster as problems

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
#: Connections of one process.
CONNECTIONS = 6
#: The name of the task that is queued for each mailbox.
TASK = "archivar.mailbox"


class AwayError(ArchivarError):
    """PostgreSQL does not answer now; trying again may help."""


class GoneError(Exception):
    """The queue has no such job, or not in such a state."""


@contextmanager
def _translated() -> Iterator[None]:
    """Context in which the libraries' errors of a lost connection are ``AwayError``, and the queue's refusals ``GoneError``."""
    import psycopg
    import psycopg_pool
    from procrastinate.exceptions import ConnectorException

    lost = (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
        psycopg_pool.PoolTimeout,
        psycopg_pool.PoolClosed,
    )
    try:
        yield
    except lost as error:
        raise AwayError(problems.AWAY(seconds=CONNECT_SECONDS, said=_said(error))) from error
    except ConnectorException as error:
        if isinstance(error.__cause__, psycopg.errors.RaiseException):
            raise GoneError(_said(error.__cause__)) from error
        if isinstance(error.__cause__, lost):
            raise AwayError(problems.AWAY(seconds=CONNECT_SECONDS, said=_said(error.__cause__))) from error
        raise


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
        with _translated():
            async with connector.pool.connection() as connection:
                return await work(connection)

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a statement."""

        async def work(connection: AsyncConnection[Row]) -> list[Row]:
            return await (await connection.execute(sql, values)).fetchall()

        return await self.run(work)

    async def one(self, sql: str, *values: Any) -> Row | None:
        """The first row of a statement, or None."""
        found = await self.rows(sql, *values)
        return found[0] if found else None

    async def change(self, sql: str, *values: Any) -> int:
        """Run a statement; the number of rows that it changed."""

        async def work(connection: AsyncConnection[Row]) -> int:
            return (await connection.execute(sql, values)).rowcount

        return await self.run(work)

    async def queue(self, work: Callable[[JobManager], Awaitable[T]]) -> T:
        """The result of ``work`` with Procrastinate's queue. Raises ``AwayError``, ``GoneError``."""
        with _translated():
            return await work(self.jobs)

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
        """Make the tables that are missing."""
        import psycopg

        try:
            await self.change(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            if await self.one("SELECT to_regclass('procrastinate_jobs') IS NULL AS missing") == {"missing": True}:
                await self._app.schema_manager.apply_schema_async()
            script = resources.files("core.cluster").joinpath("schema.sql").read_text(encoding="utf-8")

            async def work(connection: AsyncConnection[Row]) -> None:
                await connection.execute(script)

            await self.run(work)
        except psycopg.errors.InsufficientPrivilege as error:
            raise InputError(problems.NO_RIGHTS(address=shown(self.address), said=_said(error))) from error

    async def refuse_others(self, archive: str) -> None:
        """Raise ``InputError`` for a database that has the cluster of another archive, or one of a newer program."""
        if await self.one("SELECT to_regclass('cluster') IS NOT NULL AS there") != {"there": True}:
            return
        if await self.one("SELECT 1 FROM cluster") is not None:
            await self.cluster(archive)

    async def cluster(self, archive: str = "") -> Row:
        """The cluster's row: of ``archive``, if that is given. Raises ``InputError`` when there is none, or another's."""
        if await self.one("SELECT to_regclass('cluster') IS NOT NULL AS there") != {"there": True}:
            raise InputError(problems.NOT_SET_UP(address=shown(self.address)))
        row = await self.one("SELECT * FROM cluster")
        if row is None:
            raise InputError(problems.NOT_SET_UP(address=shown(self.address)))
        if archive and row["archive"] != archive:
            raise InputError(problems.OTHER_ARCHIVE(address=shown(self.address)))
        if row["protocol"] != PROTOCOL:
            raise InputError(problems.OTHER_PROTOCOL(theirs=row["protocol"], ours=PROTOCOL))
        return row


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
    if parts.get("password"):
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
