"""The profile wizard on a real archive and real servers, in a real terminal, by keys alone."""

from __future__ import annotations

import re

import pytest

from tests.command import Archivar
from tests.terminal import wizard_servers
from tests.terminal.wizard_servers import EACH, MASTER, SECRET, Servers, assert_secret, console, fill_server, kept, to_server

servers = wizard_servers.servers
archivar = wizard_servers.archivar

pytestmark = [pytest.mark.terminal, pytest.mark.server]


def test_many_mailboxes_are_set_up_and_archived_by_keys_alone(servers: Servers, archivar: Archivar) -> None:
    """From Home to a result with every mailbox done: what was chosen is what is saved, archived and deleted."""
    kerio = servers.kerio
    with console(archivar) as terminal:
        to_server(terminal, "many mailboxes")
        fill_server(terminal, kerio.host, kerio.port)
        terminal.next("Users", "Archives 4 of 5 users, 1 has no e-mail address.", "▸ [x] anna", "! no e-mail address")
        assert "space Tick" not in terminal.text
        terminal.keys("BTab", "BTab")
        terminal.until_shown("▸ (•) all users with an e-mail address")
        terminal.keys("Right")
        terminal.until_shown("(•) all but the unticked", "[x] anna")
        terminal.keys("Tab", "Tab")
        terminal.cursor("dora")
        terminal.toggle("Space", lambda: "[ ] dora" in terminal.text)
        terminal.until_shown("Archives 3 of 5 users")
        terminal.keys("BTab", "BTab", "Right")
        terminal.until_shown("▸ ( ) all users", "(•) only the ticked", "Nobody is ticked yet.", "[ ] anna")
        terminal.keys("Left")
        terminal.until_shown("[ ] dora", "Archives 3 of 5 users")
        terminal.keys("Right")
        terminal.until_shown("Nobody is ticked yet.")
        terminal.keys("Tab", "Tab")
        terminal.keys("Enter")
        terminal.until_shown("! ", "● Users")
        for name in ("bob", "anna"):
            terminal.keys("/")
            terminal.until_shown("▸ Search")
            terminal.fill("Search", name)
            terminal.until(lambda: len(re.findall(r"\[[x ]\] ", terminal.text)) == 1)
            terminal.keys("Enter")
            terminal.until_shown(f"▸ [ ] {name}")
            terminal.toggle("Space", lambda name=name: f"▸ [x] {name}" in terminal.text)  # type: ignore[misc]
        terminal.until_shown("Archives 2 of 5 users")
        terminal.next("Login", "▸ Opened with", "Kerio Connect's master password")
        terminal.fill("Master password", MASTER)
        terminal.keys("C-t")
        terminal.until_shown("Connection test", "All steps went well.", "Kerio Connect", "master login accepted", "7 folders")
        assert terminal.text.count("✔ ok") == 6
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.next("Folders", "Folders of anna@example.test.", "▸ [x] INBOX", "[ ] Junk E-mail", "junk mail")
        terminal.cursor("Projects")
        terminal.toggle("s", lambda: terminal.text.count("excluded by Projects/**") == 2)
        terminal.until_shown("Without: Projects/**", "▸ [ ] Projects", "[ ]   A", "[ ]   B")
        terminal.toggle("s", lambda: "Without" not in terminal.text)
        terminal.cursor("  A ")
        terminal.toggle("Space", lambda: "Without: Projects/A" in terminal.text)
        terminal.keys("Home")
        terminal.cursor("Junk E-mail")
        terminal.toggle("Space", lambda: "Also: Junk E-mail" in terminal.text)
        terminal.next("Filter", "▸ Read")
        terminal.fill("Smaller than", "50 MB")
        terminal.next("Delete", "Nothing is deleted on the server.", "▸ Delete")
        terminal.choose("Delete", "when older than")
        terminal.until_shown("Say how old a message must be to be deleted.")
        terminal.fill("Older than", "6 months")
        terminal.until_shown("older than 6 months")
        terminal.keys("C-r")
        # One old message in INBOX, Sent Items, Junk E-mail, Projects and Projects/B.
        terminal.until_shown("In anna@example.test 5 of 21 messages would be deleted on the server now")
        terminal.next("Name", "▸ Profile name")
        terminal.fill("Profile name", "Staff")
        terminal.choose("Started", "daily at")
        terminal.until_shown("Next start ")
        terminal.fill("At", "03:30")
        terminal.fill("On", "mon, fri")
        terminal.go("Run now")
        terminal.toggle("Space", lambda: "[x] archive as soon as it is saved" in terminal.text)
        terminal.next("Summary", "2 of 5 users", "mon, fri at 03:30", "enter Save", "smaller than 50 MB")
        terminal.keys("Enter")
        terminal.until_shown("Save a profile that deletes more than before?", "In anna@example.test 5 of 21 messages")
        terminal.keys("y")
        terminal.until_shown("And run it as soon as it is saved?")
        terminal.keys("y")
        terminal.until_shown("run 1", "✔ done", "Mailboxes (2", "Everything is archived.")
        terminal.keys("Escape")
        terminal.until_shown("▸ Staff", "2 mailboxes", "✔ done", f"+{2 * 6 * EACH}", "service ● running")
        terminal.keys("q")
        terminal.until_shown("exit code 0")
    profile = kept(archivar, "Staff")
    assert profile["users"] == {"mode": "only", "list": ["bob", "anna"], "sync_directory_first": False}
    assert profile["folders"] == {"include": ["**", "Junk E-mail"], "exclude": ["Projects/A"]}
    assert profile["filter"]["smaller_than"] == 50_000_000
    assert (profile["delete"]["when"], profile["delete"]["age"]) == ("older-than", "6 months")
    assert (profile["schedule"]["daily"], profile["schedule"]["weekdays"]) == ("03:30", ["mon", "fri"])
    assert profile["login"] == {"method": "kerio-master", "username": "", "password_file": ""}
    assert (profile["server"]["access"], profile["server"]["port"]) == ("imap", kerio.port)
    archivar("missing", "Staff")
    assert len(servers.dovecot.messages("bob@example.test", "INBOX")) == EACH - 1
    assert len(servers.dovecot.messages("bob@example.test", "Projects/A")) == EACH
    assert len(servers.dovecot.messages("dora@example.test", "INBOX")) == EACH
    assert_secret(archivar, terminal, MASTER)


def test_a_single_mailbox_is_set_up_in_spite_of_mistakes(servers: Servers, archivar: Archivar) -> None:
    """A fault stands beside its field, a refused login is a named step with its remedy, nothing typed is lost."""
    dovecot = servers.dovecot
    with console(archivar) as terminal:
        to_server(terminal, "one mailbox")
        terminal.keys("Enter")
        terminal.until_shown("! This is needed.", "▸ Server name")
        fill_server(terminal, dovecot.host, dovecot.plain_port)
        terminal.fill("Timeout", "soon")
        terminal.keys("Enter")
        terminal.until_shown("▸ Timeout", '! "soon" is not allowed')
        terminal.fill("Timeout", "60")
        terminal.next("Login", "▸ E-mail address")
        terminal.fill("E-mail address", "carol@example.test")
        terminal.keys("Enter")
        terminal.until_shown("▸ Password", "! The password is needed.")
        terminal.fill("Password", "wrong-4712")
        terminal.keys("C-t")
        terminal.until_shown("Login            ✗ failed", "✗ Not all steps went well.", "password")
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.fill("Password", SECRET)
        terminal.keys("C-t")
        terminal.until_shown("✔ All steps went well.")
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.back("Server", f"[{dovecot.host}", f"[{dovecot.plain_port}", "(•) IMAP ", "[60")
        terminal.next("Login", "[carol@example.test", "•" * len(SECRET))
        terminal.next("Folders", "Folders of carol@example.test.", "▸ [x] INBOX")
        terminal.keys("p")
        terminal.until_shown("A pattern for folders")
        terminal.type("Projects/*")
        terminal.keys("Enter")
        terminal.until_shown("Without: Projects/*", "excluded by Projects/*")
        terminal.next("Filter", "▸ Read")
        terminal.next("Delete", "▸ Delete")
        terminal.next("Target", "(•) carol", "Goes to the folder carol@example.test in the archive of carol.")
        terminal.next("Name", "▸ Profile name")
        terminal.keys("C-x")
        terminal.until_shown("Leave without saving?", "y  leave")
        terminal.keys("n")
        terminal.until(lambda: "Leave without saving?" not in terminal.text)
        terminal.fill("Profile name", "Carol")
        terminal.next("Summary", "carol@example.test", "without Projects/*", "by hand.")
        terminal.keys("Enter")
        terminal.until_shown("Profile Carol saved.", "▸ Carol", "· never run")
        terminal.keys("r")
        terminal.until_shown("run 1", "✔ done", "Everything is archived.")
    archivar("missing", "Carol")
    profile = kept(archivar, "Carol")
    assert profile["target"] == {"user": "carol", "folder": "carol@example.test"}
    assert profile["login"]["username"] == "carol@example.test"
    assert profile["folders"]["exclude"] == ["Projects/*"]
    for secret in (SECRET, "wrong-4712"):
        assert_secret(archivar, terminal, secret)


def test_leaving_the_first_page_asks_only_when_something_was_typed(archivar: Archivar) -> None:
    """esc on the first page leaves at once; after something was typed it asks, and yes loses it."""
    with console(archivar) as terminal:
        terminal.until_shown("Profiles (0)")
        terminal.keys("n")
        terminal.until_page("Kind")
        terminal.keys("Escape")
        terminal.until_shown("Profiles (0)")
        to_server(terminal, "one mailbox")
        terminal.fill("Server name", "mail.example.test")
        terminal.back("Kind")
        terminal.keys("Escape")
        terminal.until_shown("Leave without saving?")
        terminal.keys("y")
        terminal.until_shown("Profiles (0)")
    assert archivar("--json", "profile", "list").json == {"profiles": []}


def test_a_saved_profile_is_changed_copied_switched_and_deleted(servers: Servers, archivar: Archivar) -> None:
    """The password stays while server and account do, and is asked for when they change; delete asks."""
    dovecot = servers.dovecot
    file = archivar.write(
        "dora.toml",
        f'name = "Dora"\nkind = "mailbox"\n[server]\nhost = "{dovecot.host}"\nport = {dovecot.plain_port}\naccess = "imap"\n'
        f'[login]\nusername = "dora@example.test"\npassword_env = "WORD"\n[target]\nuser = "dora"\n'
        '[schedule]\nevery = "30 days"\nautomatic = false\n',
    )
    archivar("profile", "apply", str(file), WORD=SECRET)
    with console(archivar) as terminal:
        terminal.until_shown("▸ Dora", "e Edit")
        terminal.keys("e")
        terminal.until_page("Server", "Change", "[127.0.0.1")
        terminal.fill("Timeout", "77")
        terminal.next("Login", "Empty: the one that is kept.")
        terminal.keys("C-t")
        terminal.until_shown("✔ All steps went well.")
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        terminal.back("Server")
        terminal.fill("Server name", "localhost")
        terminal.next("Login")
        terminal.keys("Enter")
        terminal.until_shown("! The server is another one now, so the password", "▸ Password")
        terminal.back("Server")
        terminal.fill("Server name", dovecot.host)
        terminal.next("Login")
        for page in ("Folders", "Filter", "Delete", "Target", "Name", "Summary"):
            terminal.next(page)
        terminal.keys("Enter")
        terminal.until_shown("Profile Dora saved.", "▸ Dora")
        assert kept(archivar, "Dora")["server"]["timeout"] == 77
        terminal.keys("r")
        terminal.until_shown("✔ done", "Everything is archived.")
        terminal.keys("Escape")
        terminal.until_shown("▸ Dora", "e Edit")
        terminal.keys("a")
        terminal.until_shown("Dora starts by itself from now on.")
        assert kept(archivar, "Dora")["schedule"]["automatic"] is True
        terminal.keys("a")
        terminal.until_shown("Dora is started by hand from now on.")
        assert kept(archivar, "Dora")["schedule"]["automatic"] is False
        terminal.keys("c")
        terminal.until_page("Kind", "Copy of Dora")
        for page in ("Server", "Login", "Folders", "Filter", "Delete", "Target", "Name", "Summary"):
            terminal.next(page)
        terminal.keys("Enter")
        # The one that was saved is the chosen one.
        terminal.until_shown("Copy of Dora saved.", "Profiles (2)", "▸ Copy of")
        terminal.keys("r")
        terminal.until_shown("run 2", "✔ done")
        terminal.keys("Escape")
        terminal.until_shown("▸ Copy of")
        terminal.keys("d")
        terminal.until_shown("Delete the profile Copy of Dora?", "What it archived stays", "y  delete it")
        terminal.keys("n")
        terminal.until(lambda: "Delete the profile" not in terminal.text)
        assert len(archivar("--json", "profile", "list").json["profiles"]) == 2
        terminal.keys("d")
        terminal.until_shown("y  delete it")
        terminal.keys("y")
        terminal.until_shown("Copy of Dora is deleted.", "Profiles (1)")
    assert [one["name"] for one in archivar("--json", "profile", "list").json["profiles"]] == ["Dora"]
    assert_secret(archivar, terminal, SECRET)
