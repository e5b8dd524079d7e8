"""Disk use of an archive, and the space left on its file system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.config import Home
from core.problems.code import Reason
from core.problems.command_line import told
from core.problems.warning import SPACE_LOW
from core.text.format import size
from core.values import dataclass

LEAST_FREE = 1_000_000_000
#: Less than this share of the file system is little space, unless it is this many bytes.
LEAST_SHARE, ENOUGH = 0.05, 20_000_000_000
#: The kinds of files of a home.
KINDS = ("volumes", "catalog", "log", "other")


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes of the home's files by kind, and of its file system."""

    volumes: int
    catalog: int
    log: int
    other: int
    free: int
    total: int

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """The bytes of each kind of files, by its name."""
        return tuple((name, getattr(self, name)) for name in KINDS)

    @property
    def used(self) -> int:
        return sum(size for _, size in self.kinds)

    @property
    def low(self) -> bool:
        """True when little space is left."""
        return self.free < max(LEAST_FREE, min(self.total * LEAST_SHARE, ENOUGH))

    @property
    def trouble(self) -> Reason | None:
        """The warning of little space; None when there is enough."""
        return SPACE_LOW(free=self.free, total=self.total) if self.low else None

    def sentence(self) -> str:
        """The free space in a sentence, with the remedy when it is low."""
        if self.trouble is not None:
            return told(self.trouble)
        return f"{size(self.free)} of {size(self.total)} are free on the archive's disk."

    def as_json(self) -> dict[str, Any]:
        return dict(self.kinds) | {"free": self.free, "total": self.total, "low": self.low}


def use(home: Home) -> DiskUse:
    """Measure the home's files and its file system; a few milliseconds."""
    sizes = dict.fromkeys(KINDS, 0)
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
            # The file vanished between listing and stat: a journal, a folder of a verification.
            continue
