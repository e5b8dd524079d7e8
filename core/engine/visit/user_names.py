"""The names of an archive's users, to tell the owners of folders by: read again only after a change of users.

A run asks for them in each of its mailboxes, of which there may be as many as users.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from core.archive.registry import users
from core.archive.visited import VisitedArchive
from core.profiles.ownership import UserNames

_KNOWN: WeakKeyDictionary[VisitedArchive, tuple[str, UserNames]] = WeakKeyDictionary()


async def of(archive: VisitedArchive) -> UserNames:
    """The names of all present users."""
    version = await users.version(archive)
    known = _KNOWN.get(archive)
    if known is None or known[0] != version:
        known = _KNOWN[archive] = version, UserNames(await users.all_users(archive))
    return known[1]
