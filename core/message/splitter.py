"""Splitter: segments of a raw message, so that a shared attachment is stored once.

The same attachment reaches forty people in forty messages that differ only in their headers and boundaries. So the body of
every large MIME leaf becomes a segment of its own, and all that lies between (headers, small bodies, boundaries) is joined.

Invariant, for any bytes:
- Segments are contiguous, in order, never empty, and cover the message exactly; being wrong about MIME costs space, not mail.
- Nothing is raised and nothing recurses. In doubt (no boundary, RFC 2231 pieces of one, too deep, too many) there is no cut.
- Time is linear: every level of nesting reads its bytes once, in C, and levels and boundary lines looked at are bounded.

Measured (2 shared cores): under 16 KiB 0.6 µs; 44 KB with one attachment 26 µs; 30 MB without any boundary 7 ms; 10,000
small parts 16 ms; the worst found, 100 levels around 30 MB, 0.9 s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from mmap import mmap
from typing import NamedTuple, TypeAlias

from core.message.octets import Octets
from core.text.patterns import pattern

Raw: TypeAlias = bytes | bytearray | memoryview | mmap | Octets
Segment: TypeAlias = tuple[int, int]

LONGEST = 8 * 1024 * 1024  # bytes of a segment
DEEPEST = 50
MOST_BOUNDARY_LINES = 100_000
LONGEST_BOUNDARY = 200  # RFC 2046 5.1.1 allows 70
LONGEST_HEADER = 16 * 1024 * 1024  # bytes read: 100,000 recipients take 5 MB
LONGEST_CONTENT_TYPE = 8 * 1024
WINDOW = 2 * 1024  # bytes searched for a delimiter before hyphens are looked for: the header of a part is mostly shorter

_EMPTY_LINE = pattern(rb"\r?\n")
_HEADER_END = pattern(rb"\n\r?\n")
_NO_BLANK = pattern(rb"[^ \t]")
_LINE_END = pattern(rb"\r?(?:\n|\Z)")
_REST_OF_DELIMITER = pattern(rb"(--)?+[ \t]*+\r?(?:\n|\Z)")
# Both are searched in lower case with the line end before, which lets `re` look for a literal first.
_CONTENT_TYPE = pattern(rb"\ncontent-type[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+){0,99}+)")
_ENCODING = pattern(rb"\ncontent-transfer-encoding[ \t]*:\s*([^\s;]*)")
_BOUNDARY = pattern(rb"[;\s]boundary\s*=\s*(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|([^\s;\"]+))", re.DOTALL)
_QUOTED_PAIR = pattern(rb"\\(.)", re.DOTALL)


class Part(NamedTuple):
    """A MIME entity that is no multipart: header ``raw[head:body]``, body ``raw[body:end]``.

    ``leaf`` is false for a message/rfc822 whose content follows in the list as parts of its own; those have ``embedded``
    set. A named tuple, since a message can have thousands and a frozen dataclass takes three times as long to construct.
    """

    head: int
    body: int
    end: int
    leaf: bool
    embedded: bool


def split(
    raw: Raw,
    *,
    threshold: int = 16 * 1024,
    longest: int = LONGEST,
    scan: Sequence[Part] | None = None,
) -> list[Segment]:
    """Cut a raw message into ``(start, end)`` byte offsets that cover it exactly; an empty message gives ``[]``.

    A leaf's body of at least ``threshold`` bytes is a segment; it ends before the line end that belongs to the next
    delimiter (RFC 2046 5.1.1), so it is the same whatever the boundary. Segments over ``longest`` bytes are cut in pieces
    counted from their own start, so equal leaves give equal pieces. ``scan`` is ``parts(raw)`` if the caller has it
    already. Raises ValueError only for a ``longest`` below 1.
    """
    if longest < 1:
        raise ValueError("longest must be at least 1 byte")
    size = len(raw)
    segments: list[Segment] = []
    done = 0
    if size >= threshold:
        for part in parts(raw, smallest=threshold) if scan is None else scan:
            if part.leaf and part.body < part.end and part.end - part.body >= threshold:
                _append(segments, done, part.body, longest)
                _append(segments, part.body, part.end, longest)
                done = part.end
    _append(segments, done, size, longest)
    return segments


def _append(segments: list[Segment], start: int, end: int, longest: int) -> None:
    while end - start > longest:
        segments.append((start, start + longest))
        start += longest
    if start < end:
        segments.append((start, end))


def parts(raw: Raw, *, smallest: int = 0) -> list[Part]:
    """The leaves and embedded messages of a raw message, in order; those under ``smallest`` bytes may be left out.

    A message/rfc822 is split when it is not encoded, so that a forwarded attachment equals the original one.
    """
    find = _finder(raw)
    found: list[Part] = []
    budget = MOST_BOUNDARY_LINES
    pending = [(0, len(raw), 0, False)]
    while pending:
        head, end, level, embedded = pending.pop()
        body = header_end(raw, head, end)
        if body < end and level < DEEPEST:
            is_message, boundary = _container(raw, head, body)
            if is_message:
                found.append(Part(head, body, end, False, embedded))
                pending.append((body, end, level + 1, True))
                continue
            if boundary and budget:
                children, budget = _children(raw, find, body, end, boundary, budget)
                if children:
                    pending.extend(
                        (start, stop, level + 1, embedded) for start, stop in reversed(children) if stop - start >= smallest
                    )
                    continue
        found.append(Part(head, body, end, True, embedded))
    return found


def header_end(raw: Raw, start: int = 0, end: int | None = None) -> int:
    """The offset after the empty line that ends the header block at ``start``; ``end`` when there is none.

    ``raw[:header_end(raw)]`` is what IMAP returns as BODY[HEADER] (RFC 3501 6.4.5). Lines may end in CRLF or LF, mixed.
    """
    stop = len(raw) if end is None else end
    if not isinstance(raw, bytes) and isinstance(raw, Octets):
        if empty := _EMPTY_LINE.match(raw[start : min(start + 2, stop)]):
            return start + empty.end()
        span = raw.search(_HEADER_END, start, stop, 4)
        return span[1] if span else stop
    found = _EMPTY_LINE.match(raw, start, stop) or _HEADER_END.search(raw, start, stop)
    return found.end() if found else stop


def _container(raw: Raw, head: int, body: int) -> tuple[bool, bytes]:
    """True for a header of an embedded message that is not encoded, else False with the boundary of a multipart."""
    stop = min(body, head + LONGEST_HEADER)
    header = bytes(raw[head - 1 : stop]) if head else b"\n" + bytes(raw[:stop])
    lower = header.lower()
    field = _CONTENT_TYPE.search(lower)
    if field is None:
        return False, b""
    value = field[1].lstrip()
    if value.startswith(b"message/"):
        if value.partition(b";")[0].strip() not in (b"message/rfc822", b"message/global"):
            return False, b""
        encoding = _ENCODING.search(lower)
        return encoding is None or encoding[1] in (b"", b"7bit", b"8bit", b"binary"), b""
    if not value.startswith(b"multipart") or len(field[1]) > LONGEST_CONTENT_TYPE:
        return False, b""
    parameter = _BOUNDARY.search(lower, field.start(1), field.end(1))
    if parameter is None:
        return False, b""
    boundary = header[slice(*parameter.span(parameter.lastindex or 0))]  # as written: a boundary is case-sensitive
    if parameter.lastindex == 1:
        boundary = boundary.replace(b"\r", b"").replace(b"\n", b"")  # folded within the quotes
        if b"\\" in boundary:
            boundary = _QUOTED_PAIR.sub(rb"\1", boundary)
    boundary = boundary.rstrip()
    return False, boundary if len(boundary) <= LONGEST_BOUNDARY else b""


def _children(
    raw: Raw, find: Callable[[bytes, int, int], int], body: int, end: int, boundary: bytes, budget: int
) -> tuple[list[Segment], int]:
    """The parts between the delimiter lines of one multipart, and the rest of ``budget``.

    After a closing delimiter comes an epilogue, unless the same boundary opens again: nested parts that repeat their parent's
    boundary close it early, and later parts are still worth cutting.
    """
    children: list[Segment] = []
    delimiter = b"\n--" + boundary
    start = -1
    at = find(delimiter, body - 1, end)  # the byte before the body is the line end of the empty line
    while at >= 0 and budget:
        budget -= 1
        after = at + len(delimiter)
        rest = _rest_of_delimiter(raw, after, end)
        if rest is not None:
            closing, line_end = rest
            if start >= 0:
                stop = at - 1 if raw[at - 1] == 13 else at
                children.append((start, max(start, stop)))
            start = -1 if closing else line_end
            after = line_end - 1 if line_end < end else end  # one line end may serve two delimiters
        at = find(delimiter, after, end)
    if start >= 0:
        children.append((start, end))
    return children, budget


def _rest_of_delimiter(raw: Raw, after: int, end: int) -> tuple[bool, int] | None:
    """True for a closing delimiter, and the offset after its line; None when the line is none."""
    if isinstance(raw, Octets):
        begins = after + 2 if (closing := raw[after : min(after + 2, end)] == b"--") else after
        blanks = raw.search(_NO_BLANK, begins, end, 2)
        begins = blanks[0] if blanks else end
        ended = _LINE_END.match(raw[begins : min(begins + 2, end)])
        return (closing, begins + ended.end()) if ended else None
    found = _REST_OF_DELIMITER.match(raw, after, end)
    return (found[1] is not None, found.end()) if found else None


def _finder(raw: Raw) -> Callable[[bytes, int, int], int]:
    """``raw.find``, or a substitute for a memoryview, which has none, and for a mmap, whose search is quadratic."""
    if isinstance(raw, bytes):
        return partial(find_delimiter, raw)
    if isinstance(raw, bytearray | Octets):
        return raw.find

    def find(needle: bytes, start: int, end: int) -> int:
        found = re.compile(re.escape(needle)).search(raw, start, end)
        return found.start() if found else -1

    return find


def find_delimiter(raw: bytes, delimiter: bytes, start: int, end: int) -> int:
    """``raw.find`` of a delimiter (``\\n--boundary``), ten times as fast in base64, which has no hyphen."""
    while end - start > WINDOW:
        found = raw.find(delimiter, start, start + WINDOW)
        if found >= 0:
            return found
        # One that begins before the window's end, but ends behind it, is still to be found.
        hyphen = raw.find(b"-", start + WINDOW - len(delimiter) + 2, end)
        if hyphen < 0:
            return -1
        start = hyphen - 1
    return raw.find(delimiter, start, end)
