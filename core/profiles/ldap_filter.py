"""LDAP search filters as administrators write them (RFC 4515): checked before a server is asked. Pure."""

from __future__ import annotations

import re

from core.text.patterns import pattern

#: attr=value, attr>=value, attr<=value, attr~=value, attr:rule:=value; a value has no bare ( ) or NUL, and \ with two digits.
_ITEM = pattern(
    r"(?:[A-Za-z][\w;.-]*|\d+(?:\.\d+)+(?:;[\w-]+)*)?(?::dn)?(?::[\w.-]+)?:?(?:=|>=|<=|~=)(?:[^()\\\x00]|\\[0-9A-Fa-f]{2})*"
)
#: Deeper nesting than in any filter written by a person.
DEEPEST = 50
WHAT = 'an LDAP filter such as "(&(objectClass=person)(mail=*))"'


def check(text: str) -> str:
    """``text`` without blanks around it. Raises ``ValueError`` with the error and its character (from 1)."""
    found = text.strip()
    if not found:
        return ""
    end = _filter(found, 0, 0)
    if end < len(found):
        raise ValueError(f"nothing may follow the last bracket, character {end + 1}")
    return found


def escape(value: str) -> str:
    """``value`` escaped for a filter (RFC 4515 section 3)."""
    return re.sub(r"[\\*()\x00]", lambda found: f"\\{ord(found[0]):02x}", value)


def _filter(text: str, at: int, depth: int) -> int:
    """The end of the filter that begins at ``at``."""
    if depth > DEEPEST:
        raise ValueError("brackets are nested too deeply")
    if text[at : at + 1] != "(":
        raise ValueError(f'"(" is expected at character {at + 1}')
    at += 1
    sign = text[at : at + 1]
    if sign in ("&", "|"):
        at += 1
        while text[at : at + 1] == "(":
            at = _filter(text, at, depth + 1)
    elif sign == "!":
        at = _filter(text, at + 1, depth + 1)
    else:
        item = _ITEM.match(text, at)
        if item is None or not item[0].partition("=")[0].rstrip("<>~:"):
            raise ValueError(f"attribute=value is expected at character {at + 1}")
        at = item.end()
    if text[at : at + 1] != ")":
        raise ValueError(f'")" is expected at character {at + 1}')
    return at + 1
