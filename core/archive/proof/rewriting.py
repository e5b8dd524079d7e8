"""Rewriting of a sealed volume whose file is damaged although all its rows can be read: an index, or pages without content.

The rows go into a new file as they are, which gets its indexes anew. It takes the place of the old one, which stays beside it
under another name, and is checked as any volume; where more is wrong with it than before, the old file gets its place back.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from core import files
from core.archive.archive import Archive
from core.archive.proof.findings import Verdict
from core.archive.proof.takeover import swap
from core.archive.proof.volume_check import check_volume
from core.archive.store import volume_copy
from core.archive.store.volume import Volume
from core.errors import DamagedError, StorageError


async def rewrite(archive: Archive, number: int, before: Verdict) -> Verdict:
    """Write volume ``number`` anew if that mends it; the findings on it then, else those of ``before``.

    Only a sealed one of the present format, of which no single message or entry is damaged.
    """
    home = archive.home
    name = home.volume(number).name
    found = [one for one in before.findings if one.where in (name, "ledger")]
    if number >= archive.last_volume or not found or any(one.sha256 or one.content or one.where == "ledger" for one in found):
        return before
    fresh = home.volume(number).with_name(f"{name}.rewritten")
    if not await _written(home.volume(number), fresh):
        return before
    await archive.volumes.release()
    aside = await asyncio.to_thread(swap, fresh, home.volume(number))
    after = await check_volume(home, number)
    if not aside or not [one for one in after.findings if one.where in (name, "ledger")]:
        return after
    await archive.volumes.release()
    await asyncio.to_thread(files.put, home.volume(number).with_name(aside), home.volume(number))
    return before


async def _written(path: Path, fresh: Path) -> bool:
    """Write all rows of the volume at ``path`` to ``fresh``; False when that cannot be done."""
    try:
        volume = await Volume.open(path, read_only=True)
    except (DamagedError, StorageError):
        return False
    try:
        if volume.meta.is_old or not await volume.is_sealed():
            return False
        await volume_copy.write_anew(volume, fresh)
    except (DamagedError, StorageError):
        fresh.unlink(missing_ok=True)
        return False
    finally:
        await volume.close()
    return True
