"""The archive as a whole: volumes and catalog kept in step. The one door to what is on disk.

Order of every write: volume first (durable), catalog second. ``open`` brings the catalog up to the ledger's end, so a crash
between the two is mended before anything is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from core.archive import opening
from core.archive.catalog import digests, followed, lanes
from core.archive.store.folder_lock import locked
from core.archive.store.ledger import Draft, Entry, Head
from core.archive.store.notices import Refusal
from core.archive.store.stored_message import StoredMessage
from core.archive.store.volume import Volume
from core.archive.store.volume_format import Meta
from core.archive.store.volumes import Volumes
from core.config import Home
from core.db.database import Database
from core.errors import DamagedError, StorageError
from core.message.octets import Bytes
from core.problems import archive as problems
from core.problems import volume
from core.text.format import size as human

if TYPE_CHECKING:
    from core.archive.catalog.projection import Projection
    from core.archive.store.writer import Ready, Writer

CATALOG_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -32768", "temp_store = MEMORY")


class Archive:
    """An open archive: ``database`` is archive.sqlite, ``volumes`` hold the ledger and all messages.

    ``projection`` has the catalog follow the ledger; everything that is appended goes through ``writer``.
    """

    def __init__(self, home: Home, database: Database, refusal: Refusal | None = None) -> None:
        self.home = home
        self.database = database
        self.volumes = Volumes(home, refusal)
        self.volumes.locate = partial(digests.VolumeRows, database)

    @cached_property
    def projection(self) -> Projection:
        # Loaded by the first change, or where changes are to be followed: most commands only read.
        from core.archive.catalog.projection import Projection

        return Projection(self.database, self.volumes)

    @cached_property
    def writer(self) -> Writer:
        # As above.
        from core.archive.store.writer import Writer

        return Writer(self.volumes, self.projection)

    # Opening -----------------------------------------------------------------------------------------------------------

    @classmethod
    async def open(cls, home: Home, *, actor: str = "archivar", follow: bool = True) -> Archive:
        """Open the archive in ``home``; an empty home gets a new one.

        With ``follow`` the catalog is brought up to the ledger's end.

        A backup, a damaged archive and a home without write access open read-only: ``refusal`` gives the reason, ``notices``
        lists what cannot be read. Raises ``HomeError`` (newer than the program), ``DamagedError`` (no volumes, or no catalog
        that could be read), ``StorageError``.
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
                await archive.volumes.make_first()
            await archive._find_volumes()
            if archive.refusal is None:
                await archive._prepare_catalog(actor, follow=follow)
            elif database.path != home.catalog:
                await archive._prepare_copy()
            archive._refuse_backup()
            if database.unseen:
                archive.volumes.notices.tell(
                    "unseen",
                    f"{home.catalog.name} was read as it stands, since nothing can be written beside it: "
                    f"the last changes, {human(database.unseen)} in its log, are not seen.",
                )
        except BaseException:
            await archive.close()
            raise
        return archive

    async def _find_volumes(self) -> None:
        row = await self.database.one("SELECT archive_id, volume, seq FROM applied")
        self.volumes.archive_id, seen, seq = row or ("", 1, 0)
        self.volumes.lanes = {number: lane.end for number, lane in (await lanes.all_of(self.database)).items()}
        await self.volumes.find(seen, seq)
        if row is None and not isinstance(self.refusal, StorageError):
            async with aclosing(self.volumes.readable()) as readable:
                async for volume in readable:
                    await self._begin_catalog(volume.meta.archive_id)
                    break

    async def _begin_catalog(self, archive_id: str) -> None:
        await self.projection.begin(archive_id)
        self.volumes.archive_id = archive_id

    async def _prepare_catalog(self, actor: str, *, follow: bool) -> None:
        try:
            if not (await self.head()).seq:
                await self.volumes.begin(actor)
            if await followed.has_undated(self.database):
                await self.projection.date_placements()
            if follow:
                await self.catch_up()
        except (DamagedError, StorageError) as error:
            self.volumes.refuse(error)

    async def date_arrivals(self) -> None:
        """Read of the volumes on which days messages came that an older version archived; nothing where that cannot be kept.

        Not when an archive is opened: bringing up to date reads no sealed volume.
        """
        if self.refusal is None and not self.home.is_backup and await followed.has_unknown_arrivals(self.database):
            try:
                await self.projection.date_arrivals()
            except (DamagedError, StorageError) as error:
                self.volumes.notices.note(error)

    async def _prepare_copy(self) -> None:
        """Finish what bringing up to date leaves to be read of the volumes, in the copy of a catalog; then it is only read."""
        try:
            if await followed.has_undated(self.database):
                await self.projection.date_placements()
        except (DamagedError, StorageError) as error:
            self.volumes.notices.note(error)
        self.database.refusal = self.refusal
        self.volumes.notices.tell(
            "copied",
            f"{self.home.catalog.name} is of an older version and cannot be brought up to date there: it is read from a copy, "
            f"which is made each time in {self.database.path.parent.parent}.",
        )

    def _refuse_backup(self) -> None:
        """Make the home of a backup read-only for this process, for every table: written to, it would no longer be a copy."""
        refusal = opening.backup_refusal(self.home)
        if refusal is not None:
            self.volumes.refusal = self.refusal or refusal
            self.database.refusal = refusal
            self.volumes.notices.note(refusal)

    async def close(self) -> None:
        """Close all files. Safe to call twice."""
        if "writer" in vars(self):
            await self.writer.close()
        await self.volumes.close()
        await self.database.close()

    # Refusal -------------------------------------------------------------------------------------------------------------

    @property
    def refusal(self) -> Refusal | None:
        """The reason why nothing can be appended; None when appending works."""
        return self.volumes.refusal

    @property
    def damage(self) -> DamagedError | None:
        """The damage that forbids appending; None when there is none."""
        return self.volumes.damage

    @property
    def notices(self) -> list[str]:
        """Sentences about what cannot be read or seen."""
        return list(self.volumes.notices)

    def check_usable(self) -> None:
        """Raise ``DamagedError`` or ``StorageError`` when nothing can be appended, ``HomeError`` for a backup."""
        self.volumes.check_usable()

    def check_writable(self) -> None:
        """Raise ``StorageError`` or ``HomeError`` when no table can be written; damage alone does not forbid it."""
        if self.damage is None:
            self.check_usable()

    @property
    def archive_id(self) -> str:
        """The id of this archive; empty when neither the catalog nor any volume can be read."""
        return self.volumes.archive_id

    @property
    def last_volume(self) -> int:
        """The number of the volume that is written to."""
        return self.volumes.last

    # The catalog follows the ledger --------------------------------------------------------------------------------------

    async def head(self) -> Head:
        """The end of the ledger. Raises ``DamagedError`` when that cannot be read."""
        return await self.volumes.head()

    async def applied(self) -> Head:
        """The end of the ledger as far as the catalog has followed it."""
        return await followed.applied(self.database)

    async def catch_up(self) -> int:
        """Apply what other processes have appended since; the number of entries. Raises as ``Projection.catch_up`` does."""
        return 0 if await self._has_followed() else await self.projection.catch_up()

    async def _has_followed(self) -> bool:
        seen = await self.applied()
        # Looked at after that, so that the ledger's end is never older than what was applied.
        self.volumes.look()
        return await self.head() == seen

    async def rebuild(self) -> int:
        """Make the catalog anew from all volumes; the number of entries applied (``Projection.rebuild``)."""
        return await self.projection.rebuild()

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """Context in which no other process changes users or profiles, and the catalog has followed all earlier changes.

        For changes that must be checked against the present state. Raises ``BusyError``, and what ``check_usable`` does.
        """
        self.check_usable()
        async with locked(self.home.path, problems.BEING_CHANGED()):
            await self.catch_up()
            yield

    # After damage, see ``takeover`` --------------------------------------------------------------------------------------

    async def adopt(self, said: Sequence[Meta]) -> None:
        """Take the archive's id from ``said``, the tables meta of damaged volumes, where nothing undamaged tells it.

        Raises ``DamagedError`` when ``said`` is empty.
        """
        if not self.archive_id:
            if not said:
                raise DamagedError(volume.NONE_READABLE())
            await self._begin_catalog(said[0].archive_id)

    async def look_again(self) -> None:
        """Check whether another process has repaired the damage found here; costs little while its files are the same."""
        if not self.volumes.has_changed():
            return
        self.volumes.forget()
        await self._find_volumes()
        if self.refusal is None and not self.home.is_backup:
            try:
                await self.catch_up()
            except DamagedError as error:
                self.volumes.refuse(error)
        self._refuse_backup()

    async def restate(self, drafts: Sequence[Draft]) -> None:
        """Append to a volume that has lost entries which the catalog has applied; ``resume`` follows."""
        self.volumes.refusal = None
        await self.writer.restate(drafts)

    async def resume(self) -> None:
        """Make the catalog anew after a repair. Raises ``DamagedError`` when the damage is still there."""
        await self.volumes.release()
        self.volumes.refusal = None
        self.volumes.notices.clear()
        await self.rebuild()
        await self.head()

    async def meet(self, source: str, validities: Iterable[int]) -> None:
        """Nothing: this catalog knows all mailboxes (``visited.VisitedArchive``)."""

    # Writing -----------------------------------------------------------------------------------------------------------

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None) -> list[Entry]:
        """Append to the ledger, and store what is ``ready`` (``Writer.append``)."""
        return await self.writer.append(drafts, ready)

    # Reading -----------------------------------------------------------------------------------------------------------

    async def raw(self, sha256: bytes) -> bytes:
        """A message, byte for byte, matched with its hash. Raises ``KeyError`` (not archived), ``DamagedError``."""
        return await self.volumes.raw(await self._number(sha256), sha256)

    async def message(self, sha256: bytes, *, prove: bool = True) -> bytes | StoredMessage:
        """The same; of a large message the reader, whose bytes are matched with the hash now or (not to ``prove``) later."""
        return await self.volumes.message(await self._number(sha256), sha256, prove=prove)

    async def _number(self, sha256: bytes) -> int:
        number = (await digests.volumes(self.database, (sha256,))).get(sha256)
        if number is None:
            raise KeyError(sha256.hex())
        return int(number)

    async def read_back(self, messages: Collection[bytes]) -> AsyncIterator[tuple[bytes, Bytes | DamagedError]]:
        """Yield (SHA-256, message) of each of ``messages``, read from the disk past all caches and matched with its hash.

        A damaged message's place is taken by the error.
        """
        by_volume: dict[int | None, list[bytes]] = {}
        places = await digests.volumes(self.database, messages)
        for sha256 in dict.fromkeys(messages):
            by_volume.setdefault(places.get(sha256), []).append(sha256)
        for number, wanted in by_volume.items():
            if number is None:
                for sha256 in wanted:
                    yield sha256, DamagedError(volume.NOT_ARCHIVED(message=sha256.hex()[:16]))
                continue
            given: set[bytes] = set()
            try:
                async with aclosing((await self.volumes.at(number)).read_back(wanted)) as found:
                    async for one in found:
                        given.add(one[0])
                        yield one
            except (DamagedError, StorageError) as error:
                for sha256 in wanted:
                    if sha256 not in given:
                        yield sha256, DamagedError(volume.MESSAGE_UNREAD(message=sha256.hex()[:16], why=error.reason))

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Ledger entries with a seq over ``after`` (``Volumes.entries``)."""
        return self.volumes.entries(after)

    async def entries_before(self, seq: int | None, limit: int, kind: str = "") -> list[Entry]:
        """The last ledger entries before ``seq`` (``Volumes.entries_before``)."""
        return await self.volumes.entries_before(seq, limit, kind)
