"""Users of a profile whose logins open the same mailbox."""

from __future__ import annotations

from collections.abc import Iterable

from core.model import User
from core.profiles.mailboxes import login_name
from core.profiles.profile import Profile


def warnings(profile: Profile, chosen: Iterable[User]) -> list[str]:
    """Warnings about users whose logins open the same mailbox."""
    return [
        f"{' and '.join(names)} have the same login name ({login}): the same mailbox would go into each of their archives."
        for login, names in _by_login(profile, chosen).items()
        if len(names) > 1
    ]


def logins(profile: Profile, chosen: Iterable[User]) -> set[str]:
    """Login names, compared without case, that more than one user has."""
    return {login for login, names in _by_login(profile, chosen).items() if len(names) > 1}


def _by_login(profile: Profile, chosen: Iterable[User]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for user in chosen:
        found.setdefault(login_name(user, profile.login.method).casefold(), []).append(user.name)
    return found
