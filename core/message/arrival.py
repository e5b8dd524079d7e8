"""Arrival time of mail that comes as files: the file's time where it can be trusted, else the header's.

Careless copying sets a file's time to that of the copy, which says nothing about the message.
"""

from __future__ import annotations

import re
import time
from itertools import islice

from core.message.date_field import seconds
from core.message.splitter import header_end
from core.text.patterns import pattern

#: Bytes of a header that are read; a longer value is no date.
_HEADER = 256 * 1024
_LONGEST = 4096
_MOST_FIELDS = 20
_DAY = 86_400
_RECEIVED = pattern(rb"\nreceived[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_DATE = pattern(rb"\n(?:date|resent-date)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
#: The time of delivery at the beginning of a file name in a Maildir.
_DELIVERED = pattern(r"(\d{9,10})\.")


def arrived(raw: bytes, told: int | None = None) -> int | None:
    """Seconds since 1970: ``told`` by the file, else from the newest Received field, else Date; None if all are unreadable."""
    if told is not None:
        return told
    block = _block(raw)
    received = _moment(block, _RECEIVED)
    return received if received is not None else _moment(block, _DATE)


def _block(raw: bytes) -> bytes:
    """The header in lower case, with a leading line end."""
    block = b"\n" + raw[: min(header_end(raw), _HEADER)].lower()
    return block if block.find(b"\n", 1) >= 0 else block.replace(b"\r", b"\n")


def _moment(block: bytes, form: re.Pattern[bytes]) -> int | None:
    """The time in the first of some fields; a future one is from a wrong clock and does not count."""
    latest = time.time() + _DAY
    for match in islice(form.finditer(block), _MOST_FIELDS):
        # After the last semicolon, if there is one (RFC 5322 3.6.7).
        value = match[1].rpartition(b";")[2][:_LONGEST].decode("latin-1")
        moment = seconds(" ".join(value.split()))
        if moment is not None and 0 < moment <= latest:
            return moment
    return None


def of_copy(told: int | None, raw: bytes) -> int | None:
    """The arrival of a message whose file has the time ``told``, in seconds since 1970.

    A copy has a time a day or more after the header's, and then the header counts.
    """
    own = arrived(raw)
    return own if told is None or (own is not None and told - own > _DAY) else told


def of_file(name: str, modified: float | None, changed: float | None = None) -> int | None:
    """The modification time of a Maildir file if it is the message's; else None.

    A server sets it when it stores a message: then it is not later than the time of delivery in the name. Without such a name
    it is trusted when it is older than the file itself (``changed``), so that it was kept or set on purpose.
    """
    if modified is None:
        return None
    if match := _DELIVERED.match(name):
        return int(modified) if modified <= int(match[1]) + _DAY else None
    return int(modified) if changed is None or changed - modified > 60 else None


def of_separator(date: int | None, sender: bytes, raw: bytes) -> int | None:
    """The date of a "From " line if it is the message's; else None.

    Programs without a date write the beginning of 1970. Mail programs that write no sender (``From -``) put the local time of
    storing there; a line with neither may have the time at which the file was made.
    """
    if not date or sender == b"-":
        return None if not date else arrived(raw, None) or date
    if sender in (b"", b"MAILER-DAEMON"):
        received = _moment(_block(raw), _RECEIVED)
        return None if received is not None and date - received > _DAY else date
    return date
