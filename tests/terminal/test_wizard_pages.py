"""Pages of the profile wizard in every terminal: whole, with keys that do something, unharmed by hostile texts."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest

from core import config
from core.archive.archive import Archive
from core.text.cells import cell_len
from tests import homes
from tests.command import Archivar
from tests.servers.kerio import Kerio
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.terminal import wizard_servers
from tests.terminal.wizard_servers import EVERYBODY, JOURNAL, MASTER, SECRET, Servers, console, fill_server, to_server
from tests.terminal.wizards import UNSAFE, Wizard

servers = wizard_servers.servers
archivar = wizard_servers.archivar

pytestmark = [pytest.mark.terminal, pytest.mark.server]
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
