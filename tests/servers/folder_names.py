"""Names of folders as they stand on the wire."""

from __future__ import annotations

import itertools
from base64 import b64encode


def modified_utf7(name: str) -> str:
    """A folder name as it stands on the wire (RFC 3501 section 5.1.3)."""
    parts: list[str] = []
    for printable, run in itertools.groupby(name, key=lambda character: " " <= character <= "~"):
        text = "".join(run)
        if printable:
            parts.append(text.replace("&", "&-"))
        else:
            parts.append("&" + b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-")
    return "".join(parts)


def quoted(name: str) -> str:
    """A folder name as a quoted string for a command line."""
    escaped = modified_utf7(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
