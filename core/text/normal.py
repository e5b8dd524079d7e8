"""Unicode normalisation in linear time, for outside text: the only caller of ``unicodedata.normalize``.

The library's function takes quadratic time for a long run of combining marks, which it sorts by insertion. No language stacks
more than a few; Unicode's stream-safe form (UAX 15 section 13) allows thirty, and more are dropped.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from core.text.patterns import pattern

#: Combining marks in a row that are kept.
MOST_MARKS = 30

#: Marks are no letters, digits, blanks or ASCII; except two letters that decompose to marks, halfwidth voiced sounds.
_RUN = pattern(rf"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){{{MOST_MARKS + 1},}}+")


def normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """``text`` in a normal form; linear in time for any text."""
    return text if text.isascii() else unicodedata.normalize(form, _RUN.sub(_shortened, text))


def _shortened(run: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in run[0]:
        marks = marks + 1 if is_mark(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def is_mark(character: str) -> bool:
    """True for a character that is, or decomposes to, a mark that may be reordered."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0
