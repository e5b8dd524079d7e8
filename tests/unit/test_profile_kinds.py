"""Profile files for many mailboxes and for the mailbox of everybody: what belongs to each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.profile import Kind, Login, Method, from_json
from core.profiles.selection import SelectionMode, UserSelection
from tests.profile_files import CATCHALL, MANY, MINIMAL, as_toml, having, line_of, parse, refusal


def test_a_profile_for_many_mailboxes_is_read() -> None:
    """Login method, master account and user selection; Kerio's master login needs no account."""
    profile = parse(MANY, Path("staff.toml")).settings
    assert (profile.kind, profile.target) == (Kind.MAILBOXES, None)
    assert profile.login == Login("archive", "", Method.MASTER_USER)
    assert profile.selection == UserSelection(SelectionMode.ALL_EXCEPT, ("anna", "bob@example.test"))
    kerio = MANY.replace("master-user", "kerio-master").replace('username = "archive"\n', "").partition("[users]")[0]
    assert parse(kerio, Path("staff.toml")).settings.selection == UserSelection()


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ('method = "master-user"', 'method = "password"', "login.method must open every mailbox", "kerio-master"),
        ('method = "master-user"\n', "", "login.method must open every mailbox", "plain-authzid"),
        ('username = "archive"', "", "login.username is missing or empty", "the account that may open the others"),
        ("[users]", '[target]\nuser = "anna"\n[users]', "[target] is for profiles of kind mailbox", "Leave it out"),
        ('mode = "all-except"', 'mode = "all"', "users.list has no meaning", "all-except or only"),
        ('mode = "all-except"', 'mode = "some"', 'users.mode = "some" is not allowed', "all, all-except, only"),
        ('list = ["anna", "bob@example.test"]', "", "users.list is missing or empty", 'list = ["anna"]'),
        ('"anna"', '" "', "users.list has an empty name", "user names or addresses"),
        ("[users]", '[users]\nsync_directory_first = "yes"', 'sync_directory_first = "yes" is not allowed', "true or false"),
    ],
)
def test_a_wrong_profile_for_many_mailboxes_is_refused(old: str, new: str, message: str, hint: str) -> None:
    """Contradictions are named with the allowed combination."""
    error = refusal(MANY.replace(old, new))
    assert message in error.message
    assert hint in error.hint


def test_a_profile_for_one_mailbox_has_no_selection_and_no_master_login() -> None:
    """Fields of many mailboxes are refused for one."""
    assert "[users] is for profiles of kind mailboxes" in refusal(MINIMAL + "[users]\n").message
    assert 'login.method = "kerio-master" is for kind mailboxes' in refusal(having("login", 'method = "kerio-master"')).message


def test_a_catch_all_profile_is_read() -> None:
    """Templates, what becomes of unknown addresses, header fields, domains and own addresses; all of it has defaults."""
    profile = parse(CATCHALL, Path("x.toml")).settings
    assert (profile.kind, profile.catchall, profile.target, profile.selection) == (Kind.CATCHALL, CatchAll(), None, None)
    assert CatchAll().own(profile.login.username) == ("journal@example.test",)
    assert CatchAll().own("journal") == ()
    lines = [
        *("[catchall]", 'incoming = "{h-email}/In"', 'outgoing = "Sent"', 'unknown_folder = "a/b"', 'archive = "anna"'),
        *('headers = ["X-A", "To", "To"]', 'domains = ["example.test"]', 'own_addresses = ["j@example.test"]'),
    ]
    profile = parse("\n".join([CATCHALL, *lines]), Path("x.toml")).settings
    own = ("j@example.test",)
    wanted = CatchAll(
        "{h-email}/In",
        "Sent",
        UnknownPolicy.ARCHIVE,
        "a/b",
        "anna",
        ("X-A", "To"),
        domains=("example.test",),
        own_addresses=own,
    )
    assert profile.catchall == wanted
    assert wanted.own(profile.login.username) == own
    assert not any("own address is not known" in text for text in profile.advice())
    nobody = parse(CATCHALL.replace("journal@example.test", "journal"), Path("x.toml")).settings
    assert any("own address is not known" in text for text in nobody.advice())


@pytest.mark.parametrize(
    ("line", "what", "allowed"),
    [
        ('incoming = "{email}/INBOX"', '= "{email}/INBOX" is not allowed', "{u-email}"),
        ('outgoing = "a//b"', '= "a//b" is not allowed', "{h-email}"),
        ('unknown = "delete"', '= "delete" is not allowed', "archive, leave"),
        ('unknown_folder = "{u-email}"', '= "{u-email}" is not allowed', "without placeholders"),
        ('unknown = "leave"\nunknown_folder = "x"', "has no meaning", "no unknown_folder"),
        ('unknown = "leave"\narchive = "anna"', "has no meaning", "no archive"),
        ('headers = ["To:"]', '= "To:" is not allowed', "X-Original-To"),
        ('domains = ["@example.test"]', '= "@example.test" is not allowed', "domains such as example.test"),
        ('own_addresses = ["journal"]', '= "journal" is not allowed', "journal@example.test"),
        ("sync = true", "is unknown", "incoming, outgoing, unknown"),
    ],
)
def test_what_cannot_be_in_a_catch_all_profile_is_refused(line: str, what: str, allowed: str) -> None:
    """With the key, its line, and what is allowed."""
    text = f"{CATCHALL}[catchall]\n{line}\n"
    error = refusal(text)
    key = line.splitlines()[-1].partition(" ")[0]
    assert error.message.startswith(f"alice.toml, line {line_of(text, f'{key} =')}: catchall.{key} ")
    assert what in error.message
    assert allowed in error.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MINIMAL + "[catchall]\n", "[catchall] is for profiles of kind catchall"),
        (CATCHALL + '[target]\nuser = "anna"\n', "[target] is for profiles of kind mailbox"),
        (
            CATCHALL.replace("[login]", '[login]\nmethod = "kerio-master"'),
            'login.method = "kerio-master" is for kind mailboxes',
        ),
        (CATCHALL.replace('username = "journal@example.test"', ""), "login.username is missing or empty"),
    ],
)
def test_each_kind_has_its_sections(text: str, reason: str) -> None:
    """Sections of another kind are refused, even empty ones."""
    assert reason in refusal(text).message


def test_a_profile_may_have_users_synchronised_first() -> None:
    """Kept in the file, in the ledger, and said; older definitions know nothing of it."""
    profile = parse(f"{MANY}sync_directory_first = true\n", Path("x.toml")).settings
    assert profile.sync_directory_first
    assert any("synchronised with the directory" in text for text in profile.advice())
    assert from_json(profile.as_json()) == profile
    assert parse(as_toml(profile), Path("x.toml")).settings == profile
    older = profile.as_json()
    del older["users"]["sync_directory_first"]
    assert not from_json(older).sync_directory_first
    assert "sync_directory_first" not in as_toml(from_json(older))


def test_a_profile_of_before_has_the_usual_floor_and_no_share() -> None:
    """A profile saved before there were such keys is read as before."""
    definition = parse(MINIMAL, Path("x.toml")).settings.as_json()
    del definition["server"]["slowest_bytes_a_second"], definition["server"]["megabytes_a_day"]
    server = from_json(definition).server
    assert (server.slowest_bytes_a_second, server.megabytes_a_day) == (1000, 0)
