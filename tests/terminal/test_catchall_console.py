"""A catch-all mailbox from the wizard to the mail of a later user, in a real terminal, by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.terminal.wizards import UNSAFE, Wizard

pytestmark = [pytest.mark.terminal, pytest.mark.server]
JOURNAL = "journal@example.test"
SECRET = "Geheim-4711"


def mail(subject: str, to: str) -> bytes:
    return f"From: x@elsewhere.test\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nText.\r\n".encode()


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    server = dovecot({JOURNAL: SECRET})
    server.deliver(JOURNAL, "INBOX", mail("for anna", "anna@example.test"))
    server.deliver(JOURNAL, "INBOX", mail("for two \x1b]2;OWNED\x07", "anna@example.test, sales@example.test"))
    server.deliver(JOURNAL, "INBOX", mail("hidden", "anna@example.test, <b\u202e\u200b@example.test>"))
    return server


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    with Archivar(tmp_path / "work") as archivar:
        for name in ("anna", "bob"):
            archivar("user", "add", name, "--email", f"{name}@example.test")
        yield archivar


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
def test_from_the_wizard_to_the_mail_of_somebody_who_is_known_later(
    archivar: Archivar, server: Dovecot, environment: dict[str, str]
) -> None:
    """Made with examples, run, the unknown address that Home tells of made an alias, and its mail filed."""
    with Wizard(archivar.home, archivar.folder / "settings", environment=environment) as terminal:
        terminal.until_shown("No profiles yet.")
        title = terminal.title
        terminal.keys("n")
        terminal.until_page("Kind", "▸ Archive")
        terminal.choose("Archive", "one mailbox that gets everybody's mail")
        terminal.next("Server", "▸ Server name")
        terminal.fill("Server name", server.host)
        terminal.go("Access via")
        terminal.keys("Right", "Right")
        terminal.until_shown("Without encryption")
        terminal.fill("Port", str(server.plain_port))
        terminal.next("Login", "▸ User name")
        terminal.fill("User name", JOURNAL)
        terminal.fill("Password", SECRET)
        terminal.next("Folders", f"Folders of {JOURNAL}.")
        terminal.next("Filing", "Received mail", "^r Examples")
        assert terminal.whole
        terminal.keys("C-r")
        terminal.until_shown("for anna", "→ anna: anna@example.test/INBOX", "! no user has sales@example.test")
        terminal.until(lambda: terminal.straight)
        terminal.keys("Escape")
        terminal.until(lambda: "for anna" not in terminal.text)
        for page in ("Filter", "Delete", "Name"):
            terminal.next(page)
        terminal.fill("Profile name", "Journal")
        terminal.next("Summary", "Each message goes to its recipients")
        terminal.keys("Enter")
        terminal.until_shown("Profile Journal saved.", "▸ Journal", "catch-all")
        terminal.keys("r")
        terminal.until_shown("✔ done")
        terminal.keys("h")
        terminal.until_shown("2 addresses are unknown since", "→ see to it")
        terminal.keys("w")
        terminal.until_shown("Unknown addresses (2)", "sales@example.test", "! open")
        terminal.until(lambda: terminal.straight)
        terminal.cursor("sales@example.test")
        terminal.keys("a")
        terminal.until_shown("Who has sales@example.test?", "bob@example.test")
        terminal.type("bo")
        terminal.until(lambda: "anna@example.test" not in terminal.text)
        terminal.keys("Enter")
        terminal.until_shown("… to be filed")
        terminal.keys("f")
        terminal.until_shown("1 message would be filed.", "bob: 1 message", "y  file it")
        terminal.keys("y")
        terminal.until_shown("1 message filed.", "Unknown addresses (1)")
        assert terminal.title == title
        assert not [line for line in terminal.seen if UNSAFE.search(line)]
        assert not any(SECRET in line for line in terminal.seen)
    folders = archivar("--json", "folders", "bob").json["folders"]
    assert [one["folder"] for one in folders] == ["bob@example.test/INBOX"]
