"""Response codes: what a server says for programs beside its words for people (RFC 3501 section 7.1, RFC 5530). Pure.

A refusal is one for now only (``busy``) when its code says so; a server without codes is read by the phrases that are known.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Code(StrEnum):
    """The codes of a refusal that make a difference here."""

    UNAVAILABLE = "UNAVAILABLE"
    INUSE = "INUSE"
    LIMIT = "LIMIT"
    OVERQUOTA = "OVERQUOTA"
    THROTTLED = "THROTTLED"
    AUTHENTICATIONFAILED = "AUTHENTICATIONFAILED"
    AUTHORIZATIONFAILED = "AUTHORIZATIONFAILED"
    EXPIRED = "EXPIRED"

    @property
    def busy(self) -> bool:
        """May the same work later?"""
        return self in _LATER


_LATER = frozenset({Code.UNAVAILABLE, Code.INUSE, Code.LIMIT, Code.OVERQUOTA, Code.THROTTLED})
# It stands at the beginning, behind the answer's own word where that is part of the text.
_CODE = re.compile(r"\s*(?:\* )?(?:(?:NO|BAD|BYE|OK)\b:?\s*)?\[([A-Z][A-Z0-9-]*)[ \]]", re.IGNORECASE)
#: How servers without codes say that we should come back later (Dovecot, Kerio, Exchange, Gmail).
_PHRASES = re.compile(
    r"throttl|too many (\w+ )?connections|maximum number of connections|server (is )?(too )?busy|try again later",
    re.IGNORECASE,
)


def code(text: str) -> Code | None:
    """The code at the beginning of what a server said, ``NO [OVERQUOTA] enough for today``; None for none that is known."""
    found = _CODE.match(text)
    try:
        return Code(found[1].upper()) if found else None
    except ValueError:
        return None


def busy(text: str) -> bool:
    """Does what a server said mean that the same may work later?"""
    found = code(text)
    return (found is not None and found.busy) or _PHRASES.search(text) is not None
