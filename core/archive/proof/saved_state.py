"""Users, profiles, the directory and lanes from the catalog, as entries that restore what the ledger lost of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import lanes
from core.archive.store.entries.lanes import AnchoredHead, LaneOpened, LanesAnchored
from core.archive.store.entries.records import (
    DirectoryRemoved,
    DirectorySaved,
    ProfileRemoved,
    ProfileSaved,
    UserSaved,
)
from core.archive.store.ledger import Draft, Entry
from core.errors import DamagedError
from core.model import User
from core.values import dataclass


@dataclass(slots=True)
class _Said:
    """The last records in entries: users by id, definitions of profiles by name, the directory's definition.

    ``lanes``: the last anchored entry of each, by number.
    """

    users: dict[str, User] = field(default_factory=dict)
    profiles: dict[str, Any] = field(default_factory=dict)
    directory: Any = None
    lanes: dict[int, int] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        match entry.value:
            case UserSaved(user=user):
                self.users[user.id] = user
            case ProfileSaved() as saved:
                self.profiles[saved.name_key] = saved.definition
            case ProfileRemoved() as removed:
                self.profiles.pop(removed.name_key, None)
            case DirectorySaved(definition=definition):
                self.directory = definition
            case DirectoryRemoved():
                self.directory = None
            case LaneOpened(number=number):
                self.lanes.setdefault(number, 0)
            case LanesAnchored(heads=heads):
                self.lanes |= {one.lane: one.head.seq for one in heads}
            case _:
                pass


async def again(archive: Archive, kept: AsyncIterator[Entry], actor: str) -> list[Draft]:
    """The entries that lead from the state after the entries ``kept`` to the catalog's state, which is later."""
    said = _Said()
    async for entry in kept:
        with suppress(DamagedError):
            said.add(entry)
    found = [*await _users(archive, said), *await _profiles(archive, said), *await _directory(archive, said)]
    return [Draft(value, actor) for value in [*found, *await _lanes(archive, said)]]


async def _users(archive: Archive, said: _Said) -> list[UserSaved]:
    addresses: dict[str, list[str]] = {}
    for user, address in await archive.database.read("SELECT user_id, address FROM address ORDER BY user_id, position"):
        addresses.setdefault(user, []).append(address)
    found = []
    names = ("id", "name", "login", "full_name", "removed", "disabled", "directory_id", "directory_addresses")
    for row in await archive.database.read(f"SELECT {', '.join(names)} FROM user ORDER BY id"):
        columns = dict(zip(names, row, strict=True))
        columns |= {"removed": bool(columns["removed"]), "disabled": bool(columns["disabled"])}
        columns["directory_addresses"] = tuple(json.loads(columns["directory_addresses"]))
        user = User(**columns, addresses=tuple(addresses.get(columns["id"], ())))
        before = said.users.get(user.id)
        if user.removed:
            # A removed user's addresses are free in the catalog; the ledger keeps them.
            user = replace(user, addresses=before.addresses if before else ())
        if before != user:
            found.append(UserSaved(user))
    return found


async def _profiles(archive: Archive, said: _Said) -> list[ProfileSaved | ProfileRemoved]:
    rows = await archive.database.read("SELECT name, definition FROM profile ORDER BY name")
    there = [ProfileSaved(name, json.loads(definition)) for name, definition in rows]
    saved = [one for one in there if said.profiles.get(one.name_key) != one.definition]
    gone = said.profiles.keys() - {one.name_key for one in there}
    return [*saved, *(ProfileRemoved(key) for key in said.profiles if key in gone)]


async def _directory(archive: Archive, said: _Said) -> list[DirectorySaved]:
    text = await archive.database.value("SELECT definition FROM directory")
    definition = json.loads(text) if text is not None else None
    return [DirectorySaved(definition)] if definition is not None and definition != said.directory else []


async def _lanes(archive: Archive, said: _Said) -> list[LaneOpened | LanesAnchored]:
    found: list[LaneOpened | LanesAnchored] = []
    heads = []
    for number, lane in (await lanes.all_of(archive.database)).items():
        if number not in said.lanes:
            found.append(LaneOpened(lane.end.id, number, lane.name))
        after = said.lanes.get(number, 0)
        if lane.end.head.seq > after:
            heads.append(AnchoredHead(number, after, lane.end.head))
    return [*found, LanesAnchored(tuple(heads))] if heads else found
