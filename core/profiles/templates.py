"""Filing templates of a catch-all profile: the folder of a message in a user's archive. Pure."""

from __future__ import annotations

import re
import unicodedata

USER, HEADER = "{u-email}", "{h-email}"
INCOMING, OUTGOING = "{u-email}/INBOX", "{u-email}/Sent Items"
LONGEST = 500
WHAT = "a path such as {u-email}/INBOX; {u-email} is the user's primary address, {h-email} the one found in the header"

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def checked(template: str) -> str:
    """``template`` unchanged. Raises ``ValueError`` for an invalid path or placeholder."""
    rest = template.replace(USER, "x").replace(HEADER, "x")
    if re.search(r"[{}]", rest):
        raise ValueError(f"{template!r} has another placeholder")
    if not is_path(rest) or len(template) > LONGEST:
        raise ValueError(f"{template!r} is no path")
    return template


def is_path(text: str) -> bool:
    """True for levels joined by ``/``, none of them empty, with blanks around it, or hidden."""
    hidden = any(unicodedata.category(character) in _HIDDEN for character in text)
    return not hidden and not any(level.strip() != level or level in ("", ".", "..") for level in text.split("/"))


def place(template: str, primary: str, found: str) -> str:
    """The folder for a user with this primary address, found by the address ``found``."""
    return re.sub(r"\{[uh]-email\}", lambda match: primary if match[0] == USER else found, template)
