"""The ledger's chain: any change of any entry shows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.store.items import EntryItems
from core.archive.store.ledger import ZERO_HASH, Entry, Head, chain, compress, decompress, digest, items
from core.errors import DamagedError, ProtocolError
from tests.payloads import encode

TEXTS = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(TEXTS.filter(lambda key: key != "v"), VALUES, max_size=4)
FIELDS = st.tuples(TEXTS, TEXTS, TEXTS, PAYLOADS)


def _chained(fields: list[tuple[str, str, str, dict[str, Any]]]) -> list[Entry]:
    head = Head(0, ZERO_HASH)
    entries: list[Entry] = []
    for at, kind, actor, payload in fields:
        # An entry that came from a volume of format 1 has no items.
        content = items(payload) if len(entries) % 3 else encode(payload)
        head = Head(head.seq + 1, chain(head.hash, at, kind, actor, digest(content)))
        entries.append(Entry.of_row(Entry(head.seq, at, kind, actor, content, head.hash).row()))
    return entries


def _changed(content: bytes | EntryItems) -> bytes | EntryItems:
    """The content with one character more, in its last item."""
    if isinstance(content, bytes):
        return content + b" "
    return replace(content, texts=(*content.texts[:-1], (content.texts[-1] or b"") + b" "))


def _holds(entries: list[Entry]) -> bool:
    head = Head(0, ZERO_HASH)
    for entry in entries:
        if not entry.follows(head):
            return False
        head = Head(entry.seq, entry.hash)
    return True


@given(st.lists(FIELDS, min_size=2, max_size=6), st.data())
def test_the_chain_breaks_whatever_is_changed(fields: list[tuple[str, str, str, dict[str, Any]]], data: st.DataObject) -> None:
    """Another text, another payload, a deleted entry that is not the last, a swapped pair: the chain holds no more."""
    entries = _chained(fields)
    assert _holds(entries)
    place = data.draw(st.integers(0, len(entries) - 1))
    entry = entries[place]
    name = data.draw(st.sampled_from(["at", "kind", "actor", "content", "hash", "seq"]))
    changed = {field: getattr(entry, field) for field in ("seq", "at", "kind", "actor", "content", "hash")}
    more = {"hash": b"\0", "seq": 1}.get(name, "x")
    changed[name] = _changed(entry.content) if name == "content" else changed[name] + more
    assert not _holds([*entries[:place], Entry(**changed), *entries[place + 1 :]])
    if place < len(entries) - 1:
        assert not _holds(entries[:place] + entries[place + 1 :])
        swapped = entries.copy()
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        assert not _holds(swapped)


@given(TEXTS, TEXTS, TEXTS, st.integers(1, 5))
def test_characters_cannot_wander_from_one_field_to_the_next(at: str, kind: str, actor: str, shift: int) -> None:
    """The lengths are hashed as well: the same characters parted otherwise are another entry."""
    moved = (at + kind[:shift], kind[shift:], actor)
    same = chain(ZERO_HASH, at, kind, actor, b"{}") == chain(ZERO_HASH, *moved, b"{}")
    assert same == (not kind[:shift])


@given(PAYLOADS)
def test_a_payload_comes_back_as_it_was(payload: dict[str, Any]) -> None:
    """Encoded, compressed, decompressed and read: the same values, and the version."""
    plain = decompress(compress(encode(payload)))
    assert Entry(1, "", "", "", plain, b"").payload == {"v": 1, **payload}


def test_text_that_is_no_unicode_cannot_stop_the_catalog() -> None:
    """A lone surrogate from outside is kept in the chain and read as replacement characters."""
    payload = Entry(1, "", "", "", encode({"name": "a\udcffb"}), b"").payload
    assert payload["name"].encode() == "a\ufffd\ufffd\ufffdb".encode()
    escaped = Entry(1, "", "", "", b'{"name":"a\\udcffb\\ud83d\\ude00\\\\ud800","v":1}', b"").payload
    assert escaped["name"].encode().decode() == "a?b\U0001f600\\ud800"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, [{"a": [1, 10**30]}], pytest.param(10**5000, id="of 5,000 digits")])
def test_a_number_that_no_catalog_can_hold_never_gets_in(value: object) -> None:
    """A server's absurd size is refused before it is written: afterwards no catalog could be made any more."""
    with pytest.raises(ProtocolError, match="is no number that can be true"):
        items({"messages": value})
    with pytest.raises(ProtocolError, match="is no number that can be true"):
        items({"count": value})


@given(st.binary(max_size=60))
def test_damaged_payloads_are_told_as_damage(stored: bytes) -> None:
    """Any damaged payload is decompressed, or reported as damage."""
    with suppress(DamagedError):
        assert isinstance(decompress(stored), bytes)


@pytest.mark.parametrize("plain", [b"", b"[]", b'{"v":2}', b'{"v":1', b"\xff", b"[" * 100_000])
def test_a_payload_of_another_kind_or_version_is_told_as_damage(plain: bytes) -> None:
    """No JSON object, another version, cut off, nested without end."""
    with pytest.raises(DamagedError):
        _ = Entry(1, "", "", "", plain, b"").payload
