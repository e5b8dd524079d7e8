"""Folders held open by descriptor, for reading and writing below them without following a link (openat(2), O_NOFOLLOW).

Between checking a path and using it, another account with write access to a folder on the way could put a link in its place. A
folder opened here stays the same, and each level below is opened from the one above. Blocking.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from core.errors import InputError
from core.problems import disk

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BESIDE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class NotRegular(OSError):
    """A pipe, socket, device or folder where a regular file should be read."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "it is no regular file")


class OpenFolder:
    """An open folder; ``path`` is its name for display. Names are in it, places are below it: ``a/b``."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path

    @classmethod
    def at(cls, path: Path) -> OpenFolder:
        """The folder at ``path``, links followed, for reading. Raises ``OSError``."""
        return cls(os.open(path, _FOLDER), path)

    @classmethod
    def itself(cls, path: Path) -> OpenFolder:
        """The folder at ``path``, which must be no link, for reading. Raises ``OSError``."""
        return cls(os.open(path, _FOLDER | os.O_NOFOLLOW), path)

    @classmethod
    def own(cls, path: Path) -> OpenFolder:
        """A folder to write to, made when missing. Raises ``OSError``, and ``InputError`` for an unsafe one.

        Unsafe are a link, a folder of another account, and one that others can write to: they could redirect the files.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            if not path.is_symlink():
                raise InputError(disk.NO_FOLDER(path=str(path))) from None
        try:
            folder = cls.itself(path)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise _refused_link(path) from None
            raise
        try:
            refuse_foreign(path, os.fstat(folder._descriptor))
        except BaseException:
            folder.close()
            raise
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def fileno(self) -> int:
        return self._descriptor

    @contextmanager
    def below(self, place: str, *, make: bool = False) -> Iterator[OpenFolder]:
        """Context of the folder at ``place``, its missing levels made. Raises ``OSError``, and ``InputError`` for a link."""
        folder = OpenFolder(os.dup(self._descriptor), self.path)
        try:
            for level in filter(None, place.split("/")):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(level, 0o700, dir_fd=folder._descriptor)
                descriptor = folder._opened(level, _FOLDER | os.O_NOFOLLOW)
                folder.close()
                folder = OpenFolder(descriptor, folder.path / level)
            yield folder
        finally:
            folder.close()

    def open(self, name: str, flags: int) -> int:
        """A descriptor of the file ``name``, mode 0600 when it is made. Raises ``OSError``, ``InputError`` for a link."""
        return self._opened(name, flags | _BESIDE)

    def _opened(self, name: str, flags: int) -> int:
        try:
            return os.open(name, flags, 0o600, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and self._is_link(name):
                raise InputError(disk.LINK_WITHIN(path=str(self.path / name))) from None
            raise

    def _is_link(self, name: str) -> bool:
        facts = self.facts(name)
        return facts is not None and stat.S_ISLNK(facts.st_mode)

    def read(self, name: str) -> BinaryIO:
        """The regular file ``name``, open for reading; a pipe is not waited for.

        Raises ``OSError``, ``InputError`` for a link.
        """
        file = os.fdopen(self.open(name, os.O_RDONLY), "rb")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise NotRegular
        return file

    def facts(self, name: str) -> os.stat_result | None:
        """The stat of ``name`` itself, be it a link; None when there is nothing of that name."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def scan(self) -> Iterator[os.DirEntry[str]]:
        """All entries of the folder."""
        with os.scandir(self._descriptor) as found:
            yield from found

    def names(self) -> list[str]:
        return os.listdir(self._descriptor)

    def replace(self, name: str, new: str, *, to: OpenFolder | None = None) -> None:
        """Rename ``name`` to ``new``, in this folder or another one, replacing an existing file."""
        there = to if to is not None else self
        os.replace(name, new, src_dir_fd=self._descriptor, dst_dir_fd=there._descriptor)

    @contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """Context of a new file, open for writing, that replaces ``name`` at the end, durably; removed after an error.

        Raises ``OSError``, and ``InputError`` for a link at its temporary name.
        """
        new = f".{name}.new"
        descriptor = self.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            self.replace(new, name)
        except BaseException:
            self.remove(new)
            raise
        self.sync()

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def sync(self) -> None:
        """Sync its list of names to the disk."""
        os.fsync(self._descriptor)


def refuse_foreign(path: Path, facts: os.stat_result) -> None:
    """Raise ``InputError`` for a folder that belongs to another account, or that others may write to."""
    us = os.geteuid()
    if facts.st_uid != us:
        raise InputError(disk.OF_OTHER(path=str(path), owner=account(facts.st_uid), account=account(us)))
    if others_may_write(facts):
        mode, command = f"{stat.S_IMODE(facts.st_mode):04o}", f"chmod go-w {shlex.quote(str(path))}"
        raise InputError(disk.WRITABLE(path=str(path), mode=mode, command=command))


def refuse_unsafe_way(path: Path) -> None:
    """Raise ``InputError`` when another account could replace a folder on the way to ``path``.

    For files that are opened by their whole path, again and again, as databases are.
    """
    trusted = (0, os.geteuid())
    way = [*reversed(path.absolute().parents)]
    for folder in dict.fromkeys([*way, *reversed(path.parent.resolve().parents), path.parent.resolve()]):
        try:
            facts = folder.lstat()
        except OSError:
            continue
        open_to_all = others_may_write(facts) and not facts.st_mode & stat.S_ISVTX
        if facts.st_uid not in trusted or (open_to_all and not stat.S_ISLNK(facts.st_mode)):
            movers = " and ".join(map(account, sorted(set(trusted))))
            if facts.st_uid not in trusted:
                owner = account(facts.st_uid)
                raise InputError(disk.WAY_OF_OTHER(folder=str(folder), owner=owner, path=str(path), trusted=movers))
            raise InputError(disk.WAY_WRITABLE(folder=str(folder), path=str(path), trusted=movers))


def others_may_write(facts: os.stat_result) -> bool:
    """True when accounts other than the owner may write to it. The owner's private group does not count."""
    if facts.st_mode & stat.S_IWOTH:
        return True
    return bool(facts.st_mode & stat.S_IWGRP) and not _is_private(facts.st_gid, facts.st_uid)


def _is_private(gid: int, uid: int) -> bool:
    """True for an account's private group: of its own name, without other members."""
    try:
        group, owner = grp.getgrgid(gid), pwd.getpwuid(uid)
    except KeyError:
        return False
    return group.gr_name == owner.pw_name and owner.pw_gid == gid and set(group.gr_mem) <= {owner.pw_name}


def account(uid: int) -> str:
    """An account's name, or its number without one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the account with number {uid}"


def _refused_link(path: Path) -> InputError:
    return InputError(disk.LINK(path=str(path), target=str(path.resolve())))
