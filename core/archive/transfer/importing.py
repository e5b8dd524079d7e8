"""Import: mail that people already have as files, into a user's archive, byte for byte.

What holds here: what is in a folder already is not put there again, so an import can be repeated, and goes on where it was
stopped; what cannot be imported is named with its file and the reason, and stops nothing else. A message that differs from
one of the folder in its line ends alone is that message: its bytes are kept too, and it is counted as there already.
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
from core.archive.transfer.mail_items import Finding, Format, Found, Item, LeftOut, Message, Stranger, Unusable, text
from core.archive.transfer.trees import Refused
from core.errors import InputError
from core.model import User
from core.system.tasks import spawn
from core.text.format import counted

#: Where mail without a place goes in the archive.
DEFAULT_FOLDER = "Imported"
BATCH_BYTES = 8 * 1024 * 1024
BATCH_MESSAGES = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """A message, or a file or folder, that could not be imported. ``name`` is below the path that is imported."""

    name: str
    reason: str

    def as_json(self) -> dict[str, str]:
        return {"file": self.name, "reason": self.reason}


@dataclass(slots=True)
class Imported:
    """The result of an import so far, or of a dry run; ``read`` of ``bytes_total`` bytes are gone through.

    ``already``: the folder has that very message, of which ``twins`` with other line ends. ``repaired``: the archive
    could not read them any more, and has them again. ``strangers``: files that are no mail. ``left_out``: what a groupware
    keeps beside mail. ``found``: messages by the folder that they are for.
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
    formats: set[Format] = field(default_factory=set)
    problems: list[Failure] = field(default_factory=list)
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


def left_out(done: Imported) -> str:
    """The items that were left out, with numbers: ``3 appointments, 1 contact``; empty when nothing was."""
    return ", ".join(counted(done.left_out[item], _NAMES[item]) for item in Item if done.left_out[item])


_NAMES = {Item.CALENDAR: "appointment", Item.CONTACT: "contact", Item.TASK: "task", Item.NOTE: "note"}


@dataclass(frozen=True, slots=True)
class _Read:
    """A message that was read and hashed, and where it goes."""

    folder: str
    kind: Format
    message: Message
    sha256: bytes
    #: A manifest tells what it is.
    exported: bool


@dataclass(slots=True)
class _Batch:
    """Messages, read and hashed, and what else came by."""

    messages: list[_Read] = field(default_factory=list)
    bytes: int = 0
    problems: list[Failure] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    left_out: list[Item] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.messages) + len(self.problems) + len(self.strangers) + len(self.left_out)


def refuse_own(home: config.Home, path: Path) -> None:
    """Raises ``InputError`` for the archive's own files, also for a folder in which they lie.

    There is no mail to find, and whoever closes a file of the archive takes away the locks that this process has on it.
    """
    if home.holds(path):
        raise InputError(f"{path} is in the archive's own folder.", "Nothing there is to be imported.")
    if config.Home(path).holds(home.path):
        raise InputError(f"The archive's own folder lies in {path}.", "Give the file or the folder with the mail itself.")


async def import_mail(
    archive: Archive,
    user: User,
    path: Path,
    *,
    folder: str = "",
    form: Format = Format.AUTO,
    of: str = "",
    account: Account | None = None,
    dry_run: bool = False,
    actor: str = "archivar",
    tick: Callable[[Imported], None] = lambda imported: None,
) -> Imported:
    """Put the mail at ``path`` into ``folder`` of the user's archive and below; ``tick`` is called after each batch.

    Without ``folder`` mail of an export goes where it was, other mail to ``DEFAULT_FOLDER``, and what is said to be Kerio's
    store where a run would file it. ``of``: the user whose archive is wanted of an export or a store that holds several;
    ``account`` says the same of a store. ``dry_run`` writes nothing. Raises ``InputError`` (nothing there), ``StorageError``.
    """
    check_folder(folder)
    refuse_own(archive.home, path)
    if not dry_run:
        archive.check_usable()
    source, base = await asyncio.to_thread(_source, path, form, user, folder, of, account)
    done = Imported(await asyncio.to_thread(_size, path))
    batches = _Batches(source, base)
    coming = spawn(asyncio.to_thread(batches.take), name="read mail")
    try:
        while (batch := await coming) is not None:
            coming = spawn(asyncio.to_thread(batches.take), name="read mail")
            await _store(archive, user, path, batch, done, actor, dry_run)
            tick(done)
    finally:
        # The thread reads its batch to the end; after an error nobody asks for it any more.
        await asyncio.wait([coming])
        _ = coming.cancelled() or coming.exception()
    if not done.done and not done.left_out and account is None:
        hint = f"No mail is in {done.strangers[0]}." if done.strangers else "Say what is there with --format, if it is mail."
        raise InputError(f"There is no mail at {path}.", hint)
    return done


def _source(
    path: Path, form: Format, user: User, folder: str, of: str, account: Account | None
) -> tuple[Iterator[Finding], str]:
    """What is to be gone through, and the folder that it is for. Blocking. Raises ``InputError``."""
    owner = whose(path, of, user) if form is Format.AUTO else ""
    if owner:
        return mail_files.exported(path, owner), folder
    if account is None and form in (Format.AUTO, Format.KERIO):
        account = account_of(path, of, user, form)
    if form is Format.KERIO and account is not None:
        return mail_files.search(path, form, account), folder or _mailbox(user, account)
    stem = text(path.stem) or "mail"
    base = DEFAULT_FOLDER if mail_files.holds_folders(path, form) else f"{DEFAULT_FOLDER}/{stem}"
    return mail_files.search(path, form, account), folder or base


def _mailbox(user: User, account: Account) -> str:
    """The folder to which a run files this mailbox: that of the user's own under the first address."""
    return user.addresses[0] if user.addresses and belongs(account, user) else account.address


def check_folder(folder: str) -> None:
    """Can it be a folder of the archive? Raises ``InputError``."""
    if not all(folder.split("/")) and folder:
        raise InputError(f'"{folder}" cannot be a folder.', "Give its path with / between the levels.")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in folder):
        raise InputError("The folder's name holds a control character.", "Give another one.")


def whose(path: Path, of: str, user: User) -> str:
    """Whose archive of the export is meant, by id; empty where there is no export. Blocking. Raises ``InputError``."""
    if not path.is_dir() or manifest.header(path) is None:
        return ""
    found = mail_files.owners(path)
    wanted = of or user.name
    fitting = [owner for owner, name in found.items() if name.casefold() == wanted.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if not of and len(found) == 1:
        return next(iter(found))
    names = ", ".join(sorted(found.values())[:20]) or "nobody"
    raise InputError(f"The export at {path} holds the archives of: {names}.", "Say whose is to be imported with --of NAME.")


def account_of(path: Path, of: str, user: User, form: Format) -> Account | None:
    """The mailbox of Kerio's store at ``path`` that is meant; None where there is no such store. Blocking.

    Raises ``InputError`` where it is not clear.
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
    if not found and form is Format.AUTO:
        return None
    if not found:
        raise InputError(
            f"There is no mailbox of Kerio Connect at {path}.", "Give the folder with DOMAIN/USER, a mailbox, or a backup."
        )
    if not of and len(found) == 1:
        return found[0]
    names = ", ".join(sorted(one.address for one in found)[:20])
    raise InputError(f"The store at {path} holds the mailboxes of: {names}.", "Say whose is to be imported with --of NAME.")


def belongs(account: Account, user: User) -> bool:
    """Is a mailbox of a store that of the user? By address; by login or name where no domain is told, or none of the user."""
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
                # Gone meanwhile; who reads it will say so.
                continue
    return total


class _Batches:
    """Cuts what is found into batches, in threads, one after the other."""

    def __init__(self, source: Iterator[Finding], base: str) -> None:
        self._source = source
        self._base = base
        self._held: Found | None = None

    def take(self) -> _Batch | None:
        """The next batch; None at the end."""
        batch = _Batch()
        while batch.count < BATCH_MESSAGES:
            found = self._held or next(self._source, None)
            self._held = None
            match found:
                case None:
                    return batch if batch.count else None
                case Stranger():
                    batch.strangers.append(found.name)
                case LeftOut():
                    batch.left_out.append(found.item)
                case Unusable():
                    batch.problems.append(Failure(found.name, found.reason))
                case Found():
                    if batch.messages and batch.bytes + found.size > BATCH_BYTES:
                        self._held = found
                        return batch
                    self._read(found, batch)
        return batch

    def _read(self, found: Found, batch: _Batch) -> None:
        try:
            message = found.read()
        except (OSError, Refused) as error:
            reason = f"it cannot be read: {error.strerror or error}" if isinstance(error, OSError) else str(error)
            batch.problems.append(Failure(found.name, reason))
            return
        raw = message.raw
        sha256 = hashlib.sha256(raw).digest()
        kind = None if found.sha256 else file_kinds.told(raw[: file_kinds.BEGINNING])
        if kind is None and found.kind is Format.EML and not found.sha256:
            # What lies in a mailbox was delivered as a message; a file may only be called one.
            kind = file_kinds.document(raw[: file_kinds.BEGINNING])
        if message.item is not None:
            batch.left_out.append(message.item)
        elif not raw and found.size and not found.sha256:
            batch.problems.append(Failure(found.name, "it is empty"))
        elif found.sha256 and found.sha256 != sha256.hex():
            batch.problems.append(Failure(found.name, "it is not what the manifest says: the file was changed or is damaged"))
        elif kind is not None:
            batch.problems.append(Failure(found.name, f"{kind.text}, and no mail"))
        else:
            for folder in message.folders or (found.folder,):
                batch.messages.append(
                    _Read(f"{self._base}/{folder}".strip("/"), found.kind, message, sha256, bool(found.sha256))
                )
            batch.bytes += len(raw)
            if message.lacking:
                batch.problems.append(Failure(found.name, f"it was imported, but {message.lacking}"))


async def _store(archive: Archive, user: User, path: Path, batch: _Batch, done: Imported, actor: str, dry_run: bool) -> None:
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
