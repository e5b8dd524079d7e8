"""Data of an appended message: flags that a server may be given, and dates as the protocol has them."""

from __future__ import annotations

import pytest

from core.imap import appending, replies


def test_only_flags_that_may_be_given_are() -> None:
    """\\Recent is the server's, \\Deleted would lose the message, and what is no flag would break the command."""
    assert (
        appending.flags("\\Seen \\Recent \\DELETED $Forwarded NonJunk (x \\Odd k\u00e9y a] b*") == "\\Seen $Forwarded NonJunk"
    )
    assert appending.flags("") == ""


@pytest.mark.parametrize("seconds", [0, -1, 837567865, 1709210096, 4102444800, -5_000_000_000])
def test_a_date_is_read_back_as_it_was_written(seconds: int) -> None:
    """Before and after 1970, in leap years, in any locale."""
    written = appending._date_time(seconds)
    assert replies.internaldate(written.decode().strip('"')) == seconds


@pytest.mark.parametrize("seconds", [None, 10**20, -(10**20)])
def test_what_is_in_no_calendar_is_left_to_the_server(seconds: int | None) -> None:
    """No date is better than a command that fails."""
    assert appending._date_time(seconds) == b""
