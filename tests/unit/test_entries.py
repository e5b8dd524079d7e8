"""Entries of the ledger: payloads on disk, of all versions; sentences; unreadable ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from core.archive.catalog import catalog
from core.archive.catalog.messages import Detail
from core.archive.store.entries import KINDS
from core.archive.store.entries.change import Change
from core.archive.store.entries.everybody import FiledMessage, FilingScheme, LeftMessage, Refiled
from core.archive.store.entries.lanes import MOST_ENTRIES, MOST_LANES, AnchoredHead, LaneOpened
from core.archive.store.entries.mail import Deleted
from core.archive.store.entries.records import SealPlaceSaved
from core.archive.store.entries.statement import RecordStatement
from core.archive.store.entries.upkeep import DirectorySynced, Salvaged
from core.archive.store.ledger import Entry, Head
from core.db.database import Database
from core.db.migrate import migrate
from core.errors import DamagedError
from core.message.envelope import describe
from core.model import User
from tests.payloads import encode

PAYLOADS = Path(__file__).with_name("ledger_payloads.txt")
LINES = [line.split("\t") for line in PAYLOADS.read_text("utf-8").splitlines()]
#: (kind, payload) as programs wrote them into volumes: of every kind, in every shape.
WRITTEN = [(kind, plain) for kind, plain, *_ in LINES]
SHA256 = "ab" * 32
SOURCE = {"run": 7, "source": "imap://anna@example.test@mail.example.test:994 -> 0123/anna"}
PLACE = SOURCE | {"server_folder": "INBOX", "uidvalidity": 1}
USER = {"id": "1", "name": "anna", "addresses": ["a@x.test", "b@x.test"], "login": "al", "full_name": "", "removed": False}
SYNCED = dict.fromkeys(("created", "adopted", "back", "changed", "disabled", "removed", "conflicts", "withheld"), 0)
TOTALS = {"archived": 1200, "failed": 1, "deleted": 3}
MOVE = ["INBOX", 1, 1, "anna/Done", "Done", 1, 1, 100, None, ""]

TOLD = [
    {"field": "delete.when", "old": "never", "new": "immediately"},
    {"field": "users.list", "old": ["anna", "carl"], "new": ["carl", "bob"]},
    {"field": "login.password", "secret": True},
    {"field": "delete.trash_too", "old": False, "new": True},
]

EXAMPLES: list[tuple[str, dict[str, Any], str]] = [
    ("archive.created", {"archive_id": "ab"}, "The archive was begun (id ab)."),
    ("lane.opened", {"lane": "0" * 32, "number": 2, "name": "w"}, f"Lane 2 was opened for w (id {'0' * 32})."),
    (
        "lanes.anchored",
        {"heads": [[2, 40, 57, "00"], [1, 0, 1, "00"]]},
        "Anchored 17 entries of lane 2, up to entry 57; 1 entry of lane 1, up to entry 1.",
    ),
    ("user.saved", {"user": USER}, "User anna was saved: a@x.test, b@x.test, login al."),
    ("user.saved", {"user": USER | {"removed": True}}, "User anna was removed; the archive is kept."),
    ("profile.saved", {"name": "Staff", "definition": {}}, "Profile Staff was saved."),
    ("profile.saved", {"name": "All", "definition": {}, "renamed": "Staff"}, "Profile Staff was saved as All."),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": [{"field": "kind", "new": "mailbox"}]},
        "Profile Staff was saved. It is new.",
    ),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": TOLD},
        "Profile Staff was saved. login.password: changed; delete.when: never → immediately; "
        "users.list: +bob, -anna; and 1 more.",
    ),
    (
        "profile.saved",
        {"name": "Staff", "definition": {}, "changes": []},
        "Profile Staff was saved. Nothing of it was changed.",
    ),
    ("directory.removed", {}, "The settings of the directory were removed; users stay as they are."),
    ("settings.saved", {"name": "runs", "value": "7"}, "The setting runs was saved: 7."),
    ("user.saved", {"user": USER | {"disabled": True}}, "User anna left the directory and was disabled; the archive is kept."),
    ("profile.removed", {"name": "Staff"}, "Profile Staff was removed."),
    (
        "directory.saved",
        {"definition": {"type": "ldap", "server": {"host": "dc1"}}},
        "The settings of the directory (ldap, dc1) were saved.",
    ),
    (
        "directory.removed",
        {"type": "ldap", "host": "dc1"},
        "The settings of the directory (ldap, dc1) were removed; users stay as they are.",
    ),
    (
        "seal.place.saved",
        {"definition": {"name": "audit", "kind": "mail", "target": "audit@example.test"}},
        "Seals are sent to audit, a place of the kind mail (audit@example.test).",
    ),
    (
        "seal.place.removed",
        {"name": "audit", "kind": "mail"},
        "Seals are no longer sent to audit, a place of the kind mail.",
    ),
    ("directory.synced", SYNCED, "Users were synchronised with the directory: no changes."),
    (
        "directory.synced",
        SYNCED | {"created": 1200, "removed": 1, "conflicts": 2, "withheld": 1},
        "Users were synchronised with the directory: 1,200 created, 1 removed; 2 conflicts; "
        "too many would have gone, so none did.",
    ),
    (
        "archived",
        PLACE | {"owner": "1", "folder": "anna/INBOX", "messages": [["ab", 1, 1500, None, ""], ["cd", 2, 500, None, ""]]},
        "Archived 2 messages (2 kB) from anna@example.test into anna/INBOX by run 7.",
    ),
    (
        "linked",
        PLACE | {"owner": "1", "folder": "anna/Work", "messages": [["ab", 1, 1500, None, ""], ["cd", 2, 500, None, ""]]},
        'Found 2 messages that are archived already in "INBOX" of anna@example.test as well.',
    ),
    (
        "filed",
        PLACE
        | {"incoming": "i", "outgoing": "o", "kept": None}
        | {"places": [["1", "a"], ["2", "b"], ["2", "c"]], "addresses": [["x@y", True], ["z@y", False]]}
        | {"messages": [["ab", 1, 1500, None, "", [0, 1], [], [0], None], ["cd", 2, 500, None, "", [2], [], [1], None]]},
        "Archived 2 messages (2 kB) from anna@example.test into 2 archives, with 1 unknown address, by run 7.",
    ),
    (
        "left",
        PLACE | {"reading": "ab", "addresses": [["x@y", True]], "messages": [[1, [0]]]},
        '1 message left in "INBOX" of anna@example.test, since no user has any of their addresses, by run 7.',
    ),
    (
        "refiled",
        {"places": [["1", "a"]], "messages": [["ab", [["x@y", 0, 0]]], ["cd", [["x@y", 0, 0]]]]},
        "Filed 2 messages to the user who has the address by now.",
    ),
    (
        "backed_up",
        {"directory": "/mnt/b", "seq": 1200, "hash": "ab", "volumes": 1, "already": 3, "bytes": 1500},
        "Backed up to /mnt/b up to entry 1,200: 1 volume (2 kB) copied, 3 unchanged.",
    ),
    (
        "backed_up",
        {"directory": "/mnt/b", "seq": 2, "hash": "ab", "volumes": 1, "already": 0, "bytes": 9, "key": False},
        "Backed up without the key to /mnt/b up to entry 2: 1 volume (9 B) copied, 0 unchanged.",
    ),
    ("key.rotated", {"passwords": 2, "unreadable": []}, "Key rotated: 2 passwords stored under a new one."),
    (
        "volume.stored",
        {"volume": 3, "key": "ab/c", "sha256": SHA256, "size": 2_000_000},
        "Volume 3 was stored as ab/c (2.0 MB) and read back.",
    ),
    ("address.ours", {"address": "@y", "ours": False}, "@y is said to be not ours."),
    (
        "moved",
        SOURCE | {"owner": "", "moves": [[*MOVE[:3], None, *MOVE[4:]]]},
        "Followed 1 message of anna@example.test that moved on the server, where the archive has no folders of it, by run 7.",
    ),
    (
        "moved",
        SOURCE | {"owner": "1", "moves": [MOVE]},
        "Followed 1 message of anna@example.test that moved to anna/Done, by run 7.",
    ),
    (
        "vanished",
        PLACE | {"uids": "1:5,9"},
        '6 messages in "INBOX" of anna@example.test no longer on the server, seen by run 7; kept here.',
    ),
    (
        "relisted",
        PLACE | {"messages": [[1, 5, None, ""], [2, 6, None, ""]]},
        '2 known messages in "INBOX" of anna@example.test listed with other numbers by the server, seen by run 7; '
        "the same mail.",
    ),
    (
        "returned",
        PLACE | {"uids": "1:2"},
        '2 messages in "INBOX" of anna@example.test on the server again, seen by run 7.',
    ),
    (
        "deleting",
        PLACE | {"uids": "1:3"},
        '3 messages in "INBOX" of anna@example.test about to be deleted at the source by run 7.',
    ),
    (
        "deleted",
        PLACE | {"uids": "1:2", "kept": "3"},
        '2 messages in "INBOX" of anna@example.test deleted at the source by run 7; 1 message left there.',
    ),
    (
        "run.finished",
        {"run": 7, "profile": "Staff", "status": "completed_with_errors", "totals": TOTALS, "problems": 1},
        "Run 7 of Staff completed with errors: 1,200 archived, 1 failed, 3 deleted at the source.",
    ),
    (
        "run.finished",
        {"run": 8, "profile": "Staff", "dry_run": True, "status": "succeeded", "totals": TOTALS | {"found": 9}, "problems": 1},
        "Dry run 8 of Staff succeeded: 9 messages looked at, 1 failed; nothing was archived or deleted.",
    ),
    (
        "exported",
        {"owner": "1", "folder": "anna/INBOX", "format": "eml", "messages": 2},
        "Exported 2 messages of anna/INBOX as EML.",
    ),
    (
        "imported",
        {"owner": "1", "folder": "Imported", "format": "mbox", "path": "/old.mbox", "messages": [["00", 2000, None, ""]]},
        "Imported 1 message (2 kB) from /old.mbox into Imported.",
    ),
    (
        "restored",
        {"profile": "Anna", "source": SOURCE["source"], "owner": "1", "folder": "anna/INBOX", "server_folder": "INBOX"}
        | {"uidvalidity": 1, "known": True, "messages": [["ab", 9, 1500, None, ""], ["cd", None, 500, None, ""]]},
        'Restored 2 messages (2 kB) of anna/INBOX to "INBOX" of anna@example.test, by profile Anna.',
    ),
    ("verified", {"parts": 2, "messages": 1, "entries": 9, "findings": 0}, "Verified 1 message and 2 parts: clean."),
    (
        "verified",
        {"parts": 2, "messages": 1, "entries": 9, "findings": 1, "share": 4},
        "Verified 1 message and 2 parts, in shares of 4 %: 1 finding.",
    ),
    (
        "salvaged",
        {"volume": "000003.sqlite", "kept": 41, "seen": [45, "00"], "lost": [["ab", [], [], "", "", None]], "placed": []},
        "Salvaged 000003.sqlite: its ledger is whole up to entry 41, and was known up to entry 45; 1 message lost.",
    ),
    (
        "repaired",
        {"messages": [["00", 5, "anna on mail.example.test"]]},
        "Repaired 1 damaged message: stored anew from anna on mail.example.test.",
    ),
    *((kind, json.loads(plain), sentence) for kind, plain, *sentences in LINES for sentence in sentences),
]


def entry(kind: str, payload: Mapping[str, Any]) -> Entry:
    return Entry(1, "2026-01-01T00:00:00.000Z", kind, "test", encode(dict(payload)), b"")


def said(kind: str, payload: Mapping[str, Any]) -> Any:
    return entry(kind, payload).value


# On disk -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "plain"), WRITTEN)
def test_what_stands_in_volumes_is_read_and_would_be_written_the_same(kind: str, plain: str) -> None:
    """Byte for byte: the format on disk is what it was, so that hashes of older programs hold."""
    value = Entry(1, "", kind, "", plain.encode(), b"").value
    assert isinstance(value, KINDS[kind])
    assert encode(value.payload()).decode() == plain


def line_of(kind: str) -> str:
    """A line of the file with the payloads: kind, payload, sentence."""
    value = find(values_of(KINDS[kind]), lambda _: True)
    return "\t".join((kind, encode(value.payload()).decode(), value.sentence()))


def test_every_kind_is_among_what_stands_in_volumes_and_names_its_fields() -> None:
    """A new kind comes with a payload that must stay as it is, and with a description of all its fields."""
    lacking = [line_of(kind) for kind in sorted(KINDS.keys() - {kind for kind, _ in WRITTEN})]
    assert not lacking, "\n".join([f"{PAYLOADS.name} lacks lines such as these, with values of a real case:", *lacking])
    for kind, plain in WRITTEN:
        described = KINDS[kind].__doc__ or ""
        assert [name for name in json.loads(plain) if name not in ("v", "changes") and name not in described] == []


OLDER: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("user.saved", {"user": USER}, {"user": User("1", "anna", ("a@x.test", "b@x.test"), "al"), "changes": None}),
    ("profile.saved", {"name": "Staff", "definition": {}}, {"renamed": "", "changes": None}),
    ("directory.removed", {}, {"type": "", "host": ""}),
    ("directory.synced", SYNCED, {"asked_by": ""}),
    ("run.finished", {"run": 1, "profile": "x", "status": "failed", "totals": {}, "problems": 0}, {"dry_run": False}),
    ("exported", {"owner": "", "folder": "", "format": "eml", "messages": 1}, {"already": 0, "damaged": 0, "complete": True}),
    ("verified", {"parts": 1, "messages": 1, "entries": 1, "findings": 0}, {"share": 0, "asked_by": ""}),
    (
        "backed_up",
        {"directory": "/b", "seq": 1, "hash": SHA256, "volumes": 1, "already": 0, "bytes": 9},
        {"key": True},
    ),
    (
        "restored",
        {"profile": "x", "source": "s", "owner": "1", "folder": "f", "server_folder": "F", "uidvalidity": 1}
        | {"known": True, "messages": []},
        {"target": None},
    ),
    (
        "imported",
        {"owner": "1", "folder": "f", "format": "eml", "path": "/m", "messages": []},
        {"user": "", "canonical": {}},
    ),
    (
        "left",
        PLACE | {"reading": "ab", "addresses": [["x@y", True]], "messages": [[1, [0]]]},
        {"messages": (LeftMessage(1, (0,), None, None),)},
    ),
    ("repaired", {"messages": []}, {"placed": ()}),
    ("archived", PLACE | {"owner": "1", "folder": "f", "messages": []}, {"canonical": {}}),
]


@pytest.mark.parametrize(("kind", "payload", "fields"), OLDER)
def test_older_versions_are_read_with_what_they_do_not_tell(kind: str, payload: dict[str, Any], fields: dict[str, Any]) -> None:
    """Entries are never written again, so every version that ever wrote one is read for ever."""
    value = said(kind, payload)
    assert {name: getattr(value, name) for name in fields} == fields
    assert "cannot be read" not in value.sentence()


def test_a_move_that_we_made_is_told_from_one_that_was_followed() -> None:
    """The last column is there only of what we deleted."""
    value = said("moved", SOURCE | {"owner": "", "moves": [MOVE, [*MOVE, False], [*MOVE, True]]})
    assert [move.ours for move in value.moves] == [None, False, True]
    assert value.followed() == 1


# Any value -----------------------------------------------------------------------------------------------------------------

NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.dictionaries(TEXTS, JSON, max_size=3)
UIDS = st.sampled_from(["", "1", "1:5,9", "7,9:4294967295"])
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    int: NUMBERS,
    str: TEXTS,
    bool: st.booleans(),
    bytes: st.binary(min_size=32, max_size=32),
    NoneType: st.none(),
    Any: JSON,
}
CHANGES = st.builds(Change, TEXTS, JSON, JSON) | st.builds(Change, TEXTS, secret=st.just(True))
FIELDS: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    (Deleted, "kept"): UIDS,
    (FilingScheme, "kept"): st.none(),
    (FiledMessage, "places"): st.just(()),
    (FiledMessage, "senders"): st.just(()),
    (FiledMessage, "recipients"): st.just(()),
    (LeftMessage, "addresses"): st.just(()),
    (Refiled, "messages"): st.just(()),
    (DirectorySynced, "counts"): st.fixed_dictionaries({**dict.fromkeys(SYNCED, NUMBERS), "left": NUMBERS}),
    (LaneOpened, "number"): st.integers(1, MOST_LANES - 1),
    (AnchoredHead, "lane"): st.integers(1, MOST_LANES - 1),
    (AnchoredHead, "after"): st.integers(0, MOST_ENTRIES - 1),
    (AnchoredHead, "head"): st.builds(Head, st.integers(0, MOST_ENTRIES - 1), st.binary(min_size=32, max_size=32)),
    (SealPlaceSaved, "definition"): st.fixed_dictionaries({"name": TEXTS, "kind": TEXTS, "target": TEXTS}),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as a statement's fields have them."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if hint is Change:
        return CHANGES
    if isinstance(hint, UnionType):
        return st.one_of(*map(values_of, get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(values_of(get_args(hint)[0]), max_size=3).map(tuple)
    if get_origin(hint) in (dict, Mapping):
        key, value = get_args(hint)
        return st.dictionaries(values_of(key), values_of(value), max_size=2)
    if issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    hints = get_type_hints(hint)
    names = [one.name for one in fields(hint) if one.init] if is_dataclass(hint) else hint._fields
    return st.builds(hint, **{name: _field(hint, name, hints[name]) for name in names})


def _field(owner: type, name: str, hint: Any) -> st.SearchStrategy[Any]:
    if name == "uids":
        return UIDS
    known = FIELDS.get((owner, name))
    return values_of(hint) if known is None else known


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_an_entry_is_read_as_it_was_written(kind: str, data: st.DataObject) -> None:
    """Any statement comes back as it was, has a sentence, and would be written the same again."""
    value = data.draw(values_of(KINDS[kind]))
    if isinstance(value, Salvaged) and not value.placed:
        value = dataclasses.replace(value, canonical={})
    plain = encode(value.payload())
    found = Entry(1, "", kind, "", plain, b"")
    assert found.value == value
    assert encode(value.payload()) == plain
    assert isinstance(found.sentence(), str)
    if isinstance(value, RecordStatement):
        assert found.changes() == value.changes


# What cannot be read -------------------------------------------------------------------------------------------------------


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in _places(one, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = _put(value[path[0]], path[1:], other)
    return copy


def _damage(found: Entry) -> str:
    """The sentence on an unreadable entry; empty for a readable one."""
    try:
        _ = (found.value, found.changes(), found.digests(), found.renewed(), found.lost())
    except DamagedError as error:
        return error.message
    return ""


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_anything_in_any_place_is_read_or_told_as_damage(data: st.DataObject) -> None:
    """No payload, however wrong, raises anything else; the error names the entry and its kind."""
    kind, plain = data.draw(st.sampled_from(WRITTEN))
    payload = json.loads(plain)
    place = data.draw(st.sampled_from(_places(payload)))
    other = _put(payload, place, data.draw(JSON | st.sampled_from([1.5, 10**30, "1:5", "zz", [[]], "\ud800"])))
    found = Entry(3, "", kind, "", json.dumps(other).encode(), b"")
    assert isinstance(found.sentence(), str)
    told = _damage(found)
    assert not told or told.startswith(f"Ledger entry 3 ({kind}) ")


@given(data=st.data())
@settings(max_examples=6, deadline=None)
async def test_an_entry_that_can_be_read_can_be_applied(data: st.DataObject) -> None:
    """A payload that is wrong in one place either cannot be read, or the catalog takes it: it is never left half applied."""
    detail = Detail(1, describe(b"Subject: x\r\n\r\n"))
    database = await Database.scratch()
    try:
        await migrate(database)
        for kind, plain in WRITTEN:
            payload = json.loads(plain)
            place = data.draw(st.sampled_from(_places(payload)))
            other = _put(payload, place, data.draw(JSON.filter(lambda value: not isinstance(value, str) or ":" not in value)))
            found = Entry(3, "", kind, "", json.dumps(other).encode(), b"\0")
            try:
                _ = found.value
            except DamagedError:
                continue
            async with database.transaction() as transaction:
                details = dict.fromkeys([*found.digests(), *found.renewed()], detail)
                await catalog.apply(transaction, found, 1, details)
    finally:
        await database.close()


@pytest.mark.parametrize(("kind", "payload", "sentence"), EXAMPLES)
def test_an_entry_is_one_plain_sentence(kind: str, payload: dict[str, Any], sentence: str) -> None:
    """Actor, action, numbers, run."""
    assert entry(kind, payload).sentence() == sentence


def test_every_kind_has_its_example() -> None:
    """Here, or as the third column of a line of its payload."""
    without = KINDS.keys() - {kind for kind, _, _ in EXAMPLES}
    assert sorted(without) == [], f"kinds whose sentence is in no line of {PAYLOADS.name}"


def test_every_change_of_an_entry_is_told_in_a_line() -> None:
    """All of them, and none for an entry of an older version or one that cannot be read."""
    told = entry("profile.saved", {"name": "Staff", "definition": {}, "changes": TOLD}).changes() or ()
    assert told[-1].sentence() == "delete.trash_too: no → yes"
    assert [change.as_json() for change in told] == TOLD
    payloads: list[dict[str, Any]] = [{}, {"changes": 1}, {"changes": [1]}, {"changes": [{}]}]
    for payload in payloads:
        assert entry("profile.saved", {"name": "Staff", "definition": {}} | payload).changes() is None


@pytest.mark.parametrize("payload", [{}, {"user": 1}, {"uids": "x", "source": 1}, {"messages": [1]}])
def test_an_unreadable_entry_has_a_sentence(payload: dict[str, Any]) -> None:
    """Another version's or a damaged payload, an unknown kind: a sentence, and no error."""
    for kind in KINDS.keys() - {"directory.removed"}:
        assert entry(kind, payload).sentence() == f"An entry of the kind {kind} that cannot be read."
        with pytest.raises(DamagedError, match=rf"entry 1 \({kind}\) cannot be read: .+\.$"):
            _ = entry(kind, payload).value
    assert "does not know" in entry("future", payload).sentence()
    assert "cannot be read" in Entry(1, "", "future", "", b"{", b"").sentence()
