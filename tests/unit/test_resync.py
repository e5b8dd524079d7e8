"""VANISHED replies (RFC 7162 section 3.2.10) as ranges of UIDs, never as the UIDs themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imap import resync
from core.text import sequence


@given(st.lists(st.sets(st.integers(1, 60), min_size=1), max_size=4))
def test_ranges_hold_exactly_the_uids_that_vanished(several: list[set[int]]) -> None:
    """Of all replies together, ascending and apart, whatever overlaps."""
    found = resync.parse([b"(EARLIER) " + sequence.pack(uids).encode() for uids in several])
    assert found is not None
    assert [uid for low, high in found for uid in range(low, high + 1)] == sorted(set().union(*several))


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (b"(EARLIER) 1:4294967295", [(1, 4_294_967_295)]),
        (b"(earlier) 9:3,5", [(3, 9)]),
        (b"41", [(41, 41)]),
        (b"(EARLIER) ", None),
        (b"(EARLIER) 1:*", None),
        (b"(EARLIER) -3", None),
        (b"(EARLIER) 99999999999", None),
        (b"(EARLIER) " + b"1," * 30_000 + b"1", None),
        ((b"(EARLIER) {3}", b"1:3"), None),
    ],
)
def test_what_cannot_be_read_is_no_memory(reply: bytes | tuple[bytes, bytes], found: list[tuple[int, int]] | None) -> None:
    """Numbers that no UID has, endless lists and literals: then the folder is listed."""
    assert resync.parse([reply]) == found
