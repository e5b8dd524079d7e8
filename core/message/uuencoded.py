"""Uuencoded files within a plain text, as programs put them there before MIME: ``begin 644 name`` to ``end``. Pure.

Nothing is raised, and time is linear: each line is read once; an invalid block is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Lines that a file without an end must have.
FEWEST_LINES = 3

_BEGIN = re.compile(rb"begin(-base64)? [0-7]{3,4} +([^\r\n]{1,255}?)[ \t]*\r?\n?")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{1,200}={0,2}")


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file in a text: its raw name, its encoded lines, and their transfer encoding by its MIME name."""

    name: bytes
    body: bytes
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
        begins = _BEGIN.fullmatch(line)
        bare = line.rstrip(b"\r\n")
        if head is None or begins:
            rest += block
            block, head = ([line], begins) if begins else ([], None)
            if not begins:
                rest.append(line)
            continue
        block.append(line)
        if bare.rstrip() == (b"====" if head[1] else b"end"):
            files.append(_file(head, block[1:-1]))
            block, head = [], None
        elif not (_BASE64.fullmatch(bare) if head[1] else _is_encoded(bare)):
            rest += block
            block, head = [], None
    if head is not None and len(block) > FEWEST_LINES:
        # Cut off in transit.
        files.append(_file(head, block[1:]))
    else:
        rest += block
    return b"".join(rest), files


def _file(head: re.Match[bytes], lines: list[bytes]) -> EncodedFile:
    return EncodedFile(head[2], b"".join(lines), "base64" if head[1] else "x-uuencode")


def _is_encoded(line: bytes) -> bool:
    """True when a line has as many characters as its first one says; trailing blanks may have been lost."""
    if not line.strip(b" `"):
        return True
    count = (line[0] - 32) & 63
    needed = -(-count // 3) * 4
    fits = line[0] <= 96 and needed - 3 <= len(line) - 1 + (len(line) - len(line.rstrip())) and len(line) - 1 <= needed + 2
    return fits and min(line) >= 32 and max(line) <= 96
