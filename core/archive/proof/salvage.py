"""Salvage of damaged messages: good bytes from equal parts in other volumes, or from another home such as a backup.

Every message is matched with the SHA-256 of the whole before it is given out. Reads only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from core.archive.archive import Archive
from core.archive.catalog import digests
from core.archive.proof.damage import NamedMessage, known, names
from core.archive.proof.opened_volumes import OpenedVolumes
from core.archive.store.volume import Volume
from core.archive.store.volume_format import plain, sound, unpack
from core.config import Home
from core.errors import DamagedError, InputError, StorageError
from core.problems import volume as problems
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class SalvagedMessage:
    """A message, matched with its SHA-256, and the source of its bytes, for display."""

    sha256: bytes
    raw: bytes
    origin: str


async def damaged(archive: Archive, tell: Callable[[int, int], None] = lambda done, total: None) -> list[NamedMessage]:
    """The messages that cannot be read, among those with findings and those in volumes with findings.

    ``tell`` gets the number tried, and their total.
    """
    standing = [one.finding for one in await known(archive)]
    wanted = {bytes.fromhex(one.sha256): None for one in standing if one.sha256}
    unusable = await archive.volumes.unusable()
    for number in archive.volumes.numbers():
        found_fault = any(one.where == archive.home.volume(number).name and not one.sha256 for one in standing)
        if found_fault or number in unusable:
            rows = await archive.database.read("SELECT sha256 FROM message WHERE volume = ? ORDER BY id", (number,))
            wanted |= {bytes(row[0]): None for row in rows}
    wrong = []
    for done, sha256 in enumerate(wanted):
        tell(done, len(wanted))
        if not await readable(archive, sha256):
            wrong.append(sha256)
    found = await names(archive, wrong)
    return [found[sha256] for sha256 in wrong]


async def readable(archive: Archive, sha256: bytes) -> bool:
    """True when the archive can read this message, byte for byte."""
    try:
        await archive.message(sha256)
    except (DamagedError, StorageError, KeyError):
        return False
    return True


async def from_other_volumes(volumes: OpenedVolumes, sha256: bytes) -> SalvagedMessage | None:
    """The message from the volume that lists it, with damaged parts taken from other volumes; or whole from another one."""
    for number in volumes.numbers():
        async with volumes.at(number) as volume:
            if volume is None:
                continue
            try:
                raw = await _patched(volumes, volume, sha256)
            except (DamagedError, StorageError, KeyError):
                continue
        if hashlib.sha256(raw).digest() == sha256:
            return SalvagedMessage(sha256, raw, f"parts in other volumes than {volumes.home.volume(number).name}")
    return None


async def from_other_form(archive: Archive, sha256: bytes) -> SalvagedMessage | None:
    """The message made from a twin, which differs in its line ends alone; matched like any other."""
    rows = await archive.database.read(
        "SELECT o.sha256 FROM message o WHERE o.canonical = ?1 UNION SELECT o.sha256 FROM message m JOIN message o "
        "ON (o.id = m.twin_of OR o.twin_of = coalesce(m.twin_of, m.id)) WHERE m.id = ?2 AND o.id <> m.id",
        (sha256, await digests.id_of(archive.database, sha256)),
    )
    for (other,) in rows:
        try:
            raw = await archive.raw(bytes(other))
        except (DamagedError, StorageError, KeyError):
            continue
        found = await asyncio.to_thread(_with_line_ends, raw, sha256)
        if found is not None:
            return SalvagedMessage(sha256, found, f"message {bytes(other).hex()[:16]}, which has other line ends")
    return None


def _with_line_ends(raw: bytes, sha256: bytes) -> bytes | None:
    plain = raw.replace(b"\r\n", b"\n")
    if b"\n" not in plain:
        plain = plain.replace(b"\r", b"\n")
    for end in (b"\r\n", b"\n", b"\r"):
        made = plain.replace(b"\n", end)
        if hashlib.sha256(made).digest() == sha256:
            return made
    return None


async def from_home(other: OpenedVolumes, sha256: bytes) -> SalvagedMessage | None:
    """The message from the volumes of another home; None when that has no good copy of it."""
    for number in other.numbers():
        async with other.at(number) as volume:
            if volume is None:
                continue
            try:
                return SalvagedMessage(sha256, await volume.raw(sha256), f"{other.home.path}")
            except (DamagedError, StorageError, KeyError):
                continue
    return None


async def _patched(volumes: OpenedVolumes, volume: Volume, sha256: bytes) -> bytes:
    """The message with its damaged parts replaced. Raises ``KeyError``, ``DamagedError`` when that is not possible."""
    record = (await volume.records([sha256]))[sha256]
    return b"".join([await _part(volumes, volume, part) for part in unpack(record.recipe)])


async def _part(volumes: OpenedVolumes, volume: Volume, part: int) -> bytes:
    row = await volume.database.one("SELECT sha256, codec, size, data FROM part WHERE id = ?", (part,))
    if row is None:
        raise KeyError(part)
    digest, *stored = row
    if isinstance(digest, bytes) and not await asyncio.to_thread(sound, digest, *stored):
        return await _equal_part(volumes, volume, part, digest)
    return plain(*stored)


async def _equal_part(volumes: OpenedVolumes, damaged: Volume, part: int, digest: bytes) -> bytes:
    for number in volumes.numbers():
        async with volumes.at(number) as volume:
            if volume is None:
                continue
            # Two processes may have written it twice into one volume.
            but = part if volume.path == damaged.path else 0
            try:
                rows = await volume.database.read(
                    "SELECT codec, size, data FROM part WHERE sha256 = ? AND id <> ? LIMIT 2", (digest, but)
                )
            except (DamagedError, StorageError):
                continue
            for row in rows:
                if await asyncio.to_thread(sound, digest, *row):
                    return plain(*row)
    raise KeyError(digest.hex())


def check_home(archive: Archive, other: Home) -> None:
    """Raise ``InputError`` when ``other`` has no volumes, or is this archive."""
    if not other.volume_numbers():
        raise InputError(problems.NO_VOLUMES(folder=str(other.volumes)))
    if other.path.resolve() == archive.home.path.resolve():
        raise InputError(problems.SAME_ARCHIVE(path=str(other.path)))
