"""Looks at the ledger of one volume: each entry follows from the one before, and what it names is in some volume."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise

from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Verdict, lost_message
from core.archive.proof.opened_volumes import OpenedVolumes
from core.archive.proof.other_volumes import in_no_volume, named_as_lost
from core.archive.proof.strangers import named
from core.archive.store.ledger import Entry, Head
from core.archive.store.volume import Volume
from core.config import IN_LANE, Home
from core.db.database import Row
from core.errors import DamagedError, StorageError
from core.problems import command_line
from core.problems import finding as problems
from core.problems.code import Reason

#: Rows that are read at once: a damaged page costs no more than this many rows of detail.
ROWS = 64


class BrokenTable(Exception):
    """The rest of a table of a volume cannot be read, or is out of order; the reason says from where on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(command_line.sentence(reason))
        self.reason = reason


class LedgerCheck:
    """The ledger of ``volume``. It goes on from ``head``, and moves that to its own end.

    ``tell`` is called with the SHA-256 of the messages that its entries name; whether some volume has these is then looked at
    by ``look_for``, when the rows of this one are known. Without it that is looked at page by page.
    """

    def __init__(
        self,
        home: Home,
        volume: Volume,
        place: CheckPosition,
        verdict: Verdict,
        tell: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self._tell = tell
        self._home = home
        self._volume = volume
        self._name = volume.path.name
        self._place = place
        self._verdict = verdict
        self._lost: dict[bytes, None] = {}
        #: True when this process has told of all entries, of which none names lost messages.
        self.told_all = False
        self._others = OpenedVolumes(home)

    @property
    def head(self) -> Head:
        """The last entry that was looked at of the archive's own chain, or of the lane that the volume belongs to."""
        if self._place.volume < IN_LANE:
            return self._verdict.head
        return Head(self._place.lane_seq, bytes.fromhex(self._place.lane_hash))

    @head.setter
    def head(self, head: Head) -> None:
        if self._place.volume < IN_LANE:
            self._verdict.head = head
        else:
            self._place.lane_seq, self._place.lane_hash = head.seq, head.hash.hex()

    async def end_of_last(self) -> AsyncIterator[None]:
        """Check entries written to the volume before after its ledger was checked: it was open then, and is sealed now."""
        number, place = self._place.volume - 1, self._place
        name = self._home.volume(number).name
        if not self._place.archive_id or any(
            one.where == "ledger" and one.reason.values.get("file") == name for one in self._verdict.findings
        ):
            return
        try:
            volume = await Volume.open(self._home.volume(number), read_only=True)
        except (DamagedError, StorageError):
            # It was there a moment ago; what is missing of it shows where the two join.
            return
        try:
            before = CheckPosition(number, lane_seq=place.lane_seq, lane_hash=place.lane_hash)
            async for _ in LedgerCheck(self._home, volume, before, self._verdict).steps():
                place.lane_seq, place.lane_hash = before.lane_seq, before.lane_hash
                yield
        finally:
            await volume.close()

    def joint(self) -> None:
        """True when the volume continues where the one before it ended."""
        meta, expected = self._volume.meta, self.head
        if not self._place.archive_id and meta.number != 1:
            # The volume before could not be read: the chain continues from this volume's meta.
            self.head = meta.previous
            return
        if self._place.archive_id and self._place.archive_id != meta.archive_id:
            self._verdict.add(self._name, problems.OTHER_ARCHIVE())
        if meta.previous != expected:
            other = problems.OTHER_HASH if meta.previous.seq == expected.seq else problems.OTHER_END
            self._verdict.add(self._name, other(previous=meta.previous.seq, end=expected.seq))
            self.head = meta.previous

    async def steps(self) -> AsyncIterator[None]:
        """Look at the entries after ``head``, a page of rows at a step."""
        self.told_all = self.head.seq == self._volume.meta.previous.seq
        try:
            async for rows in self._rows(self.head.seq):
                named: dict[bytes, None] = {}
                for row in rows:
                    named.update(dict.fromkeys(self._entry(row)))
                if self._tell is None:
                    await self._look(list(named))
                else:
                    self._tell(list(named))
                    self.told_all &= not self._lost
                    self._lost.clear()
                yield
        except BrokenTable as error:
            # Nothing makes up for a ledger that cannot be read.
            self._verdict.add("ledger", problems.LEDGER_UNREAD(file=self._name, why=error.reason))
        finally:
            await self._others.close()

    async def look_for(self, wanted: Callable[[bytes], bool], after: int) -> AsyncIterator[int]:
        """Look whether some volume has each of the messages that entries from ``after`` to ``head`` name, and are ``wanted``.

        Yields the number of the last entry after each page.
        """
        last = self.head.seq
        try:
            async for rows in self._rows(after):
                named: dict[bytes, None] = {}
                for row in rows:
                    if row[0] <= last:
                        named.update((sha256, None) for sha256 in self._named(row) if wanted(sha256))
                await self._look(list(named))
                yield rows[-1][0]
                if rows[-1][0] >= last:
                    break
        except BrokenTable:
            # It was told when the entries were looked at.
            return
        finally:
            await self._others.close()

    def _rows(self, after: int) -> AsyncIterator[list[Row]]:
        sql = f"SELECT {self._volume.columns} FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
        return table_rows(self._volume, sql, "ledger entries", after, ROWS)

    def _named(self, row: Row) -> list[bytes]:
        """The SHA-256 of the messages that an entry which was looked at before names; those named as lost are noted."""
        try:
            entry = Entry.of_row(row)
            self._lost |= dict.fromkeys(entry.lost())
            return named(entry)
        except (DamagedError, TypeError):
            return []

    async def _look(self, named: list[bytes]) -> None:
        if not named and not self._lost:
            return
        missing = await in_no_volume(self._others, self._volume, self._place.volume, [*named, *self._lost])
        # A message that a salvage named as lost is a finding at that entry.
        said = await named_as_lost(self._home) if missing else set()
        for sha256 in missing:
            if sha256 in self._lost:
                self._verdict.add(self._name, lost_message(sha256.hex()), sha256.hex(), content=True)
            elif sha256 not in said:
                self._verdict.add("ledger", problems.MESSAGE_NOWHERE(message=sha256.hex()[:16]), sha256.hex())
        self._lost.clear()

    def _entry(self, row: Row) -> list[bytes]:
        """Look at one entry; the SHA-256 of the messages that it names."""
        seq, at, kind, actor, _, stored, _ = row
        verdict = self._verdict
        verdict.entries += 1
        name = self._name
        if not all(isinstance(text, str) for text in (at, kind, actor)) or not isinstance(stored, bytes):
            verdict.add("ledger", problems.ENTRY_KIND(file=name, entry=seq))
            self.head = Head(seq, stored if isinstance(stored, bytes) else b"")
            return []
        before, self.head = self.head, Head(seq, stored)
        if seq != before.seq + 1:
            first, last = before.seq + 1, seq - 1
            gap = problems.ENTRIES_MISSING(file=name, first=first, last=last, entry=seq)
            verdict.add("ledger", gap if last > first else problems.ENTRY_MISSING(file=name, missing=first, entry=seq))
        try:
            entry = Entry.of_row(row)
            if seq == before.seq + 1 and not entry.follows(before):
                verdict.add("ledger", problems.ENTRY_CHANGED(file=name, entry=seq, kind=kind))
            if entry.erased:
                verdict.add("ledger", problems.ITEMS_ERASED(file=name, entry=seq, count=entry.erased))
            self._lost |= dict.fromkeys(entry.lost())
            return named(entry)
        except DamagedError as error:
            verdict.add("ledger", problems.ENTRY_UNREAD(file=name, entry=seq, why=error.reason))
            return []


async def table_rows(volume: Volume, sql: str, what: str, after: int, size: int) -> AsyncIterator[list[Row]]:
    """Rows by ascending first column, a page at a time; where a page cannot be read, row by row up to the damage.

    Raises ``BrokenTable`` where nothing more can be read.
    """
    while True:
        try:
            rows = await volume.database.read(sql, (after, size))
        except (DamagedError, StorageError) as error:
            if size > 1:
                size = 1
                continue
            raise BrokenTable(problems.TABLE_UNREAD(what=what, after=after, why=error.reason)) from error
        if not rows:
            return
        if rows[0][0] <= after or any(one[0] >= other[0] for one, other in pairwise(rows)):
            raise BrokenTable(problems.TABLE_ORDER(what=what, after=after))
        yield rows
        after = rows[-1][0]
