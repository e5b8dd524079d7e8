"""Separator lines of an mbox file, and their dates. Pure.

A ``From `` line is judged by its form, by the empty line before it and by the text after it. With a date, a header after it is
enough. One without a date, or bare, needs a block of header fields after it of which at least one is a field of mail, so that a
sentence that begins with "From" stays text. Without any header after it a line counts only in the exact form that programs
write, after an empty line.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta

from core.text.patterns import pattern
from core.values import dataclass

LONGEST = 500
#: Bytes after a line that are examined.
AHEAD = 8192
MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_DAY = rb"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*+"
_MONTH = rb"\b(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*+\.?"
_TIME = rb"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?"
_ZONE = rb"(?:[a-z]{1,5}|(?P<zone{}>[+-]\d\d:?\d\d))"
_FORMS = tuple(
    re.compile(form)
    for form in (
        # In the C library's form, with a zone before or after the year.
        rb"(?:" + _DAY + rb",? +)?" + _MONTH + rb" ++(?P<day>\d{1,2}),? ++" + _TIME
        + rb"(?: ++" + _ZONE.replace(b"{}", b"1") + rb")? ++(?P<year>\d{4})(?: ++" + _ZONE.replace(b"{}", b"2") + rb")?",
        # In the form of a header.
        rb"(?:" + _DAY + rb",? +)?(?P<day>\d{1,2})[ -]" + _MONTH + rb"[ -](?P<year>\d{4}|\d\d),? ++" + _TIME
        + rb"(?: *+" + _ZONE.replace(b"{}", b"1") + rb")?",
        # ISO 8601.
        rb"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[t ]" + _TIME + rb" ?(?:z|(?P<zone1>[+-]\d\d:?\d\d))?",
    )
)  # fmt: skip
_BEGINS_DATE = pattern(
    rb"(?:" + _DAY + rb",? +)?(?:" + _MONTH.replace(b"?P<month>", b"?:") + rb" ++\d|\d{1,2}[ -](?:jan|feb|mar|apr|may|jun|jul"
    rb"|aug|sep|oct|nov|dec)|\d{4}-\d\d-\d\d)"
)  # fmt: skip
#: In another language or form: at least a time or a year.
_LIKE_A_DATE = pattern(rb"\b\d{1,2}:\d\d\b|\b(?:19|20)\d\d\b")
_REMOTE = pattern(rb"(?: ++remote from \S++)?")
_FIELD = pattern(rb"([!-9;-~]{1,100})[ \t]{0,20}:")
_KNOWN = frozenset(
    b"from to cc bcc date subject message-id received return-path delivered-to reply-to sender mime-version content-type "
    b"content-transfer-encoding status x-status x-mozilla-status x-mozilla-status2 x-mozilla-keys x-uid x-keywords "
    b"x-gm-thrid x-gmail-labels x-account-key x-uidl envelope-to x-original-to dkim-signature references in-reply-to "
    b"list-id resent-from x-mailer".split()
)


@dataclass(frozen=True, slots=True)
class SeparatorLine:
    """A ``From `` line: its sender, and its date in seconds since 1970, None without a readable one.

    ``exact``: nothing but one sender and a date. ``sentence``: words that are neither. ``stripped``: not even a blank.
    """

    sender: bytes
    date: int | None
    dated: bool
    exact: bool
    sentence: bool
    stripped: bool = False


def read(line: bytes) -> SeparatorLine | None:
    """Parse a line; None when it cannot separate messages whatever follows."""
    text = line.rstrip(b"\r\n")
    if len(text) > LONGEST or not (text.startswith(b"From ") or text == b"From"):
        return None
    rest = text[5:].strip()
    lower = rest.lower()
    for begin in _BEGINS_DATE.finditer(lower):
        for form in _FORMS:
            if match := form.match(lower, begin.start()):
                sender = rest[: begin.start()].strip()
                exact = b" " not in sender and _REMOTE.fullmatch(lower, match.end()) is not None
                return SeparatorLine(sender, _seconds(match), True, exact, False)
    words = rest.split()
    address = bool(words) and (b"@" in words[0] or words[0] in (b"-", b"MAILER-DAEMON"))
    sentence = len(words) > 1 and not (address and (len(words) == 2 or _LIKE_A_DATE.search(rest)))
    return SeparatorLine(words[0] if words else b"", None, False, False, sentence, text == b"From")


def _seconds(match: re.Match[bytes]) -> int | None:
    month = match["month"]
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    zones = match.groupdict()
    zone = zones.get("zone1") or zones.get("zone2")
    away = 0
    if zone:
        digits = zone[1:].replace(b":", b"")
        away = (int(digits[:2]) * 60 + int(digits[2:])) * (-60 if zone.startswith(b"-") else 60)
    try:
        number = int(month) if month.isdigit() else MONTHS.index(month[:3]) + 1
        moment = datetime(
            year,
            number,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"] or 0), 59),
            tzinfo=UTC,
        )
        return timegm((moment - timedelta(seconds=away)).timetuple())
    except (ValueError, OverflowError):
        return None


def parts(line: SeparatorLine, blank: bool, ahead: bytes, first: bool = False) -> bool:
    """True when a message begins after this line.

    ``blank``: an empty line is before it, or nothing at all. ``ahead``: the text after it, up to ``AHEAD`` bytes and not beyond
    the next such line. ``first``: the file begins with it.
    """
    fields, known, whole = _block(ahead)
    if line.dated:
        if (known or (fields and blank)) if line.exact else (whole and known >= (1 if blank else 2)):
            return True
        # A message without any header: programs write an exact separator, and text seldom does.
        own = (
            b"@" in line.sender
            or line.sender in (b"-", b"MAILER-DAEMON")
            or not ahead.strip(b"\r\n")
            or ahead.startswith((b"\n", b"\r\n"))
        )
        return blank and line.exact and (first or own or known > 0)
    if line.sentence or not fields:
        return False
    if not whole:
        return known >= 3
    # A single word after "From" may be the end of a sentence, too.
    word = bool(line.sender) and b"@" not in line.sender and line.sender not in (b"-", b"MAILER-DAEMON")
    return known >= (2 if (word or line.stripped) and not blank else 1)


def is_header(beginning: bytes) -> bool:
    """True when text with this beginning looks like a message: only fields of mail up to the first empty line."""
    # Without the last line if it is cut off.
    _, known, whole = _block(beginning[: beginning.rfind(b"\n") + 1] or beginning)
    return whole and known >= 2


def _block(ahead: bytes) -> tuple[bool, int, bool]:
    """Three facts: a header field comes first; known fields up to the first empty line; only header lines there."""
    begins = whole = False
    known = number = 0
    reached = 0
    while reached < len(ahead):
        end = ahead.find(b"\n", reached)
        line = ahead[reached : end if end >= 0 else len(ahead)].rstrip(b"\r")
        reached = end + 1 if end >= 0 else len(ahead)
        if line.startswith(b">From ") and number == 0:
            continue
        number += 1
        if not line:
            break
        if line[0] in b" \t" and number > 1:
            continue
        match = _FIELD.match(line)
        if number == 1:
            begins = whole = match is not None
        if match is None:
            whole = False
        elif match[1].lower() in _KNOWN:
            known += 1
    return begins, known, whole
