"""Leaves of a message: its parts without parts of their own, those of messages in it, and files in its texts, in order.

What holds here, for any bytes at all: nothing is raised; parts, levels and decoded bytes are bounded, and what was left out is
named in ``unread``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace

from core.message import header_fields, transfer_encoding, uuencoded
from core.message.decoding import decoded, with_line_feeds
from core.message.envelope import describe, is_attachment, line
from core.message.octets import Bytes, section
from core.message.splitter import LONGEST_HEADER, Part, header_end, parts
from core.message.transfer_encoding import ENCODINGS, PLAIN
from core.text.patterns import pattern
from core.values import dataclass

MOST_PARTS = 10_000
LONGEST_TEXT = 4 * 1024 * 1024  # bytes of text of all parts together that are read
LONGEST_START = 64 * 1024  # bytes of an attachment that are checked for being a message
DEEPEST_ENCODED = 5  # nested messages in base64
MOST_ENCODED = 64 * 1024 * 1024  # bytes of these, decoded

_MESSAGE_FIELD = pattern(rb"\n(?:from|date|subject|received|message-id)[ \t]*+:")

#: Types whose texts are pages.
PAGES = frozenset(("text/html", "application/xhtml+xml", "text/enriched", "text/richtext"))
_TEXTS = frozenset(("message/delivery-status", "message/disposition-notification", "message/feedback-report"))
_CALENDARS = frozenset(("text/calendar", "text/x-vcalendar", "application/ics"))
#: Types that tell less than the file's name.
_VAGUE = frozenset(("application/octet-stream", "text/plain"))
_MESSAGES = frozenset(("message/rfc822", "message/global"))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part, or a message in the message (``message``). ``level`` counts the messages around it.

    ``label`` is the name of a file within a text, which has no header.
    """

    header: bytes
    body: Bytes
    media_type: str
    encoding: str
    charset: str
    attached: bool
    message: bool = False
    level: int = 0
    label: str = ""

    @property
    def is_calendar(self) -> bool:
        """True for a calendar: by its type, or by its name where the type only says that it is a file."""
        return self.media_type in _CALENDARS or (self.media_type in _VAGUE and self.name().lower().endswith((".ics", ".vcs")))

    def name(self, charset: str = "") -> str:
        """The part's name, unlabelled 8-bit characters in ``charset``."""
        if self.label:
            return self.label
        for name, parameter in (("content-disposition", "filename"), ("content-type", "name")):
            if named := header_fields.parameter(header_fields.first(self.header, name), parameter, charset):
                return named[: header_fields.LONGEST_NAME]
        if self.media_type.startswith("message/") and self.media_type not in _TEXTS:
            subject = describe(_start(self.body)).subject if self.encoding in PLAIN else ""
            return f"{subject[:100] or 'message'}.eml"
        return ""


@dataclass(slots=True)
class _Scan:
    """The parts of a message that are still to come; ``ends`` are the ends of the messages around the next one."""

    raw: Bytes
    parts: Iterator[Part]
    level: int
    ends: list[int] = field(default_factory=list)


def leaves(raw: Bytes, unread: dict[str, None]) -> Iterator[Leaf]:
    """Yield the parts of a message in their order, with those of nested messages, encoded ones too, and files in its texts."""
    left = MOST_ENCODED
    count = 0
    first = True
    pending = [_Scan(raw, iter(parts(raw)), 0)]
    while pending:
        scan = pending[-1]
        part = next(scan.parts, None)
        if part is None:
            pending.pop()
            continue
        count += 1
        if count > MOST_PARTS:
            unread[f"parts beyond the first {MOST_PARTS}"] = None
            return
        while scan.ends and part.head >= scan.ends[-1]:
            scan.ends.pop()
        leaf = replace(_leaf(scan.raw, part, unread, first=first), level=scan.level + len(scan.ends))
        first = leaf.message
        text, *files = _unpacked(leaf)
        yield text
        yield from files[: MOST_PARTS - count]
        count += len(files)
        if not part.leaf:
            scan.ends.append(part.end)
        elif leaf.message:
            if len(pending) > DEEPEST_ENCODED or left <= 0:
                unread["encoded messages in one another, too deep or too large"] = None
                continue
            inner = with_line_feeds(decoded(leaf.body, leaf.encoding))
            left -= len(inner)
            pending.append(_Scan(inner, iter(parts(inner)), leaf.level + 1))


def _unpacked(leaf: Leaf) -> list[Leaf]:
    """A text and the files within it, or the leaf alone."""
    if leaf.attached or leaf.media_type != "text/plain" or leaf.encoding not in ENCODINGS:
        return [leaf]
    if leaf.encoding != "base64" and leaf.body.find(b"begin") < 0:
        return [leaf]
    body = decoded(leaf.body, leaf.encoding)
    if isinstance(body, bytes):
        text, files = uuencoded.taken_out(body)
    else:
        # Enough to tell that there is more text than is read.
        text, files = uuencoded.taken_out_of(body, 2 * LONGEST_TEXT + 1, MOST_PARTS)
    if not files:
        return [leaf]
    return [replace(leaf, body=text, encoding="")] + [
        Leaf(
            b"",
            file.body,
            "application/octet-stream",
            file.encoding,
            "",
            attached=True,
            level=leaf.level,
            label=line(file.name, leaf.charset)[: header_fields.LONGEST_NAME],
        )
        for file in files
    ]


def _leaf(raw: Bytes, part: Part, unread: dict[str, None], *, first: bool) -> Leaf:
    header = b"\n" + raw[part.head : min(part.body, part.head + LONGEST_HEADER)]
    if header.find(b"\n", 1) < 0:
        header = header.replace(b"\r", b"\n")
    kind = header_fields.first(header, "content-type")
    media_type = _word(kind)
    if not _is_media_type(media_type):
        media_type = "text/plain"  # RFC 2045 section 5.2
    encoding = _word(header_fields.first(header, "content-transfer-encoding"))
    disposition = header_fields.first(header, "content-disposition").lstrip().lower()
    if media_type.startswith("multipart/"):
        unread["a part that should have parts of its own, and cannot be taken apart (its boundary is missing)"] = None
        readable, encoding = True, ""
    else:
        readable = (media_type.startswith("text/") and media_type != "text/rtf") or media_type in PAGES | _TEXTS
    if not part.leaf:
        attached = True
    elif readable:
        # The only text of a message is its text, even with a file name.
        attached = disposition.startswith(b"attachment") or (is_attachment(header.lower()) and not first)
    else:
        attached = True
    body = section(raw, part.body, part.end)
    leaf = Leaf(header, body, media_type, encoding, header_fields.parameter(kind, "charset"), attached)
    return replace(leaf, message=True) if not part.leaf or _is_message(leaf) else leaf


def _start(body: Bytes) -> bytes:
    """The header block of a message."""
    return body[: min(header_end(body), LONGEST_HEADER)]


def _word(value: bytes) -> str:
    """The value of a field without its parameters, in lower case."""
    return value.partition(b";")[0].strip().lower().decode("ascii", "replace")[:100]


def _is_message(leaf: Leaf) -> bool:
    """True when a part is a message: by its type, or by its name, as some mail programs send it."""
    if leaf.media_type in _MESSAGES:
        return True
    if not leaf.attached or not leaf.name().lower().endswith(".eml"):
        return False
    start = transfer_encoding.decoded(leaf.body[:LONGEST_START], leaf.encoding)
    return bool(_MESSAGE_FIELD.search(b"\n" + start[: header_end(start)].lower()))


def _is_media_type(text: str) -> bool:
    kind, slash, sub = text.partition("/")
    return bool(slash and kind and sub) and text.isprintable() and not set(text) & set(' ="<>(),:\\')
