"""Words as the index has them, folded in the same way from mail and from queries, so that they match.

Case, accents and the two ways to write an umlaut make no difference: ``Müller``, ``MUELLER`` and ``muller`` are one word. The
price is that ``blue`` is found by ``blu``. Scripts that put no blanks between words are taken character by character.
Pure functions; the beginning of a word folds to the beginning of the folded word, or ``prefix*`` would not find it.
"""

from __future__ import annotations

import unicodedata

from core.archive.search.numbers import compact
from core.text.codepoints import without_invisible
from core.text.normal import normal
from core.text.patterns import pattern

#: Longer strings are no words (base64, keys): characters after these are not indexed.
LONGEST_WORD = 64

_LONG = pattern(rf"([^\W_]{{{LONGEST_WORD}}})[^\W_]+")
_WORD = pattern(r"[^\W_]+")
_LETTERS = str.maketrans({"ß": "ss", "æ": "a", "œ": "o", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th"})
#: Han, kana, Hangul, Bopomofo; Thai, Lao, Burmese, Khmer: written without blanks, or with suffixes attached.
_UNSPACED = pattern(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff])"
)


def indexed(text: str) -> str:
    """``text`` for the index: folded, followed by each number with separators as one word without any."""
    numbers = " ".join(compact(text))
    return f"{folded(text)}\n{folded(numbers)}" if numbers else folded(text)


def folded(text: str) -> str:
    """``text`` with its words folded and invisible characters removed; the index skips what is between words."""
    if text.isascii():
        plain = text.lower()
    else:
        plain = normal("NFKD", without_invisible(text)).casefold().translate(_LETTERS)
        # Casefolding can decompose once more (a Turkish capital i).
        plain = "".join(one for one in normal("NFKD", plain) if not unicodedata.combining(one))
        # Korean was decomposed to single letters.
        plain = _UNSPACED.sub(r" \1 ", normal("NFC", plain))
    plain = plain.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    # Most texts have no such string: the pattern looks at each character, and this only at what is between blanks.
    return _LONG.sub(r"\1", plain) if max(map(len, plain.split()), default=0) > LONGEST_WORD else plain


def words(text: str) -> list[str]:
    """The folded words of ``text`` in order, of letters and digits only."""
    return _WORD.findall(folded(text))
