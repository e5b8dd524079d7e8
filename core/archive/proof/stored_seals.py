"""Seals and time stamps in the storage: beside the volumes, and locked there when the storage is set to lock them.

``<archive id>/seals/000000001234-0123456789abcdef.seal`` is the line of a seal, and a token of a time-stamp authority has the
name that it has in the home. Before a seal is put, the last one there is compared with the ledger: an archive that was changed,
or put back to an older state, gets no new one until that is accepted. The names of those that were put are kept, so that one
that is gone is told.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from core import files
from core.archive.archive import Archive
from core.archive.proof import seal as seals
from core.archive.proof import token_files
from core.archive.proof.seal import Seal
from core.archive.registry import storage_state
from core.config import Home
from core.db import kept
from core.errors import DamagedError, InputError, StorageError
from core.model import moment, now, timestamp
from core.problems import bucket as problems
from core.problems import disk
from core.problems.code import Reason
from core.storage import configuration, keys, opening, place, proving
from core.storage.place import StoragePlace
from core.storage.port import StoredObject, VolumeStorage
from core.values import dataclass

#: The kept text with what was put last, and the names of all: ``{"where", "at", "seq", "tokens", "accepted", "put"}``.
STATE = "storage_seals"
#: Time after which a ledger that has grown is sealed again.
OFTEN = timedelta(hours=20)
#: Bytes; a seal is a line, and a token has a few kB.
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SealsThere:
    """The seals and time stamps in the storage: how many there are, how many were compared, and the findings by key.

    ``later``: seals of entries that come after the ledger's end.
    """

    count: int
    read: int
    findings: dict[str, Reason]
    later: int = 0


@dataclass(frozen=True, slots=True)
class SealsPut:
    """The result of a push: the names of seals and time stamps put, and by key what was there before and is gone.

    ``put`` has those of them that were put again.
    """

    put: tuple[str, ...]
    gone: dict[str, Reason]


async def due(archive: Archive) -> bool:
    """True when there is a time stamp that was not put, or a day's entries that no seal in the storage stands for."""
    state = await _state(archive)
    if len(token_files.tokens(archive.home)) != state.get("tokens"):
        return True
    with suppress(KeyError, TypeError, ValueError):
        return now() - moment(state["at"]) > OFTEN and (await archive.head()).seq != state["seq"]
    return True


async def push(archive: Archive, *, accept: bool = False, again: bool = True) -> SealsPut:
    """Put all time stamps that are not there, the seal of the last entry, and (``again``) what was removed there.

    ``accept``: although a seal there is not of this ledger, or is gone and cannot be made anew. A failure is kept for Home.
    Raises ``StorageError``, and ``DamagedError``; without ``again`` also for what is gone, once the rest was put.
    """
    archive.check_usable()
    try:
        done = await _push(archive, accept=accept, again=again)
        if done.gone and not again:
            reason = next(iter(done.gone.values()))
            raise DamagedError(reason)
    except (StorageError, DamagedError) as error:
        if error.reason.code != problems.LINE_CLOSED:
            await storage_state.failed(archive.database, error.reason, what=storage_state.SEALS_FAILURE)
        raise
    lost = {key: why for key, why in done.gone.items() if key.rpartition("/")[2] not in done.put}
    if lost and not accept:
        await storage_state.failed(archive.database, next(iter(lost.values())), what=storage_state.SEALS_FAILURE)
    else:
        await storage_state.succeeded(archive.database, what=storage_state.SEALS_FAILURE)
    return done


async def _push(archive: Archive, *, accept: bool, again: bool) -> SealsPut:
    storage, wanted = configuration.opened(archive.home, limited=True), configuration.read(archive.home)
    there = await asyncio.to_thread(_listed, storage, archive.archive_id)
    state = await _state(archive)
    accepted, known = set(state.get("accepted", ())), _known(state, there)
    newest = max((name for name in there if name.endswith(".seal") and name not in accepted), default="")
    if newest and not accept:
        reason = await _compared(archive, storage, newest)
        if reason is not None:
            raise DamagedError(reason)
    if accept:
        accepted = {name for name in there if name.endswith(".seal")}
    seal, tokens = await seals.current(archive), token_files.tokens(archive.home)
    wants = dict([_named(archive.archive_id, seal)]) | {path.name: path.read_bytes() for path in tokens}
    gone = _gone(storage, archive.archive_id, known, there)
    names = {key.rpartition("/")[2] for key in gone}
    for name in sorted(names):
        if again and name not in wants and (line := await _made_anew(archive, name)) is not None:
            wants[name] = line
    done = [name for name in sorted(wants) if name not in there and (again or name not in names)]
    for name in done:
        await asyncio.to_thread(_put, storage, wanted, archive.archive_id, name, wants[name])
    known = {*there, *done} if accept else {*known, *done}
    state = {"at": timestamp(now()), "seq": seal.seq, "tokens": len(tokens), "accepted": sorted(accepted)}
    state |= {"where": [storage.where, storage.server], "put": sorted(known)}
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, STATE, json.dumps(state))
    return SealsPut(tuple(done), gone)


def _known(state: dict[str, Any], there: Collection[str]) -> set[str]:
    """The names of all that was put; of an archive that has kept none yet, of all that is there."""
    return set(state.get("put", there)) | set(state.get("accepted", ()))


def _gone(storage: VolumeStorage, archive_id: str, known: Collection[str], there: Collection[str]) -> dict[str, Reason]:
    """The reasons for all that was put and is not there, by key."""
    gone = [keys.of_seals(archive_id, name) for name in sorted(known) if name not in there]
    return {key: problems.SEAL_GONE(where=storage.where, key=key) for key in gone}


async def _made_anew(archive: Archive, name: str) -> bytes | None:
    """The content of a seal by its name, from the ledger; None for any other file, and for a seal of another ledger."""
    if not name.endswith(".seal"):
        return None
    seq = int(name[:12])
    if not (entries := await archive.entries_before(seq + 1, 1)) or entries[0].seq != seq:
        return None
    at = (await archive.volumes.entry_times({seq})).get(seq, "")
    found, line = _named(archive.archive_id, Seal(seq, entries[0].hash, at))
    return line if found == name else None


def try_lock(storage: VolumeStorage, wanted: StoragePlace, archive_id: str, seal: Seal) -> None:
    """Put a seal, and see that the server has locked it. Raises ``InputError`` when it does not."""
    name, line = _named(archive_id, seal)
    try:
        _put(storage, wanted, archive_id, name, line)
    except (StorageError, DamagedError) as error:
        raise InputError(problems.UNFIT(why=error.reason)) from error


def _named(archive_id: str, seal: Seal) -> tuple[str, bytes]:
    """The name of a seal's object, and its content."""
    line = seals.line(archive_id, seal).encode() + b"\n"
    return f"{seal.seq:012}-{hashlib.sha256(line).hexdigest()[:16]}.seal", line


def _put(storage: VolumeStorage, wanted: StoragePlace | None, archive_id: str, name: str, content: bytes) -> None:
    key, lock = keys.of_seals(archive_id, name), place.lock_of(wanted, now()) if wanted is not None else None
    digest = hashlib.sha256(content).digest()
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        put = storage.put_if_absent(key, Path(file.name), digest, lock)
    proving.prove(storage, key, digest)
    if lock is not None and put:
        there = storage.head(key)
        if there is None or there.locked is None or there.locked < lock.until - timedelta(days=1):
            raise StorageError(problems.NOT_LOCKED(where=storage.where, server=storage.where, said=key))


def _listed(storage: VolumeStorage, archive_id: str) -> dict[str, StoredObject]:
    """The seals and time stamps in the storage, by name."""
    found = {one.key.rpartition("/")[2]: one for one in storage.list(keys.of_seals(archive_id, "").rstrip("/"))}
    return {name: one for name, one in found.items() if keys.seal_digits(name)}


async def _state(archive: Archive) -> dict[str, Any]:
    """The state kept by the last push; empty when that was into another storage, of which nothing is in this one."""
    place = configuration.read(archive.home)
    with suppress(ValueError):
        value = json.loads(await kept.value(archive.database, STATE) or "")
        if isinstance(value, dict) and (place is None or value.get("where") in (None, [place.where, place.endpoint])):
            return value
    return {}


# Checking and fetching -----------------------------------------------------------------------------------------------------


async def check(archive: Archive, *, deep: bool = False, returned: bool = False) -> SealsThere:
    """Compare seals and time stamps in the storage with the archive: the last seal, and with ``deep`` everything.

    What was put and is gone is always found.

    ``returned``: the archive was made anew from the storage, and lacks the entries of its open volume.
    """
    storage = configuration.opened(archive.home)
    there = await asyncio.to_thread(_listed, storage, archive.archive_id)
    state, head = await _state(archive), await archive.head()
    accepted = set(state.get("accepted", ()))
    names = sorted(name for name in there if name.endswith(".seal") and name not in accepted)
    later = [name for name in names if int(name[:12]) > head.seq] if returned else []
    names = [name for name in names if name not in later]
    findings = _gone(storage, archive.archive_id, _known(state, there), there)
    for name in names if deep else names[-1:]:
        if (found := await _compared(archive, storage, name)) is not None:
            findings[there[name].key] = found
    tokens = {path.name: path for path in token_files.tokens(archive.home)}
    read = len(names) if deep else len(names[-1:])
    for name in sorted(there):
        if name.endswith(".tsr") and (deep or (name in tokens and tokens[name].stat().st_size != there[name].size)):
            read += 1
            if await asyncio.to_thread(_content, storage, there[name].key) is None:
                findings[there[name].key] = problems.CHANGED(where=storage.where, key=there[name].key)
    return SealsThere(len(there), read, findings, len(later))


async def accept_later(archive: Archive) -> None:
    """Accept the seals of entries that were lost with the home whose archive was made anew from the storage."""
    storage = configuration.opened(archive.home)
    there = await asyncio.to_thread(_listed, storage, archive.archive_id)
    head = (await archive.head()).seq
    accepted = sorted(name for name in there if name.endswith(".seal") and int(name[:12]) > head)
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, STATE, json.dumps({"accepted": accepted}))


async def _compared(archive: Archive, storage: VolumeStorage, name: str) -> Reason | None:
    """The reason why a seal in the storage is not of this ledger; None when it is."""
    key = keys.of_seals(archive.archive_id, name)
    content = await asyncio.to_thread(_content, storage, key)
    if content is None:
        return problems.CHANGED(where=storage.where, key=key)
    found = seals.find(content.decode(errors="replace"), archive.archive_id)
    entries = await archive.entries_before(found[0].seq + 1, 1) if found else []
    if not found or not entries or (entries[0].seq, entries[0].hash) != (found[0].seq, found[0].hash):
        return problems.SEAL_NOT_CONTAINED(where=storage.where, entry=int(name[:12]))
    return None


def _content(storage: VolumeStorage, key: str) -> bytes | None:
    """A seal or time stamp; None when it is gone, or is not what its name says."""
    into = io.BytesIO()

    def refuse(count: int) -> None:
        if into.tell() > _LARGEST:
            raise DamagedError(problems.CHANGED(where=storage.where, key=key))

    try:
        digest = storage.read_whole(key, into, refuse)
    except DamagedError:
        return None
    digits = keys.seal_digits(key.rpartition("/")[2])
    return into.getvalue() if digest is not None and digits and digest.hex().startswith(digits) else None


def fetch_tokens(home: Home, wanted: StoragePlace, storage: VolumeStorage | None = None) -> int:
    """Put the time stamps of a storage into a home that has them not; their number. Raises ``StorageError``."""
    known = configuration.secret(home, wanted) if wanted.access_key else None
    storage = storage or opening.opened(wanted, known)
    archives: Collection[str] = {keys.archive_of(one.key) for one in storage.list()} - {""}
    count = 0
    for archive_id in archives:
        for name, one in _listed(storage, archive_id).items():
            target = home.path / token_files.FOLDER / name
            if not name.endswith(".tsr") or target.exists() or (content := _content(storage, one.key)) is None:
                continue
            try:
                target.parent.mkdir(mode=0o700, exist_ok=True)
                files.write(target, content)
            except OSError as error:
                raise StorageError(disk.UNWRITTEN(path=str(target), said=str(error.strerror))) from error
            count += 1
    return count
