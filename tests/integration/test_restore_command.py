"""``archivar restore`` as a user and a script use it: the question, the answers, the output and the exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Archivar, Typed
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.servers.kerio import Kerio
from tests.support import ALICE, mail

pytestmark = pytest.mark.server


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    """Three messages in two folders, one with a subject that would clear the screen."""
    server = dovecot(master=("master", "word"))
    server.deliver(ALICE, "INBOX", mail("one \x1b[2J"))
    server.deliver(ALICE, "INBOX", mail("two"), ("\\Seen",))
    server.deliver(ALICE, "Sent Items", mail("three"))
    return server


@pytest.fixture
def kerio(server: Dovecot) -> Iterator[Kerio]:
    with Kerio(server) as kerio:
        yield kerio


@pytest.fixture
def alice(tmp_path: Path, kerio: Kerio, server: Dovecot) -> Iterator[Archivar]:
    """The mailbox is archived, and emptied on the server."""
    with Archivar(tmp_path / "cli", WORD="secret") as archivar:
        archivar("user", "add", "alice", "--email", ALICE)
        lines = [
            *('name = "Alice"', 'kind = "mailbox"', "[server]", f'host = "{kerio.host}"', f"port = {kerio.port}"),
            *('access = "imap"', "timeout = 20", "[login]", f'username = "{ALICE}"', 'password_env = "WORD"'),
            *("[target]", 'user = "alice"', ""),
        ]
        archivar("profile", "apply", str(archivar.write("alice.toml", "\n".join(lines))))
        archivar("run", "Alice")
        server.remove_messages(ALICE, "INBOX", 2)
        server.remove_folder(ALICE, "Sent Items")
        yield archivar


def count(server: Dovecot) -> dict[str, int]:
    return {folder: len(server.messages(ALICE, folder)) for folder in server.folders(ALICE)}


def test_a_person_is_asked_and_only_yes_restores(alice: Archivar, server: Dovecot) -> None:
    """Number, size, source and destination; no, Enter and Ctrl-C restore nothing."""
    for keys, code in (("n\n", 2), ("\n", 2), ("\x03", 130)):
        with Typed(alice, "restore", "--profile", "Alice", columns=120) as typed:
            typed.until(lambda text: "[y/N]" in text)
            assert f"of the archive of alice into the mailbox {ALICE} on 127.0.0.1:" in typed.text
            assert "3 messages, " in typed.text
            assert f"{ALICE}/Sent Items into Sent Items: 1 message, " in typed.text
            typed.type(keys)
            assert typed.end() == code
        assert count(server) == {"INBOX": 0}
    with Typed(alice, "restore", "--profile", "Alice", columns=120) as typed:
        typed.until(lambda text: "[y/N]" in text)
        typed.type("y\n")
        assert typed.end() == 0
        assert "Made on the server: Sent Items" in typed.text
        assert f"restored to {ALICE}." in typed.text
    assert count(server) == {"INBOX": 2, "Sent Items": 1}


def test_a_script_says_yes_and_reads_json(alice: Archivar, server: Dovecot) -> None:
    """Without --yes nothing is done (2); a dry run looks; parts, another folder, and a second time."""
    refused = alice("restore", "--profile", "Alice", code=2)
    assert "there is no terminal to ask at" in refused.err
    looked = alice("restore", "--profile", "Alice", "--dry-run", "--json").json
    assert (looked["messages"], looked["created"], looked["dry_run"]) == (3, ["Sent Items"], True)
    assert count(server) == {"INBOX": 0}
    done = alice("restore", "--profile", "Alice", "--folder", f"{ALICE}/INBOX", "--yes", "--json").json
    assert (done["total"], done["messages"], done["already"], done["created"]) == (2, 2, 0, [])
    again = alice("restore", "--profile", "Alice", "--user", "alice", "--yes", "--json").json
    assert (again["total"], again["messages"], again["already"]) == (3, 1, 2)
    one = alice("restore", "--profile", "Alice", "--id", "2", "--to", "Von früher/2024", "--yes", "--json").json
    assert (one["messages"], one["created"]) == (1, ["Von früher/2024"])
    assert count(server) == {"INBOX": 2, "Sent Items": 1, "Von früher/2024": 1}
    assert alice("run", "Alice", "--json").json["totals"]["archived"] == 0
    assert "Restored 2 messages" in alice("ledger", "show").out
    alice("verify")


def test_a_refused_message_is_named_and_the_rest_is_restored(alice: Archivar, kerio: Kerio) -> None:
    """Folder, message, subject made harmless, the server's words; the rest is restored."""
    kerio.behaviour.answers["APPEND"] = "NO [OVERQUOTA] Mailbox is full"
    answer = alice("restore", "--profile", "Alice", "--yes", code=1)
    said = r"! INBOX, message \d \((one ␛\[2J|two)\): The server answered APPEND with NO: \[OVERQUOTA\] Mailbox is full"
    assert re.search(said, answer.err)
    assert "2 messages, " in answer.err
    assert "1 not restored" in answer.err
    assert "\x1b" not in answer.text


def test_what_cannot_be_is_refused(alice: Archivar, kerio: Kerio) -> None:
    """No such profile, user, folder or message (2); a login that is refused (3)."""
    for words in (
        ("--profile", "None"),
        ("--profile", "Alice", "--user", "nobody"),
        ("--profile", "Alice", "--folder", "none"),
        ("--profile", "Alice", "--id", "99"),
        ("--profile", "Alice", "--to", "a//b"),
    ):
        alice("restore", *words, "--yes", code=2)
    kerio.behaviour.answers |= dict.fromkeys(("LOGIN", "AUTHENTICATE"), "NO [AUTHENTICATIONFAILED] no")
    alice("restore", "--profile", "Alice", "--yes", code=3)
