"""Advice and warnings about a profile, as the command line words them."""

from __future__ import annotations

from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, shared_logins
from core.cli.context import context
from core.cli.words import NO_SERVICE
from core.profiles.profile import Profile
from core.profiles.selection import SelectedUsers
from core.secrets import Secret
from core.service.lock import is_running


def warnings(profile: Profile) -> list[str]:
    """The warnings of the profile itself."""
    return [f"Warning: {warning}" for warning in profile.warnings()]


def doubts(profile: Profile, secret: Secret | None) -> list[str]:
    """Warnings about a password that servers may read in another way. Raises ``InputError`` for an unreadable password file."""
    if profile.login.password_file:
        secret = saved_profiles.read_password(Path(profile.login.password_file))
    return [f"Warning: {text}" for text in profile.login.doubts(secret)] if secret else []


async def alike(archive: Archive, profile: Profile) -> list[str]:
    """Warnings about folders whose names differ only by case."""
    return [f"Warning: {text}" for text in await saved_profiles.case_doubts(archive, profile)]


def selection(profile: Profile, selected: SelectedUsers | None) -> list[str]:
    """The result of a profile's selection, in sentences."""
    if selected is None:
        return []
    found = [f"It archives {selected.sentence()}."]
    if selected.without_address:
        found.append(f"Without an e-mail address: {', '.join(user.name for user in selected.without_address)}")
    return found + [f"Warning: {text}" for text in shared_logins.warnings(profile, selected.users)]


def without_service(profile: Profile) -> list[str]:
    """Note that a schedule needs a running service."""
    return [NO_SERVICE] if profile.automatic and not is_running(context.find()) else []
