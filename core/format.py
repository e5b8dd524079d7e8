"""Values as text for people, and the one function through which outside text reaches a terminal. Pure functions.

``safe`` is that function: whatever a server, a message or a file name says, what comes out moves no cursor, sets no title,
turns no direction (and is rendered without markup).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

#: Controls, bidirectional and invisible format characters, lone surrogates, private use, unassigned, separators.
_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
#: Letters and symbols that look like nothing, and so can hide that two names differ.
_BLANK = set("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
#: These change the shape of what is before them, and with it, in some terminals but not in others, its width: left out.
_SHAPING = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
#: Needed inside words of some scripts; anywhere else it is only invisible.
_NON_JOINER = "\u200c"
#: Joins emoji to one where a terminal knows the whole, and is nothing where it does not: left out between them.
_JOINER = "\u200d"
#: Characters that take no column may pile up on one cell: more than these in a row are dropped.
_MAX_COMBINING = 3


def safe(text: str, limit: int = 1000) -> str:
    """``text`` fit for a terminal: one line, no controls, at most ``limit`` characters.

    C0 controls become control pictures, so that they can be seen; blanks of all kinds become one blank each; what else has no
    shape of its own (C1, bidi, zero width, tags, lone surrogates, private use, unassigned) becomes U+FFFD. What only shapes
    the character before it (variation selectors, skin tones, joiners) is left out: terminals disagree about its width.
    """
    if text.isascii() and text.isprintable():
        return text if len(text) <= limit else text[: limit - 1] + "…"
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return _clean(text)


def _clean(text: str) -> str:
    out: list[str] = []
    combining = 0
    for character in text:
        category = unicodedata.category(character)
        if _SHAPING.match(character) or (character == _JOINER and out and not out[-1].isascii()):
            continue
        if category in ("Mn", "Me") or (category == "Lo" and _joins_before(character)):
            combining += 1
            if not out:
                out.append("◌")
            if combining <= _MAX_COMBINING:
                out.append(character)
            continue
        combining = 0
        out.append(_shown(character, category, out[-1] if out else ""))
    return "".join(out)


def _joins_before(character: str) -> bool:
    """Vowels and finals of Korean in its decomposed form: letters, but drawn into the cells of the letter before."""
    return "\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"


def _shown(character: str, category: str, before: str) -> str:
    if character in "\t\n\r":
        return " "
    if category == "Cc" and character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "␡"
    if character == _NON_JOINER and before and unicodedata.category(before)[0] in "LM":
        return character
    if category in _CATEGORIES or character in _BLANK:
        return "\ufffd"
    return " " if category == "Zs" else character


def size(count: float) -> str:
    """Bytes in decimal units as disks are sold: ``137 MB``, ``4.3 GB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            digits = 1 if unit not in ("B", "kB") and abs(value) < 9.95 else 0
            return f"{value:.{digits}f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def number(count: int) -> str:
    """Thousands apart: ``1,240``."""
    return f"{count:,}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 message``, ``1,240 messages``, ``1 entry``, ``2 entries``."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def clock(stamp: str) -> str:
    """The local time of day of a time in ISO 8601: ``14:03:09``."""
    return f"{datetime.fromisoformat(stamp).astimezone():%H:%M:%S}"


def duration(seconds: float) -> str:
    """The two largest units: ``8 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = round(seconds)
    for large, small, unit, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            count, rest = divmod(whole, large)
            return f"{count} {unit} {rest // small} {part}" if rest // small else f"{count} {unit}"
    return f"{whole} s" if seconds >= 1 or seconds == 0 else "under 1 s"


def soon(moment: datetime, now: datetime) -> str:
    """A moment to come in local time: ``14:02``, ``tomorrow 02:00``, ``2026-01-31 02:00``; ``now`` when it lies behind."""
    if moment <= now:
        return "now"
    local, today = moment.astimezone(), now.astimezone()
    days = (local.date() - today.date()).days
    if days == 0:
        return local.strftime("%H:%M")
    if days == 1:
        return local.strftime("tomorrow %H:%M")
    return local.strftime("%Y-%m-%d %H:%M")


def when(moment: datetime, now: datetime) -> str:
    """A past moment in local time, as short as it is clear: ``14:02``, ``yesterday 18:04``, ``2026-01-31 09:00``."""
    local, today = moment.astimezone(), now.astimezone()
    days = (today.date() - local.date()).days
    if days == 0:
        return local.strftime("%H:%M")
    if days == 1:
        return local.strftime("yesterday %H:%M")
    return local.strftime("%Y-%m-%d %H:%M")
