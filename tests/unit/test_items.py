"""EntryItems of entries: any of them can be taken out, and the chain holds; none can be changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.archive.store import volume_rows
from core.archive.store.entries.mail import Archived
from core.archive.store.entries.values import OwnedFolder, SourceFolder, SourceMessage
from core.archive.store.items import DIGEST_BYTES, ITEMIZED, SALT_BYTES, EntryItems
from core.archive.store.ledger import VERSION, ZERO_HASH, Draft, Entry, Head, chain, compress, decompress, items
from core.errors import DamagedError

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20)
ROWS = st.lists(VALUES, max_size=3)
LISTS = st.lists(ROWS, max_size=6) | st.dictionaries(st.text(max_size=5), VALUES, max_size=4)
PAYLOADS = st.dictionaries(st.sampled_from(ITEMIZED), LISTS | VALUES, max_size=4).flatmap(
    lambda lists: st.dictionaries(st.sampled_from(["run", "source", "x"]), VALUES, max_size=3).map(lambda more: more | lists)
)


def _entry(payload: dict[str, Any]) -> Entry:
    content = items(payload)
    return Entry(1, "at", "kind", "actor", content, chain(bytes(32), "at", "kind", "actor", content.digest))


@given(PAYLOADS)
def test_a_payload_comes_back_from_its_items(payload: dict[str, Any]) -> None:
    """Also where a field that names a list elsewhere is a number, a text, or a record."""
    entry = Entry.of_row(_entry(payload).row())
    assert entry.payload == {"v": VERSION, **payload}
    assert entry.follows(Head(0, bytes(32)))
    assert entry.erased == 0
    assert json.loads(entry.plain) == {"v": VERSION, **payload}


@given(
    st.lists(st.lists(st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3), max_leaves=6), max_size=3), max_size=5)
)
@example([[["a"], ["b"]], ["c"]])
@example([["],\n["], ["\n"], ["],["]])
@example([[], [[]], []])
def test_the_text_of_each_row_is_its_json_alone(rows: list[Any]) -> None:
    expected = [json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() for row in rows]
    assert list(items({"messages": rows}).texts[1:]) == expected


@pytest.mark.parametrize("path", ["a@x/INBOX", "a@x/Änderungen", "a@x/\udc80", "a@x/\\ud800"])
def test_a_new_entry_says_what_will_be_read_from_it(path: str) -> None:
    """Also where a text is not read as it was written."""
    rows = tuple(SourceMessage(bytes(32), uid, 5, None, "\\Seen") for uid in (1, 2))
    value = Archived(1, SourceFolder("imap://a@h -> o/t", "INBOX", 7), OwnedFolder("o", path), rows, {bytes(32): bytes(32)})
    [entry] = volume_rows.chained([Draft(value)], Head(0, ZERO_HASH))
    assert entry.value == Entry.of_row(entry.row()).value
    assert isinstance(entry.value, Archived)
    assert entry.value.messages == rows


@given(PAYLOADS, st.data())
def test_any_items_can_be_taken_out_and_the_chain_holds(payload: dict[str, Any], data: st.DataObject) -> None:
    """The others are as they were; what was taken out is in no byte of what is left, nor can it be guessed without its salt."""
    entry = _entry(payload)
    assert isinstance(entry.content, EntryItems)
    gone = data.draw(st.sets(st.integers(0, len(entry.content.texts) - 1)))
    left = Entry.of_row(replace(entry, content=entry.content.without(sorted(gone))).row())
    assert left.follows(Head(0, bytes(32)))
    assert left.erased == len(gone)
    assert isinstance(left.content, EntryItems)
    for at, text in enumerate(entry.content.texts):
        assert left.content.texts[at] == (None if at in gone else text)
        salt = left.content.salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
        digest = left.content.digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]
        assert (hashlib.sha256(salt + (text or b"")).digest() == digest) == (at not in gone)
    if 0 not in gone:
        for field, value in payload.items():
            found = left.payload[field]
            if isinstance(value, list) and field in ITEMIZED:
                assert len(found) == len(value)
                assert all(row is None or row == was for row, was in zip(found, value, strict=True))
            elif not isinstance(value, dict):
                assert found == value


@given(PAYLOADS, st.data())
def test_no_item_can_be_changed_added_or_exchanged(payload: dict[str, Any], data: st.DataObject) -> None:
    content = items(payload)
    entry = _entry(payload)
    entry = replace(entry, content=content, hash=chain(bytes(32), "at", "kind", "actor", content.digest))
    at = data.draw(st.integers(0, len(content.texts) - 1))
    texts = list(content.texts)
    texts[at] = (texts[at] or b"") + b" "
    assert not replace(entry, content=replace(content, texts=tuple(texts))).follows(Head(0, bytes(32)))
    more = replace(content, texts=(*content.texts, b"[]"), salts=content.salts + bytes(SALT_BYTES))
    digest = hashlib.sha256(bytes(SALT_BYTES) + b"[]").digest()
    assert not replace(entry, content=replace(more, digests=content.digests + digest)).follows(Head(0, bytes(32)))
    salts = bytearray(content.salts)
    salts[at * SALT_BYTES] ^= 1
    assert not replace(entry, content=replace(content, salts=bytes(salts))).follows(Head(0, bytes(32)))


def test_equal_items_have_other_digests() -> None:
    """So that the digest of an erased item does not tell that it was the same as another one."""
    found = items({"messages": [["a"], ["a"]]}).digests
    digests = [found[at : at + DIGEST_BYTES] for at in range(0, len(found), DIGEST_BYTES)]
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("digests", "salted"),
    [
        (b"", b""),
        (bytes(31), bytes(16) + compress(b"{}")),
        (bytes(32), bytes(15)),
        (bytes(64), bytes(32) + compress(b"{}")),
        (bytes(32), bytes(16) + compress(b"{}\n{}")),
        (bytes(32), bytes(16) + b"no zstd"),
        ("text", b""),
        (bytes(32), 7),
    ],
)
def test_items_that_are_cut_or_do_not_fit_are_damage(digests: Any, salted: Any) -> None:
    with pytest.raises(DamagedError):
        EntryItems.of_row(digests, salted, decompress)


@pytest.mark.parametrize(
    "texts",
    [
        (b'{"v":1,"messages":[2]}', b"[]"),
        (b'{"v":1,"messages":[-1]}', b"[]"),
        (b'{"v":1,"messages":[1,2]}', b"[]"),
        (b'{"v":1,"canonical":{"rows":1}}', b"[1,2,3]"),
        (b'{"v":1,"canonical":{"x":1}}', b"[]"),
        (b'{"v":1}', b"[]"),
        (b"[]", b"[]"),
        (b"{", b"}"),
        (b"1,2", b"3"),
    ],
)
def test_items_that_do_not_fit_together_are_damage(texts: tuple[bytes, ...]) -> None:
    """An account that chains the ledger anew may write anything: it is refused, and nothing of it is applied."""
    entry = Entry(1, "", "archived", "", EntryItems(texts, bytes(16 * len(texts)), bytes(32 * len(texts))), b"")
    with pytest.raises(DamagedError):
        _ = entry.payload
