"""Modified UTF-7: the encoding of folder names in IMAP and Maildir++ (RFC 3501 section 5.1.3). Pure functions."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from itertools import groupby


def modified_utf7(name: str) -> str:
    """A folder's name in modified UTF-7."""
    parts: list[str] = []
    for printable, run in groupby(name, key=lambda character: " " <= character <= "~"):
        text = "".join(run)
        if printable:
            parts.append(text.replace("&", "&-"))
        else:
            parts.append(
                "&" + b64encode(text.encode("utf-16-be", "surrogatepass")).decode().rstrip("=").replace("/", ",") + "-"
            )
    return "".join(parts)


def decoded_utf7(name: str) -> str:
    """A decoded name; one that is not modified UTF-7 stays unchanged."""
    try:
        return re.sub(r"&([^&-]*+)-", lambda match: _utf16(match[1]) if match[1] else "&", name)
    except ValueError:
        return name


def _utf16(letters: str) -> str:
    return b64decode(letters.replace(",", "/") + "=" * (-len(letters) % 4), validate=True).decode("utf-16-be")
