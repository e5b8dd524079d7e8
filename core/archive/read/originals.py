"""Messages byte for byte, many at a time, from whatever volumes they are in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from itertools import groupby
from typing import TypeVar

from core.archive.archive import Archive
from core.archive.catalog import digests as catalog
from core.archive.store import row_order
from core.archive.store.row_order import Read
from core.errors import DamagedError, StorageError
from core.message.octets import Bytes
from core.problems import volume as problems

T = TypeVar("T")


async def read(
    archive: Archive, digests: Sequence[bytes], work: Callable[[Bytes], T], *, prove: bool = True
) -> AsyncGenerator[list[Read[T]]]:
    """Read the messages ``digests`` and yield them in that order, some at a time, each as ``work`` makes it of its bytes.

    An unreadable one has the error that ``Archive.raw`` raises: ``KeyError`` or ``DamagedError``. ``work`` is called in a
    thread; what it raises is raised here. Not to ``prove``: as ``row_order.read`` says it.
    """
    volumes = await catalog.volumes(archive.database, digests)
    for number, group in groupby(digests, key=volumes.get):
        wanted = list(group)
        if number is None:
            yield [Read(sha256, KeyError(sha256.hex())) for sha256 in wanted]
            continue
        try:
            volume = await archive.volumes.at(number)
        except (DamagedError, StorageError) as error:
            yield [_told(archive, number, Read(sha256, error)) for sha256 in wanted]
            continue
        async with aclosing(row_order.read(volume, wanted, work, prove=prove)) as pages:
            async for page in pages:
                yield [_told(archive, number, one) for one in page]


def _told(archive: Archive, number: int, one: Read[T]) -> Read[T]:
    """``one`` with the error as an archive tells it of a message that it lists."""
    name = one.sha256.hex()[:16]
    if isinstance(one.result, KeyError):
        return Read(one.sha256, DamagedError(problems.MESSAGE_MISSING(message=name, file=archive.home.volume(number).name)))
    if isinstance(one.result, StorageError):
        return Read(one.sha256, DamagedError(problems.MESSAGE_UNREAD(message=name, why=one.result.reason)))
    return one
