"""Reading of payload fields and row columns, each checked for its type.

Raises ``Unreadable`` for anything else, so that no table is ever given a value of a wrong kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: A payload as JSON.
Payload = dict[str, Any]
Row = list[Any]

_LEAST, _MOST = -(2**63), 2**63 - 1
_MISSING: Any = object()


class Unreadable(ValueError):
    """A payload is not what its kind says. The message ends a sentence about the entry, without its full stop."""


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{_short(value)} is no text")
    return value


def number(value: object) -> int:
    """A whole number that SQLite can hold."""
    if not isinstance(value, int) or not _LEAST <= value <= _MOST:
        raise Unreadable(f"{_short(value)} is no number")
    return value


def flag(value: object) -> bool:
    """``true`` or ``false``, which some rows have as 1 or 0."""
    if value not in (0, 1):
        raise Unreadable(f"{_short(value)} is neither true nor false")
    return bool(value)


def digest(value: object) -> bytes:
    """A hash, from its hexadecimal digits."""
    try:
        return bytes.fromhex(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise Unreadable(f"{_short(value)} is no hash") from None


def row(value: object) -> Row:
    if not isinstance(value, list):
        raise Unreadable(f"{_short(value)} is no list")
    return value


def columns(value: object, *counts: int) -> Row:
    """The columns of a row, whose number must be one of ``numbers``."""
    found = row(value)
    if len(found) not in counts:
        raise Unreadable(f"a row has {len(found)} columns instead of {counts[-1]}")
    return found


def number_or_none(value: object) -> int | None:
    return None if value is None else number(value)


def text_or_none(value: object) -> str | None:
    return None if value is None else text(value)


def texts(value: object) -> tuple[str, ...]:
    return tuple(map(text, row(value)))


def numbers(value: object) -> tuple[int, ...]:
    return tuple(map(number, row(value)))


class NumberedList(Generic[T]):
    """A list whose values others name by their numbers. Erased ones are left out, and so are the numbers that name them."""

    def __init__(self, rows: Row, read: Callable[[object], T]) -> None:
        self.values = tuple(read(row) for row in rows if row is not None)
        self._count = len(rows)
        left = iter(range(len(rows)))
        self._moved = {at: next(left) for at, row in enumerate(rows) if row is not None} if None in rows else None

    def numbers(self, value: object) -> tuple[int, ...]:
        """Numbers of ``values``, from the numbers in the list as it was written."""
        found = numbers(value)
        if any(not 0 <= one < self._count for one in found):
            raise Unreadable(f"{_short(value)} names what is not in the list")
        moved = self._moved
        return found if moved is None else tuple(moved[one] for one in found if one in moved)


def record(value: object) -> Payload:
    if not isinstance(value, dict):
        raise Unreadable(f"{_short(value)} is no record")
    return value


class Fields:
    """The fields of a payload by name; ``default`` is for fields that older entries lack."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str, default: Any = _MISSING) -> Any:
        """The value as it is, of any type."""
        value = self._values.get(name, default)
        if value is _MISSING:
            raise Unreadable(f"{name} is missing")
        return value

    def text(self, name: str, default: Any = _MISSING) -> str:
        return text(self.raw(name, default))

    def text_or_none(self, name: str, default: Any = _MISSING) -> str | None:
        return text_or_none(self.raw(name, default))

    def number_or_none(self, name: str) -> int | None:
        return number_or_none(self.raw(name))

    def number(self, name: str, default: Any = _MISSING) -> int:
        return number(self.raw(name, default))

    def flag(self, name: str, default: Any = _MISSING) -> bool:
        return flag(self.raw(name, default))

    def digest(self, name: str) -> bytes:
        return digest(self.raw(name))

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        return texts(self.raw(name, _MISSING if default is None else default))

    def rows(self, name: str, default: Row | None = None) -> Row:
        """The rows of a list that were not erased."""
        found = row(self.raw(name, _MISSING if default is None else default))
        return [one for one in found if one is not None] if None in found else found

    def numbered(self, name: str, read: Callable[[object], T]) -> NumberedList[T]:
        """The list whose rows others name by number."""
        return NumberedList(row(self.raw(name)), read)

    def record(self, name: str) -> Payload:
        return record(self.raw(name))

    def counts(self, *names: str) -> dict[str, int]:
        """The numbers in the fields ``names``, all of which must be there."""
        return {name: self.number(name) for name in names}


def _short(value: object) -> str:
    return ascii(value)[:40]
