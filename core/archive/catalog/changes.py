"""Changes of users, profiles, settings and other records, computed where entries are appended, by comparing with the catalog.

So no caller can leave them out. What a change is, and how an entry tells it, stands in ``core.archive.store.entries.change``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from core.archive.catalog import settings
from core.archive.store.entries.change import Record, between
from core.archive.store.entries.records import UserSaved
from core.archive.store.entries.statement import Event, RecordKind, RecordStatement
from core.archive.store.ledger import Draft
from core.db.database import Database

#: Records by kind and name.
_Known = dict[tuple[RecordKind, str], Record | None]


async def told(database: Database, drafts: Sequence[Draft]) -> list[Draft]:
    """``drafts``, each completed with the changes that it makes to the records in the catalog of ``database``."""
    if not any(isinstance(draft.value, RecordStatement) for draft in drafts):
        return list(drafts)
    known = await _users_of(database, drafts)
    began: _Known = dict(known)
    found = []
    for draft in drafts:
        value = draft.value
        match value:
            case RecordStatement():
                key = (value.record, value.name_key)
                if key not in known:
                    known[key] = began[key] = await _before(database, *key)
                # A renamed record is compared with its state under the old name, whose entry comes before.
                old = (value.record, value.renamed.casefold())
                before = began.get(old, known[key]) if value.renamed else known[key]
                known[key] = value.after()
                # The caller's own changes, which the catalog cannot know: a changed password.
                changes = (*between(before, value.after()), *(value.changes or ()))
                found.append(replace(draft, value=replace(value, changes=changes)))
            case Event():
                found.append(draft)
            case _:
                assert_never(value)
    return found


async def _before(database: Database, kind: RecordKind, name: str) -> Record | None:
    """The record in the catalog; None for a new one."""
    match kind:
        case RecordKind.USER:
            return (await _users(database, [name])).get(name)
        case RecordKind.PROFILE:
            return await _defined(database, "profile", name)
        case RecordKind.SEAL_PLACE:
            return await _defined(database, "seal_place", name)
        case RecordKind.DIRECTORY:
            text = await database.value("SELECT definition FROM directory")
            return json.loads(text) if text else None
        case RecordKind.ADDRESS:
            return {"ours": await database.value("SELECT 1 FROM not_ours WHERE pattern = ?", (name,)) is None}
        case RecordKind.SETTING:
            return {name: settings.shown(await settings.read(database)).get(name)}
        case _:
            assert_never(kind)


async def _defined(database: Database, table: str, name: str) -> Record | None:
    """The JSON of a record in a table keyed by casefolded name."""
    rows = await database.read(f"SELECT name, definition FROM {table}")
    return next((json.loads(definition) for one, definition in rows if one.casefold() == name), None)


async def _users_of(database: Database, drafts: Sequence[Draft]) -> _Known:
    """The catalog's users for all of ``drafts``, in a few queries: a synchronisation saves tens of thousands."""
    ids = list(dict.fromkeys(draft.value.user.id for draft in drafts if isinstance(draft.value, UserSaved)))
    there = await _users(database, ids)
    return {(RecordKind.USER, one): there.get(one) for one in ids}


async def _users(database: Database, ids: Sequence[str]) -> dict[str, Record]:
    """The users among ``ids`` that are not removed."""
    addresses: dict[str, list[str]] = {}
    sql = "SELECT user_id, address FROM address WHERE user_id IN (??) ORDER BY user_id, position"
    for user, address in await database.among(sql, ids):
        addresses.setdefault(user, []).append(address)
    sql = (
        "SELECT id, name, login, full_name, disabled, directory_id, directory_addresses FROM user "
        "WHERE NOT removed AND id IN (??)"
    )
    return {
        row[0]: {
            "name": row[1],
            "addresses": addresses.get(row[0], []),
            "login": row[2],
            "full_name": row[3],
            "disabled": bool(row[4]),
            "directory_id": row[5],
            "directory_addresses": json.loads(row[6]),
        }
        for row in await database.among(sql, ids)
    }
