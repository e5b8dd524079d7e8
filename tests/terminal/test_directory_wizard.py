"""Each kind of profile from an empty archive to a result, with the directory, in a real terminal, by keys alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.servers import slapd
from tests.servers.dovecot import Dovecot
from tests.servers.slapd import ADMIN, BASE, PASSWORD, Slapd, person
from tests.support import mail
from tests.terminal.wizard_servers import assert_secret, fill_server, kept, to_server
from tests.terminal.wizards import Wizard, begun

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.server,
    pytest.mark.skipif(slapd.missing() is not None, reason="needs the Debian package slapd"),
]
SECRET, MASTER = "Geheim-4711", "Master-4712"
JOURNAL = "journal@example.test"
#: In the directory at first, and the colleague who comes later.
NAMES, LATER = ("anna", "bob"), "carol"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Slapd]:
    with Slapd(tmp_path / "slapd", [person(number, name) for number, name in enumerate(NAMES)]) as running:
        yield running


@pytest.fixture
def authority(directory: Slapd) -> Iterator[str]:
    """The directory's authority, under a path that is seen whole in its line."""
    with TemporaryDirectory(prefix="ca", dir="/tmp") as folder:
        yield str(shutil.copy(directory.ca_file, f"{folder}/ca.pem"))


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    with begun(tmp_path / "work") as archivar:
        yield archivar


def address(name: str) -> str:
    return f"{name}@example.test"


def join(directory: Slapd, name: str) -> None:
    """A new colleague."""
    entry = person(len(NAMES), name)
    directory.change(entry[0], new=entry)


def console(archivar: Archivar, **options: Any) -> Wizard:
    return Wizard(archivar.home, archivar.folder / "settings", **options)


def take_users(terminal: Wizard, directory: Slapd, authority: str) -> None:
    """On the directory's page: filled in, tried, previewed, done, and back in the wizard."""
    terminal.until_shown("Where users come from", "▸ Directory")
    terminal.keys("Right")
    terminal.until_shown("(•) Active Directory", "(•) LDAPS")
    terminal.keys("Right")
    # With the blank it is not LDAPS.
    terminal.until_shown("(•) LDAP ", "A DN: ")
    for label, text in (
        ("Server name", directory.host),
        ("Port", str(directory.ssl_port)),
        ("Own CA file", authority),
        ("Login", ADMIN),
        ("Password", PASSWORD),
        ("Base DN", BASE),
    ):
        terminal.fill(label, text)
    terminal.keys("C-t")
    terminal.until_shown(f"{len(NAMES)} users", "✔ All steps went well.")
    terminal.keys("Escape")
    terminal.until(lambda: "Connection test" not in terminal.text)
    terminal.keys("C-r")
    terminal.until_shown(f"{len(NAMES)} created", "+ anna: new, anna@example.test", "enter Synchronise now")
    terminal.until(lambda: terminal.straight)
    terminal.keys("Enter")
    terminal.until_shown("✔ Done.")
    terminal.keys("Escape")
    terminal.until_shown("Last synchronised")
    terminal.keys("Escape")


def archived(archivar: Archivar, name: str) -> int:
    """The number of messages in the archive of this user."""
    return sum(int(one["messages"]) for one in archivar("--json", "folders", name).json["folders"])


def finish(terminal: Wizard, name: str, *texts: str) -> None:
    """From the page of names to Home, with the profile saved and chosen."""
    terminal.fill("Profile name", name)
    terminal.next("Summary", *texts)
    terminal.keys("Enter")
    terminal.until_shown(f"Profile {name} saved.", f"▸ {name}")


def run(terminal: Wizard, number: int) -> None:
    """Run the chosen profile, and back on Home when it is done."""
    terminal.keys("r")
    terminal.until_shown(f"run {number}", "✔ done")
    terminal.keys("Escape")
    terminal.until_shown("Profiles (1)", "✔ done")


def test_many_mailboxes_with_the_directory_in_the_middle(
    archivar: Archivar, directory: Slapd, authority: str, dovecot: StartDovecot
) -> None:
    """t on the page of users; with the tick the new colleague's mailbox is archived in the very run, others' stays."""
    server = dovecot({address(name): SECRET for name in (*NAMES, LATER)}, master=("archive", MASTER))
    for name in (*NAMES, LATER):
        server.deliver(address(name), "INBOX", mail(f"for {name}"))
    with console(archivar) as terminal:
        to_server(terminal, "many mailboxes")
        fill_server(terminal, server.host, server.plain_port)
        terminal.next("Users", "There are no users yet.", "t  takes them from a directory")
        assert terminal.whole
        terminal.keys("t")
        take_users(terminal, directory, authority)
        terminal.until_page("Users", "[x] anna", "[x] bob", "Archives 2 of 2 users.")
        assert terminal.whole
        terminal.go("[ ] synchronise")
        terminal.toggle("Space", lambda: "▸ [x] synchronise with the directory before archiving" in terminal.text)
        terminal.next("Login", "▸ Opened with")
        terminal.choose("Opened with", "A master user")
        terminal.fill("Master account", "archive")
        terminal.fill("Master password", MASTER)
        terminal.keys("C-t")
        terminal.until_shown("✔ All steps went well.")
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.next("Folders", "Folders of anna@example.test.")
        for page in ("Filter", "Delete", "Name"):
            terminal.next(page)
        finish(terminal, "Staff", "2 of 2 users")
        run(terminal, 1)
        assert [archived(archivar, name) for name in NAMES] == [1, 1]
        join(directory, LATER)
        run(terminal, 2)
        assert archived(archivar, LATER) == 1
    assert kept(archivar, "Staff")["users"]["sync_directory_first"] is True
    archivar("missing", "Staff")
    for secret in (SECRET, MASTER, PASSWORD):
        assert_secret(archivar, terminal, secret)


def deliver(server: Dovecot, name: str) -> None:
    """Deliver a mail to a user into the catch-all mailbox."""
    text = f"From: x@elsewhere.test\r\nTo: {address(name)}\r\nSubject: for {name}\r\n\r\nText for {name}.\r\n"
    server.deliver(JOURNAL, "INBOX", text.encode())


def test_a_catch_all_profile_is_made_with_the_directory_set_up_in_the_middle(
    archivar: Archivar, directory: Slapd, authority: str, dovecot: StartDovecot
) -> None:
    """The page of filing says that there are no users and leads to the directory; a new colleague gets the mail of that run."""
    server = dovecot({JOURNAL: SECRET})
    for name in NAMES:
        deliver(server, name)
    with console(archivar) as terminal:
        to_server(terminal, "one mailbox that gets everybody's mail")
        fill_server(terminal, server.host, server.plain_port)
        terminal.next("Login", "▸ User name")
        terminal.fill("User name", JOURNAL)
        terminal.fill("Password", SECRET)
        terminal.next("Folders", f"Folders of {JOURNAL}.")
        terminal.next("Filing", "! No user has an e-mail address yet: ^o takes them from a directory.", "^o Directory")
        assert terminal.whole
        terminal.keys("Enter")
        # Told once, wherever its lines are broken.
        terminal.until(lambda: "Enter again goes on all the same." in re.sub(r"[\s┃]+", " ", terminal.text))
        assert "step 5 of 9" in terminal.text
        terminal.keys("C-o")
        take_users(terminal, directory, authority)
        terminal.until_page("Filing")
        terminal.until(lambda: "No user has an e-mail address" not in terminal.text)
        assert terminal.whole
        terminal.keys("C-r")
        terminal.until_shown("for anna", "→ anna: anna@example.test/INBOX", "→ bob: bob@example.test/INBOX")
        terminal.keys("Escape")
        terminal.until(lambda: "for anna" not in terminal.text)
        terminal.go("Directory")
        terminal.toggle("Space", lambda: "[x] synchronise the users before each run" in terminal.text)
        for page in ("Filter", "Delete", "Name"):
            terminal.next(page)
        finish(terminal, "Journal", "Each message goes to its recipients")
        run(terminal, 1)
        assert [archived(archivar, name) for name in NAMES] == [1, 1]
        deliver(server, LATER)
        join(directory, LATER)
        run(terminal, 2)
        assert archived(archivar, LATER) == 1
        assert "unknown" not in terminal.text
    assert kept(archivar, "Journal")["users"]["sync_directory_first"] is True
    for secret in (SECRET, PASSWORD):
        assert_secret(archivar, terminal, secret)


def test_a_profile_of_one_mailbox_is_made_with_the_directory_set_up_in_the_middle(
    archivar: Archivar, directory: Slapd, authority: str, dovecot: StartDovecot
) -> None:
    """t on the page of the target: whose address it is, is chosen when the wizard is back."""
    server = dovecot({address("bob"): SECRET})
    server.deliver(address("bob"), "INBOX", mail("for bob"))
    with console(archivar, size=(120, 40)) as terminal:
        to_server(terminal, "one mailbox")
        fill_server(terminal, server.host, server.plain_port)
        terminal.next("Login", "▸ E-mail address")
        terminal.fill("E-mail address", address("bob"))
        terminal.fill("Password", SECRET)
        terminal.next("Folders", "Folders of bob@example.test.")
        for page in ("Filter", "Delete"):
            terminal.next(page)
        terminal.next("Target", "There are no users yet.", "t  takes them from a directory")
        assert terminal.whole
        terminal.keys("t")
        take_users(terminal, directory, authority)
        terminal.until_page("Target", "(•) bob", "( ) anna", "Goes to the folder bob@example.test in the archive of bob.")
        assert terminal.whole
        terminal.next("Name", "▸ Profile name")
        finish(terminal, "Bob", "bob@example.test")
        run(terminal, 1)
    assert archived(archivar, "bob") == 1
    archivar("missing", "Bob")
    for secret in (SECRET, PASSWORD):
        assert_secret(archivar, terminal, secret)
