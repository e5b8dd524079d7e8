"""The directory in a real terminal, by keys alone: a real LDAP server, set up, tried, previewed, synchronised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.command import Archivar
from tests.servers import slapd
from tests.servers.slapd import ADMIN, BASE, PASSWORD, Slapd, person
from tests.terminal.wizards import Wizard, begun

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.server,
    pytest.mark.skipif(slapd.missing() is not None, reason="needs the Debian package slapd"),
]
PEOPLE = 60
LOOKS = [
    pytest.param((80, 24), {}, id="80x24"),
    pytest.param((120, 40), {}, id="120x40"),
    pytest.param((80, 24), {"NO_COLOR": "1"}, id="NO_COLOR"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with Slapd(tmp_path / "slapd", [person(number) for number in range(PEOPLE)]) as running:
        yield running


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    with begun(tmp_path / "work") as archivar:
        yield archivar


def people(archivar: Archivar) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in archivar("user", "list", "--json").json["users"]}


@pytest.mark.parametrize(("size", "environment"), LOOKS)
def test_users_come_from_a_directory(
    archivar: Archivar, server: Slapd, size: tuple[int, int], environment: dict[str, str]
) -> None:
    """A wrong password is told of, the right one reaches the people; before enter nothing is changed, then they are there."""
    with (
        TemporaryDirectory(prefix="ca", dir="/tmp") as folder,
        Wizard(archivar.home, archivar.folder / "settings", size=size, environment=environment) as terminal,
    ):
        # A path that is seen whole in the line.
        authority = shutil.copy(server.ca_file, f"{folder}/ca.pem")
        terminal.until_shown("Needs attention")
        terminal.keys("u")
        terminal.until_shown("There are no users yet.", "t  takes them from a directory")
        terminal.keys("t")
        terminal.until_shown("Where users come from", "▸ Directory")
        assert terminal.straight
        terminal.keys("Right")
        terminal.until_shown("(•) Active Directory", "(•) LDAPS")
        terminal.keys("Right")
        # With the blank it is not LDAPS.
        terminal.until_shown("(•) LDAP ", "A DN: ")
        terminal.fill("Server name", server.host)
        terminal.fill("Port", str(server.ssl_port))
        terminal.fill("Own CA file", authority)
        terminal.fill("Login", ADMIN)
        terminal.fill("Password", "wrong-4711")
        terminal.fill("Base DN", BASE)
        terminal.keys("C-t")
        terminal.until_shown("Login            ✗ failed", "✗ Not all steps went well.")
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.fill("Password", PASSWORD)
        terminal.keys("C-t")
        terminal.until_shown("Certificate      ✔ ok", f"{PEOPLE} users", "✔ All steps went well.")
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.keys("C-r")
        terminal.until_shown(f"{PEOPLE} created", "+ user0000: new, user0000@example.test")
        assert terminal.straight
        assert people(archivar) == {}
        terminal.keys("End")
        terminal.until_shown(f"+ user{PEOPLE - 1:04}: new")
        terminal.keys("Enter")
        terminal.until_shown("✔ Done.", f"{PEOPLE} created")
        terminal.keys("Escape")
        terminal.until_shown("Last synchronised", f"{PEOPLE} created")
        terminal.keys("Escape")
        terminal.until_shown(f"Users ({PEOPLE})", "user0000@example.test", "directory")
        assert terminal.straight
        seen = "\n".join(terminal.seen)
        assert PASSWORD not in seen
        assert "wrong-4711" not in seen
        found = people(archivar)
        assert len(found) == PEOPLE
        assert found["user0007"]["full_name"] == "Person 7"
        again = archivar("directory", "sync", "--json").json
        assert (again["unchanged"], again["changes"]) == (PEOPLE, [])
        files = [path for path in archivar.folder.rglob("*") if path.is_file()]
        assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
