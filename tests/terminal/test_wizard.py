"""The profile wizard on a real archive and real servers, in a real terminal, by keys alone."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core import config
from core.archive.archive import Archive
from core.archive.registry import users
from core.text.cells import cell_len
from tests import homes
from tests.command import Archivar
from tests.servers.dovecot import Dovecot, missing
from tests.servers.kerio import Kerio
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import mail
from tests.terminal.wizards import UNSAFE, Wizard

pytestmark = [pytest.mark.terminal, pytest.mark.server]
MASTER = "Kerio-Master-4711"
SECRET = "Geheim-4711"
NAMES = ("anna", "bob", "carol", "dora")
#: The catch-all mailbox, and the name of its kind.
JOURNAL, EVERYBODY = "journal@example.test", "one mailbox that gets everybody's mail"
FOLDERS = ("INBOX", "Sent Items", "Junk E-mail", "Projects", "Projects/A", "Projects/B", "Deleted Items")
EACH = 3


@dataclass(frozen=True, slots=True)
class Servers:
    """One Dovecot with a catch-all mailbox, and a Kerio Connect before it."""

    dovecot: Dovecot
    kerio: Kerio


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if package := missing():
        pytest.skip(f"needs the Debian package {package}")
    users = {address: SECRET for address in (*(f"{name}@example.test" for name in NAMES), JOURNAL)}
    old = datetime.now(UTC) - timedelta(days=700)
    with ExitStack() as stack:
        dovecot = stack.enter_context(Dovecot(tmp_path_factory.mktemp("dovecot"), users, master=("archive", MASTER)))
        for user in users:
            for folder in FOLDERS:
                for number in range(EACH):
                    moment = old if number == 0 else None
                    dovecot.deliver(user, folder, mail(f"{folder} {number} {user}"), internaldate=moment)
        yield Servers(dovecot, stack.enter_context(Kerio(dovecot, master_password=MASTER)))


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """An archive with four users and one without an address; its service ends with the test."""
    with Archivar(tmp_path / "work") as archivar:
        asyncio.run(make(archivar.home))
        yield archivar


async def make(home: Path) -> None:
    archive = await Archive.open(config.find_or_create(home))
    for name in NAMES:
        await users.add(archive, name, [f"{name}@example.test"], full_name=f"{name.title()} Example")
    await users.add(archive, "nomail", [])
    await archive.close()


TERMS = [("xterm-256color", {}), ("screen", {}), ("xterm-256color", {"NO_COLOR": "1"})]
SIZES = [(80, 24), (100, 30), (160, 48)]
#: The smallest window, and one in which all keys have room at the foot.
TRY_KEYS = (("screen", (80, 24)), ("xterm-256color", (160, 48)))
#: A terminal and the sizes in which each page is looked at; the window has another one when the walk begins.
WALKS = [
    pytest.param(term, environment, (*SIZES[first:], *SIZES[:first]), id="NO_COLOR" if environment else term)
    for first, (term, environment) in enumerate(TERMS)
]
#: What the keys at the foot of pages open or do, and the key that takes it back.
ANSWERS = {
    "Test": ("Connection test", "Escape"),
    "Guide": ("esc  close", "Escape"),
    "Commands": ("Search for commands", "Escape"),
    "Help": ("━ Keys ━", "Escape"),
    "New user": ("━ New user ━", "Escape"),
    "Import": ("CSV", "Escape"),
    "Directory": ("Where users come from", "Escape"),
    "Pattern": ("━ A pattern for folders ━", "Escape"),
    "Examples": ("━ Examples ━", "Escape"),
    "Try out": ("━ Try out deletion on the server? ━", "n"),
}


def console(archivar: Archivar, **options: Any) -> Wizard:
    return Wizard(archivar.home, archivar.folder / "settings", **options)


def kept(archivar: Archivar, name: str) -> dict[str, Any]:
    """The profile as the command line shows it."""
    profile: dict[str, Any] = archivar("--json", "profile", "show", name).json["profile"]
    return profile


def assert_secret(archivar: Archivar, terminal: Wizard, secret: str) -> None:
    """It was never on the screen, and is in no file of the home or of the settings as it was typed."""
    assert not any(secret in line for line in terminal.seen)
    files = [path for path in archivar.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def to_server(terminal: Wizard, kind: str) -> None:
    """From Home to the second page."""
    terminal.until_shown("Needs attention", "n New")
    terminal.keys("n")
    terminal.until_page("Kind", "▸ Archive")
    terminal.choose("Archive", kind)
    terminal.next("Server", "▸ Server name")


def fill_server(terminal: Wizard, host: str, port: int) -> None:
    terminal.fill("Server name", host)
    terminal.choose("Access via", "IMAP")
    while "(•) IMAP-" in terminal.text:
        terminal.keys("Right")
    terminal.fill("Port", str(port))


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


@pytest.mark.parametrize(("term", "environment", "sizes"), WALKS)
def test_every_page_is_whole_in_every_terminal_and_its_keys_do_something(
    term: str, environment: dict[str, str], sizes: Sequence[tuple[int, int]], servers: Servers, archivar: Archivar
) -> None:
    """All kinds, page by page: lines as wide as the window, straight frames, a marked focus, and no idle key at the foot.

    Each page is come to in one size and seen in all; the walk goes on in the last, so that pages are come to in each.
    """
    left = deque(sizes)

    def look() -> None:
        for size in left:
            if size != terminal.size:
                terminal.resize(*size)
            assert_good_page(terminal)
            if not environment and (term, size) in TRY_KEYS:
                try_keys(terminal)
        left.rotate()

    with console(archivar, size=left[0], term=term, environment=environment) as terminal:
        for kind, server, words in (
            ("one mailbox", servers.dovecot, ("Login", "Folders", "Filter", "Delete", "Target", "Name", "Summary")),
            ("many mailboxes", servers.kerio, ("Users", "Login", "Folders", "Filter", "Delete", "Name", "Summary")),
            (EVERYBODY, servers.dovecot, ("Login", "Folders", "Filing", "Filter", "Delete", "Name", "Summary")),
        ):
            port = server.port if isinstance(server, Kerio) else server.plain_port
            to_server(terminal, kind)
            terminal.back("Kind")
            look()
            terminal.next("Server", "▸ Server name")
            fill_server(terminal, server.host, port)
            look()
            for word in words:
                terminal.next(word)
                fill_page(terminal, word, kind)
                look()
            terminal.keys("C-x")
            terminal.until_shown("Leave without saving?")
            terminal.until(lambda: terminal.straight)
            terminal.keys("y")


def fill_page(terminal: Wizard, word: str, kind: str) -> None:
    """Wait until the page has all that it shows, and fill in what it must have."""
    if word == "Login" and kind == EVERYBODY:
        terminal.fill("User name", JOURNAL)
        terminal.fill("Password", SECRET)
    elif word == "Login" and kind == "one mailbox":
        terminal.fill("E-mail address", "anna@example.test")
        terminal.fill("Password", SECRET)
    elif word == "Login":
        terminal.fill("Master password", MASTER)
    elif word == "Folders":
        terminal.until_shown(f"Folders of {JOURNAL if kind == EVERYBODY else 'anna@example.test'}.")
    elif word in ("Users", "Target"):
        terminal.until_shown("▸ ", "] anna" if word == "Users" else ") anna")
    elif word == "Name":
        terminal.fill("Profile name", "Walk")
    elif word == "Summary":
        terminal.until_shown("by hand.")


def assert_good_page(terminal: Wizard) -> None:
    """Look at the page in front."""
    # The summary is read, nothing in it is chosen.
    lines = terminal.settled(lambda: terminal.whole and ("● Summary" in terminal.text or terminal.marked))
    cut = [line for line in lines[2:-1] if "…" in line and "every …" not in line and "Only: " not in line]
    assert not cut, terminal.text


def try_keys(terminal: Wizard) -> None:
    """Press each key that is told at the foot."""
    for key, label in terminal.footer:
        before = terminal.text
        pressed = {"esc": "Escape", "space": "Space", "f1": "F1", "enter": "Enter"}.get(key, key.replace("^", "C-"))
        if label in ANSWERS:
            shown, way_back = ANSWERS[label]
            terminal.keys(pressed)
            terminal.until_shown(shown)
            terminal.until(lambda: terminal.straight)
            terminal.keys(way_back)
            terminal.until(lambda shown=shown: shown not in terminal.text and terminal.whole)  # type: ignore[misc]
        elif label in ("Tick", "With subfolders"):
            if "● Target" in before:
                # Of these one is always chosen.
                terminal.cursor("nomail" if "(•) anna" in before else "anna")
            terminal.toggle(pressed, lambda before=before: terminal.text != before)  # type: ignore[misc]
            terminal.keys(pressed)
        elif label == "Preview":
            terminal.keys(pressed)
            terminal.until_shown("With this rule nothing is deleted.")
        elif label == "Read again":
            terminal.keys(pressed)
            terminal.until_shown("Folders of ")
        else:
            # These are what the walk itself is made of.
            assert label in ("Next", "Back", "Save"), terminal.text


#: Sets a title, clears, colours, turns the direction, hides, and looks like markup.
HOSTILE = "\x1b]2;OWNED\x07\x1b[2J\x1b[31m[b]{x}\u202egnp\u200b\u2066\ufeff\U000e0041"


def test_hostile_texts_change_nothing_on_the_screen(archivar: Archivar) -> None:
    """Folder names, a greeting, a refusal and users' names from outside: shown in the wizard, obeyed nowhere."""
    names = ("INBOX", f"A{HOSTILE}", "L" * 900, f"W{'漢字' * 50}", "Z" + "\u0301" * 50)
    folders: dict[str, list[Stored]] = {name: [] for name in names}
    asyncio.run(add_hostile_user(archivar.home))
    refusals = dict.fromkeys(("AUTHENTICATE", "LOGIN"), f"NO {HOSTILE}")
    script = Script(greeting=f"* OK {HOSTILE} {'long ' * 2000}", answers=refusals)
    with ScriptedServer(folders, script) as server, console(archivar) as terminal:
        title = terminal.title
        to_server(terminal, "one mailbox")
        fill_server(terminal, server.host, server.port)
        terminal.next("Login", "▸ E-mail address")
        terminal.fill("E-mail address", "eve@example.test")
        terminal.fill("Password", SECRET)
        terminal.keys("C-t")
        terminal.until_shown("✗ failed", "[b]{x}", "✗ Not all steps went well.", "esc  close")
        terminal.until(lambda: terminal.straight)
        terminal.keys("Escape")
        terminal.until(lambda: "Connection test" not in terminal.text)
        script.answers.clear()
        terminal.next("Folders", "Folders of eve@example.test.", "[x] A␛]2;OWNED␇", "[x] LLLL", "[x] W漢字")
        assert_good_folders(terminal)
        terminal.cursor("A␛]2;OWNED")
        terminal.keys("Space")
        terminal.until_shown("No rule can name this folder")
        terminal.cursor("LLLL")
        terminal.toggle("Space", lambda: "Without: LLLL" in terminal.text)
        terminal.next("Filter", "▸ Read")
        terminal.next("Delete", "▸ Delete")
        terminal.next("Target", "(•) eve", "[b]{x}" if terminal.size[0] > 80 else "eve@example.test")
        terminal.until(lambda: terminal.whole)
        terminal.next("Name", "▸ Profile name")
        terminal.fill("Profile name", "[/b]{x}[red]")
        terminal.next("Summary", "all, without", "LLLL", "[/b]{x}[red]")
        terminal.until(lambda: terminal.whole)
        terminal.keys("Enter")
        terminal.until_shown("▸ [/b]{x}[red]", "Needs attention")
        assert terminal.title == title
        assert not [line for line in terminal.seen if UNSAFE.search(line)]


def assert_good_folders(terminal: Wizard) -> None:
    """Long, wide and combined names leave the columns after them where they are."""
    terminal.until(lambda: terminal.whole)
    rows = [line for line in terminal.lines if re.match(r"┃ [▸ ] \[x\] ", line)]
    assert len({cell_len(row[: re.search(r" +0 +┃$", row).end()]) for row in rows}) == 1, terminal.text  # type: ignore[union-attr]


async def add_hostile_user(home: Path) -> None:
    """As a ledger can hold one, though no command would take it."""
    archive = await Archive.open(config.Home(home))
    for key, name in (("e", "eve"), ("f", f"{HOSTILE}x")):
        person = {"id": key, "name": name, "addresses": [f"{key}ve@example.test"], "login": HOSTILE, "full_name": HOSTILE}
        await archive.append([homes.draft("user.saved", {"user": {**person, "removed": False}})])
    await archive.close()
