"""Import: mail that people already have as files, into a user's archive, byte for byte.

What holds here: what is in a folder already is not put there again, so an import can be repeated, and goes on where it was
stopped; what cannot be imported is named with its file and the reason, and stops nothing else. One entry of the ledger a batch.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import config
from core.archive import mail_files, manifest, mbox
from core.archive.archive import Archive
from core.archive.ledger import Draft
from core.archive.mail_files import Format, Found, Stranger, Unusable
from core.errors import InputError
from core.model import User
from core.tasks import spawn

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
    """What an import has done so far; ``read`` of ``bytes_total`` bytes are gone through.

    ``already``: the folder has that very message. ``strangers``: files that are no mail.
    """

    bytes_total: int = 0
    read: int = 0
    messages: int = 0
    bytes: int = 0
    already: int = 0
    folder: str = ""
    folders: set[str] = field(default_factory=set)
    formats: set[Format] = field(default_factory=set)
    problems: list[Failure] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.messages + self.already + len(self.problems)

    def as_json(self) -> dict[str, Any]:
        return {
            "messages": self.messages,
            "bytes": self.bytes,
            "already": self.already,
            "folders": sorted(self.folders),
            "formats": sorted(self.formats),
            "problems": [one.as_json() for one in self.problems],
            "strangers": self.strangers,
        }


@dataclass(slots=True)
class _Batch:
    """Messages for one folder, read and hashed, and what else came by."""

    folder: str = ""
    messages: list[tuple[Found, bytes, bytes]] = field(default_factory=list)
    bytes: int = 0
    problems: list[Failure] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


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
    actor: str = "archivar",
    tick: Callable[[Imported], None] = lambda imported: None,
) -> Imported:
    """Put the mail at ``path`` into ``folder`` of the user's archive and below; ``tick`` is called after each batch.

    Without ``folder`` mail of an export goes where it was, other mail to ``DEFAULT_FOLDER``. ``of``: the user whose archive is
    wanted of an export that holds several. Raises ``InputError`` (nothing there), ``StorageError``.
    """
    check_folder(folder)
    refuse_own(archive.home, path)
    owner = await asyncio.to_thread(whose, path, of, user) if form is Format.AUTO else ""
    if owner:
        source: Iterator[Found | Unusable | Stranger] = mail_files.exported(path, owner)
        base = folder
    else:
        source = mail_files.search(path, form)
        base = folder or (DEFAULT_FOLDER if path.is_dir() else f"{DEFAULT_FOLDER}/{mail_files.text(path.stem) or 'mail'}")
    done = Imported(await asyncio.to_thread(_size, path))
    batches = _Batches(source, base)
    coming = spawn(asyncio.to_thread(batches.take), name="read mail")
    try:
        while (batch := await coming) is not None:
            coming = spawn(asyncio.to_thread(batches.take), name="read mail")
            await _store(archive, user, path, batch, done, actor)
            tick(done)
    finally:
        # The thread reads its batch to the end; after an error nobody asks for it any more.
        await asyncio.wait([coming])
        _ = coming.cancelled() or coming.exception()
    if not done.done:
        raise InputError(f"There is no mail at {path}.", "Say what is there with --format, if it is mail.")
    return done


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

    def __init__(self, source: Iterator[Found | Unusable | Stranger], base: str) -> None:
        self._source = source
        self._base = base
        self._held: Found | None = None

    def take(self) -> _Batch | None:
        """The next batch; None at the end."""
        batch = _Batch()
        while len(batch.messages) < BATCH_MESSAGES and len(batch.problems) < BATCH_MESSAGES:
            found = self._held or next(self._source, None)
            self._held = None
            if found is None:
                return batch if batch.messages or batch.problems or batch.strangers else None
            if isinstance(found, Stranger):
                batch.strangers.append(found.name)
            elif isinstance(found, Unusable):
                batch.problems.append(Failure(found.name, found.reason))
            else:
                folder = f"{self._base}/{found.folder}".strip("/")
                if batch.messages and (folder != batch.folder or batch.bytes + found.size > BATCH_BYTES):
                    self._held = found
                    return batch
                batch.folder = folder
                self._read(found, batch)
        return batch

    def _read(self, found: Found, batch: _Batch) -> None:
        try:
            raw = found.read()
        except OSError as error:
            batch.problems.append(Failure(found.name, f"it cannot be read: {error.strerror}"))
            return
        sha256 = hashlib.sha256(raw).digest()
        if not raw:
            batch.problems.append(Failure(found.name, "it is empty"))
        elif found.sha256 and found.sha256 != sha256.hex():
            batch.problems.append(Failure(found.name, "it is not what the manifest says: the file was changed or is damaged"))
        else:
            batch.messages.append((found, raw, sha256))
            batch.bytes += len(raw)


async def _store(archive: Archive, user: User, path: Path, batch: _Batch, done: Imported, actor: str) -> None:
    done.problems += batch.problems
    done.strangers += batch.strangers
    if not batch.messages:
        return
    there = await _placed(archive, user, batch.folder, [sha256 for _, _, sha256 in batch.messages])
    fresh = {sha256: (found, raw) for found, raw, sha256 in reversed(batch.messages) if sha256 not in there}
    if fresh:
        ready = await archive.prepare([raw for _, raw in fresh.values()])
        rows: list[list[Any]] = [
            [sha256.hex(), len(raw), found.internaldate, mbox.flags(raw) if found.status_fields else found.flags]
            for sha256, (found, raw) in fresh.items()
        ]
        kinds = sorted({found.kind for found, _ in fresh.values()})
        payload = {
            "owner": user.id,
            "user": user.name,
            "folder": batch.folder,
            "format": ", ".join(kinds),
            "path": str(path),
            "messages": rows,
        }
        await archive.append([Draft("imported", payload, actor)], ready)
    done.folder = batch.folder
    done.folders.add(batch.folder)
    done.formats |= {found.kind for found, _, _ in batch.messages}
    done.messages += len(fresh)
    done.already += len(batch.messages) - len(fresh)
    done.bytes += sum(len(raw) for _, raw in fresh.values())
    done.read += batch.bytes


async def _placed(archive: Archive, user: User, folder: str, digests: Sequence[bytes]) -> set[bytes]:
    """Those of ``digests`` that lie in the folder now."""
    rows = await archive.database.read(
        f"SELECT m.sha256 FROM message m JOIN folder f ON f.owner = ? AND f.path = ? "
        "JOIN placement p ON p.folder_id = f.id AND p.message_id = m.id AND p.until_seq IS NULL "
        f"WHERE m.sha256 IN ({','.join('?' * len(digests))})",
        (user.id, folder, *digests),
    )
    return {bytes(row[0]) for row in rows}
