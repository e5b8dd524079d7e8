"""Differences between a server and the archive, by message."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_LATER = f"The next run archives what is new. {Do.RUN}"
_BESIDE = f"A deep comparison can archive what differs, beside what is there. {Do.COMPARE_DEEPLY}"

NOT_ARCHIVED = Code("missing-in-archive", "not archived", _LATER, Family.ITEM)
OTHER_NUMBERS = Code(
    "differs-in-numbers",
    "listed with another size or date than recorded: it may be another message",
    f"Only its bytes tell. {Do.COMPARE_DEEPLY}",
    Family.ITEM,
)
OTHER_BYTES = Code("differs-in-bytes", "another message than the one that was archived", _BESIDE, Family.ITEM)
OTHER_LENGTH = Code(
    "differs-in-length",
    "announced with {announced:number} bytes, and archived with {archived:number}",
    _BESIDE,
    Family.ITEM,
)
NOT_REPAIRED = Code("not-repaired", "not repaired: {why}", "{why:remedy}", Family.ITEM)
