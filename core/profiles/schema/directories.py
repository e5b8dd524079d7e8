"""The table of directory files: its fields, their dependencies, and the settings that they make."""

from __future__ import annotations

from typing import Any

from core.problems import fields
from core.profiles.directory import (
    ATTRIBUTES,
    Attributes,
    Directory,
    DirectoryAccess,
    DirectoryKind,
    DirectorySearch,
    DirectoryServer,
)
from core.profiles.schema.directory_fields import FIELDS
from core.profiles.schema.forms import Fields, made
from core.profiles.schema.kinds import WrongValue, show
from core.profiles.schema.table import Check, SettingsTable, Values, While, of_section, taken_of


def _reached(values: Values) -> None:
    kerio, access = values["type"] is DirectoryKind.KERIO, values["server.access"]
    if (access is DirectoryAccess.HTTPS) is not kerio:
        allowed = "https" if kerio else "ldap-ssl, ldap-tls, ldap"
        raise WrongValue(show(access.value), fields.NOT_POSSIBLE(directory=values["type"].value, allowed=allowed))


def _named(values: Values) -> None:
    if not values["login.username"] and (values["login.password_file"] or values["login.password_env"]):
        raise WrongValue("", fields.NO_USERNAME(allowed="username, or no password"))


def _directory(values: Values) -> Directory:
    source, names = values["type"], of_section("attributes", values)
    attributes = None
    if any(names.values()):
        usual = ATTRIBUTES[source]
        attributes = Attributes(
            names["user_name"] or usual.user_name,
            names["full_name"] or usual.full_name,
            names["email"] or usual.email,
            names["login"],
        )
    return Directory(
        source,
        DirectoryServer(**of_section("server", values)),
        values["login.username"],
        values["login.password_file"],
        DirectorySearch(**of_section("search", values), attributes=attributes),
        **of_section("users", values),
    )


def _taken(directory: Directory) -> dict[str, Any]:
    parts = {
        "server": directory.server,
        "search": directory.search,
        "users": directory,
        "attributes": directory.search.attributes,
    }
    values = {"type": directory.source} | taken_of(FIELDS, parts)
    return values | {"login.username": directory.username, "login.password_file": directory.password_file}


def account(fields: Fields) -> Directory:
    """Settings with only server and login from the form. Raises ``FieldError`` when these are invalid."""
    told = ("type", "server", "login")
    return made(DIRECTORIES, {name: value for name, value in fields.items() if name.partition(".")[0] in told})


DIRECTORIES = SettingsTable(
    "a directory",
    FIELDS,
    {
        "server": None,
        "login": None,
        "search": None,
        "attributes": While("type", (DirectoryKind.ACTIVE_DIRECTORY, DirectoryKind.LDAP), fields.FIXED_ATTRIBUTES(allowed="")),
        "users": None,
    },
    (
        Check(("server.access", "type"), _reached),
        Check(("login.username", "login.password_file", "login.password_env"), _named),
    ),
    _directory,
    _taken,
)
