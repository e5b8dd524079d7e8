"""Keys of stored objects: ``<archive id>/lane-000000/000001.g1.sqlite``, below the prefix of the storage. Pure.

The key carries the archive, the lane (0 is the archive's own), the number within the lane and the generation. A volume whose
bytes were changed by a repair is stored beside the earlier one, with the next generation. ``<archive id>/archive.json`` marks
the folder of an archive.
"""

from __future__ import annotations

import re

from core.config import IN_LANE
from core.values import dataclass

_KEY = re.compile(r"([0-9a-f]{32})/lane-([0-9]{6})/(?!000000)([0-9]{6})\.g([1-9][0-9]{0,5})\.sqlite")
_ARCHIVE = re.compile(r"[0-9a-f]{32}")
_SEAL = re.compile(r"[0-9]{12}-([0-9a-f]{16})\.(?:seal|tsr)")
#: A part of a key: what every file system and every object storage takes as it is.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True)
class VolumeKey:
    """The key of a volume. ``volume``: its number as in ``Home.volume``, with the lane in it."""

    archive: str
    volume: int
    generation: int = 1

    @classmethod
    def parse(cls, text: str) -> VolumeKey | None:
        """The key that ``text`` is; None when it is another object's."""
        found = _KEY.fullmatch(text)
        if found is None:
            return None
        return cls(found[1], int(found[2]) * IN_LANE + int(found[3]), int(found[4]))

    def __str__(self) -> str:
        lane, number = divmod(self.volume, IN_LANE)
        return f"{self.archive}/lane-{lane:06}/{number:06}.g{self.generation}.sqlite"

    def next(self) -> VolumeKey:
        """The key of the volume's next generation."""
        return VolumeKey(self.archive, self.volume, self.generation + 1)


def mark(archive: str) -> str:
    """The key of the object that marks the folder of an archive."""
    return f"{archive}/archive.json"


def of_seals(archive: str, name: str) -> str:
    """The key of a seal, or of a time stamp, of an archive."""
    return f"{archive}/seals/{name}"


def seal_digits(name: str) -> str:
    """The digits of the SHA-256 in the name of a seal or time stamp; empty when it is no such name."""
    found = _SEAL.fullmatch(name)
    return found[1] if found is not None else ""


def archive_of(key: str) -> str:
    """The id of the archive in whose folder an object is; empty when it is in none."""
    first, _, rest = key.partition("/")
    return first if rest and _ARCHIVE.fullmatch(first) else ""


def is_plain(key: str) -> bool:
    """True when all parts of a key, or of a prefix, are taken as they are by every storage."""
    return all(_PART.fullmatch(part) for part in key.split("/"))
