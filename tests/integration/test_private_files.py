"""Traces of the real processes on the disk and in the kernel's tables: nothing for other accounts, and no password."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.config import Home
from core.service.lock import end_holder, is_running
from tests.command import Archivar
from tests.homes import wait_for

WORD = "Sesam-öffne-dich"
PROFILE = """
name = "Staff"
kind = "mailbox"
[server]
host = "127.0.0.1"
port = 1
[login]
method = "password"
username = "alice"
password_env = "LC_SESAME"
[target]
user = "alice"
folder = "INBOX"
"""
MAIL = b"From: a@x.test\r\nSubject: One\r\nMessage-ID: <1@x.test>\r\n\r\nText\r\n"


def open_to_others(folder: Path) -> list[str]:
    """Everything in it, and itself, that others may do anything with."""
    found = [folder, *folder.rglob("*")]
    return [f"{path} {path.lstat().st_mode:o}" for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077]


@pytest.fixture
def archivar(tmp_path: Path) -> Archivar:
    return Archivar(tmp_path / "work")


def pid_of(archivar: Archivar) -> int:
    wait_for(lambda: (archivar.home / "service.lock").exists() and is_running(Home(archivar.home)), "a service")
    return int(wait_for(lambda: (archivar.home / "service.lock").read_text(), "a signed lock"))


def test_nothing_that_is_written_is_for_others_whatever_the_umask(archivar: Archivar) -> None:
    """A home in use, exports in each format, a backup: folders 0700, files 0600 or less; and no password in the environment
    of the service, wherever it was given."""
    with archivar:
        archivar.write("staff.toml", PROFILE)
        (archivar.folder / "mail.eml").write_bytes(MAIL)
        script = (
            "umask 000 && $ARCHIVAR user add alice --email alice@x.test && $ARCHIVAR profile apply staff.toml && "
            "$ARCHIVAR import mail.eml --user alice && $ARCHIVAR service start && $ARCHIVAR index && "
            "for f in eml mbox maildir; do $ARCHIVAR export --format $f export-$f; done && "
            "$ARCHIVAR key rotate --keep-old old.key && $ARCHIVAR backup copy && $ARCHIVAR run Staff --detach && "
            "($ARCHIVAR status --json || test $? = 1)"
        )
        answer = archivar.shell(script, LC_SESAME=WORD)
        assert answer.code == 0, answer.text
        status = Path(f"/proc/{pid_of(archivar)}")
        assert WORD.encode() not in (status / "environ").read_bytes()
        assert b"LC_SESAME" not in (status / "environ").read_bytes()
        assert "Max core file size        0                    0" in (status / "limits").read_text()
        places = [archivar.home, *(archivar.folder / name for name in ("copy", "export-eml", "export-mbox", "export-maildir"))]
        assert [open_to_others(place) for place in places] == [[]] * len(places)
        assert open_to_others(archivar.folder / "old.key") == []
        assert '"exposed": []' in answer.out


def test_a_service_in_the_foreground_drops_what_it_needs_not(archivar: Archivar) -> None:
    """It is begun with a password in a variable, as by a careless unit: the kernel shows it in no table of its own."""
    with archivar:
        archivar("user", "add", "alice", "--email", "alice@x.test")
        service = archivar.start("service", "run", PW=WORD, LC_SESAME=WORD)
        try:
            assert pid_of(archivar) == service.pid
            assert WORD.encode() not in Path(f"/proc/{service.pid}/environ").read_bytes()
            assert end_holder(Home(archivar.home))
            assert service.wait(60) in (0, -15)
        finally:
            service.kill()
            service.communicate()
        assert not end_holder(Home(archivar.home))
