"""The archive as a whole: volumes and catalog kept in step. The one door to what is on disk.

Order of every write: volume first (durable), catalog second. ``open`` brings the catalog up to the ledger's end, so a crash
between the two is mended before anybody looks.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from core import config, files
from core.archive import mending, opening
from core.archive.catalog import catalog, changes, settings
from core.archive.catalog.catalog import Detail
from core.archive.store import intake
from core.archive.store.appending import Appending, Request
from core.archive.store.intake import Part, Prepared
from core.archive.store.ledger import ZERO_HASH, Draft, Entry, Head
from core.archive.store.preparation import Fresh, Preparation, Ready
from core.archive.store.volume import REPAIR, Incomplete, Meta, Sealed, Volume
from core.db.database import LOCK_SECONDS, Database
from core.errors import BusyError, DamagedError, HomeError, StorageError
from core.message.envelope import describe
from core.text.format import size as human

CATALOG_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -32768", "temp_store = MEMORY")
#: Why nothing can be appended: damage, no space or no right to write, or it is a backup.
Refusal = DamagedError | StorageError | HomeError
#: A damaged message has no readable envelope, but it stays listed, so that it can be named and fetched again.
UNREADABLE = Detail(0, describe(b""))


class Archive:
    """An open archive. ``database`` is archive.sqlite; volumes are reached through here only."""

    def __init__(self, home: config.Home, database: Database, refusal: Refusal | None = None) -> None:
        self.home = home
        self.database = database
        #: Why nothing can be appended; None when all is well.
        self.refusal = refusal
        #: What cannot be read or seen, as sentences.
        self.notices: list[str] = []
        self._volumes: dict[int, Volume] = {}
        self._replaced: list[Volume] = []
        self._opening = asyncio.Lock()
        self._current = 0
        self._archive_id = ""
        #: The file of the last volume when it was last looked at because of damage.
        self._seen: tuple[int, int, int] = (0, 0, 0)
        self._appending = Appending(self._write)
        self._preparation = Preparation(self._sift)

    # Opening -----------------------------------------------------------------------------------------------------------

    @classmethod
    async def open(cls, home: config.Home, *, actor: str = "archivar", follow: bool = True) -> Archive:
        """Open the archive in ``home``; an empty home gets a new one. With ``follow`` the catalog is brought up to date.

        Where nothing can be written, or must be because of damage, and of a backup it opens all the same: ``refusal`` says
        why, ``notices`` what cannot be seen. Raises ``HomeError`` (newer than the program), ``DamagedError`` (no volumes, or no
        catalog that could be read), ``StorageError``.
        """
        opening.refuse_incomplete(home)
        if home.catalog.exists():
            await opening.refuse_newer_catalog(home.catalog)
        numbers = home.volume_numbers()
        new = not numbers and not await opening.has_seen_volumes(home.catalog)
        if not new:
            opening.refuse_without_volumes(home)
            # Refuses a volume of a newer program before the catalog is touched.
            with suppress(DamagedError):
                await (await Volume.open(home.volume(numbers[-1]))).close()
        database, refusal = await opening.open_catalog(home, CATALOG_PRAGMAS)
        archive = cls(home, database, refusal)
        try:
            # SQLite's own comparison without regard to case knows ASCII only.
            await database.define("casefold", str.casefold)
            if new:
                await archive._make_first_volume()
            await archive._find_volumes()
            if archive.refusal is None:
                await archive._prepare_catalog(actor, follow=follow)
            archive._refuse_backup()
            if database.unseen:
                archive.notices.append(
                    f"{home.catalog.name} was read as it stands, since nothing can be written beside it: "
                    f"the last changes, {human(database.unseen)} in its log, are not seen."
                )
        except BaseException:
            await archive.close()
            raise
        return archive

    async def _prepare_catalog(self, actor: str, *, follow: bool) -> None:
        try:
            if not (await self.head()).seq:
                await self._begin(actor)
            await self._date_placements()
            if follow:
                await self.catch_up()
        except (DamagedError, StorageError) as error:
            self._refuse(error)

    def _refuse_backup(self) -> None:
        """Of a backup nothing is written from now on, in no table either: it would be no copy any more."""
        refusal = opening.backup_refusal(self.home)
        if refusal is not None:
            self.refusal = self.refusal or refusal
            self.database.refusal = refusal
            self._note(refusal)

    def _refuse(self, error: DamagedError | StorageError) -> None:
        """From now on nothing is appended; what can be read is read."""
        self.refusal = error
        self._seen = _facts(self.home.volume(self._current))
        self._note(error, "Until then nothing is added to the archive; all that is whole can be read.")

    @property
    def damage(self) -> DamagedError | None:
        """The damage because of which nothing is appended, if there is any."""
        return self.refusal if isinstance(self.refusal, DamagedError) else None

    def check_usable(self) -> None:
        """Raises ``DamagedError``, ``StorageError`` when nothing can be appended, ``HomeError`` for a backup."""
        if self.refusal is not None:
            raise self.refusal

    def check_writable(self) -> None:
        """Raises ``StorageError``, ``HomeError`` when nothing can be written, in no table either; damage is no reason."""
        if self.damage is None:
            self.check_usable()

    async def close(self) -> None:
        """Close all files. Safe to call twice."""
        await self._appending.close()
        await self._preparation.close()
        volumes, self._volumes, self._replaced = [*self._volumes.values(), *self._replaced], {}, []
        for volume in volumes:
            await volume.close()
        await self.database.close()

    async def _make_first_volume(self) -> None:
        async with _locked(self.home.volumes):
            if not self.home.volume(1).exists():
                await Volume.create(self.home.volume(1), Meta(uuid.uuid4().hex, 1, Head(0, ZERO_HASH)))

    async def _begin(self, actor: str) -> None:
        volume = await self._volume(1)
        async with _locked(self.home.volumes):
            if not (await volume.head()).seq:
                await volume.append([Draft("archive.created", {"archive_id": volume.meta.archive_id}, actor)])

    async def _find_volumes(self) -> None:
        row = await self.database.one("SELECT archive_id, volume, seq FROM applied")
        self._archive_id, seen, seq = row or ("", 1, 0)
        self._current = await self._last_volume(seen, seq)
        missing = opening.missing(self.home, self._current)
        for number in missing:
            if number < self._current:
                self._note(DamagedError(f"Volume {self.home.volume(number).name} is missing.", REPAIR))
        if self.refusal is None:
            for number in set(range(1, self._current)) - set(missing):
                _protect(self.home.volume(number))
        try:
            await self._volume(self._current)
        except DamagedError as error:
            if self.refusal is None:
                self._refuse(error)
        if row is None and not isinstance(self.refusal, StorageError):
            async for volume in self.volumes():
                await self._begin_catalog(volume.meta.archive_id)
                break

    async def _begin_catalog(self, archive_id: str) -> None:
        async with self.database.transaction() as transaction:
            await transaction.execute(
                "INSERT OR IGNORE INTO applied (id, archive_id, volume, seq, hash) VALUES (1, ?, 1, 0, ?)",
                (archive_id, ZERO_HASH),
            )
        self._archive_id = archive_id

    async def _last_volume(self, seen: int, seq: int) -> int:
        """The volume that is written to: the last that is there, or one after it from which the catalog has seen something."""
        last = (self.home.volume_numbers() or [1])[-1]
        if seen <= last:
            return last
        with suppress(DamagedError, StorageError):
            # One that was lost before anything was in it is no loss.
            if (await (await self._volume(last)).head()).seq >= seq:
                return last
        return seen

    async def _volume(self, number: int) -> Volume:
        path = self.home.volume(number)
        found = self._volumes.get(number)
        if found is None or not found.is_at(path):
            async with self._opening:
                found = self._volumes.get(number)
                if found is None or not found.is_at(path):
                    if found is not None:
                        # Somebody may be reading from it.
                        self._replaced.append(self._volumes.pop(number))
                    read_only = number != self._current or self.refusal is not None
                    found = await Volume.open(path, read_only=read_only)
                    self._volumes[number] = found
                    self._check_identity(found, number)
        return found

    def _check_identity(self, volume: Volume, number: int) -> None:
        """Raises ``DamagedError`` for the volume of another archive, or with another number."""
        name = self.home.volume(number).name
        if self._archive_id and volume.meta.archive_id != self._archive_id:
            what = "belongs to another archive than the catalog"
        elif volume.meta.number != number:
            what = f"is volume {volume.meta.number} by what it says of itself"
        else:
            return
        self._replaced.append(self._volumes.pop(number))
        raise DamagedError(f"{name} {what}.", REPAIR)

    def _note(self, error: Refusal, more: str = "") -> None:
        """Keep a notice of something that cannot be read, once."""
        if not self.is_noted(error):
            self.notices.append(" ".join(text for text in (error.message, error.hint, more) if text))

    def is_noted(self, error: Refusal) -> bool:
        """Tell whether ``notices`` has the error already."""
        return any(notice.startswith(error.message) for notice in self.notices)

    async def volumes(self) -> AsyncGenerator[Volume]:
        """All volumes that can be read, the oldest first."""
        for number in range(1, self._current + 1):
            try:
                volume = await self._volume(number)
            except (DamagedError, StorageError) as error:
                self._note(error)
                continue
            yield volume

    async def _date_placements(self) -> None:
        """Date what was placed before placements had dates: of messages without one of their own the ledger knows it."""
        undated = "SELECT DISTINCT since_seq FROM placement WHERE date IS NULL"
        if seqs := [row[0] for row in await self.database.read(undated)]:
            times = await self.entry_times(seqs)
            async with self.database.transaction() as transaction:
                for seq in seqs:
                    await catalog.date_placements(transaction, seq, times.get(seq, ""))

    # The catalog follows the ledger --------------------------------------------------------------------------------------

    async def head(self) -> Head:
        """The end of the ledger. Raises ``DamagedError`` when that cannot be read."""
        return await (await self._volume(self._current)).head()

    async def applied(self) -> Head:
        """Up to where the catalog has followed the ledger."""
        row = await self.database.one("SELECT seq, hash FROM applied")
        return Head(row[0], bytes(row[1])) if row else Head(0, ZERO_HASH)

    async def catch_up(self, *, accept: bool = False) -> int:
        """Apply what the ledger has and the catalog has not; the number of entries applied.

        Raises ``DamagedError`` when the ledger does not go on from what the catalog knows. With ``accept`` what cannot be read
        is passed over, see ``notices``.
        """
        row = await self.database.one("SELECT volume, seq, hash FROM applied")
        start, seq, digest = (row[0], row[1], bytes(row[2])) if row else (1, 0, ZERO_HASH)
        # After that row was read: so the ledger's end is never older than what was applied.
        self._current = max((self.home.volume_numbers() or [1])[-1], self._current)
        if not accept:
            head = await self.head()
            _compare(self.home.volume(self._current).name, head, Head(seq, digest))
            if head.seq == seq:
                return 0
        count = 0
        reached = Head(seq, digest)
        for number in range(start, self._current + 1):
            try:
                volume = await self._volume(number)
                async with aclosing(catalog.groups(volume.entries(after=reached.seq))) as groups:
                    async for group in groups:
                        applied, done = await self._apply_group(group, volume, number, reached, accept=accept)
                        count += done
                        reached = Head(group[-1].seq, group[-1].hash)
                        if applied < reached.seq:
                            # Somebody has emptied the catalog to rebuild it: what comes before this entry must come first.
                            return count + await self.catch_up(accept=accept)
            except DamagedError as error:
                if not accept:
                    raise
                self._note(error)
        return count

    async def _apply_group(
        self, group: Sequence[Entry], volume: Volume, number: int, before: Head, *, accept: bool
    ) -> tuple[int, int]:
        """Apply entries that follow one another; up to where all is applied now, and how many of them were."""
        details: dict[bytes, Detail] = {}
        for entry in group:
            if not accept and not entry.follows(before):
                what = f"Entry {entry.seq} of the ledger does not follow from entry {before.seq}"
                raise DamagedError(f"{what}: the ledger was changed.", REPAIR)
            before = Head(entry.seq, entry.hash)
            details |= await self._read_details(entry, volume)
        async with self.database.transaction() as transaction:
            applied = (await catalog.applied(transaction)).seq
            missing = [entry for entry in group if entry.seq > applied]
            if missing and (accept or missing[0].seq == applied + 1):
                await catalog.apply_all(transaction, missing, number, details)
                return missing[-1].seq, len(missing)
        return applied, 0

    async def _read_details(self, entry: Entry, volume: Volume) -> dict[bytes, Detail]:
        digests = catalog.digests(entry)
        known = await self.known(digests)
        wanted = [*(sha256 for sha256 in digests if sha256 not in known), *catalog.renewed(entry)]
        return {sha256: await detail(volume, sha256) for sha256 in dict.fromkeys(wanted)}

    async def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of ``digests`` that are in the archive."""
        rows = await self.database.among("SELECT sha256 FROM message WHERE sha256 IN (??)", digests)
        return {bytes(row[0]) for row in rows}

    async def rebuild(self) -> int:
        """Empty the projection and replay all volumes; the number of entries applied.

        An archive opened without ``follow`` can be rebuilt even when catalog and ledger disagree.
        """
        async with self.database.transaction() as transaction:
            await catalog.clear(transaction)
        return await self.catch_up(accept=True)

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """While this lasts no other process changes users or profiles, and the catalog knows all that was changed before.

        For changes that must be checked against what is there. Raises ``BusyError``, and what ``check_usable`` does.
        """
        self.check_usable()
        async with _locked(self.home.path, "Somebody else is changing users or profiles."):
            await self.catch_up()
            yield

    # Salvage, see ``takeover`` -------------------------------------------------------------------------------------------

    @property
    def archive_id(self) -> str:
        """Of this archive; empty when neither the catalog nor any volume can tell."""
        return self._archive_id

    @property
    def last_volume(self) -> int:
        """The number of the volume that is written to."""
        return self._current

    async def unusable(self) -> list[int]:
        """The volumes that are missing, cannot be read or are not whole, as far as that shows when they are opened."""
        return [number for number in range(1, self._current + 1) if await self.is_unusable(number)]

    async def is_unusable(self, number: int) -> bool:
        """The same of one volume."""
        try:
            return (await self._volume(number)).fault is not None
        except (DamagedError, StorageError):
            return True

    async def adopt(self, said: Sequence[Meta]) -> None:
        """Believe ``said`` where neither the catalog nor any volume that can be read tells whose they are.

        Raises ``DamagedError`` when that is nothing.
        """
        if not self._archive_id:
            if not said:
                raise DamagedError("No volume can be read, and there is no catalog.", "Put them back from a backup.")
            await self._begin_catalog(said[0].archive_id)

    async def end_of(self, number: int) -> Head:
        """The last entry in a volume. Raises ``DamagedError`` when that cannot be known."""
        volume = await self._volume(number)
        if volume.fault is not None:
            raise volume.fault
        return await volume.head()

    async def is_listed_before(self, sha256: bytes, number: int) -> bool:
        """Does a volume before ``number`` have the message, as far as the volumes' own tables can be read?"""
        async for volume in self.volumes():
            if volume.meta.number < number:
                with self._passing_over():
                    if await volume.database.one("SELECT 1 FROM message WHERE sha256 = ?", (sha256,)):
                        return True
        return False

    async def restate(self, drafts: Sequence[Draft]) -> None:
        """Append to a volume of which the catalog has seen more than there is; ``resume`` follows."""
        waiting: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()
        self.refusal = None
        await self._append_to_volume([Request(drafts, None, waiting)], {})

    async def release_volumes(self) -> None:
        """Close all volume files, so that one of them can be replaced."""
        volumes, self._volumes = list(self._volumes.values()), {}
        for volume in volumes:
            await volume.close()

    async def look_again(self) -> None:
        """See whether another process has put right what was damaged here; costs nothing while the file is the same."""
        there = _facts(self.home.volume(self._current))
        if self.damage is None or there == self._seen:
            return
        self._seen = there
        self._replaced += self._volumes.values()
        self._volumes.clear()
        self.refusal = None
        self.notices.clear()
        await self._find_volumes()
        if self.refusal is None and not self.home.is_backup:
            try:
                await self.catch_up()
            except DamagedError as error:
                self._refuse(error)
        self._refuse_backup()

    async def resume(self) -> None:
        """Make the catalog anew, now that the damage is seen to. Raises ``DamagedError`` when it is not."""
        await self.release_volumes()
        self.refusal = None
        self.notices.clear()
        await self.rebuild()
        await self.head()

    # Writing -----------------------------------------------------------------------------------------------------------

    def expect(self, size: int) -> None:
        """Say that ``size`` bytes of messages are about to come."""
        self._preparation.expect(size)

    async def prepare(self, raws: Sequence[bytes]) -> Ready:
        """Do all that can be done with messages before they are written: hash, split, describe, compress.

        Several batches may be prepared at once while another is written.
        """
        return await self._preparation.prepare(raws, self._current)

    async def _sift(self, messages: Sequence[Prepared]) -> Fresh:
        fresh = await self._fresh(messages)
        volume = await self._volume(self._current)
        # Small parts hardly ever repeat; those that do are dropped when written.
        large = [piece.sha256 for message in fresh for piece in message.pieces if piece.end - piece.start >= intake.LARGE]
        return Fresh(fresh, volume.meta.number, set(await volume.known_parts(list(dict.fromkeys(large)))))

    async def _fresh(self, messages: Sequence[Prepared]) -> list[Prepared]:
        """Those that the archive does not have yet, each once."""
        known = await self.known([message.sha256 for message in messages])
        return list({message.sha256: message for message in messages if message.sha256 not in known}.values())

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None) -> list[Entry]:
        """Store what is ``ready`` and append ``drafts``; durable when this returns, and in the catalog.

        Messages that the archive has already are not written again, unless what it has cannot be read: these are first. Raises
        ``StorageError``, ``BusyError``: then nothing else was written, or all of it is in the volume and the catalog catches up
        with it at the next chance. Raises ``HomeError`` for a backup, which would be no copy any more.
        """
        if ready is not None and ready.messages:
            self.check_usable()
            await mending.mend(self, {message.sha256: message.raw for message in ready.messages}, "it came once more")
        return await self._append(drafts, ready)

    async def renew(self, draft: Draft, raws: Sequence[bytes]) -> Entry:
        """Store messages once more, since what the archive has of them is damaged; ``draft`` is the entry that says so.

        They go into a volume that has nothing damaged of theirs, the next one if need be. Raises as ``append`` does.
        """
        messages = await asyncio.to_thread(intake.prepare_all, raws)
        # Made once and kept: whether a volume can take them is asked before, and another may be begun.
        parts = await asyncio.to_thread(intake.parts_of, messages, ())
        [entry] = await self._append([draft], Ready(tuple(messages), self._current, parts), anew=True)
        return entry

    async def _append(self, drafts: Sequence[Draft], ready: Ready | None, *, anew: bool = False) -> list[Entry]:
        self.check_usable()
        return await self._appending.append(drafts, ready, anew=anew)

    async def _write(self, group: Sequence[Request]) -> list[list[Entry]]:
        """Write what several asked for, in one transaction of the volume and one of the catalog."""
        messages = [message for request in group if request.ready for message in request.ready.messages]
        fresh = {message.sha256: message for message in await self._fresh(messages)}
        fresh |= {message.sha256: message for message in _anew(group)}
        number, entries = await self._append_to_volume(group, fresh)
        details = {message.sha256: Detail(len(message.raw), message.envelope) for message in fresh.values()}
        await self._apply(entries, number, details)
        rest = iter(entries)
        return [[next(rest) for _ in request.drafts] for request in group]

    async def _append_to_volume(self, group: Sequence[Request], fresh: Mapping[bytes, Prepared]) -> tuple[int, list[Entry]]:
        forms = {
            message.sha256: message.canonical
            for request in group
            if request.ready
            for message in request.ready.messages
            if message.canonical
        }
        drafts = [catalog.told(draft, forms) for request in group for draft in request.drafts]
        drafts = await changes.told(self.database, drafts)
        messages = list(fresh.values())
        # Parts of messages that the archive has already are not wanted: they would lie in the volume for nothing.
        wanted = {piece.sha256 for message in messages for piece in message.pieces}
        known: set[int] = {request.ready.volume for request in group if request.ready}
        parts: Iterable[Part] = (
            part for request in group if request.ready for part in request.ready.parts if part.sha256 in wanted
        )
        while True:
            volume = await self._volume(self._current)
            if await volume.is_sealed() or await self._is_full(volume):
                # Before anything is written: when the next volume cannot be made, nothing was.
                await self._next_volume(volume)
                continue
            if await volume.spoils(_anew(group)):
                await self._next_volume(volume)
                continue
            if known - {self._current}:
                # Another volume was begun in between: it has none of the parts that were left out as known.
                parts, known = intake.parts(messages, ()), set()
            try:
                entries = await volume.append(drafts, messages, parts)
            except Incomplete:
                # A part that was left out as known did not get into the volume: a batch before this one failed.
                parts, known = intake.parts(messages, ()), set()
                continue
            except Sealed:
                parts, known = intake.parts(messages, ()), set()
                await self._next_volume(volume)
                continue
            return volume.meta.number, entries

    async def _next_volume(self, volume: Volume) -> None:
        number = volume.meta.number + 1
        async with _locked(self.home.volumes):
            head = await volume.seal()
            if not self.home.volume(number).exists():
                await Volume.create(self.home.volume(number), Meta(volume.meta.archive_id, number, head))
            _protect(volume.path)
        self._current = number

    async def _is_full(self, volume: Volume) -> bool:
        if await volume.size() < await self.volume_bytes():
            return False
        # A volume holds one entry at least, however small the limit.
        return (await volume.head()).seq > volume.meta.previous.seq

    async def volume_bytes(self) -> int:
        """The size at which a volume is sealed (setting ``volume_bytes``)."""
        return (await settings.read(self.database)).volume_bytes

    async def _apply(self, entries: Sequence[Entry], number: int, details: Mapping[bytes, Detail]) -> None:
        async with self.database.transaction() as transaction:
            reached = (await catalog.applied(transaction)).seq
            following = [entry for entry in entries if entry.seq > reached]
            if following and following[0].seq == reached + 1:
                await catalog.apply_all(transaction, following, number, details)
                reached = following[-1].seq
        if entries and reached < entries[-1].seq:
            # Another process appended in between and has not applied it (yet).
            await self.catch_up()

    # Reading -----------------------------------------------------------------------------------------------------------

    async def raw(self, sha256: bytes) -> bytes:
        """A message, byte for byte, matched with its hash. Raises ``KeyError`` (not archived), ``DamagedError``."""
        number = await self.database.value("SELECT volume FROM message WHERE sha256 = ?", (sha256,))
        if number is None:
            raise KeyError(sha256.hex())
        try:
            return await (await self._volume(number)).raw(sha256)
        except KeyError:
            raise DamagedError(f"Message {sha256.hex()[:16]} is missing in volume {number:06}.", REPAIR) from None
        except StorageError as error:
            raise DamagedError(f"Message {sha256.hex()[:16]} cannot be read: {error.message}", error.hint) from error

    async def read_back(self, digests: Collection[bytes]) -> AsyncIterator[tuple[bytes, bytes | DamagedError]]:
        """(SHA-256, message) of each of ``digests``, from the disk and matched with its hash; or what is wrong with it."""
        by_volume: dict[int | None, list[bytes]] = {}
        for sha256 in dict.fromkeys(digests):
            number = await self.database.value("SELECT volume FROM message WHERE sha256 = ?", (sha256,))
            by_volume.setdefault(number, []).append(sha256)
        for number, wanted in by_volume.items():
            if number is None:
                for sha256 in wanted:
                    yield sha256, DamagedError(f"Message {sha256.hex()[:16]} is not in the archive.")
                continue
            given: set[bytes] = set()
            try:
                async with aclosing((await self._volume(number)).read_back(wanted)) as found:
                    async for one in found:
                        given.add(one[0])
                        yield one
            except (DamagedError, StorageError) as error:
                for sha256 in wanted:
                    if sha256 not in given:
                        yield sha256, DamagedError(error.message, error.hint)

    async def entry_times(self, seqs: Collection[int]) -> dict[int, str]:
        """The times of ledger entries, by seq; none for what cannot be read."""
        found: dict[int, str] = {}
        async for volume in self.volumes():
            with self._passing_over():
                found.update(await volume.times(sorted(set(seqs) - found.keys())))
        return found

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Ledger entries of all volumes with a seq over ``after``, in order; ``notices`` says what cannot be read of them."""
        async for volume in self.volumes():
            with self._passing_over():
                async for entry in volume.entries(after):
                    yield entry

    async def entries_before(self, seq: int | None, limit: int, kind: str = "") -> list[Entry]:
        """Up to ``limit`` ledger entries with a seq under ``seq`` (None: the last ones), the newest first, of all volumes.

        With ``kind`` only those of one kind; ``notices`` says what cannot be read of them.
        """
        found: list[Entry] = []
        for number in range(self._current, 0, -1):
            if len(found) >= limit:
                break
            with self._passing_over():
                volume = await self._volume(number)
                if seq is None or volume.meta.previous.seq + 1 < seq:
                    found += await volume.entries_before(seq, limit - len(found), kind)
        return found

    async def entry_seqs(self, kind: str, after: int = 0) -> list[int]:
        """The seqs of all ledger entries of one kind that are over ``after``, in order; of those that can be read."""
        found: list[int] = []
        async for volume in self.volumes():
            with self._passing_over():
                found += await volume.seqs(kind, after)
        return found

    @contextmanager
    def _passing_over(self) -> Iterator[None]:
        """Pass over the error of one volume, so that the others are read."""
        try:
            yield
        except (DamagedError, StorageError) as error:
            self._note(error)


def _facts(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of change of a file; zeros for none."""
    try:
        there = path.stat()
    except OSError:
        return (0, 0, 0)
    return there.st_ino, there.st_size, there.st_mtime_ns


def _compare(name: str, head: Head, seen: Head) -> None:
    """Raises ``DamagedError`` when the ledger's end cannot come after what the catalog has ``seen``."""
    if head.seq == seen.seq and head.hash != seen.hash and seen.seq:
        raise DamagedError(
            f"{name}: entry {seen.seq} is not the one that the catalog has seen: volumes were replaced or changed.",
            REPAIR,
        )
    if head.seq < seen.seq:
        raise DamagedError(
            f"{name}: the ledger ends at entry {head.seq}, but the catalog has seen entry {seen.seq}: "
            "volumes were lost or replaced.",
            REPAIR,
        )


def _anew(group: Sequence[Request]) -> list[Prepared]:
    return [message for request in group if request.anew and request.ready for message in request.ready.messages]


async def detail(volume: Volume, sha256: bytes) -> Detail:
    """What the catalog says of a message in ``volume``."""
    try:
        raw = await volume.raw(sha256)
    except (DamagedError, StorageError, KeyError):
        return UNREADABLE
    return Detail(len(raw), await asyncio.to_thread(describe, raw))


@asynccontextmanager
async def _locked(folder: Path, busy: str = "Another process is making a volume.") -> AsyncIterator[None]:
    """Hold the folder's lock; others in this process wait for it as well. Raises ``BusyError``."""
    async with files.lock_within(folder, LOCK_SECONDS) as held:
        if not held:
            raise BusyError(busy, "Try again in a moment.")
        yield


def _protect(path: Path) -> None:
    """A sealed volume is not written again; its mode says so to everybody."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_mode & 0o222:
            path.chmod(0o400)
