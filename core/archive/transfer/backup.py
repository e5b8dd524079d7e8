"""Backup: a second home with the same archive, brought up to date each time, while runs go on.

Invariant: the copy's catalog is never ahead of its volumes, however a backup ended, since what is new in it is taken before the
volumes and put in place after them (``catalog_copy``). A volume that is there is identified by its meta (archive, number, last
hash) and not copied again. A folder that is not a backup of this archive is left as it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from core import files
from core.archive import noting
from core.archive.archive import Archive
from core.archive.catalog import lanes
from core.archive.proof import token_files
from core.archive.store import lane_volumes
from core.archive.store.entries.transfers import BackedUp, Copied
from core.archive.store.ledger import ZERO_HASH, Draft, Head
from core.archive.store.volume import Volume
from core.archive.store.volume_copy import bring_up
from core.archive.store.volume_extent import refuse_damaged
from core.archive.transfer import catalog_copy, last_backup
from core.archive.transfer.catalog_copy import CatalogCopy
from core.archive.transfer.last_backup import LastBackup
from core.config import IN_LANE, Home
from core.errors import BusyError, DamagedError, HomeError, InputError, StorageError
from core.model import now, timestamp
from core.problems import backup as problems
from core.problems import command_line, disk
from core.problems.code import Reason
from core.storage import notes
from core.system.open_folder import OpenFolder, account, refuse_unsafe_way
from core.values import dataclass

VERSION = 1
#: The folder that a file system of its own has from the beginning.
_NOTHING = {"lost+found"}


@dataclass(frozen=True, slots=True)
class UncopiedVolume:
    """A volume that could not be copied: the name of its file, and the reason, whose sentence names it too."""

    file: str
    why: Reason

    def as_json(self) -> dict[str, str]:
        return {"file": self.file, **command_line.coded(self.why)}


@dataclass(slots=True)
class Backup:
    """The progress of a backup. ``total``: bytes to be copied, estimated at its beginning; ``head``: the last entry copied.

    ``copied``: the numbers of the volumes that were written to; ``already``: volumes there and unchanged. ``damaged``: volumes
    that could not be copied, whose earlier copies the backup keeps; ``unnoted``: why the ledger has no entry of it.
    """

    total: int = 0
    bytes: int = 0
    copied: set[int] = field(default_factory=set)
    already: int = 0
    where: str = ""
    damaged: list[UncopiedVolume] = field(default_factory=list)
    unnoted: Reason | None = None
    #: The backup had the key, and has lost it on request.
    key_removed: bool = False
    head: Head = field(default_factory=lambda: Head(0, ZERO_HASH))

    @property
    def volumes(self) -> int:
        """The number of volumes that were written to."""
        return len(self.copied)


Tick = Callable[[Backup], None]


async def back_up(
    archive: Archive,
    target: Path,
    *,
    with_key: bool = True,
    actor: str = "archivar",
    tick: Tick = lambda done: None,
) -> Backup:
    """Bring the backup in ``target`` up to the archive, or begin it; ``tick`` is called after each piece.

    Without the key, the backup's passwords cannot be read. A broken-off backup is continued by the next one. Raises
    ``InputError``
    (not a folder for a backup of this archive), ``BusyError`` (another backup to it), ``StorageError`` (disk full),
    ``DamagedError``.
    """
    place = Home(_as_named(target))
    _refuse_home(archive.home, place)
    refuse_unsafe_way(place.path)
    done = Backup()
    try:
        with OpenFolder.own(place.path) as folder, _alone(place):
            _refuse_strange_files(folder)
            archive_id = str(await archive.database.value("SELECT archive_id FROM applied"))
            _begin(place, archive_id)
            await _copy(archive, place, done, tick, with_key=with_key)
            if done.damaged:
                return done
            _note(place, archive_id, complete={"at": timestamp(now()), "seq": done.head.seq, "hash": done.head.hash.hex()})
    except NotADirectoryError:
        raise InputError(disk.NO_FOLDER(path=str(target))) from None
    except OSError as error:
        raise StorageError(problems.STOPPED(path=str(target), said=str(error.strerror))) from error
    await _record(archive, place, done, actor, with_key=with_key)
    return done


def _as_named(target: Path) -> Path:
    """The path with links on the way resolved, but not a link in its last place."""
    absolute = target.absolute()
    return absolute.resolve() if absolute.name in ("", "..") else absolute.parent.resolve() / absolute.name


def _refuse_strange_files(folder: OpenFolder) -> None:
    """Raise ``InputError`` for a link or another account's file in a backup: copies would be written through it."""
    for one in folder.scan():
        path = folder.path / one.name
        facts = one.stat(follow_symlinks=False)
        if stat.S_ISLNK(facts.st_mode):
            raise InputError(disk.LINK_WITHIN(path=str(path)))
        if one.name in _NOTHING:
            continue
        if facts.st_uid != os.geteuid():
            us = account(os.geteuid())
            raise InputError(problems.OF_OTHER_ACCOUNT(path=str(path), owner=account(facts.st_uid), account=us))
        if stat.S_ISDIR(facts.st_mode):
            with folder.below(one.name) as inner:
                _refuse_strange_files(inner)


def release(home: Home) -> bool:
    """Make a backup an archive of its own; False when it is one already."""
    if not home.is_backup:
        return False
    home.backup_note.unlink()
    files.durable(home.path)
    return True


def _refuse_home(home: Home, place: Home) -> None:
    if home.is_backup:
        raise HomeError(problems.OF_BACKUP(path=str(home.path)))
    if home.overlaps(place.path):
        raise InputError(problems.WITHIN_HOME(path=str(place.path)))


@contextmanager
def _alone(place: Home) -> Iterator[None]:
    with files.lock(place.path) as held:
        if not held:
            raise BusyError(problems.UNDER_WAY(path=str(place.path)))
        yield


def _begin(place: Home, archive_id: str) -> None:
    """Check that the folder is a backup of this archive, or empty. Raises ``InputError`` before anything is written."""
    if not place.is_backup:
        if strange := sorted(set(os.listdir(place.path)) - _NOTHING - _begun(place)):
            raise InputError(problems.NOT_EMPTY(path=str(place.path), found=strange[0]))
        place.path.chmod(0o700)
        _note(place, archive_id)
    else:
        _check_note(place, archive_id)
    place.volumes.mkdir(mode=0o700, exist_ok=True)


def _begun(place: Home) -> set[str]:
    """Names of an unfinished marker file, in this version and in earlier ones."""
    return {files.aside(place.backup_note).name, f"{place.backup_note.name}.new"}


def _check_note(place: Home, archive_id: str) -> None:
    try:
        note = json.loads(place.backup_note.read_bytes())
        version, of = int(note["version"]), str(note["archive"])
    except (ValueError, TypeError, KeyError):
        raise InputError(problems.NOTE_UNREADABLE(path=str(place.backup_note))) from None
    if version > VERSION:
        raise InputError(problems.NEWER(path=str(place.path)))
    if of != archive_id:
        raise InputError(problems.OF_OTHER_ARCHIVE(path=str(place.path), archive=of))


def _note(place: Home, archive_id: str, complete: dict[str, Any] | None = None) -> None:
    value = {"version": VERSION, "archive": archive_id, "complete": complete}
    files.write(place.backup_note, json.dumps(value).encode() + b"\n")


async def _copy(archive: Archive, place: Home, done: Backup, tick: Tick, *, with_key: bool) -> None:
    try:
        await _copy_once(archive, place, done, tick, with_key=with_key)
    except catalog_copy.Unfit:
        # The volumes are there by now: only what came since is copied again.
        done.already = 0
        done.damaged.clear()
        await _copy_once(archive, place, done, tick, with_key=with_key, whole=True)


async def _copy_once(archive: Archive, place: Home, done: Backup, tick: Tick, *, with_key: bool, whole: bool = False) -> None:
    home = archive.home
    # Before the list of volumes is read: the entries that the catalog has applied are then in them.
    done.where = home.catalog.name
    tick(done)
    state, keys = await _take_state(home, place, whole=whole)
    try:
        await _copy_volumes(archive, place, done, tick)
        last = home.volume((home.volume_numbers() or [1])[-1]).name
        if place.catalog.exists() and any(one.file == last for one in done.damaged):
            # The copy keeps an older end of the ledger, and the catalog that fits it.
            return
        await state.follow()
        if home.keymap.exists():
            files.write(place.keymap, await asyncio.to_thread(home.keymap.read_bytes))
        await asyncio.to_thread(_copy_stamps, home, place)
        await asyncio.to_thread(_copy_cluster, home, place, with_key)
        if with_key:
            await _put_with_key(state, keys, place)
        else:
            await state.put()
            done.key_removed = _remove_key(place)
    finally:
        await state.drop()


async def _put_with_key(state: CatalogCopy, keys: tuple[bytes, bytes], place: Home) -> None:
    """Put the state in place, and the keys of its passwords. At every moment one of the keys fits."""
    following, present = keys
    if newest := following or present:
        files.write(place.key.next_path, newest)
    await state.put()
    if present:
        files.write(place.key.path, present)
    if not following:
        place.key.next_path.unlink(missing_ok=True)


def _copy_cluster(home: Home, place: Home, with_key: bool) -> None:
    """Have the backup know the workers of the archive, and their key if it has keys at all; nothing of earlier ones stays."""
    for source, target, wanted in (
        (home.cluster, place.cluster, True),
        (home.worker_key, place.worker_key, with_key),
    ):
        if wanted and source.exists():
            files.write(target, source.read_bytes())
        elif target.exists():
            target.unlink()
            files.durable(place.path)


def _remove_key(place: Home) -> bool:
    """Remove the key that an earlier backup left; True if there was one."""
    there = [path for path in (place.key.path, place.key.next_path) if path.exists()]
    for path in there:
        path.unlink()
    files.durable(place.path)
    return bool(there)


def _copy_stamps(home: Home, place: Home) -> None:
    """Copy missing time stamps; existing ones never change."""
    for source in token_files.tokens(home):
        target = place.path / token_files.FOLDER / source.name
        if not target.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            files.write(target, source.read_bytes())


async def _copy_volumes(archive: Archive, place: Home, done: Backup, tick: Tick) -> None:
    home = archive.home
    numbers = await _numbers(archive, place)
    if more := sorted(set(place.all_volume_numbers()) - set(numbers)):
        raise InputError(problems.COPY_OF_NONE(path=str(place.volume(more[0]))))
    done.total = sum(_missing(home.volume(number), place.volume(number)) for number in numbers)

    def count(size: int) -> None:
        done.bytes += size
        tick(done)

    for number in [number for number in numbers if number < IN_LANE]:
        await _copy_volume(home, place, number, done, count)
    # Listed only now: what the volumes that were copied have anchored is there by then.
    for number in [number for number in await _numbers(archive, place) if number >= IN_LANE]:
        folder = place.lane(number // IN_LANE)
        if not folder.exists():
            folder.mkdir(mode=0o700)
            files.durable(folder.parent)
        await _copy_volume(home, place, number, done, count)


async def _copy_volume(home: Home, place: Home, number: int, done: Backup, count: Callable[[int], None]) -> None:
    done.where = home.volume(number).name
    if await _is_copied(home.volume(number), place.volume(number)):
        # It is not fetched to find that out.
        done.already += number not in done.copied
        return
    try:
        await refuse_damaged(home.volume(number))
    except DamagedError as error:
        # The other volumes are copied all the same, and the backup's copy of this one is kept.
        done.damaged.append(UncopiedVolume(done.where, error.reason))
        return
    head, copied = await bring_up(home.volume(number), place.volume(number), count)
    done.head = head if number < IN_LANE else done.head
    if copied:
        done.copied.add(number)
    done.already += number not in done.copied
    count(0)


async def _is_copied(source: Path, target: Path) -> bool:
    """True when ``source`` is in its storage alone, and ``target`` has all of it."""
    note = notes.read(source) if notes.is_away(source) else None
    if note is None or not target.is_file() or target.stat().st_size != note.size:
        return False
    try:
        volume = await Volume.open(target, read_only=True)
    except (DamagedError, StorageError):
        return False
    try:
        return volume.fault is None and await volume.is_sealed()
    finally:
        await volume.close()


async def _numbers(archive: Archive, place: Home) -> list[int]:
    """The volumes to be copied. Lanes come last: they then have what the archive's own volumes have anchored."""
    ends = {number: lane.end for number, lane in (await lanes.all_of(archive.database)).items()}
    home = archive.home
    found = lane_volumes.numbers(home, (home.volume_numbers() or [0])[-1], ends)
    # A volume of a lane that only the backup has is missing, and its copy is kept.
    return sorted({*found, *(number for number in place.all_volume_numbers() if number >= IN_LANE)})


def _missing(source: Path, target: Path) -> int:
    return max(notes.size_of(source) - notes.size_of(target), 0)


async def _take_state(home: Home, place: Home, *, whole: bool) -> tuple[CatalogCopy, tuple[bytes, bytes]]:
    """The catalog of one moment, and the keys of that time."""
    while True:
        keys = home.key.content()
        state = await catalog_copy.take(home, place, whole=whole)
        if keys == home.key.content():
            return state, keys
        await state.drop()


async def _record(archive: Archive, place: Home, done: Backup, actor: str, *, with_key: bool) -> None:
    copied = Copied(done.volumes, done.already, done.bytes)

    async def record() -> None:
        archive.check_usable()
        await archive.append([Draft(BackedUp(str(place.path), done.head, copied, with_key), actor)])
        ended = LastBackup(now(), str(place.path), done.head.seq)
        async with archive.database.transaction() as transaction:
            await last_backup.keep(transaction, ended)

    try:
        done.unnoted = await noting.noted(record())
    except BusyError as error:
        raise BusyError(problems.NOT_NOTED(why=error.reason)) from error
