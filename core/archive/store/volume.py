"""A volume: one SQLite file of parts, messages and ledger entries. Append only."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from core import files
from core.archive.store.intake import PreparedMessage, StoredPart
from core.archive.store.ledger import Draft, Entry, Head, chain, compress, decompress, encode
from core.archive.store.stored_message import StoredMessage, message_reader
from core.archive.store.volume_file import forget_pages, identity, opened
from core.archive.store.volume_format import (
    AS_FAR_AS_IT_GOES,
    FORMAT,
    LAST_SEQ,
    SCHEMA,
    Meta,
    has_tables,
    meta_of,
    pack,
    plain,
    refuse_cut,
    refuse_no_file,
    refuse_strange,
    sound,
    unpack,
)
from core.db.database import Database, Row
from core.errors import DamagedError, StorageError
from core.message.octets import LARGE, Bytes
from core.model import now, timestamp
from core.problems import volume as problems
from core.problems.storage import NOT_MADE
from core.system.actor import signed

PRAGMAS = ("journal_mode = TRUNCATE", "synchronous = FULL", "cache_size = -16384")
_IDS = "SELECT sha256, id FROM part WHERE sha256 IN (??)"
#: Queries of the last rows of each table, read before a volume is appended to.
_ENDS = (
    "SELECT id, size FROM part ORDER BY id DESC LIMIT 1",
    "SELECT sha256 FROM message ORDER BY sha256 DESC LIMIT 1",
    "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1",
    "SELECT sha256 FROM part ORDER BY sha256 DESC LIMIT 1",
)


P = ParamSpec("P")
T = TypeVar("T")


def _using(work: Callable[Concatenate[Volume, P], Awaitable[T]]) -> Callable[Concatenate[Volume, P], Coroutine[Any, Any, T]]:
    """A method of ``Volume`` during which the volume counts as used."""

    @wraps(work)
    async def using(self: Volume, /, *args: P.args, **more: P.kwargs) -> T:
        with self.used():
            return await work(self, *args, **more)

    return using


class Incomplete(Exception):
    """A message needs a part that is neither new nor in the volume: nothing was written."""


class Sealed(Exception):
    """The volume was sealed by another process: append to the next one."""


class Volume:
    """An open volume file. ``read_only``: it is not written to here, so that one connection serves all readers."""

    def __init__(self, database: Database, meta: Meta, fault: DamagedError | None = None, *, read_only: bool = False) -> None:
        self._database = database
        self._read_only = read_only
        self._uses = 0
        self._reading: Database | None = None
        self._opening = asyncio.Lock()
        self._pragmas = (AS_FAR_AS_IT_GOES, "cache_size = -4096") if fault else ("cache_size = -4096",)
        self._file = identity(database.path)
        self.meta = meta
        #: The reason why the file is not whole although it can be read in part; empty when it is whole.
        self.fault = fault

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def database(self) -> Database:
        return self._database

    @classmethod
    async def create(cls, path: Path, meta: Meta) -> None:
        """Create an empty volume at ``path``: written aside, synced, renamed, so that it is whole or absent."""
        temporary = files.aside(path)
        for leftover in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            leftover.unlink(missing_ok=True)
        database = await Database.open(temporary)
        try:
            await database.script(SCHEMA)
            async with database.transaction() as transaction:
                await transaction.many(
                    "INSERT INTO meta (key, value) VALUES (?, ?)",
                    [
                        ("format", FORMAT),
                        ("archive_id", meta.archive_id),
                        ("number", meta.number),
                        ("previous_seq", meta.previous.seq),
                        ("previous_hash", meta.previous.hash),
                    ],
                )
        finally:
            await database.close()
        try:
            files.put(temporary, path)
        except OSError as error:
            raise StorageError(NOT_MADE(file=path.name, said=str(error.strerror))) from error

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False) -> Volume:
        """Open an existing volume; SQLite rolls back a transaction that a crash left half done.

        A damaged one is opened only to be read, and only with a readable table meta: see ``fault``. Raises ``DamagedError``,
        and ``HomeError`` for one of a newer program, which is left as it is.
        """
        refuse_no_file(path)
        try:
            return await cls._open(path, ("cache_size = -4096",) if read_only else PRAGMAS, None, read_only=read_only)
        except DamagedError as error:
            if not read_only:
                raise
            return await cls._open(path, (AS_FAR_AS_IT_GOES, "cache_size = -4096"), error, read_only=True)

    @classmethod
    async def _open(cls, path: Path, pragmas: Sequence[str], fault: DamagedError | None, *, read_only: bool) -> Volume:
        database = await opened(path)
        try:
            if fault is not None:
                await database.configure(pragmas)
                if not await has_tables(database):
                    raise fault
            elif not await has_tables(database, ("meta",)):
                refuse_strange(path, await database.shape())
            # Read first, since a newer format has another schema.
            meta = await cls.read_meta(database)
            if fault is None:
                await database.guard(partial(refuse_strange, path))
                await refuse_cut(database)
                for end in _ENDS:
                    await database.read(end)
                await database.configure(pragmas)
        except BaseException:
            await database.close()
            raise
        return cls(database, meta, fault, read_only=read_only)

    @staticmethod
    async def read_meta(database: Database) -> Meta:
        """Read table meta of the volume in ``database``. Raises ``HomeError``, ``DamagedError``."""
        return meta_of(database.path, await database.read("SELECT key, value FROM meta"))

    def is_at(self, path: Path) -> bool:
        """True when ``path`` is still this file; another may have replaced it."""
        return self._file == identity(path)

    async def close(self) -> None:
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
        return await self._database.value("SELECT 1 FROM meta WHERE key = 'sealed'") is not None

    async def entries(self, after: int = 0) -> AsyncGenerator[Entry]:
        """Ledger entries with a seq over ``after``, in order; none of a transaction that may still fail."""
        sql = "SELECT seq, at, kind, actor, payload, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT 16"
        with self.used():
            reader = await self.reader()
            while rows := await reader.read(sql, (after,)):
                for seq, at, kind, actor, payload, digest in rows:
                    yield Entry(seq, at, kind, actor, decompress(payload), digest)
                after = rows[-1][0]

    @_using
    async def entries_before(self, seq: int | None, limit: int, kind: str = "") -> list[Entry]:
        """The last ``limit`` ledger entries with a seq under ``seq`` (None: no bound), the newest first.

        With ``kind`` only those of one kind.
        """
        condition, kinds = ("AND kind = ?", [kind]) if kind else ("", [])
        sql = f"SELECT seq, at, kind, actor, payload, hash FROM ledger WHERE seq < ? {condition} ORDER BY seq DESC LIMIT ?"
        rows = await (await self.reader()).read(sql, (LAST_SEQ if seq is None else seq, *kinds, limit))
        return [Entry(number, at, kind, actor, decompress(data), digest) for number, at, kind, actor, data, digest in rows]

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
        return await self._database.one("SELECT 1 FROM message WHERE sha256 = ?", (sha256,)) is not None

    @_using
    async def raw(self, sha256: bytes) -> bytes:
        """The message, joined from its parts and matched with its SHA-256.

        Raises ``DamagedError``, ``KeyError`` when not here.
        """
        return await self._raw(self._database, sha256)

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

    async def _message(self, database: Database, sha256: bytes, *, prove: bool) -> bytes | StoredMessage:
        row = await self._row(database, sha256)
        if not isinstance(row[0], int) or row[0] < LARGE:
            return await self._joined(database, sha256, row[1])
        found = await message_reader(database, self._pragmas, sha256, unpack(row[1]))
        if prove:
            await asyncio.to_thread(found.prove)
        return found

    async def _raw(self, database: Database, sha256: bytes) -> bytes:
        return await self._joined(database, sha256, (await self._row(database, sha256))[1])

    async def _row(self, database: Database, sha256: bytes) -> Row:
        """Size and recipe of a message. Raises ``KeyError``."""
        row = await database.one("SELECT size, recipe FROM message WHERE sha256 = ?", (sha256,))
        if row is None:
            raise KeyError(sha256.hex())
        return row

    async def _joined(self, database: Database, sha256: bytes, recipe: bytes) -> bytes:
        joined = b"".join([await self._part(database, part) for part in unpack(recipe)])
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

    @_using
    async def known_parts(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        """Ids of those parts that are in this volume already, by SHA-256."""
        return dict(await (await self.reader()).among(_IDS, digests))

    @_using
    async def spoils(self, messages: Sequence[PreparedMessage]) -> bool:
        """True when one of ``messages``, appended here, would be damaged: a damaged copy or part of it here would be kept."""
        for message in messages:
            if await self.lists(message.sha256):
                return True
        digests = list(dict.fromkeys(piece.sha256 for message in messages for piece in message.pieces))
        sql = "SELECT codec, size, data FROM part WHERE sha256 = ?"
        for sha256 in digests:
            row = await self._database.one(sql, (sha256,))
            if row is not None and not await asyncio.to_thread(sound, sha256, *row):
                return True
        return False

    # Writing -----------------------------------------------------------------------------------------------------------

    @_using
    async def append(
        self, drafts: Iterable[Draft], messages: Sequence[PreparedMessage] = (), parts: Iterable[StoredPart] = ()
    ) -> list[Entry]:
        """Store ``parts`` and ``messages`` and append ``drafts`` to the ledger, in one durable transaction.

        ``messages`` may use parts of this volume beside the new ``parts``; those already here are left as they are. Raises
        ``Incomplete``, ``Sealed``, ``StorageError``, ``BusyError``; then nothing was written.
        """
        async with self._database.transaction() as transaction:
            if await transaction.value("SELECT 1 FROM meta WHERE key = 'sealed'"):
                raise Sealed
            if messages:
                await transaction.many(
                    "INSERT OR IGNORE INTO part (sha256, codec, size, data) VALUES (?, ?, ?, ?)",
                    ((part.sha256, part.codec, part.size, part.data) for part in parts),
                )
                wanted = list({piece.sha256 for message in messages for piece in message.pieces})
                ids: dict[bytes, int] = dict(await transaction.among(_IDS, wanted))
                if len(ids) < len(wanted):
                    raise Incomplete
                await transaction.many(
                    "INSERT OR IGNORE INTO message (sha256, size, recipe) VALUES (?, ?, ?)",
                    [(m.sha256, len(m.raw), pack([ids[piece.sha256] for piece in m.pieces])) for m in messages],
                )
            row = await transaction.one("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")
            head = Head(row[0], bytes(row[1])) if row else self.meta.previous
            entries = []
            actors: dict[str, str] = {}
            for draft in drafts:
                at = timestamp(now())
                kind, data = draft.value.kind, encode(draft.value.payload())
                # Determined only here, so that every entry names the account that the kernel gives.
                if (actor := actors.get(draft.actor)) is None:
                    actor = actors[draft.actor] = signed(draft.actor)
                head = Head(head.seq + 1, chain(head.hash, at, kind, actor, data))
                entries.append(Entry(head.seq, at, kind, actor, data, head.hash))
            await transaction.many(
                "INSERT INTO ledger (seq, at, kind, actor, payload, hash) VALUES (?, ?, ?, ?, ?, ?)",
                [(e.seq, e.at, e.kind, e.actor, compress(e.plain), e.hash) for e in entries],
            )
        return entries

    @_using
    async def seal(self) -> Head:
        """Seal the volume for good; the end of its chain."""
        if not await self.is_sealed():
            async with self._database.transaction() as transaction:
                await transaction.execute("INSERT OR IGNORE INTO meta VALUES ('sealed', ?)", (timestamp(now()),))
        return await self.head()

    @_using
    async def size(self) -> int:
        """Bytes of the file as of the last commit."""
        pages = await self._database.value("PRAGMA page_count")
        return int(pages) * int(await self._database.value("PRAGMA page_size"))
