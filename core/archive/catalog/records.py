"""Records of the catalog: users, profiles, the directory, seal places. Each function applies one kind of ledger entry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.archive.store.entries.records import (
    DirectorySaved,
    ProfileRemoved,
    ProfileSaved,
    SealPlaceRemoved,
    SealPlaceSaved,
)
from core.archive.store.entries.upkeep import VolumeStored
from core.db import kept
from core.db.database import Transaction
from core.model import User

#: The setting that holds the seq of the last entry about a user: counts of users stay valid until it changes.
USERS_CHANGED = "users_changed"


#: Statements that save one user, each with the function that makes its parameters.
_SAVE_USER = (
    "INSERT INTO user (id, name, login, full_name, removed, disabled, directory_id, directory_addresses) "
    "VALUES (:id, :name, :login, :full_name, :removed, :disabled, :directory_id, :directory_addresses) "
    "ON CONFLICT (id) DO UPDATE SET name = :name, login = :login, full_name = :full_name, removed = :removed, "
    "disabled = :disabled, directory_id = :directory_id, directory_addresses = :directory_addresses"
)
_FREE_ADDRESSES = "DELETE FROM address WHERE user_id = ?"
_SAVE_ADDRESS = "INSERT OR REPLACE INTO address (address, user_id, position) VALUES (?, ?, ?)"


def _user_row(user: User) -> dict[str, Any]:
    addresses = json.dumps(list(user.directory_addresses), ensure_ascii=False)
    names = ("id", "name", "login", "full_name", "removed", "disabled", "directory_id")
    return {name: getattr(user, name) for name in names} | {"directory_addresses": addresses}


def _address_rows(user: User) -> list[tuple[str, str, int]]:
    # A removed user keeps the archive but gives the addresses free.
    addresses = () if user.removed else user.addresses
    return [(address, user.id, position) for position, address in enumerate(addresses)]


async def users_saved(transaction: Transaction, saved: Sequence[User], last_seq: int) -> bool:
    """Save many users at once; False when names collide, so that the order of the entries matters."""
    owners = {user.name.casefold(): user.id for user in saved}
    if len(owners) < len(saved) or len({user.id for user in saved}) < len(saved):
        return False
    names = json.dumps([user.name for user in saved])
    taken = "SELECT name, id FROM user WHERE name IN (SELECT value FROM json_each(?))"
    if any(owners.get(name.casefold()) != owner for name, owner in await transaction.read(taken, (names,))):
        return False
    await transaction.many(_SAVE_USER, map(_user_row, saved))
    await transaction.many(_FREE_ADDRESSES, [(user.id,) for user in saved])
    await transaction.many(_SAVE_ADDRESS, [row for user in saved for row in _address_rows(user)])
    await kept.keep(transaction, USERS_CHANGED, str(last_seq))
    return True


async def user_saved(transaction: Transaction, seq: int, user: User) -> None:
    # No entry may fail to be applied, whatever two processes appended at the same moment: the later user loses the name.
    taken = "SELECT 1 FROM user WHERE name = ? AND id <> ?"
    while await transaction.one(taken, (user.name, user.id)):
        user = replace(user, name=f"{user.name} ({user.id})")
    await transaction.many(_SAVE_USER, [_user_row(user)])
    await transaction.execute(_FREE_ADDRESSES, (user.id,))
    await transaction.many(_SAVE_ADDRESS, _address_rows(user))
    await kept.keep(transaction, USERS_CHANGED, str(seq))


async def profile_saved(transaction: Transaction, entry: ProfileSaved) -> None:
    definition = json.dumps(entry.definition, ensure_ascii=False, sort_keys=True)
    await transaction.execute(
        "INSERT INTO profile (name, definition) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name, definition = excluded.definition",
        (entry.name, definition),
    )


async def profile_removed(transaction: Transaction, entry: ProfileRemoved) -> None:
    await transaction.execute("DELETE FROM profile WHERE name = ?", (entry.name,))


async def directory_saved(transaction: Transaction, entry: DirectorySaved) -> None:
    definition = json.dumps(entry.definition, ensure_ascii=False, sort_keys=True)
    await transaction.execute("INSERT OR REPLACE INTO directory (id, definition) VALUES (1, ?)", (definition,))


async def directory_removed(transaction: Transaction) -> None:
    await transaction.execute("DELETE FROM directory")


async def seal_place_saved(transaction: Transaction, entry: SealPlaceSaved) -> None:
    # The delivery state of a seal place is this machine's knowledge, and stays.
    await transaction.execute(
        "INSERT INTO seal_place (name, definition) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition",
        (entry.name, json.dumps(entry.definition, ensure_ascii=False)),
    )


async def seal_place_removed(transaction: Transaction, entry: SealPlaceRemoved) -> None:
    await transaction.execute("DELETE FROM seal_place WHERE name = ?", (entry.name,))


async def volume_stored(transaction: Transaction, seq: int, stored: VolumeStored) -> None:
    await transaction.execute(
        "INSERT OR REPLACE INTO stored_volume (key, volume, sha256, size, seq) VALUES (?, ?, ?, ?, ?)",
        (stored.key, stored.volume, stored.sha256, stored.size, seq),
    )
