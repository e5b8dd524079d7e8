"""Passwords on the command line: where they come from, where they are never shown, and what a server says to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import one_user
from tests.command import Archivar, Typed
from tests.one_user import ALICE, MAILBOX, RESULT, WORD, profile_file
from tests.servers.dovecot import Dovecot, missing
from tests.servers.scripted import Script, ScriptedServer

archivar = one_user.archivar
alice = one_user.alice
dovecot = one_user.dovecot

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs the Debian package {missing()}")


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
        assert WORD not in alice(*words, code=1 if words == ["status"] else 0).text
    for path in alice.home.rglob("*"):
        assert path.is_dir() or WORD.encode() not in path.read_bytes(), path
