"""``archivar doctor``: the checkup of a server's administration, in ticks and remedies, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import Archivar
from tests.servers.kerio_api import ADMIN, PASSWORD, Behaviour, KerioApi, clean_out, user

REFUSED = {"code": 1003, "message": "%1 is forbidden.", "data": {"messageParameters": {"positionalParameters": ["This"]}}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KerioApi]:
    with KerioApi(Behaviour(users=[user(1, "anna")]), folder=tmp_path) as running:
        yield running


@pytest.fixture
def archivar(tmp_path: Path, api: KerioApi) -> Iterator[Archivar]:
    """A home with the directory's settings, and a profile that opens every mailbox."""
    with Archivar(tmp_path / "cli", ADMIN_WORD=PASSWORD, WORD="x") as archivar:
        lines = [
            *('type = "kerio"', "[server]", f'host = "{api.host}"', f"port = {api.port}", f'ca_file = "{api.ca_file}"'),
            *("[login]", f'username = "{ADMIN}"', 'password_env = "ADMIN_WORD"'),
        ]
        archivar("directory", "apply", str(archivar.write("directory.toml", "\n".join(lines))))
        lines = [
            *('name = "Staff"', 'kind = "mailboxes"', "[server]", f'host = "{api.host}"', "connections = 16"),
            *("[login]", 'method = "kerio-master"', 'password_env = "WORD"'),
        ]
        archivar("profile", "apply", str(archivar.write("staff.toml", "\n".join(lines))))
        yield archivar


def checks(archivar: Archivar, code: int = 0) -> dict[str, dict[str, Any]]:
    found = archivar("doctor", "--profile", "Staff", "--json", code=code).json
    assert found["ok"] is (code == 0)
    return {one["check"]: one for one in found["checks"]}


def test_a_server_that_is_set_up_well_gets_ticks(archivar: Archivar, api: KerioApi) -> None:
    """Everything that was looked at is good, and nothing but questions was asked."""
    found = checks(archivar)
    assert all(one["ok"] for one in found.values()), found
    assert found["Version"]["text"] == "Kerio Connect 9.4.2"
    assert "archive@example.test" in found["Archive mailbox"]["text"]
    assert {"Service IMAP", "Service Secure IMAP"} < found.keys()
    asked = {call for call in api.calls if not call.startswith("Session.")}
    assert {call.partition(".")[2] for call in asked} <= {"get", "getVersion"}
    told = archivar("doctor").out
    assert "Master authentication   ✔ good" in told
    assert 'IP address group "Archive"' in told


@pytest.mark.parametrize(
    ("change", "check", "text", "remedy"),
    [
        ({"master": {"isEnabled": False}}, "Master authentication", "switched off", "Advanced Options"),
        (
            {"master": {"isEnabled": 1, "groupRestriction": {"enabled": 0}}},
            "Master authentication",
            "every address",
            "this machine",
        ),
        (
            {"services": [{"name": "IMAP", "isRunning": True, "connectionLimit": 20}]},
            "Service IMAP",
            "at most 20 connections; the profile uses 16",
            "lower connections",
        ),
        (
            {"archive": {"isEnabled": True, "archiveLocalMessages": True, "archiveOutgoingMessages": 1}},
            "Archive mailbox",
            "not archived: incoming, relayed",
            "Tick them",
        ),
    ],
)
def test_what_should_be_changed_is_told_with_the_remedy(
    archivar: Archivar, api: KerioApi, change: dict[str, Any], check: str, text: str, remedy: str
) -> None:
    """Exit code 1; what is wrong, and where it is mended."""
    for name, value in change.items():
        setattr(api.behaviour, name, value)
    one = checks(archivar, code=1)[check]
    assert one["ok"] is False
    assert text in one["text"]
    assert remedy in one["remedy"]


@pytest.mark.parametrize(
    ("change", "check", "text"),
    [
        ({"misc": {"insertXEnvelopeTo": False}}, "X-Envelope-To", "not added"),
        ({"archive": {"isEnabled": False}}, "Archive mailbox", "switched off"),
        ({"services": [{"name": "IMAP", "isRunning": 0}]}, "Service IMAP", "not running"),
        (
            {"domains": [{"id": "d1", "name": "x.test", "aliasList": [], "cleanOutItems": clean_out(deletedItems=14)}]},
            "Clean-out of old items",
            "x.test: Deleted Items after 14 days",
        ),
        ({"domains": [{"id": "d1", "name": "x.test", "aliasList": []}]}, "Clean-out of old items", "did not tell"),
        ({"errors": {"AdvancedOptions.get": REFUSED}}, "Master authentication", "did not tell"),
        ({"errors": {"Archive.get": REFUSED}}, "Archive mailbox", "did not tell"),
        ({"errors": {"Services.get": REFUSED}}, "Service IMAP", "did not tell"),
        ({"errors": {"Domains.get": REFUSED}}, "Clean-out of old items", "did not tell"),
    ],
)
def test_what_depends_or_cannot_be_told_is_no_tick(
    archivar: Archivar, api: KerioApi, change: dict[str, Any], check: str, text: str
) -> None:
    """Neither good nor bad: said so, with where to look."""
    for name, value in change.items():
        setattr(api.behaviour, name, value)
    one = checks(archivar)[check]
    assert one["ok"] is None
    assert text in one["text"]
    assert one["remedy"]


def test_the_doctor_asks_kerio_connect_alone(archivar: Archivar, api: KerioApi) -> None:
    """Another kind of directory is refused, a refused login says why."""
    api.behaviour.broken = b"<html>"
    assert "does not answer as Kerio Connect's administration" in archivar("doctor", code=3).err
    file = archivar.write("ldap.toml", 'type = "ldap"\n[server]\nhost = "x"\n')
    archivar("directory", "apply", str(file))
    assert "not Kerio Connect" in archivar("doctor", code=2).err
    assert "There is no profile" in archivar("doctor", "--profile", "Ghost", code=2).err
