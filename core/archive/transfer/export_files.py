"""Export of one file for each message: .eml files in folders, and Maildir as mail servers keep it."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack

from core.archive.read.selection import SelectedFolder, SelectedMessage
from core.archive.transfer.filenames import maildir_info
from core.archive.transfer.manifest import Manifest, ManifestLine, digest
from core.errors import DamagedError, InputError, StorageError
from core.message.octets import Bytes, chunks
from core.problems.export import OTHER_MESSAGE
from core.system.open_folder import OpenFolder


class _Files:
    """The common part of both: a message's file is written aside and renamed when it is whole.

    The mail folder's directory stays open while it is written, so that replacing it by a link cannot redirect the files.
    """

    def __init__(self, target: OpenFolder, manifest: Manifest) -> None:
        self._target = target
        self._manifest = manifest
        self._open = ExitStack()
        self._place = ""
        self._files = self._asides = target

    def begin(self, folder: SelectedFolder, place: str) -> None:
        self._folder, self._place = folder, place
        self._make()

    def _make(self) -> None:
        """Open the folder's directories, made when missing: the one for finished files, and the one to write in."""
        self._files = self._asides = self._opened(self._place)

    def _opened(self, place: str) -> OpenFolder:
        return self._open.enter_context(self._target.below(place, make=True))

    def has(self, message: SelectedMessage) -> bool:
        name = self._file(message)
        told = self._manifest.has(self._folder.owner, self._folder.path, message.message)
        facts = self._files.facts(name)
        if facts is None:
            return False
        same = stat.S_ISREG(facts.st_mode) and facts.st_size == message.size
        if not same or (not told and digest(self._files, name) != message.sha256):
            raise InputError(OTHER_MESSAGE(path=str(self._files.path / name)))
        if not told:
            # Its file was finished just before a crash.
            self._tell(message, name)
        return True

    def write(self, message: SelectedMessage, raw: Bytes) -> None:
        name, aside = self._file(message), self._aside(message)
        descriptor = self._asides.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            try:
                for chunk in chunks(raw):
                    _write(descriptor, chunk)
                self._dress(descriptor, message)
            finally:
                os.close(descriptor)
            self._asides.replace(aside, name, to=self._files)
        except (OSError, DamagedError, StorageError):
            self._asides.remove(aside)
            raise
        if not self._manifest.has(self._folder.owner, self._folder.path, message.message):
            self._tell(message, name)

    def _tell(self, message: SelectedMessage, name: str) -> None:
        self._manifest.add(line(self._folder, message, f"{self._within()}/{name}"))

    def _within(self) -> str:
        """The path of the folder's files, below the export's folder."""
        return self._place

    def _file(self, message: SelectedMessage) -> str:
        raise NotImplementedError

    def _aside(self, message: SelectedMessage) -> str:
        raise NotImplementedError

    def _dress(self, descriptor: int, message: SelectedMessage) -> None:
        """Set a file's metadata, once all its bytes are written."""

    def end(self) -> None:
        """Nothing to do: each file is complete by itself."""
        self._open.close()

    def stop(self) -> None:
        self._open.close()
        self._manifest.flush()


class Emls(_Files):
    """``user/folder/00000017-0123456789abcdef.eml``: the message's id and the beginning of its SHA-256."""

    def _file(self, message: SelectedMessage) -> str:
        return f"{message.message:08}-{message.sha256.hex()[:16]}.eml"

    def _aside(self, message: SelectedMessage) -> str:
        return self._file(message).removesuffix(".eml") + ".part"


class Maildirs(_Files):
    """Maildir++: flags stand in the file's name, and its time is INTERNALDATE, as Dovecot and others read them."""

    def _make(self) -> None:
        # The top folder of a tree must be a Maildir itself.
        tree = "/".join(self._place.split("/")[:2])
        for place in dict.fromkeys((tree, self._place)):
            self._opened(f"{place}/new")
            self._asides, self._files = self._opened(f"{place}/tmp"), self._opened(f"{place}/cur")
        if self._place != tree:
            # Marks a subfolder for programs that read Maildir++.
            os.close(self._opened(self._place).open("maildirfolder", os.O_WRONLY | os.O_CREAT))
        self._there = {name.partition(":2,")[0]: name for name in self._files.names()}

    def has(self, message: SelectedMessage) -> bool:
        # A mail program may have renamed it since.
        name = self._there.get(self._name(message))
        if name is not None and name != self._file(message):
            return True
        return super().has(message)

    def _name(self, message: SelectedMessage) -> str:
        digits = message.sha256.hex()[:16]
        return f"{moment(message) or 0}.{message.message}_{digits}.archivar,S={message.size}"

    def _within(self) -> str:
        return f"{self._place}/cur"

    def _file(self, message: SelectedMessage) -> str:
        return f"{self._name(message)}:2,{maildir_info(message.flags)}"

    def _aside(self, message: SelectedMessage) -> str:
        return self._name(message)

    def _dress(self, descriptor: int, message: SelectedMessage) -> None:
        if (when := moment(message)) is not None:
            os.utime(descriptor, (when, when))


def _write(descriptor: int, data: bytes) -> None:
    """Write all of ``data``: without a file object, which asks the system three times for what it is."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def moment(message: SelectedMessage) -> int | None:
    """A message's arrival, or its header's date, in seconds since 1970; within the range of file systems."""
    when = message.arrived
    return None if when is None else min(max(when, 0), 2**32)


def line(folder: SelectedFolder, message: SelectedMessage, file: str) -> ManifestLine:
    """The manifest's line on a message in a file of its own."""
    of = (folder.owner, folder.user, folder.path)
    return ManifestLine(file, message.sha256.hex(), message.size, *of, message.message, message.flags, message.internaldate)
