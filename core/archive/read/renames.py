"""Changes of users' primary e-mail addresses, read from the ledger: the time, and the channel of the change."""

from __future__ import annotations

from datetime import datetime

from core.archive.archive import Archive
from core.archive.store.entries.records import UserSaved
from core.errors import DamagedError
from core.model import moment
from core.system.actor import Actor
from core.values import dataclass

#: Entries that are read, the newest first: enough for years of changes, and read in a moment.
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Renamed:
    """The primary address that a user had ``until``, and the channel through which it was changed."""

    address: str
    until: datetime
    channel: str


async def last(archive: Archive) -> dict[str, Renamed]:
    """The last change of each user's primary address, by user id; users without one are left out."""
    found: dict[str, Renamed] = {}
    #: The address after the entry in hand, with the time and channel of its own change.
    following: dict[str, tuple[str, str, str]] = {}
    for entry in await archive.entries_before(None, MOST, UserSaved.kind):
        try:
            value = entry.value
        except DamagedError:
            continue
        if not isinstance(value, UserSaved):
            continue
        user = value.user
        key, address = user.id, user.addresses[0] if user.addresses and not user.removed else ""
        if key in found or not address:
            continue
        after = following.get(key)
        if after is not None and after[0].casefold() != address.casefold():
            try:
                found[key] = Renamed(address, moment(after[1]), after[2])
            except ValueError:
                continue
        following[key] = (address, entry.at, Actor.of(entry.actor).channel)
    return found
