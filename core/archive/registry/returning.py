"""An archive that is made anew from its storage alone: its volumes are fetched into an empty home.

What the volume had that was written to when the home was lost is not in the storage, and is archived again by the next run.
Of several generations of a volume the last one is taken; what the ledger says of it is compared when the catalog is there.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core import files
from core.archive.archive import Archive
from core.archive.registry import storing
from core.config import Home
from core.errors import DamagedError, InputError, StorageError
from core.problems import bucket as problems
from core.problems import storage as disk
from core.problems.code import Reason
from core.secrets import Secret
from core.storage import configuration, keys, notes, opening, place
from core.storage.keys import VolumeKey
from core.storage.notes import StoredNote
from core.storage.place import StoragePlace
from core.storage.port import VolumeStorage


async def fetch_all(
    home: Home, wanted: StoragePlace, secret: Secret | None, report: Callable[[str], None] = lambda name: None
) -> int:
    """Fetch all volumes of the archive in a storage; their number. Broken off, it carries on.

    Raises ``InputError`` for a home with an archive in it, and for a storage without one or with several.
    """
    wanted = place.checked(wanted)
    if home.catalog.exists() or (home.volume_numbers() and configuration.read(home) != wanted):
        raise InputError(problems.HOME_IN_USE(home=str(home.path)))
    storage = opening.opened(wanted, secret)
    latest = await asyncio.to_thread(_latest, storage)
    configuration.write(home, wanted, secret)
    for key in latest:
        volume = home.volume(key.volume)
        report(volume.name)
        await asyncio.to_thread(_fetch, storage, str(key), volume)
    return len(latest)


def _latest(storage: VolumeStorage) -> list[VolumeKey]:
    """The last generation of each volume. Raises ``InputError``, ``StorageError``."""
    archives: set[str] = set()
    found: dict[int, VolumeKey] = {}
    try:
        for one in storage.list():
            archives.add(keys.archive_of(one.key))
            key = VolumeKey.parse(one.key)
            if key is not None and key.generation >= found.get(key.volume, key).generation:
                found[key.volume] = key
    except StorageError as error:
        raise InputError(problems.UNFIT(why=error.reason)) from error
    archives.discard("")
    if len(archives) > 1:
        raise InputError(problems.SEVERAL_ARCHIVES(where=storage.where, archives=tuple(sorted(archives))))
    if not found:
        raise InputError(problems.NO_ARCHIVE_STORED(where=storage.where))
    return [found[number] for number in sorted(found)]


def _fetch(storage: VolumeStorage, key: str, volume: Path) -> None:
    note = notes.read(volume)
    if note is not None and note.key == key and note.is_of(volume):
        return
    aside = files.aside(volume)
    try:
        volume.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        with open(files.open_new(aside), "wb") as file:
            sha256 = storage.read_whole(key, file)
        if sha256 is None:
            raise DamagedError(problems.GONE(where=storage.where, key=key))
        modified = time.time_ns()
        os.utime(aside, ns=(modified, modified))
        os.chmod(aside, 0o400)
        size = aside.stat().st_size
        files.put(aside, volume)
        notes.write(volume, StoredNote(key, sha256, size, modified))
    except OSError as error:
        raise StorageError(disk.FAILED(file=volume.name, said=str(error.strerror))) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


async def differences(archive: Archive) -> dict[str, Reason]:
    """The fetched volumes that are not what the ledger says was stored, by key. For an archive that was just made anew."""
    where = str(configuration.path_of(archive.home))
    kept = configuration.read(archive.home)
    latest = {one.volume: one for one in await storing.stored_volumes(archive)}
    found = {}
    for number, one in latest.items():
        note = notes.read(archive.home.volume(number))
        if note is None:
            found[one.key] = problems.GONE(where=kept.where if kept else where, key=one.key)
        elif note.sha256 != one.sha256:
            found[one.key] = problems.CHANGED(where=kept.where if kept else where, key=note.key)
    return found
