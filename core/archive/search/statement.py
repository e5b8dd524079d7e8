"""A query as SQL: an expression for the full-text index, and conditions on its documents. Pure."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from core.archive.catalog import digests
from core.archive.catalog.twins import STANDING
from core.archive.search import query as language
from core.archive.search.index_row import floor

LAST = 2**63 - 1
#: Weights of the columns: subject, sender, recipients, copies, body, files, links, ids.
_WEIGHTS = "4.0, 3.0, 2.0, 1.5, 1.0, 2.0, 0.5, 1.0"


class Statement:
    """A query as SQL: an expression for the index, conditions on its documents, and their parameters."""

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.excluded: list[str] = []
        #: None: messages in any folder, or none.
        self.folders: frozenset[int] | None = None
        self.conditions: list[str] = []
        self.values: dict[str, Any] = {}
        self._low, self._high = 0, LAST

    def value(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def dated(self, term: language.Dated) -> None:
        if term.first:
            self._low = max(self._low, floor(_seconds(term.first)))
        if term.end:
            self._high = min(self._high, floor(_seconds(term.end)))

    def lies_in(self, folders: frozenset[int]) -> None:
        """Keep only messages in one of these folders, and in those of an earlier call."""
        self.folders = folders if self.folders is None else self.folders & folders

    def placed(self, folders: frozenset[int]) -> str:
        """The SQL condition on ``doc`` of lying in one of these folders."""
        return _EXISTS.format(self.value(str(sorted(folders))))

    def finish(self) -> None:
        """Assemble the statement."""
        if self.folders is not None:
            self.conditions.append(self.placed(self.folders))
        if self.excluded and not self.wanted:
            for one in self.excluded:
                self.conditions.append(f"doc.id NOT IN (SELECT rowid FROM text WHERE text MATCH {self.value(one)})")
        if self.wanted:
            joined = " AND ".join(f"({one})" for one in self.wanted)
            self.values["match"] = f"({joined})" + "".join(f" NOT ({one})" for one in self.excluded)
        self.values |= {"low": self._low, "high": self._high}

    def paged(self, after: int, limit: int) -> dict[str, Any]:
        """The parameters for up to ``limit`` rows with a row id under ``after``."""
        return {**self.values, "high": min(self._high, after), "limit": limit}

    @property
    def _from(self) -> str:
        conditions = "".join(f" AND {one}" for one in self.conditions)
        if self.wanted:
            return (
                "FROM text CROSS JOIN doc ON doc.id = text.rowid WHERE text MATCH :match "
                f"AND text.rowid >= :low AND text.rowid < :high{conditions}"
            )
        return f"FROM doc WHERE doc.id >= :low AND doc.id < :high{conditions}"

    @property
    def _key(self) -> str:
        return "text.rowid" if self.wanted else "doc.id"

    def newest(self) -> str:
        return f"SELECT {self._key}, doc.message_id, doc.digest {self._from} ORDER BY {self._key} DESC LIMIT :limit"

    def best(self) -> str:
        rank = f"bm25(text, {_WEIGHTS})" if self.wanted else "0"
        return (
            f"SELECT id FROM (SELECT {self._key} AS id, {rank} AS place {self._from} "
            f"ORDER BY {self._key} DESC LIMIT :limit) ORDER BY place, id DESC LIMIT :kept"
        )

    def count(self) -> str:
        if self.wanted and not self.conditions:
            return "SELECT count(*) FROM text WHERE text MATCH :match AND rowid >= :low AND rowid < :high"
        return f"SELECT count(*) {self._from}"


_EXISTS = (
    "EXISTS (SELECT 1 FROM catalog.placement p WHERE p.message_id = doc.message_id AND p.until_seq IS NULL "
    "AND p.folder_id IN (SELECT value FROM json_each({})))"
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


def numbered(term: language.Numbered, statement: Statement) -> str:
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
