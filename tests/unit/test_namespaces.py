"""Owners of folders: by NAMESPACE, by MYRIGHTS, by names; and the effect on rules, deletion and places."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.registry import users
from core.engine.visit import user_names, whose
from core.imap import names, namespaces
from core.imap.names import Folder, Reply
from core.model import User
from core.profiles.ownership import OWN, Evidence, Neighbours, Standing, UserNames, Whose
from core.profiles.rules import FolderRules
from tests import homes

ANNA = User("a", "anna", ("anna@example.test", "a.adler@example.test"), "anna")
BOB = User("b", "bob", ("bob@example.test", "sales@example.test"), "bob")


def told(reply: bytes | list[Reply], *folders: str) -> list[tuple[str, str]]:
    """(standing, owner) of folders by a reply to NAMESPACE."""
    spaces = namespaces.parse(reply if isinstance(reply, list) else [reply])
    assert spaces is not None
    found = [spaces.whose(name) for name in folders]
    return [(one.standing.value, one.owner) for one in found]


@pytest.mark.parametrize(
    ("reply", "name", "standing", "owner"),
    [
        (b'(("" "/")) (("shared/" "/")) NIL', "shared/bob@example.test/INBOX", "others", "bob@example.test"),
        (b'(("" "/")) (("shared/" "/")) NIL', "shared/bob@example.test", "others", "bob@example.test"),
        (b'(("" "/")) (("shared/" "/")) NIL', "sharedness", "own", ""),
        (b'(("" "/")) (("shared/" "/")) NIL', "shared", "others", ""),
        (b'(("INBOX." ".")) (("user." ".")) (("shared." "."))', "user.bob.Sent", "others", "bob"),
        (b'(("INBOX." ".")) (("user." ".")) (("shared." "."))', "shared.News", "shared", ""),
        (b'(("INBOX." ".")) (("user." ".")) (("shared." "."))', "INBOX.user.bob", "own", ""),
        (b'(("INBOX." ".")) (("user." ".")) (("shared." "."))', "Elsewhere", "doubtful", ""),
        (b'(("INBOX/" "/")) (("INBOX/users/" "/")) NIL', "INBOX/users/bob/INBOX", "others", "bob"),
        (b'(("INBOX/" "/")) (("INBOX/users/" "/")) NIL', "inbox/Users", "own", ""),
        (b'(("" "/")) (("~" "/")) (("#news." ".")("#ftp/" "/"))', "~bob/Mail", "others", "bob"),
        (b'(("" "/")) (("~" "/")) (("#news." ".")("#ftp/" "/"))', "#news.comp", "shared", ""),
        (b'(("" "/")("#mh/" "/" "X-PARAM" ("A" "B"))) (("Other Users" "/")) NIL', "Other Users/bob/x", "others", "bob"),
        (b'(("" "/")("#mh/" "/" "X-PARAM" ("A" "B"))) (("Other Users" "/")) NIL', "Other Users2", "own", ""),
        (b'(("" "/")("#mh/" "/" "X-PARAM" ("A" "B"))) (("Other Users" "/")) NIL', "#mh/inbox", "own", ""),
        (b'(("" NIL)) (("=" NIL)) NIL', "=bob", "others", "bob"),
        (b'NIL NIL (("" "."))', "anything", "shared", ""),
        (b'NIL NIL (("" "."))', "INBOX", "own", ""),
        (b'NIL (("user." ".")) NIL', "Projects", "own", ""),
        (b"NIL NIL NIL", "Projects", "own", ""),
        (b'nil (("S&APw-d/" "/")) Nil', "S&APw-d/m&APw-ller/x", "others", "müller"),
        (b'(("" "\\\\")) (("Other\\\\" "\\\\")) NIL', "Other\\bob\\x", "others", "bob"),
        (b'(("" "/")) (("" "/")) NIL', "Projects", "own", ""),
    ],
)
def test_the_longest_prefix_tells_whose_a_folder_is(reply: bytes, name: str, standing: str, owner: str) -> None:
    """With several namespaces of a kind, odd delimiters, prefixes within others; INBOX is always one's own."""
    assert told(reply, name) == [(standing, owner)]


def test_literals_and_extensions_are_read() -> None:
    """A prefix may come as a literal, and more may follow the delimiter."""
    replies: list[Reply] = [(b'(("" "/")) (({7}', b"shared/"), (b' "/" "X" ("y")) ({5}', b"more/"), b' "/")) NIL']
    assert told(replies, "shared/bob/x", "more/eve", "x") == [("others", "bob"), ("others", "eve"), ("own", "")]


@pytest.mark.parametrize(
    "reply", [b"", b"((", b'(("" "/"))', b"garbage here too", b'(("a")) NIL NIL', b'(((("" "/")))) NIL NIL']
)
def test_what_cannot_be_read_tells_nothing(reply: bytes) -> None:
    """An answer that is none is no answer; the folders stay as they were."""
    spaces = namespaces.parse([reply])
    assert spaces is None or not spaces.spaces
    folder = Folder("shared/bob/INBOX", "shared/bob/INBOX")
    assert namespaces.annotated([folder], spaces) == [folder]


@given(st.binary(max_size=60))
def test_no_reply_breaks_the_reader(reply: bytes) -> None:
    """For any reply the reader ends."""
    namespaces.parse([reply])
    namespaces.rights([reply])


def by_rights(granted: dict[str, str]) -> dict[str, str]:
    replies: list[Reply] = [f'"{name}" {letters}'.encode() for name, letters in granted.items()]
    folders = [Folder(name, name) for name in granted]
    found = namespaces.annotated(folders, None, namespaces.rights(replies))
    return {folder.name: folder.whose.standing.value for folder in found}


@pytest.mark.parametrize(
    ("granted", "standing"),
    [
        ({"INBOX": "lrswipkxtecda", "X": "lrswipkxtecda"}, "own"),
        ({"INBOX": "lrswipkxtea", "X": "lrs"}, "doubtful"),
        ({"INBOX": "lrswipkxtea", "X": "lrswipkxte"}, "doubtful"),
        ({"INBOX": "lrswipcda", "X": "lrswipcda"}, "own"),
        ({"INBOX": "lrswipcda", "X": "lrswip"}, "doubtful"),
        ({"INBOX": "lrs", "X": "lrs"}, "own"),
        ({"X": "lrs"}, "own"),
        ({"INBOX": "", "X": "lr"}, "own"),
    ],
)
def test_fewer_rights_than_in_inbox_are_a_doubt(granted: dict[str, str], standing: str) -> None:
    """Only beside INBOX: a master user who may only read has less in all folders, which tells nothing."""
    assert by_rights(granted)["X"] == standing


def settled(*paths: str, sure: bool = True, noselect: str = "", everybody: bool = False) -> dict[str, str]:
    folders = [Folder(path, path, ("\\noselect",) if path == noselect else ()) for path in ("INBOX", *paths)]
    neighbours = Neighbours.of("a", "anna@example.test", UserNames([ANNA, BOB]))
    found = whose.by_name(neighbours, folders, sure=sure, everybody=everybody)
    return {one.path: f"{one.whose.standing.value} {one.whose.owner}".strip() for one in found if one.path != "INBOX"}


def test_on_kerio_a_top_folder_named_like_another_mailbox_is_that_users() -> None:
    """By address, by an alias, by the login alone where it looks like a mailbox; all that is below it as well."""
    assert settled("bob@example.test/INBOX") == {"bob@example.test/INBOX": "others bob@example.test"}
    assert settled("BOB@example.test/Sent Items") == {"BOB@example.test/Sent Items": "others bob@example.test"}
    assert settled("sales@example.test") == {"sales@example.test": "others sales@example.test"}
    assert settled("bob", "bob/INBOX") == {"bob": "others bob@example.test", "bob/INBOX": "others bob@example.test"}
    assert settled("bob", "bob/Plans", noselect="bob")["bob/Plans"] == "others bob@example.test"
    assert settled("bob/Plans") == {"bob/Plans": "others bob@example.test"}
    assert settled("bob", "bob/Sent Items")["bob"] == "others bob@example.test"
    assert settled("eve@example.test/INBOX") == {"eve@example.test/INBOX": "others eve@example.test"}


@given(
    st.lists(
        st.builds(
            User,
            st.sampled_from("abc"),
            st.just("x"),
            st.lists(st.sampled_from(["a@x", "A@X", "b@x", "a@y"]), max_size=3).map(tuple),
            st.sampled_from(["", "a", "b", "B@x", "c"]),
        ),
        max_size=6,
    )
)
def test_names_made_once_for_all_mailboxes_tell_each_of_them_the_others(people: list[User]) -> None:
    """As if they had been made of the other users alone; also where a user has the names of another."""
    names = UserNames(people)
    for owner in "abcd":
        others = UserNames([user for user in people if user.id != owner])
        for key in ("a@x", "b@x", "a@y", "a", "b", "c", "x"):
            assert names.other(key, owner) == others.other(key, "")
            assert names.other_login(key, owner) == others.other_login(key, "")
            assert not names.own(owner) & {key} or key in UserNames([user for user in people if user.id == owner]).own(owner)


async def test_users_are_read_once_for_all_mailboxes_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And anew when one was added."""
    archive = await homes.begin(tmp_path / "home")
    read: list[Archive] = []
    all_users = users.all_users

    async def counted(archive: Archive) -> list[User]:
        read.append(archive)
        return await all_users(archive)

    monkeypatch.setattr(users, "all_users", counted)
    try:
        for _ in range(5):
            assert (await user_names.of(archive)).other("alice@example.test", "") == "alice@example.test"
        assert len(read) == 1
        await users.add(archive, "bob", ["bob@example.test"])
        assert (await user_names.of(archive)).other("bob@example.test", "") == "bob@example.test"
        assert len(read) == 2
    finally:
        await archive.close()


def test_a_folder_that_only_may_be_somebody_elses_is_a_doubt() -> None:
    """Its owner may well have named it so: "sales", or after a person with whom mail is exchanged."""
    assert settled("sales") == {"sales": "doubtful"}
    assert settled("sales", "sales/2024") == {"sales": "doubtful", "sales/2024": "doubtful"}
    assert settled("Sales/2024") == {"Sales/2024": "doubtful"}
    assert settled("Sales/Sent") == {"Sales/Sent": "doubtful"}
    assert settled("eve@example.test") == {"eve@example.test": "doubtful"}
    assert settled("eve@elsewhere.test/INBOX") == {"eve@elsewhere.test/INBOX": "own"}
    assert settled("Projects/bob@example.test/INBOX") == {"Projects/bob@example.test/INBOX": "own"}
    assert settled("anna@example.test/INBOX", "a.adler@example.test", "anna") == {
        "anna@example.test/INBOX": "own",
        "a.adler@example.test": "own",
        "anna": "own",
    }


def test_on_other_servers_a_name_is_a_doubt_at_most() -> None:
    """Unknown behaviour of a server is not assumed."""
    assert settled("bob@example.test/INBOX", sure=False) == {"bob@example.test/INBOX": "doubtful"}
    assert settled("sales", sure=False) == {"sales": "own"}
    assert settled("bob@example.test", sure=False, everybody=True) == {"bob@example.test": "own"}
    assert settled("bob@example.test", everybody=True) == {"bob@example.test": "doubtful"}


SHARED = Whose(Standing.OTHERS, "bob", Evidence.NAMESPACE, "INBOX/users")


@pytest.mark.parametrize(
    ("include", "reason"),
    [
        ([], "a folder of bob"),
        (["**"], "a folder of bob"),
        (["*/users/**"], "a folder of bob"),
        (["INBOX/**"], "a folder of bob"),
        (["INBOX/*/bob/**"], "a folder of bob"),
        (["Projects"], "a folder of bob"),
        (["INBOX/users/**"], ""),
        (["INBOX/users/*/Plans"], ""),
        (["**", "INBOX/users/bob/Plans"], ""),
    ],
)
def test_what_is_somebody_elses_must_be_named(include: list[str], reason: str) -> None:
    """A pattern that means everything, or all below one's own INBOX, names nothing of others."""
    assert FolderRules.of(include, []).reason_to_exclude("INBOX/users/bob/Plans", (), SHARED) == reason
    assert FolderRules.of(include, ["INBOX/users/**"]).reason_to_exclude("INBOX/users/bob/Plans", (), SHARED)


@pytest.mark.parametrize(
    ("whose_", "path", "place"),
    [
        (OWN, "Projects", "Projects"),
        (Whose(Standing.OTHERS, "bob", Evidence.NAMESPACE, "user"), "user/bob/Plans", "user/bob/Plans"),
        (Whose(Standing.OTHERS, "bob@example.test", Evidence.TWIN), "Plans", "Folders of others/bob@example.test/Plans"),
        (Whose(Standing.OTHERS, "", Evidence.NAMESPACE), "Plans", "Folders of others/Plans"),
        (Whose(Standing.SHARED, "", Evidence.NAMESPACE, "Public"), "Public/News", "Public/News"),
        (Whose(Standing.SHARED, "", Evidence.NAMESPACE), "News", "Shared folders/News"),
        (Whose(Standing.DOUBTFUL, evidence=Evidence.RIGHTS), "Plans", "Plans"),
    ],
)
def test_the_place_of_a_shared_folder_in_the_archive_names_its_owner(whose_: Whose, path: str, place: str) -> None:
    """The path of the server where that says it, else one level more."""
    assert whose_.place(path) == place


def test_views_are_known_by_their_use() -> None:
    """With any name on a server."""
    found, _ = names.folders([rb'(\HasNoChildren \All) "/" "[Gmail]/Alle Nachrichten"', rb'(\Junk) "/" Spam'])
    assert [folder.view for folder in found] == [True, False]
