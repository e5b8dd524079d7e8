"""The table of profile files: its fields, their dependencies, and the profile that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import InputError
from core.problems import fields
from core.problems.profile import NO_NAME
from core.profiles.catchall import CatchAll
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.profile import Kind, Login, Method, Profile, Server, Target
from core.profiles.rules import FolderRules
from core.profiles.schedule import Schedule
from core.profiles.schema.kinds import WrongValue, show
from core.profiles.schema.profile_fields import ACCOUNT
from core.profiles.schema.profile_kinds import FOLDER, LONGEST_NAME, NAME
from core.profiles.schema.profile_rules import HOW, RULES, How
from core.profiles.schema.table import Check, SettingsTable, Values, While, of_section, taken_of
from core.profiles.selection import UserSelection

FIELDS = (*ACCOUNT, *RULES)
_TIMED = (How.EVERY, How.DAILY, How.CRON)


def _opened(values: Values) -> None:
    method = values["login.method"]
    if method.master and values["kind"] is not Kind.MAILBOXES:
        raise WrongValue(show(method.value), fields.MASTER_FOR_MAILBOXES(allowed=Method.PASSWORD.value))
    if not method.master and values["kind"] is Kind.MAILBOXES:
        masters = ", ".join(one.value for one in Method if one.master)
        raise WrongValue("", fields.NO_MASTER(allowed=masters))


def _days(values: Values) -> None:
    since, before = values["filter.since"], values["filter.before"]
    if since and before and since >= before:
        raise WrongValue("", fields.NOT_AFTER())


def _sizes(values: Values) -> None:
    if values["filter.smaller_than"] and values["filter.larger_than"] >= values["filter.smaller_than"]:
        raise WrongValue("", fields.NOT_OVER())


def _folder(values: Values) -> None:
    """Default folder of a mailbox: its user name, if that is a valid folder."""
    if values["kind"] is Kind.MAILBOX and not values["target.folder"] and values["login.username"]:
        FOLDER.read(values["login.username"], Path())


def _how(raw: Values) -> dict[str, Any]:
    """The way to start of a file's profile: the first of several."""
    given = (how for how in _TIMED if str(raw.get(f"schedule.{how}", "")).strip())
    return {HOW: next(given, How.MANUAL).value}


def _profile(values: Values) -> Profile:
    kind = values["kind"]
    login = Login(**of_section("login", values, "password", "password_env"))
    folder = values["target.folder"] or login.username
    return Profile(
        values["name"],
        Server(**of_section("server", values)),
        login,
        Target(values["target.user"], folder) if kind is Kind.MAILBOX else None,
        FolderRules.of(values["folders.include"], values["folders.exclude"]),
        Filter(**of_section("filter", values)),
        Deletion(**of_section("delete", values)),
        UserSelection(values["users.mode"], values["users.list"]) if kind is Kind.MAILBOXES else None,
        Schedule(**of_section("schedule", values, "how")) if values[HOW] is not How.MANUAL else None,
        values["users.sync_directory_first"],
        CatchAll(**of_section("catchall", values)) if kind is Kind.CATCHALL else None,
    )


def _taken(profile: Profile) -> dict[str, Any]:
    parts = {"server": profile.server, "login": profile.login, "filter": profile.filter, "delete": profile.deletion}
    parts |= {"target": profile.target, "catchall": profile.catchall, "schedule": profile.schedule}
    values = {"name": profile.name, "kind": profile.kind} | taken_of(FIELDS, parts)
    values["folders.include"] = tuple(rule.pattern for rule in profile.folders.include)
    values["folders.exclude"] = tuple(rule.pattern for rule in profile.folders.exclude)
    if profile.selection is not None:
        values |= {"users.mode": profile.selection.mode, "users.list": profile.selection.names}
    if profile.target is None:
        values["users.sync_directory_first"] = profile.sync_directory_first
    schedule = profile.schedule
    values[HOW] = How.MANUAL if schedule is None else next(how for how in _TIMED if getattr(schedule, how))
    return values


PROFILES = SettingsTable(
    "a profile",
    FIELDS,
    {
        "server": None,
        "login": None,
        "folders": None,
        "filter": None,
        "delete": None,
        "target": While("kind", (Kind.MAILBOX,), fields.FOR_KINDS(kinds="mailbox", allowed="")),
        "users": While("kind", (Kind.MAILBOXES, Kind.CATCHALL), fields.FOR_KINDS(kinds="mailboxes and catchall", allowed="")),
        "catchall": While("kind", (Kind.CATCHALL,), fields.FOR_KINDS(kinds="catchall", allowed="")),
        "schedule": While(HOW, _TIMED, fields.NO_START(allowed='every = "15 minutes", daily = "02:00" or cron = "0 2 * * 1"')),
    },
    (
        Check(("login.method", "kind"), _opened),
        Check(("filter.before", "filter.since"), _days),
        Check(("filter.smaller_than", "filter.larger_than"), _sizes),
        Check(("target.folder", "kind", "login.username"), _folder),
    ),
    _profile,
    _taken,
    _how,
)


def checked_name(text: str) -> str:
    """``text`` as a profile's name. Raises ``InputError`` for an invalid one."""
    try:
        name: str | None = NAME.read(text, Path())
    except WrongValue:
        name = None
    if not name:
        raise InputError(NO_NAME(name=show(text), longest=LONGEST_NAME))
    return name
