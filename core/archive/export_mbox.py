"""One mbox file for each folder, as mboxrd. It gets its name when it is whole; until then it grows, and is gone on with."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from core.archive import mbox
from core.archive.export_files import folders, line, moment
from core.archive.manifest import Line, Manifest, digest
from core.archive.selection import Folder, Place
from core.errors import InputError

#: So much is written before the manifest tells of it: what it tells of is on the disk.
CHECKPOINT_BYTES = 16 * 1024 * 1024
CHECKPOINT_MESSAGES = 500


class Mboxes:
    """``user/folder.mbox``, and ``folder.2.mbox`` for what comes in a later export."""

    def __init__(self, target: Path, manifest: Manifest) -> None:
        self._target = target
        self._manifest = manifest
        self._part: BinaryIO | None = None
        self._lines: list[Line] = []
        self._file = ""
        self._position = self._told = 0

    async def begin(self, folder: Folder, place: str) -> None:
        self._folder, self._place = folder, place
        await asyncio.to_thread(folders, self._target, place.rpartition("/")[0])

    async def has(self, message: Place) -> bool:
        return self._manifest.has(self._folder.owner, self._folder.path, message.message)

    async def write(self, message: Place, raw: bytes) -> None:
        await asyncio.to_thread(self._write, message, raw)

    def _write(self, message: Place, raw: bytes) -> None:
        part = self._part or self._open()
        head, data = mbox.separator(moment(message)), mbox.quoted(raw)
        for piece in (head, data, mbox.after(raw)):
            part.write(piece)
        told = line(self._folder, message, self._file)
        self._lines.append(replace(told, offset=self._position + len(head), length=len(data)))
        self._position += len(head) + len(data) + len(mbox.after(raw))
        if len(self._lines) >= CHECKPOINT_MESSAGES or self._position - self._told >= CHECKPOINT_BYTES:
            self._checkpoint()

    def _open(self) -> BinaryIO:
        """Go on with the file that was broken off, or begin one."""
        self._file = self._next()
        path = self._target / f"{self._file}.part"
        part = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        end = self._manifest.ends.get(self._file, 0)
        if os.fstat(part.fileno()).st_size < end:
            part.close()
            raise InputError(f"{path} is shorter than the manifest says.", "Export to an empty folder.")
        part.seek(end)
        if end:
            # What parts the last message from the next one may have been lost.
            part.seek(end - 1)
            part.write(mbox.after(part.read(1)))
        part.truncate()
        self._position = self._told = part.tell()
        self._part = part
        return part

    def _next(self) -> str:
        """The name that is free: files that are there are never added to."""
        number, file = 1, f"{self._place}.mbox"
        while (self._target / file).exists():
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

    async def end(self) -> None:
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        if self._part is None and self._next() in self._manifest.ends:
            # Broken off after its last message.
            self._open()
        if self._part is not None:
            self._checkpoint()
            self._close()
            path = self._target / self._file
            if path.exists():
                raise InputError(f"{path} has come there meanwhile.", "Export to an empty folder.")
            os.replace(f"{path}.part", path)
        for file in [file for file in self._manifest.ends if file not in self._manifest.sums]:
            if (self._target / file).exists():
                self._manifest.whole(file, digest(self._target / file).hex())

    def stop(self) -> None:
        if self._part is not None:
            try:
                self._checkpoint()
            except OSError:
                # Full: what the manifest does not tell of is written again next time.
                self._lines = []
            self._close()

    def _close(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            try:
                part.close()
            except OSError:
                # Its buffer goes nowhere any more; the manifest does not tell of what was in it.
                return
