"""A volume: one SQLite file of parts, messages and ledger entries. Append only."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from core.archive.store import volume_rows
from core.archive.store.ledger import COLUMNS, OLD_COLUMNS, Draft, Entry, Head
from core.archive.store.message_rows import Locator, MessageRows, Record
from core.archive.store.stored_message import StoredMessage, message_reader
from core.archive.store.volume_file import forget_pages, identity, is_at, opened, with_file
from core.archive.store.volume_format import (
    AS_FAR_AS_IT_GOES,
    LAST_ROW,
    LAST_SEQ,
    Meta,
    has_tables,
    is_indexed,
    meta_of,
    plain,
    refuse_cut,
    refuse_no_file,
    refuse_strange,
    unpack,
)
from core.archive.store.volume_rows import AppendedRows
from core.db.database import Database, Row, Transaction
from core.errors import DamagedError, StorageError
from core.message.octets import LARGE, Bytes
from core.model import now, timestamp
from core.problems import volume as problems

if TYPE_CHECKING:
    from core.archive.store.intake import PreparedMessage, StoredPart

PRAGMAS = ("journal_mode = TRUNCATE", "synchronous = FULL", "cache_size = -16384")
#: Queries of the last rows of each table, read before a volume is appended to.
_ENDS = (
    "SELECT id, size FROM part ORDER BY id DESC LIMIT 1",
    "SELECT {key} FROM message ORDER BY {key} DESC LIMIT 1",
    "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1",
)
#: Queries of the last rows of the indexes.
_INDEX_ENDS = (
    "SELECT sha256 FROM part ORDER BY sha256 DESC LIMIT 1",
    "SELECT sha256 FROM message ORDER BY sha256 DESC LIMIT 1",
)

_NONE: Mapping[bytes, int] = MappingProxyType({})
P = ParamSpec("P")
T = TypeVar("T")


def _using(work: Callable[Concatenate[Volume, P], Awaitable[T]]) -> Callable[Concatenate[Volume, P], Coroutine[Any, Any, T]]:
    """A method of ``Volume`` during which the volume counts as used."""

    @wraps(work)
    async def using(self: Volume, /, *args: P.args, **more: P.kwargs) -> T:
        with self.used():
            return await work(self, *args, **more)

    return using


class Sealed(Exception):
    """The volume was sealed by another process: append to the next one."""


class Volume:
    """An open volume file. ``read_only``: it is not written to here, so that one connection serves all readers."""

    def __init__(
        self,
        database: Database,
        meta: Meta,
        fault: DamagedError | None = None,
        *,
        read_only: bool = False,
        rows: MessageRows | None = None,
    ) -> None:
        self._database = database
        self._read_only = read_only
        self._uses = 0
        self._reading: Database | None = None
        self._opening = asyncio.Lock()
        self._pragmas = (AS_FAR_AS_IT_GOES, "cache_size = -4096") if fault else ("cache_size = -4096",)
        self._file = identity(database.path)
        self.meta = meta
        self.rows = rows or MessageRows(indexed=meta.is_old, numbered=not meta.is_old)
        #: The columns of an entry.
        self.columns = OLD_COLUMNS if meta.is_old else COLUMNS
        #: The reason why the file is not whole although it can be read in part; empty when it is whole.
        self.fault = fault

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def database(self) -> Database:
        return self._database

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False, locate: Locator | None = None) -> Volume:
        """Open an existing volume; SQLite rolls back a transaction that a crash left half done.

        ``locate``: gives the rows of messages where the volume has no index (``MessageRows``).

        A damaged one is opened only to be read, and only with a readable table meta: see ``fault``. Raises ``DamagedError``,
        and ``HomeError`` for one of a newer program, which is left as it is.
        """
        return await with_file(path, partial(cls._open_here, path, read_only, locate))

    @classmethod
    async def _open_here(cls, path: Path, read_only: bool, locate: Locator | None) -> Volume:
        refuse_no_file(path)
        try:
            return await cls._open(path, ("cache_size = -4096",) if read_only else PRAGMAS, None, read_only, locate)
        except DamagedError as error:
            if not read_only:
                raise
            return await cls._open(path, (AS_FAR_AS_IT_GOES, "cache_size = -4096"), error, True, locate)

    @classmethod
    async def _open(
        cls, path: Path, pragmas: Sequence[str], fault: DamagedError | None, read_only: bool, locate: Locator | None
    ) -> Volume:
        database = await opened(path)
        try:
            if fault is not None:
                await database.configure(pragmas)
            shape = await database.shape()
            if fault is not None and not has_tables(shape):
                raise fault
            if fault is None and not has_tables(shape, ("meta",)):
                refuse_strange(path, shape)
            # Read first, since a newer format has another schema.
            meta = await cls.read_meta(database)
            # An index of a damaged file may be any, and each row tells for itself.
            indexed = meta.is_old or (fault is None and is_indexed(shape))
            if fault is None:
                await database.guard(partial(refuse_strange, path, format=meta.format))
                await refuse_cut(database)
                for end in (*_ENDS, *(_INDEX_ENDS if indexed else ())):
                    last = await database.value(end.format(key="sha256" if meta.is_old else "id"))
                    if not meta.is_old and isinstance(last, int) and last > LAST_ROW:
                        raise DamagedError(problems.OUT_OF_ORDER(file=path.name))
                await database.configure(pragmas)
        except BaseException:
            await database.close()
            raise
        rows = MessageRows(indexed=indexed, numbered=not meta.is_old, locate=locate)
        return cls(database, meta, fault, read_only=read_only, rows=rows)

    @staticmethod
    async def read_meta(database: Database) -> Meta:
        """Read table meta of the volume in ``database``. Raises ``HomeError``, ``DamagedError``."""
        return meta_of(database.path, await database.read("SELECT key, value FROM meta"))

    def is_at(self, path: Path) -> bool:
        """True when ``path`` is still this file; another may have replaced it."""
        return is_at(path, self._file)

    async def close(self) -> None:
        await self.rows.close()
        if self._reading is not None:
            await self._reading.close()
            self._reading = None
        await self._database.close()

    @property
    def is_used(self) -> bool:
        """True while it must stay open: a call is under way, entries are being read, or ``used`` holds it."""
        return self._uses > 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Context in which the volume stays open: for several statements on ``reader`` or ``database``."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1

    async def reader(self) -> Database:
        """The connection for reading; a second one where batches are written, so that readers do not wait for these."""
        if self._read_only:
            return self._database
        async with self._opening:
            if self._reading is None:
                self._reading = await Database.open(self.path, pragmas=self._pragmas, read_only=True, damaged=problems.DAMAGED)
        return self._reading

    # Reading -----------------------------------------------------------------------------------------------------------

    @_using
    async def head(self) -> Head:
        """The last entry of the chain up to and including this volume, as of the last commit."""
        row = await (await self.reader()).one("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")
        return Head(row[0], bytes(row[1])) if row else self.meta.previous

    @_using
    async def is_sealed(self) -> bool:
        return await self._database.value(volume_rows.SEALED) is not None

    async def entries(self, after: int = 0) -> AsyncGenerator[Entry]:
        """Ledger entries with a seq over ``after``, in order; none of a transaction that may still fail."""
        sql = f"SELECT {self.columns} FROM ledger WHERE seq > ? ORDER BY seq LIMIT 16"
        with self.used():
            reader = await self.reader()
            while rows := await reader.read(sql, (after,)):
                for row in rows:
                    yield Entry.of_row(row)
                after = rows[-1][0]

    @_using
    async def entries_before(self, seq: int | None, limit: int, kind: str = "") -> list[Entry]:
        """The last ``limit`` ledger entries with a seq under ``seq`` (None: no bound), the newest first.

        With ``kind`` only those of one kind.
        """
        condition, kinds = ("AND kind = ?", [kind]) if kind else ("", [])
        sql = f"SELECT {self.columns} FROM ledger WHERE seq < ? {condition} ORDER BY seq DESC LIMIT ?"
        rows = await (await self.reader()).read(sql, (LAST_SEQ if seq is None else seq, *kinds, limit))
        return list(map(Entry.of_row, rows))

    @_using
    async def seqs(self, kind: str, after: int) -> list[int]:
        """The seqs over ``after`` of the ledger entries of one kind, in order."""
        rows = await (await self.reader()).read("SELECT seq FROM ledger WHERE kind = ? AND seq > ? ORDER BY seq", (kind, after))
        return [row[0] for row in rows]

    @_using
    async def times(self, seqs: Sequence[int]) -> dict[int, str]:
        """The times of the entries ``seqs`` that are in this volume, by seq."""
        return dict(await self._database.among("SELECT seq, at FROM ledger WHERE seq IN (??)", seqs))

    @_using
    async def lists(self, sha256: bytes) -> bool:
        """True when its table has the message."""
        return sha256 in await self.records([sha256])

    @_using
    async def records(self, digests: Sequence[bytes]) -> dict[bytes, Record]:
        """The records of those of ``digests`` that its table has, by SHA-256."""
        return await self.rows.find(await self.reader(), digests)

    @_using
    async def raw(self, sha256: bytes) -> bytes:
        """The message, joined from its parts and matched with its SHA-256.

        Raises ``DamagedError``, ``KeyError`` when not here.
        """
        return await self._any(self._database, sha256, partial(self._joined, self._database, sha256))

    async def read_back(self, digests: Iterable[bytes]) -> AsyncGenerator[tuple[bytes, Bytes | DamagedError]]:
        """Yield (SHA-256, message) of each of ``digests``, read from the disk past all caches, as far as the system allows.

        A new connection has no pages yet, and the system is asked to drop the file's pages that are written.
        """
        with self.used():
            forget_pages(self.path)
            database = await Database.open(self.path, pragmas=self._pragmas, read_only=True, damaged=problems.DAMAGED)
            try:
                for sha256 in digests:
                    try:
                        yield sha256, await self._message(database, sha256, prove=True)
                    except DamagedError as error:
                        yield sha256, error
                    except StorageError as error:
                        yield sha256, DamagedError(problems.MESSAGE_UNREAD(message=sha256.hex()[:16], why=error.reason))
                    except KeyError:
                        yield sha256, DamagedError(problems.MESSAGE_MISSING(message=sha256.hex()[:16], file=self.path.name))
            finally:
                await database.close()

    @_using
    async def message(self, sha256: bytes, *, prove: bool = True) -> bytes | StoredMessage:
        """The same; of a large message the reader, which matches it with the hash now or, not to ``prove``, later."""
        return await self._message(self._database, sha256, prove=prove)

    @_using
    async def message_of(self, sha256: bytes, record: Record, *, prove: bool = True) -> bytes | StoredMessage:
        """The same, of a message whose record was found before."""
        return await self._read(self._database, sha256, record, prove=prove)

    async def _any(self, database: Database, sha256: bytes, read: Callable[[Record], Awaitable[T]]) -> T:
        """The result of ``read`` for the message's first row, or for another one where that is damaged."""
        record = await self._record(database, sha256)
        try:
            return await read(record)
        except DamagedError:
            for other in await self.rows.others(database, sha256, record):
                with suppress(DamagedError):
                    return await read(other)
            raise

    async def _message(self, database: Database, sha256: bytes, *, prove: bool) -> bytes | StoredMessage:
        return await self._any(database, sha256, partial(self._read, database, sha256, prove=prove))

    async def _read(self, database: Database, sha256: bytes, record: Record, *, prove: bool) -> bytes | StoredMessage:
        if not isinstance(record.size, int) or record.size < LARGE:
            return await self._joined(database, sha256, record)
        found = await message_reader(database, self._pragmas, sha256, unpack(record.recipe))
        if prove:
            await asyncio.to_thread(found.prove)
        return found

    async def _record(self, database: Database, sha256: bytes) -> Record:
        """The record of a message. Raises ``KeyError``."""
        record = (await self.rows.find(database, [sha256])).get(sha256)
        if record is None:
            raise KeyError(sha256.hex())
        return record

    async def _joined(self, database: Database, sha256: bytes, record: Record) -> bytes:
        joined = b"".join([await self._part(database, part) for part in unpack(record.recipe)])
        if hashlib.sha256(joined).digest() != sha256:
            raise DamagedError(problems.MESSAGE_CHANGED(message=sha256.hex()[:16], file=self.path.name))
        return joined

    async def _part(self, database: Database, number: int) -> bytes:
        row = await database.one("SELECT codec, size, data FROM part WHERE id = ?", (number,))
        if row is None:
            raise DamagedError(problems.PART_MISSING(part=number, file=self.path.name))
        try:
            return plain(*row)
        except DamagedError as error:
            raise DamagedError(problems.PART_DAMAGED(part=number, file=self.path.name, why=error.reason)) from error

    # Writing -----------------------------------------------------------------------------------------------------------

    @_using
    async def append(
        self,
        drafts: Iterable[Draft],
        messages: Sequence[PreparedMessage] = (),
        parts: Iterable[StoredPart] = (),
        known: Mapping[bytes, int] = _NONE,
    ) -> AppendedRows:
        """Store ``parts`` and ``messages`` and append ``drafts`` to the ledger, in one durable transaction.

        ``messages`` may use parts of this volume beside the new ``parts``: ``known`` has their ids. Raises ``Incomplete``,
        ``Sealed``, ``StorageError``, ``BusyError``; then nothing was written.
        """
        return await self._database.write(partial(self._append, drafts, messages, parts, known))

    async def _append(
        self,
        drafts: Iterable[Draft],
        messages: Sequence[PreparedMessage],
        parts: Iterable[StoredPart],
        known: Mapping[bytes, int],
        transaction: Transaction,
    ) -> AppendedRows:
        if await transaction.value(volume_rows.SEALED):
            raise Sealed
        rows, stored = await volume_rows.put_messages(transaction, messages, parts, known)
        row = await transaction.one("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")
        entries = volume_rows.chained(drafts, Head(row[0], bytes(row[1])) if row else self.meta.previous)
        await volume_rows.put_entries(transaction, [entry.row() for entry in entries])
        return AppendedRows(entries, rows, stored)

    @_using
    async def take_over(self, rows: Sequence[Row]) -> None:
        """Append entries as they are, by their columns: of another file of the same volume."""
        async with self._database.transaction() as transaction:
            await volume_rows.put_entries(transaction, rows)

    @_using
    async def index(self) -> None:
        """Write the indexes of a sealed volume, if it has none. Raises ``StorageError``; it is complete without them."""
        if self.rows.indexed:
            return
        async with self._database.transaction() as transaction:
            await volume_rows.put_indexes(transaction)
        self.rows.indexed = True

    @_using
    async def seal(self) -> Head:
        """Seal the volume for good; the end of its chain."""
        if not await self.is_sealed():
            async with self._database.transaction() as transaction:
                await transaction.execute("INSERT OR IGNORE INTO meta VALUES ('sealed', ?)", (timestamp(now()),))
        return await self.head()

    @_using
    async def takes_no_more(self, limit: int) -> bool:
        """True when it is sealed, or its file has ``limit`` bytes. It holds one entry at least, however small the limit."""
        return await self._database.ask(partial(volume_rows.takes_no_more, limit, self.meta.previous.seq))
