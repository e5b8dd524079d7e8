"""The server folder for a path of the archive."""

from __future__ import annotations

import pytest

from core.engine.restore.restore_places import ServerFolders, Used
from core.imap.names import Folder, path
from core.imap.namespaces import Namespace, Namespaces
from core.problems import restore
from core.profiles.ownership import OWN, Standing, Whose


def spaces(*own: tuple[str, str], others: str = "", shared: str | None = None, delimiter: str = "/") -> Namespaces:
    """A server's namespaces: prefix and delimiter of the user's own, prefixes of the others."""
    found = [Namespace(Standing.OWN, *one) for one in own]
    found += [Namespace(Standing.OTHERS, others, delimiter)] if others else []
    found += [Namespace(Standing.SHARED, shared, delimiter)] if shared is not None else []
    return Namespaces(tuple(found))


CYRUS = spaces(("INBOX.", "."), others="user.", shared="", delimiter=".")


def server(*names: str, told: Namespaces | None = CYRUS, delimiter: str = ".") -> ServerFolders:
    return ServerFolders([Folder(name, path(name, delimiter)) for name in names], told, delimiter)


@pytest.mark.parametrize(
    ("wished", "name"),
    [
        ("INBOX", "INBOX"),
        ("Projekte", "INBOX.Projekte"),
        ("INBOX/Projekte", "INBOX.Projekte"),
        ("INBOXES", "INBOX.INBOXES"),
        ("Entwürfe", "INBOX.Entw&APw-rfe"),
        ("A & B/C", "INBOX.A &- B.C"),
        ("a\u2215b", "INBOX.a/b"),
        ("user/bob/Projekte", "INBOX.user.bob.Projekte"),
    ],
)
def test_the_users_own_folders_lie_below_the_prefix(wished: str, name: str) -> None:
    """Each once; also what is called like a folder of others, and like INBOX at its beginning."""
    for there in ((), ("INBOX", "INBOX.Other")):
        spot = server(*there).spot(wished, meant=False)
        assert (spot.name, spot.whose is not None and spot.whose.standing, spot.refusal) == (name, Standing.OWN, None)


def test_a_shared_folder_of_that_name_is_used_only_when_it_is_meant() -> None:
    """Cyrus has its shared folders without a prefix."""
    folders = server("INBOX", "Projekte", "user.bob")
    assert folders.spot("Projekte", meant=False).name == "INBOX.Projekte"
    shared, bobs = folders.spot("Projekte", meant=True), folders.spot("user/bob", meant=True)
    assert shared.whose is not None
    assert bobs.whose is not None
    assert (shared.name, shared.whose.standing) == ("Projekte", Standing.SHARED)
    assert (bobs.name, bobs.whose.standing, bobs.whose.owner) == ("user.bob", Standing.OTHERS, "bob")
    assert folders.spot("user/bob", meant=False).name == "INBOX.user.bob"


@pytest.mark.parametrize(
    ("told", "wished", "name"),
    [
        (spaces(("Mail/", "/")), "A/B", "Mail/A/B"),
        (spaces(("Mail/", "/")), "Mail/A", "Mail/A"),
        (spaces(("INBOX", ".")), "A/B", "INBOX.A.B"),
        (spaces(("#mhinbox", ""), ("", "/")), "A/B", "A/B"),
        (spaces(("", "/")), "A/B", "A/B"),
        (Namespaces(), "A/B", "A/B"),
        (None, "A/B", "A/B"),
    ],
)
def test_other_prefixes_and_none(told: Namespaces | None, wished: str, name: str) -> None:
    """Any prefix, with the delimiter that belongs to it."""
    assert server("INBOX", told=told, delimiter="/").spot(wished, meant=False).name == name


def test_what_cannot_be_named_there_is_refused() -> None:
    """A level that holds the delimiter, levels where there are none, folders of others that are not there."""
    assert server().spot("v1.2", meant=True).refusal == restore.NO_SUCH_NAME(delimiter=".")
    flat = spaces(("#mh", ""))
    assert server(told=flat, delimiter="").spot("A/B", meant=True).refusal == restore.NO_LEVELS()
    shared = spaces(("", "/"), others="Other Users/", shared="Shared/")
    for there, whose in (("Shared/Team", "a shared folder"), ("Other Users/bob/X", "a folder of bob")):
        assert server(told=shared, delimiter="/").spot(there, meant=True).refusal == restore.FOREIGN(whose=whose)


def test_a_server_that_does_not_tell_its_prefix_shows_it() -> None:
    """All folders but INBOX lie below INBOX; one beside it, or a word of the server's, and it is no such server."""
    for there in ((), ("INBOX",), ("INBOX", "INBOX.A", "INBOX.A.B")):
        spot = server(*there, told=None).below_inbox("C")
        assert spot is not None
        assert spot.name == "INBOX.C"
    assert server("INBOX", "INBOX.A", "B", told=None).below_inbox("C") is None
    assert server("INBOX", "INBOX.A", told=spaces(("", "."))).below_inbox("C") is None
    assert server("INBOX", told=None).below_inbox("INBOX/C") is None
    assert server("INBOX", told=None, delimiter="").below_inbox("C") is None


def test_what_cannot_be_opened_is_made() -> None:
    """A folder that only holds others is not there yet."""
    folders = ServerFolders([Folder("A", "A", ("\\noselect",))], None, "/")
    assert folders.spot("A", meant=False).folder is None


def test_a_folder_that_was_used_is_told_with_what_is_odd_about_it() -> None:
    """Another one than was asked for, and whose it is."""
    used = Used("INBOX/A", "INBOX.A", "A", OWN, True, 2, (("alice", "a/A"),))
    assert (used.odd, used.sentence()) == (True, "INBOX/A (for A): 2 messages")
    other = Used("user/bob", "user.bob", "user/bob", Whose(Standing.OTHERS, "bob"), False, 1, ())
    assert (other.odd, other.sentence()) == (True, "user/bob, a folder of bob: 1 message")
    assert not Used("A", "A", "A", None, False, 1, ()).odd
