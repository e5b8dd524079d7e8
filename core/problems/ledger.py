"""The ledger, and the catalog that is made from it and the volumes."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_REPAIR = f"{Do.REPAIR}"
_VERIFY = f"{Do.VERIFY}"

NO_ENTRY = Code("no-ledger-entry", "There is no entry {entry} in the ledger.", f"{Do.LIST_ENTRIES}", Family.INPUT)
ENDS_EARLY = Code(
    "ledger-ends-early",
    "The ledger ends before entry {entry}, which the catalog has seen, and a new catalog would not name what is lost.",
    _REPAIR,
    Family.DAMAGE,
)
VOLUME_UNUSABLE = Code(
    "catalog-without-volume",
    "{volume} is missing or damaged, and a catalog made without it would not list what is in it.",
    f"{Do.REPAIR} Or put the volume back from a backup.",
    Family.DAMAGE,
)

# Its entries ----------------------------------------------------------------------------------------------------------

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
ITEMS_CUT = Code("items-cut", "The items of a ledger entry are cut short.", _VERIFY, Family.DAMAGE)
ITEMS_COUNT = Code("items-miscounted", "A ledger entry has {found} items instead of {count}.", _VERIFY, Family.DAMAGE)
ITEMS_PAIR = Code("items-unpaired", "An item of a ledger entry is no pair of name and value.", _VERIFY, Family.DAMAGE)
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
