"""Repair of a storage: objects that are gone or were changed are stored anew, from copies here and in other homes.

A changed object is not replaced, which this program never does: the volume is stored beside it, with the next generation.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core import files
from core.archive.archive import Archive
from core.archive.registry import storing
from core.archive.store.entries.upkeep import VolumeStored
from core.config import Home
from core.errors import DamagedError, StorageError
from core.problems import bucket as problems
from core.problems import storage as disk
from core.problems.code import Reason
from core.storage import configuration
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class StorageRepair:
    """The result: names of the volumes stored anew, and the findings that remain, by key."""

    mended: tuple[str, ...]
    failed: Mapping[str, Reason]


async def mend(
    archive: Archive, *, others: Sequence[Home] = (), actor: str, report: Callable[[str], None] = lambda name: None
) -> StorageRepair:
    """Store anew what a check of all objects finds, from the home, else from ``others``. Raises ``StorageError``."""
    found = await storing.check(archive, deep=True, report=report)
    storage = configuration.opened(archive.home)
    known = {one.key: one for one in await storing.stored_volumes(archive)}
    changed = {key for key, why in found.findings.items() if why.code == problems.CHANGED}
    mended: list[str] = []
    failed: dict[str, Reason] = {}
    for key, why in found.findings.items():
        one = known[key]
        volume = archive.home.volume(one.volume)
        try:
            if not volume.exists() and not await asyncio.to_thread(_copied, one, volume, others):
                failed[key] = why
                continue
            await storing.store(archive, storage, one.volume, known, avoid=changed, actor=actor)
            mended.append(volume.name)
        except (StorageError, DamagedError) as error:
            failed[key] = error.reason
    return StorageRepair(tuple(mended), failed)


def _copied(one: VolumeStored, volume: Path, others: Sequence[Home]) -> bool:
    """Put a copy from another home in the volume's place, if one of them has the very bytes. Raises ``StorageError``."""
    for home in others:
        there = home.volume(one.volume)
        aside = files.aside(volume)
        try:
            if not there.is_file() or storing.sha256_of(there) != one.sha256:
                continue
            volume.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(there, aside)
            # What was copied, and not what was looked at before.
            if storing.sha256_of(aside) != one.sha256:
                continue
            os.chmod(aside, 0o400)
            files.put(aside, volume)
            return True
        except OSError as error:
            raise StorageError(disk.FAILED(file=volume.name, said=str(error.strerror))) from error
        finally:
            aside.unlink(missing_ok=True)
    return False
