"""Files that are written whole or not at all, and locks that the kernel releases when their holder dies. Blocking.

Raises ``OSError`` as the system does; the caller adds the file and the remedy. Files are made for their
owner alone (mode 0600) unless said otherwise, and a link in the place of a new file is not followed.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: Seconds between two tries of a lock that another process holds.
_AGAIN_SECONDS = 0.01


def durable(path: Path) -> None:
    """Sync a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def facts(path: Path) -> tuple[int, int, int]:
    """Inode, size and modification time (ns) of a file; zeros when it is missing."""
    try:
        there = path.stat()
    except OSError:
        return (0, 0, 0)
    return there.st_ino, there.st_size, there.st_mtime_ns


def limit_reached() -> int | None:
    """The most files that this process may have open, when it can open no more now; else None."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None


def open_new(path: Path, mode: int = 0o600) -> int:
    """A descriptor of a new file, for writing. Raises ``FileExistsError``, for a link too."""
    return os.open(path, _NEW, mode)


def aside(path: Path) -> Path:
    """The temporary name for a replacement of ``path``: hidden, in the same folder."""
    return path.with_name(f".{path.name}.new")


def put(new: Path, path: Path) -> None:
    """Replace ``path`` by the file ``new``, once its bytes are synced; durable when this returns."""
    durable(new)
    os.replace(new, path)
    durable(path.parent)


@contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Context of a new file, open for writing, that replaces ``path`` at the end, durably.

    After an error it is removed, and the file at ``path`` stays.
    """
    new = aside(path)
    new.unlink(missing_ok=True)
    try:
        with open(open_new(new, mode), "wb") as file:
            yield file
        put(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def write(path: Path, content: bytes) -> None:
    """Write a whole file, replacing an existing one; durable when this returns."""
    with replacing(path) as file:
        file.write(content)


def create(path: Path, content: bytes) -> None:
    """Write a new file, under its own name; after an error it is removed again. Raises ``FileExistsError``.

    Works on file systems without hard links too. For one that must never be seen half written: ``create_whole``.
    """
    with open(open_new(path), "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    durable(path.parent)


def create_whole(path: Path, content: bytes) -> None:
    """Write a file that appears under its name whole and durably, or not at all. Raises ``FileExistsError``."""
    # Loaded where something is written alone: most commands read.
    from tempfile import mkstemp

    descriptor, name = mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces a file that another process has made since.
        os.link(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
    durable(path.parent)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file or folder (flock(2)) until its descriptor is closed; False when another process holds it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def lock(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Context of the lock of an existing file or folder; False when another process holds it, unless it is to ``wait``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if wait:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield wait or try_lock(descriptor)
    finally:
        os.close(descriptor)


@asynccontextmanager
async def lock_within(path: Path, seconds: float) -> AsyncIterator[bool]:
    """The same, waiting up to ``seconds``, also for other tasks of this process; False when that was not enough."""
    deadline = asyncio.get_running_loop().time() + seconds
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while not (held := try_lock(descriptor)):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        yield held
    finally:
        os.close(descriptor)
