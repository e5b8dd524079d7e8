"""Users: whose mail is archived. Kept in the ledger, listed from the catalog."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from core.archive.archive import Archive
from core.archive.ledger import Draft
from core.errors import InputError
from core.model import User
from core.profiles import addresses

_COLUMNS = "id, name, login, full_name, removed"


async def all_users(archive: Archive, *, removed: bool = False) -> list[User]:
    """All users by name; with ``removed`` also those whose archive is all that is left."""
    condition = "" if removed else "WHERE NOT removed"
    rows = await archive.database.read(f"SELECT {_COLUMNS} FROM user {condition} ORDER BY name")
    emails: dict[str, list[str]] = {}
    for user_id, address in await archive.database.read("SELECT user_id, address FROM address ORDER BY user_id, position"):
        emails.setdefault(user_id, []).append(address)
    return [User(row[0], row[1], tuple(emails.get(row[0], ())), row[2], row[3], bool(row[4])) for row in rows]


async def find(archive: Archive, name: str, *, removed: bool = False) -> User:
    """The user called ``name``, or with that address. Raises ``InputError``."""
    users = await all_users(archive, removed=removed)
    wanted = name.casefold()
    for user in users:
        if user.name.casefold() == wanted:
            return user
    for user in users:
        if wanted in (address.casefold() for address in user.addresses):
            return user
    if not removed and wanted in (user.name.casefold() for user in await all_users(archive, removed=True)):
        raise InputError(f'User "{name}" was removed.', "archivar user add brings the user and the archive back.")
    names = ", ".join(user.name for user in users[:10]) or "none yet"
    raise InputError(f'There is no user "{name}".', f"Users: {names}. Add one with archivar user add.")


async def add(
    archive: Archive, name: str, emails: Sequence[str], *, login: str = "", full_name: str = "", actor: str = "archivar"
) -> tuple[User, bool]:
    """Add a user; True beside it when that name was removed before and gets its archive back. Raises ``InputError``."""
    async with archive.changing():
        return await _add(archive, name, emails, login, full_name, actor)


async def _add(archive: Archive, name: str, emails: Sequence[str], login: str, full_name: str, actor: str) -> tuple[User, bool]:
    everybody = await all_users(archive, removed=True)
    before = next((user for user in everybody if user.name.casefold() == name.strip().casefold()), None)
    if before is not None and not before.removed:
        raise InputError(f'There is a user "{before.name}" already.', "Change it with archivar user edit.")
    user_id = before.id if before else uuid.uuid4().hex[:12]
    user = _checked(User(user_id, name.strip(), tuple(emails), login.strip(), full_name.strip()), everybody)
    await _save(archive, user, actor)
    return user, before is not None


async def edit(archive: Archive, user: User, *, actor: str = "archivar") -> User:
    """Save a changed user. Raises ``InputError``."""
    async with archive.changing():
        user = _checked(user, await all_users(archive, removed=True))
        await _save(archive, user, actor)
    return user


async def remove(archive: Archive, user: User, *, actor: str = "archivar") -> None:
    """Take a user from the list. What was archived stays, and stays readable under the name."""
    await _save(archive, replace(user, removed=True), actor)


async def _save(archive: Archive, user: User, actor: str) -> None:
    await archive.append([Draft("user.saved", {"user": user.as_json()}, actor)])


def _checked(user: User, everybody: Sequence[User]) -> User:
    if not user.name or user.name.startswith("-") or len(user.name) > 100 or not user.name.isprintable() or "/" in user.name:
        raise InputError(f'"{user.name}" cannot be a user name.', "One line of up to 100 characters, without / and no - first.")
    for text in (user.login, user.full_name):
        if len(text) > 200 or not text.isprintable():
            raise InputError(f"{text!a} cannot be a login or a full name.", "One line of up to 200 characters.")
    emails = tuple(dict.fromkeys(addresses.check(address) for address in user.addresses))
    for other in everybody:
        if other.id == user.id:
            continue
        if other.name.casefold() == user.name.casefold():
            raise InputError(f'There is a user "{other.name}" already.', "Choose another name.")
        taken = {address.casefold() for address in other.addresses} & {address.casefold() for address in emails}
        if taken and not other.removed:
            raise InputError(f"{taken.pop()} belongs to {other.name} already.", "An address belongs to one user only.")
    return replace(user, addresses=emails)
