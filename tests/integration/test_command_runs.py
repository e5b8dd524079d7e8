"""Runs on the command line: their result, their problems, and how they are watched, left and cancelled."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import one_user
from tests.command import Archivar, Typed
from tests.one_user import ALICE, MAILBOX, RESULT, TOTALS, WORD, message, profile_file
from tests.servers.dovecot import Dovecot, missing
from tests.servers.proxy import Proxy
from tests.servers.scripted import Script, ScriptedServer, Stored

archivar = one_user.archivar
alice = one_user.alice
dovecot = one_user.dovecot

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs the Debian package {missing()}")


def test_the_result_of_a_run_is_the_contract(alice: Archivar, dovecot: Dovecot) -> None:
    """``run --json`` has exactly the promised keys at each level, and numbers that add up."""
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port))
    result = alice("run", "Alice", "--json").json
    assert set(result) == RESULT
    assert (result["run"], result["profile"], result["status"]) == (1, "Alice", "succeeded")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", result[key]) for key in ("started", "finished"))
    assert result["warnings"] == ["Alice connects without TLS: password and mail cross the network readable."]
    assert set(result["totals"]) == TOTALS
    [mailbox] = result["mailboxes"]
    assert set(mailbox) == MAILBOX
    assert (mailbox["mailbox"], mailbox["user"], mailbox["status"], mailbox["problems"]) == (ALICE, "alice", "succeeded", [])
    totals = result["totals"]
    assert totals["found"] == totals["archived"] + totals["excluded"]
    assert (totals["excluded"], totals["known"], totals["failed"]) == (1, 0, 0)


def test_problems_of_a_run_are_named_and_exit_one(alice: Archivar) -> None:
    """A message that cannot be fetched ends in exit code 1 and stands in the result with folder, UID and reason."""
    script = Script(nil_uids={2})
    with ScriptedServer({"INBOX": [Stored(1, message(1)), Stored(2, message(2))]}, script) as server:
        alice("profile", "apply", profile_file(alice, server))
        result = alice("run", "Alice", "--json", code=1).json
        [problem] = result["mailboxes"][0]["problems"]
        assert set(problem) == {"folder", "uid", "reason", "code", "values"}
        assert (problem["folder"], problem["uid"]) == ("INBOX", 2)
        assert result["status"] == "completed_with_errors"
        told = alice("watch", code=1).out
        assert "Run 1 of Alice: ! completed with errors" in told
        assert f"Problem: {ALICE}, INBOX, UID 2: " in told
        assert told.count("UID 2") == 1


def test_missing_tells_what_came_after_the_last_run(alice: Archivar, dovecot: Dovecot) -> None:
    """``missing`` exits with 1 and names the new message after a delivery, and with 0 after the next run."""
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port))
    alice("run", "Alice")
    assert alice("missing", "Alice").out.splitlines()[-1] == "Nothing is missing in the archive."
    dovecot.deliver(ALICE, "Archive", message(300))
    told = alice("missing", "Alice", code=1).out
    assert re.search(r"^Archive +1 +0  ! 1 missing$", told, re.MULTILINE)
    assert re.search(r"^Archive, UID 1: \d+ bytes, ", told, re.MULTILINE)
    assert told.splitlines()[-1] == "1 message missing in the archive. To fetch what is missing: archivar run Alice"
    dry = alice("run", "Alice", "--dry-run").out
    assert dry.startswith("Dry run 2 of Alice: ✔ succeeded")
    assert "1 would be archived" in dry
    listed = alice("runs").out.splitlines()
    assert "dry run: ✔ succeeded" in listed[1]
    [standing] = alice("status", "--json", code=1).json["profiles"]
    assert (standing["run"], standing["status"]) == (1, "succeeded")
    assert "Dry run 2 of Alice succeeded" in alice("ledger", "show").out
    assert "1 archived" in alice("run", "Alice").out
    alice("missing", "Alice")
    shutil.rmtree(dovecot.folder_path(ALICE, "Archive"))


@pytest.fixture
def stalled(alice: Archivar, tmp_path: Path) -> Iterator[Proxy]:
    """The profile Alice on a server that stops sending in the middle of the mail, until it is let go."""
    with Dovecot(tmp_path / "slow", {ALICE: WORD}) as server, Proxy(server.host, server.plain_port) as proxy:
        for number in range(40):
            server.deliver(ALICE, "INBOX/Projekte/Änderungen", message(number) + b"x" * 2000)
        proxy.stall_after_bytes = 30_000
        alice("profile", "apply", profile_file(alice, proxy))
        yield proxy


def test_a_run_is_joined_left_and_cancelled(alice: Archivar, stalled: Proxy) -> None:
    """A second ``run`` joins the first; Ctrl-C leaves the run going and says so; ``cancel`` ends it with 130."""
    with Typed(alice, "run", "Alice") as terminal:
        terminal.until(lambda text: " of 40" in text)
        screen = terminal.text
        assert "INBOX/Projekte/Änderungen" in screen
        assert alice("status", "--json", code=1).json["profiles"][0]["status"] == "running"
        assert "▶ running" in alice("runs").out
        with Typed(alice, "run", "Alice") as second:
            second.until(lambda text: "Alice is being run already (run 1)." in text and " of 40" in text)
            second.type("\x03")
            assert second.end() == 130
            assert "Run 1 goes on in the service." in second.text
            assert "archivar watch 1" in second.text
            # The cursor that the display took away is back.
            assert second.text.rfind("\x1b[?25h") > second.text.rfind("\x1b[?25l")
        piped = alice.start("run", "Alice", "--json")
        assert piped.stderr is not None
        assert b"being run already (run 1)" in piped.stderr.readline()
        piped.send_signal(signal.SIGINT)
        out, error = piped.communicate(timeout=60)
        assert (piped.returncode, out) == (130, b"")
        assert b"Run 1 goes on in the service." in error
        assert "Run 1 of Alice: ■ cancelled" in alice("cancel", "1").out
        assert terminal.end() == 130
        assert "Run 1 of Alice: ■ cancelled" in terminal.text
    assert alice("watch", "1", "--json", code=130).json["status"] == "cancelled"
    assert "Run 1 has ended already (cancelled)." in alice("cancel", "1", code=2).err
    stalled.stall_after_bytes = None
    assert "40 found" in alice("run", "Alice").out


def test_watching_at_a_dumb_terminal_and_in_a_log_is_plain(alice: Archivar, stalled: Proxy) -> None:
    """TERM=dumb gets no cursor movement, and the result is the same."""
    stalled.stall_after_bytes = None
    with Typed(alice, "run", "Alice", variables={"TERM": "dumb"}) as terminal:
        assert terminal.end() == 0
        assert "\x1b" not in terminal.text
        assert "40 archived" in terminal.text
