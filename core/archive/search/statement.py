"""A query as SQL: an expression for the full-text index, and conditions on its documents. Pure."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from core.archive.catalog import digests
from core.archive.catalog.twins import STANDING
from core.archive.search import beginnings
from core.archive.search import query as language
from core.archive.search.index_row import floor
from core.archive.search.query_terms import Beginning

LAST = 2**63 - 1
#: Weights of the columns: subject, sender, recipients, copies, body, files, links, ids.
_WEIGHTS = "4.0, 3.0, 2.0, 1.5, 1.0, 2.0, 0.5, 1.0"


class SearchStatement:
    """A query as SQL: an expression for the index, conditions on its documents, and their parameters.

    Each statement is about the documents with row ids from ``:low`` on and under ``:high``.
    """

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.excluded: list[str] = []
        #: None: messages in any folder, or none.
        self.folders: frozenset[int] | None = None
        self.conditions: list[str] = []
        self.values: dict[str, Any] = {}
        self.low, self.high = 0, LAST
        #: A condition lists all matches of an expression between ``:low`` and ``:high``, at once.
        self.lists = False

    def value(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def dated(self, term: language.Dated) -> None:
        if term.first:
            self.low = max(self.low, floor(_seconds(term.first)))
        if term.end:
            self.high = min(self.high, floor(_seconds(term.end)))

    def lies_in(self, folders: frozenset[int]) -> None:
        """Keep only messages in one of these folders, and in those of an earlier call."""
        self.folders = folders if self.folders is None else self.folders & folders

    def placed(self, folders: frozenset[int]) -> str:
        """The SQL condition on ``doc`` of lying in one of these folders."""
        return _EXISTS.format(self.value(str(sorted(folders))))

    def matched(self, expression: str) -> str:
        """The SQL condition on ``doc`` of matching a full-text expression."""
        self.lists = True
        return (
            f"doc.id IN (SELECT rowid FROM text WHERE text MATCH {self.value(expression)} AND rowid >= :low AND rowid < :high)"
        )

    def begun(self, term: Beginning) -> str:
        """The SQL condition on ``doc`` of having a word that begins so."""
        if term.listed is not None:
            return f"doc.message_id IN (SELECT value FROM json_each({self.value(str(list(term.listed)))}))"
        return beginnings.condition(term.column, self.value(beginnings.signed(term.text)), "doc.message_id")

    def finish(self) -> None:
        """Assemble the statement."""
        if self.excluded and not self.wanted:
            self.conditions.append(f"NOT {self.matched(' OR '.join(f'({one})' for one in self.excluded))}")
        if self.wanted:
            joined = " AND ".join(f"({one})" for one in self.wanted)
            self.values["match"] = f"({joined})" + "".join(f" NOT ({one})" for one in self.excluded)

    def between(self, low: int, high: int, **others: Any) -> dict[str, Any]:
        """The parameters for row ids from ``low`` on and under ``high``, as far as the query is about them."""
        return {**self.values, "low": max(self.low, low), "high": min(self.high, high), **others}

    @property
    def _base(self) -> str:
        if self.wanted:
            return (
                "FROM text CROSS JOIN doc ON doc.id = text.rowid WHERE text MATCH :match "
                "AND text.rowid >= :low AND text.rowid < :high"
            )
        return "FROM doc WHERE doc.id >= :low AND doc.id < :high"

    @property
    def _condition(self) -> str:
        """The SQL condition on ``doc`` beside the expression, of the place as well."""
        placed = [_EXISTS.format(f"'{sorted(self.folders)}'")] if self.folders is not None else []
        return " AND ".join((*self.conditions, *placed)) or "1"

    @property
    def _key(self) -> str:
        return "text.rowid" if self.wanted else "doc.id"

    def newest(self) -> str:
        """SQL: row id, message and digest of the newest ``:limit`` results."""
        return (
            f"SELECT {self._key}, doc.message_id, doc.digest {self._base} AND {self._condition} "
            f"ORDER BY {self._key} DESC LIMIT :limit"
        )

    def among(self, *, each: bool) -> str:
        """SQL: the same of the documents with the row ids ``:ids``, which are those of the wanted place.

        ``each``: the expression is asked for each of them, which takes longer for one and shorter for few.
        """
        # Joined to the expression without a look at each, though it is about the row id: the sign keeps SQLite from it.
        key = "+text.rowid" if self.wanted and not each else "doc.id"
        base = self._base
        if self.wanted and each:
            base = (
                "FROM doc WHERE doc.id >= :low AND doc.id < :high "
                "AND EXISTS (SELECT 1 FROM text WHERE text MATCH :match AND rowid = doc.id)"
            )
        conditions = "".join(f" AND {one}" for one in self.conditions)
        return (
            f"SELECT doc.id, doc.message_id, doc.digest {base} AND {key} IN (SELECT value FROM json_each(:ids)){conditions} "
            f"ORDER BY {key.removeprefix('+')} DESC LIMIT :limit"
        )

    def some(self) -> str:
        """SQL: rows, one for each of up to ``:limit`` matches of the expression."""
        return "SELECT 1 FROM text WHERE text MATCH :match AND rowid >= :low AND rowid < :high LIMIT :limit"

    @property
    def quick(self) -> bool:
        """True if the expression is asked for one document in little time: no lists of words are joined for it."""
        return bool(self.wanted) and " *" not in self.values["match"]

    def best(self) -> str:
        """SQL: the row ids of the best ``:kept`` of the newest ``:limit`` results."""
        rank = f"bm25(text, {_WEIGHTS})" if self.wanted else "0"
        return (
            f"SELECT id FROM (SELECT {self._key} AS id, {rank} AS place {self._base} AND {self._condition} "
            f"ORDER BY {self._key} DESC LIMIT :limit) ORDER BY place, id DESC LIMIT :kept"
        )

    def count(self) -> str:
        """SQL: the number of results."""
        if self.wanted and self._condition == "1":
            return "SELECT count(*) FROM text WHERE text MATCH :match AND rowid >= :low AND rowid < :high"
        return f"SELECT count(*) {self._base} AND {self._condition}"

    def tested(self) -> str:
        """SQL: of the newest ``:limit`` documents that match the expression, their number and that of the results."""
        if self.wanted and self._condition == "1":
            inner = "SELECT 1 AS found FROM text WHERE text MATCH :match AND rowid >= :low AND rowid < :high ORDER BY rowid"
        else:
            inner = f"SELECT ({self._condition}) AS found {self._base} ORDER BY {self._key}"
        return f"SELECT count(*), coalesce(sum(found), 0) FROM ({inner} DESC LIMIT :limit)"


#: By the message, whose places are few: the sign keeps SQLite from looking into each of the folders.
_EXISTS = (
    "EXISTS (SELECT 1 FROM catalog.placement p WHERE p.message_id = doc.message_id AND p.until_seq IS NULL "
    "AND +p.folder_id IN (SELECT value FROM json_each({})))"
)


def expression(term: language.Node) -> str:
    """A term as a full-text expression; empty when a part of it is not about text.

    Only the letters and digits of user input get into it, in quotes.
    """
    match term:
        case language.Words():
            column = f"{term.column} : " if term.column else ""
            begins = " *" if term.prefix else ""
            words = f'"{" ".join(term.words)}"{begins}'
            return f'{column}({words} OR "{term.compact}"{begins})' if term.compact else f"{column}{words}"
        case language.All() | language.Any():
            without = [expression(one.term) for one in term.terms if isinstance(one, language.Not)]
            parts = [expression(one) for one in term.terms if not isinstance(one, language.Not)]
            # NOT needs something to exclude from, and does not combine with OR here.
            if not parts or not all(parts + without) or (without and isinstance(term, language.Any)):
                return ""
            joined = (" AND " if isinstance(term, language.All) else " OR ").join(f"({one})" for one in parts)
            return f"({joined})" + "".join(f" NOT ({one})" for one in without)
    return ""


def numbered(term: language.Numbered, statement: SearchStatement) -> str:
    conditions = [f"doc.message_id = {int(term.id)}"] if term.id.isdigit() and len(term.id) < 19 else []
    if len(term.id) >= 8:
        low, high = (statement.value(bytes.fromhex(term.id.ljust(64, filler))) for filler in "0f")
        named = digests.between(low, high, "catalog")
        conditions.append(f"doc.message_id IN (SELECT {STANDING} FROM catalog.message WHERE {named})")
    return f"({' OR '.join(conditions)})"


def between(term: language.Dated) -> list[str]:
    found = [f"doc.id >= {floor(_seconds(term.first))}"] if term.first else []
    return found + ([f"doc.id < {floor(_seconds(term.end))}"] if term.end else [])


def _seconds(day: date) -> int:
    """The beginning of a day in local time, in seconds since 1970."""
    try:
        return max(int(datetime.combine(day, time()).astimezone().timestamp()), 0)
    except (OverflowError, ValueError, OSError):
        return 0 if day.year < 1971 else 253_402_300_800
