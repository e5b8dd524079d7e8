"""Check of volumes one after the other: pages, ledger, parts, messages, in small steps that can stop after any of them.

The state is a ``CheckPosition``, which with the ``Verdict`` so far is all that another process needs to continue.
No lock is held between two steps, so an archiving run waits for one page of rows at most; only ``integrity_check`` holds
SQLite's lock on a volume for as long as it takes, which is why ``gentle`` leaves it out for the volume that is being written.

Damage of which a good copy was stored since (ledger: ``repaired``) is no finding; nor is other damage in a volume, once its
ledger is whole and every message that it names can be read from somewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from copy import deepcopy
from functools import partial

from core.archive.catalog.proven_details import ProvenDetails
from core.archive.proof.check_place import CheckPosition, CheckStage
from core.archive.proof.findings import Finding, Verdict
from core.archive.proof.ledger_check import BrokenTable, LedgerCheck, table_rows
from core.archive.proof.message_check import MessageCheck
from core.archive.proof.message_order import MessageOrder
from core.archive.proof.other_volumes import CHUNK, mended_later, not_listed
from core.archive.proof.sound_pages import PARTS, SoundRows, unfound_parts, wrong_part
from core.archive.proof.strangers import Strangers
from core.archive.store.volume import Volume
from core.archive.store.volume_format import META_KEYS, refuse_strange, unpack
from core.config import IN_LANE, Home
from core.db.database import Row
from core.errors import DamagedError, StorageError, UnfetchedError
from core.problems import finding as problems
from core.problems.code import Reason

#: Pages of the volume that are kept in memory: ledger and tables are looked up in it in any order.
CACHE = "cache_size = -65536"
_ROWS_BEFORE = "SELECT (SELECT count(*) FROM part WHERE id < 1) + (SELECT count(*) FROM message WHERE id < 1)"
#: Strange keys of table meta that are listed.
MOST_KEYS = 10


async def walk(
    home: Home, place: CheckPosition, verdict: Verdict, *, gentle: bool = False, proven: ProvenDetails | None = None
) -> AsyncGenerator[None]:
    """Check everything from ``place`` to the end of the last volume.

    Yields after every step, with place and verdict updated. ``proven`` is given the details of all messages that are sound.
    """
    while place.is_within(home):
        name = home.volume(place.volume).name
        try:
            volume = await Volume.open(home.volume(place.volume), read_only=True)
        except UnfetchedError:
            # Nothing is known to be wrong with it.
            raise
        except (DamagedError, StorageError) as error:
            verdict.add(name, error.reason)
            place.next_volume("")
            yield
            continue
        try:
            await volume.database.configure((CACHE,))
            async with aclosing(_Check(home, volume, place, verdict, gentle, proven).steps()) as steps:
                async for _ in steps:
                    yield
        finally:
            await volume.close()
        place.next_volume(volume.meta.archive_id)
        yield


async def check_volume(home: Home, number: int) -> Verdict:
    """Check one volume by itself, taking its word for the end of the one before."""
    place, verdict = CheckPosition(number), Verdict()
    async with aclosing(walk(home, place, verdict)) as steps:
        async for _ in steps:
            if place.volume != number:
                break
    return verdict


async def so_far(home: Home, place: CheckPosition, verdict: Verdict) -> Verdict:
    """``verdict`` with the damage known so far in the volume at ``place``, which is not fully checked yet."""
    place, verdict = deepcopy(place), deepcopy(verdict)
    if place.parts or place.messages or place.faults:
        try:
            volume = await Volume.open(home.volume(place.volume), read_only=True)
        except (DamagedError, StorageError):
            # The finding follows when the check continues.
            return verdict
        try:
            await _Check(home, volume, place, verdict, True).foretell()
        finally:
            await volume.close()
    return verdict


class _Check:
    """The check of one volume."""

    def __init__(
        self,
        home: Home,
        volume: Volume,
        place: CheckPosition,
        verdict: Verdict,
        gentle: bool,
        proven: ProvenDetails | None = None,
    ) -> None:
        self._home = home
        self._volume = volume
        self._name = volume.path.name
        self._place = place
        self._verdict = verdict
        self._gentle = gentle
        self._order = MessageOrder(volume.meta)
        self._proven = proven
        self._sound = SoundRows(proven, is_old=volume.meta.is_old)
        self._of_ledger = LedgerCheck(home, volume, place, verdict, self._sound.name)

    async def steps(self) -> AsyncGenerator[None]:
        place = self._place
        if place.stage is CheckStage.BEGIN:
            async for _ in self._of_ledger.end_of_last():
                yield
            self._verdict.volumes += 1
            place.of_ledger = self._ledger_findings()
            await self._schema()
            await self._meta()
            self._of_ledger.joint()
            await self._pages()
            await self._find_ends()
            place.stage = CheckStage.LEDGER
            yield
        if place.stage is CheckStage.LEDGER:
            # The ledger before the messages: messages archived since are then found in it.
            async for _ in self._of_ledger.steps():
                yield
            place.stage = CheckStage.PARTS
        if place.stage is CheckStage.PARTS:
            async for _ in self._parts():
                yield
            place.stage, place.after = CheckStage.MESSAGES, self._order.kept(self._order.start)
        if place.stage is CheckStage.MESSAGES:
            async for _ in MessageCheck(self._volume, place, self._verdict, self._sound, self._proven).steps():
                yield
            place.stage, place.after = CheckStage.NAMES, self._volume.meta.previous.seq
        async for _ in self._missing():
            yield
        await self._conclude()
        # A broken-off backup has messages ahead of their entries; these are no strangers.
        if self._home.is_backup and not await self._volume.is_sealed():
            return
        if not await self._sound.are_explained(self._volume, self._of_ledger.head.seq):
            strangers = Strangers(self._home, self._volume)
            await strangers.look()
            self._tell_of_strangers(strangers)

    def _ledger_findings(self) -> int:
        return sum(one.where == "ledger" for one in self._verdict.findings)

    async def _schema(self) -> None:
        """Check the schema and the keys of table meta: foreign code in it would be run by the next writer."""
        try:
            refuse_strange(self._volume.path, await self._volume.database.shape(), self._volume.meta.format)
            keys = {row[0] for row in await self._volume.database.read("SELECT key FROM meta")}
        except (DamagedError, StorageError) as error:
            self._verdict.add(self._name, error.reason)
            return
        for key in sorted(keys - META_KEYS, key=repr)[:MOST_KEYS]:
            self._verdict.add(self._name, problems.STRANGE_KEY(key=f"{key!a:.40}"))

    def _tell_of_strangers(self, strangers: Strangers) -> None:
        # Without the SHA-256 as a field, which would have a repair store the message anew.
        for sha256 in strangers.messages:
            nobodys = problems.STRANGE_MESSAGE(message=sha256.hex()) if sha256 else problems.NAMELESS_MESSAGE()
            self._verdict.add(self._name, nobodys, content=True)
        # Unused parts may belong to a message whose record is damaged, repaired or not.
        known = (*self._verdict.findings, *self._verdict.mended)
        explained = any(one.where == self._name and one.sha256 for one in known)
        for part in () if explained else strangers.parts:
            self._verdict.add(self._name, problems.STRANGE_PART(part=part), content=True)
        more_parts = 0 if explained else strangers.more_parts
        if strangers.more_messages:
            self._verdict.add(self._name, problems.MORE_STRANGE_MESSAGES(count=strangers.more_messages), content=True)
        if more_parts:
            self._verdict.add(self._name, problems.MORE_STRANGE_PARTS(count=more_parts), content=True)

    async def _meta(self) -> None:
        lane, expected = divmod(self._place.volume, IN_LANE)
        meta, numbers = self._volume.meta, self._home.volumes_of(lane)
        if meta.number != expected:
            self._verdict.add(self._name, problems.OTHER_NUMBER(number=meta.number, expected=expected))
        try:
            if self._place.volume != numbers[-1] and not await self._volume.is_sealed():
                self._verdict.add(self._name, problems.NOT_SEALED())
            if not meta.is_old and (count := await self._volume.database.value(_ROWS_BEFORE)):
                self._verdict.add(self._name, problems.ROWS_BEFORE(count=count))
            sql = "SELECT count(*) FROM ledger WHERE seq <= ?"
            if count := await self._volume.database.value(sql, (meta.previous.seq,)):
                self._verdict.add("ledger", problems.ENTRIES_BEFORE(file=self._name, count=count))
        except (DamagedError, StorageError) as error:
            self._place.faults.append(error.reason)

    async def _pages(self) -> None:
        try:
            if self._gentle and not await self._volume.is_sealed():
                return
            rows = await self._volume.database.read("PRAGMA integrity_check(20)")
        except (DamagedError, StorageError) as error:
            self._place.faults.append(error.reason)
            return
        self._place.faults += [problems.PAGES(said=str(row[0])) for row in rows if row[0] != "ok"]

    async def _find_ends(self) -> None:
        try:
            self._place.last_part = int(await self._volume.database.value("SELECT max(id) FROM part") or 0)
            self._place.last_message = int(await self._volume.database.value(self._order.last))
        except (DamagedError, StorageError) as error:
            self._place.faults.append(problems.PARTS_UNCOUNTED(why=error.reason))
        except (ValueError, TypeError) as error:
            self._place.faults.append(problems.PARTS_UNCOUNTED(why=str(error)))

    # Content ---------------------------------------------------------------------------------------------------------------

    async def _parts(self) -> AsyncIterator[None]:
        """Hash every part: by long pages, and from what is not in order on by short ones."""
        place = self._place
        while page := await self._sound.parts(self._volume, int(place.after)):
            place.parts |= page.wrong
            self._count_parts(page.last, page.count, page.size)
            yield
        sql = "SELECT id, sha256, codec, size, data FROM part WHERE id > ? ORDER BY id LIMIT ?"
        try:
            async for rows in table_rows(self._volume, sql, "parts", int(place.after), PARTS):
                place.parts |= await asyncio.to_thread(_wrong_parts, rows)
                place.parts |= await self._volume.database.job(partial(unfound_parts, [row[0] for row in rows]))
                self._count_parts(rows[-1][0], len(rows), sum(row[3] for row in rows if isinstance(row[3], int)))
                yield
        except (BrokenTable, DamagedError, StorageError) as error:
            place.faults.append(error.reason)

    def _count_parts(self, last: int, count: int, size: int) -> None:
        self._place.after = last
        self._verdict.parts += count
        self._verdict.bytes += size

    async def _missing(self) -> AsyncIterator[None]:
        """Look for the messages that the ledger names and that are not in this volume."""
        ledger, unlisted = self._of_ledger, self._sound.unlisted()
        if unlisted is None or not ledger.told_all:
            looked_for = ledger.look_for(lambda sha256: True, int(self._place.after))
        elif unlisted:
            looked_for = ledger.look_for(lambda sha256: hash(sha256) in unlisted, int(self._place.after))
        else:
            return
        async for self._place.after in looked_for:
            yield

    # Result ------------------------------------------------------------------------------------------------------------------

    async def _conclude(self) -> None:
        """Add the findings on the volume; repaired damage goes to ``mended``."""
        place = self._place
        await self._fault()
        if not place.parts and not place.messages and not place.faults:
            return
        later = await mended_later(self._home, place.volume)
        for part, reason in place.parts.items():
            needed = place.needs.get(part, [])
            self._say(bool(needed) and all(digest in later for digest in needed), reason, content=True)
        for digest, reason in place.messages.items():
            self._say(digest in later, reason, digest, content=True)
        if place.faults:
            # Where nothing was stored anew, nothing was repaired, although all mail in it can be read.
            rescued = bool(later) and place.of_ledger == self._ledger_findings() and await self._all_rescued(later)
            for fault in place.faults:
                self._say(rescued, fault)

    async def _fault(self) -> None:
        """Note why a volume is opened for reading only, where nothing that was looked at tells it."""
        place = self._place
        told = place.parts or place.messages or place.faults or place.of_ledger != self._ledger_findings()
        if self._volume.fault is None or told or any(one.where == self._name for one in self._verdict.findings):
            return
        # What another process was writing is no damage.
        again = await Volume.open(self._volume.path, read_only=True)
        try:
            if again.fault is not None:
                place.faults.append(again.fault.reason)
        finally:
            await again.close()

    async def foretell(self) -> None:
        """Add the findings so far before the end. The messages of damaged parts are looked up in the table."""
        place = self._place
        after = self._order.of(place.after) if place.stage is CheckStage.MESSAGES else self._order.start
        try:
            while place.parts:
                rows = await self._volume.database.read(self._order.page, (after, CHUNK))
                for _, sha256, _, recipe in rows:
                    if broken := [part for part in unpack(recipe) if part in place.parts]:
                        self._spoilt(sha256, broken)
                if not rows or rows[-1][0] <= after:
                    break
                after = rows[-1][0]
        except (DamagedError, StorageError, TypeError, AttributeError):
            # Unreadable rows get their finding when their turn comes.
            pass
        await self._conclude()

    def _spoilt(self, sha256: bytes, broken: list[int]) -> None:
        """The finding on a message that needs damaged parts."""
        for part in broken:
            self._place.needs.setdefault(part, []).append(sha256.hex())
        self._place.messages[sha256.hex()] = problems.MESSAGE_DAMAGED(message=sha256.hex()[:16], part=broken[0])

    def _say(self, mended: bool, reason: Reason, sha256: str = "", *, content: bool = False) -> None:
        if mended:
            self._verdict.mended.append(Finding(self._name, problems.REPAIRED(why=reason), sha256, content))
        else:
            self._verdict.add(self._name, reason, sha256, content=content)

    async def _all_rescued(self, later: Iterable[str]) -> bool:
        """True when every message that this volume's ledger names can be read: here, or from a copy made since."""
        good = set(later)
        try:
            async for entry in self._volume.entries():
                for sha256 in entry.digests():
                    if sha256.hex() in good or sha256 in await not_listed(self._volume, [sha256]):
                        # Listed elsewhere, or found missing already.
                        continue
                    await self._volume.message(sha256)
                    good.add(sha256.hex())
        except (DamagedError, StorageError, KeyError):
            return False
        return True


def _wrong_parts(rows: list[Row]) -> dict[int, Reason]:
    return {row[0]: reason for row in rows if (reason := wrong_part(*row))}
