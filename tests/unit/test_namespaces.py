"""Replies to NAMESPACE, as servers send them and as they should not."""

from __future__ import annotations

import pytest

from core.imap.names import Reply
from core.imap.namespaces import Namespace, Namespaces, Whose, parse

DOT = Namespace("INBOX.", ".")


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (b'(("" "/")) NIL NIL', Namespaces((Namespace("", "/"),))),
        (b'(("INBOX." ".")) NIL NIL', Namespaces((DOT,))),
        (
            b'(("INBOX." ".")) (("user." ".")) (("" "."))',
            Namespaces((DOT,), (Namespace("user.", "."),), (Namespace("", "."),)),
        ),
        (
            b'(("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) (("~" "/")) (("#shared/" "/")("#ftp/" "/"))',
            Namespaces(
                (Namespace("", "/"), Namespace("#mh/", "/")),
                (Namespace("~", "/"),),
                (Namespace("#shared/", "/"), Namespace("#ftp/", "/")),
            ),
        ),
        (b'nil NIL (("" NIL))', Namespaces(shared=(Namespace("", ""),))),
        (b'("INBOX." ".") NIL NIL', Namespaces((DOT,))),
        (b'(("a\\"b\\\\" "\\\\")) NIL NIL', Namespaces((Namespace('a"b\\', "\\"),))),
        (b"() () ()", Namespaces()),
    ],
)
def test_namespaces_are_read(reply: bytes, found: Namespaces) -> None:
    """Prefix and delimiter of each, extensions passed over, brackets that are left out."""
    assert parse([reply]) == found


def test_a_prefix_may_come_as_a_literal() -> None:
    """Between two parts of the reply; and of two replies the last one counts."""
    replies: list[Reply] = [b'(("x" "/")) NIL NIL', (b"((({6}"[1:], b"INBOX."), b' ".")) NIL NIL']
    assert parse(replies) == Namespaces((DOT,))


@pytest.mark.parametrize(
    "reply", [b"", b"NIL", b"NIL NIL", b'(("" "/")', b'(("" "/))) NIL NIL', b") NIL NIL NIL", b"(" * 100, b"x NIL NIL"]
)
def test_what_cannot_be_understood_says_nothing(reply: bytes) -> None:
    """Then the server is one that does not tell."""
    assert parse([reply]) is None
    assert parse([None]) is None


def test_folders_are_made_without_a_prefix_where_that_can_be() -> None:
    """Else below the first of the user's own; a delimiter that the prefix lacks is added."""
    assert Namespaces((DOT, Namespace("", "/"))).home == Namespace("", "/")
    assert Namespaces((DOT, Namespace("#mh/", "/"))).home == DOT
    assert Namespaces().home is None
    assert [Namespace(*one).root for one in (("INBOX", "."), ("", "/"), ("#mhinbox", ""))] == ["INBOX.", "", "#mhinbox"]


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        *[(name, Whose.PERSONAL) for name in ("INBOX", "inbox", "INBOX.A", "Inbox.A.B")],
        *[(name, Whose.OTHER) for name in ("user", "user.bob", "user.bob.Sent")],
        *[(name, Whose.SHARED) for name in ("Team", "INBOXES", "users.x")],
    ],
)
def test_the_longest_prefix_tells_whose_a_folder_is(name: str, whose: Whose) -> None:
    """INBOX in any case, the folder that others' hang from too."""
    cyrus = Namespaces((DOT,), (Namespace("user.", "."),), (Namespace("", "."),))
    found = cyrus.find(name)
    assert found is not None
    assert found[0] is whose
    assert Namespaces((DOT,)).find("Team") is None
