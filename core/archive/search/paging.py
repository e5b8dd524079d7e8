"""Results of a statement, the newest first, read in pieces: no piece is larger than its page needs.

What a query names last may be in most messages, or in none of the newest: the pieces grow from one to the next, so that the
newest results cost little, and all of them not much more than in one piece.
"""

from __future__ import annotations

from bisect import bisect_left

from core.archive.search.resolving import Read
from core.archive.search.statement import LAST, SearchStatement
from core.db.database import Row
from core.values import dataclass

#: Documents of the first piece, and how much larger the next one is than the one before.
FIRST_PIECE, GROWTH = 1_000, 4
#: Documents of a place that are listed at first, and once so many of the newest have been tested in vain.
SMALL_PLACE, LARGE_PLACE, PATIENCE = 5_000, 250_000, 20_000
#: Documents of a place for each of which the expression is asked.
EACH = 128
#: Documents that are tested to count results.
COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Total:
    """A number of results; not ``exact``: there may be more."""

    number: int
    exact: bool


class Pages:
    """The results of one statement on one index."""

    def __init__(self, read: Read, statement: SearchStatement) -> None:
        self._read = read
        self._statement = statement
        #: The row ids of all documents in the wanted place, ascending; None while there are too many to list.
        self._place: list[int] | None = None
        self._listed = 0

    async def newest(self, after: int, limit: int) -> list[Row]:
        """Row id, message and digest of up to ``limit`` results with a row id under ``after``."""
        statement = self._statement
        if statement.folders is not None and await self._lists_place(SMALL_PLACE):
            return await self._in_place(after, limit)
        if statement.folders is None and not statement.lists:
            return await self._read(statement.newest(), statement.between(0, after, limit=limit))
        found: list[Row] = []
        high, tested, piece = min(after, statement.high), 0, FIRST_PIECE
        while len(found) < limit and high > statement.low:
            if statement.folders is not None and tested > PATIENCE and await self._lists_rather_place(high):
                return found + await self._in_place(high, limit - len(found))
            low = await self._below(high, piece)
            found += await self._read(statement.newest(), statement.between(low, high, limit=limit - len(found)))
            high, tested, piece = low, tested + piece, piece * GROWTH
        return found

    async def total(self) -> Total:
        """The number of results, as far as ``COUNTED`` documents tell."""
        statement = self._statement
        if statement.folders is not None and await self._lists_place(SMALL_PLACE):
            return Total(len(await self._in_place(LAST, SMALL_PLACE + 1)), True)
        low = await self._below(min(LAST, statement.high), COUNTED) if statement.lists else 0
        rows = await self._read(statement.tested(), statement.between(low, LAST, limit=COUNTED))
        tested, number = rows[0]
        return Total(number, tested < COUNTED and low <= statement.low)

    async def _below(self, high: int, number: int) -> int:
        """The lowest row id of ``number`` documents under ``high``; 0 when there are no more."""
        sql = "SELECT id FROM doc WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?"
        rows = await self._read(sql, (high, number - 1))
        return int(rows[0][0]) if rows else 0

    async def _lists_place(self, most: int) -> bool:
        """True if no more than ``most`` documents are in the wanted place: all are listed then."""
        if self._place is None and self._listed < most:
            self._listed = most
            rows = await self._read(_IN_PLACE, {"folders": str(sorted(self._statement.folders or ())), "most": most + 1})
            if len(rows) <= most:
                self._place = sorted({row[0] for row in rows})
        return self._place is not None

    async def _lists_rather_place(self, high: int) -> bool:
        """True if to look through the place, which is listed then, takes less than to test all matches under ``high``."""
        statement = self._statement
        if statement.wanted:
            rows = await self._read(statement.some(), statement.between(0, high, limit=PATIENCE))
            if len(rows) < PATIENCE:
                return False
        return await self._lists_place(LARGE_PLACE)

    async def _in_place(self, after: int, limit: int) -> list[Row]:
        """The same results as ``newest``, from the listed place."""
        statement, place = self._statement, self._place or []
        first, end = bisect_left(place, statement.low), bisect_left(place, min(after, statement.high))
        found: list[Row] = []
        piece, each = EACH, statement.quick
        while len(found) < limit and end > first:
            some = place[max(end - piece, first) : end]
            values = statement.between(some[0], some[-1] + 1, limit=limit - len(found), ids=str(some))
            found += await self._read(statement.among(each=each), values)
            end, piece, each = end - len(some), piece * GROWTH**2, False
        return found


_IN_PLACE = (
    "SELECT doc.id FROM catalog.placement p CROSS JOIN doc ON doc.message_id = p.message_id "
    "WHERE p.folder_id IN (SELECT value FROM json_each(:folders)) AND p.until_seq IS NULL LIMIT :most"
)
