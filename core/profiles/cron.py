"""Cron lines: five fields, minute hour day month weekday, and the times that they match. Pure; times are wall clock times.

Where day and weekday are both given, a day that fits either matches, as in cron(8). A range may wrap around the end of its
field: ``22-2``, ``fri-mon``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from core.text.patterns import pattern

_LONGEST = 200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The numbers of each field in their order, and their names. Sunday is 0 and 7.
_FIELDS: tuple[tuple[range, dict[str, int]], ...] = (
    (range(60), {}),
    (range(24), {}),
    (range(1, 32), {}),
    (range(1, 13), {name: number for number, name in enumerate(_MONTHS, 1)}),
    (range(7), {name: number for number, name in enumerate(_WEEKDAYS)} | {"7": 0}),
)
_TERM = pattern(r"(?P<first>\*|[0-9a-z]{1,3})(?:-(?P<last>[0-9a-z]{1,3}))?(?:/(?P<step>[0-9]+))?")


def plain(text: str) -> str:
    """``text`` in lower case, with single blanks.

    Raises ``ValueError`` for an invalid cron line, or one that matches no time.
    """
    fields = text.lower().split()
    if len(text) > _LONGEST or len(fields) != len(_FIELDS):
        raise ValueError(f"{text!r} is no cron line")
    line = " ".join(fields)
    following(line, datetime.fromisoformat("2024-01-01"))
    return line


def following(line: str, after: datetime) -> datetime:
    """The first time after ``after`` that a line in its plain form matches. Raises ``ValueError``."""
    # Most commands compute no start.
    from cronsim import CronSim, CronSimError

    try:
        return next(CronSim(_listed(line), after))
    except (CronSimError, StopIteration):
        raise ValueError(f"{line!r} names no time") from None


def _listed(line: str) -> str:
    """The line with the numbers of each field listed, ``*`` for an open field."""
    texts = line.split()
    numbers = [_numbers(text, *field) for text, field in zip(texts, _FIELDS, strict=True)]
    days, weekdays = numbers[2], numbers[4]
    # All weekdays beside counted days (``*/2``) leave the choice to the days, and the other way round.
    if "*" in texts[2] and len(weekdays) == len(_WEEKDAYS):
        weekdays.clear()
    elif "*" in texts[4] and len(days) == len(_FIELDS[2][0]):
        days.clear()
    return " ".join(",".join(map(str, sorted(several))) or "*" for several in numbers)


def _numbers(text: str, field: range, names: dict[str, int]) -> set[int]:
    """The numbers of a field; none for ``*``, which means all. Raises ``ValueError``."""
    terms = text.split(",")
    found = {number for term in terms for number in _term(term, field, names)}
    return set() if "*" in terms else found


def _term(text: str, field: range, names: dict[str, int]) -> Sequence[int]:
    match = _TERM.fullmatch(text)
    if match is None or (match["first"] == "*" and match["last"]):
        raise ValueError(f"{text!r} is no part of a cron line")
    step = int(match["step"] or 1)
    if not step:
        raise ValueError(f"{text!r} has a step of nothing")
    if match["first"] == "*":
        return field[::step]
    first = _number(match["first"], field, names)
    if match["last"] is None:
        return field[field.index(first) :: step] if match["step"] else [first]
    last = _number(match["last"], field, names)
    if first == last and match["first"] != match["last"]:
        # From Sunday to Sunday: ``0-7``.
        return field[::step]
    return list(_between(first, last, field))[::step]


def _number(text: str, field: range, names: dict[str, int]) -> int:
    number = names[text] if text in names else int(text) if text.isdecimal() else -1
    if number not in field:
        raise ValueError(f"{text!r} is out of its range")
    return number


def _between(first: int, last: int, field: range) -> Iterator[int]:
    """Yield the numbers from ``first`` to ``last``, wrapping around the end of the field."""
    at = field.index(first)
    yield first
    while field[at] != last:
        at = (at + 1) % len(field)
        yield field[at]
