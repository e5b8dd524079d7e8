"""mbox files: how messages are written, found and read back. Bytes in, bytes out, apart from the quoting.

As we write them (mboxrd) a message begins with a line ``From sender date``, and its own lines that begin with ``From ``, after
any number of ``>``, have one ``>`` more. Its line ends stay unchanged. After it comes an empty line, which is not part of it.
Other programs' dialects are read as well: ``separators`` decides which lines separate messages.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO

from core.message import separators
from core.message.octets import Bytes
from core.message.separators import AHEAD, LONGEST
from core.text.patterns import pattern
from core.values import dataclass

_QUOTE = pattern(rb"^(>*From )", re.MULTILINE)
#: The beginning of "From " at the end of a block.
_BEGUN = pattern(rb"F(?:r(?:om?)?)?\Z")
_UNQUOTE = pattern(rb"^>(>*From )", re.MULTILINE)
_UNQUOTE_ONE = pattern(rb"^>(From )", re.MULTILINE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Bytes of a block that is read, and of a header that is searched for a length.
_BLOCK = 1024 * 1024
_HEADER = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_LINE = pattern(rb"\nFrom(?:[ \r][^\n]{0,%d})?(?=\n|\Z)" % LONGEST)
_NEXT = pattern(rb"\nFrom[ \r\n]")
_HEADER_END = pattern(rb"\r?\n\r?\n")
#: Bytes of line ends allowed between a message with a stated length and the next "From " line.
_APART = 4
_LENGTH = pattern(rb"^content-length:[ \t]{0,20}(\d{1,12})[ \t]{0,20}\r?$", re.MULTILINE | re.IGNORECASE)


class Quoting(StrEnum):
    """Quoting of lines with ``>``: mboxrd ``>From``, ``>>From`` and so on, mboxo ``>From`` alone, none."""

    MBOXRD = "mboxrd"
    MBOXO = "mboxo"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MboxMessage:
    """A message in a file, quoted, from ``start`` to ``end``; ``date`` (seconds since 1970) and ``sender`` of its "From " line.

    ``plain``: its length is stated and lines in it begin with ``From ``, so nothing in it is quoted.
    """

    start: int
    end: int
    date: int | None
    sender: bytes = b""
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """Bytes before the first message that belong to none."""

    size: int


def separator(date: int | None) -> bytes:
    """The line before a message that arrived at ``date`` (seconds since 1970)."""
    moment = time.gmtime(min(max(date or 0, 0), 253402300799))
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    # Not by strftime, whose names follow the locale.
    month = _MONTHS[moment.tm_mon - 1]
    text = f"{days[moment.tm_wday]} {month} {moment.tm_mday:2} {time.strftime('%H:%M:%S', moment)} {moment.tm_year:04}"
    return f"From MAILER-DAEMON {text}\n".encode()


def quoted(raw: bytes) -> bytes:
    """A message quoted for an mbox file."""
    return _QUOTE.sub(rb">\1", raw)


def quoted_chunks(raw: Bytes) -> Iterator[bytes]:
    """Yield the same piece by piece."""
    if isinstance(raw, bytes):
        yield quoted(raw)
        return
    rest = b""
    # True while a line has had no other sign than ">"; one more of them may come after those.
    quotes = True
    for chunk in raw.chunks():
        data = rest + chunk
        end = _BEGUN.search(data, max(len(data) - 4, 0))
        data, rest = (data[: end.start()], data[end.start() :]) if end else (data, b"")
        yield quoted(data) if quotes else quoted(b"-" + data)[1:]
        line = data.rfind(b"\n") + 1
        quotes = (quotes or line > 0) and not data[line:].strip(b">")
    yield rest


def unquoted(data: bytes, quoting: Quoting = Quoting.MBOXRD) -> bytes:
    """The reverse of ``quoted``."""
    if quoting is Quoting.NONE:
        return data
    return (_UNQUOTE if quoting is Quoting.MBOXRD else _UNQUOTE_ONE).sub(rb"\1", data)


def after(raw: Bytes) -> bytes:
    """The line ends after a message, so that an empty line separates it from the next "From " line."""
    return b"\n" if raw[-1:] == b"\n" else b"\n\n"


def begins(data: bytes) -> bool:
    """True when a file with this beginning looks like mbox."""
    text = data.removeprefix(_BOM).lstrip(b"\r\n")
    line, _, rest = text.partition(b"\n")
    told = separators.read(line) if line.startswith(b"From") else None
    return told is not None and separators.parts(told, True, _ahead(rest), first=True)


def scan(file: BinaryIO) -> Iterator[MboxMessage | Before]:
    """Yield the messages of a seekable file, from its beginning on. Time grows with the size, and memory does not."""
    begin = _first(file)
    current: _Message | None = None
    lengths: bool | None = None
    for place, line, following, blank in _candidates(file, begin):
        if current is not None and place < current.skip:
            current.plain = True
            continue
        told = separators.read(line)
        if told is None or not separators.parts(told, blank > 0 or place == begin, following, first=current is None):
            continue
        if current is not None:
            yield current.found(place - blank)
        elif place > begin:
            yield Before(place - begin)
        current = _Message(place + len(line), told)
        if lengths is not False:
            # Lengths are trusted in a file whose first message has one that leads exactly to the next.
            current.skip = _told_end(file, current.start)
            lengths = bool(current.skip) if lengths is None else lengths
    size = file.seek(0, 2)
    if current is not None:
        yield current.found(size - _empty_end(file, size, current.start))


@dataclass(slots=True)
class _Message:
    start: int
    line: separators.SeparatorLine
    #: The end of the message by its stated length; 0 without one.
    skip: int = 0
    plain: bool = False

    def found(self, end: int) -> MboxMessage:
        return MboxMessage(self.start, max(end, self.start), self.line.date, self.line.sender, self.plain)


def _candidates(file: BinaryIO, begin: int) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Yield the ``From `` lines of a file: (offset, line, text after it, bytes of the empty line before it)."""
    # As if a line had ended before the first byte.
    base, data, reached = begin - 1, b"\n", 0
    while True:
        file.seek(base + len(data))
        block = file.read(_BLOCK)
        data += block
        # Near the end of a block the next one is needed, for the text after a line.
        limit = len(data) - (AHEAD + LONGEST + 8 if block else 0)
        for match in _LINE.finditer(data, reached):
            if match.start() >= limit:
                break
            reached = match.end()
            line = data[match.start() + 1 : reached + 1]
            yield base + match.start() + 1, line, _ahead(data, reached + 1), _blank(data, match.start())
        if not block:
            return
        reached = max(reached, limit)
        kept = max(reached - 4, 0)
        base, data, reached = base + kept, data[kept:], reached - kept


def _first(file: BinaryIO) -> int:
    """The offset of the first non-empty line, after a byte order mark."""
    file.seek(0)
    head = file.read(_BLOCK)
    begin = len(_BOM) if head.startswith(_BOM) else 0
    return len(head) - len(head[begin:].lstrip(b"\r\n"))


def _ahead(data: bytes, begin: int = 0) -> bytes:
    """The text after a line that ended before ``begin``, up to the next ``From `` line."""
    if data.startswith((b"From ", b"From\n", b"From\r"), begin):
        return b""
    end = _NEXT.search(data, begin, begin + AHEAD)
    return data[begin : end.start() + 1 if end else begin + AHEAD]


def _blank(data: bytes, end: int) -> int:
    """The length of the empty line that ends at ``data[end]``; 0 when that line is not empty."""
    if data[max(end - 1, 0) : end] == b"\n":
        return 1
    return 2 if data[max(end - 2, 0) : end] == b"\n\r" else 0


def _empty_end(file: BinaryIO, size: int, start: int) -> int:
    """The length of an empty line at the end of a file, which is not part of the last message."""
    file.seek(max(size - 3, start - 1))
    data = file.read(3)
    return _blank(data, len(data) - 1) if data.endswith(b"\n") else 0


def _told_end(file: BinaryIO, start: int) -> int:
    """The end of a message by its Content-Length, if that is the end of the file or a ``From `` line; else 0 (mboxcl)."""
    file.seek(start)
    head = file.read(_HEADER)
    end = _HEADER_END.search(head)
    told = _LENGTH.search(head, 0, end.start() + 1) if end else None
    if end is None or told is None:
        return 0
    reached = start + end.end() + int(told[1])
    if reached > file.seek(0, 2):
        return 0
    file.seek(reached)
    rest = file.read(LONGEST + AHEAD)
    line, _, following = rest.lstrip(b"\r\n").partition(b"\n")
    if len(rest) - len(rest.lstrip(b"\r\n")) > _APART:
        return 0
    told_line = separators.read(line)
    exact = not line or (told_line is not None and separators.parts(told_line, True, _ahead(following)))
    return reached if exact else 0


#: Letters in the header fields Status and X-Status, in which mail programs on Unix keep flags.
_STATUS = pattern(rb"^(?:X-)?Status:[ \t]*+([A-Z]*+)[ \t]*+\r?$", re.MULTILINE | re.IGNORECASE)
_MOZILLA = pattern(rb"^X-Mozilla-Status:[ \t]*+([0-9A-F]{4})[ \t]*+\r?$", re.MULTILINE | re.IGNORECASE)
_FLAGS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft"}
#: Bits of X-Mozilla-Status.
_BITS = {1: "\\Seen", 2: "\\Answered", 4: "\\Flagged"}


def flags(raw: bytes) -> str:
    """Flags of a message from its header fields Status, X-Status and X-Mozilla-Status, with blanks between."""
    header = re.split(rb"\r?\n\r?\n", raw[: 256 * 1024], maxsplit=1)[0]
    letters = "".join(match[1].decode().upper() for match in _STATUS.finditer(header))
    found = [flag for letter, flag in _FLAGS.items() if letter in letters]
    if match := _MOZILLA.search(header):
        bits = int(match[1], 16)
        found += [flag for bit, flag in _BITS.items() if bits & bit and flag not in found]
    return " ".join(found)
