"""What a person reads in a message: header fields, text, attachments. For the preview, for search, for saving attachments.

What holds here, for any bytes at all: nothing is raised by ``read``, time is linear in the size, and what is looked at is
bounded (parts, levels, header fields, bytes of text); what was left out or could not be read is said in ``unread``.

HTML is turned to text by regular expressions that never go back over what they took. A browser's parser was tried
(lexbor): 50,000 nested elements, or as many attributes of one, are 250 kB of mail and take it 5 to 8 seconds, since it is
quadratic there. Here a megabyte of such HTML took under 0.1 s, and nothing is rendered, loaded or run.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from core.archive.envelope import LONGEST_VALUE, characters, describe, is_attachment, line
from core.archive.splitter import LONGEST_HEADER, Part, header_end, parts
from core.errors import InputError

MOST_PARTS = 10_000
MOST_FIELDS = 2_000
LONGEST_FIELDS = 1024 * 1024  # bytes of all header fields together
LONGEST_TEXT = 4 * 1024 * 1024  # bytes of text of all parts together
LONGEST_NAME = 1_000
DEEPEST_ENCODED = 5  # messages in base64 in one another
MOST_ENCODED = 64 * 1024 * 1024  # bytes of them, decoded

_ANY_FIELD = re.compile(rb"\n([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_PARAMETER = re.compile(rb"""[;\s]\s*+([^\s=;*"]++)(?:\*([0-9]{1,3}))?(\*)?\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;]*+)""", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_NOT_BASE64 = bytes(
    byte for byte in range(256) if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
_WITHOUT_PADDING = re.compile(rb"[^=]+")
_META_CHARSET = re.compile(rb"<meta\b[^>]{0,300}?charset\s*=\s*[\"']?([\w:.-]{1,40})", re.IGNORECASE)
_WORD = re.compile(r"\w+")

#: Comments, what is not text, tags with quoted values, declarations. Unclosed ones go to the end, as in a browser.
_MARKUP = re.compile(
    r"<!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->|\Z)"
    r"|<(script|style|template|title)\b[^>]*+(?:>|\Z)[^<]*+(?:<(?!/\1)[^<]*+)*+(?:</\1[^>]*+(?:>|\Z)|\Z)"
    r"|</?([a-z][a-z0-9]*)(?:[^>=]|=\s*+(?:\"[^\"]*\"|'[^']*')|=)*+(?:>|\Z)"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_LINE_TAGS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body br caption center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 "
        "header hr html li main nav ol option p pre section table tbody tfoot thead tr ul",
    )
)
_CELL_TAGS = frozenset(("td", "th"))
_BLANK_LINES = re.compile(r"\n{3,}")
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    text from outside."""

    headers: tuple[tuple[str, str], ...]
    text: str
    source: str
    attachments: tuple[Attachment, ...]
    unread: tuple[str, ...]


def read(raw: bytes) -> Content:
    """Read a raw message. Never raises; a message in a message is an attachment, and its text is read too."""
    unread: dict[str, None] = {}  # in order, each once
    attachments: list[Attachment] = []
    plain: list[str] = []
    pages: list[str] = []
    left = LONGEST_TEXT
    for leaf in _leaves(raw, unread):
        if leaf.attached:
            body = _decoded(leaf.body, leaf.encoding)
            attachments.append(Attachment(len(attachments), leaf.name(), leaf.media_type, len(body)))
            if why := _UNREADABLE.get(leaf.media_type):
                unread[why] = None
            continue
        if leaf.encoding not in _ENCODINGS:
            unread["a text in an unknown transfer encoding, shown as it is"] = None
        body = _decoded(leaf.body[: 2 * left], leaf.encoding)
        if len(body) > left or len(leaf.body) > 2 * left:
            unread[f"text beyond {LONGEST_TEXT // 1024 // 1024} MB"] = None
        body = body[:left]
        left -= len(body)
        if not body.strip():
            body = _stray(leaf.header)
        if leaf.media_type in _PAGES:
            pages.append(to_text(_text(body, leaf.charset or _announced(body))))
        else:
            plain.append(_text(body, leaf.charset).replace("\r\n", "\n").replace("\r", "\n"))
    texts = [text for text in plain if text.strip()]
    source = "text" if texts else ""
    known = {word for text in texts for word in _words(text)}
    for page in pages:
        words = _words(page)
        # An alternative to the plain text says the same again; a page that says more is shown as well.
        if len(words - known) * 10 > len(words):
            texts.append(page)
            known |= words
            source = source or "html"
    text = "\n\n".join(text.rstrip("\n") for text in texts)
    return Content(_headers(raw, unread), text + "\n" if text else "", source, tuple(attachments), tuple(unread))


def _stray(header: bytes) -> bytes:
    """What stands among header fields and is none: where the header has no end, or there is none, that is the text."""
    # As in _headers, a field is known by the line end before it.
    return _ANY_FIELD.sub(b"", b"\n" + header[:LONGEST_FIELDS].lstrip(b"\r\n")).strip(b"\r\n")


def attachment(raw: bytes, index: int) -> bytes:
    """The decoded bytes of the attachment that ``read`` lists under ``index``. Raises ``InputError`` when there is none."""
    found = (leaf for leaf in _leaves(raw, {}) if leaf.attached)
    for number, leaf in enumerate(found):
        if number == index:
            return _decoded(leaf.body, leaf.encoding)
    raise InputError(f"The message has no attachment {index}.", "They are counted from 0, in the order listed.")


def to_text(page: str) -> str:
    """The text of an HTML page, with line ends where its blocks end. Never raises; linear in time."""
    flowing = " ".join(page.split())
    text = html.unescape(_MARKUP.sub(_spacing, flowing))
    lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    return _SURROGATE.sub("\ufffd", _BLANK_LINES.sub("\n\n", lines)).replace("\0", "").strip("\n")


def _spacing(markup: re.Match[str]) -> str:
    tag = (markup[2] or "").lower()
    if tag in _LINE_TAGS:
        return "\n"
    # What surrounds a picture or a cell are words of their own.
    return " " if tag in _CELL_TAGS or tag == "img" or markup[1] else ""


_PAGES = frozenset(("text/html", "application/xhtml+xml", "text/enriched", "text/richtext"))
_TEXTS = frozenset(("message/delivery-status", "message/disposition-notification", "message/feedback-report"))
_ENCODINGS = frozenset(("", "7bit", "8bit", "binary", "quoted-printable", "base64", "x-uuencode", "uuencode", "uue", "x-uue"))
_UNREADABLE = {
    "application/ms-tnef": "winmail.dat, Outlook's own format, is not looked into",
    "application/pkcs7-mime": "what is encrypted or signed as a whole (S/MIME) is not looked into",
    "application/x-pkcs7-mime": "what is encrypted or signed as a whole (S/MIME) is not looked into",
    "application/pgp-encrypted": "what is encrypted (PGP) is not looked into",
}


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One part, or a message in the message."""

    header: bytes
    body: bytes
    media_type: str
    encoding: str
    charset: str
    attached: bool

    def name(self) -> str:
        for field, parameter in (("content-disposition", "filename"), ("content-type", "name")):
            if name := _parameter(_field(self.header, field), parameter):
                return name[:LONGEST_NAME]
        if self.media_type.startswith("message/") and self.media_type not in _TEXTS:
            subject = describe(self.body[: header_end(self.body)]).subject if self.encoding in _PLAIN else ""
            return f"{subject[:100] or 'message'}.eml"
        return ""


_PLAIN = frozenset(("", "7bit", "8bit", "binary"))


def _leaves(raw: bytes, unread: dict[str, None]) -> Iterator[_Leaf]:
    """The parts of a message in their order, with those of messages in it, encoded ones too."""
    left = MOST_ENCODED
    count = 0
    pending: list[tuple[bytes, Iterator[Part]]] = [(raw, iter(parts(raw)))]
    while pending:
        source, scan = pending[-1]
        part = next(scan, None)
        if part is None:
            pending.pop()
            continue
        count += 1
        if count > MOST_PARTS:
            unread[f"parts beyond the first {MOST_PARTS}"] = None
            return
        leaf = _leaf(source, part, unread, first=count == 1)
        yield leaf
        if part.leaf and leaf.media_type in _MESSAGES and leaf.encoding not in _PLAIN:
            if len(pending) > DEEPEST_ENCODED or left <= 0:
                unread["encoded messages in one another, too deep or too large"] = None
                continue
            inner = _decoded(leaf.body, leaf.encoding)
            left -= len(inner)
            pending.append((inner, iter(parts(inner))))


_MESSAGES = frozenset(("message/rfc822", "message/global"))


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
    body = raw[part.body : part.end]
    return _Leaf(header, body, media_type, encoding, _parameter(kind, "charset"), attached)


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


def _parameter(value: bytes, name: str) -> str:
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
        return line(whole)
    charset = b""
    content = b""
    for number in sorted(pieces):
        text, extended = pieces[number]
        if extended:
            if number == min(pieces) and text.count(b"'") >= 2:
                charset, _, text = text.split(b"'", 2)
            text = unquote_to_bytes(text)
        content += text
    decoded = characters(content, charset.decode("ascii", "replace").lower())
    return " ".join(_SURROGATE.sub("\ufffd", decoded.replace("\0", "")).split())


def _headers(raw: bytes, unread: dict[str, None]) -> tuple[tuple[str, str], ...]:
    end = header_end(raw)
    block = b"\n" + raw[: min(end, LONGEST_FIELDS)]
    if block.find(b"\n", 1) < 0:
        block = block.replace(b"\r", b"\n")
    found: list[tuple[str, str]] = []
    for field in _ANY_FIELD.finditer(block):
        if len(found) == MOST_FIELDS:
            unread[f"header fields beyond the first {MOST_FIELDS}"] = None
            break
        found.append((field[1][:LONGEST_NAME].decode("ascii"), line(field[2][:LONGEST_VALUE])))
    if end > LONGEST_FIELDS:
        unread["header fields beyond 1 MB"] = None
    if not found and raw:
        unread["the header: there is none"] = None
    return tuple(found)


def _text(body: bytes, charset: str) -> str:
    if not charset and body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        charset = "utf-16"
    text = characters(body, charset.lower())
    return _SURROGATE.sub("\ufffd", text.replace("\0", "")).removeprefix("\ufeff")


def _announced(page: bytes) -> str:
    """The charset that an HTML page says of itself."""
    found = _META_CHARSET.search(page[:4096])
    return found[1].decode("ascii", "replace") if found else ""


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _decoded(body: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding as far as it goes; an unknown one leaves the bytes as they are."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        return _from_base64(body)
    if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        return _from_uuencode(body)
    return body


def _from_base64(body: bytes) -> bytes:
    """What is no base64 is passed over; what follows padding is decoded too, as some mail is several blocks in a row."""
    clean = body.translate(None, _NOT_BASE64)
    blocks = [clean] if clean.find(b"=", 0, -2) < 0 else [found[0] for found in _WITHOUT_PADDING.finditer(clean)]
    if len(blocks) > 1_000:
        blocks = [b"".join(blocks)]
    content = []
    for block in blocks:
        bare = block.rstrip(b"=")
        if len(bare) % 4 == 1:
            bare = bare[:-1]
        content.append(binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)))
    return b"".join(content)


def _from_uuencode(body: bytes) -> bytes:
    content = []
    for encoded in body.splitlines():
        if not encoded or encoded.startswith((b"begin ", b"end")):
            continue
        try:
            content.append(binascii.a2b_uu(encoded))
        except binascii.Error:
            length = ((encoded[0] - 32) & 63) * 4 // 3 + 5
            try:
                content.append(binascii.a2b_uu(encoded[:length]))
            except binascii.Error:
                continue
    return b"".join(content)
