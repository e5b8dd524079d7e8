"""Journal reports: the recipients as the server knew them, and the message itself, byte for byte. Pure.

A report is a multipart that a server marked as one. A text in it names sender and recipients, blind ones and members of lists
as well, a ``word: address`` in each line; a part of it is the message. Other parts may stand around them: footers, a decrypted
copy. The words are in the server's language, so most is read from the form. An unreadable report is archived whole, as any
other message.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import field

from core.message import html_references as markup
from core.profiles import correspondents
from core.profiles.correspondents import Correspondents
from core.text.normal import normal
from core.text.patterns import pattern
from core.values import dataclass

#: Header fields that mark a report by name, and by value.
_MARK = pattern(r"x-(?:[a-z0-9]++-)*?journal(?:ing)?-report")
_KINDS = ("content-identifer", "content-identifier")
_BOUNDARY = pattern(r'(?<=[;\s])boundary\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]++))', re.IGNORECASE | re.DOTALL)
_DELIMITER_END = pattern(rb"(--)?+[ \t]*+(?=\r?\n|\Z)")
_HEADER_END = pattern(rb"(?:\A|\n)\r?\n")
_LINE = pattern(r"[ \t>*]*+([^\W\d_][^:\uff1a@<>\"]{0,40}+)[:\uff1a](.*)", re.DOTALL)
_HISTORY = pattern(r"[,;]\s*+([^\W\d_][^:\uff1a@<>,;\"]{0,40}+)[:\uff1a]")
_MESSAGES = ("message/rfc822", "message/global")
_IDENTITY = ("", "7bit", "8bit", "binary")
LONGEST_TEXT = 16 * 1024 * 1024
_DEEPEST, _MOST_PARTS = 10, 1_000


def _word(text: str) -> str:
    """A word of a report in comparable form: no case, no accents, only letters."""
    return "".join(filter(str.isalnum, normal("NFKD", text).casefold()))


def _words(text: str) -> frozenset[str]:
    return frozenset(_word(one) for one in text.split())


#: Words in Exchange's languages, without accents and blanks. Others are recognised by their position.
_SENDER = _words("sender from von absender expediteur de da mittente remitente afzender van remetente nadawca od avsandare fra")
_BEHALF = _words("onbehalfof imauftragvon delapartde ennombrede perconto percontodi namens emnomede")
_RECIPIENT = _words(
    "to cc bcc an a ao para aan do kopia kopie copie copia til till recipient recipients empfanger destinataire"
)
_RECIPIENT |= _words(
    "destinataires destinatario destinatari destinatarios ontvanger ontvangers cci cco ccn ccc bkc dw udw blindkopie"
)
_SUBJECT = _words("subject betreff objet asunto oggetto onderwerp assunto temat amne emne")
#: ``a, Expanded: list``: a got it as a member of the list, which is no recipient itself.
_EXPANDED = _words("expanded erweitert developpe etendu expandido ampliado espanso uitgevouwen uitgebreid expandida rozwiniete")


@dataclass(frozen=True, slots=True)
class Report:
    """A journal report: sender and recipients, and ``content``, the bytes of the message in it."""

    found: Correspondents
    content: bytes


def unwrap(raw: bytes) -> Report | None:
    """Parse a journal report; None for any other message, and for an unreadable report. Never raises."""
    header = correspondents.header_of(raw)
    if b"journal" not in header.lower():
        return None
    values = correspondents.fields(header)
    if not _is_report(values):
        return None
    content = b""
    texts: list[tuple[str, bool]] = []
    for kind, body in _leaves(raw, values):
        if kind in _MESSAGES:
            # Only the first is the message: a copy that a server decrypted may follow.
            content = content or body
        elif kind in ("", "text/plain", "text/html"):
            text = _decoded(body[:LONGEST_TEXT])
            texts.append((markup.plain_lines(text), False) if kind == "text/html" else (text, True))
    inner = correspondents.fields(correspondents.header_of(content))
    if not inner:
        return None
    named = (_Envelope(inner).read(text, folded=folded) for text, folded in texts)
    found = next((one for one in named if one.recipients or one.unreadable), None)
    return Report(found, content) if found else None


def _is_report(values: dict[str, list[str]]) -> bool:
    marked = any(_MARK.fullmatch(name) for name in values)
    return marked or any(_first(values, name).strip().lower() == "exjournalreport" for name in _KINDS)


def _first(values: dict[str, list[str]], name: str) -> str:
    return next(iter(values.get(name, ())), "")


# The parts ---------------------------------------------------------------------------------------------------------------


def _leaves(raw: bytes, values: dict[str, list[str]]) -> Iterator[tuple[str, bytes]]:
    """Yield type and decoded body of each part that is no multipart; parts cut off or undecodable are left out."""
    pending = [(raw, values, 0)]
    count = 0
    while pending and count < _MOST_PARTS:
        whole, header, depth = pending.pop()
        count += 1
        boundary = _boundary(_first(header, "content-type"))
        if not boundary:
            if depth and (leaf := _body(whole, header)) is not None:
                yield leaf
        elif depth < _DEEPEST:
            inner = [(part, _header(part), depth + 1) for part in _parts(whole, boundary)]
            pending += reversed(inner)


def _header(part: bytes) -> dict[str, list[str]]:
    return correspondents.fields(correspondents.header_of(part))


def _boundary(content_type: str) -> bytes:
    if not content_type.strip().lower().startswith("multipart/"):
        return b""
    match = _BOUNDARY.search(content_type[:8192])
    if match is None:
        return b""
    text = re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL) if match[1] is not None else match[2]
    return text.replace("\r", "").replace("\n", "").rstrip().encode("utf-8")


def _parts(raw: bytes, boundary: bytes) -> list[bytes]:
    """The parts between the delimiter lines; a last one without an end is cut off, and left out."""
    found: list[bytes] = []
    delimiter = b"--" + boundary
    start = -1
    at = raw.find(delimiter)
    while at >= 0 and len(found) < _MOST_PARTS:
        after = at + len(delimiter)
        rest = _DELIMITER_END.match(raw, after)
        if rest is not None and (at == 0 or raw[at - 1] == 10):
            if start >= 0:
                end = at - 2 if raw[at - 2 : at] == b"\r\n" else at - 1
                found.append(raw[start : max(end, start)])
            if rest[1]:
                break
            line_end = raw.find(b"\n", rest.end())
            start = line_end + 1 if line_end >= 0 else len(raw)
            # One line end may serve two delimiters.
            after = max(after, start - 1)
        at = raw.find(delimiter, after)
    return found


def _body(part: bytes, header: dict[str, list[str]]) -> tuple[str, bytes] | None:
    """Type and decoded body of a part; None when it cannot be decoded."""
    head = _HEADER_END.search(part)
    if head is None:
        return None
    kind = _first(header, "content-type").partition(";")[0].strip().lower()
    encoding = _first(header, "content-transfer-encoding").strip().lower()
    body = part[head.end() :]
    if encoding in _IDENTITY:
        return kind, body
    try:
        if encoding == "base64":
            return kind, binascii.a2b_base64(re.sub(rb"\s+", b"", body), strict_mode=True)
        if encoding == "quoted-printable" and kind not in _MESSAGES:
            return kind, binascii.a2b_qp(body)
    except binascii.Error:
        pass
    return None


# The text ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Envelope:
    """Sender and recipients in a report's text. ``inner``: the message's header fields, some of which it repeats.

    An unknown word is the sender's if none was named before it, else a recipient's. ``To: a, Expanded: b``: a got it as a
    member of the list b, which is no user's address. ``To: a, Forwarded: b``: a got it in place of b, its first recipient.
    """

    inner: dict[str, list[str]]
    senders: dict[str, None] = field(default_factory=dict)
    recipients: dict[str, None] = field(default_factory=dict)
    unreadable: dict[str, None] = field(default_factory=dict)

    def read(self, text: str, *, folded: bool) -> Correspondents:
        """The addresses of ``text``, of which a subject may be ``folded``; that of an HTML page is not."""
        listing = False
        for line in _unfolded(text, self._is_subject if folded else lambda word, value: False):
            match = _LINE.fullmatch(line)
            if match is None:
                # An older form has the recipients below the word, each in a line of its own.
                if listing and correspondents.addresses(line):
                    self._received(line, known=False)
                elif line.strip():
                    listing = False
                continue
            word, value = _word(match[1]), match[2].strip()
            listing = False
            if self._is_subject(word, value) or self._repeats(value):
                continue
            if word in _SENDER | _BEHALF:
                self.senders |= dict.fromkeys(correspondents.addresses(value))
            elif word in _RECIPIENT:
                listing = not value
                self._received(value, known=True)
            elif not value or _is_list(value):
                if self.senders:
                    listing = not value
                    self._received(value, known=False)
                else:
                    self.senders |= dict.fromkeys(correspondents.addresses(value))
        recipients = tuple(self.recipients)
        return Correspondents(tuple(self.senders), recipients, tuple(self.unreadable)[: correspondents.MOST_UNREADABLE])

    def _is_subject(self, word: str, value: str) -> bool:
        """True for the message's subject, by its word or its beginning: the message's author chose its content."""
        begins = value and any(_plain(one).startswith(_plain(value)) for one in self.inner.get("subject", ()))
        return word in _SUBJECT or bool(begins)

    def _repeats(self, value: str) -> bool:
        """True when the value repeats the message's Message-ID or subject, whatever the word before it."""
        return any(_plain(value) == _plain(one) for name in ("message-id", "subject") for one in self.inner.get(name, ()))

    def _received(self, value: str, *, known: bool) -> None:
        got, *history = _HISTORY.split(value)
        # The text before such a word may be the name of a group in a list.
        self._add(got, known=known)
        for how, whose in zip(history[::2], history[1::2], strict=True):
            if _word(how) not in _EXPANDED:
                self._add(whose, known=known)

    def _add(self, value: str, *, known: bool) -> None:
        self.recipients |= dict.fromkeys(correspondents.addresses(value))
        if known:
            self.unreadable |= dict.fromkeys(correspondents.unreadable(value))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _is_list(value: str) -> bool:
    """True for a list of addresses, and not a sentence with one in it."""
    return (
        bool(correspondents.addresses(value))
        and not correspondents.unreadable(value)
        and not value.startswith("<") | ("://" in value)
    )


def _unfolded(text: str, is_subject: Callable[[str, str], bool]) -> Iterator[str]:
    """Yield the logical lines of a text; one that begins with a blank continues the word before it.

    In a text indented as a whole, a line with a word of its own does not; but after a subject every such line continues it.
    """
    held: list[str] = []
    joint = ""
    whole = False
    for line in text.replace("\xa0", " ").splitlines():
        more = line[:1] in (" ", "\t") and bool(line.strip())
        if joint and more and (whole or held[-1].rstrip().endswith((",", ";")) or _LINE.fullmatch(line) is None):
            held.append(line)
            continue
        if held:
            yield joint.join(held)
        held = [line]
        word = _LINE.fullmatch(line)
        # The lines below a word without a value are items of its list.
        joint = "" if word is None else " " if word[2].strip() else ", "
        whole = word is not None and line[:1] not in (" ", "\t") and is_subject(_word(word[1]), word[2].strip())
    if held:
        yield joint.join(held)


def _decoded(text: bytes) -> str:
    try:
        found = text.decode("utf-8")
    except UnicodeDecodeError:
        found = text.decode("latin-1")
    return "".join(one for one in found if one in "\r\n\t" or unicodedata.category(one) not in ("Cc", "Cf"))
