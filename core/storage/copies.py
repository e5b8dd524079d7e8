"""Volumes here and in the storage: which wait to be stored, and which copies of stored ones may go. Blocking.

Room is made by removing the copies that were used longest ago; a copy is removed only when its note says that this very file
is stored.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from core import files
from core.config import Home
from core.db import glimpse
from core.errors import DamagedError, StorageError
from core.problems import storage as disk
from core.storage import notes
from core.storage.limits import CACHE_BYTES
from core.storage.notes import StoredNote

#: Seconds since its last use in which a copy is not removed: it may be about to be opened.
IN_USE_SECONDS = 60.0


def waiting(home: Home) -> Iterator[int]:
    """The numbers of sealed volumes that are not stored as they are now; of lanes those that are part of the archive."""
    # The last one is written to.
    numbers = home.volumes_of(0)[:-1]
    # What a worker delivered is sealed to the last volume. One that may be left out yet is not stored.
    for lane, reached in glimpse.rows(home.catalog, "SELECT number, volume FROM lane WHERE seq > 0 ORDER BY number"):
        numbers += [number for number in home.volumes_of(lane) if number <= reached]
    yield from _unstored(home, numbers)


def _unstored(home: Home, numbers: Iterable[int]) -> Iterator[int]:
    """Those of the volumes that are sealed and not stored as they are now."""
    for number in numbers:
        volume = home.volume(number)
        with suppress(FileNotFoundError):
            if volume.stat().st_mode & 0o222:
                # It is written to, or its last indexes are.
                continue
            note = _note(volume)
            if note is None or not note.is_of(volume):
                yield number


def waiting_bytes(home: Home) -> int:
    """Bytes of the volumes that wait for the storage."""
    return sum(notes.size_of(home.volume(number)) for number in waiting(home))


def _note(volume: Path) -> StoredNote | None:
    try:
        return notes.read(volume)
    except DamagedError:
        return None


def make_room(home: Home, *, more: int = 0) -> list[str]:
    """Remove copies used longest ago until all, with ``more`` bytes, are within the size set; names of the removed."""
    limit = cache_bytes(home)
    return free(home, limit, more=more) if limit else []


def cache_bytes(home: Home) -> int:
    """Bytes of stored volumes that may be here as well; 0: all of them."""
    for (text,) in glimpse.rows(home.catalog, "SELECT value FROM setting WHERE name = 'storage_cache'"):
        with suppress(ValueError, TypeError):
            return int(text)
    return CACHE_BYTES


def free(home: Home, limit: int, *, more: int = 0, recent: float = IN_USE_SECONDS) -> list[str]:
    """Remove copies of stored volumes, except those used in the last ``recent`` seconds, until ``limit`` bytes are left.

    Only files that are the very ones that were stored. The names of the removed. Raises ``StorageError``.
    """
    copies, removed = [], []
    for volume in volumes(home):
        try:
            there, note = volume.stat(), notes.read(volume)
        except (FileNotFoundError, DamagedError):
            continue
        if note is not None and note.is_of(volume):
            copies.append((there.st_atime, note.size, volume))
    held = sum(size for _, size, _ in copies) + more
    for used, size, volume in sorted(copies, key=lambda one: one[0]):
        if held <= limit or time.time() - used < recent:
            break
        try:
            with notes.alone(volume):
                # Another storage may have been set, in which it is not.
                note = _note(volume)
                if note is None or not note.is_of(volume):
                    continue
                volume.unlink()
                files.durable(volume.parent)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(disk.FAILED(file=volume.name, said=str(error.strerror))) from error
        held -= size
        removed.append(volume.name)
    return removed


def volumes(home: Home) -> list[Path]:
    """The files of all volumes, here or only stored."""
    return [home.volume(number) for number in home.all_volume_numbers()]
