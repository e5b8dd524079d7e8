"""The settings of a directory while somebody fills them in: fields by the names of the directory file. Pure."""

from __future__ import annotations

import re
from typing import Any

from core.profiles.directory import Directory, DirectoryAccess, Left, Source
from core.profiles.directory_file import DIRECTORY_KEYS, check
from core.profiles.fields import Fields, Shape

#: What stands in a form that nobody has filled in yet.
DEFAULTS: dict[str, Any] = {
    "type": Source.KERIO.value,
    "server.access": DirectoryAccess.LDAP_SSL.value,
    "server.timeout": "30",
    "users.left": Left.KEEP.value,
    "users.include_disabled": True,
    "users.guard": "20",
}
#: Of these a server is known, and who logs in to it.
_ACCOUNT = ("type", "server", "login")


def applies(name: str, fields: Fields) -> bool:
    """Has this field a meaning beside the others? What has none is kept in the form, and no part of the settings."""
    kerio = fields.get("type") == Source.KERIO
    tls = kerio or fields.get("server.access") != DirectoryAccess.LDAP
    meaning: dict[str, bool] = {
        "server.access": not kerio,
        "server.accept_all_certificates": tls,
        "server.ca_file": bool(tls and not fields.get("server.accept_all_certificates")),
        "search.base_dn": not kerio,
        "search.filter": not kerio,
        "users.guard": fields.get("users.left") != Left.KEEP,
    }
    return meaning.get(name, not (kerio and name.startswith("attributes.")))


#: A DN has commas, and its own semicolons behind a backslash.
_LISTS = {
    "search.groups": ("; ", re.compile(r"(?<!\\);")),
    "search.domains": (", ", re.compile(r"[,;\s]")),
    "attributes.email": (", ", re.compile(r"[,;\s]")),
}
_SHAPE = Shape(DIRECTORY_KEYS, check, applies, _LISTS, {"server.host": "host.invalid", "login.username": "x"})


def of_directory(directory: Directory) -> dict[str, Any]:
    """The fields of saved settings."""
    given = {name: value for name, value in _SHAPE.written(directory.as_json()).items() if value != ""}
    if directory.source is Source.KERIO:
        # For the case that the kind is changed.
        del given["server.access"]
    return {**DEFAULTS, **given}


def directory(fields: Fields) -> Directory:
    """The settings that the fields make. Raises ``FieldError``."""
    return check(_SHAPE.data(fields))


def account(fields: Fields) -> Directory:
    """Settings of which only server and login are true. Raises ``FieldError`` when these are not right."""
    return directory({name: value for name, value in fields.items() if name.partition(".")[0] in _ACCOUNT})


def problems(fields: Fields) -> dict[str, str]:
    """What is wrong with each field, and what is allowed; nothing when they make settings."""
    return _SHAPE.problems(fields)
