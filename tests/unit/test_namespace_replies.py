"""Replies to NAMESPACE, as servers send them and as they should not."""

from __future__ import annotations

import pytest

from core.imap.names import Reply
from core.imap.namespaces import parse
from core.profiles.ownership import Standing

OWN, OTHERS, SHARED = Standing.OWN, Standing.OTHERS, Standing.SHARED


def read(*replies: Reply) -> list[tuple[Standing, str, str]] | None:
    found = parse(replies)
    return None if found is None else [(one.standing, one.prefix, one.delimiter) for one in found.spaces]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (b'(("" "/")) NIL NIL', [(OWN, "", "/")]),
        (b'(("INBOX." ".")) NIL NIL', [(OWN, "INBOX.", ".")]),
        (
            b'(("INBOX." ".")) (("user." ".")) (("" "."))',
            [(OWN, "INBOX.", "."), (OTHERS, "user.", "."), (SHARED, "", ".")],
        ),
        (
            b'(("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) (("~" "/")) (("#shared/" "/")("#ftp/" "/"))',
            [(OWN, "", "/"), (OWN, "#mh/", "/"), (OTHERS, "~", "/"), (SHARED, "#shared/", "/"), (SHARED, "#ftp/", "/")],
        ),
        (b'nil NIL (("" NIL))', [(SHARED, "", "")]),
        (b"NIL NIL NIL", []),
    ],
)
def test_prefix_and_delimiter_of_a_namespace_are_read(reply: bytes, found: list[tuple[Standing, str, str]]) -> None:
    """Prefix and delimiter of each, extensions passed over."""
    assert read(reply) == found


def test_a_prefix_may_come_as_a_literal() -> None:
    """In the middle of the reply."""
    assert read((b"(({6}", b"INBOX."), b' ".")) NIL NIL') == [(OWN, "INBOX.", ".")]


@pytest.mark.parametrize("reply", [b"", b"NIL", b"NIL NIL", b'(("" "/")', b'(("" "/))) NIL NIL', b") NIL NIL NIL", b"(" * 100])
def test_what_cannot_be_understood_says_nothing(reply: bytes) -> None:
    """Then the server is one that does not tell."""
    assert read(reply) is None
    assert read(None) is None
