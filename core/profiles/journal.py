"""Journal reports of Exchange: the recipients as the server knew them, and the message itself, byte for byte. Pure.

A report is a multipart whose first part names sender and recipients, blind ones and members of lists as well, and whose
second is the message. What cannot be read as such is no report: it is archived whole, as any other message.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from core.profiles import routing
from core.profiles.routing import Found

_MARK = "x-ms-journal-report"
_KINDS = ("content-identifer", "content-identifier")
_BOUNDARY = re.compile(r'[;\s]boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE | re.DOTALL)
_LINE = re.compile(r"[ \t]*(sender|on-behalf-of|recipients?|to|cc|bcc)[ \t]*:(.*)", re.IGNORECASE)
_HISTORY = re.compile(r",\s*(expanded|forwarded)\s*:", re.IGNORECASE)
_IDENTITY = ("", "7bit", "8bit", "binary")
LONGEST_TEXT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: who sent it to whom, and ``content``, the message as it lies in the report."""

    found: Found
    content: bytes


def unwrap(raw: bytes) -> Report | None:
    """Read a journal report; None for any other message, and for a report that cannot be read. Never raises."""
    header = routing.header_of(raw)
    if b"journal" not in header.lower():
        return None
    values = routing.fields(header)
    if not _is_report(values):
        return None
    boundary = _boundary(_first(values, "content-type"))
    parts = _parts(raw, boundary) if boundary else []
    if len(parts) != 2:
        return None
    kind, text = _body(parts[0])
    content_kind, content = _body(parts[1])
    if kind not in ("", "text/plain") or content_kind != "message/rfc822" or not text or not content:
        return None
    found = _envelope(text[:LONGEST_TEXT])
    if not found.recipients or not routing.fields(routing.header_of(content)):
        return None
    return Report(found, content)


def _is_report(values: dict[str, list[str]]) -> bool:
    return _MARK in values or any(_first(values, name).strip().lower() == "exjournalreport" for name in _KINDS)


def _first(values: dict[str, list[str]], name: str) -> str:
    return next(iter(values.get(name, ())), "")


def _boundary(content_type: str) -> bytes:
    if not content_type.strip().lower().startswith("multipart/"):
        return b""
    match = _BOUNDARY.search(content_type[:8192])
    if match is None:
        return b""
    text = re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2]
    return text.replace("\r", "").replace("\n", "").rstrip().encode("utf-8")


def _parts(raw: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the delimiter lines; empty when the last one does not close the report."""
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    found: list[bytes] = []
    start = -1
    for match in delimiter.finditer(raw):
        if start >= 0:
            found.append(raw[start : match.start()])
        if match[1]:
            return found
        end = re.compile(rb"\r?\n").match(raw, match.end())
        start = end.end() if end else match.end()
        if len(found) > 2:
            return []
    return []


def _body(part: bytes) -> tuple[str, bytes]:
    """Type and decoded body of a part; an empty body when it cannot be decoded."""
    head = re.compile(rb"(?:\A|\n)\r?\n").search(part)
    if head is None:
        return "", b""
    values = routing.fields(part[: head.start()])
    kind = _first(values, "content-type").partition(";")[0].strip().lower()
    encoding = _first(values, "content-transfer-encoding").strip().lower()
    body = part[head.end() :]
    if encoding in _IDENTITY:
        return kind, body
    try:
        if encoding == "base64":
            return kind, binascii.a2b_base64(re.sub(rb"\s+", b"", body), strict_mode=True)
        if encoding == "quoted-printable" and kind != "message/rfc822":
            return kind, binascii.a2b_qp(body)
    except binascii.Error:
        pass
    return kind, b""


def _envelope(text: bytes) -> Found:
    """Sender and recipients as the report's text names them.

    ``To: a, Expanded: b``: a got it as a member of the list b, which is nobody's address. ``To: a, Forwarded: b``: a got it
    in place of b, whose it was.
    """
    senders: dict[str, None] = {}
    recipients: dict[str, None] = {}
    listing = False
    for line in re.split(r"\r?\n", _decoded(text)):
        match = _LINE.match(line)
        if match is None:
            if listing and (more := routing.addresses(line)):
                recipients.update(dict.fromkeys(more))
            elif line.strip():
                listing = False
            continue
        name = match[1].lower()
        if name in ("sender", "on-behalf-of"):
            senders.update(dict.fromkeys(routing.addresses(match[2])))
            continue
        # An older form has the recipients below the word, each in a line of its own.
        listing = name == "recipients"
        got, *history = _HISTORY.split(match[2])
        recipients.update(dict.fromkeys(routing.addresses(got)))
        for how, whose in zip(history[::2], history[1::2], strict=True):
            if how.lower() == "forwarded":
                recipients.update(dict.fromkeys(routing.addresses(whose)))
    return Found(tuple(senders), tuple(recipients))


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")
