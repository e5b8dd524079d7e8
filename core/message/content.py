"""What a person reads in a message: header fields, text, attachments. For the preview, for search, for saving attachments.

What holds here, for any bytes at all: nothing is raised by ``read``, time is linear in the size, and what is looked at is
bounded (parts, levels, header fields, bytes of text); what was left out or could not be read is said in ``unread``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_to_bytes

from core.errors import InputError
from core.message import html_text as markup
from core.message import invitation, uuencoded
from core.message.envelope import LONGEST_VALUE, characters, clean, describe, is_attachment, line
from core.message.line_ends import with_line_feeds
from core.message.passages import Gathered, Passage, composed
from core.message.splitter import LONGEST_HEADER, Part, header_end, parts
from core.message.transfer_encoding import ENCODINGS, PLAIN, decoded, trailer

MOST_PARTS = 10_000
MOST_FIELDS = 2_000
LONGEST_FIELDS = 1024 * 1024  # bytes of all header fields together
LONGEST_TEXT = 4 * 1024 * 1024  # bytes of text of all parts together
LONGEST_NAME = 1_000
LONGEST_START = 64 * 1024  # bytes of an attachment that are looked at to see whether it is a message
DEEPEST_ENCODED = 5  # messages in base64 in one another
MOST_ENCODED = 64 * 1024 * 1024  # bytes of them, decoded

_ANY_FIELD = re.compile(rb"\n([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_PARAMETER = re.compile(rb"""(?<=[;\s])([^\s=;*"]++)(?:\*([0-9]{1,3}))?(\*)?\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;]*+)""", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_MESSAGE_FIELD = re.compile(rb"\n(?:from|date|subject|received|message-id)[ \t]*+:")
_META = re.compile(rb"<meta\b([^>]*+)", re.IGNORECASE)
_CHARSET = re.compile(rb"charset\s*+=\s*+[\"']?([\w:.-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """``index`` counts from 0; ``name`` is raw text from outside, maybe empty; ``size`` is of the decoded bytes."""

    index: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """``headers``: name and decoded value, in order. ``text`` comes from plain text (``source`` is "text"), from HTML alone
    ("html"), or is empty (""). ``unread``: what could not be read and why, in words. All of it but ``unread`` is unsafe
    text from outside.

    ``passages`` are the text in pieces: the message's own one first, then one for each message in it. ``targets`` are where
    links of pages lead to, ``descriptions`` what is said of their pictures: to be found, not shown."""

    headers: tuple[tuple[str, str], ...]
    text: str
    source: str
    attachments: tuple[Attachment, ...]
    unread: tuple[str, ...]
    passages: tuple[Passage, ...] = ()
    targets: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()

    def first(self, name: str) -> str:
        """The first value of the header field ``name`` that is not empty; empty when there is none."""
        return next((value for one, value in self.headers if value and one.lower() == name.lower()), "")


def read(raw: bytes) -> Content:
    """Read a raw message. Never raises; a message in a message is an attachment, and its text is read too."""
    reader = _Reader(raw := with_line_feeds(raw))
    for leaf in _leaves(raw, reader.unread):
        reader.take(leaf)
    return reader.content()


class _Reader:
    """The content of a message, found part by part."""

    def __init__(self, raw: bytes) -> None:
        self.unread: dict[str, None] = {}  # in order, each once
        self._attachments: list[Attachment] = []
        self._targets: dict[str, None] = {}
        self._descriptions: dict[str, None] = {}
        self._drafts = [Gathered(0, raw[: header_end(raw)])]
        #: The messages in one another that the parts at hand belong to, the outermost first.
        self._open = [self._drafts[0]]
        self._left = LONGEST_TEXT

    def take(self, leaf: _Leaf) -> None:
        """Add the next part."""
        del self._open[leaf.level + 1 :]
        draft = self._open[-1]
        if not leaf.attached or leaf.is_calendar:
            self._text(leaf, draft)
        if not leaf.attached:
            return
        body = decoded(leaf.body, leaf.encoding)
        self._attachments.append(Attachment(len(self._attachments), leaf.name(draft.charset), leaf.media_type, len(body)))
        if why := _UNREADABLE.get(leaf.media_type):
            self.unread[why] = None
        if leaf.message:
            body = with_line_feeds(body)
            self._open.append(Gathered(leaf.level + 1, body[: header_end(body)]))
            self._drafts.append(self._open[-1])

    def _text(self, leaf: _Leaf, draft: Gathered) -> None:
        if leaf.encoding not in ENCODINGS:
            self.unread["a text in an unknown transfer encoding, shown as it is"] = None
        body = decoded(leaf.body[: 2 * self._left], leaf.encoding)
        if len(body) > self._left or len(leaf.body) > 2 * self._left:
            self.unread[f"text beyond {LONGEST_TEXT // 1024 // 1024} MB"] = None
        body = body[: self._left]
        self._left -= len(body)
        if not body.strip():
            body = _stray(leaf.header)
        charset = leaf.charset
        if leaf.media_type in _PAGES:
            charset = charset or _announced(body)
            page = markup.read(_text(body, charset))
            draft.pages.append(page.text)
            self._targets.update(dict.fromkeys(page.targets))
            self._descriptions.update(dict.fromkeys(page.descriptions))
        else:
            text = _text(body, charset).replace("\r\n", "\n").replace("\r", "\n")
            if (leaf.is_calendar or invitation.begins(text)) and (told := invitation.told(text)):
                draft.told.append(told)
                # What follows in a text, as the footer of a list, is told as it is.
                draft.plain.append("" if leaf.is_calendar else text.rpartition("END:VCALENDAR")[2].strip("\n"))
            elif not leaf.attached:
                draft.plain.append(text)
        if below := trailer(leaf.body[: 2 * self._left], leaf.encoding):
            draft.plain.append(_text(below, "").replace("\r\n", "\n"))
        draft.charset = draft.charset or charset

    def content(self) -> Content:
        """All of it."""
        passages, sources = [], []
        for draft in self._drafts:
            text, source = draft.text()
            sources.append(source)
            # What of the fields of messages in it is left out, is left out of their own text too.
            unread = {} if draft.level else self.unread
            passages.append(Passage(draft.level, _headers(draft.header, draft.charset, unread), text))
        text = composed(passages)
        source = "html" if "html" in sources and "text" not in sources else "text" if text else ""
        return Content(
            headers=passages[0].headers,
            text=text,
            source=source,
            attachments=tuple(self._attachments),
            unread=tuple(self.unread),
            passages=tuple(passages),
            targets=tuple(self._targets),
            descriptions=tuple(self._descriptions),
        )


def _stray(header: bytes) -> bytes:
    """What stands among header fields and is none: where the header has no end, or there is none, that is the text."""
    # As in _headers, a field is known by the line end before it.
    return _ANY_FIELD.sub(b"", b"\n" + header[:LONGEST_FIELDS].lstrip(b"\r\n")).strip(b"\r\n")


def attachment(raw: bytes, index: int) -> bytes:
    """The decoded bytes of the attachment that ``read`` lists under ``index``. Raises ``InputError`` when there is none."""
    found = (leaf for leaf in _leaves(with_line_feeds(raw), {}) if leaf.attached)
    for number, leaf in enumerate(found):
        if number == index:
            return decoded(leaf.body, leaf.encoding)
    raise InputError(f"The message has no attachment {index}.", "They are counted from 0, in the order listed.")


_PAGES = frozenset(("text/html", "application/xhtml+xml", "text/enriched", "text/richtext"))
_TEXTS = frozenset(("message/delivery-status", "message/disposition-notification", "message/feedback-report"))
_UNREADABLE = {
    "application/ms-tnef": "winmail.dat, Outlook's own format, is not looked into",
    "application/pkcs7-mime": "what is encrypted or signed as a whole (S/MIME) is not looked into",
    "application/x-pkcs7-mime": "what is encrypted or signed as a whole (S/MIME) is not looked into",
    "application/pgp-encrypted": "what is encrypted (PGP) is not looked into",
}

_CALENDARS = frozenset(("text/calendar", "text/x-vcalendar", "application/ics"))
#: Types of which the name of a file tells more.
_VAGUE = frozenset(("application/octet-stream", "text/plain"))
_MESSAGES = frozenset(("message/rfc822", "message/global"))


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One part, or a message in the message (``message``). ``level`` counts the messages that it lies in.

    ``label`` names a file that stands in a text and has no header.
    """

    header: bytes
    body: bytes
    media_type: str
    encoding: str
    charset: str
    attached: bool
    message: bool = False
    level: int = 0
    label: str = ""

    @property
    def is_calendar(self) -> bool:
        """True for an invitation or the like: by its type, or by its name where the type only says that it is a file."""
        return self.media_type in _CALENDARS or (self.media_type in _VAGUE and self.name().lower().endswith((".ics", ".vcs")))

    def name(self, charset: str = "") -> str:
        """Its name, unlabelled 8-bit characters in ``charset``."""
        if self.label:
            return self.label
        for name, parameter in (("content-disposition", "filename"), ("content-type", "name")):
            if named := _parameter(_field(self.header, name), parameter, charset):
                return named[:LONGEST_NAME]
        if self.media_type.startswith("message/") and self.media_type not in _TEXTS:
            subject = describe(self.body[: header_end(self.body)]).subject if self.encoding in PLAIN else ""
            return f"{subject[:100] or 'message'}.eml"
        return ""


@dataclass(slots=True)
class _Scan:
    """The parts of a message that are still to come; ``ends`` are where the messages end in which the next one lies."""

    raw: bytes
    parts: Iterator[Part]
    level: int
    ends: list[int] = field(default_factory=list)


def _leaves(raw: bytes, unread: dict[str, None]) -> Iterator[_Leaf]:
    """The parts of a message in their order, with those of messages in it, encoded ones too, and files in its texts."""
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


def _unpacked(leaf: _Leaf) -> list[_Leaf]:
    """A text and the files that stand in it, or the leaf alone."""
    if leaf.attached or leaf.media_type != "text/plain" or leaf.encoding not in ENCODINGS:
        return [leaf]
    if leaf.encoding != "base64" and b"begin" not in leaf.body:
        return [leaf]
    body = decoded(leaf.body, leaf.encoding)
    text, files = uuencoded.taken_out(body)
    if not files:
        return [leaf]
    return [replace(leaf, body=text, encoding="")] + [
        _Leaf(
            b"",
            file.body,
            "application/octet-stream",
            file.encoding,
            "",
            attached=True,
            level=leaf.level,
            label=line(file.name, leaf.charset)[:LONGEST_NAME],
        )
        for file in files
    ]


def _leaf(raw: bytes, part: Part, unread: dict[str, None], *, first: bool) -> _Leaf:
    header = b"\n" + raw[part.head : min(part.body, part.head + LONGEST_HEADER)]
    if header.find(b"\n", 1) < 0:
        header = header.replace(b"\r", b"\n")
    kind = _field(header, "content-type")
    media_type = kind.partition(b";")[0].strip().lower().decode("ascii", "replace")[:100]
    if not _is_media_type(media_type):
        media_type = "text/plain"  # RFC 2045 section 5.2
    encoding = _field(header, "content-transfer-encoding").partition(b";")[0].strip().lower().decode("ascii", "replace")[:100]
    disposition = _field(header, "content-disposition").lstrip().lower()
    if media_type.startswith("multipart/"):
        unread["a part that should have parts of its own, and cannot be taken apart (its boundary is missing)"] = None
        readable, encoding = True, ""
    else:
        readable = (media_type.startswith("text/") and media_type != "text/rtf") or media_type in _PAGES | _TEXTS
    if not part.leaf:
        attached = True
    elif readable:
        # The one text of a message is its text, even when it carries a name.
        attached = disposition.startswith(b"attachment") or (is_attachment(header.lower()) and not first)
    else:
        attached = True
    leaf = _Leaf(header, raw[part.body : part.end], media_type, encoding, _parameter(kind, "charset"), attached)
    return replace(leaf, message=True) if not part.leaf or _is_message(leaf) else leaf


def _is_message(leaf: _Leaf) -> bool:
    """Tell whether a part is a message: by its type, or, as mail programs that know no such type send it, by its name."""
    if leaf.media_type in _MESSAGES:
        return True
    if not leaf.attached or not leaf.name().lower().endswith(".eml"):
        return False
    start = decoded(leaf.body[:LONGEST_START], leaf.encoding)
    return bool(_MESSAGE_FIELD.search(b"\n" + start[: header_end(start)].lower()))


def _is_media_type(text: str) -> bool:
    kind, slash, sub = text.partition("/")
    return bool(slash and kind and sub) and text.isprintable() and not set(text) & set(' ="<>(),:\\')


def _field(header: bytes, name: str) -> bytes:
    """The first value of a field in a header block that begins with a line end; empty when it is not there."""
    wanted = name.encode()
    for found in _ANY_FIELD.finditer(header):
        if found[1].lower() == wanted:
            return header[found.start(2) : min(found.end(2), found.start(2) + LONGEST_VALUE)]
    return b""


def _parameter(value: bytes, name: str, likely: str = "") -> str:
    """A parameter of a field, in pieces and with a charset too (RFC 2231), or with encoded words as some write it."""
    wanted = name.encode()
    whole = b""
    pieces: dict[int, tuple[bytes, bool]] = {}
    for found in _PARAMETER.finditer(value):
        if found[1].lower() != wanted:
            continue
        text = found[4].strip()
        if len(text) >= 2 and text[:1] == text[-1:] == b'"':
            text = _QUOTED_PAIR.sub(rb"\1", text[1:-1])
        if found[2] is None and found[3] is None:
            whole = whole or text.strip(b'"')
        else:
            pieces.setdefault(int(found[2] or 0), (text, found[3] is not None))
    if not pieces:
        return line(whole, likely)
    charset = b""
    content = b""
    for number in sorted(pieces):
        text, extended = pieces[number]
        if extended:
            if not content and text.count(b"'") >= 2:
                charset, _, text = text.split(b"'", 2)
            text = unquote_to_bytes(text)
        content += text
    decoded = characters(content, charset.decode("ascii", "replace").lower())
    return " ".join(clean(decoded).split())


def _headers(header: bytes, charset: str, unread: dict[str, None]) -> tuple[tuple[str, str], ...]:
    """The fields of a header block, decoded; those in 8-bit characters without a label are in the charset of the text."""
    block = b"\n" + header[:LONGEST_FIELDS]
    found: list[tuple[str, str]] = []
    for one in _ANY_FIELD.finditer(block):
        if len(found) == MOST_FIELDS:
            unread[f"header fields beyond the first {MOST_FIELDS}"] = None
            break
        found.append((one[1][:LONGEST_NAME].decode("ascii"), line(one[2][:LONGEST_VALUE], charset)))
    if len(header) > LONGEST_FIELDS:
        unread["header fields beyond 1 MB"] = None
    if not found:
        unread["the header: there is none"] = None
    return tuple(found)


def _text(body: bytes, charset: str) -> str:
    if not charset and body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        charset = "utf-16"
    text = characters(body, charset.lower())
    return clean(text).removeprefix("\ufeff")


def _announced(page: bytes) -> str:
    """The charset that an HTML page says of itself."""
    told = (_CHARSET.search(meta[1]) for meta in _META.finditer(page[:4096]))
    return next((found[1].decode("ascii", "replace") for found in told if found), "")
