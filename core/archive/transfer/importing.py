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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import config
from core.archive.archive import Archive
from core.archive.catalog import twins
from core.archive.store.entries import transfers
from core.archive.store.entries.transfers import Files, ImportedMessage
from core.archive.store.entries.values import OwnedFolder
from core.archive.store.ledger import Draft
from core.archive.transfer import file_kinds, kerio, mail_files, manifest
from core.archive.transfer.kerio import Account
from core.archive.transfer.mail_items import (
    Finding,
    FoundMail,
    ImportFormat,
    Item,
    LeftOut,
    Message,
    StrangeFile,
    Unusable,
    text,
)
from core.archive.transfer.trees import UnusableFile, unread
from core.errors import InputError
from core.model import User
from core.problems import importing as problems
from core.problems import mail_file
from core.system.tasks import spawn
from core.text.format import counted

#: The archive folder of mail without one.
DEFAULT_FOLDER = "Imported"
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


def refuse_own(home: config.Home, path: Path) -> None:
    """Raise ``InputError`` for the archive's own files, also for a folder that contains them.

    They hold no mail files, and closing a file of the archive would release the locks that this process has on it.
    """
    if home.holds(path):
        raise InputError(problems.WITHIN_HOME(path=str(path)))
    if config.Home(path).holds(home.path):
        raise InputError(problems.AROUND_HOME(path=str(path)))


async def import_mail(
    archive: Archive,
    user: User,
    path: Path,
    *,
    folder: str = "",
    form: ImportFormat = ImportFormat.AUTO,
    of: str = "",
    account: Account | None = None,
    dry_run: bool = False,
    actor: str = "archivar",
    tick: Callable[[ImportProgress], None] = lambda imported: None,
) -> ImportProgress:
    """Put the mail at ``path`` into ``folder`` of the user's archive and below; ``tick`` is called after each batch.

    Without ``folder``, mail of an export goes to its former folders, other mail to ``DEFAULT_FOLDER``, and mail of Kerio's
    store (if ``form`` says so) to the folders of a run. ``of``: the user wanted from an export or a store with several;
    ``account`` is the same for a store. ``dry_run`` writes nothing. Raises ``InputError`` (nothing there), ``StorageError``.
    """
    check_folder(folder)
    refuse_own(archive.home, path)
    if not dry_run:
        archive.check_usable()
    source, base = await asyncio.to_thread(_source, path, form, user, folder, of, account)
    done = ImportProgress(await asyncio.to_thread(_size, path))
    batches = _Batches(source, base)
    coming = spawn(asyncio.to_thread(batches.take), name="read mail")
    try:
        while (batch := await coming) is not None:
            coming = spawn(asyncio.to_thread(batches.take), name="read mail")
            await _store(archive, user, path, batch, done, actor, dry_run)
            tick(done)
    finally:
        # The thread reads its batch to the end; after an error it would be left unawaited.
        await asyncio.wait([coming])
        _ = coming.cancelled() or coming.exception()
    if not done.done and not done.left_out and account is None:
        if done.strangers:
            raise InputError(problems.OTHER_FILES(path=str(path), file=done.strangers[0]))
        raise InputError(problems.NO_MAIL(path=str(path)))
    return done


def _source(
    path: Path, form: ImportFormat, user: User, folder: str, of: str, account: Account | None
) -> tuple[Iterator[Finding], str]:
    """The findings at the path, and their destination folder. Blocking. Raises ``InputError``."""
    owner = whose(path, of, user) if form is ImportFormat.AUTO else ""
    if owner:
        return mail_files.exported(path, owner), folder
    if account is None and form in (ImportFormat.AUTO, ImportFormat.KERIO):
        account = account_of(path, of, user, form)
    if form is ImportFormat.KERIO and account is not None:
        return mail_files.search(path, form, account), folder or _mailbox(user, account)
    stem = text(path.stem) or "mail"
    base = DEFAULT_FOLDER if mail_files.holds_folders(path, form) else f"{DEFAULT_FOLDER}/{stem}"
    return mail_files.search(path, form, account), folder or base


def _mailbox(user: User, account: Account) -> str:
    """The folder to which a run files this mailbox: the user's own, under the first address."""
    return user.addresses[0] if user.addresses and belongs(account, user) else account.address


def check_folder(folder: str) -> None:
    """Raise ``InputError`` for a path that cannot be a folder of the archive."""
    if not all(folder.split("/")) and folder:
        raise InputError(problems.NO_FOLDER_NAME(folder=folder))
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in folder):
        raise InputError(problems.CONTROL_CHARACTER())


def whose(path: Path, of: str, user: User) -> str:
    """The id of the export's owner that is meant; empty where there is no export. Blocking. Raises ``InputError``."""
    if not path.is_dir() or manifest.header(path) is None:
        return ""
    found = mail_files.owners(path)
    wanted = of or user.name
    fitting = [owner for owner, name in found.items() if name.casefold() == wanted.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if not of and len(found) == 1:
        return next(iter(found))
    if not found:
        raise InputError(problems.NO_ARCHIVE(path=str(path)))
    raise InputError(problems.SEVERAL_ARCHIVES(path=str(path), owners=tuple(sorted(found.values())[:20])))


def account_of(path: Path, of: str, user: User, form: ImportFormat) -> Account | None:
    """The mailbox of Kerio's store at ``path`` that is meant; None where there is no such store. Blocking.

    Raises ``InputError`` when it is ambiguous.
    """
    if not path.exists():
        return None
    found = list(kerio.accounts(path).found)
    wanted = of or user.name
    fitting = [one for one in found if wanted.casefold() in (one.address.casefold(), one.user.casefold())]
    if not of:
        fitting = [one for one in found if belongs(one, user)]
    if len(fitting) == 1:
        return fitting[0]
    if not found and form is ImportFormat.AUTO:
        return None
    if not found:
        raise InputError(problems.NO_MAILBOX(path=str(path)))
    if not of and len(found) == 1:
        return found[0]
    owners = tuple(sorted(one.address for one in found)[:20])
    raise InputError(problems.SEVERAL_MAILBOXES(path=str(path), owners=owners))


def belongs(account: Account, user: User) -> bool:
    """True when a mailbox of a store is the user's.

    By address; by login or name where the store has no domain, or the user no address.
    """
    addresses = {address.casefold() for address in user.addresses}
    if account.domain and any("@" in address for address in addresses):
        login = user.login.casefold()
        return account.address.casefold() in addresses or login == account.address.casefold()
    names = {user.name.casefold(), user.login.casefold(), *(address.partition("@")[0] for address in addresses)}
    return account.user.casefold() in names


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
            batch.problems.append(Unusable(found.name, unread(error) if isinstance(error, OSError) else error.reason))
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
            batch.problems.append(Unusable(found.name, mail_file.EMPTY()))
        elif found.sha256 and found.sha256 != sha256.hex():
            batch.problems.append(Unusable(found.name, mail_file.NOT_AS_LISTED()))
        elif kind is not None:
            batch.problems.append(Unusable(found.name, kind.reason))
        else:
            for folder in message.folders or (found.folder,):
                batch.messages.append(
                    _Read(f"{self._base}/{folder}".strip("/"), found.kind, message, sha256, bool(found.sha256))
                )
            batch.bytes += len(raw)
            if message.lacking:
                batch.problems.append(Unusable(found.name, message.lacking))


async def _store(
    archive: Archive, user: User, path: Path, batch: _Batch, done: ImportProgress, actor: str, dry_run: bool
) -> None:
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
        there = await twins.there(archive.database, user.id, folder, raws, exact=exported)
        kept = {sha256: one for sha256, one in found.items() if sha256 not in there.same}
        new = [sha256 for sha256 in kept if sha256 not in there.alike]
        count = sum(one.folder == folder for one in batch.messages)
        done.folder = folder
        done.found[folder] += count
        if not dry_run:
            done.repaired += await archive.writer.mend(raws, str(path), actor)
        done.formats |= {one.kind for one in found.values()}
        done.messages += len(new)
        done.already += count - len(new)
        done.twins += len(kept) - len(new)
        done.bytes += sum(len(raws[sha256]) for sha256 in new)
        if kept and not dry_run:
            drafts.append(_draft(user, path, folder, kept, there.forms, actor))
            fresh |= {sha256: raws[sha256] for sha256 in kept}
    if drafts:
        await archive.writer.append(drafts, await archive.writer.prepare(list(fresh.values())))


def _draft(
    user: User, path: Path, folder: str, messages: dict[bytes, _Read], forms: Mapping[bytes, bytes], actor: str
) -> Draft:
    rows = tuple(
        ImportedMessage(sha256, len(one.message.raw), one.message.internaldate, one.message.flags)
        for sha256, one in messages.items()
    )
    kinds = ", ".join(sorted({one.kind for one in messages.values()}))
    files = Files(kinds, str(path), exported=all(one.exported for one in messages.values()))
    said = {sha256: forms[sha256] for sha256 in messages if sha256 in forms}
    return Draft(transfers.Imported(OwnedFolder(user.id, folder), user.name, files, rows, said), actor)
