"""Messages as Apple Mail keeps them: ``.emlx`` (length, message, property list), and ``.partial.emlx`` with its attachments.

In a partial one the bodies of attachments are cut out and lie as files in ``Attachments/NUMBER/PART/NAME`` beside the folder
``Messages``; the header of such a part tells the length of its body. They are put back in, in base64: the content is whole
again, though its bytes need not be those of the original message.
"""

from __future__ import annotations

import plistlib
import re
from base64 import encodebytes
from collections.abc import Callable, Iterator
from xml.parsers.expat import ExpatError

from core.archive.transfer.trees import UnusableFile
from core.problems import mail_file as problems
from core.text.patterns import pattern
from core.values import dataclass

_LENGTH = pattern(rb"\s{0,20}(\d{1,12})[ \t]{0,20}\r?\n")
#: The allowed bytes after a message.
_LIST = pattern(rb"\s{0,100}(?:\Z|<\?xml|<!DOCTYPE plist|<plist|bplist)")
_CUT_OUT = pattern(rb"^x-apple-content-length[ \t]{0,20}:[^\n]*\n", re.MULTILINE | re.IGNORECASE)
_ENCODING = pattern(rb"^content-transfer-encoding[ \t]{0,20}:[ \t]{0,20}([^\s;]*+)[^\n]*+\n", re.MULTILINE | re.IGNORECASE)
_TYPE = pattern(rb"^content-type[ \t]{0,20}:([^\n]*(?:\n[ \t][^\n]*){0,99})", re.MULTILINE | re.IGNORECASE)
_BOUNDARY = pattern(rb'boundary\s{0,20}=\s{0,20}(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_HEADER_END = pattern(rb"(?:\A|\n)\r?\n")
_DEEPEST, _MOST_PARTS = 20, 10_000
#: Bytes of a property list that are read.
_LONGEST_LIST = 1024 * 1024
#: Bits of the property ``flags``.
_FLAGS = {1 << 0: "\\Seen", 1 << 2: "\\Answered", 1 << 4: "\\Flagged", 1 << 6: "\\Draft"}


@dataclass(frozen=True, slots=True)
class Apple:
    """The content of a file: the message, its flags, and its time of receipt, in seconds since 1970."""

    raw: bytes
    flags: str
    received: int | None
    #: The length in the first line when it is wrong; None when it is right.
    wrong_length: int | None = None


def read(data: bytes) -> Apple:
    """Parse a file. Raises ``UnusableFile`` when it is no such file or is cut off.

    The length is trusted when nothing or the property list follows; else the message goes up to the property list at the file's
    end.
    """
    match = _LENGTH.match(data)
    if match is None:
        raise UnusableFile(problems.NO_LENGTH())
    told = int(match[1])
    end = match.end() + told
    wrong = None
    if end > len(data) or not _LIST.match(data, end):
        ending = _last_list(data, match.end())
        if ending is None and end > len(data):
            raise UnusableFile(problems.CUT_OFF())
        if ending is None:
            raise UnusableFile(problems.WRONG_LENGTH())
        end, wrong = ending, told
    flags, received = _properties(data[end:])
    return Apple(data[match.end() : end], flags, received, wrong)


def _last_list(data: bytes, begin: int) -> int | None:
    """The offset at which the property list at the end of a file begins."""
    if not data.endswith(b"</plist>", begin, len(data.rstrip())):
        return None
    for mark in (b"<?xml ", b"<!DOCTYPE plist", b"<plist"):
        if (found := data.rfind(mark, begin)) >= 0:
            return found
    return None


def _properties(data: bytes) -> tuple[str, int | None]:
    try:
        found = plistlib.loads(data[:_LONGEST_LIST].strip())
    except (ValueError, ExpatError, AttributeError, LookupError, TypeError, RecursionError, OverflowError, MemoryError):
        # The message counts; its metadata may be missing.
        return "", None
    if not isinstance(found, dict):
        return "", None
    bits, received = found.get("flags", 0), found.get("date-received")
    flags = " ".join(flag for bit, flag in _FLAGS.items() if isinstance(bits, int) and bits & bit)
    return flags, int(received) if isinstance(received, int | float) and 0 < received < 2**40 else None


def completed(raw: bytes, attachment: Callable[[str], bytes | None]) -> tuple[bytes, list[str]]:
    """A partial message with its attachments, requested by part number; and the numbers of missing ones."""
    pieces: list[bytes] = []
    missing: list[str] = []
    done = 0
    for number, head, body, end in _leaves(raw):
        header = raw[head:body]
        if _CUT_OUT.search(header) is None or raw[body:end].strip():
            continue
        content = attachment(number)
        if content is None:
            missing.append(number)
            continue
        header = _CUT_OUT.sub(b"", header)
        encoding = _ENCODING.search(header)
        told = encoding[1].lower() if encoding else b""
        if told not in (b"", b"7bit", b"8bit", b"binary") or encoding is None or not _is_text(content):
            line = b"Content-Transfer-Encoding: base64\n"
            header = _ENCODING.sub(line, header, count=1) if encoding else line + header
            content = encodebytes(content)
        pieces += [raw[done:head], header, content.rstrip(b"\n") + b"\n" * (raw[body:end].count(b"\n") or 1)]
        done = end
    return b"".join([*pieces, raw[done:]]), missing


def _is_text(content: bytes) -> bool:
    return content.isascii() and b"\0" not in content


def _leaves(raw: bytes) -> Iterator[tuple[str, int, int, int]]:
    """(number, start of the header, start of the body, end) of each part that is no multipart, numbered as in IMAP."""
    # A stack: the next one is last.
    waiting = [("", 0, len(raw), 0)]
    count = 0
    while waiting and count < _MOST_PARTS:
        number, head, end, depth = waiting.pop()
        count += 1
        match = _HEADER_END.search(raw, head, end)
        if match is None:
            continue
        kind = _TYPE.search(raw, head, match.start() + 1)
        value = kind[1].strip().lower() if kind else b""
        boundary = _BOUNDARY.search(kind[1]) if kind and value.startswith(b"multipart/") else None
        if boundary is None or depth == _DEEPEST:
            yield number or "1", head, match.end(), end
            continue
        children = _children(raw, match.end() - 1, end, boundary[1] or boundary[2])
        below = [(f"{number}.{index}".lstrip("."), *span, depth + 1) for index, span in enumerate(children, 1)]
        waiting += reversed(below)


def _children(raw: bytes, begin: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    mark = re.compile(rb"(?:^|(?<=\n))--" + re.escape(boundary) + rb"(--)?[ \t]{0,100}\r?(?:\n|\Z)")
    found: list[tuple[int, int]] = []
    start: int | None = None
    for match in mark.finditer(raw, begin, end):
        if start is not None:
            found.append((start, match.start()))
        if match[1]:
            return found
        start = match.end()
    if start is not None:
        found.append((start, end))
    return found
