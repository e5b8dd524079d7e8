"""Refusals for now and refusals for good: by the server's response code, or by phrases that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imap.codes import ResponseCode, busy, code


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("NO [UNAVAILABLE] x", True),
        ("[INUSE]", True),
        ("NO [LIMIT] too much", True),
        ("NO [OVERQUOTA] Account exceeded command or bandwidth limits", True),
        ("[THROTTLED]", True),
        ("NO [throttled] in lower case", True),
        ("* BYE [OVERQUOTA] enough", True),
        ("Too many simultaneous connections", True),
        ("Maximum number of connections from user+IP exceeded (mail_max_userip_connections=1)", True),
        ("Request is throttled. Suggested Backoff Time: 100", True),
        ("[AUTHENTICATIONFAILED] Invalid credentials", False),
        ("Too many failed login attempts", False),
        ("no such message; the limit of patience", False),
        ("NO the folder [LIMIT] is not here", False),
        ("NO [LIMITED] another code", False),
    ],
)
def test_what_may_work_later_is_told_from_what_never_will(text: str, later: bool) -> None:
    """By response code or by well-known words; a locked account is not to be knocked at again."""
    assert busy(text) is later


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("NO [OVERQUOTA] x", ResponseCode.OVERQUOTA),
        ("[AuthenticationFailed]", ResponseCode.AUTHENTICATIONFAILED),
        ("BYE [UNAVAILABLE 5] x", ResponseCode.UNAVAILABLE),
        ("NO [X-OWN] x", None),
        ("NO no code", None),
        ("", None),
    ],
)
def test_a_code_is_read_at_the_beginning_in_any_case(text: str, found: ResponseCode | None) -> None:
    """Behind NO, BAD or BYE where that is part of the text; what is none of ours is none."""
    assert code(text) is found


@given(st.text())
def test_no_text_breaks_the_reader_of_codes(text: str) -> None:
    """Any text has a code or none."""
    code(text)
    busy(text)
