"""The command line against real servers: as a user at a shell and a script see it, command by command."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.cli.commands import COMMANDS
from tests import one_user
from tests.command import Archivar
from tests.homes import wait_for
from tests.one_user import ALICE, RESULT, profile_file
from tests.servers.dovecot import Dovecot, missing

archivar = one_user.archivar
alice = one_user.alice
dovecot = one_user.dovecot
shared = one_user.shared

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs the Debian package {missing()}")


def test_every_command_answers_with_one_json_object(alice: Archivar, dovecot: Dovecot) -> None:
    """With --json before or after the command, stdout is one object with the documented keys, and exit codes are the same."""
    file = profile_file(alice, dovecot, port=dovecot.plain_port)

    def keys(*words: str, code: int = 0) -> set[str]:
        answer = alice(*words, code=code)
        assert isinstance(answer.json, dict)
        assert answer.out.isascii()
        return set(answer.json)

    assert keys("--json", "user", "add", "bob", "--email", "bob@example.test") == {"user"}
    assert keys("user", "--json", "list") == {"users"}
    assert keys("user", "show", "bob", "--json") == {"user", "folders", "messages", "bytes"}
    assert keys("user", "edit", "bob", "--json", "--login", "b") == {"user"}
    assert keys("user", "remove", "bob", "--json") == {"removed"}
    assert keys("--json", "profile", "apply", file) == {"profile", "warnings", "warning_reasons", "advice"}
    assert keys("profile", "list", "--json") == {"profiles"}
    assert keys("profile", "--json", "show", "Alice") == {
        "profile",
        "password",
        "warnings",
        "warning_reasons",
        "advice",
        "next_start",
    }
    assert keys("profile", "copy", "--json", "Alice", "Copy") == {"copied", "profile"}
    assert keys("profile", "rename", "Copy", "Other", "--json") == {"renamed", "profile"}
    assert keys("profile", "test", "--json", "Alice") == {"profile", "mailbox", "ok", "steps"}
    assert keys("profile", "folders", "Alice", "--json") == {"profile", "mailbox", "folders"}
    assert keys("missing", "Alice", "--json", code=1) == {"profile", "missing", "mailboxes", "unreadable"}
    assert keys("run", "--dry-run", "--json", "Alice") == RESULT
    assert keys("--json", "run", "Alice", "--detach") == {"run", "profile", "dry_run", "status"}
    assert keys("watch", "2", "--json") == RESULT
    assert keys("--json", "cancel", "2", code=2) == {"error", "hint", "code", "exit_code"}
    assert keys("runs", "Alice", "--json") == {"runs"}
    assert keys("--json", "missing", "Alice") == {"profile", "missing", "mailboxes", "unreadable"}
    assert keys("--json", "folders", "alice") == {"user", "folders"}
    assert keys("show", "--json", "1") >= {
        "id",
        "sha256",
        "subject",
        "from",
        "to",
        "date",
        "size",
        "attachments",
        "places",
        "text",
    }
    out = str(alice.folder / "out")
    assert keys("export", "--json", "--user", "alice", "--format", "eml", out) >= {"messages", "bytes", "damaged"}
    looked = {"volumes", "parts", "messages", "entries", "unanchored", "bytes"}
    assert keys("verify", "--json") == {"ok", *looked, "head", "findings", "repaired", "backup", "away"}
    checked = {"ok", "difference", "code", "values", "seal", "seals", "stamps", "messages", "reached", "erased"}
    assert keys("ledger", "--json", "check", *alice("ledger", "head").out.split()) == checked
    assert keys("ledger", "--json", "show", "--limit", "2") == {"entries"}
    assert keys("--json", "ledger", "head") == {"seq", "hash", "at"}
    assert keys("status", "--json", code=1) >= {"home", "service", "users", "messages", "bytes", "profiles", "warnings", "head"}
    assert keys("--json", "service", "stop") == {"stopped"}
    service = {"running", "life", "pid", "started", "heartbeat", "next_start", "time_zone"}
    assert keys("service", "status", "--json", code=1) == service
    assert keys("service", "unit", "--json") == {"unit", "path", "user", "group"}
    assert keys("--json", "rebuild") == {"entries", "indexed"}
    assert keys("profile", "remove", "Alice", "--json") == {"removed"}


def test_a_schedule_is_shown_and_switched_on_the_command_line(alice: Archivar, dovecot: Dovecot) -> None:
    """List and status name the schedule and the next start; without a service they say what to do; off, nothing is next."""
    file = Path(profile_file(alice, dovecot, port=dovecot.plain_port))
    schedule = '\n[schedule]\ndaily = "02:00"\ntime_zone = "Europe/Berlin"\n'
    file.write_text(file.read_text() + schedule)
    applied = alice("profile", "apply", str(file))
    assert "archivar service start" in applied.err
    [listed] = alice("profile", "list", "--json").json["profiles"]
    assert listed["schedule"]["daily"] == "02:00"
    start = datetime.fromisoformat(listed["next_start"])
    assert timedelta() < start - datetime.now(UTC) <= timedelta(days=1, hours=1)
    assert start.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "02:00"
    for words, code in ((["profile", "list"], 0), (["status"], 3)):
        shown = alice(*words, code=code)
        assert "daily at 02:00 (Europe/Berlin)" in shown.out
        assert start.astimezone().strftime("%H:%M") in shown.out
        assert "ervice is " in shown.text
        assert "archivar service start" in shown.text
    assert "next start: Alice" in alice("service", "status", code=1).out

    assert alice("service", "start", "--json").json == {"started": True}
    assert alice("service", "start", "--json").json == {"started": False}
    running = wait_for(lambda: (found := alice("service", "status", "--json").json)["heartbeat"] and found, "a sign of life")
    assert running["next_start"] == {"profile": "Alice", "at": listed["next_start"]}
    assert running["heartbeat"] >= running["started"]
    assert "last sign of life" in alice("service", "status").out
    assert "archivar service start" not in alice("status", code=1).text

    off = alice("profile", "automatic", "Alice", "off", "--json").json
    assert off == {"profile": "Alice", "automatic": False, "next_start": None}
    assert "manual (off: daily at 02:00 (Europe/Berlin))" in alice("profile", "list").out
    assert alice("status", "--json", code=1).json["profiles"][0]["next_start"] is None
    assert "automatic = false" in alice("profile", "show", "Alice").out
    assert alice("profile", "automatic", "Alice", "on", "--json").json["next_start"] == listed["next_start"]
    alice("profile", "automatic", "Alice", "perhaps", code=2)


def test_a_profile_is_renamed_and_copied_on_the_command_line(alice: Archivar, dovecot: Dovecot) -> None:
    """Its runs go with the new name, its password works under both; a name that is taken or none is refused."""
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port))
    alice("run", "Alice")
    alice("profile", "rename", "alice", "Anna & Co")
    assert alice("profile", "show", "Alice", code=2).err
    alice("profile", "copy", "Anna & Co", "Second")
    result = alice("run", "Second", "--json").json
    assert result["status"] == "succeeded"
    by_name = {one["run"]: (one["profile"], one["automatic"]) for one in alice("runs", "--json").json["runs"]}
    assert by_name == {1: ("Anna & Co", False), 2: ("Second", False)}
    assert [one["run"] for one in alice("runs", "second", "--status", "succeeded", "--json").json["runs"]] == [2]
    assert alice("runs", "--status", "failed", "--json").json == {"runs": []}
    assert "No runs with status failed." in alice("runs", "--status", "failed").out
    for words in (
        ["rename", "Second", "anna & co"],
        ["rename", "None", "X"],
        ["copy", "Second", "Second"],
        ["copy", "Second", ""],
    ):
        alice("profile", *words, code=2)


def test_the_unit_of_the_service_names_this_home_and_this_program(alice: Archivar) -> None:
    """The same in JSON; it runs as the owner of the home, and what it starts is this program, from anywhere."""
    shown = alice("service", "unit")
    value = alice("service", "unit", "--json").json
    assert value["unit"] == shown.out
    owner = alice.home.stat()
    assert value["user"] == pwd.getpwuid(owner.st_uid).pw_name
    [start] = [line for line in shown.out.splitlines() if line.startswith("ExecStart=")]
    program, *words = shlex.split(start.removeprefix("ExecStart="))
    assert Path(program).is_absolute()
    done = subprocess.run([program, *words[:-1], "status", "--json"], capture_output=True, cwd="/", env={}, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["running"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "No such command 'nosuch'."),
        (["run"], "Missing argument 'NAME'."),
        (["run", "a", "b"], "unexpected extra argument"),
        (["run", "a", "--fast"], "No such option"),
        (["cancel", "Alice"], "RUN"),
        (["runs", "--limit", "0"], "--limit"),
        (["export", "--user", "a", "--format", "pst", "x"], "'pst' is not one of 'eml', 'mbox', 'maildir'."),
        (["--home"], "--home needs a folder."),
        (["--home="], "--home needs a folder."),
        (["run", "nobody"], 'There is no profile "nobody".'),
        (["profile", "show", "nobody"], 'There is no profile "nobody".'),
        (["user", "show", "nobody"], 'There is no user "nobody".'),
        (["folders", "nobody"], 'There is no user "nobody".'),
        (["show", "999"], "There is no message with id 999."),
        (["watch", "77"], "There is no run 77."),
        (["watch"], "There was no run yet."),
        (["cancel", "77"], "There is no run 77."),
        (["user", "edit", "alice"], "Nothing to change was given."),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_two(shared: Archivar, words: list[str], said: str) -> None:
    """Wrong usage, and names that do not exist, are told in a sentence with a remedy in the next line, and exit with 2."""
    answer = shared(*words, code=2)
    first, *others = answer.err.splitlines()
    assert first.startswith("archivar: ")
    assert said in first
    assert len(others) == 1
    assert answer.out == ""


def test_help_is_complete_and_in_the_order_of_use(shared: Archivar) -> None:
    """The help names every command, and the options that may stand anywhere, in lines of at most 80 columns."""
    text = shared("--help", COLUMNS="80").out
    for word in ("--home FOLDER", "--json", "--version", "-h, --help", "demo", "user", "profile", "run", "ledger", "service"):
        assert word in text
    assert text.index("  user ") < text.index("  profile ") < text.index("  run ") < text.index("  verify ")
    for name in COMMANDS:
        assert re.search(rf"^  {name}  ", text, re.MULTILINE), name
    for words in (["profile", "apply"], ["user", "add"], ["runs"], ["export"]):
        text += shared(*words, "--help", COLUMNS="80").out
    assert "Usage: archivar runs [OPTIONS] [NAME]" in text
    assert "Usage: archivar profile apply [OPTIONS] FILE.toml" in text
    assert "<str>" not in text
    assert "..." not in text.replace("[ARGS]...", "")
    assert max(map(len, text.splitlines())) <= 80


def test_without_a_command_and_without_a_terminal_the_help_says_so(shared: Archivar) -> None:
    """Started by a script without a command, archivar shows its help on stderr, says what is missing, and exits with 2."""
    answer = shared(code=2)
    assert answer.out == ""
    assert answer.err.startswith("Usage: archivar [OPTIONS] COMMAND [ARGS]...\n")
    assert "archivar: The console needs a terminal." in answer.err
    group = shared("user", code=2)
    assert "  add     Add a user." in group.err.splitlines()


def test_no_archive_is_no_crash(archivar: Archivar) -> None:
    """On a home without an archive, reading commands refuse with a remedy and make nothing."""
    for words in (["status"], ["user", "list"], ["verify"], ["ledger", "head"], ["run", "x"], ["service", "stop"]):
        assert "There is no archive in" in archivar(*words, code=2).err
    assert not archivar.home.exists()


def test_a_refused_profile_file_saves_nothing(alice: Archivar) -> None:
    """Wrong values in a file: exit code 2 with key and line, as text and as JSON, and the ledger's head stays where it was."""
    head = alice("ledger", "head").out
    file = alice.write("x.toml", 'name = "X"\nkind = "mailbox"\n[server]\nhost = "h"\nconections = 3\n')
    error = alice("profile", "apply", str(file), code=2).err
    assert error.startswith("archivar: x.toml, line 5: server.conections is unknown.\nAllowed: host, access, port,")
    assert "Did you mean connections?" in error
    answer = alice("profile", "apply", str(file), "--json", code=2).json
    assert answer["exit_code"] == 2
    assert answer["error"] == "x.toml, line 5: server.conections is unknown."
    file.write_text('name = "X"\nkind = "mailbox"\n[server]\nhost = "h"\n[login]\nusername = "u"\n[target]\nuser = "nobody"\n')
    assert 'There is no user "nobody".' in alice("profile", "apply", str(file), code=2).err
    assert alice("ledger", "head").out == head
    assert alice("profile", "list", "--json").json == {"profiles": []}


def test_users_come_and_go_and_their_archive_stays(alice: Archivar, dovecot: Dovecot) -> None:
    """Users are checked when they are made; a removed one's archive can be read and exported, and is given back."""
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port))
    alice("run", "Alice")
    assert 'There is a user "alice" already.' in alice("user", "add", "ALICE", code=2).err
    assert f"{ALICE} belongs to alice already." in alice("user", "add", "bob", "--email", ALICE.upper(), code=2).err.replace(
        ALICE.upper(), ALICE
    ).replace(ALICE.casefold(), ALICE)
    assert '"bob" is not an e-mail address.' in alice("user", "add", "bob", "--email", "bob", code=2).err
    for name in ("", "-x", "a/b", "a\nb", "x" * 101):
        assert "cannot be a user name" in alice("user", "add", "--", name, code=2).err
    alice("user", "add", "bob", "--email", "bob@example.test", "--email", "b@example.test")
    assert "belongs to bob already" in alice("user", "edit", "alice", "--email", "b@example.test", code=2).err
    assert "User robert changed." in alice("user", "edit", "bob", "--name", "robert", "--full-name", "Robert B").err
    shown = alice("user", "show", "b@example.test", "--json").json["user"]
    assert (shown["name"], shown["addresses"]) == ("robert", ["bob@example.test", "b@example.test"])
    before = alice("folders", "alice").out
    assert "The archive is kept: archivar folders alice" in alice("user", "remove", "alice").err
    assert "alice" not in alice("user", "list").out
    assert "alice (removed)" in alice("user", "list", "--all").out
    assert alice("folders", "alice").out == before
    assert "6 messages" in alice("export", "--user", "alice", "--format", "eml", "out").err
    assert "was removed" in alice("run", "Alice", code=3).out
    assert "The archive kept under this name is theirs again." in alice("user", "add", "alice", "--email", ALICE).err
    assert "6 known" in alice("run", "Alice").out


def test_a_service_that_runs_is_in_the_way_of_a_rebuild(alice: Archivar) -> None:
    """While a service runs, a rebuild and a second service are refused with exit code 5; ``service stop`` makes way."""
    process = alice.start("service", "run")
    assert process.stderr is not None
    assert b"is running; its log is" in process.stderr.readline()
    alice.shell("until $ARCHIVAR service status >/dev/null; do :; done")
    assert alice("service", "status", "--json").json["running"] is True
    assert "Stop it first: archivar service stop." in alice("rebuild", code=5).err
    assert "A service is running for" in alice("service", "run", code=5).err
    assert "The service is stopped." in alice("service", "stop").err
    assert process.wait(20) == 0
    process.communicate()
    assert "The catalog was made anew from 2 ledger entries," in alice("rebuild").err


def test_a_profile_that_is_shown_can_be_applied_again(alice: Archivar, dovecot: Dovecot) -> None:
    """``profile show`` into a file, removed, applied from the file: the same profile."""
    alice("profile", "apply", profile_file(alice, dovecot, port=dovecot.plain_port, more="connections = 2"))
    shown = alice("profile", "show", "Alice", "--json").json["profile"]
    again = alice.write("again.toml", alice("profile", "show", "Alice").out)
    alice("profile", "remove", "Alice")
    assert alice("profile", "list", "--json").json == {"profiles": []}
    alice("profile", "apply", shlex.quote(str(again)).strip("'"))
    assert json.loads(json.dumps(alice("profile", "show", "Alice", "--json").json["profile"])) == shown
    assert os.path.exists(shown["login"]["password_file"])
