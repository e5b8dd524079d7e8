"""Keys of one's own: stable ids, and a file that is followed as far as it can be."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.config import Home, find_or_create
from tests import homes
from tests.terminal.consoles import console_on
from tui.actions import TABLES
from tui.console import Console
from tui.desk.start import glance
from tui.keymap import read, template
from tui.places.settings.settings import SettingsPlace
from tui.places.users.users import UsersPlace

#: Files of administrators name these: none may go away. New ones are added here.
IDS = """
activity-ledger activity-open activity-problems activity-profile activity-state activity-workers again archive-find
archive-open automatic back backup backup-change backup-now backups begin cancel commands compare copy delete details
directory-back directory-forget directory-guide directory-help directory-preview directory-save directory-sync
directory-test edit go-activity go-archive go-home go-settings go-statistics go-unknown go-users help home-acknowledge
home-open home-remedy-1 home-remedy-2 home-remedy-3 home-remedy-4 home-remedy-5 home-remedy-6 home-remedy-7
home-remedy-8 home-remedy-9 import-do import-leave job-stop keymap-write ledger-check ledger-kind ledger-open
ledger-seal mail-export mail-fold mail-import mail-mark mail-news mail-open mail-restore mail-unmark message-attachments
message-headers message-history message-next message-previous message-source new problem-open profile-open-run proof
proof-backup proof-cancel proof-open proof-repair proof-schedule proof-seals proof-verify quit restore-change restore-do
restore-look result run seals-edit seals-new seals-often seals-open seals-remove seals-send search search-again
search-all search-archive search-order search-syntax search-widen service-start setting-change statistics-list
statistics-span sync-again sync-do sync-force sync-leave unknown-alias unknown-file unknown-not-ours unknown-open
unknown-ours unknown-state unknown-user user-directory user-edit user-import user-new user-remove wizard-add-user
wizard-again wizard-back wizard-directory wizard-examples wizard-forget wizard-guide wizard-help wizard-import
wizard-leave wizard-next wizard-pattern wizard-preview wizard-probe wizard-search wizard-take wizard-test wizard-tick
wizard-tick-below
"""


def test_ids_of_actions_are_stable() -> None:
    """No id that a keymap file may name goes away, and new ones are listed here."""
    found = {action.id for actions in TABLES.values() for action in actions}
    assert sorted(set(IDS.split()) - found) == [], "ids that files of administrators may name, and no action has"
    assert sorted(found - set(IDS.split())) == [], f"new ids, to be added to IDS in {Path(__file__).name}"


def test_one_id_is_one_action() -> None:
    """An id that several places have means the same keys in all of them."""
    keys: dict[str, set[tuple[str, ...]]] = {}
    for actions in TABLES.values():
        for action in actions:
            keys.setdefault(action.id, set()).add(action.keys)
    assert {name: found for name, found in keys.items() if len(found) > 1} == {}


def test_a_keymap_gives_keys_by_id() -> None:
    """Letters, signs, names and what people call them; several with commas between."""
    found = read('run = "x"\nback = "esc, ctrl+b"\nhelp = "?"\nsearch = "S"\ncancel = "^k"\nagain = "f5"')
    assert found.troubles == ()
    assert found.keys == {
        "run": ("x",),
        "back": ("escape", "ctrl+b"),
        "help": ("question_mark",),
        "search": ("S",),
        "cancel": ("ctrl+k",),
        "again": ("f5",),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('nothing = "x"', 'there is no action "nothing"'),
        ('run = "enterr"', '"enterr" is no key'),
        ('run = "<scroll-up>"', "is no key"),
        ("run = 5", "write its keys as"),
        ('run = ""', "write its keys as"),
        ('run = "x,"', "is no key"),
        ('run = "j"', "belongs to lists"),
        ('run = "home"', "belongs to lists"),
        ('user-new = "d"', "in Users, d is the key of user-remove already"),
        ('user-new = "y"', "in Users, y is the key of go-activity already"),
        ('user-new = "?"', "in Users, question_mark is the key of help already"),
        ("run = ", "keymap.toml cannot be read"),
        ("[a]\nb = 1", 'there is no action "a"'),
    ],
)
def test_what_cannot_be_followed_is_left_out_and_named(text: str, said: str) -> None:
    """The entry keeps the program's keys; the others count."""
    good = 'cancel = "X"\n' if "=" in text and text != "run = " else ""
    found = read(good + text)
    assert said in " ".join(found.troubles)
    assert len(found.troubles) == 1
    assert set(found.keys) == ({"cancel"} if good else set())


def test_two_actions_can_change_their_keys() -> None:
    """A key freed by the file is free."""
    found = read('user-new = "d"\nuser-remove = "n"')
    assert found.troubles == ()
    assert found.keys == {"user-new": ("d",), "user-remove": ("n",)}


def test_the_file_to_begin_with_names_all_and_changes_nothing() -> None:
    """All of it is commented out; with the # taken away it says what is so already, but for keys that several pages share."""
    text = template({"run": ("x",)})
    assert tomllib.loads(text) == {}
    entries = tomllib.loads("\n".join(line.removeprefix("# ") for line in text.splitlines() if ' = "' in line))
    assert set(entries) == set(IDS.split())
    assert entries["run"] == "x"
    assert entries["user-edit"] == "enter, e"
    followed = read("\n".join(f'{name} = "{keys}"' for name, keys in entries.items()))
    assert followed.troubles == ()


async def test_keys_of_the_file_are_bound_and_shown(tmp_path: Path) -> None:
    """They do what they say, the old ones do not, and footer and help show them."""
    home = await begun(tmp_path)
    home.keymap.write_text('user-new = "ctrl+n, z"\ngo-users = "U"\nhelp = "f2"\n', encoding="utf-8")
    async with console_on(home, start=glance(home.path)) as screen:
        await screen.until_shown("f2 Help")
        await screen.press("u")
        await screen.press("U")
        await screen.until_shown("Users (1)", "^n New")
        await screen.press("n")
        assert isinstance(screen.console.screen, UsersPlace)
        await screen.press("f2")
        await screen.until_shown("^n or z", "Add a user")
        await screen.press("escape", "z")
        await screen.until_shown("New user")


async def test_what_cannot_be_followed_is_said_at_the_start(tmp_path: Path) -> None:
    """And again in Settings, without stopping the console or sending anything strange."""
    home = await begun(tmp_path)
    home.keymap.write_text('"\\u001b]2;x\\u0007[red]" = "x"\nrun = "no key"\n', encoding="utf-8")
    async with console_on(home, start=glance(home.path)) as screen:
        await screen.until_shown("there is no action", "1 more in Settings")
        await screen.press("s")
        await screen.until(lambda: isinstance(screen.console.screen, SettingsPlace))
        await screen.press("tab", "end")
        await screen.until_shown('! keymap.toml: run: "no key', "[red]")
        assert not set(screen.text) & set("\x1b\x07")


def test_without_a_file_nothing_is_made(tmp_path: Path) -> None:
    """A glance at a home that is not there leaves no trace and has the defaults."""
    found = glance(tmp_path / "none")
    assert (found.theme, found.mouse, found.keymap) == ("dark", False, None)
    assert list(tmp_path.iterdir()) == []
    assert Console(None, start=found).keymap_troubles == ()  # type: ignore[arg-type]


def test_a_home_with_nothing_but_a_keymap_can_be_begun(tmp_path: Path) -> None:
    """The file belongs to a home."""
    (tmp_path / "keymap.toml").write_text("", encoding="utf-8")
    assert find_or_create(tmp_path).keymap.exists()


async def begun(path: Path) -> Home:
    archive: Archive = await homes.begin(path / "home")
    await archive.close()
    return archive.home
