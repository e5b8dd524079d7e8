"""Sender and recipients of a message, by its header: addresses by role. Pure.

Invariant, for any bytes: nothing is raised, time is linear, and broken fields are read as far as possible. An address in angle
brackets is the address, whatever text is before it; without them every ``local@domain`` counts.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import field

from core.message.line_ends import with_line_feeds
from core.profiles.addresses import LONGEST, key
from core.profiles.catchall import HEADERS
from core.text.patterns import pattern
from core.values import dataclass

#: Fields of the sender; all others are of recipients.
SENDERS = frozenset({"from", "sender", "resent-from", "resent-sender", "return-path", "envelope-from", "x-envelope-from"})
LONGEST_HEADER = 16 * 1024 * 1024
#: Unreadable texts kept of one message.
MOST_UNREADABLE = 20

_HEADER_END = pattern(rb"(?:\A|\n)\r?\n")
_FIELD = pattern(rb"\n([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
#: Japanese, Korean and Chinese in seven bits (ISO-2022, HZ): bytes that look like address characters, and are none.
_SHIFTED = pattern(
    rb"\x1b\$(?:\)[A-Z]|(?:\([A-Z]|[@AB])[^\x1b\r\n]*+(?=\x1b))|\x1b\([A-Z]|\x0e[^\x0e\x0f\r\n]*+\x0f|~\{[^~\r\n]*+~\}"
)
_FOR = pattern(r"(?:^|\s)for\s+([^;]++)", re.IGNORECASE)
_QUOTE_OR_COMMENT = pattern(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|\(|\\.', re.DOTALL)
_TOKEN = pattern(
    r'"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"|(?P<atom>[^\x00-\x20"\\()<>\[\]:;,@]++)|(?P<literal>\[[^\x00-\x20\[\]<>,;@]*+\])'
    r"|(?P<gap>[\x00-\x20\\]++)|(?P<other>.)",
    re.DOTALL,
)
#: The same after an unclosed quote.
_UNQUOTED = pattern(_TOKEN.pattern.partition("|")[2], re.DOTALL)
#: One address of a list in the usual form, up to the comma: most values are read by this alone.
_USUAL = pattern(
    r"\s*+(?:(?:\"[^\"\\]*+\"|[^\x00\"\\()<>\[\]:;,@])*+<([\w!#$%&*+/=?^{|}~.-]++@[a-z0-9-]++(?:\.[a-z0-9-]++)*+)>"
    r"|([\w+.-]++@[a-z0-9-]++(?:\.[a-z0-9-]++)*+))\s*+(?:,|\Z)",
    re.IGNORECASE | re.ASCII,
)
_COMMENT = pattern(r"[()]|\\.", re.DOTALL)
_DOT_ATOM = pattern(r"[^\x00-\x20\"\\()<>\[\]:;,@.]++(?:\.[^\x00-\x20\"\\()<>\[\]:;,@.]++)*+")
_ENCODED_WORD = pattern(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?]*+)\?=(?:\s++(?==\?))?")


@dataclass(frozen=True, slots=True)
class Correspondents:
    """The addresses of a message by role, each once, in order of occurrence.

    ``unreadable``: texts in place of a recipient without a readable address.
    """

    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def header_of(raw: bytes) -> bytes:
    """The header block of a raw message, without the empty line."""
    end = _HEADER_END.search(raw, 0, LONGEST_HEADER)
    return raw[: end.start() if end else LONGEST_HEADER]


def fields(header: bytes) -> dict[str, list[str]]:
    """The values of all fields of a header block by lower-case name, unfolded."""
    block = b"\n" + header
    if block.find(b"\n", 1) < 0:
        block = block.replace(b"\r", b"\n")
    found: dict[str, list[str]] = {}
    for match in _FIELD.finditer(block):
        found.setdefault(match[1].decode("ascii").lower(), []).append(_text(match[2]))
    return found


def find(raw: bytes, headers: Sequence[str] = HEADERS) -> Correspondents:
    """The addresses of a raw message by role, from these fields in their order."""
    values = fields(header_of(with_line_feeds(raw)))
    senders: dict[str, str] = {}
    recipients: dict[str, str] = {}
    unclear: list[str] = []
    for name in map(str.lower, headers):
        role = senders if name in SENDERS else recipients
        for value in values.get(name, ()):
            for address in _received(value) if name == "received" else addresses(value):
                role.setdefault(key(address), address)
            if role is recipients and name != "received" and "@" in value:
                unclear.append(value)
    broken = dict.fromkeys(text for value in unclear for text in unreadable(value) if "@" in text)
    return Correspondents(tuple(senders.values()), tuple(recipients.values()), tuple(broken)[:MOST_UNREADABLE])


def addresses(value: str) -> list[str]:
    """All addresses of a field's value, in their order: from lists, groups, comments, quoted names, and broken ones."""
    found = []
    position = 0
    while position < len(value):
        match = _USUAL.match(value, position)
        if match is None or len(address := match[match.lastindex or 1]) > LONGEST:
            return list(_addresses(value, decode=True))
        found.append(address)
        position = match.end()
    return found


def unreadable(value: str) -> list[str]:
    """The parts of a list of addresses without a readable address, as one line each; comments, groups and names left out."""
    found: list[str] = []
    elements = list(_elements(value))
    for place, element in enumerate(elements):
        text = "".join(element.text).strip().rpartition(":")[2].strip()
        following = elements[place + 1] if place + 1 < len(elements) else None
        # An unquoted name with a comma continues in the next element; an address does not.
        name = following and following.angles and any(token is not _GAP for token in following.outer) and "@" not in text
        if text and not name and not _read(element, decode=True):
            found.append(_shortened("".join(filter(str.isprintable, text))))
    return list(filter(None, dict.fromkeys(found)))


def _shortened(text: str) -> str:
    """A long text shortened to its beginning, and its end, where a domain would be."""
    return text if len(text) <= LONGEST else f"{text[:100]}…{text[-100:]}"


def without_comments(text: str) -> str:
    """``text`` with a blank for each comment; an unclosed one is none."""
    kept: list[str] = []
    done = position = 0
    while sign := _QUOTE_OR_COMMENT.search(text, position):
        position = sign.end()
        if sign[0] == "(":
            end = _comment_end(text, position)
            if not end:
                break
            kept += [text[done : sign.start()], " "]
            done = position = end
    return "".join([*kept, text[done:]])


def _text(value: bytes) -> str:
    if b"\x1b$" in value or b"\x0e" in value or b"~{" in value:
        value = _SHIFTED.sub(b" ", value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _received(value: str) -> list[str]:
    """The address in ``for <address>``, unless it is in a comment."""
    clause = _FOR.search(without_comments(value))
    return addresses(clause[1])[:1] if clause else []


@dataclass(slots=True)
class _Element:
    """The pieces between commas: tokens outside angle brackets, those inside each pair, and comments apart."""

    outer: list[tuple[str, str]] = field(default_factory=list)
    angles: list[list[tuple[str, str]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


_GAP = ("gap", "")
_AT = ("at", "@")


def _addresses(text: str, *, decode: bool) -> Iterator[str]:
    for element in _elements(text):
        yield from _read(element, decode=decode)


def _elements(text: str) -> Iterator[_Element]:
    element = _Element()
    angle: list[tuple[str, str]] | None = None
    position, form, comments = 0, _TOKEN, True
    while position < len(text):
        match = form.match(text, position)
        assert match is not None
        position = match.end()
        place = element.outer if angle is None else angle
        kind = match.lastgroup or "other"
        if kind != "other":
            place.append(_GAP if kind == "gap" else (kind, match[kind]))
            element.text.append(match[0])
            continue
        sign = match[0]
        if sign == "@":
            place.append(_AT)
        elif sign == '"':
            form = _UNQUOTED
        elif sign == "(" and comments:
            end = _comment_end(text, position)
            comments = end > 0
            place.append(_GAP)
            if end:
                position = end
                element.text.append(" ")
                continue
        elif sign == "<":
            angle = []
            element.angles.append(angle)
        elif sign == ">":
            angle = None
        elif sign == ":":
            # The text before it is the name of a group, a route, or "mailto".
            place.clear()
        elif sign in ",;" and angle is None:
            yield element
            element = _Element()
            continue
        else:
            place.append(_GAP)
        element.text.append(sign)
    yield element


def _comment_end(text: str, position: int) -> int:
    """The end of the comment that was opened before ``position``; 0 when it is unclosed."""
    depth = 1
    for sign in _COMMENT.finditer(text, position):
        depth += {"(": 1, ")": -1}.get(sign[0], 0)
        if not depth:
            return sign.end()
    return 0


def _read(element: _Element, *, decode: bool) -> list[str]:
    """The addresses of an element. Nothing is decoded where there is a plain address, and never a comment."""
    found = [address for angle in element.angles for address in _joined(angle)] or list(_joined(element.outer))
    # Some encode the address together with the name.
    if not found and decode and "=?" in (text := "".join(element.text)):
        found = list(_addresses(_ENCODED_WORD.sub(_decoded, text), decode=False))
    return found


def _joined(tokens: list[tuple[str, str]]) -> Iterator[str]:
    """Yield every ``local@domain``."""
    for index, token in enumerate(tokens):
        if token is not _AT:
            continue
        before, after = index - 1, index + 1
        # Blanks around the sign are an obsolete form.
        before -= before >= 0 and tokens[before] is _GAP
        after += after < len(tokens) and tokens[after] is _GAP
        if before < 0 or after >= len(tokens) or tokens[after][0] not in ("atom", "literal"):
            continue
        local = _local(tokens, before)
        domain = "".join(filter(str.isprintable, tokens[after][1])).rstrip("'`.").lstrip(".")
        address = f"{local}@{domain}"
        if local and domain and len(address.encode("utf-8", "replace")) <= LONGEST:
            yield address


def _local(tokens: list[tuple[str, str]], last: int) -> str:
    """The local part that ends with token ``last``: an atom, a quoted string, or several joined by dots."""
    first = last
    while first > 0 and tokens[first - 1][0] in ("atom", "quoted") and last - first < 9:
        before, here = tokens[first - 1], tokens[first]
        if not (before[0] == "atom" and before[1].endswith(".")) and not (here[0] == "atom" and here[1].startswith(".")):
            break
        first -= 1
    parts = tokens[first : last + 1]
    if any(kind not in ("atom", "quoted") for kind, _ in parts):
        return ""
    text = "".join(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) if kind == "quoted" else part for kind, part in parts)
    text = "".join(filter(str.isprintable, text))
    if parts[0][0] == "atom":
        text = text.lstrip("'`")
    if text and any(kind == "quoted" for kind, _ in parts) and not _DOT_ATOM.fullmatch(text):
        escaped = re.sub(r'(["\\])', r"\\\1", text)
        return f'"{escaped}"'
    return text


def _decoded(word: re.Match[str]) -> str:
    charset, encoding, text = word.groups()
    data = text.encode("utf-8", "replace")
    try:
        content = binascii.a2b_qp(data, header=True) if encoding in "Qq" else binascii.a2b_base64(data + b"===")
    except binascii.Error:
        return word[0]
    # Names in any charset: addresses are ASCII in each, once shifted text is left out.
    if charset.lower() in ("iso-8859-1", "windows-1252"):
        return content.decode("latin-1")
    return _text(content)
