"""Kinds of values: their types in a file, their meanings, and their form in a file and a form."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.problems import fields
from core.problems.code import Reason
from core.text.patterns import pattern
from core.values import dataclass

LONGEST_TEXT = 500
_MANY_DIGITS = 10**40
_PARTS = pattern("[,;]")
#: Categories not allowed in names: controls, invisible and direction characters, unassigned ones.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class WrongValue(ValueError):
    """An invalid value, and why; None: it is not ``allowed`` (empty: the allowed values of its kind).

    ``value`` is shown between the name of its field and the reason; empty: nothing is.
    """

    def __init__(self, value: str = "", why: Reason | None = None, *, allowed: str = "") -> None:
        super().__init__(value)
        self.value = value
        self._why = why
        self._allowed = allowed

    def why(self, allowed: str) -> Reason:
        """The reason; ``allowed`` is what the kind of the field says."""
        return self._why or fields.NOT_ALLOWED(allowed=self._allowed or allowed)


@dataclass(frozen=True, slots=True)
class ValueKind:
    """Text of any sort: one value in quotes. Base of all kinds.

    ``read`` converts a file's value to its meaning; ``written`` is the reverse; ``shown`` and ``typed`` convert to a form and
    back.
    """

    allowed: str = "a text in quotes"

    @property
    def types(self) -> tuple[type, ...]:
        """The Python types of the value in a TOML file."""
        return (str,)

    def read(self, value: Any, folder: Path) -> Any:
        """The meaning of ``value``, None for an empty one; file names are relative to ``folder``.

        Raises ``WrongValue``.
        """
        if not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types):
            raise WrongValue(show(value))
        try:
            return self.parse(value, folder)
        except WrongValue:
            raise
        except (InputError, ValueError):
            raise WrongValue(show(value)) from None

    def parse(self, value: Any, folder: Path) -> Any:
        """The meaning of a value of the right type, None for an empty one. Raises ``ValueError`` or ``InputError``."""
        return value or None

    def written(self, value: Any) -> Any:
        """A meaning as a value of TOML; an empty text for None."""
        return "" if value is None else value

    def shown(self, value: Any) -> Any:
        """A meaning as a form's value: a text, a bool, or a list of texts."""
        return str(self.written(value))

    def typed(self, text: str) -> Any:
        """Typed text as a value of a file."""
        return text


@dataclass(frozen=True, slots=True)
class Flag(ValueKind):
    """True or false."""

    allowed: str = "true or false"

    @property
    def types(self) -> tuple[type, ...]:
        return (bool,)

    def parse(self, value: Any, folder: Path) -> bool:
        return bool(value)

    def shown(self, value: Any) -> bool:
        return bool(value)


@dataclass(frozen=True, slots=True)
class Choice(ValueKind):
    """A member of a ``StrEnum``."""

    members: type[StrEnum] = StrEnum
    allowed: str = ""

    def read(self, value: Any, folder: Path) -> Any:
        if not isinstance(value, str):
            raise WrongValue(show(value), allowed="a text")
        try:
            return self.members(value)
        except ValueError:
            raise WrongValue(show(value), allowed=", ".join(one.value for one in self.members)) from None

    def written(self, value: Any) -> Any:
        return "" if value is None else value.value


@dataclass(frozen=True, slots=True)
class Number(ValueKind):
    """A whole number from ``low`` to ``high``; with ``fraction`` any number, as a float. 0 stands for none in a form."""

    low: int = 0
    high: int = 0
    allowed: str = ""
    fraction: bool = False

    @property
    def types(self) -> tuple[type, ...]:
        return (int, float) if self.fraction else (int,)

    def parse(self, value: Any, folder: Path) -> Any:
        # NaN is in no range.
        if not self.low <= value <= self.high:
            raise ValueError(value)
        return float(value) if self.fraction else value

    def shown(self, value: Any) -> str:
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value or "")

    def typed(self, text: str) -> Any:
        if re.fullmatch(r"[0-9]{1,9}", text):
            return int(text)
        return float(text) if self.fraction and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,17}", text) else text


PORT = Number("a number from 1 to 65535", 1, 65535)


@dataclass(frozen=True, slots=True)
class Text(ValueKind):
    """A text that ``check`` converts to its plain form or its meaning, or refuses with ``ValueError``.

    ``write`` converts a meaning to text; ``strict``: blanks alone are not an empty value.
    """

    check: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    strict: bool = False

    def parse(self, value: Any, folder: Path) -> Any:
        return self.check(value) if (value if self.strict else value.strip()) else None

    def written(self, value: Any) -> Any:
        return "" if value in (None, 0, "") else self.write(value)


@dataclass(frozen=True, slots=True)
class Day(ValueKind):
    """A day, as a TOML date or a text."""

    allowed: str = "a day such as 2024-12-31"

    @property
    def types(self) -> tuple[type, ...]:
        return (date, str)

    def parse(self, value: Any, folder: Path) -> date | None:
        if isinstance(value, datetime):
            raise ValueError(value)
        if isinstance(value, date):
            return value
        return date.fromisoformat(value) if value.strip() else None

    def written(self, value: Any) -> Any:
        return "" if value is None else value.isoformat()


@dataclass(frozen=True, slots=True)
class Texts(ValueKind):
    """A list of texts, each converted by ``check``. In a form one line, separated by ``joint``.

    ``parts`` splits the line; without ``joint`` a form holds a list. ``each``: the allowed items; ``order`` sorts them.
    """

    check: Callable[[str], str] = str
    each: str = ""
    joint: str = ""
    parts: re.Pattern[str] = _PARTS
    order: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple
    allowed: str = "a list of texts"

    @property
    def types(self) -> tuple[type, ...]:
        return (list,)

    def parse(self, value: Any, folder: Path) -> tuple[str, ...] | None:
        if not all(isinstance(one, str) for one in value):
            raise ValueError(value)
        return self.order(tuple(map(self._checked, value))) or None

    def _checked(self, text: str) -> str:
        try:
            return self.check(text)
        except WrongValue:
            raise
        except (InputError, ValueError):
            raise WrongValue(show(text), allowed=self.each) from None

    def written(self, value: Any) -> Any:
        return list(value or ())

    def shown(self, value: Any) -> Any:
        return self.joint.join(value or ()) if self.joint else list(value or ())

    def typed(self, text: str) -> Any:
        return [part.strip() for part in self.parts.split(text) if part.strip()]


@dataclass(frozen=True, slots=True)
class File(ValueKind):
    """The path of a file that exists, absolute in the meaning."""

    def parse(self, value: Any, folder: Path) -> str | None:
        if not value:
            return None
        try:
            path = (folder / Path(value).expanduser()).absolute()
            if path.is_file():
                return str(path)
            why = fields.FILE_IS_NONE() if path.exists() else fields.FILE_NOT_THERE(path=str(path))
        except OSError as error:
            why = fields.FILE_REFUSED(said=error.strerror or str(error))
        except (RuntimeError, ValueError):
            why = fields.FILE_NOT_FOUND()
        raise WrongValue(f"{show(value)}:", why)


def line(longest: int, *, first: str = "") -> Text:
    """One line of at most ``longest`` visible characters, the first of them none of ``first``."""

    allowed = f"one line of text, up to {longest} characters, all of them visible"

    def check(text: str) -> str:
        text = text.strip()
        if not text or hidden(text) or len(text) > longest:
            raise WrongValue(show(text), allowed=allowed)
        if text.startswith(tuple(first)):
            raise WrongValue(show(text), allowed=f"a text that does not begin with {first}")
        return text

    return Text(check=check, strict=True)


def host(text: str) -> str:
    """A host's name or address without brackets. Raises ``ValueError``."""
    text = line(253).check(text)
    wrong = WrongValue(show(text), fields.NO_HOST())
    if ":" in text:
        try:
            return str(ipaddress.ip_address(text.strip("[]")))
        except ValueError:
            raise wrong from None
    if not re.fullmatch(r"[\w.-]+", text) or text.startswith(("-", ".")) or ".." in text:
        raise wrong
    return text


def once(texts: Sequence[str]) -> tuple[str, ...]:
    """Each of ``texts`` once, in order of first occurrence."""
    return tuple(dict.fromkeys(texts))


def hidden(text: str) -> bool:
    """True when a text has characters that are invisible, or change how others look."""
    return any(unicodedata.category(character) in _HIDDEN for character in text)


def show(value: Any) -> str:
    """A value roughly as written in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 80 else f'"{value[:79]}…" ({len(value)} characters)'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, int) and abs(value) >= _MANY_DIGITS:
        # A hexadecimal number may have more digits than Python writes as decimals.
        return "a number of many digits"
    if isinstance(value, list):
        return f"[{', '.join(show(item) for item in value[:3])}{', …' if len(value) > 3 else ''}]"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
