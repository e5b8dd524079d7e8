"""When a message arrived, for mail that comes as files: what the file says where that can be trusted, else its header.

A file's time is that of the copying as soon as somebody copies it without care, and then says nothing of the message.
"""

from __future__ import annotations

import re
import time
from itertools import islice

from core.message import envelope
from core.message.splitter import header_end

#: So much of a header is looked at; a value longer than that is no date.
_HEADER = 256 * 1024
_LONGEST = 4096
_MOST_FIELDS = 20
_DAY = 86_400
_RECEIVED = re.compile(rb"\nreceived[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_DATE = re.compile(rb"\n(?:date|resent-date)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
#: The time of delivery, with which the name of a file in a Maildir begins.
_DELIVERED = re.compile(r"(\d{9,10})\.")


def arrived(raw: bytes, told: int | None = None) -> int | None:
    """Seconds since 1970: ``told`` by the file, else by the newest Received field, else by Date; None when none can be read."""
    if told is not None:
        return told
    block = _block(raw)
    received = _moment(block, _RECEIVED)
    return received if received is not None else _moment(block, _DATE)


def _block(raw: bytes) -> bytes:
    """The header in lower case, with a line end before it."""
    block = b"\n" + raw[: min(header_end(raw), _HEADER)].lower()
    return block if block.find(b"\n", 1) >= 0 else block.replace(b"\r", b"\n")


def _moment(block: bytes, pattern: re.Pattern[bytes]) -> int | None:
    """The time that the first of some fields tells; what lies ahead of us was stamped by a clock that was wrong."""
    latest = time.time() + _DAY
    for match in islice(pattern.finditer(block), _MOST_FIELDS):
        # After the last semicolon, if there is one (RFC 5322 3.6.7).
        value = match[1].rpartition(b";")[2][:_LONGEST].decode("latin-1")
        moment = envelope.seconds(" ".join(value.split()))
        if moment is not None and 0 < moment <= latest:
            return moment
    return None


def of_copy(told: int | None, raw: bytes) -> int | None:
    """When a message came whose file has the time ``told``; a copy has one that is a day or more after what its header says."""
    own = arrived(raw)
    return own if told is None or (own is not None and told - own > _DAY) else told


def of_file(name: str, modified: float | None, changed: float | None = None) -> int | None:
    """The time of a Maildir file where it is that of the message; else None.

    A server sets it when it stores a message: then it is not later than the time of delivery in the name. Without such a name
    it is trusted when it is older than the file itself (``changed``), so that it was kept or set by somebody.
    """
    if modified is None:
        return None
    if match := _DELIVERED.match(name):
        return int(modified) if modified <= int(match[1]) + _DAY else None
    return int(modified) if changed is None or changed - modified > 60 else None


def of_separator(date: int | None, sender: bytes, raw: bytes) -> int | None:
    """The date of a line "From " where it is that of the message; else None.

    Programs that know none put the beginning of 1970 there. Mail programs that write no sender (``From -``) tell when they
    stored it, in local time; one that names none may tell when the file was made.
    """
    if not date or sender == b"-":
        return None if not date else arrived(raw, None) or date
    if sender in (b"", b"MAILER-DAEMON"):
        received = _moment(_block(raw), _RECEIVED)
        return None if received is not None and date - received > _DAY else date
    return date
