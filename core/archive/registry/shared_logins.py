"""Users of a profile whose logins open the same mailbox."""

from __future__ import annotations

from collections.abc import Iterable

from core.model import User
from core.problems.code import Reason
from core.problems.warning import SAME_LOGIN
from core.profiles.mailboxes import login_name
from core.profiles.profile import Profile


def warnings(profile: Profile, chosen: Iterable[User]) -> list[Reason]:
    """Warnings about users whose logins open the same mailbox."""
    return [
        SAME_LOGIN(names=" and ".join(names), login=login)
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
