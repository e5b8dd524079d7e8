"""The messages that salvages of damaged volumes lost: what their entries in the ledger say, and the names that are known."""

from __future__ import annotations

from collections.abc import Sequence

from core.archive.archive import Archive
from core.archive.proof import damage
from core.archive.proof.damage import NamedMessage
from core.archive.store.entries import upkeep
from core.archive.store.entries.restated import Restated
from core.archive.store.volume_format import LAST_SEQ


async def lost(archive: Archive) -> dict[bytes, Restated]:
    """Messages lost in salvages that were not archived again, as the catalog knew them, by SHA-256."""
    found: dict[bytes, Restated] = {}
    for entry in await archive.entries_before(None, LAST_SEQ, upkeep.Salvaged.kind):
        if isinstance(entry.value, upkeep.Salvaged):
            for one in entry.value.losses:
                found.setdefault(one.sha256, one)
    known = await archive.projection.known(list(found))
    return {sha256: one for sha256, one in found.items() if sha256 not in known}


async def names(archive: Archive, digests: Sequence[bytes]) -> dict[bytes, NamedMessage]:
    """Descriptions of messages, by SHA-256: from the catalog, or, for lost ones, from the salvage's entry."""
    gone = await lost(archive) if digests else {}
    found = await damage.names(archive, digests)
    people: dict[str, str] = dict(await archive.database.read("SELECT id, name FROM user")) if gone else {}
    for sha256 in digests:
        if sha256 in gone:
            one = gone[sha256]
            where = tuple((people.get(place.owner, place.owner), place.path) for place in one.places[: damage.PLACES])
            found[sha256] = NamedMessage(sha256, one.subject, one.sender, one.date, where)
    return found
