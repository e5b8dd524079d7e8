"""Members of groups, in a directory of a few lines: cases that only Active Directory's own rule knows, and wide groups."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from core.directory.group_notes import GroupLack
from core.directory.groups import CHUNK, IN_CHAIN, Groups, Membership, PeopleSearch
from core.directory.values import Row
from core.errors import DirectoryError

BASE = "dc=ad,dc=test"
TOP = f"cn=top,{BASE}"


class Lines:
    """A directory whose answers are given: entries by DN, and by a part of the filter which of them it finds."""

    def __init__(self, entries: Sequence[Row], answers: dict[str, Sequence[str]]) -> None:
        self.entries = dict(entries)
        self.answers = answers
        self.filters: list[str] = []

    def search(self, bases: Sequence[str], filter: str, attributes: Sequence[str]) -> list[Row]:
        self.filters.append(filter)
        found = dict.fromkeys(dn for part, dns in self.answers.items() if part in filter for dn in dns)
        return [(dn, self.entries[dn]) for dn in found]

    def read(self, dn: str, attributes: Sequence[str]) -> Row | None:
        return (dn, self.entries[dn]) if dn in self.entries else None


def entry(name: str, **values: str | list[str]) -> Row:
    several = {key.lower(): [value] if isinstance(value, str) else value for key, value in values.items()}
    return f"cn={name},{BASE}", {key: [one.encode() for one in value] for key, value in several.items()}


def members(lines: Lines, *names: str, active: bool = True) -> list[Membership]:
    return Groups(lines, PeopleSearch((BASE,), "(person)", ("mail",), (BASE,), active)).members(names, "dc1")


def test_a_member_whom_only_the_matching_rule_finds_counts() -> None:
    """A group between that may not be read, and people in it."""
    hidden = f"cn=hidden,{BASE}"
    lines = Lines(
        [entry("top", member=[hidden]), entry("anna"), entry("inner")],
        {
            f"(&(person)(|(memberOf={TOP})(memberOf=cn=inner,{BASE})(memberOf:{IN_CHAIN}:={TOP})))": [f"cn=anna,{BASE}"],
            f"(objectClass=posixGroup))(memberOf:{IN_CHAIN}:={TOP})": [f"cn=inner,{BASE}"],
        },
    )
    [found] = members(lines, TOP)
    assert [dn for dn, _ in found.people.values()] == [f"cn=anna,{BASE}"]
    assert [(one.lack, one.names) for one in found.notes] == [(GroupLack.STRANGE, (hidden,))]


def test_other_servers_are_not_asked_by_a_rule_that_they_do_not_know() -> None:
    """Some would answer with an error, others with an empty result."""
    lines = Lines([entry("top", member=[f"cn=anna,{BASE}"]), entry("anna")], {"(person)": [f"cn=anna,{BASE}"]})
    assert [len(one.people) for one in members(lines, TOP, active=False)] == [1]
    assert not any(IN_CHAIN in one for one in lines.filters)


def test_a_filter_has_only_so_many_alternatives() -> None:
    """With many groups in a group it is asked several times."""
    inner = [entry(f"g{number:03}") for number in range(CHUNK * 2 + 5)]
    dns = [dn for dn, _ in inner]
    lines = Lines([entry("top", member=dns), *inner], {"(objectClass=group)": dns})
    members(lines, TOP, active=False)
    counts = [len(re.findall(r"\(memberOf=", one)) for one in lines.filters if one.startswith("(&(person)")]
    assert max(counts) == CHUNK
    assert sum(counts) == len(dns) + 1


def test_names_that_are_not_clear_or_not_there_are_errors() -> None:
    """All that are missing at once; of several groups of one name which is meant cannot be known."""
    one, two = entry("a"), entry("b")
    lines = Lines([one, two], {"(cn=twice)": [one[0], two[0]]})
    with pytest.raises(DirectoryError, match='has no group "x", "cn=y"'):
        members(lines, "x", "cn=y")
    with pytest.raises(DirectoryError, match='has 2 groups called "twice"'):
        members(lines, "twice")
