"""Sealed volumes on their way into the storage: put, read back, compared, entered in the ledger, noted beside the volume.

In this order, so that a process that is killed anywhere leaves nothing wrong: what is there already is compared, and not put
again; an entry that is there is not written twice; a local copy goes last, and only with the note.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import storage_state
from core.archive.store.entries.records import SettingSaved
from core.archive.store.entries.upkeep import VolumeStored
from core.archive.store.ledger import Draft
from core.archive.store.volume import Volume
from core.config import Home
from core.errors import DamagedError, InputError, StorageError, UnfetchedError
from core.problems import bucket as problems
from core.problems.code import Reason
from core.secrets import Secret
from core.storage import configuration, copies, fetching, notes, opening, place, proving
from core.storage.keys import VolumeKey
from core.storage.line import LineLimit
from core.storage.notes import StoredNote
from core.storage.place import StoragePlace
from core.storage.port import CHUNK, StoredObject, VolumeStorage
from core.values import dataclass

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push: names of the volumes stored and of the copies removed, and what failed, by volume.

    ``held``: the reason why the rest waits for another hour, which is no failure.
    """

    stored: tuple[str, ...]
    removed: tuple[str, ...]
    failed: Mapping[str, Reason]
    held: Reason | None = None


# The definition ------------------------------------------------------------------------------------------------------------


async def configure(
    archive: Archive,
    wanted: StoragePlace,
    secret: Secret | None,
    *,
    actor: str,
    step: Report = lambda name: None,
    trial: Callable[[VolumeStorage, StoragePlace], None] = lambda storage, place: None,
) -> StoragePlace:
    """Try a storage out, and save it. Raises ``InputError`` with nothing changed when it is not fit for this archive.

    ``secret``: None keeps the one that is stored for the same server and key. ``trial``: what is to be tried besides.
    """
    wanted = place.checked(wanted)
    home = archive.home
    if not wanted.is_bucket and home.holds(Path(wanted.where)):
        raise InputError(problems.NOT_ALLOWED(field="where", value=wanted.where, allowed="a folder outside the home"))
    if secret is None and wanted.access_key:
        secret = configuration.secret(home, wanted)
        if secret is None:
            raise InputError(problems.NO_SECRET(key=wanted.access_key))
    archive.check_usable()
    storage = opening.opened(wanted, secret, tries=1)
    await asyncio.to_thread(proving.try_out, storage, archive.archive_id, step)
    before = configuration.read(home)
    moved = before is None or (before.where, before.endpoint) != (wanted.where, wanted.endpoint)
    if moved:
        await asyncio.to_thread(_refuse_unreachable, home, storage)
    await asyncio.to_thread(trial, storage, wanted)
    async with archive.changing():
        # The entry first, so that no definition changes without one.
        await archive.append([Draft(SettingSaved("storage", wanted.where), actor)])
        if moved:
            # What is in another storage is not in this one: it is put, or compared, before its copy may go. A process that is
            # killed before the definition is saved has the earlier storage, in which all that is compared again.
            for volume in copies.volumes(home):
                notes.give_up(volume)
        configuration.write(home, wanted, secret)
        await storage_state.begun_anew(archive.database)
    return wanted


def _refuse_unreachable(home: Home, storage: VolumeStorage) -> None:
    """Raise ``InputError`` when a volume is in another storage alone, of which ``storage`` has no object of that size."""
    count = 0
    for volume in copies.volumes(home):
        note = notes.read(volume) if notes.is_away(volume) else None
        if note is not None:
            there = storage.head(note.key)
            count += there is None or there.size != note.size
    if count:
        raise InputError(problems.STILL_AWAY(count=count))


async def forget(archive: Archive, *, actor: str) -> None:
    """Store no more volumes. Raises ``InputError`` while some are in the storage alone."""
    if away := [one.name for one in copies.volumes(archive.home) if notes.is_away(one)]:
        raise InputError(problems.STILL_AWAY(count=len(away)))
    async with archive.changing():
        await archive.append([Draft(SettingSaved("storage", "off"), actor)])
        configuration.remove(archive.home)
        await storage_state.begun_anew(archive.database)


async def limit_line(archive: Archive, text: str, *, actor: str) -> None:
    """Save the limit of the line to the storage (``core.storage.line``). Raises ``InputError``."""
    LineLimit.parse(text)
    if configuration.read(archive.home) is None:
        raise InputError(problems.NOT_SET())
    async with archive.changing():
        await archive.append([Draft(SettingSaved("storage_line", text), actor)])
        configuration.limit_line(archive.home, text)


# Storing -------------------------------------------------------------------------------------------------------------------


async def push(archive: Archive, *, actor: str, report: Report = lambda name: None) -> Pushed:
    """Store all volumes that wait. Raises ``InputError`` without a storage; what fails is in the result, and kept for Home."""
    home = archive.home
    archive.check_usable()
    storage = configuration.opened(home, limited=True)
    stored, failed, held = [], {}, None
    await archive.catch_up()
    numbers = list(copies.waiting(home))
    known = {one.key: one for one in await stored_volumes(archive)} if numbers else {}
    for number in numbers:
        volume = home.volume(number)
        report(volume.name)
        began = time.monotonic()
        try:
            await store(archive, storage, number, known, actor=actor)
            stored.append(volume.name)
            await storage_state.measured(home, archive.database, volume, time.monotonic() - began)
        except (StorageError, DamagedError) as error:
            if error.reason.code == problems.LINE_CLOSED:
                held = error.reason
                break
            failed[volume.name] = error.reason
            if error.reason.code in _FOR_ALL:
                break
    removed = await asyncio.to_thread(copies.make_room, home)
    if failed:
        await storage_state.failed(archive.database, next(iter(failed.values())))
    else:
        await storage_state.succeeded(archive.database)
    return Pushed(tuple(stored), tuple(removed), failed, held)


#: What keeps every volume from being stored, and not one.
_FOR_ALL = {
    *(problems.UNREACHABLE, problems.DENIED, problems.KEY_REFUSED, problems.CLOCK, problems.REGION, problems.BUCKET_MISSING),
    *(problems.FULL, problems.FOLDER_MISSING, problems.REFUSED, problems.BUSY, problems.CERTIFICATE, problems.PROXY),
    problems.NO_KEY,
}


async def store(
    archive: Archive,
    storage: VolumeStorage,
    number: int,
    known: dict[str, VolumeStored],
    *,
    avoid: Collection[str] = (),
    actor: str,
) -> None:
    """Store one volume, by a key that is not among ``avoid``. ``known``: the ledger's entries by key, to which it is added.

    Raises ``StorageError``, ``DamagedError``.
    """
    volume = archive.home.volume(number)
    await _refuse_unsealed(volume)
    _, size, modified = facts = _facts(volume)
    sha256 = await asyncio.to_thread(sha256_of, volume)
    key = _free_key(VolumeKey(archive.archive_id, number), known, sha256, avoid)
    put = await asyncio.to_thread(storage.put_if_absent, str(key), volume, sha256)
    try:
        await asyncio.to_thread(proving.prove, storage, str(key), sha256)
    except DamagedError as error:
        if put or str(key) in known or error.reason.code != problems.CHANGED:
            raise
        raise StorageError(problems.TAKEN(where=storage.where, file=volume.name, key=str(key))) from error
    if _facts(volume) != facts:
        # A repair has replaced it: the next push stores the new file.
        return
    async with archive.changing():
        known |= {one.key: one for one in await stored_volumes(archive)}
        if str(key) not in known:
            known[str(key)] = VolumeStored(number, str(key), sha256, size)
            await archive.append([Draft(known[str(key)], actor)])
        wanted = configuration.read(archive.home)
        if wanted is not None and (wanted.where, wanted.endpoint) == (storage.where, storage.server):
            # Else another storage has been set since, for which it waits.
            await asyncio.to_thread(notes.write, volume, StoredNote(str(key), sha256, size, modified))


def _free_key(key: VolumeKey, known: Mapping[str, VolumeStored], sha256: bytes, avoid: Collection[str]) -> VolumeKey:
    """The first generation that is not known to be another state of the volume."""
    while str(key) in avoid or ((there := known.get(str(key))) is not None and there.sha256 != sha256):
        key = key.next()
    return key


async def _refuse_unsealed(path: Path) -> None:
    """Raise ``DamagedError`` for a volume that is damaged or not sealed: what is stored is for ever."""
    volume = await Volume.open(path, read_only=True)
    try:
        if volume.fault is not None:
            raise volume.fault
        if not await volume.is_sealed():
            raise DamagedError(problems.NOT_SEALED(file=path.name))
    finally:
        await volume.close()


def _facts(volume: Path) -> tuple[int, int, int]:
    there = volume.stat()
    return there.st_ino, there.st_size, there.st_mtime_ns


def sha256_of(path: Path) -> bytes:
    """The SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.digest()


async def stored_volumes(archive: Archive) -> list[VolumeStored]:
    """The ledger's entries about stored volumes, in their order, as far as the catalog has followed it."""
    rows = await archive.database.read("SELECT volume, key, sha256, size FROM stored_volume ORDER BY seq")
    return [VolumeStored(volume, key, bytes(sha256), size) for volume, key, sha256, size in rows]


# Fetching and checking -----------------------------------------------------------------------------------------------------


async def pull(archive: Archive, *, report: Report = lambda name: None) -> tuple[list[str], dict[str, Reason]]:
    """Fetch all volumes that are in the storage alone: names of those fetched, and what failed."""
    fetched, failed = [], {}
    for volume in [one for one in copies.volumes(archive.home) if notes.is_away(one)]:
        report(volume.name)
        try:
            await asyncio.to_thread(fetching.bring, volume)
            fetched.append(volume.name)
        except (UnfetchedError, DamagedError) as error:
            failed[volume.name] = error.reason
    return fetched, failed


@dataclass(frozen=True, slots=True)
class StorageCheck:
    """The result of a check: the objects looked at, how many of them were read whole, and the findings by key."""

    objects: int
    read: int
    findings: Mapping[str, Reason]
    #: Volumes whose lost note was written anew.
    noted: tuple[str, ...]


async def check(archive: Archive, *, deep: bool = False, report: Report = lambda name: None) -> StorageCheck:
    """Compare the storage with the ledger: every object that it names is there, of its size, and with ``deep`` of its SHA-256.

    The note of a volume that is nowhere else is written anew when the object is right. Raises ``StorageError``.
    """
    storage = configuration.opened(archive.home)
    await archive.catch_up()
    there = {one.key: one for one in await asyncio.to_thread(lambda: list(storage.list(archive.archive_id)))}
    findings: dict[str, Reason] = {}
    noted: list[str] = []
    read = 0
    latest = {one.volume: one for one in await stored_volumes(archive)}
    for one in latest.values():
        report(one.key)
        why = _missing_or_cut(storage, one, there)
        lost = not notes.path_of(archive.home.volume(one.volume)).exists()
        lost = lost and not archive.home.volume(one.volume).exists()
        if why is None and (deep or lost):
            read += 1
            why = await asyncio.to_thread(_proved, storage, one)
        if why is not None:
            findings[one.key] = why
        elif lost:
            volume = archive.home.volume(one.volume)
            note = StoredNote(one.key, one.sha256, one.size, time.time_ns())
            await asyncio.to_thread(notes.write, volume, note)
            noted.append(volume.name)
    return StorageCheck(len(there), read, findings, tuple(noted))


def _missing_or_cut(storage: VolumeStorage, one: VolumeStored, there: Mapping[str, StoredObject]) -> Reason | None:
    found = there.get(one.key)
    if found is None:
        return problems.GONE(where=storage.where, key=one.key)
    return problems.CHANGED(where=storage.where, key=one.key) if found.size != one.size else None


def _proved(storage: VolumeStorage, one: VolumeStored) -> Reason | None:
    try:
        proving.prove(storage, one.key, one.sha256)
    except DamagedError as error:
        return error.reason
    return None
