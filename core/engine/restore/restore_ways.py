"""Ways to restore mail: the profiles through which that is possible, and the default among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

from core.archive.archive import Archive
from core.archive.read import sources
from core.archive.read.selection import SelectedFolder
from core.archive.registry import saved_profiles, users
from core.errors import InputError
from core.model import User
from core.profiles.mailboxes import Mailbox, of_target, of_user
from core.profiles.profile import Profile
from core.profiles.selection import select
from core.values import dataclass


class Fit(IntEnum):
    """The relation of a mailbox to the mail: its origin, a former place, the owner's, or another user's."""

    ORIGIN = 0
    BACK = 1
    OWN = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class Way:
    """A profile and mailbox that can take the mail; None where the user must be chosen."""

    profile: Profile
    mailbox: Mailbox | None
    fit: Fit


async def owner_of(archive: Archive, folders: Sequence[SelectedFolder]) -> User:
    """The owner of the mail in ``folders``, or of most of it."""
    count: Counter[str] = Counter()
    for folder in folders:
        count[folder.owner] += folder.messages
    return await users.of_id(archive, count.most_common(1)[0][0])


async def ways(archive: Archive, folders: Sequence[SelectedFolder], owner: User) -> list[Way]:
    """All profiles through which the mail of ``owner`` in ``folders`` can be restored, the closest first; no catch-alls.

    No server is asked.
    """
    own = [folder for folder in folders if folder.owner == owner.id]
    largest = max(own, key=lambda folder: folder.messages)
    origins = set(await sources.origins(archive, largest.id, largest.chosen))
    found = []
    for profile in await saved_profiles.all_profiles(archive):
        if profile.catchall is None:
            mailbox = await _mailbox(archive, profile, owner)
            found.append(Way(profile, mailbox, _fit(profile, mailbox, owner, own, origins)))
    return sorted(found, key=lambda way: (way.fit, way.profile.name))


async def _mailbox(archive: Archive, profile: Profile, owner: User) -> Mailbox | None:
    if profile.target is not None:
        try:
            return of_target(profile, await users.find(archive, profile.target.user, removed=True))
        except InputError:
            return None
    assert profile.selection is not None
    listed = not owner.removed and select(profile.selection, [owner]).users
    return of_user(profile, owner) if listed else None


def _fit(profile: Profile, mailbox: Mailbox | None, owner: User, folders: Sequence[SelectedFolder], origins: set[str]) -> Fit:
    if mailbox is None or mailbox.user.id != owner.id:
        return Fit.OTHER
    if all(folder.path.startswith(f"{mailbox.top}/") for folder in folders):
        return Fit.ORIGIN if mailbox.source(profile.server) in origins else Fit.BACK
    return Fit.OWN
