"""One file for each message: .eml files in folders, and Maildir as mail servers keep it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from core.archive.filenames import maildir_info
from core.archive.manifest import Line, Manifest, digest
from core.archive.selection import Folder, Place
from core.errors import InputError


class _Files:
    """What both have in common: a message's file is written aside and gets its name when it is whole."""

    def __init__(self, target: Path, manifest: Manifest) -> None:
        self._target = target
        self._manifest = manifest
        self._place = ""

    async def begin(self, folder: Folder, place: str) -> None:
        self._folder, self._place = folder, place
        await asyncio.to_thread(self._make)

    def _make(self) -> None:
        folders(self._target, self._place)

    async def has(self, message: Place) -> bool:
        return await asyncio.to_thread(self._has, message)

    def _has(self, message: Place) -> bool:
        file = self._file(message)
        told = self._manifest.has(self._folder.owner, self._folder.path, message.message)
        if not file.exists():
            return False
        if file.stat().st_size != message.size or (not told and digest(file) != message.sha256):
            raise InputError(f"{file} is there already and is another message.", "Export to an empty folder.")
        if not told:
            # Written just before a crash.
            self._tell(message, file)
        return True

    async def write(self, message: Place, raw: bytes) -> None:
        await asyncio.to_thread(self._write, message, raw)

    def _write(self, message: Place, raw: bytes) -> None:
        file, aside = self._file(message), self._aside(message)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            with open(descriptor, "wb") as handle:
                handle.write(raw)
            self._dress(aside, message)
            os.replace(aside, file)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        if not self._manifest.has(self._folder.owner, self._folder.path, message.message):
            self._tell(message, file)

    def _tell(self, message: Place, file: Path) -> None:
        self._manifest.add(line(self._folder, message, file.relative_to(self._target).as_posix()))

    def _file(self, message: Place) -> Path:
        raise NotImplementedError

    def _aside(self, message: Place) -> Path:
        raise NotImplementedError

    def _dress(self, file: Path, message: Place) -> None:
        """Give a file what belongs to it beside its bytes."""

    async def end(self) -> None:
        """Each file is complete by itself."""

    def stop(self) -> None:
        self._manifest.flush()


class Emls(_Files):
    """``user/folder/00000017-0123456789abcdef.eml``: the message's number and the beginning of its SHA-256."""

    def _file(self, message: Place) -> Path:
        return self._target / self._place / f"{message.message:08}-{message.sha256.hex()[:16]}.eml"

    def _aside(self, message: Place) -> Path:
        return self._file(message).with_suffix(".part")


class Maildirs(_Files):
    """Maildir++: flags stand in the file's name, and its time is INTERNALDATE, as Dovecot and others read them."""

    def _make(self) -> None:
        # The folder at the top of a tree must be one itself.
        tree = "/".join(self._place.split("/")[:2])
        for place in dict.fromkeys((tree, self._place)):
            for part in ("cur", "new", "tmp"):
                folders(self._target, f"{place}/{part}")
        if self._place != tree:
            # So that programs know it for a folder of the tree above.
            (self._target / self._place / "maildirfolder").touch(mode=0o600)
        cur = self._target / self._place / "cur"
        self._there = {name.partition(":2,")[0]: name for name in os.listdir(cur)}

    def _has(self, message: Place) -> bool:
        # A mail program may have renamed it since.
        name = self._there.get(self._name(message))
        if name is not None and name != self._file(message).name:
            return True
        return super()._has(message)

    def _name(self, message: Place) -> str:
        digits = message.sha256.hex()[:16]
        return f"{moment(message) or 0}.{message.message}_{digits}.archivar,S={message.size}"

    def _file(self, message: Place) -> Path:
        return self._target / self._place / "cur" / f"{self._name(message)}:2,{maildir_info(message.flags)}"

    def _aside(self, message: Place) -> Path:
        return self._target / self._place / "tmp" / self._name(message)

    def _dress(self, file: Path, message: Place) -> None:
        if (when := moment(message)) is not None:
            os.utime(file, (when, when))


def moment(message: Place) -> int | None:
    """When a message arrived, or what its header says, in seconds since 1970; within what file systems can hold."""
    when = message.arrived
    return None if when is None else min(max(when, 0), 2**32)


def line(folder: Folder, message: Place, file: str) -> Line:
    """The manifest's line on a message that is a file of its own."""
    of = (folder.owner, folder.user, folder.path)
    return Line(file, message.sha256.hex(), message.size, *of, message.message, message.flags, message.internaldate)


def folders(target: Path, place: str) -> None:
    """Make the folders of ``place`` below ``target``. Mail is nobody else's business, whatever the umask."""
    path = target
    for level in place.split("/"):
        path = path / level
        path.mkdir(mode=0o700, exist_ok=True)
