"""Files of an archive, its last backup and its password files that other accounts of this machine can read."""

from __future__ import annotations

import asyncio

from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.archive.transfer import last_backup
from core.system.exposure import Exposure, exposed


async def look(archive: Archive) -> list[Exposure]:
    """All exposures; empty when there are none. Raises ``BusyError``, ``StorageError``."""
    last = await last_backup.last(archive)
    named = [profile.login.password_file for profile in await saved_profiles.all_profiles(archive)]
    return await asyncio.to_thread(exposed, archive.home, last.directory if last else "", named)
