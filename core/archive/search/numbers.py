"""Numbers that are written with separators, as one word: amounts, accounts (IBAN), telephone numbers. Pure; linear in time.

``10.000,50``, ``10 000,50`` and ``10000,50`` are ``1000050``, so each finds the others; groups separated by blanks are one
number only in known shapes (groups of three digits, three and more groups of four, a telephone number).
"""

from __future__ import annotations

import re

from core.text.patterns import pattern

#: Digits of a number: an IBAN has up to 34 characters.
LONGEST = 40
#: Digits before the decimals from which on groups are separated, and the fewest digits of another number worth a word.
SHORTEST_AMOUNT, SHORTEST = 4, 6
#: Numbers of one text that are indexed: more than a list of parts has.
MOST = 50_000

_BLANK = r"[ \t\u00a0\u2007\u2009\u202f]"
_AMOUNT = rf"[0-9]{{1,3}}(?:(?:{_BLANK}|['’.,])[0-9]{{3}}(?![0-9])){{1,8}}+(?:[.,][0-9]{{1,4}}(?![0-9]))?"
_ACCOUNT = rf"[A-Za-z]{{2}}[0-9]{{2}}(?:{_BLANK}?[A-Za-z0-9]{{4}}){{2,7}}(?:{_BLANK}?[0-9A-Za-z]{{1,3}})?"
_GROUPS = rf"[0-9]{{4}}(?:{_BLANK}[0-9]{{4}}){{2,7}}(?:{_BLANK}[0-9]{{1,3}})?"
_DIALLED = rf"(?:\+|\(?0)[0-9](?:[-./()]|{_BLANK}|[0-9]){{4,24}}"
_JOINED = r"[0-9]{1,20}(?:['’.,/-][0-9]{1,20}){1,8}"
#: A number must not begin within a longer word or number, except an amount behind a currency or an abbreviation.
_NUMBER = pattern(
    rf"(?:(?<![\w.,])(?:(?P<account>{_ACCOUNT})|(?P<groups>{_GROUPS}))|(?<![0-9_])(?<![0-9][.,])(?P<amount>{_AMOUNT})"
    rf"|(?<![\w.,])(?:(?P<dialled>{_DIALLED})|(?P<joined>{_JOINED})))(?!\w)"
)
#: Quick test: a number has separators only between digits.
_DIGITS = pattern(r"[0-9](?:[^\w\n]|_){1,3}[0-9]")
_GAP = pattern(_BLANK)
_SPACED = pattern(rf"(?:{_ACCOUNT}|{_GROUPS}|{_AMOUNT}|{_DIALLED})(?=[\s)]|\Z)")
#: A negated term or the end of a group: no parts of a number.
_OTHER = pattern(r"(?<!\()(?<!\(0)(?:\s-|\))")
_DECIMALS = pattern(r"[.,]([0-9]{1,2})\Z")
#: The trunk zero, dialled only within a country.
_TRUNK = pattern(r"\(0\)")
_SEPARATOR = pattern(r"[^0-9A-Za-z]+")


def compact(text: str) -> list[str]:
    """The numbers with separators in ``text`` as words without any, each once; amounts without their decimals too."""
    found: dict[str, None] = {}
    if not _DIGITS.search(text):
        return []
    for number in _NUMBER.finditer(text):
        for word in _words(number):
            found[word] = None
        if len(found) >= MOST:
            break
    return list(found)


def one(text: str) -> str:
    """``text`` as one word if all of it is a number with separators; empty if it is none."""
    number = _NUMBER.fullmatch(text.strip())
    return next(iter(_words(number)), "") if number else ""


def spaced(text: str, at: int) -> str:
    """The number with blanks at ``at`` in a typed text; empty when there is none."""
    found = _SPACED.match(text, at)
    if found and (end := _OTHER.search(found[0])):
        found = _SPACED.match(text[: at + end.start()], at)
    return found[0].rstrip() if found and _GAP.search(found[0].rstrip()) and _NUMBER.fullmatch(found[0].rstrip()) else ""


def _words(number: re.Match[str]) -> list[str]:
    written = number[0].rstrip(" .,-/(")
    word = _SEPARATOR.sub("", _TRUNK.sub("", written)).lower()
    decimals = _DECIMALS.search(written)
    if len(word) > LONGEST or word == written.lower():
        return []
    if number["joined"] and len(word) < (SHORTEST_AMOUNT + len(decimals[1]) if decimals else SHORTEST):
        # Both spellings of 9,50 are the same two words already, and 950 is another number.
        return []
    return [word, word[: -len(decimals[1])]] if decimals and number["amount"] else [word]
