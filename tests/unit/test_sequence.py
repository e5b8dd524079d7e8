"""UID sets in their short form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.sequence import pack, unpack


@given(st.sets(st.integers(1, 2**32 - 1) | st.integers(1, 30)))
def test_a_set_of_uids_comes_back_from_its_short_form(uids: set[int]) -> None:
    """In ascending order, from any order."""
    assert unpack(pack(uids)) == sorted(uids)


def test_neighbouring_uids_are_joined_into_a_range() -> None:
    """A million UIDs in a row are one range; none is an empty text."""
    assert pack([5, 1, 2, 3, 9, 8, 2]) == "1:3,5,8:9"
    assert pack(range(1, 1_000_001)) == "1:1000000"
    assert (pack([]), unpack("")) == ("", [])


@pytest.mark.parametrize("text", ["1,", "a", "1:b", ",1", "1:*"])
def test_a_text_that_is_no_set_of_uids_is_refused(text: str) -> None:
    """The reverse reads only what ``pack`` made."""
    with pytest.raises(ValueError, match="invalid literal"):
        unpack(text)
