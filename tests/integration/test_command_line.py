"""The command line against real servers: as a user at a shell and a script see it, command by command."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.cli.commands import COMMANDS
from tests.command import Archivar, Typed
from tests.servers.dovecot import Dovecot, missing
from tests.servers.proxy import Proxy
from tests.servers.scripted import Script, ScriptedServer, Stored

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs the Debian package {missing()}")

ALICE = "alice@example.test"
WORD = "Se-sam-97531"
TOTALS = {"found", "archived", "known", "moved", "excluded", "failed", "deleted", "bytes"}
RESULT = {
    "events",
    "run",
    "profile",
    "dry_run",
    "status",
    "started",
    "finished",
    "reason",
    "code",
    "values",
    "warnings",
    "warning_reasons",
    "totals",
    "mailboxes",
}
MAILBOX = {"mailbox", "user", "status", "problems", "excluded_folders", *TOTALS}
HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202egnp.exe\u2066[/b][bold]\u0085\x08" + "x" * 10_000


def message(number: int, subject: str = "hello") -> bytes:
    head = f"From: Sam <sam@example.test>\r\nTo: {ALICE}\r\nSubject: {subject}\r\nMessage-ID: <{number}@example.test>\r\n"
    return head.encode() + b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nText number %d.\r\n" % number


def profile_file(
    archivar: Archivar,
    server: Any,
    *,
    name: str = "Alice",
    port: int = 0,
    access: str = "imap",
    more: str = "",
    login: str = "",
) -> str:
    """A profile file beside the home; the password is in a file unless ``login`` says otherwise."""
    archivar.write("word.txt", WORD + "\n")
    lines = [
        *(f'name = "{name}"', 'kind = "mailbox"'),
        *("[server]", f'host = "{server.host}"', f"port = {port or server.port}", f'access = "{access}"', "timeout = 20", more),
        *("[login]", f'username = "{ALICE}"', login or 'password_file = "word.txt"'),
        *("[target]", 'user = "alice"', ""),
    ]
    return str(archivar.write(f"{name}.toml", "\n".join(lines)))


def harmless(text: str) -> bool:
    """Is there nothing in ``text`` that a terminal would obey?"""
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return all(
        one == "\n" or (unicodedata.category(one) != "Cc" and unicodedata.bidirectional(one) not in bidi) for one in text
    )


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """A home that does not exist yet."""
    with Archivar(tmp_path / "cli") as command:
        yield command


@pytest.fixture
def alice(archivar: Archivar) -> Archivar:
    """A home with the user alice."""
    archivar("user", "add", "alice", "--email", ALICE)
    return archivar


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """One Dovecot for this module; the mailbox of alice is only added to."""
    with Dovecot(tmp_path_factory.mktemp("dovecot"), {ALICE: WORD}) as server:
        for number in range(5):
            server.deliver(ALICE, "INBOX", message(number))
        server.deliver(ALICE, "Sent Items", message(100))
        server.deliver(ALICE, "Junk E-mail", message(200))
        yield server


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
    assert keys("verify", "--json") == {"ok", *looked, "head", "findings", "repaired", "backup"}
    checked = {"ok", "difference", "code", "values", "seal", "seals", "stamps", "messages", "reached", "erased"}
    assert keys("ledger", "--json", "check", *alice("ledger", "head").out.split()) == checked
    assert keys("ledger", "--json", "show", "--limit", "2") == {"entries"}
    assert keys("--json", "ledger", "head") == {"seq", "hash", "at"}
    assert keys("status", "--json") >= {"home", "service", "users", "messages", "bytes", "profiles", "warnings", "head"}
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
    for words in (["profile", "list"], ["status"]):
        shown = alice(*words)
        assert "daily at 02:00 (Europe/Berlin)" in shown.out
        assert start.astimezone().strftime("%H:%M") in shown.out
        assert "No service is running" in shown.text
    assert "next start: Alice" in alice("service", "status", code=1).out

    assert alice("service", "start", "--json").json == {"started": True}
    assert alice("service", "start", "--json").json == {"started": False}
    running = alice("service", "status", "--json").json
    assert running["next_start"] == {"profile": "Alice", "at": listed["next_start"]}
    assert running["heartbeat"] >= running["started"]
    assert "last sign of life" in alice("service", "status").out
    assert "No service is running" not in alice("status").text

    off = alice("profile", "automatic", "Alice", "off", "--json").json
    assert off == {"profile": "Alice", "automatic": False, "next_start": None}
    assert "manual (off: daily at 02:00 (Europe/Berlin))" in alice("profile", "list").out
    assert alice("status", "--json").json["profiles"][0]["next_start"] is None
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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archivar]:
    """A home with the user alice for tests that change nothing."""
    with Archivar(tmp_path_factory.mktemp("shared")) as command:
        command("user", "add", "alice", "--email", ALICE)
        yield command


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


def test_a_password_must_come_from_somewhere(alice: Archivar, dovecot: Dovecot) -> None:
    """An unset variable, an empty or missing file, and no terminal to ask at: exit code 2, with the remedy, nothing saved."""
    variable = profile_file(alice, dovecot, port=dovecot.plain_port, login='password_env = "WORD"')
    assert "the variable WORD is not set, or empty." in alice("profile", "apply", variable, code=2).err
    nothing = profile_file(alice, dovecot, port=dovecot.plain_port, login="# nothing")
    error = alice("profile", "apply", nothing, code=2).err
    assert "No password for Alice was given." in error
    assert "login.password_file or login.password_env" in error
    from_file = profile_file(alice, dovecot, port=dovecot.plain_port)
    alice.write("word.txt", "\n")
    assert "is empty" in alice("profile", "apply", from_file, code=2).err
    alice.write("word.txt", "\xff").write_bytes(b"\xff\n")
    assert "is not UTF-8 text" in alice("profile", "apply", from_file, code=2).err
    assert alice("profile", "list", "--json").json == {"profiles": []}
    variable = profile_file(alice, dovecot, port=dovecot.plain_port, login='password_env = "WORD"')
    alice("profile", "apply", variable, WORD=WORD)
    assert alice("profile", "test", "Alice").code == 0


def test_a_stored_password_stays_with_its_server_and_login(alice: Archivar, dovecot: Dovecot) -> None:
    """Applied again the profile keeps its password, but never for another host, port or login."""
    file = Path(profile_file(alice, dovecot, port=dovecot.plain_port, login='password_env = "WORD"'))
    alice("profile", "apply", str(file), WORD=WORD)
    text = file.read_text().replace('password_env = "WORD"', "")
    file.write_text(text.replace("timeout = 20", "timeout = 30"))
    alice("profile", "apply", str(file))
    alice("profile", "test", "Alice")
    for old, new in (
        ('host = "127.0.0.1"', 'host = "127.0.0.2"'),
        (f"port = {dovecot.plain_port}", f"port = {dovecot.ssl_port}"),
        (f'username = "{ALICE}"', 'username = "mallory"'),
    ):
        assert old in text
        file.write_text(text.replace(old, new))
        assert "No password for Alice was given." in alice("profile", "apply", str(file), code=2).err
    assert alice("profile", "show", "Alice", "--json").json["profile"]["server"]["host"] == "127.0.0.1"


def test_a_password_is_asked_for_at_a_terminal(alice: Archivar, dovecot: Dovecot) -> None:
    """At a terminal the password is asked for and not shown; Enter keeps a stored one; Ctrl-C and Ctrl-D save nothing."""
    file = profile_file(alice, dovecot, port=dovecot.plain_port, login="# asked for")
    prompt = f"Password of {ALICE} on 127.0.0.1"
    for key, code in (("\x03", 130), ("\x04", 2)):
        with Typed(alice, "profile", "apply", file) as terminal:
            terminal.until(lambda text: f"{prompt}: " in text)
            terminal.type(key)
            assert terminal.end() == code
            assert "Traceback" not in terminal.text
    assert alice("profile", "list", "--json").json == {"profiles": []}
    for keys, asked in ((f"{WORD}\n", f"{prompt}: "), ("\n", f"{prompt} (Enter keeps the stored one): ")):
        with Typed(alice, "profile", "apply", file, columns=120) as terminal:
            terminal.until(lambda text, asked=asked: asked in text)  # type: ignore[misc]
            terminal.type(keys)
            assert terminal.end() == 0
            assert "Profile Alice saved." in terminal.text
            assert WORD not in terminal.text
        assert "✔ ok      logged in" in alice("profile", "test", "Alice").out


def test_trouble_with_a_server_is_told_in_a_sentence_and_recorded(alice: Archivar, dovecot: Dovecot, tmp_path: Path) -> None:
    """Every way a connection can fail: exit code 3, the failing step, one sentence with the remedy, and the run in ``runs``."""
    ca = f'ca_file = "{dovecot.ca_file}"'
    tls = {"port": dovecot.ssl_port, "access": "imap-ssl"}
    with (
        Dovecot(tmp_path / "expired", {ALICE: WORD}, certificate="expired") as expired,
        Dovecot(tmp_path / "name", {ALICE: WORD}, certificate="wrong-name") as named,
        Dovecot(tmp_path / "self", {ALICE: WORD}, certificate="self-signed") as own,
        Dovecot(tmp_path / "strict", {ALICE: WORD}, allow_plain=False) as strict,
        ScriptedServer({"INBOX": []}) as plain,
    ):
        (tmp_path / "wrong.txt").write_text("wrong\n")
        nowhere = type("Nowhere", (), {"host": "no-such-host.invalid", "port": 993})
        closed = type("Closed", (), {"host": "127.0.0.1", "port": 1})
        cases: list[tuple[str, str, dict[str, Any], Any, str, str]] = [
            ("Lookup", "lookup", {}, nowhere, "cannot be found", "Check the server name"),
            ("Refused", "tcp", {}, closed, "refused the connection on port 1", "Is the service running there"),
            ("PlainAsTls", "tls", {"access": "imap-ssl"}, plain, "does not speak TLS", 'use access = "imap-tls"'),
            ("NoStarttls", "tls", {"access": "imap-tls"}, plain, "does not offer STARTTLS", 'Use access = "imap-ssl"'),
            ("Unknown", "certificate", tls, dovecot, "unknown authority", "ca_file"),
            ("Self", "certificate", {**tls, "port": own.ssl_port}, own, "certificate of 127.0.0.1", "ca_file"),
            (
                "Expired",
                "certificate",
                {**tls, "port": expired.ssl_port, "more": f'ca_file = "{expired.ca_file}"'},
                expired,
                "has expired",
                "renewed",
            ),
            (
                "Name",
                "certificate",
                {**tls, "port": named.ssl_port, "more": f'ca_file = "{named.ca_file}"'},
                named,
                "is for another",
                "Use the name",
            ),
            (
                "Strict",
                "login",
                {"port": strict.plain_port},
                strict,
                "takes no password without TLS",
                'access = "imap-tls" or access = "imap-ssl"',
            ),
            (
                "Wrong",
                "login",
                {**tls, "more": ca, "login": f'password_file = "{tmp_path / "wrong.txt"}"'},
                dovecot,
                f"refused the login of {ALICE}",
                "Check user name and password",
            ),
        ]
        runs = {}
        for name, _, options, server, _, _ in cases:
            alice("profile", "apply", profile_file(alice, server, name=name, **options))
            runs[name] = alice("run", name, "--detach", "--json").json["run"]
        for name, step, _, _, reason, remedy in cases:
            tested = alice("profile", "test", name, "--json", code=3).json
            [failed] = [one for one in tested["steps"] if one["ok"] is False]
            assert (failed["step"], tested["ok"]) == (step, False), name
            assert reason in failed["text"], name
            assert remedy in failed["hint"], name
            after = tested["steps"][tested["steps"].index(failed) + 1 :]
            assert all(one["ok"] is None for one in after)
        # These are tried again, so they take longest.
        for name in ("Refused", "Strict"):
            alice("watch", str(runs[name]), code=3)
        result = alice("watch", str(runs["Expired"]), "--json", code=3).json
        assert set(result) == RESULT
        [problem] = result["mailboxes"][0]["problems"]
        assert set(result["mailboxes"][0]) == MAILBOX
        assert (result["status"], problem["uid"]) == ("failed", None)
        assert "has expired" in problem["reason"]
        listed = {one["profile"]: one for one in alice("runs", "--json").json["runs"]}
        for name, _, _, _, reason, remedy in cases:
            assert listed[name]["status"] == "failed"
            assert reason in listed[name]["reason"]
            assert remedy in " ".join(alice("watch", str(runs[name]), code=3).out.split())
        shown = alice("watch", str(runs["Lookup"]), code=3).out
        assert shown.startswith(f"Run {runs['Lookup']} of Lookup: ✘ failed\n")
        assert shown.count("cannot be found") == 1
        tested = alice("profile", "test", "NoStarttls", code=3).out
        assert "TLS             ✘ failed  127.0.0.1 does not offer STARTTLS" in tested
        assert "Login           · not reached" in tested


def test_no_password_is_in_any_output(alice: Archivar) -> None:
    """A server that repeats the password in its answers does not get it into any output, log, ledger or catalog."""
    script = Script(answers={"LOGIN": f"NO wrong password {WORD}", "AUTHENTICATE": f"NO wrong password {WORD}"})
    with ScriptedServer({"INBOX": []}, script) as server:
        for capabilities in (["IMAP4rev1"], ["IMAP4rev1", "AUTH=PLAIN", "SASL-IR"]):
            script.capabilities = capabilities
            alice("profile", "apply", profile_file(alice, server, login='password_env = "WORD"'), WORD=WORD)
            for words in (["run", "Alice", "--json"], ["profile", "test", "Alice"], ["missing", "Alice"]):
                assert WORD not in alice(*words, code=3).text
    for words in (["runs", "--json"], ["status"], ["ledger", "show", "--json"], ["profile", "show", "Alice", "--json"]):
        assert WORD not in alice(*words).text
    for path in alice.home.rglob("*"):
        assert path.is_dir() or WORD.encode() not in path.read_bytes(), path


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
            (["status"], 0),
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
    [standing] = alice("status", "--json").json["profiles"]
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
        assert alice("status", "--json").json["profiles"][0]["status"] == "running"
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
    assert re.search(r"^Service +(- not running|\* running)", alice("status", **plain).out, re.MULTILINE)
    for words in (["status"], ["--help"], ["user", "list"]):
        alice(*words, HOME=None, LANG=None)
        alice(*words, cwd=Path("/proc/self"))


def test_names_that_are_no_utf8_are_refused(shared: Archivar) -> None:
    """Arguments with bytes that are no UTF-8 end in a sentence."""
    for command in ("user add", "user show", "profile show", "run", "folders", "show", "runs", "profile apply"):
        answer = shared.shell(f"$ARCHIVAR {command} $'a\\xff\\xfe'")
        assert answer.code in (0, 2), answer.err
    assert shared.shell("$ARCHIVAR --home $'/tmp/no\\xff' status").code == 2


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
