"""People of a real OpenLDAP server, and of a tree in it that looks like Active Directory's."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.directory.people import connection_test, people
from core.errors import ConnectError, DirectoryError
from core.profiles.directory import Attributes, Directory, DirectoryAccess, DirectoryKind, DirectorySearch, DirectoryServer
from core.secrets import Secret
from core.system.tasks import spawn
from tests.servers import slapd
from tests.servers.slapd import AD_ADMIN, AD_BASE, ADMIN, BASE, PASSWORD, Slapd, ad_user, group, person

pytestmark = [pytest.mark.server, pytest.mark.skipif(slapd.missing() is not None, reason="needs the Debian package slapd")]
COUNT = 1250


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """More people than fit into two pages, one with aliases, two groups; and accounts of an Active Directory."""
    entries = [person(number) for number in range(COUNT)]
    entries.append(
        person(9000, "anna", ["anna@example.test", "a.muster@example.test", "anna@other.test"], displayName=["Änna"])
    )
    groups = [group("staff", [entries[1][0], entries[COUNT][0]]), group("nobody", [f"cn=x,{BASE}"])]
    accounts = [
        ad_user(1, "anna", "anna@ad.test", ["smtp:old@ad.test", "SMTP:primary@ad.test", "X500:/o=x", "sip:anna@ad.test"]),
        ad_user(2, "bob", "bob@ad.test", control=514),
        ad_user(3, "krbtgt", ""),
    ]
    with Slapd(tmp_path_factory.mktemp("ldap"), [*entries, *groups, *accounts]) as running:
        yield running


def settings(server: Slapd, access: DirectoryAccess = DirectoryAccess.LDAP_TLS, base: str = BASE, **search: Any) -> Directory:
    port = server.ssl_port if access is DirectoryAccess.LDAP_SSL else server.port
    ca_file = "" if access is DirectoryAccess.LDAP else str(server.ca_file)
    where = DirectoryServer(server.host, access, port, False, ca_file, 10.0)
    return Directory(DirectoryKind.LDAP, where, ADMIN, search=replace(DirectorySearch(base), **search))


@pytest.mark.parametrize("access", [DirectoryAccess.LDAP, DirectoryAccess.LDAP_TLS, DirectoryAccess.LDAP_SSL])
async def test_everybody_is_read_page_by_page_whatever_the_access(server: Slapd, access: DirectoryAccess) -> None:
    """Each step is told, the last one with the number of people; each has a permanent id."""
    told: list[tuple[str, str]] = []
    steps, found = await connection_test(
        settings(server, access), Secret(PASSWORD), lambda step: told.append((step.name, threading.current_thread().name))
    )
    assert told == [(step.name, threading.current_thread().name) for step in steps]
    assert [step.ok for step in steps] == [True] * (4 if access is DirectoryAccess.LDAP else 6)
    assert steps[-1].text == "1,251 users"
    assert len({one.id for one in found}) == COUNT + 1
    [anna] = [one for one in found if one.name == "anna"]
    assert anna.addresses == ("anna@example.test", "a.muster@example.test", "anna@other.test")
    assert (anna.id, anna.enabled, anna.login) == (f"entryUUID:{uuid.UUID(int=9001)}", True, "")


async def test_the_base_is_found_by_itself(server: Slapd) -> None:
    """From what the server says of its trees."""
    found = await people(settings(server, base=""), Secret(PASSWORD))
    assert len(found) == COUNT + 1


async def test_filter_attributes_groups_and_domains_choose_people(server: Slapd) -> None:
    """By the filter that is given, under the attributes that are given; direct members of groups; any address counts."""
    names = Attributes("sn", "displayName", ("mail",), "uid")
    [anna] = await people(settings(server, filter="(uid=anna)", attributes=names), Secret(PASSWORD))
    assert (anna.name, anna.full_name, anna.login) == ("9000", "Änna", "anna")
    for wanted in ("staff", f"cn=staff,ou=groups,{BASE}"):
        members = await people(settings(server, groups=(wanted,)), Secret(PASSWORD))
        assert sorted(one.name for one in members) == ["anna", "user0001"]
    assert [one.name for one in await people(settings(server, domains=("OTHER.test",)), Secret(PASSWORD))] == ["anna"]
    with pytest.raises(DirectoryError, match='has no group "ghosts"'):
        await people(settings(server, groups=("ghosts",)), Secret(PASSWORD))


async def test_members_are_found_without_the_overlay_too(tmp_path: Path) -> None:
    """With entries that do not tell their groups, the groups' own lists are read."""
    entries = [person(number) for number in range(5)]
    with Slapd(tmp_path, [*entries, group("staff", [entries[3][0]])], member_of=False) as server:
        found = await people(settings(server, groups=("staff",)), Secret(PASSWORD))
    assert [one.name for one in found] == ["user0003"]


async def test_members_are_found_of_a_group_that_the_overlay_passes_by(tmp_path: Path) -> None:
    """The entries tell only one of two groups: without the other's members, they would count as gone."""
    entries = [person(number) for number in range(5)]
    other: dict[str, Sequence[str | bytes]] = {"objectClass": ["groupOfUniqueNames"], "cn": ["unique"]}
    other["uniqueMember"] = [entries[3][0]]
    groups = [group("staff", [entries[1][0], f"cn=x,{BASE}"]), (f"cn=unique,ou=groups,{BASE}", other)]
    with Slapd(tmp_path, [*entries, *groups]) as server:
        found = await people(settings(server, groups=("staff", "unique")), Secret(PASSWORD))
    assert [one.name for one in found] == ["user0001", "user0003"]


async def test_accounts_of_active_directory_are_understood(server: Slapd) -> None:
    """objectGUID, SMTP: before mail, other kinds of addresses left out, disabled accounts, no account without mail."""
    directory = replace(settings(server, base=AD_BASE), source=DirectoryKind.ACTIVE_DIRECTORY, username=AD_ADMIN)
    anna, bob = sorted(await people(directory, Secret(PASSWORD)), key=lambda one: one.name)
    assert anna.addresses == ("primary@ad.test", "anna@ad.test", "old@ad.test")
    assert (anna.id, anna.name, anna.full_name) == (f"objectGUID:{uuid.UUID(int=2)}", "anna", "Anna Displayed")
    assert (anna.enabled, bob.enabled) == (True, False)
    assert [one.name for one in await people(replace(directory, include_disabled=False), Secret(PASSWORD))] == ["anna"]


@pytest.mark.parametrize(
    ("change", "step", "words"),
    [
        ({"host": "nowhere.invalid"}, "lookup", "cannot be found"),
        ({"port": 1}, "tcp", "refused the connection"),
        ({"ca_file": ""}, "certificate", "signed by an unknown authority"),
        ({"host": "localhost"}, "certificate", "is for another name"),
        ({"access": DirectoryAccess.LDAP_SSL}, "tls", "does not speak TLS"),
    ],
)
async def test_the_step_that_fails_is_named_with_what_to_do(
    server: Slapd, change: dict[str, Any], step: str, words: str
) -> None:
    """Earlier steps are ticked, later ones were not reached."""
    directory = settings(server)
    steps, found = await connection_test(replace(directory, server=replace(directory.server, **change)), Secret(PASSWORD))
    [failed] = [one for one in steps if one.ok is False]
    assert failed.name == step
    assert words in failed.text
    assert failed.hint
    order = [one.ok for one in steps]
    assert order == [True] * order.index(False) + [False] + [None] * (len(order) - order.index(False) - 1)
    assert found == ()


async def test_a_refused_login_says_so_without_the_password(server: Slapd) -> None:
    """Wrong, or empty, which a directory would take for no login at all."""
    for word in ("wrong word", ""):
        steps, _ = await connection_test(settings(server), Secret(word))
        [failed] = [one for one in steps if one.ok is False]
        assert failed.name == "login"
        assert not word or word not in failed.text + failed.hint


async def test_accept_all_takes_any_certificate(server: Slapd) -> None:
    """And says that none was checked."""
    directory = settings(server)
    trusting = replace(directory, server=replace(directory.server, ca_file="", accept_all_certificates=True))
    steps, _ = await connection_test(trusting, Secret(PASSWORD))
    assert "not checked" in next(step.text for step in steps if step.name == "certificate")


async def test_nobody_and_a_part_are_errors_and_never_a_list(tmp_path: Path, server: Slapd) -> None:
    """An empty answer, a base that is not there, people without any address, and a server that gives less than there is."""
    with pytest.raises(DirectoryError, match="nobody"):
        await people(settings(server, filter="(uid=ghost)"), Secret(PASSWORD))
    with pytest.raises(DirectoryError, match="has nothing under"):
        await people(settings(server, base=f"ou=gone,{BASE}"), Secret(PASSWORD))
    names = Attributes("uid", "cn", ("maill",))
    with pytest.raises(DirectoryError, match="gives nobody an e-mail address"):
        await people(settings(server, filter="(objectClass=inetOrgPerson)", attributes=names), Secret(PASSWORD))
    with Slapd(tmp_path, [person(number) for number in range(20)], limit="10") as limited:
        directory = replace(settings(limited), username="")
        with pytest.raises(DirectoryError, match="only a part"):
            await people(directory, Secret(""))


async def test_what_is_no_ldap_at_all_is_an_error_like_any_other() -> None:
    """Zeros: a run before which users are synchronised goes on after it."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(bytes(100))

        answering = spawn(asyncio.to_thread(answer), name="answer")
        where = DirectoryServer("127.0.0.1", DirectoryAccess.LDAP, other.getsockname()[1], timeout=10.0)
        steps, found = await connection_test(
            Directory(DirectoryKind.LDAP, where, ADMIN, search=DirectorySearch(BASE)), Secret(PASSWORD)
        )
        await answering
    [failed] = [one for one in steps if one.ok is False]
    assert "is no LDAP" in failed.text
    assert found == ()


async def test_a_search_can_be_called_off_while_the_server_says_nothing() -> None:
    """Cancelled at once, and the thread ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = DirectoryServer("127.0.0.1", DirectoryAccess.LDAP_SSL, silent.getsockname()[1], timeout=60.0)
        task = spawn(people(Directory(DirectoryKind.LDAP, where), Secret("")), name="people")
        connected = await asyncio.to_thread(silent.accept)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The handshake that it began is all that comes, then the end.
        connected[0].settimeout(10)
        while await asyncio.to_thread(connected[0].recv, 65536):
            pass
        connected[0].close()


async def test_a_server_that_goes_silent_is_given_up() -> None:
    """After the timeout, as an error with the step that it was in."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = DirectoryServer("127.0.0.1", DirectoryAccess.LDAP, silent.getsockname()[1], timeout=1.0)
        with pytest.raises(ConnectError, match="was lost"):
            await people(Directory(DirectoryKind.LDAP, where), Secret(""))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ldap3")]
