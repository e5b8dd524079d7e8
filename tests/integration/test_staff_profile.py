"""A profile for many mailboxes from the command line: saved, tried, run, compared, and its bad input refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import TRASH, Kerio
from tests.support import mail

pytestmark = pytest.mark.server
WORD = "kerio master"
PEOPLE = ("anna", "bob", "carl")


def address(name: str) -> str:
    return f"{name}@example.test"


@pytest.fixture
def behind(dovecot: StartDovecot) -> Dovecot:
    """Three mailboxes."""
    server = dovecot({address(name): "x" for name in PEOPLE}, master=("archive", WORD))
    for name in PEOPLE:
        server.deliver(address(name), "INBOX", mail(f"for {name}"), ["\\Seen"])
        server.deliver(address(name), "Projects", mail(f"project of {name}"), ["\\Flagged"])
    return server


@pytest.fixture
def kerio(behind: Dovecot) -> Iterator[Kerio]:
    with Kerio(behind, master_password=WORD) as kerio:
        yield kerio


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """A home with the three users, and one without an address."""
    with Archivar(tmp_path / "cli", WORD=WORD) as archivar:
        for name in PEOPLE:
            archivar("user", "add", name, "--email", address(name))
        archivar("user", "add", "room")
        yield archivar


def staff(archivar: Archivar, kerio: Any, *more: str, method: str = "kerio-master", users: str = "") -> str:
    lines = [
        *('name = "Staff"', 'kind = "mailboxes"', "[server]", f'host = "{kerio.host}"', f"port = {kerio.port}"),
        *('access = "imap"', "timeout = 20", "[login]", f'method = "{method}"', 'password_env = "WORD"'),
        *(("[users]", users) if users else ()),
        *more,
    ]
    return str(archivar.write("staff.toml", "\n".join(lines) + "\n"))


def test_every_mailbox_of_a_server_is_archived_with_one_profile(archivar: Archivar, kerio: Kerio) -> None:
    """From the file to the archive, with one folder per mailbox in each user's archive; nothing is missing then."""
    saved = archivar("profile", "apply", staff(archivar, kerio))
    assert "It archives 3 of 4 users, 1 has no e-mail address." in saved.err
    assert "Without an e-mail address: room" in saved.err
    assert "every mailbox can be opened" in saved.err
    assert "all   3 mailboxes" in archivar("profile", "list").out
    before = archivar("missing", "Staff", "--json", code=1).json
    assert (before["missing"], [one["missing"] for one in before["mailboxes"]]) == (6, [2, 2, 2])
    result = archivar("run", "Staff", "--json").json
    assert (result["status"], result["totals"]["archived"]) == ("succeeded", 6)
    assert [(one["mailbox"], one["user"]) for one in result["mailboxes"]] == [(address(name), name) for name in PEOPLE]
    assert any("room" in warning for warning in result["warnings"])
    for name in PEOPLE:
        folders = archivar("folders", name, "--json").json["folders"]
        assert [one["folder"] for one in folders] == [f"{address(name)}/INBOX", f"{address(name)}/Projects"]
    after = archivar("missing", "Staff")
    assert "3 of 3 mailboxes complete." in after.out
    assert "Nothing is missing in the archive." in after.out
    assert archivar("run", "Staff", "--json").json["totals"]["archived"] == 0
    assert "✔ clean" in archivar("verify").out


def test_a_profile_for_many_mailboxes_is_tried_with_one(archivar: Archivar, kerio: Kerio) -> None:
    """The first one or the one that is asked for, with the master login and the mailbox as steps of their own."""
    archivar("profile", "apply", staff(archivar, kerio))
    tested = archivar("profile", "test", "Staff", "--user", "bob", "--json").json
    assert [step["step"] for step in tested["steps"]] == ["lookup", "tcp", "greeting", "login", "mailbox", "folders"]
    assert (tested["ok"], tested["mailbox"], kerio.logins) == (True, address("bob"), [address("bob")])
    kerio.behaviour.refuse_users = {address("anna")}
    refused = archivar("profile", "test", "Staff", code=3).out
    assert "Login           ✔ ok" in refused
    assert "Mailbox         ✘ failed" in refused
    assert "no e-mail address" in archivar("profile", "test", "Staff", "--user", "room", code=2).err
    assert "INBOX" in archivar("profile", "folders", "Staff", "--user", "carl").out
    kerio.behaviour.ip_refused = True
    failed = archivar("profile", "test", "Staff", code=3).out
    assert "Login           ✘ failed" in failed
    assert "outside the IP group" in " ".join(failed.split())
    assert WORD not in failed


@pytest.mark.parametrize(("auto_expunge", "moves_at"), [(1, "store"), (1, "expunge"), (0, "store")])
@pytest.mark.parametrize("uidplus", [True, False])
def test_the_server_is_asked_what_it_does_with_deleted_mail(
    archivar: Archivar, kerio: Kerio, behind: Dovecot, auto_expunge: Any, moves_at: Any, uidplus: bool
) -> None:
    """A probe in a folder of its own tells the mode and the remedy, and leaves nothing behind."""
    kerio.behaviour.auto_expunge, kerio.behaviour.moves_at = auto_expunge, moves_at
    kerio.behaviour.hidden |= set() if uidplus else {"UIDPLUS"}
    if uidplus:
        # Without it the server makes its trash when it first needs it.
        behind.deliver(address("anna"), TRASH, mail("thrown away"))
    before = behind.expected(address("anna"))
    archivar("profile", "apply", staff(archivar, kerio))
    tested = archivar("profile", "test", "Staff", "--probe-deletion", "--json").json
    at = "STORE" if auto_expunge and moves_at == "store" else "EXPUNGE"
    trash = TRASH if auto_expunge else ""
    assert tested["deletion"] == {"mode": "trash" if auto_expunge else "final", "at": at, "trash": trash, "left": []}
    assert {folder: found for folder, found in behind.expected(address("anna")).items() if found} == before
    told = archivar("profile", "test", "Staff", "--probe-deletion").err
    assert ("stop Kerio Connect, set AutoExpungeOnDelete to 0" in told) is bool(auto_expunge)
    assert ("gone for good" in told) is not auto_expunge


def test_a_probe_that_cannot_be_made_says_why(archivar: Archivar, kerio: Kerio) -> None:
    """A server that makes no folder: exit code 3, the reason, and no other test is spoilt."""
    kerio.behaviour.unknown = {"CREATE"}
    archivar("profile", "apply", staff(archivar, kerio))
    tested = archivar("profile", "test", "Staff", "--probe-deletion", code=3)
    assert "could not be tried out" in tested.err
    assert "Folder list     ✔ ok" in tested.out


def test_a_dry_run_lists_what_would_be_deleted(archivar: Archivar, kerio: Kerio, behind: Dovecot) -> None:
    """By mailbox, folder and UID; flagged mail is not among it, and nothing is changed."""
    file = staff(archivar, kerio, "[delete]", 'when = "immediately"', users='mode = "only"\nlist = ["anna"]')
    saved = archivar("profile", "apply", file).err
    assert "every archived message is deleted on the server, except flagged mail" in saved
    result = archivar("run", "Staff", "--dry-run", "--json").json
    [mailbox] = result["mailboxes"]
    assert mailbox["folders"] == [
        {"folder": "INBOX", "new": 1, "bytes": len(mail("for anna")), "excluded": 0, "delete": [1]},
        {"folder": "Projects", "new": 1, "bytes": len(mail("project of anna")), "excluded": 0, "delete": []},
    ]
    assert "1 would be deleted on the server (UID 1)" in archivar("run", "Staff", "--dry-run").text
    assert len(behind.messages(address("anna"), "INBOX")) == 1
    done = archivar("run", "Staff", "--json").json
    assert (done["totals"]["archived"], done["totals"]["deleted"]) == (2, 1)
    assert behind.messages(address("anna"), "INBOX") == []
    assert len(behind.messages(address("anna"), TRASH)) == 1


@pytest.mark.parametrize(
    ("more", "users", "message"),
    [
        ((), 'mode = "only"\nlist = ["anna", "ghost"]', 'There is no user "ghost"'),
        (("[delete]", 'when = "older-than"', 'age = "3 moons"'), "", 'delete.age = "3 moons" is not allowed'),
        (("[target]", 'user = "anna"'), "", "[target] is for profiles of kind mailbox"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_saved(
    archivar: Archivar, kerio: Kerio, more: tuple[str, ...], users: str, message: str
) -> None:
    """Exit code 2, what is wrong and what is allowed."""
    refused = archivar("profile", "apply", staff(archivar, kerio, *more, users=users), code=2)
    assert message in refused.err
    assert archivar("profile", "list", "--json").json == {"profiles": []}


def test_what_may_be_meant_is_warned_of(archivar: Archivar, kerio: Kerio) -> None:
    """Deleting in public folders, an excluded trash, a master password outside ASCII."""
    file = staff(
        archivar,
        kerio,
        *(
            "[folders]",
            'include = ["**", "Public Folders/**"]',
            'exclude = ["Deleted Items"]',
            "[delete]",
            'when = "immediately"',
            "shared = true",
        ),
    )
    saved = archivar("profile", "apply", file, WORD="pä55wörd").err
    assert "deletes mail in public folders too" in saved
    assert "mail that only ever lay there is not archived" in saved
    assert "outside ASCII" in saved
    assert "pä55wörd" not in saved


def test_addresses_are_checked_and_belong_to_one_user(archivar: Archivar) -> None:
    """No address, and a user's address: refused with the reason."""
    assert "is not an e-mail address" in archivar("user", "add", "dora", "--email", "dora", code=2).err
    assert "belongs to anna already" in archivar("user", "add", "dora", "--email", "ANNA@example.test", code=2).err
