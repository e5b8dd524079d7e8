"""Text of servers and the system, made safe for display."""

from __future__ import annotations

import ast
import re
from typing import Any

from core.masking import masked
from core.text.patterns import pattern

#: imaplib's form of an error: bytes as their repr, after BAD in a list.
_DRESSED = pattern(r"""(?:[A-Z-]+ command error: (BAD|NO) \[)?(b(?:'.*'|".*"))\]?""", re.DOTALL)
#: Characters that are shown.
LONGEST = 500
#: Characters searched for a password; a server may send a line of megabytes.
LOOKED_AT = 4000
#: Characters above which the text is left in imaplib's form.
MOST_DRESSED = 100_000


def words(error: BaseException) -> str:
    """The text of the server or the system in an error, without imaplib's form and without a password."""
    said = error.args[-1] if error.args else str(error)
    if isinstance(said, str) and len(said) <= MOST_DRESSED and (match := _DRESSED.fullmatch(said)):
        try:
            said = ast.literal_eval(match[2])
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            said = match[2]
        if isinstance(said, bytes) and match[1]:
            said = match[1].encode() + b" " + said
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    # Cut after masking: a cut password would not be recognised.
    return masked(text[:LOOKED_AT])[:LONGEST].rstrip(".") or type(error).__name__


def said(data: Any) -> str:
    """The text behind OK, NO or BAD, from imaplib's reply, without a password."""
    parts = [item for item in data or [] if isinstance(item, bytes)]
    return masked(b" ".join(parts).decode("utf-8", "replace")[:LOOKED_AT]).rstrip(".") or "no reason given"
