"""Export of one mbox file (mboxrd) for each folder. It is renamed when whole; a partial file is continued."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

from core.archive.read.selection import SelectedFolder, SelectedMessage
from core.archive.transfer.export_files import line, moment
from core.archive.transfer.manifest import Manifest, ManifestLine, digest
from core.errors import DamagedError, InputError, StorageError
from core.message import mbox
from core.message.octets import Bytes
from core.problems import export as problems
from core.system.open_folder import OpenFolder

#: Bytes written and synced before their lines go into the manifest.
CHECKPOINT_BYTES = 16 * 1024 * 1024
CHECKPOINT_MESSAGES = 500


class Mboxes:
    """``user/folder.mbox``, and ``folder.2.mbox`` for what comes in a later export."""

    def __init__(self, target: OpenFolder, manifest: Manifest) -> None:
        self._target = self._above = target
        self._open_folders = ExitStack()
        self._manifest = manifest
        self._part: BinaryIO | None = None
        self._lines: list[ManifestLine] = []
        self._file = ""
        self._position = self._told = 0

    def begin(self, folder: SelectedFolder, place: str) -> None:
        self._folder, self._place = folder, place
        above = self._target.below(self._place.rpartition("/")[0], make=True)
        self._above = self._open_folders.enter_context(above)

    def has(self, message: SelectedMessage) -> bool:
        return self._manifest.has(self._folder.owner, self._folder.path, message.message)

    def write(self, message: SelectedMessage, raw: Bytes) -> None:
        part = self._part or self._open()
        head = mbox.separator(moment(message))
        try:
            part.write(head)
            length = sum(map(part.write, mbox.quoted_chunks(raw)))
            after = mbox.after(raw)
            part.write(after)
        except (DamagedError, StorageError):
            self._take_back(part)
            raise
        told = line(self._folder, message, self._file)
        self._lines.append(replace(told, offset=self._position + len(head), length=length))
        self._position += len(head) + length + len(after)
        if len(self._lines) >= CHECKPOINT_MESSAGES or self._position - self._told >= CHECKPOINT_BYTES:
            self._checkpoint()

    def _take_back(self, part: BinaryIO) -> None:
        """Remove what was written of a damaged message, and a file that has no other."""
        part.seek(self._position)
        part.truncate()
        if not self._position:
            self._close()
            self._above.remove(f"{_name(self._file)}.part")

    def _open(self) -> BinaryIO:
        """Continue the partial file, or begin one."""
        self._file = self._next()
        name = f"{_name(self._file)}.part"
        part = os.fdopen(self._above.open(name, os.O_RDWR | os.O_CREAT), "r+b")
        end = self._manifest.ends.get(self._file, 0)
        if os.fstat(part.fileno()).st_size < end:
            part.close()
            raise InputError(problems.CUT(path=str(self._above.path / name)))
        part.seek(end)
        if end:
            # The separator after the last message may have been lost.
            part.seek(end - 1)
            part.write(mbox.after(part.read(1)))
        part.truncate()
        self._position = self._told = part.tell()
        self._part = part
        return part

    def _next(self) -> str:
        """An unused name: existing files are never appended to."""
        number, file = 1, f"{self._place}.mbox"
        while self._above.facts(_name(file)) is not None:
            number += 1
            file = f"{self._place}.{number}.mbox"
        return file

    def _checkpoint(self) -> None:
        if self._part is None or not self._lines:
            return
        self._part.flush()
        os.fsync(self._part.fileno())
        lines, self._lines = self._lines, []
        for one in lines:
            self._manifest.add(one)
            self._manifest.ends[self._file] = (one.offset or 0) + (one.length or 0)
        self._manifest.flush()
        self._told = self._position

    def end(self) -> None:
        if self._part is None and self._next() in self._manifest.ends:
            # Broken off after its last message.
            self._open()
        if self._part is not None:
            self._checkpoint()
            self._close()
            name = _name(self._file)
            if self._above.facts(name) is not None:
                raise InputError(problems.APPEARED(path=str(self._above.path / name)))
            self._above.replace(f"{name}.part", name)
        self._sum_up()
        self._open_folders.close()

    def _sum_up(self) -> None:
        """Record complete files in the manifest, those of a broken-off export too."""
        for file in [file for file in self._manifest.ends if file not in self._manifest.sums]:
            try:
                with self._target.below(file.rpartition("/")[0]) as folder:
                    whole = digest(folder, _name(file)).hex()
            except FileNotFoundError:
                # Not begun again yet, or removed.
                continue
            self._manifest.whole(file, whole)

    def stop(self) -> None:
        if self._part is not None:
            try:
                self._checkpoint()
            except OSError:
                # Disk full: messages without a line are written again next time.
                self._lines = []
            self._close()
        self._open_folders.close()

    def _close(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            try:
                part.close()
            except OSError:
                # Its buffer is discarded; the manifest has no lines of it.
                return


def _name(place: str) -> str:
    """The file's name in its folder."""
    return place.rpartition("/")[2]
