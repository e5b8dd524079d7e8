"""Export: messages of a user's archive as files, byte for byte, in the archive's folders.

A file that is there already is never written over; the same export again goes on where it stopped. A manifest is not written
yet; each file's name carries the first 16 digits of its SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.archive.archive import Archive
from core.archive.ledger import Draft
from core.errors import ArchivarError, DamagedError, InputError, StorageError
from core.model import User

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
#: Names that Windows keeps for itself: an export ends up on all kinds of disks.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MAX_NAME = 80


@dataclass(slots=True)
class Exported:
    """What an export did. ``damaged`` names messages that could not be read from the archive."""

    messages: int = 0
    bytes: int = 0
    already: int = 0
    damaged: list[str] = field(default_factory=list)


async def export_eml(
    archive: Archive,
    user: User,
    target: Path,
    *,
    folder: str = "",
    actor: str = "archivar",
    tick: Callable[[Exported], None] = lambda exported: None,
) -> Exported:
    """Write each message of ``user`` (in ``folder`` and below, when given) to ``target`` as an .eml file.

    Raises ``InputError`` (no such folder, target cannot be used), ``StorageError`` (disk full).
    """
    rows = await archive.database.read(
        "SELECT folder.path, message.id, message.sha256 FROM folder "
        "JOIN placement ON placement.folder_id = folder.id AND placement.until_seq IS NULL "
        "JOIN message ON message.id = placement.message_id WHERE folder.owner = ? "
        "AND (? = '' OR folder.path = ? OR substr(folder.path, 1, length(?) + 1) = ? || '/') "
        "ORDER BY folder.path, message.id",
        (user.id, folder, folder, folder, folder),
    )
    if folder and not rows:
        raise InputError(f'{user.name} has no mail in "{folder}".', "archivar folders shows the folders.")
    done = Exported()
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, number, sha256 in rows:
            place = target
            for level in path.split("/"):
                # Mail is nobody else's business, whatever the umask.
                place = place / file_name(level)
                place.mkdir(mode=0o700, exist_ok=True)
            await _export_one(archive, place, number, sha256, done)
            tick(done)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror}.", "Make space or choose another folder.") from error
    payload = {"owner": user.id, "folder": folder, "format": "eml", "messages": done.messages}
    await archive.append([Draft("exported", payload, actor)])
    return done


async def _export_one(archive: Archive, place: Path, number: int, sha256: bytes, done: Exported) -> None:
    file = place / f"{number:08}-{sha256.hex()[:16]}.eml"
    if file.exists():
        if await asyncio.to_thread(_digest, file) != sha256:
            raise InputError(f"{file} is there already and is another message.", "Export to an empty folder.")
        done.already += 1
        return
    try:
        raw = await archive.raw(sha256)
    except (DamagedError, KeyError) as error:
        reason = error.message if isinstance(error, ArchivarError) else "missing"
        done.damaged.append(f"{place.name}/{file.name}: {reason}")
        return
    await asyncio.to_thread(_write, file, raw)
    done.messages += 1
    done.bytes += len(raw)


def _write(file: Path, raw: bytes) -> None:
    temporary = file.with_suffix(".part")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(raw)
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _digest(file: Path) -> bytes:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()


def file_name(level: str) -> str:
    """A folder's name fit for any file system; when that changes it, a few digits keep two such names apart."""
    name = unicodedata.normalize("NFC", level)
    name = "".join(
        "_" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character for character in name
    )
    name = _FORBIDDEN.sub("_", name).rstrip(". ").lstrip(" ")
    while len(name.encode()) > _MAX_NAME:
        name = name[:-1]
    if not name.strip(".") or _RESERVED.fullmatch(name):
        name = f"_{name}"
    if name != level:
        name += f"~{hashlib.sha256(level.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
    return name
