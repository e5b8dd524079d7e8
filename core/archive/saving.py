"""Writes an attachment to a file: never over another one, for the owner's eyes alone, under a name fit for any file system."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from core.archive.filenames import file_name
from core.errors import InputError, StorageError

#: Names that are tried before it is given up: a folder with so many files of one name is no place for one more.
TRIES = 1000
#: Letters of what is taken for the kind of a file.
LONGEST_SUFFIX = 12


def save(folder: Path, name: str, data: bytes) -> Path:
    """Write ``data`` to a new file in ``folder``, mode 0600; where it is.

    When there is one of that ``name``, a number goes before the suffix. Raises ``InputError`` (no such folder),
    ``StorageError`` (it cannot be written; then nothing is left of it).
    """
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.", "Make it first, or name another one.")
        stem, suffix = _parts(name)
        for number in count(1):
            file = folder / f"{stem}{f' ({number})' if number > 1 else ''}{suffix}"
            try:
                opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                if number < TRIES:
                    continue
                raise
            return _write(file, opened, data)
    except ValueError as error:
        raise InputError(f"{folder!s} is no folder: {error}.", "Name a folder on this machine.") from error
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}.", "Make space or choose another folder.") from error
    raise AssertionError("unreachable")


def _write(file: Path, opened: int, data: bytes) -> Path:
    try:
        with open(opened, "wb") as handle:
            handle.write(data)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file


def _parts(name: str) -> tuple[str, str]:
    """A safe name, in two parts; what tells the kind of file stays at its end."""
    # What comes from another system may have its folders before it.
    name = name.replace("\\", "/").rpartition("/")[2].strip() or "attachment"
    stem, dot, suffix = name.rpartition(".")
    if stem and suffix.isascii() and suffix.isalnum() and len(suffix) <= LONGEST_SUFFIX:
        return file_name(stem), f"{dot}{suffix}"
    return file_name(name), ""
