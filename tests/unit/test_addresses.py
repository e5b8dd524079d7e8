"""E-mail addresses as administrators type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.profiles.addresses import check


@pytest.mark.parametrize(
    "address",
    [
        "alice@example.test",
        "first.last+tag@sub.example.test",
        "änne@müller.example",
        "o'neil@example.test",
        "root@localhost",
        "a@b",
    ],
)
def test_addresses_are_taken_as_they_are(address: str) -> None:
    """Every address that mail servers use is taken unchanged."""
    assert check(address) == address


def test_blanks_around_an_address_are_dropped() -> None:
    """Blanks that came along with a copy do not become part of the address."""
    assert check("  alice@example.test\n") == "alice@example.test"


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "alice", "alice@", "@example.test", "a@b@c", "a b@example.test", "a@example..test", ".a@example.test"),
        *("a.@example.test", "a@.test", "a@test.", "a@-test", "Alice <alice@example.test>", "a@b,c@d", "a@b;c", "a@b\nc"),
        *("a\x1b@example.test", "a\u202e@example.test", "a\x9b@b", "a\udcff@b", '"a b"@example.test', "a@[192.0.2.1]"),
        "a" * 400 + "@example.test",
    ],
)
def test_a_text_that_is_no_address_is_refused_by_name(address: str) -> None:
    """Anything else is refused with exit code 2, shown, and told how to write it."""
    with pytest.raises(InputError) as refused:
        check(address)
    assert "is not an e-mail address" in refused.value.message
    assert refused.value.hint == "Write it as name@domain."
    assert refused.value.exit_code == 2
    assert len(refused.value.message) < 120


@given(st.text(max_size=40))
def test_an_address_that_passes_stays_the_same(text: str) -> None:
    """Checking twice changes nothing, and no control or blank gets through, for any text."""
    try:
        address = check(text)
    except InputError:
        return
    assert check(address) == address
    assert address.isprintable()
    assert not any(character.isspace() for character in address)
