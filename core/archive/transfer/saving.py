"""Writes an attachment to a file: never over another, mode 0600, in a folder for its message alone.

The sender chooses the attachments' names. In a folder of their own no name does harm, since no program looks there for its
settings, and ``*`` matches nothing else.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from core.archive.transfer.filenames import attachment_name, fold
from core.errors import InputError, StorageError
from core.message.octets import Bytes, chunks
from core.problems import export as problems
from core.system.open_folder import OpenFolder

#: Names that are tried before it fails.
TRIES = 1000


def save(folder: Path, message: int, name: str, data: Bytes) -> Path:
    """Write ``data`` to a new file, mode 0600, in the folder of ``message`` (its id) below ``folder``; its path.

    When there is one of that ``name``, a number goes before the suffix. Raises ``InputError`` (no such folder, or the message's
    folder belongs to another account), ``StorageError`` (a failed write; nothing is left of it).
    """
    try:
        if not folder.is_dir():
            raise InputError(problems.NO_FOLDER(path=str(folder)))
        with OpenFolder.own(folder / place(message)) as opened:
            return opened.path / _write(opened, name, data)
    except ValueError as error:
        raise InputError(problems.NO_FOLDER_NAME(path=str(folder), said=str(error))) from error
    except OSError as error:
        raise StorageError(problems.UNWRITTEN(path=str(folder), said=str(error.strerror))) from error


def place(message: int) -> str:
    """The folder for the attachments of a message, below the one that the user names."""
    return f"attachments-of-message-{message}"


def _write(folder: OpenFolder, name: str, data: Bytes) -> str:
    """Write under the first free name, compared without case; the name."""
    stem, kind = attachment_name(name)
    taken = {fold(there) for there in folder.names()}
    for number in range(1, TRIES + 1):
        free = f"{stem}{f' ({number})' if number > 1 else ''}{kind}"
        if fold(free) in taken:
            continue
        try:
            descriptor = folder.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            # Created by another process since.
            continue
        try:
            with open(descriptor, "wb") as handle:
                for chunk in chunks(data):
                    handle.write(chunk)
        except BaseException:
            folder.remove(free)
            raise
        return free
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
