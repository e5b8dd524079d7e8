"""Zip and tar files as trees of files: listed once, each file read by itself, nothing unpacked to a visible place.

What holds here: names that lead out of the file, links and devices are refused by name; no more is unpacked than is read, and a
file that unpacks to far more than its size is refused as a bomb. Larger files, and a packed tar, go through an unnamed
temporary file.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Protocol, cast

from core.archive.transfer.file_kinds import BEGINNING
from core.archive.transfer.trees import PackedTree, TreeEntry, UnusableFile
from core.problems import mail_file as problems
from core.problems.code import Reason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Beyond so many bytes a file may unpack to at most so many times its size.
_FREE, _RATIO = 256 * 1024 * 1024, 200
_BOMB = problems.BOMB(ratio=_RATIO)
#: Bytes; larger files are kept on the disk while they are read.
_IN_MEMORY = 8 * 1024 * 1024
_PIECE = 1024 * 1024
_MOST_NAMES = 5_000_000
#: Levels of folders in a name.
_MOST_LEVELS = 100
_UTF8_NAMES = 0x800
_ENCRYPTED = 0x1
#: Errors of the standard library on damaged files, beside OSError.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    zstd.ZstdError,
)


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


def is_packed(beginning: bytes) -> bool:
    """True for a zip file, a tar file, or compressed data that may be one."""
    return beginning.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")) or _is_tar(beginning)


def _is_tar(beginning: bytes) -> bool:
    return len(beginning) > 262 and beginning[257:262] == b"ustar"


@contextmanager
def opened(file: BinaryIO, size: int) -> Iterator[PackedTree]:
    """The tree in a packed ``file`` of ``size`` bytes. Raises ``UnusableFile`` for an unusable one, ``OSError``."""
    with ExitStack() as stack:
        try:
            tree = _tree(stack, file, size)
        except DAMAGE as error:
            raise UnusableFile(problems.PACKED_DAMAGED(error=type(error).__name__)) from error
        yield tree


def _tree(stack: ExitStack, file: BinaryIO, size: int) -> PackedTree:
    file.seek(0)
    beginning = file.read(BEGINNING)
    file.seek(0)
    if beginning.startswith(b"PK"):
        return _zip(stack.enter_context(zipfile.ZipFile(file)), size)
    if not is_packed(beginning):
        raise UnusableFile(problems.PACKED_UNKNOWN())
    if not _is_tar(beginning):
        plain = stack.enter_context(tempfile.TemporaryFile(prefix="archivar-"))  # noqa: SIM115
        unpack(_decompressor(file, beginning), size, plain.write)
        plain.seek(0)
        if not _is_tar(plain.read(BEGINNING)):
            raise UnusableFile(problems.PACKED_NO_TAR())
        plain.seek(0)
        file = cast(BinaryIO, plain)
    return _tar(stack.enter_context(tarfile.open(fileobj=file, mode="r:")), file)


def _decompressor(file: BinaryIO, beginning: bytes) -> _Source:
    if beginning.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    return bz2.BZ2File(file) if beginning.startswith(b"BZh") else lzma.LZMAFile(file)


def unpack(source: _Source, packed: int, write: Callable[[bytes], object]) -> int:
    """Decompress a source of ``packed`` bytes; the number of bytes written. Raises ``UnusableFile`` for a bomb."""
    total = 0
    while piece := source.read(_PIECE):
        total += len(piece)
        if total > _FREE and total > packed * _RATIO:
            raise UnusableFile(_BOMB)
        write(piece)
    return total


class _Names:
    """Collects the names in a packed file, by folder."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, TreeEntry]] = {"": {}}
        self.refused: list[tuple[str, Reason]] = []
        self.files: dict[str, object] = {}

    def folder(self, path: str) -> bool:
        """Add a folder and those above it; False where a file has the name."""
        if path in self.folders:
            return True
        parent, _, name = path.rpartition("/")
        if path in self.files or not self.folder(parent):
            return False
        self.folders[path] = {}
        self.folders[parent][name] = TreeEntry(name, folder=True)
        return True

    def add(self, name: str, size: int, modified: float | None, member: object) -> None:
        if len(self.files) >= _MOST_NAMES:
            raise UnusableFile(problems.TOO_MANY(most=_MOST_NAMES))
        path = self.path(name)
        if path is None:
            return
        parent, _, last = path.rpartition("/")
        if path in self.files or path in self.folders:
            self.refused.append((path, problems.TWICE()))
        elif not self.folder(parent):
            self.refused.append((path, problems.WITHIN_FILE()))
        else:
            self.files[path] = member
            self.folders[parent][last] = TreeEntry(last, size=size, modified=modified)

    def path(self, name: str) -> str | None:
        """The normalised name; None, with a refusal, when it leads out of the packed file."""
        levels = [level for level in name.replace("\\", "/").split("/") if level not in ("", ".")]
        if name.startswith(("/", "\\")) or ".." in levels or (levels and levels[0].endswith(":")) or "\0" in name:
            self.refused.append((name, problems.OUTSIDE()))
            return None
        if len(levels) > _MOST_LEVELS:
            self.refused.append(("/".join(levels[:3]), problems.TOO_DEEP(levels=_MOST_LEVELS)))
            return None
        return "/".join(levels) or None


def _zip(archive: zipfile.ZipFile, size: int) -> PackedTree:
    names = _Names()
    # A member never yields more than its stated size; overlapping members are caught by the sum.
    total = sum(info.file_size for info in archive.infolist())
    if total > _FREE and total > size * _RATIO:
        raise UnusableFile(_BOMB)
    for info in archive.infolist():
        name = _name(info)
        kind = info.external_attr >> 16
        if stat.S_ISLNK(kind) or (stat.S_IFMT(kind) and not stat.S_ISREG(kind) and not stat.S_ISDIR(kind)):
            names.refused.append((name, problems.PACKED_LINK()))
        elif info.is_dir():
            if path := names.path(name):
                names.folder(path)
        elif info.flag_bits & _ENCRYPTED:
            names.refused.append((name, problems.ENCRYPTED()))
        else:
            names.add(name, info.file_size, None, info)

    def read(path: str) -> BinaryIO:
        info = cast(zipfile.ZipInfo, names.files[path])
        with archive.open(info) as source:
            return _spooled(source, info.compress_size)

    return PackedTree(names.folders, names.refused, _translated(read))


def _name(info: zipfile.ZipInfo) -> str:
    """A name in a zip file. Many programs write UTF-8 without the flag for it."""
    if info.flag_bits & _UTF8_NAMES:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _tar(tar: tarfile.TarFile, file: BinaryIO) -> PackedTree:
    names = _Names()
    for member in tar:
        if member.isdir():
            if path := names.path(member.name):
                names.folder(path)
        elif not member.isreg() or member.issparse():
            names.refused.append((member.name, problems.PACKED_LINK()))
        else:
            names.add(member.name, member.size, float(member.mtime) or None, (member.offset_data, member.size))
        # The library would keep all of them in memory.
        tar.members = []  # type: ignore[attr-defined]

    def read(path: str) -> BinaryIO:
        offset, size = cast(tuple[int, int], names.files[path])
        file.seek(offset)
        return _spooled(_Span(file, size), size)

    return PackedTree(names.folders, names.refused, _translated(read))


class _Span:
    """A file object over the next ``size`` bytes of a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(min(size, self._left))
        if not piece and self._left:
            raise EOFError
        self._left -= len(piece)
        return piece


def _spooled(source: _Source, packed: int) -> BinaryIO:
    # Closed by the reader.
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="archivar-")  # noqa: SIM115
    try:
        unpack(source, packed, spool.write)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return cast(BinaryIO, spool)


def _translated(read: Callable[[str], BinaryIO]) -> Callable[[str], BinaryIO]:
    def opened(path: str) -> BinaryIO:
        try:
            return read(path)
        except DAMAGE as error:
            raise UnusableFile(problems.DAMAGED_WITHIN(error=type(error).__name__)) from error

    return opened


def unpacked(raw: bytes, largest: int) -> bytes:
    """A message compressed by Dovecot (gzip, bzip2, xz, zstd), decompressed; any other unchanged. Raises ``UnusableFile``."""
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        source: _Source = cast(_Source, zstd.ZstdFile(io.BytesIO(raw)))
    elif raw.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")):
        source = _decompressor(io.BytesIO(raw), raw)
    else:
        return raw
    found = io.BytesIO()

    def write(piece: bytes) -> None:
        if found.tell() + len(piece) > largest:
            raise UnusableFile(problems.TOO_LARGE(most=largest))
        found.write(piece)

    try:
        unpack(source, len(raw), write)
    except (*DAMAGE, OSError) as error:
        raise UnusableFile(problems.PACKED_MESSAGE_DAMAGED()) from error
    return found.getvalue()


def is_packed_name(name: str) -> bool:
    """True for a file name of packed folders."""
    return name.casefold().endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tbz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz"))
