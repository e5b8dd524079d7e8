"""Takeover of the open volume: its whole content goes into a new volume in its place, and the ledger names the losses.

The new volume has the longest whole prefix of the old ledger, every whole message, and then entries of kind ``salvaged``:
messages whose places only the catalog knew, and lost ones, with the catalog's knowledge of them. Users, profiles and the
directory whose last entries are lost are saved again from the catalog. All is written aside and put in place in one step; the
damaged file stays beside it under another name. Then the catalog is made anew from the volumes: lost messages are not in it, so
that the next run, or a repair, fetches them again.

The same is done, without a new file, when the catalog has applied more entries than the ledger has: an older copy was put back.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from core import files
from core.archive import opening
from core.archive.archive import Archive
from core.archive.catalog import restated
from core.archive.proof import damage, saved_state
from core.archive.proof.findings import Finding, lost_message
from core.archive.proof.strangers import named
from core.archive.proof.wreck import Wreck, opened
from core.archive.search.search_index import discard
from core.archive.store import intake, volume_file
from core.archive.store.entries import upkeep
from core.archive.store.entries.mail import Archived
from core.archive.store.entries.restated import Restated
from core.archive.store.entry_numbers import FIRST_OF_LANES
from core.archive.store.ledger import ZERO_HASH, Draft, Entry, Head
from core.archive.store.volume import Volume
from core.archive.store.volume_format import Meta, refuse_cut
from core.config import Home
from core.errors import DamagedError, StorageError
from core.model import now
from core.problems import volume as problems
from core.values import dataclass

#: Messages per entry, and bytes of messages written at once.
AT_ONCE, BATCH_BYTES = 200, 16 * 1024 * 1024

#: Called with the name of each step.
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TakeoverResult:
    """The result of a takeover. ``aside``: the damaged file's new name, empty if there was none.

    ``kept``, ``seen``: the last whole entry, and the last that was known; ``messages`` were taken over, ``lost`` could not be.
    """

    volume: str
    aside: str = ""
    kept: int = 0
    seen: int = 0
    messages: int = 0
    lost: tuple[Restated, ...] = ()

    def as_json(self) -> dict[str, Any]:
        names = ("volume", "aside", "kept", "seen", "messages")
        return {name: getattr(self, name) for name in names} | {"lost": [one.sha256.hex() for one in self.lost]}


@dataclass(slots=True)
class _Found:
    """The material for the new volume: the wreck with the longest ledger, and all files that may have messages."""

    wrecks: list[Wreck]
    ledger: Wreck
    previous: Head
    kept: Head
    #: Messages of the volume: those named by kept entries, then all others.
    named: dict[bytes, None] = field(default_factory=dict)
    wanted: dict[bytes, None] = field(default_factory=dict)
    whole: set[bytes] = field(default_factory=set)
    settled: bool = False
    #: Other volumes are unusable too, so that records in their entries may be lost as well.
    others_lost: bool = False


async def needed(archive: Archive) -> DamagedError | None:
    """The reason why the open volume must be salvaged before anything is appended; None when it is sound."""
    if archive.damage is not None:
        return archive.damage
    volume = archive.home.volume(archive.last_volume)
    try:
        opened_volume = await Volume.open(volume)
        try:
            await refuse_cut(opened_volume.database)
            rows = await opened_volume.database.read("PRAGMA integrity_check(1)")
            if rows[0][0] != "ok":
                return DamagedError(problems.INCONSISTENT(file=volume.name, said=str(rows[0][0])))
        finally:
            await opened_volume.close()
    except DamagedError as error:
        return error
    return None


async def salvage(
    archive: Archive, *, others: Sequence[Home] = (), actor: str = "archivar", tell: Tell = lambda text: None
) -> TakeoverResult:
    """Salvage the open volume. No other process may have the archive open to write to it.

    ``others``: homes, such as backups, whose copies may have what is lost here. Raises ``StorageError`` (nothing was changed),
    ``DamagedError`` when neither the volume nor the one before tells the position in the ledger.
    """
    archive.check_writable()
    opening.refuse_backup(archive.home)
    path = archive.home.volume(archive.last_volume)
    if path.is_file() and not os.access(path, os.R_OK):
        raise DamagedError(problems.DENIED(file=path.name))
    async with AsyncExitStack() as stack:
        numbers = [
            archive.last_volume,
            *(number for number in await archive.volumes.unusable() if number != archive.last_volume),
        ]
        wrecks = {
            number: [
                await stack.enter_async_context(opened(home.volume(number), archive.home.path))
                for home in (archive.home, *others)
            ]
            for number in numbers
        }
        await archive.adopt([meta for wreck in wrecks[archive.last_volume] if (meta := await wreck.meta()) is not None])
        found = await _look(archive, wrecks)
        done, drafts = await _tell_of(archive, found, actor, tell)
        sound = await _is_sound(path, found)
        if not sound:
            done = await _put_in_place(archive, found, done, drafts, tell)
        elif not found.settled:
            await archive.restate(drafts)
    tell("making the catalog anew")
    await archive.resume()
    await _keep_findings(archive, done)
    discard(archive.home.search)
    return done


async def _look(archive: Archive, wrecks: Mapping[int, list[Wreck]]) -> _Found:
    """Survey ``wrecks``, the files of each unusable volume, the open one's first."""
    last = wrecks[archive.last_volume]
    previous = await _previous(archive, last)
    ends = [(await wreck.end(previous), wreck) for wreck in last]
    kept, ledger = max(ends, key=lambda one: one[0].seq)
    found = _Found([wreck for several in wrecks.values() for wreck in several], ledger, previous, kept)
    found.others_lost = len(wrecks) > 1
    seen = await archive.projection.applied()
    async with aclosing(ledger.entries(previous)) as whole:
        async for _, entry in whole:
            with suppress(DamagedError):
                found.named |= dict.fromkeys(named(entry))
                if entry.kind == upkeep.Salvaged.kind and isinstance(entry.value, upkeep.Salvaged):
                    # Salvaged before, but the catalog could not be made anew.
                    found.settled |= entry.value.seen == seen
    rows = await archive.database.among("SELECT sha256 FROM message WHERE volume IN (??) ORDER BY id", list(wrecks))
    found.wanted = dict(found.named) | dict.fromkeys(bytes(row[0]) for row in rows)
    for wreck in last:
        found.wanted |= dict.fromkeys(await wreck.listed())
    return found


async def _previous(archive: Archive, wrecks: Sequence[Wreck]) -> Head:
    """The entry after which the volume goes on."""
    number = archive.last_volume
    if number == 1:
        return Head(0, ZERO_HASH)
    with suppress(DamagedError, StorageError):
        return await archive.volumes.end_of(number - 1)
    for wreck in wrecks:
        meta = await wreck.meta()
        if meta is not None and (meta.archive_id, meta.number) == (archive.archive_id, number):
            return meta.previous
    if (seen := await archive.projection.applied()).seq:
        return seen
    raise DamagedError(problems.NEITHER_READABLE(number=f"{number:06}"))


async def _tell_of(archive: Archive, found: _Found, actor: str, tell: Tell) -> tuple[TakeoverResult, list[Draft]]:
    """The whole messages, and the entries that name the lost ones."""
    lost: list[Restated] = []
    seen = await archive.projection.applied()
    changed = await _changed_after(archive, found.kept.seq) if seen.seq > found.kept.seq else {}
    for done, sha256 in enumerate(found.wanted):
        if not done % AT_ONCE:
            tell(f"looking at message {done} of {len(found.wanted)}")
        if await _whole(found.wrecks, sha256) is not None:
            found.whole.add(sha256)
            if sha256 not in found.named:
                changed[sha256] = None
        elif not await archive.volumes.is_listed_before(sha256, archive.last_volume):
            lost.append(await restated.of(archive.database, sha256))
            changed.pop(sha256, None)
    placed = [await restated.of(archive.database, sha256) for sha256 in changed]
    told = await _told_by_ledger(found, [one for one in (*lost, *placed) if not one.places and not one.sources])
    lost, placed = ([told.get(one.sha256, one) for one in several] for several in (lost, placed))
    volume = archive.home.volume(archive.last_volume)
    said = upkeep.Salvaged(volume.name, found.kept.seq, seen)
    drafts: list[Draft] = []
    if found.others_lost or seen.seq > found.kept.seq or (seen.seq == found.kept.seq and seen != found.kept):
        drafts += await saved_state.again(archive, _kept_entries(archive, found), actor)
    for start in range(0, max(len(lost), 1), AT_ONCE):
        drafts.append(Draft(replace(said, losses=tuple(lost[start : start + AT_ONCE])), actor))
    for start in range(0, len(placed), AT_ONCE):
        some = tuple(placed[start : start + AT_ONCE])
        forms = await restated.forms(archive.database, [one.sha256 for one in some])
        drafts.append(Draft(replace(said, placed=some, canonical=forms), actor))
    last = max(seen.seq, found.kept.seq)
    return TakeoverResult(volume.name, "", found.kept.seq, last, len(found.whole), tuple(lost)), drafts


async def _changed_after(archive: Archive, seq: int) -> dict[bytes, None]:
    """The messages that entries of the archive's own lane after ``seq`` changed in the catalog."""
    rows = await archive.database.read(
        "SELECT sha256 FROM message WHERE id IN ("
        "SELECT message_id FROM placement WHERE since_seq > :seq AND since_seq < :lanes "
        "OR until_seq > :seq AND until_seq < :lanes UNION SELECT message_id FROM source_message "
        "WHERE gone_seq > :seq AND gone_seq < :lanes OR delete_seq > :seq AND delete_seq < :lanes) ORDER BY id",
        {"seq": seq, "lanes": FIRST_OF_LANES},
    )
    return dict.fromkeys(bytes(row[0]) for row in rows)


async def _kept_entries(archive: Archive, found: _Found) -> AsyncGenerator[Entry]:
    """Yield the ledger's entries up to the last whole one."""
    async for volume in archive.volumes.readable():
        if volume.meta.number < archive.last_volume:
            with suppress(DamagedError, StorageError):
                async for entry in volume.entries():
                    yield entry
    async for _, entry in found.ledger.entries(found.previous):
        yield entry


async def _told_by_ledger(found: _Found, unknown: Sequence[Restated]) -> dict[bytes, Restated]:
    """Records of messages in the readable ledger that the catalog lacks, by SHA-256."""
    wanted = {one.sha256: one for one in unknown}
    if not wanted:
        return wanted
    async for entry in found.ledger.readable(found.previous.seq):
        if entry.kind != Archived.kind:
            continue
        with suppress(DamagedError):
            if isinstance(entry.value, Archived):
                _add(entry.value, wanted)
    return wanted


def _add(said: Archived, wanted: dict[bytes, Restated]) -> None:
    for message in said.messages:
        if message.sha256 in wanted and message.uid is not None:
            wanted[message.sha256] = wanted[message.sha256].fetched_from(said.source, message, said.folder)


async def _whole(wrecks: Sequence[Wreck], sha256: bytes) -> bytes | None:
    for wreck in wrecks:
        if (raw := await wreck.message(sha256)) is not None:
            return raw
    return None


async def _is_sound(path: Path, found: _Found) -> bool:
    """True when the file itself is whole, so that it can be appended to."""
    try:
        volume = await Volume.open(path)
    except DamagedError:
        return False
    try:
        ok = (await volume.database.read("PRAGMA integrity_check(1)"))[0][0] == "ok"
        return ok and volume.meta.previous == found.previous and (await volume.head()) == found.kept
    except DamagedError:
        return False
    finally:
        await volume.close()


async def _put_in_place(
    archive: Archive, found: _Found, done: TakeoverResult, drafts: Sequence[Draft], tell: Tell
) -> TakeoverResult:
    path = archive.home.volume(archive.last_volume)
    fresh = path.with_name(f"{path.name}.salvaged")
    for leftover in (fresh, fresh.with_name(f"{fresh.name}-journal")):
        leftover.unlink(missing_ok=True)
    generation = max([meta.generation for wreck in found.wrecks if (meta := await wreck.meta()) is not None], default=1)
    await volume_file.create(fresh, Meta(archive.archive_id, archive.last_volume, found.previous, generation=generation))
    try:
        volume = await Volume.open(fresh)
        try:
            await _take_over(found, volume, tell)
            for start in range(0, len(drafts), 10):
                await volume.append(drafts[start : start + 10])
        finally:
            await volume.close()
        await archive.volumes.release()
        aside = await asyncio.to_thread(swap, fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return TakeoverResult(done.volume, aside, done.kept, done.seen, done.messages, done.lost)


async def _take_over(found: _Found, volume: Volume, tell: Tell) -> None:
    async with aclosing(_batches(found)) as batches:
        count = 0
        known: dict[bytes, int] = {}
        async for raws in batches:
            prepared = await asyncio.to_thread(intake.prepare_all, raws)
            shared = intake.shared(prepared, intake.LARGE)
            there = {one: known[one] for one in shared if one in known}
            parts = await asyncio.to_thread(intake.parts_of, prepared, there)
            new = (await volume.append([], prepared, parts, there)).parts
            known |= {one: new[one] for one in shared if one in new}
            count += len(raws)
            tell(f"{count} of {len(found.whole)} messages taken over")
    async with aclosing(found.ledger.entries(found.previous)) as whole:
        async for row, _ in whole:
            await volume.take_over([row])


async def _batches(found: _Found) -> AsyncGenerator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for sha256 in found.wanted:
        if sha256 not in found.whole:
            continue
        raw = await _whole(found.wrecks, sha256)
        if raw is None or hashlib.sha256(raw).digest() != sha256:
            raise DamagedError(problems.MESSAGE_GONE(message=sha256.hex()[:16]))
        batch.append(raw)
        size += len(raw)
        if size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def swap(fresh: Path, path: Path) -> str:
    """Rename the damaged file and put the new one in its place; the other name."""
    try:
        aside = next(_free(path))
        journal = path.with_name(f"{path.name}-journal")
        # The old file keeps its name until the rename that gives it to the new one.
        there = path.exists() or path.is_symlink()
        if path.is_file():
            os.link(path, aside)
        elif there:
            path.rename(aside)
        if journal.exists():
            journal.rename(aside.with_name(f"{aside.name}-journal"))
        # Empty once the volume is closed, it would belong to no file.
        fresh.with_name(f"{fresh.name}-journal").unlink(missing_ok=True)
        files.put(fresh, path)
    except OSError as error:
        raise StorageError(problems.NOT_REPLACED(file=path.name, said=str(error.strerror))) from error
    return aside.name if there else ""


def _free(path: Path) -> Iterator[Path]:
    """Unused names for the damaged file and its journal."""
    number = 0
    while True:
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            yield aside


async def _keep_findings(archive: Archive, done: TakeoverResult) -> None:
    """Replace the findings about the old file by one for each lost message."""
    lost = [one.sha256.hex() for one in done.lost]
    findings = [Finding(done.volume, lost_message(digest), digest, True) for digest in lost]
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM damage WHERE place IN (?, 'ledger', 'catalog')", (done.volume,))
        await damage.keep(transaction, findings, now())
