"""Output of the command line: into pipes that end, onto full disks, at plain terminals, and from hostile texts."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests import one_user
from tests.command import Archivar, Typed
from tests.one_user import ALICE, message, profile_file
from tests.servers.dovecot import Dovecot, missing
from tests.servers.scripted import Script, ScriptedServer, Stored

archivar = one_user.archivar
alice = one_user.alice
dovecot = one_user.dovecot
shared = one_user.shared

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs the Debian package {missing()}")
HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202egnp.exe\u2066[/b][bold]\u0085\x08" + "x" * 10_000


def harmless(text: str) -> bool:
    """Is there nothing in ``text`` that a terminal would obey?"""
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return all(
        one == "\n" or (unicodedata.category(one) != "Cc" and unicodedata.bidirectional(one) not in bidi) for one in text
    )


def test_hostile_text_is_harmless_in_every_output(alice: Archivar) -> None:
    """Escapes, direction marks and 10,000 letters in subjects, folders, names and greetings control no terminal."""
    folder = "Evil \x1b]0;owned\x07\u202e[/b]\x9b2J" + "x" * 150
    raw = f"Subject: {HOSTILE}\r\nFrom: {HOSTILE} <a@b>\r\n\r\n{HOSTILE}\r\n".encode()
    script = Script(greeting=f"* OK {HOSTILE[:900]}", nil_uids={2})
    with ScriptedServer({"INBOX": [Stored(1, raw)], folder: [Stored(1, raw), Stored(2, raw)]}, script) as server:
        alice("profile", "apply", profile_file(alice, server))
        commands: list[tuple[list[str], int]] = [
            (["profile", "test", "Alice"], 0),
            (["profile", "folders", "Alice"], 0),
            (["missing", "Alice"], 1),
            (["run", "Alice"], 1),
            (["runs"], 0),
            (["watch"], 1),
            (["status"], 1),
            (["folders", "alice"], 0),
            (["show", "1"], 0),
            (["user", "show", "alice"], 0),
            (["user", "list"], 0),
            (["ledger", "show"], 0),
            (["run", HOSTILE[:200]], 2),
            (["user", "add", HOSTILE[:200]], 2),
            (["user", "edit", "alice", "--email", HOSTILE], 2),
            (["user", "show", HOSTILE[:200]], 2),
            (["export", "--user", "alice", "--format", "eml", "out"], 0),
        ]
        for words, code in commands:
            assert harmless(alice(*words, code=code).text), words
        assert harmless(alice("watch", "--json", code=1).text)
        assert "owned" in alice("folders", "alice").out
    piped = alice("show", "1", "--raw")
    assert piped.raw == raw
    with Typed(alice, "show", "1", "--raw") as terminal:
        assert terminal.end() == 0
        assert "owned" in terminal.text
        assert harmless(terminal.text.replace("\r\n", "\n"))


def test_a_reader_who_has_enough_is_no_error(shared: Archivar) -> None:
    """``| head -1`` gets its line without complaint, and the command's own exit code stays."""
    answer = shared.shell("$ARCHIVAR --help | head -1")
    assert (answer.code, answer.out, answer.err) == (0, "Usage: archivar [OPTIONS] COMMAND [ARGS]...\n", "")
    answer = shared.shell("$ARCHIVAR ledger show --json | head -1")
    assert (answer.code, answer.out, answer.err) == (0, "{\n", "")
    assert shared.shell("$ARCHIVAR service status | true").code == 1
    assert shared.shell("$ARCHIVAR user show nobody 2>&1 | true").code == 2


def test_an_output_that_cannot_be_written_is_an_error(shared: Archivar) -> None:
    """A full disk behind stdout is told on stderr and exits with 3; stdout, stderr or stdin that are closed are no crash."""
    for command in ("user list", "user list --json", "ledger head", "--help"):
        answer = shared.shell(f"$ARCHIVAR {command} >/dev/full")
        assert answer.code == 3, command
        assert answer.err.startswith("archivar: The output cannot be written: No space left on device."), command
        assert "Exception" not in answer.err
    assert shared.shell("$ARCHIVAR user show nobody 2>/dev/full").code == 2
    assert shared.shell("$ARCHIVAR user list >&-").code == 0
    assert shared.shell("$ARCHIVAR user show nobody 2>&-").code == 2
    assert "alice" in shared.shell("$ARCHIVAR user list <&-").out


def test_terminals_without_unicode_get_plain_text(alice: Archivar, dovecot: Dovecot) -> None:
    """With an ASCII or Latin-1 output, in the C locale and without HOME nothing crashes, and glyphs become signs they have."""
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port))
    alice("user", "edit", "alice", "--full-name", "Ålice Öz")
    plain: dict[str, Any] = {"LANG": "C", "PYTHONIOENCODING": "ascii"}
    assert "Run 1 of Alice: + succeeded" in alice("run", "Alice", **plain).out
    assert "?lice ?z" in alice("user", "list", **plain).out
    assert alice("user", "show", "alice", "--json", **plain).json["user"]["full_name"] == "Ålice Öz"
    latin = alice("user", "list", PYTHONIOENCODING="latin-1")
    assert "Ålice Öz".encode("latin-1") in latin.raw
    # The service of the run may end at this very moment.
    assert re.search(r"^Service +(- not running|\* running)", alice("status", code=1, **plain).out, re.MULTILINE)
    for words, code in ((["status"], 1), (["--help"], 0), (["user", "list"], 0)):
        alice(*words, code=code, HOME=None, LANG=None)
        alice(*words, code=code, cwd=Path("/proc/self"))


def test_names_that_are_no_utf8_are_refused(shared: Archivar) -> None:
    """Arguments with bytes that are no UTF-8 end in a sentence."""
    for command in ("user add", "user show", "profile show", "run", "folders", "show", "runs", "profile apply"):
        answer = shared.shell(f"$ARCHIVAR {command} $'a\\xff\\xfe'")
        assert answer.code in (0, 2), answer.err
    assert shared.shell("$ARCHIVAR --home $'/tmp/no\\xff' status").code == 2


def test_tables_fit_the_terminal_and_are_whole_in_a_pipe(alice: Archivar, dovecot: Dovecot) -> None:
    """At 80 columns no line is wider and none is broken in the middle of a number; in a pipe every name is whole."""
    long = "Clients/" + "A very long name of a folder " * 5
    dovecot.deliver(ALICE, long.strip(), message(400))
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port))
    alice("run", "Alice")
    for words in (["profile", "folders", "Alice"], ["missing", "Alice"], ["folders", "alice"], ["ledger", "show"], ["runs"]):
        with Typed(alice, *words) as terminal:
            assert terminal.end() == 0, terminal.text
            lines = terminal.text.replace("\r", "").split("\n")
            assert max(map(len, lines)) <= 80, "\n".join(lines)
    assert long.strip() in alice("missing", "Alice").out
    assert f"{ALICE}/{long.strip()}" in alice("folders", "alice").out
    shutil.rmtree(dovecot.folder_path(ALICE, "Clients"))
