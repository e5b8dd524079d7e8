"""E-mail addresses as administrators type them."""

from __future__ import annotations

import re
import unicodedata

from core.errors import InputError

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+")
#: The longest address of RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets.
LONGEST = 320


def check(address: str) -> str:
    """``address`` without blanks around it. Raises ``InputError`` when it is none."""
    address = address.strip()
    strange = any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in address)
    local, _, domain = address.partition("@")
    dots = (
        ".." in address or local.startswith(".") or local.endswith(".") or domain.startswith((".", "-")) or domain.endswith(".")
    )
    if len(address) > LONGEST or strange or dots or not _ADDRESS.fullmatch(address):
        shown = address if len(address) <= 60 else f"{address[:59]}…"
        raise InputError(f'"{shown}" is not an e-mail address.', "Write it as name@domain.")
    return address
