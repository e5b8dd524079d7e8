"""E-mail addresses: as administrators type them, and compared with one another."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from functools import lru_cache

from core.errors import InputError
from core.problems.user import NO_ADDRESS
from core.text.normal import normal
from core.text.patterns import pattern

_ADDRESS = pattern(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+")
#: The longest address of RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets.
LONGEST = 320


def check(address: str) -> str:
    """``address`` without blanks around it. Raises ``InputError`` for an invalid one."""
    address = address.strip()
    strange = any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in address)
    local, _, domain = address.partition("@")
    dots = (
        ".." in address or local.startswith(".") or local.endswith(".") or domain.startswith((".", "-")) or domain.endswith(".")
    )
    if len(address) > LONGEST or strange or dots or not _ADDRESS.fullmatch(address):
        shown = address if len(address) <= 60 else f"{address[:59]}…"
        raise InputError(NO_ADDRESS(address=shown))
    return address


@lru_cache(maxsize=10_000)
def key(address: str) -> str:
    """The key of an address: equal for equal addresses, without regard to case, a domain's punycode spelled out."""
    if address.isascii() and "xn--" not in (lower := address.lower()):
        return lower
    local, _, domain = normal("NFC", address).rpartition("@")
    domain = domain.casefold()
    if "xn--" in domain and len(domain) <= 255:
        with suppress(UnicodeError):
            domain = domain.encode("ascii").decode("idna").casefold()
    return f"{local.casefold()}@{domain}"


def domain_of(address: str) -> str:
    """The part after the last ``@``."""
    return address.rpartition("@")[2]
