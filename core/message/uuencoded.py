"""Uuencoded files within a plain text, as programs put them there before MIME: ``begin 644 name`` to ``end``. Pure.

Nothing is raised, and time is linear: each line is read once; an invalid block is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.message.octets import BLOCK, Bytes, Octets, Section
from core.text.patterns import pattern
from core.values import dataclass

#: Bytes of a line that may belong to a file; a longer one is text.
LONGEST_LINE = 4_096
#: Lines that a file without an end must have.
FEWEST_LINES = 3

_BEGIN = pattern(rb"begin(-base64)? [0-7]{3,4} +([^\r\n]{1,255}?)[ \t]*\r?\n?")
_BEGINS = pattern(rb"[\r\n]begin(?:-base64)? [0-7]{3,4} ")
#: More than the bytes of this.
_BEGINS_REACH = 24
_BASE64 = pattern(rb"[A-Za-z0-9+/]{1,200}={0,2}")


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file in a text: its raw name, its encoded lines, and their transfer encoding by its MIME name."""

    name: bytes
    body: Bytes
    encoding: str


def taken_out(text: bytes) -> tuple[bytes, list[EncodedFile]]:
    """A text without the files in it, and these in order."""
    if b"begin " not in text and b"begin-base64 " not in text:
        return text, []
    rest: list[bytes] = []
    files: list[EncodedFile] = []
    block: list[bytes] = []
    head: re.Match[bytes] | None = None
    for line in text.splitlines(keepends=True):
        begins = _begun(line)
        if head is None or begins:
            rest += block
            block, head = ([line], begins) if begins else ([], None)
            if not begins:
                rest.append(line)
            continue
        block.append(line)
        if _ends(line, head):
            files.append(_file(head, b"".join(block[1:-1])))
            block, head = [], None
        elif not _belongs(line, head):
            rest += block
            block, head = [], None
    if head is not None and len(block) > FEWEST_LINES:
        # Cut off in transit.
        files.append(_file(head, b"".join(block[1:])))
    else:
        rest += block
    return b"".join(rest), files


def taken_out_of(text: Octets, longest: int, most: int) -> tuple[bytes, list[EncodedFile]]:
    """The same for a large text: at most ``longest`` bytes of what remains, and ``most`` files."""
    rest: list[bytes] = []
    files: list[EncodedFile] = []
    kept = left = 0
    for head, start, body, end, after in _blocks(text):
        if len(files) < most:
            files.append(_file(head, Section(text, body, end)))
        if left < longest:
            rest.append(text[kept : min(start, kept + longest - left)])
            left += len(rest[-1])
        kept = after
    return b"".join([*rest, text[kept : kept + longest - left]]), files


def count(text: Bytes) -> int:
    """The number of files in a text."""
    return len(taken_out(text)[1]) if isinstance(text, bytes) else sum(1 for _ in _blocks(text))


def _blocks(text: Octets) -> Iterator[tuple[re.Match[bytes], int, int, int, int]]:
    """Yield the files in a text: their first line, the offset of that, the ends of that, of the body, and of the last line."""
    at = 0
    while (start := _next(text, at)) is not None:
        head: re.Match[bytes] | None = None
        body = at = start
        count = 0
        for at, line, after in _lines(text, start):
            if begins := _begun(line):
                head, start, body, count = begins, at, after, 1
                continue
            count += 1
            if head is None or (not (ended := _ends(line, head)) and not _belongs(line, head)):
                at = after
                break
            if ended:
                yield head, start, body, at, after
                at = after
                break
        else:
            if head is not None and count > FEWEST_LINES:
                yield head, start, body, len(text), len(text)
            return


def _next(text: Octets, at: int) -> int | None:
    """The offset of the next line that looks like the first one of a file, from the beginning of a line on."""
    if _BEGINS.match(b"\n" + text[at : at + _BEGINS_REACH]):
        return at
    found = text.search(_BEGINS, at, None, _BEGINS_REACH)
    return found[0] + 1 if found else None


def _lines(text: Octets, start: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield the lines from ``start`` on with their offsets and ends; of one that is too long for a file only the beginning."""
    rest, at = b"", start
    read, step = start, 512
    while read < len(text):
        # Little at first: most lines that look like the first one of a file are none.
        data = text.read(read, min(read + step, len(text)))
        read, step = read + step, min(2 * step, BLOCK)
        lines = (rest + data).splitlines(keepends=True)
        # The last one may go on, if only by the LF after its CR.
        rest = lines.pop()
        for line in lines:
            yield at, line, at + len(line)
            at += len(line)
        if len(rest) > LONGEST_LINE:
            end = text.search(_LINE_END, at, None, 3)
            yield at, rest, len(text) if end is None else end[1]
            return
    if rest:
        yield at, rest, at + len(rest)


_LINE_END = pattern(rb"\r\n|\r|\n")


def _begun(line: bytes) -> re.Match[bytes] | None:
    """The first line of a file, if ``line`` is one."""
    return _BEGIN.fullmatch(line) if len(line) <= LONGEST_LINE else None


def _ends(line: bytes, head: re.Match[bytes]) -> bool:
    return len(line) <= LONGEST_LINE and line.rstrip() == (b"====" if head[1] else b"end")


def _belongs(line: bytes, head: re.Match[bytes]) -> bool:
    bare = line.rstrip(b"\r\n")
    return len(line) <= LONGEST_LINE and (_BASE64.fullmatch(bare) is not None if head[1] else _is_encoded(bare))


def _file(head: re.Match[bytes], body: Bytes) -> EncodedFile:
    return EncodedFile(head[2], body, "base64" if head[1] else "x-uuencode")


def _is_encoded(line: bytes) -> bool:
    """True when a line has as many characters as its first one says; trailing blanks may have been lost."""
    if not line.strip(b" `"):
        return True
    count = (line[0] - 32) & 63
    needed = -(-count // 3) * 4
    fits = line[0] <= 96 and needed - 3 <= len(line) - 1 + (len(line) - len(line.rstrip())) and len(line) - 1 <= needed + 2
    return fits and min(line) >= 32 and max(line) <= 96
