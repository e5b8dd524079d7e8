"""Advice and warnings about a profile, as the command line words them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, shared_logins
from core.cli.context import context
from core.cli.words import NO_SERVICE
from core.problems import command_line
from core.problems.code import Reason
from core.profiles.profile import Profile
from core.profiles.selection import SelectedUsers
from core.secrets import Secret
from core.service.lock import is_running


async def warnings(archive: Archive, profile: Profile, secret: Secret | None, selected: SelectedUsers | None) -> list[Reason]:
    """Warnings beside the profile's own: about its password, shared logins, and folders whose names differ only by case.

    Raises ``InputError`` for an unreadable password file.
    """
    if profile.login.password_file:
        secret = saved_profiles.read_password(Path(profile.login.password_file))
    found = profile.login.doubts(secret) if secret else []
    found += shared_logins.warnings(profile, selected.users) if selected is not None else []
    return found + await saved_profiles.case_doubts(archive, profile)


def told(warnings: Iterable[Reason]) -> list[str]:
    """Each warning with its remedy."""
    return [f"Warning: {command_line.told(one)}" for one in warnings]


def selection(selected: SelectedUsers | None) -> list[str]:
    """The result of a profile's selection, in sentences."""
    if selected is None:
        return []
    found = [f"It archives {selected.sentence()}."]
    if selected.without_address:
        found.append(f"Without an e-mail address: {', '.join(user.name for user in selected.without_address)}")
    return found


def without_service(profile: Profile) -> list[str]:
    """Note that a schedule needs a running service."""
    return [NO_SERVICE] if profile.automatic and not is_running(context.find()) else []
