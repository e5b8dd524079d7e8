"""The manifest of an export: a line for each message in its files, so that an import finds folders, flags and dates again.

``manifest.jsonl`` begins with a line on the export. It only grows: a line is written after its message, and a line that a crash
cut off is removed when the next export continues. ``SHA256SUMS`` beside it is input for ``sha256sum -c``, for every file.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from core import files
from core.errors import BusyError, InputError
from core.problems import export as problems
from core.system.open_folder import OpenFolder
from core.values import dataclass

NAME, SUMS = "manifest.jsonl", "SHA256SUMS"
VERSION = 1
#: The most lines kept in memory before they are written.
BUFFERED = 500
_LONGEST_LINE = 1_000_000
#: Lines that are read again at once for their checksums.
_TOGETHER = 500
#: Made once: ``json.dumps`` makes one for each line.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: the format of the export, and the id of its archive."""

    format: str
    archive: str


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """A message in an export. ``file`` is below the export's folder, with ``/``; sizes in bytes.

    In an mbox file, ``length`` bytes from ``offset`` on are the quoted message, after its "From " line; else the whole file.
    """

    file: str
    sha256: str
    size: int
    owner: str
    user: str
    folder: str
    id: int
    flags: str = ""
    internaldate: int | None = None
    offset: int | None = None
    length: int | None = None


_KEYS = tuple(field.name for field in fields(ManifestLine))


class Manifest:
    """The manifest of an export, locked while it is open. ``ends``: the end of the last listed message in each mbox file."""

    def __init__(self, directory: OpenFolder, header: Header) -> None:
        self._directory = directory
        self._header = header
        self._done: dict[tuple[str, str], array[int]] = {}
        self._waiting: list[str] = []
        self.ends: dict[str, int] = {}
        self.sums: dict[str, str] = {}

    @classmethod
    def open(cls, directory: OpenFolder, header: Header) -> Manifest:
        """Begin a manifest in ``directory``, or continue the existing one. Raises ``InputError``, ``BusyError``."""
        manifest = cls(directory, header)
        path = directory.path / NAME
        if directory.facts(NAME) is None and directory.facts(SUMS) is not None:
            raise InputError(problems.OF_NO_EXPORT(path=str(directory.path / SUMS)))
        manifest._file = os.fdopen(directory.open(NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND), "r+b")
        try:
            manifest._begin(path)
        except BaseException:
            manifest._file.close()
            raise
        return manifest

    _file: BinaryIO

    def _begin(self, path: Path) -> None:
        if not files.try_lock(self._file.fileno()):
            raise BusyError(problems.UNDER_WAY(path=str(self._directory.path)))
        end = 0
        for number, text in enumerate(self._file, 1):
            if not text.endswith(b"\n"):
                if number == 1 and not self._first.startswith(text):
                    raise InputError(problems.OF_NO_EXPORT(path=str(path)))
                break
            if number == 1:
                self._check(path, _header(text, path))
            else:
                self._know(text, path, number)
            end += len(text)
        self._file.truncate(end)
        for ids in self._done.values():
            ids[:] = array("q", sorted(ids))
        if not end:
            self._waiting.append(self._first.decode("ascii"))
            self.flush()

    @property
    def _first(self) -> bytes:
        """The header line."""
        return (json.dumps({"archivar": VERSION, **asdict(self._header)}) + "\n").encode("ascii")

    def _check(self, path: Path, found: Header) -> None:
        if found.archive != self._header.archive:
            raise InputError(problems.OF_OTHER_ARCHIVE(path=str(path)))
        if found.format != self._header.format:
            raise InputError(problems.OF_OTHER_FORMAT(path=str(path), format=found.format))

    def _know(self, text: bytes, path: Path, number: int) -> None:
        value = _object(text, path, number)
        if "whole" in value:
            self.sums[str(value["whole"])] = str(value["sha256"])
            return
        line = _line(value, path, number)
        self._done.setdefault((line.owner, line.folder), array("q")).append(line.id)
        if line.offset is not None and line.length is not None:
            self.ends[line.file] = line.offset + line.length

    def has(self, owner: str, folder: str, message: int) -> bool:
        """True when an earlier export wrote the message to this folder."""
        ids = self._done.get((owner, folder))
        if ids is None:
            return False
        position = bisect_left(ids, message)
        return position < len(ids) and ids[position] == message

    def add(self, line: ManifestLine) -> None:
        """Add the line of a message whose file is written."""
        value = {key: item for key in _KEYS if (item := getattr(line, key)) is not None}
        self._waiting.append(_ENCODER.encode(value) + "\n")
        if line.offset is None and len(self._waiting) >= BUFFERED:
            self.flush()

    def whole(self, file: str, sha256: str) -> None:
        """Record that an mbox file is complete."""
        self.sums[file] = sha256
        self._waiting.append(json.dumps({"whole": file, "sha256": sha256}) + "\n")
        self.flush()

    def flush(self) -> None:
        """Write all lines."""
        data, self._waiting = "".join(self._waiting).encode("ascii"), []
        if data:
            self._file.write(data)
            self._file.flush()

    def finish(self) -> None:
        """Write the checksums of all complete files, in place of older ones."""
        self.flush()
        os.fsync(self._file.fileno())
        with self._directory.replacing(SUMS) as sums:
            for file, sha256 in self._listed():
                sums.write(f"{sha256}  {file}\n".encode())
            sums.write(f"{digest(self._directory, NAME).hex()}  {NAME}\n".encode())

    def _listed(self) -> Iterator[tuple[str, str]]:
        yield from sorted(self.sums.items())
        with self._directory.read(NAME) as lines:
            next(lines)
            while texts := list(islice(lines, _TOGETHER)):
                for value in json.loads(b"[" + b",".join(texts) + b"]"):
                    if "whole" not in value and "offset" not in value:
                        yield value["file"], value["sha256"]

    def close(self) -> None:
        self._file.close()


def digest(folder: OpenFolder, name: str) -> bytes:
    """SHA-256 of a file. Raises ``OSError``."""
    with folder.read(name) as handle:
        return hashlib.file_digest(handle, "sha256").digest()  # type: ignore[arg-type]


def header(directory: Path) -> Header | None:
    """The header of the manifest in ``directory``; None when there is none. Raises ``InputError`` for an unusable one."""
    path = directory / NAME
    if not path.is_file():
        return None
    with path.open("rb") as lines:
        return _header(lines.readline(_LONGEST_LINE), path)


def read(directory: Path) -> Iterator[ManifestLine]:
    """The lines of the manifest in ``directory``. Raises ``InputError`` with the number of an unusable line."""
    path = directory / NAME
    with path.open("rb") as lines:
        number = 0
        while text := lines.readline(_LONGEST_LINE):
            number += 1
            if number == 1:
                _header(text, path)
                continue
            if not text.endswith(b"\n"):
                if lines.read(1):
                    raise InputError(problems.LINE_TOO_LONG(path=str(path), line=number))
                # Cut off by a crash: its message is simply not known.
                return
            value = _object(text, path, number)
            if "whole" not in value:
                yield _line(value, path, number)


def _header(text: bytes, path: Path) -> Header:
    value = _object(text, path, 1)
    if value.get("archivar") != VERSION:
        raise InputError(problems.OF_OTHER_VERSION(path=str(path)))
    if not all(isinstance(value.get(key), str) for key in ("format", "archive")):
        raise InputError(problems.LINE_LACKS(path=str(path), line=1, keys=("format", "archive")))
    return Header(value["format"], value["archive"])


def _object(text: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError(problems.LINE_NO_OBJECT(path=str(path), line=number))
    return value


_TEXTS, _NUMBERS = ("file", "sha256", "owner", "user", "folder", "flags"), ("size", "id", "internaldate", "offset", "length")
_NEEDED = frozenset(("file", "sha256", "size", "owner", "user", "folder", "id"))


def _line(value: dict[str, Any], path: Path, number: int) -> ManifestLine:
    found = {key: value[key] for key in (*_TEXTS, *_NUMBERS) if value.get(key) is not None}
    if lacking := _NEEDED - found.keys():
        raise InputError(problems.LINE_LACKS(path=str(path), line=number, keys=(min(lacking),)))
    for key, item in found.items():
        fits = isinstance(item, str) if key in _TEXTS else type(item) is int and abs(item) < 2**62
        if not fits:
            raise InputError(problems.LINE_WRONG(path=str(path), line=number, keys=(key,)))
    place = PurePosixPath(found["file"])
    if place.is_absolute() or ".." in place.parts or "\0" in found["file"] or not place.parts:
        raise InputError(problems.LINE_OUTSIDE(path=str(path), line=number))
    if len(found["sha256"]) != 64 or not set(found["sha256"]) <= set("0123456789abcdef"):
        raise InputError(problems.LINE_WRONG(path=str(path), line=number, keys=("sha256",)))
    if ("offset" in found) != ("length" in found) or min(found.get("offset", 0), found.get("length", 0), found["size"]) < 0:
        raise InputError(problems.LINE_WRONG(path=str(path), line=number, keys=("offset", "length")))
    return ManifestLine(**found)
