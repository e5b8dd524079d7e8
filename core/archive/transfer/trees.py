"""Files in folders, on the disk or in a packed file. Blocking; only regular files are read."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from core.errors import InputError
from core.problems import command_line
from core.problems import mail_file as problems
from core.problems.code import Code, Reason
from core.system.open_folder import NotRegular, OpenFolder
from core.values import dataclass


class UnusableFile(Exception):
    """A file that cannot be used, with the reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return command_line.sentence(self.reason)


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """An entry of a folder: a folder, a file, or neither (``refusal`` is the reason).

    Size in bytes, times in seconds since 1970.
    """

    name: str
    folder: bool = False
    size: int = 0
    modified: float | None = None
    changed: float | None = None
    refusal: Reason | None = None


class Tree(Protocol):
    """A tree of folders. Paths are below its top, with ``/`` between the levels; the top is empty."""

    #: Names refused without being opened, with reasons.
    refused: Sequence[tuple[str, Reason]]

    def entries(self, path: str) -> list[TreeEntry]:
        """The entries of a folder, by name. Raises ``OSError``."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Open a file, seekable. Raises ``OSError``, ``UnusableFile``."""
        ...


class Disk:
    """A folder on the disk. No link below it is followed, at any level; the folder read last stays open."""

    refused: Sequence[tuple[str, Reason]] = ()

    def __init__(self, top: Path) -> None:
        self.top = top
        self._opened = ExitStack()
        self._last: tuple[str, OpenFolder] | None = None
        weakref.finalize(self, self._opened.close)

    def entries(self, path: str) -> list[TreeEntry]:
        return sorted((_entry(one) for one in self._folder(path).scan()), key=lambda entry: entry.name)

    def open(self, path: str) -> BinaryIO:
        folder, _, name = path.rpartition("/")
        with _links():
            return self._folder(folder).read(name)

    def look(self, path: str) -> TreeEntry:
        """A file or folder by itself. Raises ``OSError``."""
        folder, _, name = path.rpartition("/")
        facts = self._folder(folder).facts(name)
        if facts is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return _told(name, facts)

    def _folder(self, path: str) -> OpenFolder:
        if self._last is None or self._last[0] != path:
            self._last = None
            self._opened.close()
            with _links():
                top = self._opened.enter_context(OpenFolder.at(self.top))
                self._last = path, self._opened.enter_context(top.below(path))
        return self._last[1]


@contextmanager
def _links() -> Iterator[None]:
    """Raise ``OSError`` with ``ELOOP`` for a link, as the system does."""
    try:
        yield
    except InputError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None


def unread(error: OSError, code: Code = problems.UNREAD) -> Reason:
    """The reason of a file, or with ``code`` of a folder, that could not be read."""
    if error.errno == errno.ELOOP:
        return code(said=problems.BEHIND_LINK())
    if isinstance(error, NotRegular):
        return problems.NO_REGULAR_FILE()
    return code(said=error.strerror or str(error))


def open_regular(path: Path) -> BinaryIO:
    """Open a file that was listed earlier: a link in its place is not followed, a pipe not waited for."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotRegular
    return file


def look(path: Path) -> TreeEntry:
    """A file or folder of the disk by itself. Raises ``OSError``."""
    return _told(path.name, path.lstat())


def _entry(found: os.DirEntry[str]) -> TreeEntry:
    try:
        return _told(found.name, found.stat(follow_symlinks=False))
    except OSError as error:
        return TreeEntry(found.name, refusal=unread(error))


def _told(name: str, facts: os.stat_result) -> TreeEntry:
    if stat.S_ISDIR(facts.st_mode):
        return TreeEntry(name, folder=True)
    if stat.S_ISLNK(facts.st_mode):
        return TreeEntry(name, refusal=problems.LINK())
    if not stat.S_ISREG(facts.st_mode):
        return TreeEntry(name, refusal=problems.NO_REGULAR_FILE())
    return TreeEntry(name, size=facts.st_size, modified=facts.st_mtime, changed=facts.st_ctime)


class PackedTree:
    """A tree whose names are all known at once: a packed file."""

    def __init__(
        self,
        folders: Mapping[str, Mapping[str, TreeEntry]],
        refused: Sequence[tuple[str, Reason]],
        read: Callable[[str], BinaryIO],
    ) -> None:
        self._folders = folders
        self._read = read
        self.refused = refused

    def entries(self, path: str) -> list[TreeEntry]:
        found = self._folders.get(path)
        if found is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return sorted(found.values(), key=lambda entry: entry.name)

    def open(self, path: str) -> BinaryIO:
        return self._read(path)
