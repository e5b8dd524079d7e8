"""Volumes of a home that are asked for one message after the other, apart from the archive that may have them open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.archive.store.volume import Volume
from core.config import Home
from core.errors import DamagedError, StorageError


class OpenedVolumes:
    """The volumes of ``home``. Those without an index stay open, so that their rows are read once for all questions."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._kept: dict[int, Volume] = {}

    def numbers(self) -> list[int]:
        """The numbers of all volumes; the one that is written to comes last, since it is the most costly to ask."""
        found, own = self.home.all_volume_numbers(), self.home.volume_numbers()
        return [*(number for number in reversed(found) if number not in own[-1:]), *own[-1:]]

    @asynccontextmanager
    async def at(self, number: int) -> AsyncIterator[Volume | None]:
        """Context of an open volume; None for one that cannot be opened."""
        volume = self._kept.get(number)
        if volume is None or not volume.is_at(self.home.volume(number)):
            try:
                volume = await Volume.open(self.home.volume(number), read_only=True)
            except (DamagedError, StorageError):
                yield None
                return
        try:
            yield volume
        finally:
            if volume.rows.indexed:
                await volume.close()
            elif (before := self._kept.get(number)) is not volume:
                self._kept[number] = volume
                if before is not None:
                    await before.close()

    async def close(self) -> None:
        """Close all files."""
        kept, self._kept = list(self._kept.values()), {}
        for volume in kept:
            await volume.close()
