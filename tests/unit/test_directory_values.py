"""Distinguished names that mean the same, binary SIDs, attributes that come in parts, and what is said of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.directory.group_notes import GroupLack, GroupNote
from core.directory.ldap import _Reader
from core.directory.values import Sid, dn_key, domain_of, is_below, sid
from core.errors import DirectoryError
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer


@pytest.mark.parametrize(
    "same",
    [
        "CN=Änna Muster,OU=Staff,DC=ad,DC=test",
        "cn=änna muster, ou=staff , dc = ad,dc=TEST",
        "cn=\\C3\\A4nna  muster,ou=staff,dc=ad,dc=test",
        'cn="änna muster",ou=staff,dc=ad,dc=test',
        "cn=änna muster;ou=staff;dc=ad;dc=test",
        "cn=änna muster,ou=staff,dc=ad,dc=test#'0101'B",
    ],
)
def test_ways_to_write_a_dn_are_one(same: str) -> None:
    """Case, blanks, escapes, quotes, semicolons, an identifier behind it."""
    assert dn_key(same) == ("cn=änna muster", "ou=staff", "dc=ad", "dc=test")


def test_an_escaped_comma_parts_no_dn() -> None:
    """A comma or plus within a value; several values in one part come in any order."""
    assert dn_key("cn=Muster\\, Änna,dc=test") == dn_key('CN="Muster, Änna",DC=test') == ("cn=muster, änna", "dc=test")
    assert dn_key("cn=a\\2cb,dc=test") == dn_key("cn=a\\,b,dc=test")
    assert dn_key("cn=x+uid=y,dc=test") == dn_key("uid=Y + cn=X,dc=test")
    assert dn_key("cn=a,dc=test") != dn_key("cn=a\\,dc\\=test")


def test_a_dn_is_below_another_by_whole_parts() -> None:
    """By whole parts; the domain is its end."""
    key = dn_key("cn=a,ou=b,dc=child,dc=ad,dc=test")
    assert is_below(key, dn_key("DC=AD, DC=test"))
    assert not is_below(key, dn_key("dc=d,dc=test"))
    assert domain_of(key) == ("dc=child", "dc=ad", "dc=test")
    assert domain_of(dn_key("o=example")) == ()


def test_a_binary_sid_is_read() -> None:
    """Its last number is the group's within the domain; what is none is passed over."""
    raw = bytes.fromhex("010500000000000515000000a065cf7e784b9b5fe77c8770091c0100")
    found = sid(raw)
    assert found == Sid(5, (21, 2127521184, 1604012920, 1887927527, 72713))
    assert found.rid == 72713
    assert found.domain == (5, 21, 2127521184, 1604012920, 1887927527)
    for wrong in (b"", raw[:-1], raw + b"x", b"\x02" + raw[1:], b"S-1-5-21-1-2-3-513", bytes([1, 0]) + bytes(6)):
        assert sid(wrong) is None


class Connection:
    """A server that gives 3 values at a time, as Active Directory gives 1,500 (MS-ADTS section 3.1.1.3.1.3.3)."""

    def __init__(self, values: Sequence[bytes], *, cut: bool = False) -> None:
        self.values, self.cut = list(values), cut
        self.asked: list[str] = []
        self.result: dict[str, Any] = {"result": 0, "controls": {}}
        self.response: list[dict[str, Any]] = []

    def search(self, base: str, _filter: str, attributes: Sequence[str] = (), **_: Any) -> None:
        self.asked += attributes
        at = int(attributes[0].partition("range=")[2].partition("-")[0] or 0)
        part = [] if self.cut and at else self.values[at : at + 3]
        end = "*" if at + 3 >= len(self.values) else str(at + 2)
        found: dict[str, list[bytes]] = {"cn": [b"big"], "member": [], f"member;range={at}-{end}": part}
        self.response = [{"type": "searchResEntry", "dn": base, "raw_attributes": found}]


@pytest.mark.parametrize("count", [1, 3, 4, 9, 10])
def test_an_attribute_that_comes_in_parts_is_whole(count: int) -> None:
    """Each part is asked for, to the one that says that it is the last."""
    values = [f"cn={number},dc=test".encode() for number in range(count)]
    connection = Connection(values)
    row = _Reader(connection, directory()).read("cn=big,dc=test", ["member"])
    assert row is not None
    assert row[1]["member"] == values
    assert len(connection.asked) == (count + 2) // 3


def test_a_part_that_does_not_come_is_an_error() -> None:
    """Never a shorter list."""
    with pytest.raises(DirectoryError, match="only a part"):
        _Reader(Connection([b"x"] * 7, cut=True), directory()).read("cn=big,dc=test", ["member"])


def directory() -> Directory:
    return Directory(DirectoryKind.ACTIVE_DIRECTORY, DirectoryServer("ad.test", DirectoryAccess.LDAP_SSL))


def test_what_groups_lack_is_said_in_sentences() -> None:
    """With the group's name in the settings, how many, and the first of them."""
    notes = [
        GroupNote("staff", GroupLack.EMPTY),
        GroupNote("staff", GroupLack.NOBODY),
        GroupNote("staff", GroupLack.FOREIGN, 7, ("a", "b", "c", "d", "e"), "cn=inner"),
        GroupNote("staff", GroupLack.STRANGE, 1, ("cn=x",)),
        GroupNote("staff", GroupLack.DEEP, 1, ("cn=y",)),
    ]
    assert all('"staff"' in one.sentence() for one in notes)
    assert "7 members of another domain, which is not read (in cn=inner): a, b, c, d, e, …" in notes[2].sentence()
    assert notes[3].as_json()["names"] == ["cn=x"]
