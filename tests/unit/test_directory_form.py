"""A directory's settings as a form: what it makes of fields, and what it says of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.profiles.directory import (
    Attributes,
    Directory,
    DirectoryAccess,
    DirectoryKind,
    DirectorySearch,
    DirectoryServer,
    LeaverPolicy,
)
from core.profiles.schema import forms, reading, writing
from core.profiles.schema.directories import DIRECTORIES, account
from tui.desk.face import CONSOLE

LDAP: dict[str, Any] = {**forms.new(DIRECTORIES), "type": "ldap", "server.host": "dc1.example.test"}
NAMES = Attributes("uid", "cn", ("mail", "proxyAddresses"), "upn")
FULL = Directory(
    DirectoryKind.ACTIVE_DIRECTORY,
    DirectoryServer("dc1", DirectoryAccess.LDAP_TLS, 1389, ca_file=__file__),
    "reader@example.test",
    search=DirectorySearch(
        "dc=x",
        "(mail=*)",
        ("cn=a,dc=x", r"cn=b\;c,dc=x"),
        ("a.x",),
        attributes=Attributes("uid", "cn", ("mail", "proxyAddresses"), "upn"),
    ),
    left=LeaverPolicy.DISABLE,
    include_disabled=False,
    guard=5,
)
KERIO = Directory(
    DirectoryKind.KERIO, DirectoryServer("mail", DirectoryAccess.HTTPS), "admin", search=DirectorySearch(domains=("a.x", "b.x"))
)


def faults_of(fields: dict[str, Any]) -> dict[str, str]:
    """The faults of a form by their fields, as they stand beside them."""
    return {name: fault.beside(CONSOLE) for name, fault in forms.problems(DIRECTORIES, fields).items()}


@pytest.mark.parametrize("directory", [FULL, KERIO])
def test_saved_settings_come_back_from_their_fields(directory: Directory) -> None:
    """As they were, and as the file that is shown of them is read."""
    assert forms.made(DIRECTORIES, forms.filled(DIRECTORIES, directory)) == directory
    assert reading.parse(DIRECTORIES, writing.as_toml(DIRECTORIES, directory), Path("x")).settings == directory


def test_fields_of_another_kind_are_kept_and_no_part_of_the_settings() -> None:
    """Kerio has no base DN, no filter, no access and no attributes; without TLS there is no certificate."""
    fields = {
        **forms.filled(DIRECTORIES, FULL),
        "type": "kerio",
        "search.domains": "a.x b.x",
        "server.accept_all_certificates": False,
    }
    made = forms.made(DIRECTORIES, fields)
    assert made.search == DirectorySearch(groups=FULL.search.groups, domains=("a.x", "b.x"))
    assert made.server.access is DirectoryAccess.HTTPS
    plain = forms.made(DIRECTORIES, {**LDAP, "server.access": "ldap", "server.accept_all_certificates": True})
    assert plain.server == DirectoryServer("dc1.example.test", DirectoryAccess.LDAP)
    assert plain.search == DirectorySearch()
    assert (
        forms.made(DIRECTORIES, {**forms.filled(DIRECTORIES, KERIO), "type": "ldap"}).server.access is DirectoryAccess.LDAP_SSL
    )
    assert LDAP["server.access"] == forms.filled(DIRECTORIES, KERIO)["server.access"] == DirectoryAccess.LDAP_SSL


def test_every_wrong_field_is_named_at_once() -> None:
    """Each with what is allowed, as a file's reader says it; a missing one is needed."""
    wrong = {**LDAP, "server.host": "", "search.filter": "(mail=*", "search.base_dn": "here", "users.guard": "0"}
    found = faults_of({**wrong, "server.port": "70000", "type": "kerio"})
    assert set(found) == {"server.host", "server.port", "login.username"}
    assert found["server.host"] == "This is needed."
    found = faults_of(wrong)
    assert set(found) == {"server.host", "search.filter", "search.base_dn"}
    found = faults_of({**LDAP, "users.left": "delete", "users.guard": "x", "attributes.email": "mail, no name!"})
    assert set(found) == {"users.guard", "attributes.email"}
    assert faults_of(LDAP) == {}


def test_whose_password_it_is_is_known_while_the_rest_is_wrong() -> None:
    """Server and login count, and nothing else."""
    assert account({**LDAP, "login.username": "cn=r", "search.filter": "((", "users.guard": "x"}).username == "cn=r"
