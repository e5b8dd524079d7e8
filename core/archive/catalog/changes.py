"""Changes of settings, users, profiles and the like, field by field: what an entry of the ledger says was another value.

Every entry that saves or removes a record carries ``changes``::

    [{field, old, new}]       another value; a new record has no ``old`` in any of them, a removed one no ``new``
    [{field, secret: true}]   a password was stored, replaced or forgotten: that it changed, and nothing of it

``field`` is the key of the settings file (``delete.when``), or the name in ``User``. They are found where entries are
appended, by comparing with the catalog, so that no caller can leave them out. Entries of older versions have none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.archive.catalog import settings
from core.archive.store.ledger import Draft
from core.db.database import Database

KEY = "changes"
#: Names in an entry that saves a profile what it was called until then.
RENAMED = "renamed"
Record = dict[str, Any]
#: A password of a profile or of the directory.
PASSWORD = "login.password"
#: Ids and what only the program needs are told by the entry itself.
_UNTOLD = {"id", "v"}
_ABSENT: Any = object()
#: Users that are asked for at once.
_CHUNK = 500

#: Kinds of entries that change no record: they tell what was done, with its numbers.
EVENTS = frozenset(
    {
        "archive.created",
        "archived",
        "backed_up",
        "deleted",
        "deleting",
        "directory.synced",
        "exported",
        "filed",
        "imported",
        "key.rotated",
        "left",
        "linked",
        "moved",
        "refiled",
        "relisted",
        "repaired",
        "restored",
        "returned",
        "run.finished",
        "salvaged",
        "vanished",
        "verified",
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field. ``old`` and ``new`` are values of JSON, ``ABSENT`` where there was, or is, none; ``secret``: not told."""

    field: str
    old: Any = _ABSENT
    new: Any = _ABSENT
    secret: bool = False

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Change:
        """Raises ``KeyError``, ``TypeError`` when it is none."""
        return cls(str(value["field"]), value.get("old", _ABSENT), value.get("new", _ABSENT), bool(value.get("secret")))

    def as_json(self) -> Record:
        if self.secret:
            return {"field": self.field, "secret": True}
        both = {"field": self.field, "old": self.old, "new": self.new}
        return {name: value for name, value in both.items() if value is not _ABSENT}

    @property
    def began(self) -> bool:
        """True for the value that a new record began with."""
        return self.old is _ABSENT and not self.secret

    @property
    def ended(self) -> bool:
        """True for the value that a record had when it was removed."""
        return self.new is _ABSENT and not self.secret

    def sentence(self) -> str:
        """``delete.when: never → immediately``; what a list gained and lost rather than all of it, twice."""
        if self.secret:
            return f"{self.field}: changed"
        if self.began or self.ended:
            return f"{self.field}: {_shown(self.new if self.began else self.old)}"
        if isinstance(self.old, list) and isinstance(self.new, list) and self.old and self.new:
            gained = [f"+{_shown(one)}" for one in self.new if one not in self.old]
            lost = [f"-{_shown(one)}" for one in self.old if one not in self.new]
            if gained or lost:
                return f"{self.field}: {', '.join([*gained, *lost])}"
        return f"{self.field}: {_shown(self.old)} → {_shown(self.new)}"


def of(payload: Mapping[str, Any]) -> list[Change] | None:
    """The changes that an entry tells; None for one of an older version, which tells none."""
    found = payload.get(KEY)
    return None if found is None else [Change.of_json(one) for one in found]


def between(old: Record | None, new: Record | None) -> list[Change]:
    """The fields that differ; of a new record (``old`` is None) or a removed one all that say anything."""
    before, after = ({} if one is None else _flat(one) for one in (old, new))
    found = []
    for field in dict.fromkeys((*after, *before)):
        was, now = before.get(field, _ABSENT), after.get(field, _ABSENT)
        if old is None or new is None:
            value = now if old is None else was
            if value is not False and not _is_nothing(value):
                found.append(Change(field, was, now))
        elif was != now and not (_is_nothing(was) and _is_nothing(now)):
            # One that a section has only now, or no more: not given is a value as any other.
            found.append(Change(field, None if was is _ABSENT else was, None if now is _ABSENT else now))
    return found


async def told(database: Database, drafts: Sequence[Draft]) -> list[Draft]:
    """``drafts`` with the changes in them that they make to what the catalog of ``database`` has, in their order."""
    if not any(draft.kind in KINDS for draft in drafts):
        return list(drafts)
    known: dict[tuple[str, str], Record | None] = {}
    await _find_users(database, drafts, known)
    began: dict[tuple[str, str], Record | None] = dict(known)
    found = []
    for draft in drafts:
        kind = KINDS.get(draft.kind)
        if kind is None:
            found.append(draft)
            continue
        name, new = kind.after(draft.payload)
        key = (kind.record, name)
        if key not in known:
            known[key] = began[key] = await kind.before(database, name)
        # Renamed, it is compared with what it was under the other name, whose entry comes before.
        renamed = (kind.record, str(draft.payload.get(RENAMED, "")).casefold())
        changes = between(began.get(renamed, known[key]), new)
        known[key] = new
        # What the caller knows and the catalog does not: that a password was changed.
        changes += [Change.of_json(one) for one in draft.payload.get(KEY, ())]
        found.append(replace(draft, payload=draft.payload | {KEY: [one.as_json() for one in changes]}))
    return found


def password_changed() -> list[Record]:
    """The changes that a caller tells who has stored, replaced or forgotten a password."""
    return [Change(PASSWORD, secret=True).as_json()]


def _flat(value: Record, prefix: str = "") -> Record:
    """Fields by their dotted names; lists are values."""
    found: Record = {}
    for name, one in value.items():
        if not prefix and name in _UNTOLD:
            continue
        if isinstance(one, dict):
            found.update(_flat(one, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = one
    return found


def _is_nothing(value: Any) -> bool:
    """True for a value that says nothing: not given, or empty."""
    return value is _ABSENT or value is None or value in ("", [], {})


def _shown(value: Any) -> str:
    if _is_nothing(value):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


# The records ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of entry that changes a ``record``: what its payload makes of which one, and what the catalog has of it."""

    record: str
    after: Callable[[Record], tuple[str, Record | None]]
    before: Callable[[Database, str], Awaitable[Record | None]]


def _user_after(payload: Record) -> tuple[str, Record | None]:
    user = dict(payload["user"])
    # Removed, a user is only kept for the name of the archive.
    return str(user["id"]), None if user.pop("removed", False) else user


async def _user_before(database: Database, user_id: str) -> Record | None:
    found = await _users(database, [user_id])
    return found.get(user_id)


async def _users(database: Database, ids: Sequence[str]) -> dict[str, Record]:
    """The users that are not removed among ``ids``."""
    marks = json.dumps(list(ids))
    sql = "SELECT user_id, address FROM address WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id, position"
    addresses: dict[str, list[str]] = {}
    for user, address in await database.read(sql, (marks,)):
        addresses.setdefault(user, []).append(address)
    sql = (
        "SELECT id, name, login, full_name, disabled, directory_id, directory_addresses FROM user "
        "WHERE NOT removed AND id IN (SELECT value FROM json_each(?))"
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
        for row in await database.read(sql, (marks,))
    }


async def _find_users(database: Database, drafts: Sequence[Draft], known: dict[tuple[str, str], Record | None]) -> None:
    """All users of ``drafts`` in a few questions: a synchronisation saves tens of thousands."""
    ids = list(dict.fromkeys(str(draft.payload["user"]["id"]) for draft in drafts if draft.kind == "user.saved"))
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        there = await _users(database, chunk)
        known.update({("user", one): there.get(one) for one in chunk})


def _profile_after(payload: Record) -> tuple[str, Record | None]:
    return str(payload["name"]).casefold(), payload.get("definition")


async def _profile_before(database: Database, name: str) -> Record | None:
    rows = await database.read("SELECT name, definition FROM profile")
    return next((json.loads(definition) for one, definition in rows if one.casefold() == name), None)


def _directory_after(payload: Record) -> tuple[str, Record | None]:
    return "", payload.get("definition")


async def _directory_before(database: Database, name: str) -> Record | None:
    text = await database.value("SELECT definition FROM directory")
    return json.loads(text) if text else None


def _ours_after(payload: Record) -> tuple[str, Record | None]:
    return str(payload["address"]), {"ours": bool(payload["ours"])}


async def _ours_before(database: Database, pattern: str) -> Record | None:
    return {"ours": await database.value("SELECT 1 FROM not_ours WHERE pattern = ?", (pattern,)) is None}


def _setting_after(payload: Record) -> tuple[str, Record | None]:
    return str(payload["name"]), {payload["name"]: payload["value"]}


async def _setting_before(database: Database, name: str) -> Record | None:
    return {name: settings.shown(await settings.read(database)).get(name)}


def _place_after(payload: Record) -> tuple[str, Record | None]:
    definition = payload.get("definition")
    return str(definition["name"] if definition else payload["name"]).casefold(), definition


async def _place_before(database: Database, name: str) -> Record | None:
    rows = await database.read("SELECT name, definition FROM seal_place")
    return next((json.loads(definition) for one, definition in rows if one.casefold() == name), None)


#: Every kind of entry that saves or removes a record. A kind is either here or in ``EVENTS``.
KINDS: dict[str, _Kind] = {
    "user.saved": _Kind("user", _user_after, _user_before),
    "profile.saved": _Kind("profile", _profile_after, _profile_before),
    "profile.removed": _Kind("profile", _profile_after, _profile_before),
    "directory.saved": _Kind("directory", _directory_after, _directory_before),
    "directory.removed": _Kind("directory", _directory_after, _directory_before),
    "address.ours": _Kind("address", _ours_after, _ours_before),
    "seal.place.saved": _Kind("seal place", _place_after, _place_before),
    "seal.place.removed": _Kind("seal place", _place_after, _place_before),
    "settings.saved": _Kind("setting", _setting_after, _setting_before),
}
