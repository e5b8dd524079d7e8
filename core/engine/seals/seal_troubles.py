"""Seals that failed or are overdue, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import seal_places
from core.archive.proof.seal_places import PlaceState
from core.model import now

#: Time after which missing automatic seals are reported.
OVERDUE = timedelta(days=2)


def overdue(found: Sequence[PlaceState], moment: datetime) -> str:
    """A sentence when automatic seals are overdue; empty when all is well."""
    waiting = [one for one in found if not one.failure and (one.at is None or moment - one.at > OVERDUE)]
    if not waiting:
        return ""
    name = waiting[0].place.name
    return f"No seal was sent to {name} {'yet' if waiting[0].at is None else 'for days'}: no service is running that does it."


async def troubles(archive: Archive, found: Sequence[PlaceState]) -> list[str]:
    """Sentences about the failures of ``found``, the worst first; none when all is well."""
    late = overdue(found, now()) if (await settings.read(archive.database)).seal != "off" else ""
    return [sentence for sentence in (seal_places.trouble(found), late) if sentence]
