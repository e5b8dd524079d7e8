"""The identity of an open home: a process that works on it for long ends itself once another one is in its place.

Files are told apart by device and inode. Volumes do not count: a repair replaces them while others read. The catalog is made
anew only while no service runs.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

from core.config import Home
from core.errors import HomeError
from core.problems import home as problems
from core.values import dataclass

#: Errors of a path that leads nowhere any more, also on a server that has lost it.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_Place = tuple[int, int]
_NOWHERE = (0, 0)


@dataclass(frozen=True, slots=True)
class HomeIdentity:
    """The home ``path``, and device and inode of each file that tells it from another."""

    path: Path
    files: Mapping[Path, _Place]

    @classmethod
    def of(cls, home: Home) -> HomeIdentity:
        """The identity of ``home`` now, with its lock if there is one."""
        places = {file: _place(file) for file in (home.path, home.catalog, home.lock)}
        return cls(home.path, {file: place for file, place in places.items() if place not in (None, _NOWHERE)})

    def check(self) -> None:
        """Raise ``HomeError`` when one of the files is gone, or is another one."""
        for file, place in self.files.items():
            if (there := _place(file)) is not None and there != place:
                code = problems.GONE if there == _NOWHERE else problems.REPLACED
                raise HomeError(code(home=str(self.path), file=str(file)))


def _place(file: Path) -> _Place | None:
    """Device and inode of a file, ``_NOWHERE`` when it is gone; None when that cannot be told, as after a disk error."""
    try:
        there = file.stat()
    except OSError as error:
        return _NOWHERE if error.errno in _GONE else None
    return there.st_dev, there.st_ino
