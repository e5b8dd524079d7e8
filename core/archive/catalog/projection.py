"""The projection: brings the catalog up to the ledger's end, or makes it anew. Writes nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from functools import partial

from core.archive.catalog import catalog, changes, details, digests, lane_following, lanes, parts, settings, tallies
from core.archive.catalog.lane_following import LaneFollower
from core.archive.catalog.messages import Detail, Details
from core.archive.store import intake
from core.archive.store.entries.lanes import LaneOpened, LanesAnchored
from core.archive.store.intake import PreparedMessage
from core.archive.store.ledger import ZERO_HASH, Draft, Entry, Head
from core.archive.store.volume import Volume
from core.archive.store.volume_rows import AppendedRows
from core.archive.store.volumes import Volumes
from core.archive.store.writer import Present
from core.db.database import Database, Transaction
from core.db.queries import Queries
from core.errors import DamagedError, StorageError
from core.problems import ledger as problems


class Projection:
    """The catalog in ``database`` as the projection of what is in ``volumes``."""

    def __init__(self, database: Database, volumes: Volumes) -> None:
        self._database = database
        self._volumes = volumes

    # Following -----------------------------------------------------------------------------------------------------------

    async def applied(self) -> Head:
        """The ledger position up to which the catalog has followed."""
        return await catalog.applied(self._database)

    async def begin(self, archive_id: str) -> None:
        """Set the archive id of a new catalog; an id that is there stays."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT OR IGNORE INTO applied (id, archive_id, volume, seq, hash) VALUES (1, ?, 1, 0, ?)",
                (archive_id, ZERO_HASH),
            )

    async def catch_up(self, *, accept: bool = False) -> int:
        """Apply what the ledger has and the catalog has not; the number of entries applied.

        Raises ``DamagedError`` when the ledger does not go on from what the catalog knows. With ``accept`` what cannot be read
        is passed over, see ``Volumes.notices``.
        """
        row = await self._database.one("SELECT volume, seq, hash FROM applied")
        start, seq, digest = (row[0], row[1], bytes(row[2])) if row else (1, 0, ZERO_HASH)
        # Looked at after that row was read, so that the ledger's end is never older than what was applied.
        self._volumes.look()
        if not accept:
            head = await self._volumes.head()
            _compare(self._volumes.home.volume(self._volumes.last).name, head, Head(seq, digest))
            if head.seq == seq:
                return 0
        count = 0
        reached = Head(seq, digest)
        for number in range(start, self._volumes.last + 1):
            try:
                volume = await self._volumes.at(number)
                async with aclosing(catalog.groups(volume.entries(after=reached.seq))) as groups:
                    async for group in groups:
                        applied, done = await self._apply_group(group, volume, reached, accept=accept)
                        count += done
                        reached = Head(group[-1].seq, group[-1].hash)
                        if applied < reached.seq:
                            # Another process has emptied the catalog to rebuild it: earlier entries must be applied first.
                            return count + await self.catch_up(accept=accept)
            except DamagedError as error:
                if not accept:
                    raise
                self._volumes.notices.note(error)
        return count

    async def _apply_group(self, group: Sequence[Entry], volume: Volume, before: Head, *, accept: bool) -> tuple[int, int]:
        """Apply consecutive entries; the position reached, and how many were applied."""
        found: dict[bytes, Detail] = {}
        for entry in group:
            if not accept and not entry.follows(before):
                raise DamagedError(problems.NOT_FOLLOWING(entry=entry.seq, before=before.seq))
            before = Head(entry.seq, entry.hash)
            found |= await details.of_entries(self._database, volume, [entry])
            if entry.kind == LanesAnchored.kind:
                await self._follow_lanes(entry, accept=accept)
        if group[0].kind == LanesAnchored.kind and not await lane_following.is_followed(
            self._database, group[0], accept=accept
        ):
            return (await self.applied()).seq, 0
        async with self._database.transaction() as transaction:
            applied = (await catalog.applied(transaction)).seq
            missing = [entry for entry in group if entry.seq > applied]
            if missing and (accept or missing[0].seq == applied + 1):
                await catalog.apply_all(transaction, missing, volume.meta.number, found)
                return missing[-1].seq, len(missing)
        return applied, 0

    async def _follow_lanes(self, anchor: Entry, *, accept: bool) -> None:
        """Apply what ``anchor`` makes part of the archive."""
        note = self._volumes.notices.note if accept else None
        opened = lane_following.opener(self._volumes)
        volumes = self._volumes
        await self._know_lanes()
        await LaneFollower(self._database, volumes.home, opened, volumes.archive_id, note).follow(anchor)
        await self._know_lanes()

    async def _know_lanes(self) -> None:
        """Tell the volumes of the lanes that are open."""
        self._volumes.lanes = {number: lane.end for number, lane in (await lanes.all_of(self._database)).items()}

    async def rebuild(self) -> int:
        """Empty the projection and replay all volumes; the number of entries applied.

        An archive opened without ``follow`` can be rebuilt even when catalog and ledger disagree.
        """
        async with self._database.transaction() as transaction:
            await catalog.clear(transaction)
        count = await self.catch_up(accept=True)
        await self._note_parts()
        return count

    async def _note_parts(self) -> None:
        """Note the parts of the open volume that later messages may share."""
        try:
            volume = await self._volumes.at(self._volumes.last)
            async with aclosing(parts.shared(volume, intake.WORTH_SHARING)) as pages:
                async for found in pages:
                    async with self._database.transaction() as transaction:
                        await parts.add(transaction, volume.meta.number, found)
        except (DamagedError, StorageError):
            # Without them equal attachments are stored once more, in this volume.
            return

    async def date_placements(self) -> None:
        """Date old placements of messages without a date of their own, by the times of their ledger entries."""
        undated = "SELECT DISTINCT since_seq FROM placement WHERE date IS NULL"
        if seqs := [row[0] for row in await self._database.read(undated)]:
            times = await self._volumes.entry_times(seqs)
            async with self._database.transaction() as transaction:
                await catalog.date_placements(transaction, {seq: times.get(seq, "") for seq in seqs})

    async def date_arrivals(self) -> None:
        """Find when old messages came, by the entries that placed them first, and count them by day."""
        entries = await tallies.first_entries(self._database)
        times = await self._volumes.entry_times({seq for _, seq in entries})
        async with self._database.transaction() as transaction:
            await tallies.date(transaction, [(number, times.get(seq, "")) for number, seq in entries])

    # For the writer ------------------------------------------------------------------------------------------------------

    async def known(self, wanted: Sequence[bytes]) -> set[bytes]:
        """Those of ``wanted`` that are in the archive."""
        return set(await digests.ids(self._database, wanted))

    async def present(self, wanted: Sequence[bytes], volume: int, pieces: Collection[bytes]) -> Present:
        """The messages of ``wanted`` that the catalog has, and the parts of ``pieces`` in the open ``volume``, by SHA-256."""
        return await self._database.ask(partial(_present, wanted, volume, pieces))

    async def lost(self, wanted: Sequence[bytes]) -> list[bytes]:
        """Those of ``wanted`` that the archive lists but cannot read. Only volumes with known damage are read."""
        return await self.unreadable(await digests.volumes(self._database, wanted))

    async def unreadable(self, places: Mapping[bytes, int]) -> list[bytes]:
        """Those messages of ``places``, the numbers of their volumes by SHA-256, that cannot be read."""
        if not places:
            return []
        broken = {number for number in set(places.values()) if await self._volumes.is_unusable(number)}
        named = await self._database.among("SELECT sha256 FROM damage WHERE sha256 IN (??)", list(places))
        damaged = {bytes(row[0]) for row in named}
        doubtful = [(sha256, number) for sha256, number in places.items() if number in broken or sha256 in damaged]
        return [sha256 for sha256, number in doubtful if not await self._is_readable(number, sha256)]

    async def _is_readable(self, number: int, sha256: bytes) -> bool:
        try:
            await self._volumes.message(number, sha256)
        except DamagedError:
            return False
        return True

    async def mended(self, renewed: Sequence[bytes]) -> None:
        """Forget the damage of messages that were stored anew."""
        async with self._database.transaction() as transaction:
            await transaction.many("DELETE FROM damage WHERE sha256 = ?", [(sha256,) for sha256 in renewed])

    async def told(self, drafts: Sequence[Draft], forms: Mapping[bytes, bytes]) -> list[Draft]:
        """``drafts`` completed from the catalog: with the CRLF forms of their messages, and with the changes of records."""
        return await changes.told(self._database, [draft.told(forms) for draft in drafts])

    async def parts(self, volume: int, wanted: Collection[bytes]) -> dict[bytes, int]:
        """Ids of those parts that are in the open volume already, by SHA-256, as far as they are known."""
        return await parts.find(self._database, volume, wanted)

    async def apply(self, appended: AppendedRows, volume: int, fresh: Mapping[bytes, PreparedMessage]) -> None:
        """Follow the ledger up to what was ``appended``; ``fresh`` are its messages that are new in the volume."""
        entries, rows = appended.entries, appended.messages
        details = {sha256: Detail(len(message.raw), message.envelope, rows.get(sha256)) for sha256, message in fresh.items()}
        shared = {one: appended.parts[one] for one in intake.shared(fresh.values()) if one in appended.parts}
        reached = await self._database.write(partial(_follow, entries, volume, details, shared))
        if entries and reached < entries[-1].seq:
            # Another process appended in between and has not applied it (yet); or lanes are to be followed first.
            await self.catch_up()


async def _present(wanted: Sequence[bytes], volume: int, pieces: Collection[bytes], queries: Queries) -> Present:
    places = await digests.volumes(queries, wanted)
    return Present(places, volume, await parts.find(queries, volume, pieces), (await settings.read(queries)).volume_bytes)


async def _follow(
    entries: Sequence[Entry], volume: int, details: Details, shared: Mapping[bytes, int], transaction: Transaction
) -> int:
    """Apply what follows of ``entries``, and note the parts that are ``shared``; the seq that is reached."""
    await parts.add(transaction, volume, shared)
    reached = (await catalog.applied(transaction)).seq
    following = [entry for entry in entries if entry.seq > reached]
    # An anchor is applied after what it anchors.
    anchors = any(entry.kind in (LaneOpened.kind, LanesAnchored.kind) for entry in following)
    if following and following[0].seq == reached + 1 and not anchors:
        await catalog.apply_all(transaction, following, volume, details)
        return following[-1].seq
    return reached


def _compare(name: str, head: Head, seen: Head) -> None:
    """Raise ``DamagedError`` when the ledger's end is not a continuation of what the catalog has ``seen``."""
    if head.seq == seen.seq and head.hash != seen.hash and seen.seq:
        raise DamagedError(problems.NOT_SEEN(file=name, entry=seen.seq))
    if head.seq < seen.seq:
        raise DamagedError(problems.LOST(file=name, end=head.seq, entry=seen.seq))
