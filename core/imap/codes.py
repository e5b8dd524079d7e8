"""Response codes: the machine-readable part of a server's answer (RFC 3501 section 7.1, RFC 5530). Pure.

A refusal is temporary (``busy``) when its code says so; for a server without codes, known phrases count.
"""

from __future__ import annotations

import re
from enum import StrEnum

from core.text.patterns import pattern


class ResponseCode(StrEnum):
    """The response codes that are handled."""

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
        """True when the same request may succeed later."""
        return self in _LATER


_LATER = frozenset(
    {ResponseCode.UNAVAILABLE, ResponseCode.INUSE, ResponseCode.LIMIT, ResponseCode.OVERQUOTA, ResponseCode.THROTTLED}
)
# At the beginning, behind the answer's own word where that is part of the text.
_CODE = pattern(r"\s*(?:\* )?(?:(?:NO|BAD|BYE|OK)\b:?\s*)?\[([A-Z][A-Z0-9-]*)[ \]]", re.IGNORECASE)
#: Phrases of servers without codes for a temporary refusal (Dovecot, Kerio, Exchange, Gmail).
_PHRASES = pattern(
    r"throttl|too many (\w+ )?connections|maximum number of connections|server (is )?(too )?busy|try again later",
    re.IGNORECASE,
)


def code(text: str) -> ResponseCode | None:
    """The code at the beginning of a server's text, ``NO [OVERQUOTA] enough for today``; None for an unknown one."""
    found = _CODE.match(text)
    try:
        return ResponseCode(found[1].upper()) if found else None
    except ValueError:
        return None


def busy(text: str) -> bool:
    """True when a server's text means that the same request may succeed later."""
    found = code(text)
    return (found is not None and found.busy) or _PHRASES.search(text) is not None
