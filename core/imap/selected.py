"""The state of an open folder, from the untagged replies to SELECT and EXAMINE (RFC 3501 section 6.3.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import ProtocolError
from core.imap import names
from core.imap.names import Reply
from core.problems import folder as problems
from core.values import dataclass

#: Untagged replies that describe an open folder.
OPENED = ("UIDVALIDITY", "UIDNEXT", "EXISTS", "PERMANENTFLAGS", "READ-ONLY")


@dataclass(frozen=True, slots=True)
class Selected:
    """An open folder. ``exists`` counts its messages; ``keeps_deleted``: \\Deleted may be set and lasts."""

    uidvalidity: int
    uidnext: int
    exists: int
    read_only: bool = False
    keeps_deleted: bool = True


def opened(found: Mapping[str, list[Reply]]) -> Selected:
    """The open folder, by the replies ``OPENED``. Raises ``ProtocolError`` without UIDVALIDITY or count of messages."""
    numbers = {key: _number(found[key]) for key in ("UIDVALIDITY", "UIDNEXT", "EXISTS")}
    if not numbers["UIDVALIDITY"]:
        raise ProtocolError(problems.NO_UIDVALIDITY())
    if numbers["EXISTS"] is None:
        raise ProtocolError(problems.NO_COUNT())
    flags = found["PERMANENTFLAGS"][-1] if found["PERMANENTFLAGS"] else None
    return Selected(
        numbers["UIDVALIDITY"],
        numbers["UIDNEXT"] or 0,
        numbers["EXISTS"],
        read_only=bool(found["READ-ONLY"]),
        # Without PERMANENTFLAGS all flags can be set (RFC 3501 section 7.1).
        keeps_deleted=not isinstance(flags, bytes) or b"\\deleted" in flags.lower(),
    )


def _number(values: list[Reply]) -> int | None:
    for value in reversed(values):
        # int() refuses thousands of digits.
        if isinstance(value, bytes) and re.fullmatch(rb"\s*\d{1,19}\s*", value) and int(value) <= names.LARGEST:
            return int(value)
    return None
