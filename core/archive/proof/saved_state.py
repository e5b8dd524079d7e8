"""Users, profiles and the directory as the catalog has them, said again where the ledger's last words on them are lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from core.archive.archive import Archive
from core.archive.store.ledger import Draft, Entry
from core.errors import DamagedError


async def again(archive: Archive, kept: AsyncIterator[Entry], actor: str) -> list[Draft]:
    """The entries that make of what the entries ``kept`` say what the catalog has, which has seen more than those."""
    said: dict[tuple[str, str], Any] = {}
    async for entry in kept:
        try:
            payload = entry.payload
            if entry.kind == "user.saved":
                said["user", payload["user"]["id"]] = payload["user"]
            elif entry.kind == "profile.saved":
                said["profile", payload["name"].casefold()] = payload["definition"]
            elif entry.kind == "profile.removed":
                said.pop(("profile", payload["name"].casefold()), None)
            elif entry.kind == "directory.saved":
                said["directory", ""] = payload["definition"]
            elif entry.kind == "directory.removed":
                said.pop(("directory", ""), None)
        except (DamagedError, KeyError, TypeError, AttributeError):
            continue
    drafts = await _users(archive, said, actor)
    drafts += await _profiles(archive, said, actor)
    return drafts + await _directory(archive, said, actor)


async def _users(archive: Archive, said: dict[tuple[str, str], Any], actor: str) -> list[Draft]:
    addresses: dict[str, list[str]] = {}
    for user, address in await archive.database.read("SELECT user_id, address FROM address ORDER BY user_id, position"):
        addresses.setdefault(user, []).append(address)
    drafts = []
    names = ("id", "name", "login", "full_name", "removed", "disabled", "directory_id", "directory_addresses")
    for row in await archive.database.read(f"SELECT {', '.join(names)} FROM user ORDER BY id"):
        user = dict(zip(names, row, strict=True))
        user |= {"removed": bool(user["removed"]), "disabled": bool(user["disabled"])}
        user |= {"directory_addresses": json.loads(user["directory_addresses"]), "addresses": addresses.get(user["id"], [])}
        before = {"disabled": False, "directory_id": "", "directory_addresses": []} | (said.get(("user", user["id"])) or {})
        if user["removed"]:
            # Removed, the addresses are given free; the ledger keeps what they were.
            user["addresses"] = before.get("addresses", [])
        if before != user:
            drafts.append(Draft("user.saved", {"user": user}, actor))
    return drafts


async def _profiles(archive: Archive, said: dict[tuple[str, str], Any], actor: str) -> list[Draft]:
    rows = await archive.database.read("SELECT name, definition FROM profile ORDER BY name")
    there = {name.casefold(): (name, json.loads(definition)) for name, definition in rows}
    drafts = [
        Draft("profile.saved", {"name": name, "definition": definition}, actor)
        for key, (name, definition) in there.items()
        if said.get(("profile", key)) != definition
    ]
    gone = [key for kind, key in said if kind == "profile" and key not in there]
    return drafts + [Draft("profile.removed", {"name": key}, actor) for key in gone]


async def _directory(archive: Archive, said: dict[tuple[str, str], Any], actor: str) -> list[Draft]:
    text = await archive.database.value("SELECT definition FROM directory")
    if text is not None and json.loads(text) != said.get(("directory", "")):
        return [Draft("directory.saved", {"definition": json.loads(text)}, actor)]
    return []
