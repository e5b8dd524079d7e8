"""Archives that are backed up, for tests, and what verification finds in their copies."""

from __future__ import annotations

from pathlib import Path

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.config import Home
from core.secrets import Secret
from tests import homes
from tests.homes import message

VOLUME_BYTES = 130_000


async def filled(path: Path, count: int = 12) -> Archive:
    """An open archive with sealed volumes, an open one and a key."""
    archive = await homes.begin(path, volume_bytes=VOLUME_BYTES)
    archive.home.key.encrypt(Secret("x"), purpose="test")
    for number in range(1, count + 1):
        await homes.store(archive, {number: message(number, 60_000 if number % 2 else 300)})
    return archive


async def findings(home: Home) -> list[str]:
    return [f"{one.where}: {one.text}" for one in (await verify(home)).findings]
