"""The index: search.sqlite, the full text of all mail, a projection that follows the catalog by message id.

Made anew whenever it is of another version or archive, damaged, or when the catalog's ids differ from those it knows: it holds
no only copy. A batch is one transaction that first checks that it is still the next one, so any process may index at any time,
and crash.

The row id is made of the message's date and id (``_rowid``), so that the newest come first without sorting, and a page
continues where the last one ended, whatever has come since. The table is contentless: texts are read from the volumes.

Beside it stand the short beginnings of each message's words (``beginnings``): those of a letter or two are in most messages,
and the full-text index would join the lists of all words that begin so.

Each word stands there once, in letters alone: a part of a word is sought in them, and then the words that contain it. That
takes a few bytes for a word of the language, where a trigram index would be larger than the mail.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path

from core import files
from core.archive.archive import Archive
from core.archive.read import originals
from core.archive.search import index_failure, index_rows
from core.archive.search.beginnings import TOKENIZER
from core.archive.search.index_row import COLUMNS, SHORT_COLUMNS, Batch, Lack, Unread, digest
from core.config import Home
from core.db import glimpse
from core.db.database import Database, Row
from core.db.shape import Shape, made_by
from core.errors import DamagedError, StorageError
from core.message.octets import Bytes
from core.problems import search as problems
from core.values import dataclass

#: To be raised with every change of this module, ``folding``, ``numbers`` or the results of ``content``: the index is made
#: anew.
VERSION = 4
PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -16384", "temp_store = MEMORY")
#: Messages of a batch: the more of them, the less is written for each, since texts are merged in memory.
MOST_MESSAGES = 10_000
#: Messages of a batch beside a run, which must not wait for it.
FEW_MESSAGES = 500
#: Characters of text, and seconds of reading, after which a batch ends: memory is bounded, and so is what a crash costs.
MOST_TEXT, MOST_SECONDS = 24 * 1024 * 1024, 10.0
#: Messages that are asked of the catalog at once.
PAGE = 1000
#: Message ids compared with the catalog, to detect another catalog than the one that was indexed.
SAMPLES = 64
#: Ids after the last indexed one that are looked at one by one to count what is missing.
NEAR = 500
SCHEMA = f"""
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, archive_id TEXT NOT NULL,
    reached INTEGER NOT NULL);
CREATE TABLE doc (id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL UNIQUE, digest INTEGER NOT NULL, size INTEGER NOT NULL,
    attachments INTEGER NOT NULL);
CREATE TABLE problem (message_id INTEGER PRIMARY KEY, lack TEXT NOT NULL, reason TEXT NOT NULL, columns TEXT NOT NULL);
CREATE TABLE word (text TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE beginning (message_id INTEGER PRIMARY KEY, {", ".join(f"{name} TEXT NOT NULL" for name in SHORT_COLUMNS)});
CREATE TABLE body_beginning (message_id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE VIRTUAL TABLE text USING fts5 ({", ".join(COLUMNS)}, content = '',
    tokenize = "{TOKENIZER}");
"""
_TABLES = ("state", "doc", "problem", "word", "beginning", "body_beginning", "text")

logger = logging.getLogger("archivar.search")


@dataclass(frozen=True, slots=True)
class IndexState:
    """The numbers of messages not indexed yet (see ``missing``), readable in part only, damaged, and whose reading failed."""

    behind: int
    partly: int
    damaged: int
    failed: int = 0

    @property
    def unreadable(self) -> int:
        """The number of messages that are indexed by the catalog's columns alone."""
        return self.damaged + self.failed


def _refuse_strange(path: Path, found: Shape) -> None:
    if wrong := found.differences(made_by(SCHEMA)):
        raise DamagedError(problems.INDEX_SCHEMA(file=path.name, wrong=wrong))


class Index:
    """The open index of one archive."""

    def __init__(self, archive: Archive, database: Database) -> None:
        self._archive = archive
        self.database = database

    @classmethod
    async def open(cls, archive: Archive) -> Index:
        """Open the index; a missing or unusable one is made anew. Raises ``StorageError``, ``BusyError``."""
        path = archive.home.search
        try:
            return await cls._open(archive, path)
        except DamagedError as error:
            logger.warning("the search index is damaged and is made anew: %s", error)
            discard(path)
            return await cls._open(archive, path)

    @classmethod
    async def _open(cls, archive: Archive, path: Path) -> Index:
        new = not path.exists()
        if isinstance(archive.refusal, StorageError):
            return await cls._open_to_read(archive, path, archive.refusal)
        try:
            database = await Database.open(path, pragmas=(*PRAGMAS, "schema_version"))
        except StorageError as error:
            # The disk is full, so that nothing can be made beside it.
            return await cls._open_to_read(archive, path, error)
        try:
            if new:
                path.chmod(0o600)
            index = cls(archive, database)
            if why := await index._strange():
                if why != _EMPTY:
                    logger.warning("the search index is made anew: %s", why)
                await index.clear()
        except BaseException:
            await database.close()
            raise
        return index

    @classmethod
    async def _open_to_read(cls, archive: Archive, path: Path, refusal: StorageError) -> Index:
        """Open an existing index read-only where nothing can be written. Raises ``StorageError`` when none is usable."""
        if not path.exists():
            raise StorageError(problems.INDEX_NOT_MADE(why=refusal.reason))
        database = await Database.open(path, pragmas=("temp_store = MEMORY",), read_only=True)
        index = cls(archive, database)
        try:
            if await index._strange():
                raise StorageError(problems.INDEX_NOT_MADE(why=refusal.reason))
        except DamagedError as error:
            await database.close()
            raise StorageError(problems.INDEX_NOT_MADE(why=refusal.reason)) from error
        except BaseException:
            await database.close()
            raise
        return index

    async def close(self) -> None:
        await self.database.close()

    async def _strange(self) -> str:
        """The reason why the file is no index of this archive; empty when it is one. Raises ``DamagedError``."""
        database, catalog = self.database, self._archive.database
        objects = (await database.shape()).objects
        if not objects:
            return _EMPTY
        # Read first: another version has other tables, and is no damage.
        if any(key == ("table", "state", "state") for key, _ in objects):
            with suppress(DamagedError):
                if await database.value("SELECT version FROM state") not in (VERSION, None):
                    return _OTHER_VERSION
        await database.guard(partial(_refuse_strange, database.path))
        # Reads the full-text table's own tables, which no other query here does.
        await database.read("SELECT rowid FROM text WHERE text MATCH 'a' LIMIT 1")
        state = await database.one("SELECT version, archive_id, reached FROM state")
        if state is None or state[0] != VERSION:
            return _OTHER_VERSION
        if state[1] != await catalog.value("SELECT archive_id FROM applied"):
            return "it is of another archive"
        step = max(state[2] // SAMPLES, 1)
        wanted = [*range(step, state[2] + 1, step), state[2]] if state[2] else []
        ours = await database.among("SELECT message_id, digest FROM doc WHERE message_id IN (??)", wanted)
        theirs = await catalog.among("SELECT id, sha256 FROM message WHERE id IN (??) AND twin_of IS NULL", wanted)
        if dict(ours) != {number: digest(sha256) for number, sha256 in theirs}:
            return "the catalog has other numbers than it knows"
        return ""

    async def clear(self) -> None:
        """Empty the index."""
        archive_id = await self._archive.database.value("SELECT archive_id FROM applied")
        async with self.database.transaction() as transaction:
            for table in _TABLES:
                await transaction.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in SCHEMA.split(";\n")[:-1]:
                await transaction.execute(statement)
            await transaction.execute("INSERT INTO state VALUES (1, ?, ?, 0)", (VERSION, archive_id))

    async def reached(self) -> int:
        """The id up to which all messages are indexed; later ones are not."""
        return int(await self.database.value("SELECT reached FROM state") or 0)

    async def behind(self) -> int:
        """The number of messages that are not indexed yet (``missing``)."""
        return await missing(self._archive.database, await self.reached())

    async def problems(self, after: int = 0, limit: int = 100) -> list[Unread]:
        """Messages with an id over ``after`` that are not fully indexed, by id."""
        rows = await self.database.read(
            "SELECT message_id, lack, reason FROM problem WHERE message_id > ? ORDER BY message_id LIMIT ?", (after, limit)
        )
        return [Unread(message, Lack(lack), reason) for message, lack, reason in rows]

    # Writing -----------------------------------------------------------------------------------------------------------

    async def step(self, most: int = MOST_MESSAGES) -> int:
        """Index the next batch, at most so many messages; their number, 0 when there are none.

        Raises ``StorageError``, ``BusyError``, ``DamagedError``.

        An unreadable message ends nothing: it is indexed by the catalog's columns, and listed in ``problems``.
        """
        before = await self.reached()
        # Read first: later messages may not be among the rows.
        last = int(await self._archive.database.value("SELECT max(id) FROM message") or 0)
        batch = await self._batch(before, most)
        if not batch.documents:
            await self._pass(before, last)
            return 0
        async with self.database.transaction() as transaction:
            if await transaction.value("SELECT reached FROM state") != before:
                # Another process indexed them first.
                return len(batch.documents)
            await index_rows.insert(transaction, batch)
            await transaction.execute("UPDATE state SET reached = ?", (batch.documents[-1].message,))
        return len(batch.documents)

    async def _batch(self, after: int, most: int) -> Batch:
        """The documents of the messages with an id over ``after``, as many as are written together."""
        batch = Batch()
        begun = time.monotonic()
        while len(batch.documents) < most and batch.size < MOST_TEXT and time.monotonic() - begun < MOST_SECONDS:
            rows = await self._archive.database.read(
                f"{_MESSAGES} WHERE m.id > ? AND m.twin_of IS NULL ORDER BY m.id LIMIT ?",
                (after, min(most - len(batch.documents), PAGE)),
            )
            if not rows:
                break
            await self._read(rows, batch)
            after = batch.documents[-1].message
        return batch

    async def _pass(self, before: int, last: int) -> None:
        """Pass over the messages up to ``last``, none of which is to be indexed, so that no later look reads them again."""
        if last > before:
            async with self.database.transaction() as transaction:
                await transaction.execute("UPDATE state SET reached = ? WHERE reached = ?", (last, before))

    async def again(self) -> int:
        """Read the unreadable ones once more, since they may have been repaired; the number that are readable now."""
        sql = "SELECT message_id FROM problem WHERE lack = 'damaged' LIMIT 1000"
        numbers = sorted(row[0] for row in await self.database.read(sql))
        rows = await self._archive.database.among(f"{_MESSAGES} WHERE m.id IN (??) ORDER BY m.id", numbers)
        batch = Batch()
        await self._read(rows, batch)
        repaired = [one for one in batch.documents if one.unread is None or one.unread.lack is not Lack.DAMAGED]
        async with self.database.transaction() as transaction:
            # Another process may have indexed them first.
            repaired = [one for one in repaired if await index_rows.forget(transaction, one.message)]
            await index_rows.insert(transaction, Batch(repaired, batch.words))
        return len(repaired)

    async def _read(self, rows: Sequence[Row], batch: Batch) -> None:
        """Add the documents of ``rows`` to ``batch`` in their order, until it is full."""
        # Imported only here, since searching reads no messages.
        from core.archive.search.index_document import documents

        done = 0
        async with aclosing(originals.read(self._archive, [bytes(row[1]) for row in rows], _unread)) as pages:
            async for page in pages:
                some = rows[done : done + len(page)]
                done += len(page)
                batch.add(*await asyncio.to_thread(documents, some, [one.result for one in page]))
                if batch.size >= MOST_TEXT:
                    return


def _unread(raw: Bytes) -> Bytes:
    """A message as it is: a large one is read block by block when its document is made."""
    return raw


_EMPTY = "it is empty"
_OTHER_VERSION = "it is of another version"
_MESSAGES = (
    "SELECT m.id, m.sha256, m.size, m.subject, m.sender, m.recipients, "
    "coalesce(m.date, (SELECT min(internaldate) FROM source_message WHERE message_id = m.id), "
    "(SELECT max(date) FROM placement WHERE message_id = m.id)), m.attachments FROM message m"
)


def discard(path: Path) -> None:
    """Remove an unusable index file. The log goes first: it must never be applied to the next file of that name."""
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


async def missing(catalog: Database, reached: int) -> int:
    """The number of messages after id ``reached`` that are to be indexed, at the same cost for any number.

    Exact where the last id is within ``NEAR`` of it; each later id counts as one, also another form of an indexed message.
    """
    sql = (
        "SELECT count(*) + max(coalesce((SELECT max(id) FROM message), 0) - :near, 0) FROM message "
        "WHERE id > :reached AND id <= :near AND twin_of IS NULL"
    )
    return int(await catalog.value(sql, {"reached": reached, "near": reached + NEAR}))


async def progress(archive: Archive) -> tuple[int, int]:
    """The id up to which all messages are indexed, and the number of those ``missing``: without opening the index."""
    known = await asyncio.to_thread(
        glimpse.rows, archive.home.search, "SELECT reached FROM state WHERE version = ?", (VERSION,)
    )
    reached = int(known[0][0]) if known else 0
    return reached, await missing(archive.database, reached)


def written(home: Home) -> tuple[tuple[int, int, int], ...]:
    """A value that changes whenever the index is written. Blocking."""
    return tuple(files.facts(home.search.with_name(home.search.name + suffix)) for suffix in ("", "-wal"))


async def glance(archive: Archive) -> IndexState:
    """The state of the index, without opening it: a missing or unusable one lacks every message."""
    sql = (
        "SELECT reached, (SELECT count(*) FROM problem WHERE lack = 'partly'), "
        "(SELECT count(*) FROM problem WHERE lack = 'damaged'), (SELECT count(*) FROM problem WHERE lack = 'failed') "
        "FROM state WHERE version = ?"
    )
    known = await asyncio.to_thread(glimpse.rows, archive.home.search, sql, (VERSION,))
    reached, partly, damaged, failed = known[0] if known else (0, 0, 0, 0)
    return IndexState(await missing(archive.database, reached), partly, damaged, failed)


def unreadable(home: Home) -> int:
    """The number of messages indexed by the catalog's columns alone, without opening the index. Blocking."""
    sql = "SELECT count(*) FROM problem, state WHERE lack <> 'partly' AND version = ?"
    known = glimpse.rows(home.search, sql, (VERSION,))
    return int(known[0][0]) if known else 0


async def bring_up(archive: Archive, *, anew: bool = False, tell: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Index all missing messages, or all ``anew``; their number.

    ``tell`` gets the number done, and the total. Raises ``StorageError``, ``BusyError``.
    """
    index = await Index.open(archive)
    try:
        if anew:
            await index.clear()
        again = await index.again()
        total, done = await index.behind(), 0
        while step := await index.step():
            done += step
            tell(done, max(total, done))
        await index_failure.succeeded(archive.database)
        return again + done
    finally:
        await index.close()
