"""Seals that are overdue, as a warning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.archive.proof.seal_places import PlaceState
from core.problems.code import Reason
from core.problems.warning import SEAL_NEVER, SEAL_OVERDUE

#: Time after which missing automatic seals are reported.
OVERDUE = timedelta(days=2)


def overdue(found: Sequence[PlaceState], moment: datetime) -> Reason | None:
    """The warning of automatic seals that are overdue; None when all is well."""
    waiting = [one for one in found if not one.failure and (one.at is None or moment - one.at > OVERDUE)]
    if not waiting:
        return None
    return (SEAL_NEVER if waiting[0].at is None else SEAL_OVERDUE)(place=waiting[0].place.name)
