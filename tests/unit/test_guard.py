"""Protection of a process before it reads a password: no core dump, no looks from outside, no foreign variables."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.system import guard
from core.system.process import is_stopped
from tests.command import ROOT
from tests.homes import as_nobody, wait_for

WORD = "Sesam-öffne-dich"
SHOW = (
    "import ctypes, os, resource\n"
    "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE), os.umask(0))\n"
)


def python(code: str, **variables: str) -> str:
    """The output of ``code`` in an interpreter of its own that may use the program."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_protected_process_dumps_no_core_and_makes_private_files() -> None:
    """Its memory is written nowhere, and no umask of a shell counts."""
    assert python(f"from core.system import guard\nguard.protect()\n{SHOW}") == f"0 0 0 {0o077}\n"


def test_the_last_words_of_a_process_hold_no_password_that_it_knows() -> None:
    """A traceback shows what a library put into its error."""
    code = (
        "from core import secrets\nfrom core.system import guard\n"
        f"guard.protect()\nsecret = secrets.Secret({WORD!r})\n"
        f"raise ValueError('refused ' + secret.reveal())\n"
    )
    told = python(code, PYTHONIOENCODING="utf-8")
    assert "ValueError: refused ***" in told
    assert f"refused {WORD}" not in told


def test_a_process_that_goes_on_by_itself_is_given_no_variable_but_those_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other may be the one that a file names as password_env, under any name: sshd passes on LC_ANYTHING."""
    for name in ("PW", "LC_PASSWORD", "PYTHON_PASSWORD", "NOTIFY_SOCKET"):
        monkeypatch.setenv(name, WORD)
    given = guard.environment(PYTHONPATH="/x")
    assert WORD not in given.values()
    assert (given["PYTHONPATH"], given["PATH"]) == ("/x", os.environ["PATH"])


def test_a_program_that_was_begun_with_more_begins_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same process, same arguments, and nothing of it left where the kernel shows what it began with."""
    begun: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *words: begun.append(words))
    variables = {"PATH": "/bin", "PW": WORD, "NOTIFY_SOCKET": "/run/notify"}
    guard.begin_anew(["-m", "tui", "service", "run"], variables)
    [(program, words, kept)] = begun
    assert (program, words[1:]) == (sys.executable, ["-m", "tui", "service", "run"])
    assert kept == {"PATH": "/bin", "NOTIFY_SOCKET": "/run/notify"}
    guard.begin_anew(words[1:], kept)
    assert len(begun) == 1


def test_every_program_of_ours_begins_with_the_guard() -> None:
    """Each module that is run as a process calls it, itself or by what it hands its work to."""
    ours = [path for package in ("core", "tui") for path in sorted((ROOT / package).rglob("*.py"))]
    started = [path for path in ours if '__name__ == "__main__"' in path.read_text("utf-8")]
    assert len(started) >= 5
    for path in started:
        text = path.read_text("utf-8")
        handed = re.search(r"from core\.service\.companion import (?:\w+, )*main\b", text)
        assert "guard.protect()" in text or handed, path
    assert "guard.protect()" in Path(ROOT, "core/service/companion.py").read_text("utf-8")


def _until_told(ready: int, wait: int, *, protected: bool) -> int:
    """An idle process of the account nobody, protected or not; its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        # As a program that is begun; a change of account alone makes no such one.
        ctypes.CDLL(None).prctl(guard._PR_SET_DUMPABLE, 1, 0, 0, 0)
        if protected:
            guard.protect()
        os.write(ready, b".")
        os.read(wait, 1)
    finally:
        os._exit(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second account")
def test_another_process_of_the_same_account_cannot_look_in() -> None:
    """Neither its environment nor its memory nor what it has open; an unprotected one hides nothing from its own account."""
    for protected in (False, True):
        (told, ready), (wait, go) = os.pipe(), os.pipe()
        pid = _until_told(ready, wait, protected=protected)
        try:
            assert os.read(told, 1)
            for name in ("environ", "maps", "auxv"):

                def look(pid: int = pid, name: str = name) -> None:
                    assert Path(f"/proc/{pid}/{name}").read_bytes()

                assert as_nobody(look).partition(":")[0] == ("PermissionError" if protected else "")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            for end in (go, wait, told, ready):
                os.close(end)


def test_a_child_that_was_stopped_is_known_though_proc_hides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it is asked, until it goes on; another's child is none of ours."""

    def hidden(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", hidden)
    with subprocess.Popen(["sleep", "60"]) as child:
        assert not is_stopped(child.pid)
        child.send_signal(signal.SIGSTOP)
        wait_for(lambda: is_stopped(child.pid), "the stop")
        assert is_stopped(child.pid)
        assert child.poll() is None
        child.send_signal(signal.SIGCONT)
        wait_for(lambda: not is_stopped(child.pid), "the end of the stop")
        child.kill()
    assert not is_stopped(1)
