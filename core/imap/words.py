"""What a server or the system said, as text for people."""

from __future__ import annotations

import ast
import re
from typing import Any

from core.masking import masked

#: imaplib's errors: bytes shown by repr, after BAD in a list.
_DRESSED = re.compile(r"""(?:[A-Z-]+ command error: (BAD|NO) \[)?(b(?:'.*'|".*"))\]?""", re.DOTALL)
#: As much of it as is told.
LONGEST = 500
#: As much of it as is looked through for a password; a server may send a line of megabytes.
LOOKED_AT = 4000
#: What is longer is told as it is: nobody reads to its end.
MOST_DRESSED = 100_000


def words(error: BaseException) -> str:
    """The words of the server or the system in an error, without the dressing that imaplib puts around it, or a password."""
    said = error.args[-1] if error.args else str(error)
    if isinstance(said, str) and len(said) <= MOST_DRESSED and (match := _DRESSED.fullmatch(said)):
        try:
            said = ast.literal_eval(match[2])
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            said = match[2]
        if isinstance(said, bytes) and match[1]:
            said = match[1].encode() + b" " + said
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    # Cut once more: the beginning of a password is one too.
    return masked(text[:LOOKED_AT])[:LONGEST].rstrip(".") or type(error).__name__


def said(data: Any) -> str:
    """The words behind OK, NO or BAD, as imaplib hands them over, without a password."""
    parts = [item for item in data or [] if isinstance(item, bytes)]
    return masked(b" ".join(parts).decode("utf-8", "replace")[:LOOKED_AT]).rstrip(".") or "no reason given"
