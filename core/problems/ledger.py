"""The ledger, and the catalog that is made from it and the volumes."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

NO_ENTRY = Code("no-ledger-entry", "There is no entry {entry} in the ledger.", f"{Do.LIST_ENTRIES}", Family.INPUT)
ENDS_EARLY = Code(
    "ledger-ends-early",
    "The ledger ends before entry {entry}, which the catalog has seen, and a new catalog would not name what is lost.",
    f"{Do.REPAIR}",
    Family.DAMAGE,
)
VOLUME_UNUSABLE = Code(
    "catalog-without-volume",
    "{volume} is missing or damaged, and a catalog made without it would not list what is in it.",
    f"{Do.REPAIR} Or put the volume back from a backup.",
    Family.DAMAGE,
)
