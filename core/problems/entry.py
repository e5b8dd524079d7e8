"""Entries of the ledger, and how they follow one another."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_REPAIR = f"{Do.REPAIR}"
_VERIFY = f"{Do.VERIFY}"

UNREADABLE = Code("entry-unreadable", "Ledger entry {entry} ({kind}) cannot be read: {said}.", _VERIFY, Family.DAMAGE)
OTHER_VERSION = Code(
    "entry-of-unknown-version",
    "Ledger entry {entry} ({kind}) has a payload of an unknown version.",
    f"If a newer Archivar wrote it, install that. {_VERIFY}",
    Family.DAMAGE,
)
PAYLOAD_ENDLESS = Code(
    "payload-endless",
    "A ledger payload cannot be decompressed: it does not end where it should.",
    _VERIFY,
    Family.DAMAGE,
)
PAYLOAD_COMPRESSION = Code("payload-compression", "A ledger payload cannot be decompressed: {said}.", _VERIFY, Family.DAMAGE)
WRONG_KIND = Code("entry-value-of-wrong-kind", "{file}: entry {entry} has a value of a wrong kind.", _VERIFY, Family.DAMAGE)
OUT_OF_ORDER = Code("ledger-out-of-order", "{file}: the ledger's table is out of order.", _VERIFY, Family.DAMAGE)
NOT_FOLLOWING = Code(
    "ledger-changed",
    "Entry {entry} of the ledger does not follow from entry {before}: the ledger was changed.",
    _REPAIR,
    Family.DAMAGE,
)
NOT_SEEN = Code(
    "ledger-replaced",
    "{file}: entry {entry} is not the one that the catalog has seen: volumes were replaced or changed.",
    _REPAIR,
    Family.DAMAGE,
)
LOST = Code(
    "ledger-end-lost",
    "{file}: the ledger ends at entry {end}, but the catalog has seen entry {entry}: volumes were lost or replaced.",
    _REPAIR,
    Family.DAMAGE,
)
NUMBER = Code(
    "number-impossible",
    "{number} is no number that can be true.",
    "It came from the server: see its log, and whether it has an update.",
)
