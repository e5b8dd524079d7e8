"""Readable content of a message: header fields, text, attachments, for the preview, the index, and saving attachments.

Invariant, for any bytes: ``read`` never raises, time is linear in the size, and the work is bounded (parts, levels, header
fields, bytes of text); everything left out or unreadable is listed in ``unread``.
"""

from __future__ import annotations

import re

from core.errors import InputError
from core.message import header_fields, invitation, transfer_encoding
from core.message import html_text as markup
from core.message.decoding import decoded, with_line_feeds
from core.message.envelope import characters, clean
from core.message.leaves import LONGEST_TEXT, PAGES, Leaf, leaves
from core.message.octets import Bytes
from core.message.passages import Gathered, Passage, composed
from core.message.splitter import header_end
from core.message.transfer_encoding import ENCODINGS, trailer
from core.problems.message import NO_ATTACHMENT
from core.text.patterns import pattern
from core.values import dataclass

_META = pattern(rb"<meta\b([^>]*+)", re.IGNORECASE)
_CHARSET = pattern(rb"charset\s*+=\s*+[\"']?([\w:.-]{1,40})", re.IGNORECASE)


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
    ("html"), or is empty (""). ``unread``: unreadable parts with the reason, in words. All of it but ``unread`` is unsafe
    text from outside.

    ``passages`` are the text in pieces: the message's own one first, then one for each message in it. ``targets`` are the links
    of pages, ``descriptions`` the texts of their pictures: indexed, not shown.
    """

    headers: tuple[tuple[str, str], ...]
    text: str
    source: str
    attachments: tuple[Attachment, ...]
    unread: tuple[str, ...]
    passages: tuple[Passage, ...] = ()
    targets: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()

    def first(self, name: str) -> str:
        """The first value of the header field ``name`` that is not empty; empty without one."""
        return next((value for one, value in self.headers if value and one.lower() == name.lower()), "")


def read(raw: Bytes) -> Content:
    """Read a raw message. Never raises for any bytes; a message in a message is an attachment, and its text is read too."""
    reader = _Reader(raw := with_line_feeds(raw))
    for leaf in leaves(raw, reader.unread):
        reader.take(leaf)
    return reader.content()


class _Reader:
    """The content of a message, collected part by part."""

    def __init__(self, raw: Bytes) -> None:
        self.unread: dict[str, None] = {}  # in order, each once
        self._attachments: list[Attachment] = []
        self._targets: dict[str, None] = {}
        self._descriptions: dict[str, None] = {}
        self._drafts = [Gathered(0, _header(raw))]
        #: The nested messages to which the present parts belong, the outermost first.
        self._open = [self._drafts[0]]
        self._left = LONGEST_TEXT

    def take(self, leaf: Leaf) -> None:
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
            self._open.append(Gathered(leaf.level + 1, _header(body)))
            self._drafts.append(self._open[-1])

    def _text(self, leaf: Leaf, draft: Gathered) -> None:
        if leaf.encoding not in ENCODINGS:
            self.unread["a text in an unknown transfer encoding, shown as it is"] = None
        body = transfer_encoding.decoded(leaf.body[: 2 * self._left], leaf.encoding)
        if len(body) > self._left or len(leaf.body) > 2 * self._left:
            self.unread[f"text beyond {LONGEST_TEXT // 1024 // 1024} MB"] = None
        body = body[: self._left]
        self._left -= len(body)
        if not body.strip():
            body = header_fields.stray(leaf.header)
        charset = leaf.charset
        if leaf.media_type in PAGES:
            charset = charset or _announced(body)
            page = markup.read(_text(body, charset))
            draft.pages.append(page.text)
            self._targets.update(dict.fromkeys(page.targets))
            self._descriptions.update(dict.fromkeys(page.descriptions))
        else:
            text = _text(body, charset).replace("\r\n", "\n").replace("\r", "\n")
            if (leaf.is_calendar or invitation.begins(text)) and (told := invitation.told(text)):
                draft.told.append(told)
                # Text after a calendar, as the footer of a mailing list, is shown unchanged.
                draft.plain.append("" if leaf.is_calendar else text.rpartition("END:VCALENDAR")[2].strip("\n"))
            elif not leaf.attached:
                draft.plain.append(text)
        if below := trailer(leaf.body[: 2 * self._left], leaf.encoding):
            draft.plain.append(_text(below, "").replace("\r\n", "\n"))
        draft.charset = draft.charset or charset

    def content(self) -> Content:
        """The collected content."""
        passages, sources = [], []
        for draft in self._drafts:
            text, source = draft.text()
            sources.append(source)
            # Fields left out of nested messages are left out of their own text too.
            unread = {} if draft.level else self.unread
            passages.append(Passage(draft.level, header_fields.decoded(draft.header, draft.charset, unread), text))
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


def attachment(raw: Bytes, index: int) -> Bytes:
    """The decoded bytes of the attachment that ``read`` lists at ``index``. Raises ``InputError`` when there is none."""
    found = (leaf for leaf in leaves(with_line_feeds(raw), {}) if leaf.attached)
    for number, leaf in enumerate(found):
        if number == index:
            return decoded(leaf.body, leaf.encoding)
    raise InputError(NO_ATTACHMENT(index=index, first=0))


_UNREADABLE = {
    "application/ms-tnef": "winmail.dat, Outlook's own format, is not looked into",
    "application/pkcs7-mime": "what is encrypted or signed as a whole (S/MIME) is not looked into",
    "application/x-pkcs7-mime": "what is encrypted or signed as a whole (S/MIME) is not looked into",
    "application/pgp-encrypted": "what is encrypted (PGP) is not looked into",
}


def _header(raw: Bytes) -> bytes:
    """The header block of a message, as far as it is read, and one byte more where it is longer."""
    return raw[: min(header_end(raw), header_fields.LONGEST_FIELDS + 1)]


def _text(body: bytes, charset: str) -> str:
    if not charset and body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        charset = "utf-16"
    text = characters(body, charset.lower())
    return clean(text).removeprefix("\ufeff")


def _announced(page: bytes) -> str:
    """The charset that an HTML page declares."""
    told = (_CHARSET.search(meta[1]) for meta in _META.finditer(page[:4096]))
    return next((found[1].decode("ascii", "replace") for found in told if found), "")
