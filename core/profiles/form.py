"""A profile while somebody fills it in: fields by the names of the profile file, each with what is wrong with it. Pure.

A field's value is what a form holds: a text (also for numbers, days and lists that are written with commas), a bool, or a list
of texts. An empty text is a field that is left out.
"""

from __future__ import annotations

import re
from typing import Any

from core.profiles.catchall import Unknown
from core.profiles.deletion import When
from core.profiles.fields import Fields, Shape, wrong
from core.profiles.keys import KEYS
from core.profiles.profile import Access, Kind, Method, Profile
from core.profiles.profile_file import check
from core.profiles.selection import Mode
from core.profiles.settings_file import FieldError

#: Lists that are written into one line; folder names have commas in them, so those come as lists.
WRITTEN_LISTS = (
    *("filter.sender", "filter.recipient", "filter.subject", "schedule.weekdays"),
    *("catchall.headers", "catchall.domains", "catchall.own_addresses"),
)
#: How a profile is started: a choice of the form, of which the profile keeps only what follows from it.
HOW = "schedule.how"
_WHENS = ("every", "daily", "cron")
#: What stands for a field that is wrong while the others are looked at.
_STAND_IN: dict[str, Any] = {
    "name": "x",
    "server.host": "host.invalid",
    "login.username": "x",
    "target.user": "x",
    "users.list": ["x"],
    "delete.age": "1 day",
    "schedule.every": "1 day",
    "schedule.daily": "02:00",
    "schedule.cron": "0 2 * * *",
}


def of_profile(profile: Profile) -> dict[str, Any]:
    """The fields of a saved profile."""
    fields = _SHAPE.written(profile.as_json())
    for name in ("filter.larger_than", "filter.smaller_than"):
        if isinstance(size := profile.as_json().get("filter", {}).get(name.partition(".")[2]), int):
            fields[name] = _written_size(size)
    fields[HOW] = next((how for how in _WHENS if fields.get(f"schedule.{how}")), "manual")
    return fields


def _written_size(count: int) -> str:
    for unit, size in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if count and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count} B" if count else ""


def applies(name: str, fields: Fields) -> bool:
    """Has this field a meaning beside the others? What has none is kept in the form, and no part of the profile."""
    section = name.partition(".")[0]
    when, kind = fields.get("delete.when", When.NEVER), fields.get("kind")
    tls = fields.get("server.access", Access.IMAP_SSL) != Access.IMAP
    master = fields.get("login.method") not in (None, "", Method.PASSWORD)
    how = fields.get(HOW, "manual")
    archives = fields.get("catchall.unknown", Unknown.ARCHIVE) != Unknown.LEAVE
    meaning: dict[str, bool] = {
        "server.accept_all_certificates": tls,
        "server.ca_file": bool(tls and not fields.get("server.accept_all_certificates")),
        "login.username": fields.get("login.method") != Method.KERIO_MASTER,
        "delete.age": when == When.OLDER_THAN,
        "delete.trash_too": when != When.NEVER,
        "delete.without_uidplus": when != When.NEVER,
        "delete.shared": when != When.NEVER,
        "users.list": fields.get("users.mode", Mode.ALL) != Mode.ALL,
        "catchall.unknown_folder": archives,
        "catchall.archive": archives,
        "schedule.every": how == "every",
        "schedule.daily": how == "daily",
        "schedule.weekdays": how == "daily",
        "schedule.cron": how == "cron",
        "schedule.time_zone": how in ("daily", "cron"),
        HOW: False,
    }
    if section == "target":
        return bool(kind == Kind.MAILBOX)
    if name == "users.sync_directory_first":
        return kind in (Kind.MAILBOXES, Kind.CATCHALL)
    if section == "users":
        return bool(kind == Kind.MAILBOXES) and meaning.get(name, True)
    if section == "catchall":
        return bool(kind == Kind.CATCHALL) and meaning.get(name, True)
    if section == "schedule":
        return bool(how != "manual") and meaning.get(name, True)
    if name == "server.connections":
        return master
    return meaning.get(name, True)


def profile(fields: Fields) -> Profile:
    """The profile that the fields make. Raises ``FieldError``."""
    for error in _malformed(fields):
        raise error
    return _checked(_data(fields))


def problems(fields: Fields) -> dict[str, str]:
    """What is wrong with each field, and what is allowed; nothing when they make a profile."""
    if strange := _malformed(fields):
        return {error.field: wrong(error) for error in strange}
    return _SHAPE.problems_of(_data(fields))


def _malformed(fields: Fields) -> list[FieldError]:
    """Errors about what no form has: other names, and another way to be started."""
    found = []
    for name in fields:
        section, _, key = name.rpartition(".")
        if name != HOW and (key not in KEYS.get(section, {}) or name == f".{key}"):
            found.append(FieldError(f"{name} is unknown.", "Leave it out.", name, "is unknown", ""))
    how = fields.get(HOW, "manual")
    if how not in ("manual", *_WHENS):
        allowed = ", ".join(("manual", *_WHENS))
        found.append(FieldError(f"{HOW} = {how!r} is not allowed.", f"Allowed: {allowed}.", HOW, "is not allowed", allowed))
    return found


def _checked(data: dict[str, Any]) -> Profile:
    """The profile of ``data``, in which a schedule that does not say when has a name for what is missing."""
    schedule = data.get("schedule", {})
    missing = next((key for key in _WHENS if key in schedule and not schedule[key]), "")
    if missing:
        field = f"schedule.{missing}"
        allowed = KEYS["schedule"][missing].what
        raise FieldError(f"{field} is missing or empty.", f"Write {allowed}.", field, "is missing or empty", allowed)
    return check(data)


def _data(fields: Fields) -> dict[str, Any]:
    """What would stand in a profile file."""
    data = _SHAPE.data(fields)
    how = fields.get(HOW, "manual")
    if how in _WHENS:
        # Chosen and left empty: to be complained of, never started by hand instead.
        data.setdefault("schedule", {}).setdefault(how, "")
    return data


#: Lists that are written into one line are taken apart at commas, and at semicolons.
_SHAPE = Shape(KEYS, _checked, applies, dict.fromkeys(WRITTEN_LISTS, (", ", re.compile("[,;]"))), _STAND_IN)
