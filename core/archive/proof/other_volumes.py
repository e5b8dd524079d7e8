"""Messages that a volume may be without, since others have them: listed elsewhere, named as lost, stored anew later."""

from __future__ import annotations

from core.archive.proof.opened_volumes import OpenedVolumes
from core.archive.store.entries.upkeep import Repaired, Salvaged
from core.archive.store.message_rows import ScratchError
from core.archive.store.volume import Volume
from core.archive.store.volume_format import LAST_SEQ
from core.config import IN_LANE, Home
from core.errors import DamagedError, StorageError

#: SHA-256 that are looked up at once.
CHUNK = 500


async def not_listed(volume: Volume, digests: list[bytes]) -> list[bytes]:
    """Those of ``digests`` that the volume's table does not have, as far as it can be read. Raises ``ScratchError``."""
    found: set[bytes] = set()
    for start in range(0, len(digests), CHUNK):
        chunk = digests[start : start + CHUNK]
        try:
            found.update(await volume.records(chunk))
        except ScratchError:
            raise
        except (DamagedError, StorageError):
            continue
    return [sha256 for sha256 in digests if sha256 not in found]


async def in_no_volume(others: OpenedVolumes, volume: Volume, number: int, digests: list[bytes]) -> list[bytes]:
    """Those of ``digests`` that no volume lists: ``volume``, which is ``number``, first, since a message is kept once."""
    missing = await not_listed(volume, digests)
    for other in others.numbers():
        if not missing:
            break
        if other != number:
            async with others.at(other) as opened:
                # One that cannot be opened is named when its turn comes.
                missing = missing if opened is None else await not_listed(opened, missing)
    return missing


async def named_as_lost(home: Home) -> set[bytes]:
    """The SHA-256 of messages of which an entry of any volume says that they are lost."""
    found: set[bytes] = set()
    for number in home.volume_numbers():
        try:
            opened = await Volume.open(home.volume(number), read_only=True)
            try:
                for entry in await opened.entries_before(None, LAST_SEQ, Salvaged.kind):
                    found.update(entry.lost())
            finally:
                await opened.close()
        except (DamagedError, StorageError):
            # It is named when its turn comes.
            continue
    return found


async def mended_later(home: Home, volume: int) -> set[str]:
    """The SHA-256 of messages of which a later volume has a copy that was made because of damage."""
    found: set[str] = set()
    for number in home.volume_numbers():
        # Those of lanes are mended in the archive's own.
        if volume < IN_LANE and number <= volume:
            continue
        try:
            opened = await Volume.open(home.volume(number), read_only=True)
            try:
                for entry in await opened.entries_before(None, LAST_SEQ, Repaired.kind):
                    found.update(sha256.hex() for sha256 in entry.renewed())
            finally:
                await opened.close()
        except (DamagedError, StorageError):
            # It is named when its turn comes, and mends nothing.
            continue
    return found
