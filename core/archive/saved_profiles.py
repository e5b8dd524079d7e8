"""Saved profiles and their passwords. Definitions are in the ledger; passwords are not: they are this machine's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from core.archive import users
from core.archive.archive import Archive
from core.archive.ledger import Draft
from core.errors import InputError
from core.model import User
from core.profiles.mailboxes import login_name
from core.profiles.profile import Profile, from_json
from core.profiles.selection import Selected, select
from core.secrets import Secret


async def all_profiles(archive: Archive) -> list[Profile]:
    """All profiles by name."""
    rows = await archive.database.read("SELECT definition FROM profile ORDER BY name")
    return [from_json(json.loads(row[0])) for row in rows]


async def find(archive: Archive, name: str) -> Profile:
    """The profile called ``name``. Raises ``InputError``."""
    row = await archive.database.one("SELECT definition FROM profile WHERE name = ?", (name,))
    if row is None:
        names = ", ".join(profile.name for profile in await all_profiles(archive)) or "none yet"
        raise InputError(f'There is no profile "{name}".', f"Profiles: {names}. Save one with archivar profile apply.")
    return from_json(json.loads(row[0]))


async def save(archive: Archive, profile: Profile, password: Secret | None = None, *, actor: str = "archivar") -> None:
    """Save a profile, and its password (encrypted) when one is given. Raises ``InputError``; then nothing is saved."""
    async with archive.changing():
        await check(archive, profile)
        box = archive.home.key.encrypt(password, purpose=_purpose(profile.name)) if password is not None else None
        # Forgotten first and stored last: a crash in between leaves a profile without a password, never one that would
        # send the old password to a new server.
        if box is not None or profile.login.password_file:
            await _forget(archive, profile.name)
        await archive.append([Draft("profile.saved", {"name": profile.name, "definition": profile.as_json()}, actor)])
        if box is not None:
            async with archive.database.transaction() as transaction:
                await transaction.execute("INSERT OR REPLACE INTO password (profile, box) VALUES (?, ?)", (profile.name, box))


async def check(archive: Archive, profile: Profile) -> Selected | None:
    """Are the users of a profile there? What its selection comes to, if it has one. Raises ``InputError``."""
    if profile.target is not None:
        await users.find(archive, profile.target.user)
    if profile.selection is None:
        return None
    everybody = await users.all_users(archive)
    selected = select(profile.selection, everybody)
    if selected.unknown:
        names = ", ".join(f'"{name}"' for name in selected.unknown[:10])
        more = f" and {len(selected.unknown) - 10} more" if len(selected.unknown) > 10 else ""
        there = ", ".join(user.name for user in everybody[:10]) or "none yet"
        raise InputError(
            f"users.list: there is no user {names}{more}.",
            f"Users: {there}{', …' if len(everybody) > 10 else ''}. Add one with archivar user add, or correct the list.",
        )
    if profile.deletion.active and (shared := shared_logins(profile, selected.users)):
        raise InputError(
            f"delete.when: {shared[0]} What is deleted for one of them the others would never get.",
            "Give each user a login of their own (archivar user edit --login), select only one of them, or delete never.",
        )
    return selected


def shared_logins(profile: Profile, chosen: Iterable[User]) -> list[str]:
    """Warnings about users whose mailbox would be the same one."""
    return [
        f"{' and '.join(names)} have the same login name ({login}): the same mailbox would go into each of their archives."
        for login, names in _by_login(profile, chosen).items()
        if len(names) > 1
    ]


def shared(profile: Profile, chosen: Iterable[User]) -> set[str]:
    """Login names, without regard to case, that more than one user has."""
    return {login for login, names in _by_login(profile, chosen).items() if len(names) > 1}


def _by_login(profile: Profile, chosen: Iterable[User]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for user in chosen:
        found.setdefault(login_name(user, profile.login.method).casefold(), []).append(user.name)
    return found


async def _forget(archive: Archive, name: str) -> None:
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM password WHERE profile = ?", (name,))


async def remove(archive: Archive, name: str, *, actor: str = "archivar") -> None:
    """Delete a profile and its password; archived mail is not touched. Raises ``InputError``."""
    async with archive.changing():
        profile = await find(archive, name)
        active = "SELECT id FROM run WHERE profile = ? AND status IN ('queued', 'running', 'interrupted')"
        if run := await archive.database.value(active, (profile.name,)):
            raise InputError(f"{profile.name} is being run (run {run}).", f"Wait, or archivar cancel {run}.")
        await archive.append([Draft("profile.removed", {"name": profile.name}, actor)])
        await _forget(archive, profile.name)


async def has_password(archive: Archive, profile: Profile) -> bool:
    """Is there a stored password, or a file named for it?"""
    stored = await archive.database.value("SELECT 1 FROM password WHERE profile = ?", (profile.name,))
    return bool(stored or profile.login.password_file)


async def password_fits(archive: Archive, profile: Profile, name: str) -> bool:
    """Is a password stored for the profile called ``name``, and for the very account and server of ``profile``?

    A stored password is never sent anywhere else than where it was meant for.
    """
    for before in await all_profiles(archive):
        if before.name.casefold() == name.casefold():
            same = (before.login.method, before.login.username) == (profile.login.method, profile.login.username)
            same &= before.server.host.lower() == profile.server.host.lower()
            same &= before.server.effective_port == profile.server.effective_port
            return same and not before.login.password_file and await has_password(archive, before)
    return False


async def password(archive: Archive, profile: Profile) -> Secret:
    """The password of a profile: from its file, or decrypted. Raises ``InputError``, ``HomeError``."""
    if profile.login.password_file:
        return read_password(Path(profile.login.password_file))
    box = await archive.database.value("SELECT box FROM password WHERE profile = ?", (profile.name,))
    if box is None:
        raise InputError(
            f"No password is stored for {profile.name}.", "Enter it with archivar profile apply, or name a password_file."
        )
    return archive.home.key.decrypt(box, purpose=_purpose(profile.name))


def read_password(path: Path) -> Secret:
    """The first line of a password file. Raises ``InputError``."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InputError(f"login.password_file {path} is not UTF-8 text.") from None
    except OSError as error:
        raise InputError(f"login.password_file {path} cannot be read: {error.strerror}.") from None
    if not text:
        raise InputError(f"login.password_file {path} is empty.", "Its first line must be the password.")
    return Secret(text)


def _purpose(name: str) -> str:
    return f"profile:{name.casefold()}"
