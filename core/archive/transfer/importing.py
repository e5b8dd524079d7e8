"""Import: users' existing mail files, into their archives, byte for byte.

Invariant: a message that is in a folder already is not added again, so an import can be repeated, and continues where it was
stopped; failures are listed with file and reason, and stop nothing else. A message that differs from one of the folder in its
line ends alone is that message: its bytes are kept too, and it counts as there already.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import twins
from core.archive.store.entries import transfers
from core.archive.store.entries.transfers import Files, ImportedMessage
from core.archive.store.entries.values import OwnedFolder
from core.archive.store.ledger import Draft
from core.archive.transfer import file_kinds, import_source
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.mail_items import (
    Finding,
    FoundMail,
    ImportFormat,
    Item,
    LeftOut,
    Message,
    StrangeFile,
    Unusable,
)
from core.archive.transfer.trees import UnusableFile, unread
from core.errors import InputError
from core.model import User
from core.problems import importing as problems
from core.problems import mail_file
from core.system.tasks import spawn
from core.text.format import counted
from core.values import dataclass

BATCH_BYTES = 8 * 1024 * 1024
BATCH_MESSAGES = 500


@dataclass(slots=True)
class ImportProgress:
    """The progress of an import or dry run; ``read`` of ``bytes_total`` bytes are done.

    ``already``: the folder has that message, ``twins`` of them with other line ends. ``repaired``: damaged messages that the
    archive has whole again. ``strangers``: files that are no mail. ``left_out``: groupware items beside mail. ``found``:
    messages by destination folder.
    """

    bytes_total: int = 0
    read: int = 0
    messages: int = 0
    bytes: int = 0
    already: int = 0
    twins: int = 0
    repaired: int = 0
    folder: str = ""
    found: Counter[str] = field(default_factory=Counter)
    formats: set[ImportFormat] = field(default_factory=set)
    problems: list[Unusable] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    left_out: Counter[Item] = field(default_factory=Counter)

    @property
    def folders(self) -> set[str]:
        return set(self.found)

    @property
    def done(self) -> int:
        return self.messages + self.already + len(self.problems)

    def as_json(self) -> dict[str, Any]:
        return {
            "messages": self.messages,
            "bytes": self.bytes,
            "already": self.already,
            "twins": self.twins,
            "repaired": self.repaired,
            "folders": sorted(self.folders),
            "formats": sorted(self.formats),
            "problems": [one.as_json() for one in self.problems],
            "strangers": self.strangers,
            "left_out": {item.value: self.left_out[item] for item in Item if self.left_out[item]},
        }


def left_out(done: ImportProgress) -> str:
    """The left out items in words: ``3 appointments, 1 contact``; empty when there are none."""
    return ", ".join(counted(done.left_out[item], _NAMES[item]) for item in Item if done.left_out[item])


_NAMES = {Item.CALENDAR: "appointment", Item.CONTACT: "contact", Item.TASK: "task", Item.NOTE: "note"}


@dataclass(frozen=True, slots=True)
class _Read:
    """A message read and hashed, with its destination."""

    folder: str
    kind: ImportFormat
    message: Message
    sha256: bytes
    #: Described by a manifest.
    exported: bool


@dataclass(slots=True)
class _Batch:
    """Messages, read and hashed, and the other findings between them."""

    messages: list[_Read] = field(default_factory=list)
    bytes: int = 0
    problems: list[Unusable] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    left_out: list[Item] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.messages) + len(self.problems) + len(self.strangers) + len(self.left_out)


async def import_mail(
    archive: Archive,
    source: ImportSource,
    target: ImportTarget,
    *,
    dry_run: bool = False,
    actor: str = "archivar",
    tick: Callable[[ImportProgress], None] = lambda imported: None,
) -> ImportProgress:
    """Put the mail of ``source`` into ``target`` and below; ``tick`` is called after each batch. ``dry_run`` writes nothing.

    Raises ``InputError`` (nothing there), ``StorageError``.
    """
    path = source.path
    import_source.check_folder(target.folder)
    import_source.refuse_own(archive.home, path)
    if not dry_run:
        archive.check_usable()
    found, base = await asyncio.to_thread(import_source.findings, source, target)
    done = ImportProgress(await asyncio.to_thread(_size, path))
    work = _Import(archive, target.user, path, done, actor, dry_run)
    batches = _Batches(found, base)
    coming = spawn(asyncio.to_thread(batches.take), name="read mail")
    try:
        while (batch := await coming) is not None:
            coming = spawn(asyncio.to_thread(batches.take), name="read mail")
            await work.store(batch)
            tick(done)
    finally:
        # The thread reads its batch to the end; after an error it would be left unawaited.
        await asyncio.wait([coming])
        _ = coming.cancelled() or coming.exception()
    if not done.done and not done.left_out and source.account is None:
        if done.strangers:
            raise InputError(problems.OTHER_FILES(path=str(path), file=done.strangers[0]))
        raise InputError(problems.NO_MAIL(path=str(path)))
    return done


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    total = 0
    for folder, _, files in os.walk(path):
        for file in files:
            try:
                total += os.lstat(os.path.join(folder, file)).st_size
            except OSError:
                # Gone since; its reader reports that.
                continue
    return total


class _Batches:
    """Divides the findings into batches, in threads, one after the other."""

    def __init__(self, source: Iterator[Finding], base: str) -> None:
        self._source = source
        self._base = base
        self._held: FoundMail | None = None

    def take(self) -> _Batch | None:
        """The next batch; None at the end."""
        batch = _Batch()
        while batch.count < BATCH_MESSAGES:
            found = self._held or next(self._source, None)
            self._held = None
            match found:
                case None:
                    return batch if batch.count else None
                case StrangeFile():
                    batch.strangers.append(found.name)
                case LeftOut():
                    batch.left_out.append(found.item)
                case Unusable():
                    batch.problems.append(found)
                case FoundMail():
                    if batch.messages and batch.bytes + found.size > BATCH_BYTES:
                        self._held = found
                        return batch
                    self._read(found, batch)
        return batch

    def _read(self, found: FoundMail, batch: _Batch) -> None:
        try:
            message = found.read()
        except (OSError, UnusableFile) as error:
            batch.problems.append(found.unusable(unread(error) if isinstance(error, OSError) else error.reason))
            return
        raw = message.raw
        sha256 = hashlib.sha256(raw).digest()
        kind = None if found.sha256 else file_kinds.told(raw[: file_kinds.BEGINNING])
        if kind is None and found.kind is ImportFormat.EML and not found.sha256:
            # A file in a mailbox was delivered as a message; one elsewhere may only be named like one.
            kind = file_kinds.document(raw[: file_kinds.BEGINNING])
        if message.item is not None:
            batch.left_out.append(message.item)
        elif not raw and found.size and not found.sha256:
            batch.problems.append(found.unusable(mail_file.EMPTY()))
        elif found.sha256 and found.sha256 != sha256.hex():
            batch.problems.append(found.unusable(mail_file.NOT_AS_LISTED()))
        elif kind is not None:
            batch.problems.append(found.unusable(kind.reason))
        else:
            for folder in message.folders or (found.folder,):
                batch.messages.append(
                    _Read(f"{self._base}/{folder}".strip("/"), found.kind, message, sha256, bool(found.sha256))
                )
            batch.bytes += len(raw)
            if message.lacking:
                batch.problems.append(found.unusable(message.lacking))


@dataclass(frozen=True, slots=True)
class _Import:
    """One import under way."""

    archive: Archive
    user: User
    path: Path
    done: ImportProgress
    actor: str
    dry_run: bool

    async def store(self, batch: _Batch) -> None:
        done = self.done
        done.problems += batch.problems
        done.strangers += batch.strangers
        done.left_out.update(batch.left_out)
        done.read += batch.bytes
        by_folder: dict[str, dict[bytes, _Read]] = {}
        for one in batch.messages:
            by_folder.setdefault(one.folder, {}).setdefault(one.sha256, one)
        fresh: dict[bytes, bytes] = {}
        drafts: list[Draft] = []
        for folder, found in by_folder.items():
            raws = {sha256: one.message.raw for sha256, one in found.items()}
            exported = all(one.exported for one in found.values())
            there = await twins.there(self.archive.database, self.user.id, folder, raws, exact=exported)
            kept = {sha256: one for sha256, one in found.items() if sha256 not in there.same}
            new = [sha256 for sha256 in kept if sha256 not in there.alike]
            count = sum(one.folder == folder for one in batch.messages)
            done.folder = folder
            done.found[folder] += count
            if not self.dry_run:
                done.repaired += await self.archive.writer.mend(raws, str(self.path), self.actor)
            done.formats |= {one.kind for one in found.values()}
            done.messages += len(new)
            done.already += count - len(new)
            done.twins += len(kept) - len(new)
            done.bytes += sum(len(raws[sha256]) for sha256 in new)
            if kept and not self.dry_run:
                drafts.append(self._draft(folder, kept, there.forms))
                fresh |= {sha256: raws[sha256] for sha256 in kept}
        if drafts:
            await self.archive.writer.append(drafts, await self.archive.writer.prepare(list(fresh.values())))

    def _draft(self, folder: str, messages: dict[bytes, _Read], forms: Mapping[bytes, bytes]) -> Draft:
        rows = tuple(
            ImportedMessage(sha256, len(one.message.raw), one.message.internaldate, one.message.flags)
            for sha256, one in messages.items()
        )
        kinds = ", ".join(sorted({one.kind for one in messages.values()}))
        files = Files(kinds, str(self.path), exported=all(one.exported for one in messages.values()))
        said = {sha256: forms[sha256] for sha256 in messages if sha256 in forms}
        return Draft(transfers.Imported(OwnedFolder(self.user.id, folder), self.user.name, files, rows, said), self.actor)
