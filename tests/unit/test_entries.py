"""Entries of the ledger: payloads on disk, of all versions; sentences; unreadable ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
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
from tests.entries import LINES, MOVE, PAYLOADS, PLACE, SHA256, SOURCE, SYNCED, USER, entry
from tests.payloads import encode

#: (kind, payload) as programs wrote them into volumes: of every kind, in every shape.
WRITTEN = [(kind, plain) for kind, plain, *_ in LINES]


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
