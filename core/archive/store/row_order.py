"""Many messages of a volume at once, read in the order of their rows, in few statements and few crossings of threads.

Only messages whose SHA-256 was computed and is right come from here. Any other is read by itself, as ``Volume.message`` reads
it, so that its error is the same and names the same place.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from core.archive.store.message_rows import Record
from core.archive.store.stored_message import StoredMessage
from core.archive.store.volume import Volume
from core.archive.store.volume_format import plain, unpack
from core.db.queries import pieces
from core.errors import DamagedError, StorageError
from core.message.octets import LARGE, Bytes
from core.values import dataclass

T = TypeVar("T")

#: Bytes of messages that are read by one job, of which all are in memory at once.
SLICE_BYTES = 4 * 1024 * 1024
#: Messages that are looked up at once.
SLICE_MESSAGES = 1000

#: The error in place of a message: damaged, unreadable, or not in this volume.
Unreadable = DamagedError | StorageError | KeyError


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A message's SHA-256, and what was made of its bytes, or the error in place of them."""

    sha256: bytes
    result: T | Unreadable


@dataclass(frozen=True, slots=True)
class _Located:
    """The size in bytes of a message as its row says it, and the ids of its parts."""

    size: int
    parts: tuple[int, ...]


async def read(
    volume: Volume,
    digests: Sequence[bytes],
    work: Callable[[Bytes], T],
    *,
    prove: bool = True,
    records: Mapping[bytes, Record] | None = None,
) -> AsyncGenerator[list[Read[T]]]:
    """Read the messages ``digests`` and yield them in that order, some at a time, each as ``work`` makes it of its bytes.

    ``work`` is called in a thread. What it raises is raised here, but for errors of reading a large message. Of that it gets
    the reader, which has proved its SHA-256 already or (not to ``prove``) does it when all bytes are read in order.

    ``records``: those of all ``digests``, where they were found before.
    """
    with volume.used():
        for start in range(0, len(digests), SLICE_MESSAGES):
            wanted = digests[start : start + SLICE_MESSAGES]
            known = await find(volume, wanted) if records is None else records
            located = _located(known, wanted)
            for together in _slices(wanted, located):
                made = await _tried(volume, partial(_read, together, located, work))
                left = {one: await _alone(volume, one, known, work, prove) for one in together if one not in made}
                yield [Read(one, made[one] if one in made else left[one]) for one in together]


async def find(volume: Volume, digests: Sequence[bytes]) -> Mapping[bytes, Record]:
    """The records that are found, for ``read``; the others are read by themselves, which tells why they cannot be."""
    try:
        return await volume.records(digests)
    except (DamagedError, StorageError):
        return {}


def _located(records: Mapping[bytes, Record], digests: Sequence[bytes]) -> dict[bytes, _Located]:
    found: dict[bytes, _Located] = {}
    for sha256 in digests:
        record = records.get(sha256)
        if record is not None and isinstance(record.size, int):
            with suppress(DamagedError):
                found[sha256] = _Located(record.size, unpack(record.recipe))
    return found


async def _tried(volume: Volume, job: Callable[[sqlite3.Connection], dict[bytes, T]]) -> dict[bytes, T]:
    """The result of ``job``; empty where the file cannot be read, which is then told of each message by itself."""
    try:
        return await (await volume.reader()).job(job)
    except (DamagedError, StorageError):
        return {}


async def _alone(
    volume: Volume, sha256: bytes, records: Mapping[bytes, Record], work: Callable[[Bytes], T], prove: bool
) -> T | Unreadable:
    record = records.get(sha256)
    try:
        if record is None:
            raw = await volume.message(sha256, prove=prove)
        else:
            raw = await volume.message_of(sha256, record, prove=prove)
    except (DamagedError, StorageError, KeyError) as error:
        return error
    return await asyncio.to_thread(_made, raw, work)


def _made(raw: bytes | StoredMessage, work: Callable[[Bytes], T]) -> T | Unreadable:
    if not isinstance(raw, StoredMessage):
        return work(raw)
    try:
        return work(raw)
    except (DamagedError, StorageError) as error:
        return error


def _slices(digests: Sequence[bytes], located: Mapping[bytes, _Located]) -> Iterator[list[bytes]]:
    """``digests`` in pieces that fit into memory; a large message and one that was not found are pieces of their own."""
    together: list[bytes] = []
    size = 0
    for sha256 in digests:
        # A damaged size may be any.
        more = max(located[sha256].size, 0) if sha256 in located else 0
        if together and size + more > SLICE_BYTES:
            yield together
            together, size = [], 0
        together.append(sha256)
        size += more
    if together:
        yield together


def _read(
    digests: Iterable[bytes], located: Mapping[bytes, _Located], work: Callable[[Bytes], T], connection: sqlite3.Connection
) -> dict[bytes, T]:
    """The results of ``work`` for each message that can be read and has its SHA-256."""
    wanted = {one: located[one].parts for one in digests if one in located and located[one].size < LARGE}
    contents = _contents(sorted({part for parts in wanted.values() for part in parts}), connection)
    found: dict[bytes, T] = {}
    for sha256, parts in wanted.items():
        try:
            raw = contents[parts[0]] if len(parts) == 1 else b"".join([contents[part] for part in parts])
        except KeyError:
            continue
        if hashlib.sha256(raw).digest() == sha256:
            found[sha256] = work(raw)
    return found


def _contents(ids: Sequence[int], connection: sqlite3.Connection) -> dict[int, bytes]:
    """The bytes of parts, by id in ascending order; without those that cannot be read."""
    found: dict[int, bytes] = {}
    for sql, piece in pieces("SELECT id, codec, size, data FROM part WHERE id IN (??) ORDER BY id", ids):
        # All rows first: a commit to the volume waits as long as a statement is not at its end.
        for part, codec, size, data in connection.execute(sql, piece).fetchall():
            try:
                found[part] = plain(codec, size, data)
            except DamagedError:
                continue
    return found
