"""mbox files, as mboxrd: how messages are written, found and read back. Bytes in, bytes out, apart from the quoting.

A message begins with a line ``From sender date``, and its own lines that begin with ``From ``, after any number of ``>``, have
one ``>`` more. Its line ends stay what they are. After it comes an empty line, which is not part of it.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_UNQUOTE = re.compile(rb"^>(>*From )", re.MULTILINE)
_UNQUOTE_ONE = re.compile(rb"^>(From )", re.MULTILINE)
#: The line before a message. What only begins like one, as text may, is none.
_FROM = re.compile(
    rb"From (?P<sender>.*?) ?\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) +"
    rb"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?: +[A-Za-z+\-0-9]+)*? +(?P<year>\d{4})\b.*",
    re.DOTALL,
)
_LONGEST_SEPARATOR = 500
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
#: A line is read in pieces of so many bytes: a file without line ends must not be read into memory for that.
_PIECE = 1024 * 1024


class Quoting(StrEnum):
    """Which lines have a ``>`` that is not theirs: mboxrd ``>From``, ``>>From`` and so on, mboxo ``>From`` alone."""

    MBOXRD = "mboxrd"
    MBOXO = "mboxo"


@dataclass(frozen=True, slots=True)
class Found:
    """A message in a file, quoted, from ``start`` to ``end``; ``date`` of its "From " line in seconds since 1970."""

    start: int
    end: int
    date: int | None


def separator(date: int | None) -> bytes:
    """The line before a message that arrived at ``date`` (seconds since 1970)."""
    moment = time.gmtime(min(max(date or 0, 0), 253402300799))
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    # Not by strftime, whose names follow the locale.
    month = _MONTHS[moment.tm_mon - 1].decode()
    text = f"{days[moment.tm_wday]} {month} {moment.tm_mday:2} {time.strftime('%H:%M:%S', moment)} {moment.tm_year:04}"
    return f"From MAILER-DAEMON {text}\n".encode()


def quoted(raw: bytes) -> bytes:
    """A message as it stands in an mbox file."""
    return _QUOTE.sub(rb">\1", raw)


def unquoted(data: bytes, quoting: Quoting = Quoting.MBOXRD) -> bytes:
    """The reverse of ``quoted``."""
    return (_UNQUOTE if quoting is Quoting.MBOXRD else _UNQUOTE_ONE).sub(rb"\1", data)


def after(raw: bytes) -> bytes:
    """What stands between a message and the next "From " line, so that an empty line parts them."""
    return b"\n" if raw.endswith(b"\n") else b"\n\n"


def begins(data: bytes) -> bool:
    """Does a file that begins so look like mbox?"""
    return _separator(data.partition(b"\n")[0]) is not None


def _separator(line: bytes) -> re.Match[bytes] | None:
    if not line.startswith(b"From ") or len(line) > _LONGEST_SEPARATOR:
        return None
    return _FROM.fullmatch(line.rstrip(b"\r\n"))


def scan(file: BinaryIO) -> Iterator[Found]:
    """The messages of a file, from its beginning on; what comes before the first is passed over.

    A "From " line counts at the beginning and after an empty line.
    """
    start: int | None = None
    date: int | None = None
    position = empty = 0
    blank, whole = True, True
    while line := file.readline(_PIECE):
        if whole and blank and (match := _separator(line)):
            if start is not None:
                yield Found(start, max(position - empty, start), date)
            start, date = position + len(line), _date(match)
        position += len(line)
        blank = whole and line in (b"\n", b"\r\n")
        empty = len(line) if blank else 0
        whole = line.endswith(b"\n")
    if start is not None:
        yield Found(start, max(position - empty, start), date)


def _date(match: re.Match[bytes]) -> int | None:
    if match["month"] not in _MONTHS:
        return None
    moment = (int(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"]))
    try:
        return timegm((*moment, int(match["hour"]), int(match["minute"]), int(match["second"] or 0), 0, 0, 0))
    except (ValueError, OverflowError):
        return None


#: Letters in the header fields Status and X-Status, by which mail programs on Unix keep flags.
_STATUS = re.compile(rb"^(?:X-)?Status:[ \t]*([A-Z]*)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_FLAGS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft"}


def flags(raw: bytes) -> str:
    """Flags of a message from its header fields Status and X-Status, with blanks between."""
    header = re.split(rb"\r?\n\r?\n", raw[: 256 * 1024], maxsplit=1)[0]
    letters = "".join(match[1].decode().upper() for match in _STATUS.finditer(header))
    return " ".join(flag for letter, flag in _FLAGS.items() if letter in letters)
