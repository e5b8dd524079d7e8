"""Character references and plain lines of HTML from outside, in linear time and without errors."""

from __future__ import annotations

import html
import re

from core.text.patterns import pattern

#: ``int`` refuses more than 4,300 digits, and no character has a number of eight.
_LONG_REFERENCE = pattern(r"&#(?:([0-9]{8,}+)|[xX]([0-9a-fA-F]{8,}+));?")
_LINE_TAG = pattern(r"<(?:br|/?(?:p|div|tr|li|ul|ol|table|h[1-6]|body))\b[^>]*+(?:>|\Z)", re.IGNORECASE)
_HIDDEN = pattern(r"<(?:style|script|title)\b[^>]*+(?:>|\Z)[^<]*+", re.IGNORECASE)
_TAG = pattern(r"<[/!?a-z][^>]*+(?:>|\Z)", re.IGNORECASE)


def unescape(text: str) -> str:
    """``text`` with its character references resolved; an invalid number becomes U+FFFD."""
    return html.unescape(_LONG_REFERENCE.sub(_character, text))


def _character(reference: re.Match[str]) -> str:
    """A reference with many digits: a short number behind zeros, or an invalid one."""
    digits = (reference[1] or reference[2]).lstrip("0")
    return html.unescape(f"&#{'x' if reference[2] else ''}{digits or '0'};") if len(digits) < 8 else "\ufffd"


def plain_lines(page: str) -> str:
    """The text of a simple page, a line for each block or table row."""
    flowing = " ".join(page.split())
    return unescape(_TAG.sub(" ", _LINE_TAG.sub("\n", _HIDDEN.sub("", flowing))))
