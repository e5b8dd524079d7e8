"""Notes of stored volumes: ``000001.stored`` beside ``000001.sqlite``, or in its place when only the storage has the volume.

A note is written when the stored object was read back and was right, after the ledger's entry about it. It says which object
it is, and which state of the local file it has: a file that has changed since is not what is stored, and is never removed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import files
from core.config import Home
from core.errors import DamagedError, StorageError
from core.problems import bucket as problems
from core.problems import storage as disk
from core.values import dataclass

SUFFIX = ".stored"


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A stored volume: key of its object, SHA-256 and size of its bytes, modification time (ns) of the local file."""

    key: str
    sha256: bytes
    size: int
    modified: int

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "sha256": self.sha256.hex(), "size": self.size, "modified": self.modified}

    def is_of(self, volume: Path) -> bool:
        """True when the local file is the very one that was stored, or was fetched since."""
        _, size, modified = files.facts(volume)
        return (size, modified) == (self.size, self.modified)


def path_of(volume: Path) -> Path:
    """The file of the note about a volume."""
    return volume.with_suffix(SUFFIX)


def read(volume: Path) -> StoredNote | None:
    """The note about a volume; None when there is none. Raises ``DamagedError`` for one that cannot be read."""
    path = path_of(volume)
    try:
        value = json.loads(path.read_bytes())
        return StoredNote(str(value["key"]), bytes.fromhex(value["sha256"]), int(value["size"]), int(value["modified"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(problems.NOTE_DAMAGED(file=path.name)) from error


def write(volume: Path, note: StoredNote) -> None:
    """Write the note about a volume, in place of an earlier one; durable when this returns. Raises ``OSError``."""
    volume.parent.mkdir(mode=0o700, exist_ok=True)
    files.write(path_of(volume), json.dumps(note.as_json()).encode())


@contextmanager
def alone(volume: Path) -> Iterator[None]:
    """Context in which no other process fetches or removes the volume, or gives up its note. Raises ``StorageError``."""
    try:
        descriptor = os.open(path_of(volume), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError(disk.FAILED(file=volume.name, said=str(error.strerror))) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def give_up(volume: Path) -> None:
    """Remove the note of a volume that is here: it is stored no more, as far as this home goes. Raises ``StorageError``."""
    if not path_of(volume).exists():
        return
    with alone(volume):
        if volume.exists():
            path_of(volume).unlink(missing_ok=True)


def is_away(volume: Path) -> bool:
    """True when only the storage has the volume."""
    return not volume.exists() and path_of(volume).exists()


def size_of(volume: Path) -> int:
    """Bytes of a volume, here or stored; 0 when it is nowhere."""
    try:
        return volume.stat().st_size
    except FileNotFoundError:
        note = read(volume)
        return note.size if note is not None else 0


def home_of(volume: Path) -> Home:
    """The home in whose folder of volumes, or of a lane, a volume is."""
    folder = volume.parent
    return Home(folder.parent if folder.name == "volumes" else folder.parent.parent)
