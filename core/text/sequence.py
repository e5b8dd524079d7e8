"""IMAP sequence sets (RFC 3501 section 9, ``sequence-set``): UIDs in the short form ``1:5,9``."""

from __future__ import annotations

from collections.abc import Iterable


def pack(uids: Iterable[int]) -> str:
    """The sequence set of ``uids``, ascending; an empty text for none."""
    ranges: list[list[int]] = []
    for uid in sorted(set(uids)):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges)


def unpack(text: str) -> list[int]:
    """The UIDs of a set made by ``pack``. Raises ``ValueError``."""
    uids: list[int] = []
    for item in text.split(",") if text else ():
        low, _, high = item.partition(":")
        uids.extend(range(int(low), int(high or low) + 1))
    return uids
