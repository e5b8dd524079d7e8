"""A catch-all profile from the command line: saved, tried, run, and its unknown addresses settled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.server
JOURNAL = "journal@example.test"


def mail(subject: str, to: str, sender: str = "x@elsewhere.test") -> bytes:
    return f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nText.\r\n".encode()


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    server = dovecot({JOURNAL: "word", "anna@example.test": "word"})
    server.deliver(JOURNAL, "INBOX", mail("for anna", "anna@example.test"))
    server.deliver(JOURNAL, "INBOX", mail("for two", "anna@example.test, Carl@example.test"))
    server.deliver(JOURNAL, "INBOX", mail("from a stranger \x1b[2J", "bob@example.test", "dora\u202e@example.test"))
    server.deliver(JOURNAL, "INBOX", mail("spam", "spam@example.test"))
    server.deliver("anna@example.test", "Sent Items", mail("own", "bob@example.test", "anna@example.test"))
    return server


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    with Archivar(tmp_path / "cli", WORD="word") as archivar:
        for name in ("anna", "bob"):
            archivar("user", "add", name, "--email", f"{name}@example.test")
        yield archivar


def journal(archivar: Archivar, server: Dovecot, *more: str) -> str:
    lines = [
        *('name = "Journal"', 'kind = "catchall"', "[server]", f'host = "{server.host}"', f"port = {server.plain_port}"),
        *('access = "imap"', "timeout = 20", "[login]", f'username = "{JOURNAL}"', 'password_env = "WORD"', *more),
    ]
    return str(archivar.write("journal.toml", "\n".join(lines) + "\n"))


def test_from_the_profile_to_the_mail_of_somebody_who_comes_later(archivar: Archivar, server: Dovecot) -> None:
    """Saved, tried, run with deletion; the unknown addresses are listed and settled, and their mail is filed."""
    saved = archivar("profile", "apply", journal(archivar, server, "[delete]", 'when = "immediately"'))
    assert "Each message goes to its recipients ({u-email}/INBOX) and its sender ({u-email}/Sent Items)" in saved.err
    assert "deleted only while its copy is in the catch-all archive" in saved.err
    assert archivar("profile", "test", "Journal", "--json").json["ok"]
    assert "INBOX" in archivar("profile", "folders", "Journal").out
    assert "everybody" in archivar("profile", "list").out
    shown = archivar("profile", "show", "Journal").out
    assert 'incoming = "{u-email}/INBOX"' in shown
    assert "headers" not in shown
    assert archivar("missing", "Journal", "--json", code=1).json["missing"] == 4
    planned = archivar("run", "Journal", "--dry-run", "--json").json
    assert planned["mailboxes"][0]["folders"][0]["new"] == 4
    assert archivar("folders", "@catchall", code=2).err, "nothing is made before it is needed"
    result = archivar("run", "Journal", "--json").json
    assert (result["status"], result["totals"]["archived"], result["totals"]["deleted"]) == ("succeeded", 4, 4)
    assert any("carl@example.test" in warning for warning in result["warnings"])
    assert archivar("missing", "Journal").code == 0
    assert [one["folder"] for one in archivar("folders", "@catchall", "--json").json["folders"]] == ["Unknown addresses"]

    listed = archivar("unknown", "list", "--json").json
    assert {one["address"]: one["open"] for one in listed["addresses"]} == {
        "carl@example.test": 1,
        "dora@example.test": 1,
        "spam@example.test": 1,
    }
    assert "carl@example.test" in archivar("unknown", "list").out
    archivar("unknown", "alias", "carl@example.test", "bob")
    archivar("unknown", "user", "dora@example.test", "dora", "--full-name", "Dora")
    assert "is not ours" in archivar("unknown", "ignore", "spam@example.test").err
    assert "already" in archivar("unknown", "ignore", "spam@example.test", code=2).err
    assert "to be filed: bob" in archivar("unknown", "list").out
    assert archivar("unknown", "list", "--all", "--json").json["not_ours"] == ["spam@example.test"]
    assert "2 messages would be filed" in archivar("refile", "--dry-run").out
    assert archivar("refile", "--profile", "Journal", "--json").json["users"] == {"bob": 1, "dora": 1}
    assert "Nothing is to be filed." in archivar("refile").out
    assert [one["folder"] for one in archivar("folders", "dora", "--json").json["folders"]] == ["dora@example.test/Sent Items"]
    assert "No unknown addresses." in archivar("unknown", "list").out
    archivar("unknown", "ignore", "spam@example.test", "--undo")
    assert "With addresses there:" in archivar("unknown", "ignore", "example.test").err
    archivar("unknown", "ignore", "example.test", "--undo")
    assert "spam@example.test" in archivar("unknown", "list").out

    ledger = archivar("ledger", "show").out
    assert "Filed 2 messages to 2 users who have the addresses by now." in " ".join(ledger.split())
    assert "✔ clean" in archivar("verify").out
    before = archivar("unknown", "list", "--all", "--json").json
    # It may still index.
    archivar("service", "stop", code=None)
    archivar("rebuild")
    assert archivar("unknown", "list", "--all", "--json").json == before
    assert "✔ clean" in archivar("verify").out


def test_the_archive_of_unknown_mail_is_no_user(archivar: Archivar, server: Dovecot) -> None:
    """It can be read, and not be made, edited or removed as one; it is in no list of users but the whole one."""
    archivar("profile", "apply", journal(archivar, server))
    archivar("run", "Journal")
    assert "no user" in archivar("user", "add", "@Catchall", code=2).err
    assert "no user" in archivar("user", "edit", "@catchall", "--name", "x", code=2).err
    assert "no user" in archivar("user", "remove", "@catchall", code=2).err
    assert "@catchall" not in archivar("user", "list").out
    assert "(mail to unknown addresses)" in archivar("user", "list", "--all").out
    assert "3 messages" in archivar("user", "show", "@catchall").out
    assert archivar("export", "--user", "@catchall", "--format", "eml", str(archivar.folder / "out"))
    assert len(list((archivar.folder / "out").rglob("*.eml"))) == 3


def test_the_mailbox_of_a_user_is_refused(archivar: Archivar, server: Dovecot) -> None:
    """Refused when saved, and when run after a user got its address; the reason names both, and nothing is archived."""
    archivar("user", "add", "archivist", "--email", JOURNAL.upper())
    refused = archivar("profile", "apply", journal(archivar, server), code=2)
    assert f"{JOURNAL} is the address of the mailbox that gets everybody's mail" in refused.err
    assert "archivist" in refused.err
    assert archivar("profile", "list", "--json").json == {"profiles": []}
    archivar("user", "remove", "archivist")
    archivar("profile", "apply", journal(archivar, server))
    archivar("user", "add", "archivist", "--email", JOURNAL)
    failed = archivar("run", "Journal", "--json", code=3).json
    assert (failed["status"], failed["totals"]["archived"]) == ("failed", 0)
    assert "archivist" in failed["mailboxes"][0]["problems"][0]["reason"]
    assert "archivist" in archivar("profile", "test", "Journal", code=2).err


def test_folders_that_differ_only_by_case_are_warned_of(archivar: Archivar, server: Dovecot) -> None:
    """From those of a mailbox profile: as they are in the archive, and INBOX, which every mailbox has; alike they are one."""
    templates = ("[catchall]", 'outgoing = "{u-email}/Sent items"', 'incoming = "{u-email}/Inbox"')
    assert "differs only by case" not in archivar("profile", "apply", journal(archivar, server, *templates)).err
    own = [
        *('name = "Anna"', 'kind = "mailbox"', "[server]", f'host = "{server.host}"', f"port = {server.plain_port}"),
        *('access = "imap"', "[login]", 'username = "anna@example.test"', 'password_env = "WORD"', "[target]", 'user = "anna"'),
    ]
    archivar("profile", "apply", str(archivar.write("anna.toml", "\n".join(own))))
    archivar("run", "Anna")
    warned = " ".join(archivar("profile", "apply", journal(archivar, server, *templates)).err.split())
    assert '{u-email}/Sent items, while mailboxes are archived into "anna@example.test/Sent Items"' in warned
    assert 'Files into {u-email}/Inbox, while mailboxes are archived into "anna@example.test/INBOX"' in warned
    assert "differs only by case" in " ".join(archivar("profile", "test", "Journal").err.split())
    assert "differs only by case" not in archivar("profile", "apply", journal(archivar, server)).err
    archivar("run", "Journal")
    folders = {one["folder"] for one in archivar("folders", "anna", "--json").json["folders"]}
    assert folders == {"anna@example.test/INBOX", "anna@example.test/Sent Items"}


def test_what_cannot_be_done_is_refused(archivar: Archivar, server: Dovecot) -> None:
    """A user for unknown mail who does not exist, refiling by another kind of profile, an alias without a user."""
    lines = ("[catchall]", 'archive = "ghost"')
    assert 'no user "ghost"' in archivar("profile", "apply", journal(archivar, server, *lines), code=2).err
    assert "no profile" in archivar("refile", "--profile", "Journal", code=2).err
    assert 'no user "ghost"' in archivar("unknown", "alias", "carl@example.test", "ghost", code=2).err
    assert "is not an e-mail address" in archivar("unknown", "ignore", "a b", code=2).err
    assert "belongs to anna" in archivar("unknown", "ignore", "anna@example.test", code=2).err
