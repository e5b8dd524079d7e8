"""Values of query fields other than text: dates, sizes, ids, folders. Pure; errors have their position in the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from core.archive.search import folding
from core.archive.search.query_terms import (
    IDS,
    TEXT_FIELDS,
    Attached,
    Dated,
    InFolder,
    Node,
    Numbered,
    OfUser,
    QueryError,
    Sized,
    Words,
)
from core.problems import search as problems
from core.profiles import sizes
from core.text.patterns import pattern

_DATE = pattern(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_DATE_WITH_DOTS = pattern(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_DAYS_AGO = pattern(r"(\d{1,4})([dwmy])", re.ASCII)
_ID = pattern(r"[0-9]{1,18}|[0-9a-f]{8,64}", re.ASCII)
_UNITS = {"d": 1, "w": 7, "m": 30, "y": 365}


def _has(value: str, prefix: bool, position: int, today: date) -> Node:
    if value.casefold() not in ("attachment", "attachments"):
        raise QueryError(problems.NO_PROPERTY(value=value), position)
    return Attached()


def _folder(value: str, prefix: bool, position: int, today: date) -> Node:
    name = value.strip("/").casefold()
    if not name:
        raise QueryError(problems.NO_FOLDER_NAME(), position)
    return InFolder(name, prefix, position)


def _user(value: str, prefix: bool, position: int, today: date) -> Node:
    if not value.strip():
        raise QueryError(problems.NO_USER_NAME(), position)
    return OfUser(value.strip(), position)


def _before(value: str, prefix: bool, position: int, today: date) -> Node:
    return Dated(None, _days(value, position, today)[0])


def _after(value: str, prefix: bool, position: int, today: date) -> Node:
    return Dated(_days(value, position, today)[0], None)


def _on(value: str, prefix: bool, position: int, today: date) -> Node:
    return Dated(*_days(value, position, today))


def _days(value: str, position: int, today: date) -> tuple[date, date]:
    """The first day of the period ``value``, and the first day after it."""
    word = value.strip().casefold()
    try:
        if word in ("today", "yesterday"):
            first = today - timedelta(days=word == "yesterday")
            return first, first + timedelta(days=1)
        if found := _DAYS_AGO.fullmatch(word):
            first = today - timedelta(days=int(found[1]) * _UNITS[found[2]])
            return first, first + timedelta(days=1)
        if found := _DATE_WITH_DOTS.fullmatch(word):
            first = date(int(found[3]), int(found[2]), int(found[1]))
            return first, first + timedelta(days=1)
        if found := _DATE.fullmatch(word):
            year, month, day = (int(part) if part else 0 for part in found.groups())
            first = date(year, month or 1, day or 1)
            if day:
                return first, first + timedelta(days=1)
            return first, date(year + (month in (0, 12)), month % 12 + 1 if month else 1, 1)
    except (ValueError, OverflowError):
        raise QueryError(problems.NO_DAY(value=value), position) from None
    raise QueryError(problems.NO_DATE(value=value), position)


def _larger(value: str, prefix: bool, position: int, today: date) -> Node:
    return Sized(_bytes(value, position), None)


def _smaller(value: str, prefix: bool, position: int, today: date) -> Node:
    return Sized(None, _bytes(value, position))


def _bytes(value: str, position: int) -> int:
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    try:
        return sizes.parse(text if text[-1:] in "bB" else f"{text}B")
    except ValueError:
        raise QueryError(problems.NO_SIZE(value=value), position) from None


def _id(value: str, prefix: bool, position: int, today: date) -> Node:
    if ("@" in value or value.startswith("<")) and (words := tuple(folding.words(value))):
        return Words(words, IDS, prefix)
    if not _ID.fullmatch(value.strip().lower()):
        raise QueryError(problems.NO_ID(), position)
    return Numbered(value.strip().lower())


VALUES: dict[str, Callable[[str, bool, int, date], Node]] = {
    "has": _has,
    "folder": _folder,
    "user": _user,
    "before": _before,
    "after": _after,
    "on": _on,
    "larger": _larger,
    "smaller": _smaller,
    "id": _id,
}
EXAMPLES = {name: f"{name}:word" for name in TEXT_FIELDS} | {
    "has": "has:attachment",
    "folder": "folder:INBOX",
    "user": "user:anna",
    "before": "before:2024-05-31",
    "after": "after:2024-05",
    "on": "on:yesterday",
    "larger": "larger:5MB",
    "smaller": "smaller:10kB",
    "id": "id:1234",
}
