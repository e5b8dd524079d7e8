"""What an archive takes on the disk, and whether there is room for more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import Home
from core.text.format import size

LEAST_FREE = 1_000_000_000
#: Less than this part of the file system is little as well, but so much is always enough.
LEAST_SHARE, ENOUGH = 0.05, 20_000_000_000


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes of the home's files by what they are, and of the file system that it lies on."""

    volumes: int
    catalog: int
    log: int
    other: int
    free: int
    total: int

    @property
    def used(self) -> int:
        return self.volumes + self.catalog + self.log + self.other

    @property
    def low(self) -> bool:
        """Is there little room left?"""
        return self.free < max(LEAST_FREE, min(self.total * LEAST_SHARE, ENOUGH))

    def sentence(self) -> str:
        """What is free, and what to do when that is little."""
        free = f"{size(self.free)} of {size(self.total)} are free on the archive's disk"
        return f"Only {free}: make space, or runs will fail when it is full." if self.low else f"{free}."

    def as_json(self) -> dict[str, Any]:
        names = ("volumes", "catalog", "log", "other", "free", "total", "low")
        return {name: getattr(self, name) for name in names}


def use(home: Home) -> DiskUse:
    """Look at the home's files and its file system; a few milliseconds."""
    sizes = dict.fromkeys(("volumes", "catalog", "log", "other"), 0)
    catalog = {f"{home.catalog.name}{suffix}" for suffix in ("", "-wal", "-shm")}
    for path, count in _files(home.path):
        top = path.relative_to(home.path).parts[0]
        if top == home.volumes.name:
            sizes["volumes"] += count
        elif top == home.log.parent.name:
            sizes["log"] += count
        else:
            sizes["catalog" if top in catalog else "other"] += count
    status = os.statvfs(home.path)
    return DiskUse(**sizes, free=status.f_bavail * status.f_frsize, total=status.f_blocks * status.f_frsize)


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                yield path, path.stat().st_size
        except OSError:
            # It went between the two looks: a journal, a folder of a verification.
            continue
