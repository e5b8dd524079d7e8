"""Envelope of a message for the catalog: subject, sender and recipients, date, attachments, and a hash of its header block.

What holds here, for any bytes at all: nothing is raised, time is linear, and every text is one line of bounded length
without NULs that can be encoded as UTF-8. Other control characters are kept: they are a display's to escape.

The fields are cut out of the header block by one regular expression, and only those with encoded words or 8-bit bytes are
decoded further; attachments are counted by the splitter's scan, which reads no body. Measured on 44 KB with an attachment
(2 shared cores): 97 µs in all, 50 if the caller brings the scan. fast-mail-parser in metadata mode takes 32 µs and releases
the GIL (here it is held), but it is right only for mail that is well formed: one malformed line before the fields or bare
CR line ends lose the whole header, a character split between two encoded words is broken, 31 June becomes 1 July, and a
header of 700 kB of encoded words takes 9.4 s (quadratic). Each of these would need this code as a fallback, and a message's
envelope must not depend on the parser that happened to read it.
"""

from __future__ import annotations

import binascii
import codecs
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from core.message import octets, uuencoded
from core.message.date_field import seconds
from core.message.decoding import decoded, with_line_feeds
from core.message.octets import Bytes
from core.message.splitter import LONGEST_HEADER, Part, header_end, parts
from core.text.codepoints import NO_SIGN
from core.text.patterns import pattern
from core.values import dataclass

LONGEST_SUBJECT = 998
LONGEST_SENDER = 320
LONGEST_RECIPIENTS = 2_000
LONGEST_MESSAGE_ID = 998
LONGEST_DATE = 200
LONGEST_VALUE = 32 * 1024  # raw bytes that are read: a character can take 28 bytes as an encoded word of its own
MOST_REPEATS = 20  # of one field
SHORT = 16 * 1024  # bytes of a message that are searched in no time
MOST_LOOKED_AT = 20  # parts, for the charset of a text

# Searched in lower case with a line end before, which lets `re` look for the literal first (no IGNORECASE, no MULTILINE).
_FIELD = pattern(rb"\n(subject|from|sender|to|cc|bcc|date|message-id)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_ANY_FIELD = pattern(rb"\n[!-9;-~]++[ \t]*+:")
_DISPOSITION = pattern(rb"\ncontent-disposition[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_TYPE = pattern(rb"\ncontent-type[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_ENCODING = pattern(rb"\ncontent-transfer-encoding[ \t]*+:[ \t]*+([a-z0-9-]{1,40})")
_CHARSET = pattern(rb"[;\s]charset[ \t]*+=[ \t]*+\"?([\w.:-]{1,40})")
_NAME = pattern(rb"[;\s](?:file)?name(?:\*[0-9]*)?\*?\s*=")
# RFC 2047 section 2, with the language of RFC 2231 section 5, and tolerant of blanks and a few "?" in the text.
_ENCODED_WORD = pattern(rb"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?]*+(?:\?(?!=)[^?]*+){0,8})\?=")
_CUT_CHARACTER = pattern(rb"[\xc0-\xff][\x80-\xbf]{0,3}\Z")
#: Begins Japanese in ISO-2022-JP, which has no byte of eight bits.
_JAPANESE = b"\x1b$"
#: Bytes that are no UTF-8, as Python keeps them in a text.
_STRANGE, _STRANGES = pattern("[\udc80-\udcff]"), pattern("[\udc80-\udcff]+")
_CONTROLS = pattern("[\x80-\x84\x86-\x9f]+")
_BEYOND_ASCII = pattern("[^\x00-\x7f]")
#: Error handler that puts a box in place of an undecodable byte: U+FFFD is kept for the sender's own losses.
_BOXED = "archivar.boxed"
codecs.register_error(_BOXED, lambda error: (NO_SIGN, error.end))  # type: ignore[attr-defined]
_SURROGATE = pattern("[\ud800-\udfff]")

# Text codecs of Python that are useless (US-ASCII) or no charsets: those raise, warn or take quadratic time.
_NO_CHARSETS = frozenset({"ascii", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "unicode_escape"})
# Labels that senders use for larger charsets (as browsers read them, WHATWG Encoding), or that Python does not know.
_CHARSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
    "iso-8859-8-i": "iso8859-8",
    "windows-874": "cp874",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "utf-8mb4": "utf-8",
}


# A tuple, since one is made for every message.
class Envelope(NamedTuple):
    """The envelope of one message; texts are decoded (RFC 2047), ``date`` is UTC seconds since 1970 or None.

    ``sender`` and ``recipients`` (To and Cc, comma-separated) are header text such as ``Anna Muster <anna@example.test>``;
    ``message_id`` keeps its angle brackets. ``attachments`` counts parts marked as attachment or carrying a name,
    embedded messages as one each, and files in a text. ``readable`` is false when the header block holds no field at all.
    """

    subject: str
    sender: str
    recipients: str
    date: int | None
    message_id: str
    header_sha256: bytes
    attachments: int
    readable: bool


def describe(raw: Bytes, scan: Sequence[Part] | None = None) -> Envelope:
    """Read the envelope of a raw message. Never raises; missing or unreadable values are empty, None or 0.

    ``scan`` is ``splitter.parts(raw)`` if the caller has it already. ``header_sha256`` is of the bytes up to and including
    the empty line, as IMAP returns for BODY.PEEK[HEADER] (RFC 3501 6.4.5), and of the whole message without one.
    """
    raw = octets.large(raw)
    end = header_end(raw)
    header = _sha256(raw, end)
    if (readable := with_line_feeds(raw)) is not raw:
        raw, scan = readable, None
        end = header_end(raw)
    lower, fields = _fields(raw, end)
    if scan is None:
        # Without that field it is one part, whatever its body looks like.
        scan = parts(raw) if b"\ncontent-type" in lower else [Part(0, end, len(raw), leaf=True, embedded=False)]
    charset = "" if lower.isascii() or _is_ascii(fields) else _charset(lower) or _charset_of_parts(raw, scan)
    return Envelope(
        subject=_first(fields, b"subject", LONGEST_SUBJECT, charset),
        sender=_first(fields, b"from", LONGEST_SENDER, charset) or _first(fields, b"sender", LONGEST_SENDER, charset),
        recipients=_people(fields, b"to", b"cc", charset=charset)[:LONGEST_RECIPIENTS].rstrip(),
        date=seconds(_first(fields, b"date", LONGEST_DATE)),
        message_id=_message_id(fields),
        header_sha256=header,
        attachments=_attachments(raw, lower, scan),
        readable=bool(fields) or _ANY_FIELD.search(lower) is not None,
    )


def header_sha256(raw: Bytes) -> bytes:
    """The SHA-256 of the header block of a message, with the empty line that ends it."""
    return _sha256(raw, header_end(raw))


def _sha256(raw: Bytes, end: int) -> bytes:
    if isinstance(raw, bytes):
        return hashlib.sha256(raw[:end]).digest()
    found = hashlib.sha256()
    for chunk in raw.chunks(0, end):
        found.update(chunk)
    return found.digest()


def undescribed(raw: bytes) -> Envelope:
    """An empty envelope, for a message that cannot be described."""
    return Envelope("", "", "", None, "", header_sha256(raw), 0, readable=False)


@dataclass(frozen=True, slots=True)
class HeaderTexts:
    """Decoded header fields for filters: all of them, and not cut where a rule could match."""

    sender: str
    recipients: str
    subject: str
    message_id: str


def describe_header(header: bytes) -> HeaderTexts:
    """Read a header block, as IMAP returns for BODY[HEADER], or a whole message. Never raises."""
    readable = with_line_feeds(header)
    lower, fields = _fields(readable, header_end(readable))
    charset = "" if _is_ascii(fields) else _charset(lower)
    return HeaderTexts(
        _people(fields, b"from", b"sender", charset=charset),
        _people(fields, b"to", b"cc", b"bcc", charset=charset),
        _people(fields, b"subject", charset=charset),
        _message_id(fields),
    )


def _fields(raw: Bytes, end: int) -> tuple[bytes, dict[bytes, list[bytes]]]:
    """The header block of a message, up to ``end``, in lower case, and the raw values of the fields used here, by name."""
    header = b"\n" + raw[: min(end, LONGEST_HEADER)]
    lower = header.lower()
    fields: dict[bytes, list[bytes]] = {}
    for found in _FIELD.finditer(lower):
        values = fields.setdefault(found[1], [])
        if len(values) < MOST_REPEATS:
            start, end = found.span(2)
            value = header[start : min(end, start + LONGEST_VALUE)]
            values.append(value if len(value) < LONGEST_VALUE else _CUT_CHARACTER.sub(b"", value))
    return lower, fields


def _message_id(fields: dict[bytes, list[bytes]]) -> str:
    return _first(fields, b"message-id", LONGEST_MESSAGE_ID)


def _is_ascii(fields: dict[bytes, list[bytes]]) -> bool:
    return all(value.isascii() for values in fields.values() for value in values)


def _charset(lower: bytes) -> str:
    """The charset of the text in a header block, which is in lower case with a leading line end; empty without one."""
    kind = _TYPE.search(lower)
    found = _CHARSET.search(kind[1][:LONGEST_VALUE]) if kind else None
    return found[1].decode("ascii", "replace") if found else ""


def _charset_of_parts(raw: Bytes, scan: Sequence[Part]) -> str:
    """The first charset among the parts of the message itself."""
    for part in scan[:MOST_LOOKED_AT]:
        header = b"\n" + raw[part.head : min(part.body, part.head + LONGEST_VALUE)].lower()
        if not part.embedded and (charset := _charset(header)):
            return charset
    return ""


def _people(fields: dict[bytes, list[bytes]], *names: bytes, charset: str = "") -> str:
    """The values of fields, decoded and joined."""
    return ", ".join(filter(None, (line(value, charset) for name in names for value in fields.get(name, ()))))


def _first(fields: dict[bytes, list[bytes]], name: bytes, longest: int, charset: str = "") -> str:
    """The first non-empty value of a field (RFC 5322 3.6 allows one; some senders put an empty one before it)."""
    for value in fields.get(name, ()):
        if text := line(value, charset):
            return text[:longest].rstrip()
    return ""


def line(value: bytes, charset: str = "") -> str:
    """A raw field's value as one line: encoded words decoded, blanks folded, no NULs, no lone surrogates. Never raises.

    ``charset`` is that of the message's text: unlabelled 8-bit characters mostly have the same.
    """
    plain = value.isascii()
    if plain and b"=?" not in value and _JAPANESE not in value:
        text = value.decode("ascii")
    else:
        text = _decoded(value, charset)
        if not text.isascii():
            text = clean(text)
    return " ".join(text.replace("\0", "").split())


def _decoded(value: bytes, body: str) -> str:
    """Decode RFC 2047 words; neighbours in one charset are joined as bytes first, since some senders split characters."""
    texts: list[str] = []
    joined = bytearray()
    charset = ""
    done = 0
    for word in _ENCODED_WORD.finditer(value):
        content = _content(word[2], word[3])
        if content is None:
            continue
        label = word[1].decode("ascii", "replace").lower()
        between = value[done : word.start()]
        # Blanks between two encoded words are not part of the text (RFC 2047 section 6.2).
        apart = bool(between.strip())
        if joined and (apart or label != charset):
            texts.append(characters(bytes(joined), charset))
            joined.clear()
        if apart:
            texts.append(characters(between, "", body))
        joined += content
        charset = label
        done = word.end()
    texts.append(characters(bytes(joined), charset))
    texts.append(characters(value[done:], "", body))
    return "".join(texts)


def _content(encoding: bytes, text: bytes) -> bytes | None:
    """The bytes of an encoded word, None if it cannot be decoded (and is kept unchanged)."""
    if encoding in b"Qq":
        return binascii.a2b_qp(text, header=True)
    try:
        return binascii.a2b_base64(text + b"===")  # padding is often missing, and more of it does no harm
    except binascii.Error:
        return None


def characters(content: bytes, label: str, likely: str = "") -> str:
    """Decode as labelled if that fits, else as UTF-8, else as far as each goes. Never raises.

    Without a useful label the charset ``likely`` is tried after UTF-8, then Windows-1252, the most common one of unlabelled
    8-bit text. Text with only some bytes invalid in UTF-8 is still read as UTF-8.
    """
    codec = _codec(label)
    guess = _codec(likely.lower()) if not codec or codec == "utf-8" else ""
    guess = guess if guess and guess != "utf-8" and _extends_ascii(guess) else ""
    japanese = "iso2022_jp_ext" if not codec and _JAPANESE in content else ""
    # Every byte is a letter of most charsets: in one of these, UTF-8 with a broken byte would be misread.
    for attempt in (japanese, codec, "utf-8", guess if guess and not _nearly_utf8(content) else ""):
        try:
            if attempt:
                return content.decode(attempt)
        except UnicodeError:
            continue
    if codec and codec != "utf-8":
        return content.decode(codec, _BOXED)
    return _mixed(content, guess or "cp1252")


def clean(text: str) -> str:
    """``text`` without NULs and lone surrogates, and with Windows-1252 in place of C1 controls.

    C1 controls are not used in mail, but many programs label Windows-1252 as ISO 8859-1.
    """
    if text.isascii():
        return text.replace("\0", "")
    plain = _CONTROLS.sub(lambda found: found[0].encode("latin-1").decode("cp1252", _BOXED), text)
    return _SURROGATE.sub(NO_SIGN, plain).replace("\0", "")


def _mixed(content: bytes, codec: str) -> str:
    """Decode UTF-8 with some bytes in ``codec``; all in ``codec`` where those prevail."""
    text = content.decode("utf-8", "surrogateescape")
    fitting, strange = _fitting(text)
    if fitting < strange:
        return content.decode(codec, _BOXED)
    return _STRANGES.sub(lambda found: found[0].encode("utf-8", "surrogateescape").decode(codec, _BOXED), text)


def _fitting(text: str) -> tuple[int, int]:
    """The number of non-ASCII characters, and of invalid bytes, in text decoded as UTF-8."""
    rest, strange = _STRANGE.subn("", text)
    return len(_BEYOND_ASCII.findall(rest)), strange


def _nearly_utf8(content: bytes) -> bool:
    """True when too much is UTF-8 for chance: now and then two bytes of Chinese in its own charset look like it."""
    fitting, strange = _fitting(content.decode("utf-8", "surrogateescape"))
    return fitting > 2 * strange


@lru_cache(maxsize=256)
def _extends_ascii(codec: str) -> bool:
    try:
        return b"Az09:".decode(codec) == "Az09:"
    except UnicodeError:
        return False


@lru_cache(maxsize=256)
def _codec(label: str) -> str:
    """The Python codec for a charset label; empty when it is missing, unknown, no charset, or US-ASCII (often a lie)."""
    try:
        name = codecs.lookup(_CHARSETS.get(label, label)).name
        if name in _NO_CHARSETS:
            return ""
        b"?".decode(name)
    except UnicodeError:
        return name  # a charset of more than one byte a character
    except (LookupError, ValueError):
        return ""  # unknown, or a codec that is not for text
    return _CHARSETS.get(name, name)


def _attachments(raw: Bytes, header: bytes, scan: Sequence[Part]) -> int:
    """Count what a mail program lists as attached; what is inside an embedded message belongs to that.

    ``header``: the message's own header block, in lower case with a leading line end.
    """
    count = 0
    # A short message is searched as a whole before its parts are looked at.
    without_files = isinstance(raw, bytes) and len(raw) <= SHORT and b"begin" not in raw
    for number, part in enumerate(scan):
        if part.embedded:
            continue
        lower = header
        if part.head:
            lower = b"\n" + raw[part.head : min(part.body, part.head + LONGEST_HEADER)].lower()
        if not part.leaf or is_attachment(lower):
            count += 1
        elif number < MOST_LOOKED_AT and not without_files:
            count += _encoded_files(raw, part, lower)
    return count


def _encoded_files(raw: Bytes, part: Part, lower: bytes) -> int:
    """Count the files in uuencode that stand in a text of the message itself."""
    kind = _TYPE.search(lower)
    if kind is not None and not kind[1].lstrip().startswith(b"text/plain"):
        return 0
    found = _ENCODING.search(lower)
    encoding = found[1].decode("ascii", "replace") if found else ""
    # A letter stands for itself in all encodings but base64. Attachments, the most of a message, are not searched for it.
    if (raw.find(b"begin") if encoding == "base64" else raw.find(b"begin", part.body, part.end)) < 0:
        return 0
    return uuencoded.count(decoded(octets.section(raw, part.body, part.end), encoding))


def is_attachment(lower: bytes) -> bool:
    """True when a part's header block, in lower case with a leading line end, marks an attachment or names a file."""
    if b"name" not in lower and b"attachment" not in lower and b"message/" not in lower:
        return False  # most headers, decided without a regular expression
    disposition = _DISPOSITION.search(lower)
    if disposition and (disposition[1].lstrip().startswith(b"attachment") or _NAME.search(disposition[1])):
        return True
    kind = _TYPE.search(lower)
    return kind is not None and (
        _NAME.search(kind[1]) is not None or kind[1].lstrip().startswith((b"message/rfc822", b"message/global;"))
    )
