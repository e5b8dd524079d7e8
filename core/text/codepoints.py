"""Kinds of characters that mean the same to the index and to a terminal: invisible ones, marks, joiners. Pure.

The ranges are those of the Unicode Character Database (Default_Ignorable_Code_Point, the blocks of scripts) for which the
standard library has no property.
"""

from __future__ import annotations

import unicodedata

from core.text.patterns import pattern

#: Default_Ignorable_Code_Point: fillers, variation selectors, directions, tags, and other invisible characters.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: Others of the category Cf: signs around numbers, interlinear notes, hieroglyphs side by side.
_FORMAT = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
#: Characters without a shape of their own: the category Cf, and all that Unicode lets a display ignore.
INVISIBLE = pattern(f"[{_IGNORABLE}{_FORMAT}]")

#: Substitute for characters without a sign in all terminals, and for invalid bytes.
NO_SIGN = "\u25a1"
ZERO_WIDTH_JOINER, ZERO_WIDTH_NON_JOINER = "\u200d", "\u200c"
#: Arabic to Burmese, Khmer and Mongolian, the smaller scripts of their families: letters that join, or are prevented from it.
_JOINING_SCRIPT = pattern(
    "[\u0600-\u109f\u1700-\u1c4f\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
#: Pictures that are joined into one: a family, a rainbow flag.
_PICTURE = pattern("[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff]")
#: Accents of no script, which can be stacked, and letters of Korean syllables, of which two follow the first.
_COMMON_MARK = pattern("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u1161-\u11ff\ud7b0-\ud7ff]")


def without_invisible(text: str) -> str:
    """``text`` without invisible characters, so that words that look equal are equal."""
    return text if text.isascii() else INVISIBLE.sub("", text)


def is_joiner(character: str) -> bool:
    return character in (ZERO_WIDTH_JOINER, ZERO_WIDTH_NON_JOINER)


def joins(before: str, joiner: str, after: str) -> bool:
    """True when ``joiner`` shapes its neighbours: letters of a script with joining, or two pictures."""
    if _JOINING_SCRIPT.match(before) and _JOINING_SCRIPT.match(after):
        return unicodedata.category(before)[0] in "LM" and unicodedata.category(after)[0] in "LM"
    return joiner == ZERO_WIDTH_JOINER and bool(_PICTURE.match(before) and _PICTURE.match(after))


def is_mark(character: str, category: str) -> bool:
    """True for a character drawn into the cells of the one before: marks, and later letters of a Korean syllable."""
    return category in ("Mn", "Me") or (
        category == "Lo" and ("\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff")
    )


def most_marks(mark: str) -> int:
    """The most marks in a row on one character: fewer accents of no script than marks of scripts."""
    return 3 if _COMMON_MARK.match(mark) else 6
