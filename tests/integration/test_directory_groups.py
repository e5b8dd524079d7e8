"""Members of groups of a real OpenLDAP server, and of a tree in it that looks like Active Directory's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ldap3
import pytest

from core.directory.group_notes import GroupLack, GroupNote
from core.directory.people import connection_test, people
from core.errors import DirectoryError
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectorySearch, DirectoryServer
from core.secrets import Secret
from tests.command import Archivar
from tests.servers import slapd
from tests.servers.slapd import AD_ADMIN, AD_BASE, ADMIN, BASE, PASSWORD, Entry, Slapd, ad_group, ad_user, group, person

pytestmark = [pytest.mark.server, pytest.mark.skipif(slapd.missing() is not None, reason="needs the Debian package slapd")]
MANY = 1250


def settings(server: Slapd, *groups: str, base: str = BASE, **more: Any) -> Directory:
    where = DirectoryServer(server.host, DirectoryAccess.LDAP, server.port, timeout=20.0)
    active = base == AD_BASE
    source = DirectoryKind.ACTIVE_DIRECTORY if active else DirectoryKind.LDAP
    username = AD_ADMIN if active else ADMIN
    return Directory(source, where, username, search=DirectorySearch(base, groups=groups, **more))


async def found(directory: Directory) -> tuple[list[str], list[GroupNote]]:
    """The names of the found people, and the gaps in their groups."""
    notes: list[GroupNote] = []
    entries = await people(directory, Secret(PASSWORD), note=notes.append)
    return sorted(one.name for one in entries), notes


def of(name: str) -> str:
    return f"cn={name},ou=groups,{BASE}"


def in_ad(name: str) -> str:
    return f"cn={name},{AD_BASE}"


def other_group(name: str, kind: str, **values: Sequence[str]) -> Entry:
    return of(name), {"objectClass": [kind], "cn": [name], **values}


def unix_person(number: int, name: str, gid: str) -> Entry:
    dn, values = person(number, name)
    unix = {"objectClass": ["inetOrgPerson", "posixAccount"], "uidNumber": ["1"], "homeDirectory": ["/"]}
    return dn, {**values, **unix, "gidNumber": [gid]}


@pytest.fixture(scope="module", params=[True, False], ids=["memberOf", "lists"])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """Groups of all kinds in each other, in a circle too; with and without what the entries tell themselves."""
    entries = [person(number) for number in range(MANY)]
    dns = [dn for dn, _ in entries]
    groups = [
        group("all", [of("north"), of("south"), dns[1]]),
        group("north", [of("unique"), of("all"), dns[2]]),
        group("south", [of("posix").replace(",ou=", ", OU="), dns[3].upper()]),
        group("circle", [of("circle")]),
        group("big", [of("large")]),
        group("large", dns),
        group("deep0", [of("deep1")]),
        *(group(f"deep{number}", [of(f"deep{number + 1}"), dns[number]]) for number in range(1, 40)),
        group("ghosts", [f"cn=gone,{BASE}", "uid=far,dc=elsewhere,dc=test"]),
        other_group("unique", "groupOfUniqueNames", uniqueMember=[f"{dns[4]}#'0101'B"]),
        other_group("posix", "posixGroup", gidNumber=["500"], memberUid=["user0005", "stranger"]),
        other_group("none", "posixGroup", gidNumber=["600"]),
        other_group("around", "groupOfUniqueNames", uniqueMember=[of("none")]),
    ]
    entries += [unix_person(9000, "unix", "500"), unix_person(9001, "other", "501")]
    with Slapd(tmp_path_factory.mktemp("groups"), [*entries, *groups], member_of=request.param) as running:
        yield running


async def test_groups_in_groups_are_walked(tree: Slapd) -> None:
    """Of every kind, in a circle, with DNs written otherwise, with a primary group; missing members are named."""
    for name in ("all", of("all")):
        names, notes = await found(settings(tree, name))
        assert names == ["unix", *(f"user000{number}" for number in (1, 2, 3, 4, 5))]
        assert [(one.group, one.lack, one.names) for one in notes] == [(name, GroupLack.STRANGE, ("stranger",))]


async def test_groups_are_found_outside_the_base_of_people(tree: Slapd) -> None:
    """The base is where people are; groups lie anywhere in the tree."""
    directory = settings(tree, "all", base=f"ou=people,{BASE}")
    assert len((await found(directory))[0]) == 6


async def test_many_members_come_page_by_page(tree: Slapd) -> None:
    """All of them, of a group in a group."""
    names, notes = await found(settings(tree, "big"))
    assert (len(names), notes) == (MANY, [])


async def test_a_group_that_lies_too_deep_is_named(tree: Slapd) -> None:
    """Thirty groups in each other are read, and the next one is named."""
    names, notes = await found(settings(tree, "deep0"))
    assert len(names) == 30
    assert [(one.lack, one.names) for one in notes] == [(GroupLack.DEEP, (of("deep31"),))]


async def test_groups_that_lead_to_nobody_are_named_beside_one_that_does(tree: Slapd) -> None:
    """Empty, empty within, in a circle, gone, in another directory; those that are not there are an error, all at once."""
    names, notes = await found(settings(tree, "large", "none", "around", "circle", "ghosts"))
    assert len(names) == MANY
    told = {(one.group, one.lack) for one in notes}
    assert told == {
        ("none", GroupLack.EMPTY),
        ("around", GroupLack.NOBODY),
        ("circle", GroupLack.NOBODY),
        *(("ghosts", lack) for lack in (GroupLack.NOBODY, GroupLack.STRANGE, GroupLack.FOREIGN)),
    }
    [foreign] = [one for one in notes if one.lack is GroupLack.FOREIGN]
    assert foreign.names == ("uid=far,dc=elsewhere,dc=test",)
    with pytest.raises(DirectoryError, match='has no group "a", "cn=b"'):
        await found(settings(tree, "large", "a", "cn=b"))
    with pytest.raises(DirectoryError, match="nobody whom the settings look for"):
        await found(settings(tree, "none"))


async def test_a_group_is_nobody_when_its_members_do_not_count(tree: Slapd) -> None:
    """In none of the domains that are asked for."""
    directory = settings(tree, "all", "large", domains=("example.test",))
    assert [one.lack for one in (await found(directory))[1]] == [GroupLack.STRANGE]
    with pytest.raises(DirectoryError, match="nobody"):
        await found(settings(tree, "all", domains=("other.test",)))


@pytest.fixture(scope="module", params=[True, False], ids=["memberOf", "lists"])
def active(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """Nested groups, primary groups of two domains, members of other domains, accounts that are switched off."""
    names = ("anna", "bob", "carl", "dora", "emil")
    entries = [ad_user(number, name, f"{name}@ad.test") for number, name in enumerate(names)]
    entries += [
        ad_user(10, "guest", "guest@ad.test", primary=514),
        ad_user(11, "alien", "alien@ad.test", domain=2000),
        ad_user(12, "off", "off@ad.test", control=514, primary=600),
        ad_user(13, "mailless", "", primary=514),
        (f"cn=ForeignSecurityPrincipals,{AD_BASE}", {"objectClass": ["organizationalRole"], "cn": ["x"]}),
    ]
    dns = {one[0].split("=")[1].split(" ")[0]: one[0] for one in entries}
    stranger = f"cn=S-1-5-21-9-9-9-1105,cn=ForeignSecurityPrincipals,{AD_BASE}"
    entries[-1] = (entries[-1][0], {"objectClass": ["organizationalRole"], "cn": ["ForeignSecurityPrincipals"]})
    entries.append((stranger, {"objectClass": ["foreignSecurityPrincipal"], "cn": ["S-1-5-21-9-9-9-1105"]}))
    groups = [
        ad_group("Office (all)", [in_ad("Sales"), dns["anna"]]),
        ad_group("Sales", [in_ad("Inner"), in_ad("Office (all)"), dns["bob"], dns["mailless"]]),
        ad_group("Inner", [dns["carl"], stranger, f"cn=zoe,dc=child,{AD_BASE}"]),
        ad_group("Domain Users", rid=513),
        ad_group("Domain Guests", rid=514),
        ad_group("Holder", [in_ad("Domain Guests")]),
        ad_group("Off", rid=600),
        ad_group("Void"),
    ]
    with Slapd(tmp_path_factory.mktemp("ad"), [*entries, *groups], member_of=request.param) as running:
        yield running


async def test_nested_groups_of_active_directory(active: Slapd) -> None:
    """Also where the rule finds nothing; members of other domains are named with the group that lists them."""
    names, notes = await found(settings(active, "Office (all)", base=AD_BASE))
    assert names == ["anna", "bob", "carl"]
    told = {one.lack: one for one in notes}
    assert set(told) == {GroupLack.FOREIGN, GroupLack.STRANGE}
    assert (told[GroupLack.FOREIGN].count, told[GroupLack.FOREIGN].via.lower()) == (2, in_ad("Inner").lower())
    assert "S-1-5-21-9-9-9-1105" in told[GroupLack.FOREIGN].sentence()
    assert "mailless" in told[GroupLack.STRANGE].sentence()


async def test_primary_groups_of_active_directory(active: Slapd) -> None:
    """A user's primary group, directly and nested; the same number in another domain is another group."""
    assert (await found(settings(active, "Domain Users", base=AD_BASE))) == (["anna", "bob", "carl", "dora", "emil"], [])
    assert (await found(settings(active, "Holder", base=AD_BASE))) == (["guest"], [])


async def test_a_group_of_disabled_accounts_leads_to_nobody_if_these_do_not_count(active: Slapd) -> None:
    """And an empty one in any case."""
    directory = settings(active, "Off", "Void", "Holder", base=AD_BASE)
    assert await found(directory) == (["guest", "off"], [GroupNote("Void", GroupLack.EMPTY)])
    names, notes = await found(replace(directory, include_disabled=False))
    assert (names, {(one.group, one.lack) for one in notes}) == (
        ["guest"],
        {("Void", GroupLack.EMPTY), ("Off", GroupLack.NOBODY)},
    )


async def test_active_directory_is_asked_by_its_rule(active: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    """For groups and for people, with what is in a name escaped; other servers are not."""
    asked: list[str] = []
    search = ldap3.Connection.search

    def recorded(self: Any, base: str, filter: str, *rest: Any, **more: Any) -> Any:
        asked.append(filter)
        return search(self, base, filter, *rest, **more)

    monkeypatch.setattr(ldap3.Connection, "search", recorded)
    directory = settings(active, "Office (all)", "Domain Users", base=AD_BASE)
    await found(directory)
    rule = f"(memberOf:1.2.840.113556.1.4.1941:=cn=Office \\28all\\29,{AD_BASE})"
    assert len([one for one in asked if rule in one and directory.filter in one]) == 1
    assert len([one for one in asked if rule in one and "(objectClass=group)" in one]) == 1
    assert [one for one in asked if one == f"(&{directory.filter}(|(primaryGroupID=513)))"]
    asked.clear()
    await found(replace(directory, source=DirectoryKind.LDAP, search=replace(directory.search, filter="(mail=*)")))
    assert not [one for one in asked if "1941" in one]


async def test_a_test_tells_what_groups_lack(active: Slapd) -> None:
    """Beside its steps, all of which went well."""
    notes: list[GroupNote] = []
    directory = settings(active, "Void", "Domain Users", base=AD_BASE)
    steps, entries = await connection_test(directory, Secret(PASSWORD), note=notes.append)
    assert (all(step.ok for step in steps), len(entries)) == (True, 5)
    assert notes == [GroupNote("Void", GroupLack.EMPTY)]


def test_the_command_line_names_them(tmp_path: Path, tree: Slapd) -> None:
    """In the test, a dry run and a synchronisation, in text and as JSON."""
    with Archivar(tmp_path / "cli", WORD=PASSWORD) as archivar:
        lines = [
            *('type = "ldap"', "[server]", f'host = "{tree.host}"', f"port = {tree.ssl_port}", f'ca_file = "{tree.ca_file}"'),
            *("[login]", f'username = "{ADMIN}"', 'password_env = "WORD"', "[search]", f'base_dn = "{BASE}"'),
            *('groups = ["all", "none"]', ""),
        ]
        archivar("directory", "apply", str(archivar.write("ldap.toml", "\n".join(lines))))
        for words in (("test",), ("sync", "--dry-run"), ("sync",)):
            said = archivar("directory", *words)
            assert 'Warning: The group "none" is empty: no users come of it.' in said.err
            assert 'Of the group "all" 1 member cannot be found by the search, or are no users: stranger.' in said.err
            value = archivar("directory", *words, "--json").json
            assert [(one["group"], one["lack"]) for one in value["groups"]] == [("all", "strange"), ("none", "empty")]
        assert len(archivar("user", "list", "--json").json["users"]) == 6
