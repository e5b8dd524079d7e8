"""Values as readable text, and ``safe``, the one function through which outside text reaches a terminal. Pure.

The result of ``safe`` moves no cursor, sets no title, changes no direction (and is rendered without markup), whatever the text
of a server, a message or a file name.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime

from core.text import codepoints
from core.text.patterns import pattern

#: Categories: controls, lone surrogates, private use, unassigned.
_CATEGORIES = {"Cc", "Cs", "Co", "Cn"}
#: Bullets of word processors in fonts of their own.
_BULLETS = {"\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "›", "\uf0fc": "✓"}
#: Letters and signs that are kept unchanged: most text has no others, and needs no check of each.
_ORDINARY = pattern(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0400-\u0482\u048a-\u052f\u05d0-\u05ea\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u20a0-\u20b5"
    "\u2190-\u21ff\u2500-\u259f\u3001-\u3029\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fe0\uac00-\ud7a3\uff01-\uff5e]*+"
)
#: Separators of lines and paragraphs count as blanks, and so does the empty Braille cell.
_BLANK = pattern("[\t\n\r\u2028\u2029\u2800]")
#: Skin colours take two columns in some terminals, none in others: left out.
_COLOUR = pattern("[\U0001f3fb-\U0001f3ff]")
#: Bytes of a tmux cell: a base with its marks and all that is joined to it. More would be cut or moved.
_FULLEST_CELL = 21


def safe(text: str, limit: int = 1000) -> str:
    """``text`` fit for a terminal: one line, no controls, at most ``limit`` characters.

    C0 controls become visible control pictures; blanks of all kinds become one blank each; C1 controls, lone surrogates,
    private use and unassigned become a box (U+FFFD is kept for earlier losses). Invisible characters (directions, zero width,
    fillers, tags, variation selectors) are removed, except joiners in scripts and pictures that need them. Marks stay on their
    letters, as many as writing needs.
    """
    if text.isascii() and text.isprintable():
        return text if len(text) <= limit else text[: limit - 1] + "…"
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text if _ORDINARY.fullmatch(text) else _clean(text)


def _clean(text: str) -> str:
    out: list[str] = []
    marks = filled = 0
    joiner = ""
    at = 0
    while at < len(text):
        if not joiner and (run := _ORDINARY.match(text, at)) and (end := run.end()) > at:
            # The last one by itself: marks and joiners look at what is before them.
            out += (text[at : end - 1], text[end - 1])
            marks, filled, at = 0, len(text[end - 1].encode()), end
            continue
        character = text[at]
        at += 1
        if codepoints.INVISIBLE.match(character):
            if codepoints.is_joiner(character):
                joiner = character
            continue
        if _COLOUR.match(character):
            continue
        category = unicodedata.category(character)
        length = len(character.encode("utf-8", "replace"))
        joined = bool(joiner and out and codepoints.joins(out[-1], joiner, character))
        joined = joined and filled + len(joiner.encode()) + length <= _FULLEST_CELL
        if joined:
            out.append(joiner)
            filled += len(joiner.encode())
        joiner = ""
        if codepoints.is_mark(character, category):
            if not out:
                out.append("◌")
                filled = len("◌".encode())
            marks += 1
            if marks <= codepoints.most_marks(character) and filled + length <= _FULLEST_CELL:
                out.append(character)
                filled += length
            continue
        marks = 0
        filled = filled + length if joined else length
        out.append(_shown(character, category))
    return "".join(out)


def _shown(character: str, category: str) -> str:
    if _BLANK.match(character):
        return " "
    if category == "Cc" and character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "␡"
    if category in _CATEGORIES:
        return _BULLETS.get(character, codepoints.NO_SIGN)
    return " " if category == "Zs" else character


def size(count: float) -> str:
    """Bytes in decimal units as disks are sold: ``137 MB``, ``4.3 GB``."""
    return " ".join(amount(count))


def amount(count: float) -> tuple[str, str]:
    """The number and the unit of ``size``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            digits = 1 if unit not in ("B", "kB") and abs(value) < 9.95 else 0
            return f"{value:.{digits}f}", unit
        value /= 1000
    raise AssertionError("unreachable")


def number(count: int) -> str:
    """A number with thousands separated: ``1,240``."""
    return f"{count:,}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: ``1 message``, ``1,240 messages``, ``1 entry``, ``2 entries``."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def clock(stamp: str) -> str:
    """The local time of day of a time in ISO 8601: ``14:03:09``."""
    return f"{datetime.fromisoformat(stamp).astimezone():%H:%M:%S}"


def duration(seconds: float) -> str:
    """The two largest units of a duration: ``8 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = round(seconds)
    for large, small, unit, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            count, rest = divmod(whole, large)
            return f"{count} {unit} {rest // small} {part}" if rest // small else f"{count} {unit}"
    return f"{whole} s" if seconds >= 1 or seconds == 0 else "under 1 s"


def soon(moment: datetime, now: datetime) -> str:
    """A future moment in local time: ``14:02``, ``tomorrow 02:00``, ``2026-01-31 02:00``; ``now`` for a past one."""
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
    """A past moment in local time, as short as possible: ``14:02``, ``yesterday 18:04``, ``2026-01-31 09:00``."""
    local, today = moment.astimezone(), now.astimezone()
    days = (today.date() - local.date()).days
    if days == 0:
        return local.strftime("%H:%M")
    if days == 1:
        return local.strftime("yesterday %H:%M")
    return local.strftime("%Y-%m-%d %H:%M")
