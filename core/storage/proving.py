"""Proof that a storage holds what was put there, and that it is fit for volumes at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from core.errors import DamagedError, InputError, StorageError
from core.problems import bucket as problems
from core.storage import keys
from core.storage.port import VolumeStorage, nothing

#: Bytes of the mark that are read as a range.
_RANGE = 8


def prove(
    storage: VolumeStorage, key: str, sha256: bytes, into: BinaryIO | None = None, count: Callable[[int], None] = nothing
) -> None:
    """Read an object whole and compare it with its SHA-256. Raises ``DamagedError`` when it is gone, or is another.

    ``into`` gets the bytes, which are not to be believed after an error.
    """
    if into is not None:
        found = storage.read_whole(key, into, count)
    else:
        with open(os.devnull, "wb") as nowhere:
            found = storage.read_whole(key, nowhere, count)
    if found is None:
        raise DamagedError(problems.GONE(where=storage.where, key=key))
    if found != sha256:
        raise DamagedError(problems.CHANGED(where=storage.where, key=key))


def try_out(storage: VolumeStorage, archive: str, step: Callable[[str], None] = lambda name: None) -> None:
    """Try everything that storing volumes of ``archive`` needs. Raises ``InputError``, mostly before anything is written.

    Only the mark of the archive (``keys.mark``) is put, and stays: it shows later whose folder it is. ``step`` is called with
    the word of each thing that went well: list, put, only-if-absent, parts, read, range; without
    ``parts`` a cut line costs a whole volume.
    """
    try:
        refuse_others(storage, archive)
        step("list")
        _try_mark(storage, archive, step)
        # Another archive may have begun there at the same time: one of the two sees the other's mark.
        refuse_others(storage, archive)
    except (StorageError, DamagedError) as error:
        raise InputError(problems.UNFIT(why=error.reason)) from error


def refuse_others(storage: VolumeStorage, archive: str) -> None:
    """Raise ``StorageError`` when there is something else than ``archive`` in the storage."""
    for one in storage.list():
        owner = keys.archive_of(one.key)
        if not owner:
            raise StorageError(problems.OF_OTHERS(where=storage.where, key=one.key[:100]))
        if owner != archive:
            raise StorageError(problems.OF_OTHER_ARCHIVE(where=storage.where, archive=owner))


def _try_mark(storage: VolumeStorage, archive: str, step: Callable[[str], None]) -> None:
    from hashlib import sha256

    content = json.dumps({"archivar": 1, "archive": archive}).encode()
    digest, key = sha256(content).digest(), keys.mark(archive)
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        storage.put_if_absent(key, Path(file.name), digest)
        step("put")
        # An object with other bytes of the same key: taken, it would have been a volume that replaced another one.
        file.write(b" ")
        file.flush()
        if storage.put_if_absent(key, Path(file.name), sha256(content + b" ").digest()):
            raise StorageError(problems.REPLACES(where=storage.where))
    step("only-if-absent")
    if storage.joins_parts(archive):
        step("parts")
    prove(storage, key, digest)
    step("read")
    if storage.read_range(key, 1, _RANGE) != content[1 : 1 + _RANGE]:
        raise DamagedError(problems.CHANGED(where=storage.where, key=key))
    step("range")
