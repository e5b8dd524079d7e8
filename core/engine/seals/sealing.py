"""Sealing: sends the archive's present seal to every seal place, one after the other.

Before a new seal is sent, the archive is compared with the last one sent, by the catalog and by the place itself where it can
be read: an archive that was rolled back or rehashed gets no new seal unless the user insists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

from core.archive.archive import Archive
from core.archive.proof import seal as seals
from core.archive.proof import seal_places, stamp, token_files
from core.archive.proof.seal import Seal
from core.archive.proof.seal_places import PlaceState
from core.engine.seals import seal_delivery
from core.engine.seals.seal_delivery import ALL_SECONDS, Parcel
from core.errors import ArchivarError, BusyError, DamagedError, StorageError
from core.problems.seal import ARCHIVE_DAMAGED, NOT_CONTAINED, TOOK_TOO_LONG
from core.profiles.seal_place import PlaceKind

#: Local time at which the nightly seal is due.
NIGHT = time(2, 30)
#: Pause after a failure, doubled up to the longest.
AGAIN, LONGEST = timedelta(minutes=10), timedelta(hours=3)
#: A recorded time further ahead than this was from a wrong clock.
FAST = timedelta(days=1)


def due(one: PlaceState, moment: datetime, last_run: datetime | None) -> bool:
    """True when it is time to send a seal there. ``last_run``: the end of the last run after which one is wanted."""
    if one.at is None or one.at > moment + FAST:
        return True
    if one.failure:
        wait: timedelta = min(AGAIN * (1 << min(one.failures - 1, 10)), LONGEST)
        return moment >= one.at + wait
    return one.at < max(last_night(moment), last_run or one.at)


def last_night(moment: datetime) -> datetime:
    """The last moment before ``moment`` at which the night's seal became due."""
    local = moment.astimezone()
    night = local.replace(hour=NIGHT.hour, minute=NIGHT.minute, second=0, microsecond=0)
    return night if night <= local else night - timedelta(days=1)


async def send(
    archive: Archive,
    found: Sequence[PlaceState],
    *,
    accept: bool = False,
    tell: Callable[[str], None] = lambda name: None,
) -> list[PlaceState]:
    """Send the present seal to the places of ``found``; their state then. A failure at one stops no other.

    ``accept``: send although the archive lacks an entry sealed before. Raises ``BusyError``, ``StorageError`` when the state
    cannot be saved.
    """
    for one in found:
        tell(one.place.name)
        await _send(archive, one, accept=accept)
    names = {one.place.name for one in found}
    return [one for one in await seal_places.standings(archive) if one.place.name in names]


async def _send(archive: Archive, one: PlaceState, *, accept: bool) -> None:
    try:
        archive.check_usable()
        parcel = Parcel(await seals.current(archive), archive.archive_id, archive.home)
        if not accept and (lost := await _lost(archive, one)) is not None:
            await seal_places.failed(archive, one.place, NOT_CONTAINED(entry=lost.seq, place=one.place.name), broken=True)
            return
        gone = await asyncio.to_thread(seal_delivery.gone, one, archive.archive_id, archive.home)
        if not accept and gone is not None:
            await seal_places.failed(archive, one.place, gone)
            return
        if one.seal == parcel.seal and not one.failure and not accept:
            await seal_places.arrived(archive, one.place, parcel.seal, sent=False)
            return
        secret = await seal_places.password(archive, one.place)
        work = asyncio.to_thread(seal_delivery.deliver, one.place, parcel, secret)
        await asyncio.wait_for(work, ALL_SECONDS * 2)
        await seal_places.arrived(archive, one.place, parcel.seal, sent=True)
    except TimeoutError:
        await seal_places.failed(archive, one.place, TOOK_TOO_LONG(where=one.place.where))
    except DamagedError as error:
        await seal_places.failed(archive, one.place, ARCHIVE_DAMAGED(why=error.reason))
    except (BusyError, StorageError) as error:
        if archive.refusal is not None:
            raise
        await seal_places.failed(archive, one.place, error.reason)
    except ArchivarError as error:
        await seal_places.failed(archive, one.place, error.reason)


async def _lost(archive: Archive, one: PlaceState) -> Seal | None:
    """A seal that was sent to a place and whose entry the archive lacks; None when it has all."""
    known = [one.seal] if one.seal is not None else []
    if one.place.kind is PlaceKind.FILE:
        last = await asyncio.to_thread(seal_delivery.last_in_file, one.place, archive.archive_id)
        known += [last] if last is not None else []
    for seal in known:
        if (here := await _entry(archive, seal.seq)) is None or here.hash != seal.hash:
            return seal
    if one.place.kind is PlaceKind.STAMP and (newest := next(reversed(token_files.tokens(archive.home)), None)) is not None:
        # The name holds the entry's seq; a renamed file matches nothing.
        seq = int(newest.name[:12])
        here = await _entry(archive, seq)
        if here is None or not await asyncio.to_thread(_is_stamped, newest, seals.imprint(archive.archive_id, here), one):
            return Seal(seq, b"", "")
    return None


async def _entry(archive: Archive, seq: int) -> Seal | None:
    """The seal of an entry as it is now; None when there is none."""
    entries = await archive.entries_before(seq + 1, 1)
    return Seal(seq, entries[0].hash, entries[0].at) if entries and entries[0].seq == seq else None


def _is_stamped(token: Path, imprint: bytes, one: PlaceState) -> bool:
    """True for a token of that imprint, and for an unreadable one, which ``archivar seal check`` reports."""
    try:
        return stamp.check(token.read_bytes(), stamp.roots(Path(one.place.ca_file))).imprint == imprint
    except (ArchivarError, OSError):
        return True
