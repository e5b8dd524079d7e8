"""Home, Run and their boxes, as text on 80 columns and 24 lines, over a staged archive."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot

from core.model import Phase, RunStatus, User
from core.problems.command_line import sentence
from core.problems.connection import CONNECTION_LOST
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Login, Method, Profile, Server
from core.profiles.schedule import Schedule
from core.profiles.selection import UserSelection
from core.text.cells import cell_len
from tests.terminal.staged import HOSTILE, StagedDesk, hostile, line, many, ordinary, problem, profile, result, snapshot
from tui.console import Console
from tui.desk.draft import ProfileDraft
from tui.desk.home import Condition
from tui.desk.present import own
from tui.desk.refusals import NoArchive, Refused, fault
from tui.places.confirm import Confirm
from tui.places.guide import GuidePage, Guides, load
from tui.places.help import Help
from tui.places.home.home import HomePlace
from tui.places.home.start import StartPlace
from tui.places.profiles.profile import ProfilePlace
from tui.places.runs.run import RunPlace
from tui.places.trouble import Trouble
from tui.text.format import Line, MailboxTable, ProblemTable
from tui.widgets.keys import KeyBar
from tui.widgets.lines import ChoiceList

#: Seconds between two looks at a condition.
LOOK = 0.005
#: Seconds for which a key waits for what the key before it opens.
PATIENCE = 1.0
BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


@pytest.fixture(autouse=True)
def _with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


class Shown:
    """A console under test and what it shows."""

    def __init__(self, console: Console, pilot: Pilot[None]) -> None:
        self.console = console
        self.pilot = pilot

    @property
    def lines(self) -> list[str]:
        """The screen's lines as they are sent to the terminal."""
        return [strip.text for strip in self.console.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until ``condition`` holds and the screen is painted; after ``seconds`` fail with what is shown.

        Between a change and the layout that it leads to, the screen shows parts of both. So only a screen at rest is looked at,
        and one that changes all the time each PATIENCE.
        """
        deadline = time.monotonic() + seconds
        patience = time.monotonic() + PATIENCE
        while True:
            now = time.monotonic()
            if self.at_rest() or now >= patience:
                if condition():
                    return
                patience = now + PATIENCE
            assert now < deadline, self.text
            await asyncio.sleep(LOOK)

    def at_rest(self) -> bool:
        """True when no widget in front has a message to handle and nothing is left to be laid out."""
        if not self.console.screen_stack:
            return True
        screen = self.console.screen
        if screen._layout_required or screen._scroll_required or screen._callbacks:
            return False
        pumps = (self.console, *screen.walk_children(with_self=True))
        return not any(pump._message_queue.qsize() or pump._next_callbacks or pump._pending_message for pump in pumps)

    async def until_shown(self, *texts: str) -> None:
        """Wait until all of ``texts`` are on the screen."""
        await self.until(lambda: all(map(self.text.__contains__, texts)))

    async def until_gone(self, *texts: str) -> None:
        """Wait until none of ``texts`` is on the screen."""
        await self.until(lambda: not any(map(self.text.__contains__, texts)))

    async def press(self, *keys: str) -> None:
        """Press keys one by one, each when what the one before did is done, or is held back by a test for longer than PATIENCE.

        The toolkit's own waits until the process uses no time: up to two seconds a key, as long as anything is loaded.
        """
        for key in keys:
            self.send(key)
            await self._settle()
            await self.pilot._wait_for_screen()

    async def _settle(self) -> None:
        """Wait until keys are handled, with all that follows, and the page that they lead to is there; at most PATIENCE."""
        end = time.monotonic() + PATIENCE
        # A message climbs from widget to widget, each time into another queue.
        while self._keys_left() or self.console._page_comes() or not self.at_rest():
            if time.monotonic() >= end:
                return
            await asyncio.sleep(LOOK)

    def send(self, key: str) -> None:
        """Press a key without waiting for what it does."""
        assert self.console.post_message(pressed(key, self.console))

    async def keys_done(self) -> None:
        """Wait until no key is left that was pressed and not yet handled."""
        await self.until(lambda: not self._keys_left())

    def _keys_left(self) -> bool:
        typed = self.console._typed
        # A key that was just sent is a message to the console.
        sent = bool(self.console._message_queue.qsize() or self.console._pending_message)
        return bool(sent or typed._typed or typed._delivering or typed._under_way)


def pressed(key: str, console: Console) -> Key:
    """The event of a key by its name, such as "ctrl+x", or by its character."""
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    try:
        character: str | None = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
    except KeyError:
        character = key if len(key) == 1 else None
    event = Key(name, character)
    event.set_sender(console)
    return event


@asynccontextmanager
async def shown(desk: StagedDesk, size: tuple[int, int] = (80, 24), *, few_colours: bool = False) -> AsyncIterator[Shown]:
    """The console over ``desk``, with Home loaded."""

    async def open_desk() -> StagedDesk:
        return desk

    console = Console(open_desk, few_colours=few_colours)
    async with console.run_test(size=size, notifications=True) as pilot:
        screen = Shown(console, pilot)
        await screen.until_shown("Needs attention")
        yield screen


def straight(lines: list[str], size: tuple[int, int]) -> bool:
    """Every line is as wide as the screen, and every line of a box ends with its border."""
    framed = all(text.rstrip()[-1] in "│┃╮╯┓┛" for text in lines if text[:1] in "│┃╭╰┏┗")
    return framed and len(lines) == size[1] and all(cell_len(text) == size[0] for text in lines)


@BOTH_SIZES
async def test_home_shows_profiles_last_results_and_warnings(size: tuple[int, int]) -> None:
    """Everything an administrator asks first stands on the first screen."""
    async with shown(ordinary(), size) as screen:
        await screen.until_shown("Profiles (4)", "Staff", "● running", "61 %", "3 min 20 s left", "✔ done", "yesterday", "+12")
        await screen.until_shown("! with errors", "2 problems", "· never run", "service ● running", "accepts all certificates")
        assert straight(screen.lines, size)


async def test_the_keys_of_a_place_stand_at_its_foot() -> None:
    """No key has to be known by heart."""
    async with shown(ordinary()) as screen:
        await screen.until_shown("enter Open", "n New", "r Run", "e Edit", "m Archive", "/ Search", "q Quit", "? Help")


async def test_without_profiles_home_says_what_to_do() -> None:
    """An empty archive names the key for the first profile, and offers no key that has no sense."""
    async with shown(StagedDesk()) as screen:
        await screen.until_shown("No profiles yet.", "n  makes one", "✔ Nothing.", "q Quit")
        assert "r Run" not in screen.text
        assert "enter Open" not in screen.text


async def test_running_a_profile_shows_its_run() -> None:
    """r asks for a run of the chosen profile and opens it."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("down", "r")
        await screen.until_shown("run 8", "Alice", "○ queued", "Waiting for the service to begin")
        assert desk.runs[8].profile == "Alice"


async def test_a_profile_that_runs_is_watched_and_not_run_twice() -> None:
    """Enter on a running profile opens the run that goes on."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("run 7", "1,238 of 2,030 messages", "84 of 137 MB", "1,240 msg/s", "● archiving", "INBOX")
        assert len(desk.runs) == 3


async def test_the_last_result_is_one_key_away() -> None:
    """o opens the last run with its summary and its problems."""
    async with shown(ordinary()) as screen:
        await screen.press("down", "down", "o")
        await screen.until_shown("run 6", "312 messages found: 310 archived now (44 MB), 2 failed.", "✗ Junk · UID 9")
        assert "c Cancel" not in screen.text


async def test_a_profile_without_a_run_has_no_result() -> None:
    """o is no key then, and its page says how it is run."""
    async with shown(ordinary()) as screen:
        await screen.press("end")
        await screen.until(lambda: "r Run" in screen.text)
        await screen.press("o", "enter")
        await screen.until_shown("It has not run yet: r runs it.")


async def test_a_profile_that_deletes_asks_before_it_runs() -> None:
    """Nothing goes from a server because of a key that was pressed by habit."""
    desk = ordinary()
    desk.profiles[1] = replace(desk.profiles[1], deletion=Deletion(When.IMMEDIATELY))
    async with shown(desk) as screen:
        await screen.press("down", "r")
        await screen.until_shown("Run Alice?", "every archived message is deleted on the server", "y  run it")
        await screen.press("enter", "n")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        assert len(desk.runs) == 3
        await screen.press("r", "y")
        await screen.until_shown("run 8", "Alice")


async def test_a_profile_is_opened_with_what_it_does_and_its_runs() -> None:
    """Enter shows the profile in words; enter there opens the chosen run, escape goes back step by step."""
    async with shown(ordinary()) as screen:
        await screen.press("down", "down", "enter")
        await screen.until_shown("Journal", "IMAP-TLS", "Nothing is deleted on the server.", "Last runs", "! with errors")
        await screen.press("enter")
        await screen.until_shown("run 6")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, ProfilePlace))
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_a_digit_leads_to_what_needs_attention() -> None:
    """The digit before an item opens its remedy; so does enter on it in the lower panel."""
    async with shown(ordinary()) as screen:
        await screen.until_shown("1 ! Journal: 2 messages could not be archived.", "→ show it")
        await screen.press("1")
        await screen.until_shown("run 6")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.press("tab", "enter")
        await screen.until_shown("run 6")


async def test_automatic_is_switched_where_there_is_a_schedule() -> None:
    """a changes what has a schedule, and offers one to what has none."""
    desk = ordinary()
    desk.profiles[0] = replace(desk.profiles[0], schedule=Schedule(every="15 minutes"))
    async with shown(desk) as screen:
        await screen.until_shown("every 15 min")
        await screen.press("a")
        await screen.until_shown("switched off", "Staff is started by hand")
        await screen.press("down", "a")
        await screen.until_shown("Give Alice a schedule?", "y  choose one")
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        assert not any(each.automatic for each in desk.profiles)


async def test_a_service_that_should_run_is_started_from_home() -> None:
    """A schedule without a service: one key helps."""
    desk = StagedDesk(profile("Staff"))
    desk.profiles[0] = replace(desk.profiles[0], schedule=Schedule(daily="02:00"))
    desk.condition = Condition(service_running=False, scheduled=1)
    async with shown(desk) as screen:
        await screen.until_shown("1 ! The service is not running", "start the service")
        await screen.press("1")
        await screen.until_shown("✔ Nothing.")
        assert desk.service_running


@BOTH_SIZES
async def test_a_run_is_shown_live(size: tuple[int, int]) -> None:
    """Rows written by the service are on the screen within a moment, and so is the end."""
    desk = ordinary()
    async with shown(desk, size) as screen:
        await screen.press("r")
        await screen.until_shown("61 %")
        desk.snapshots[7] = snapshot(7, line(done=0.83, folder="Archive/2024"))
        desk.touch()
        await screen.until_shown("83 %", "Archive/2024", "1,684")
        done = result(found=2030, archived=2030, bytes=137_000_000)
        desk.add_run("Staff", RunStatus.SUCCEEDED, run=7, finished=desk.moment, result=done)
        await screen.until_shown("✔ done", "Everything is archived.", "2,030 archived now (137 MB), none failed")
        assert straight(screen.lines, size)


async def test_problems_come_as_they_happen() -> None:
    """The panel appears with the first problem and names folder, UID and reason."""
    desk = ordinary()
    desk.snapshots[7] = snapshot(7)
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("INBOX")
        assert "Problems" not in screen.text
        desk.snapshots[7] = snapshot(7, problems=(problem("Drafts", 3, "The server sent an empty message."),))
        desk.touch()
        await screen.until_shown("Problems (1)", "✗ Drafts · UID 3", "The server sent an empty message.")


async def test_cancelling_a_run_asks_first() -> None:
    """c asks, n lets the run go on, y stops it; enter is no answer."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("c Cancel")
        await screen.press("c")
        await screen.until_shown("Cancel run 7 of Staff?", "y  cancel the run", "n  let it go on")
        await screen.press("enter")
        assert isinstance(screen.console.screen, Confirm)
        await screen.press("n")
        assert not desk.runs[7].cancel_requested
        await screen.press("c", "y")
        await screen.until(lambda: desk.runs[7].cancel_requested)
        await screen.until_shown("■ stopping")


async def test_leaving_a_run_leaves_it_alone() -> None:
    """Escape goes back to Home, where the run is still going on."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("goes on without this window")
        await screen.press("escape")
        await screen.until_shown("Profiles (4)", "● running")
        assert not desk.runs[7].cancel_requested


async def test_leaving_the_console_closes_the_archive() -> None:
    """q leaves; all opened files are closed."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("q")
        await screen.until(lambda: screen.console._exit)
    assert desk.closed


async def test_help_lists_the_keys_of_the_place() -> None:
    """? shows what can be done here and not what can be done elsewhere."""
    async with shown(ordinary()) as screen:
        await screen.press("question_mark")
        await screen.until_shown("enter", "Open the profile's last run", "1 to 9 lead to where what needs attention is mended")
        await screen.press("escape", "r")
        await screen.until_shown("run 7")
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.console.screen, Help))
        await screen.until_shown("Stop this run")
        assert "last run" not in screen.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (80, 12)])
async def test_help_leads_to_the_guides(size: tuple[int, int]) -> None:
    """g lists them, enter opens one, escape goes back step by step; title and way out stay in sight to the last line."""
    async with shown(ordinary(), size) as screen:
        await screen.press("question_mark")
        await screen.until_shown("Keys", "esc  close")
        await screen.press("end")
        await screen.until_shown("g  Guides")
        await screen.press("g")
        await screen.until_shown("Guides", "Kerio Connect: the archive mailbox", "enter  read", "esc  close")
        await screen.press("down", "enter")
        await screen.until_shown("━ Kerio Connect: the archive mailbox ━", "copy of each message", "↑ ↓  scroll", "esc  close")
        await screen.press("end")
        await screen.until_shown("━ Kerio Connect: the archive mailbox ━", "now and then.", "esc  close")
        assert all(cell_len(text) == size[0] for text in screen.lines)
        frame = next(text for text in screen.lines if "the archive mailbox" in text)
        assert frame.index("┓") - frame.index("┏") < 100
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, Guides))
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


@BOTH_SIZES
async def test_a_page_is_painted_at_its_size_from_the_first_picture(size: tuple[int, int]) -> None:
    """No box of another height before, through which the list behind it is seen."""
    async with shown(ordinary(), size) as screen:
        await screen.press("question_mark", "g", "down")
        await screen.until_shown("Guides and manual")
        screen.send("enter")
        seen = []
        while not isinstance(screen.console.screen, GuidePage) or not screen.at_rest():
            seen.append([index for index, text in enumerate(screen.lines) if "━ Kerio Connect: the archive mailbox ━" in text])
            await asyncio.sleep(0)
        await screen.until_shown("━ Kerio Connect: the archive mailbox ━", "copy of each message")
        at = next(index for index, text in enumerate(screen.lines) if "━ Kerio Connect: the archive mailbox ━" in text)
        assert {tuple(rows) for rows in seen} == {(), (at,)}


async def test_a_box_is_not_covered_by_the_keys_of_the_place_behind_it() -> None:
    """? does nothing where the keys that count stand in the box already."""
    async with shown(ordinary()) as screen:
        await screen.press("question_mark", "g")
        await screen.until(lambda: isinstance(screen.console.screen, Guides))
        await screen.press("question_mark")
        await screen.pilot.pause()
        assert isinstance(screen.console.screen, Guides)


async def test_behind_a_question_no_keys_are_told() -> None:
    """They would do nothing there; when the question is answered they are back."""
    async with shown(ordinary(), (80, 40)) as screen:
        await screen.until_shown("q Quit")
        for key, box in (("d", "Delete the profile"), ("question_mark", "━ Keys ━"), ("ctrl+p", "Search for commands")):
            await screen.press(key)
            await screen.until_shown(box)
            await screen.until(lambda: not screen.lines[-1].strip())
            await screen.press("escape")
            await screen.until_shown("enter Open", "q Quit", "? Help")


async def test_a_guide_keeps_its_text_when_the_window_changes() -> None:
    """It is wrapped anew, and says how to scroll only where there is something to scroll to."""
    async with shown(ordinary(), (160, 120)) as screen:
        await screen.console.push_screen(GuidePage(load("service")))
        await screen.until_shown("Keeping the service running", "Runs need not be stopped for a backup")
        assert "scroll" not in screen.text
        await screen.pilot.resize_terminal(80, 24)
        await screen.until_shown("Keeping the service running", "↑ ↓  scroll", "esc  close")
        assert "for a backup" not in screen.text


async def test_every_action_is_in_the_command_palette() -> None:
    """All actions of the place and the theme, and nothing that has no sense here."""
    async with shown(ordinary()) as screen:
        commands = {command.title for command in screen.console.get_system_commands(screen.console.screen)}
        here = {"Remedy", "Open", "New", "Run", "Edit", "Search", "Last result", "Copy", "Delete", "Quit", "Automatic"}
        assert commands == here | {
            "Users",
            "Archive",
            "Directory",
            "Proof",
            "Activity",
            "Unknown addresses",
            "Settings",
            "Help",
            "Guides",
            "Theme",
        }
        await screen.press("ctrl+p")
        await screen.until_shown("Search for commands", "Activity")
        await screen.press(*"last")
        await screen.until_shown("Open the profile's last run")
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, RunPlace))


async def test_few_colours_mean_the_terminals_own() -> None:
    """With 16 colours or fewer no other theme is offered."""
    async with shown(ordinary(), few_colours=True) as screen:
        assert screen.console.theme == "ansi"
        assert list(screen.console.available_themes) == ["ansi"]


@BOTH_SIZES
async def test_hostile_texts_leave_home_alone(size: tuple[int, int]) -> None:
    """Escapes, markup, direction, width and length in names and reasons change no line of the layout."""
    async with shown(hostile(), size) as screen:
        await screen.until_shown("Alice", "✗ failed", "[/b]")
        assert straight(screen.lines, size)
        assert not set(screen.text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")


@BOTH_SIZES
async def test_hostile_texts_leave_run_alone(size: tuple[int, int]) -> None:
    """The same in folders, mailboxes, problems and warnings, and in the question before cancelling."""
    async with shown(hostile(), size) as screen:
        await screen.press("r")
        await screen.until_shown("bob@example.test", "Problems (2)", "61 %")
        assert straight(screen.lines, size)
        assert not set(screen.text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")
        await screen.press("c")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.until_shown("Cancel run 7 of")
        assert all(cell_len(text) == size[0] for text in screen.lines)


async def test_hostile_texts_in_a_refusal_are_harmless() -> None:
    """The core's text is shown as it is, without markup."""
    desk = ordinary()
    async with shown(desk) as screen:
        desk.refusal = Refused(own("archive.sqlite [/b][red]is locked"), own("Try again in a moment."))
        await screen.until_shown("! archive.sqlite [/b][red]is locked Try again in a moment.")
        desk.refusal = None
        desk.touch()
        await screen.until(lambda: "is locked" not in screen.text)


async def test_an_action_that_is_refused_says_why() -> None:
    """A run that cannot be asked for opens a message with what to do, and the console goes on."""
    desk = ordinary()

    async def refuse(profile: str) -> int:
        raise Refused(own("The disk is full."), own("Make space and run again."))

    desk.start = refuse  # type: ignore[method-assign]
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("The disk is full.", "Make space and run again.")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_a_fault_in_an_action_becomes_a_message() -> None:
    """An unforeseen error names its kind and place, nothing of its values, and the console goes on."""
    desk = ordinary()

    async def fail(profile: str) -> int:
        password = "hunter2"
        raise KeyError(password)

    desk.start = fail  # type: ignore[method-assign]
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until(lambda: isinstance(screen.console.screen, Trouble))
        await screen.until_shown("KeyError in test_tui_screens.py")
        assert "hunter2" not in screen.text
        await screen.press("escape")
        await screen.until_shown("Profiles (4)")


async def test_a_fault_behind_a_key_is_told_and_logged_and_the_console_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in an action itself: a panel on the screen, the way to it in the log, no value in either."""
    noted: list[str] = []

    async def fail(self: HomePlace) -> None:
        password = "hunter2"
        raise KeyError(password)

    monkeypatch.setattr(HomePlace, "action_result", fail)
    desk = ordinary()
    console = Console(lambda: asyncio.sleep(0, desk), note=noted.append)
    async with console.run_test(size=(80, 24)) as pilot:
        screen = Shown(console, pilot)
        await screen.until_shown("Needs attention")
        await screen.press("o")
        await screen.until_shown("the console has a fault", "KeyError in test_tui_screens.py")
        assert "hunter2" not in screen.text
        await screen.press("escape", "down", "enter")
        await screen.until_shown("Last runs")
    assert "KeyError\n" in noted[0]
    assert "in fail" in noted[0]
    assert "hunter2" not in noted[0]


def test_a_fault_tells_where_but_not_what() -> None:
    """Neither values nor messages of foreign errors leave the program."""
    with pytest.raises(ValueError, match="secret") as raised:
        raise ValueError("secret")
    assert fault(raised.value).startswith("Please report it with this line: ValueError in test_tui_screens.py:")
    assert "secret" not in fault(raised.value)


async def test_the_first_start_says_what_to_do_and_goes_away() -> None:
    """Without an archive the console shows how to begin one, and Home as soon as there is one."""
    desk = ordinary()
    there = False

    async def open_desk() -> StagedDesk:
        if not there:
            raise NoArchive(own("There is no archive in /var/lib/archivar yet."))
        return desk

    console = Console(open_desk)
    async with console.run_test(size=(80, 24)) as pilot:
        screen = Shown(console, pilot)
        commands = ("archivar demo", "What to do first", "archivar --home FOLDER")
        await screen.until_shown("There is no archive in /var/lib/archivar yet.", *commands)
        there = True
        await screen.press("r")
        await screen.until_shown("Profiles (4)")


async def test_an_archive_that_cannot_be_opened_says_why() -> None:
    """Not the first start, but the trouble and its remedy."""

    async def open_desk() -> StagedDesk:
        raise Refused(own("Volume 000002 is missing."), own("Put it back from the backup; nothing was changed."))

    console = Console(open_desk)
    async with console.run_test(size=(80, 24)) as pilot:
        screen = Shown(console, pilot)
        await screen.until_shown("! Volume 000002 is missing.", "Put it back from the backup; nothing was changed.")
        assert isinstance(console.screen, StartPlace)
        assert "archivar demo" not in screen.text


async def test_the_chosen_profile_stays_chosen() -> None:
    """A profile saved elsewhere moves the others, not the choice."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("down")
        desk.profiles.insert(0, profile("Accounting"))
        desk.touch()
        await screen.until_shown("Profiles (5)")
        place = screen.console.screen
        assert isinstance(place, HomePlace)
        assert place.chosen is not None
        assert place.chosen.key == "Alice"
        await screen.until_shown("▸ Alice")


async def test_a_profile_that_was_saved_is_chosen() -> None:
    """The next key is about the copy and not about the original; one saved elsewhere moves nothing."""
    desk = ordinary()
    async with shown(desk) as screen:
        home = screen.console.screen
        assert isinstance(home, HomePlace)
        draft = ProfileDraft({"kind": "mailbox", "name": "Copy"})
        await screen.press("down")
        for name, chosen in (("", "Alice"), ("Alice", "Alice"), ("Copy", "Copy")):
            home.expect(draft)
            await screen.console.push_screen(ProfilePlace("Alice"))
            desk.profiles.append(profile("By others " + name))
            if name and name != "Alice":
                desk.profiles.append(profile(name))
            draft.fields["name"] = name
            await screen.press("escape")
            await screen.until_shown(f"Profiles ({len(desk.profiles)})", f"▸ {chosen}")
            assert home.chosen is not None
            assert home.chosen.key == chosen


async def test_only_the_widget_with_the_keys_is_marked() -> None:
    """One mark on the screen; the chosen profile has a dot while it is not focused."""
    async with shown(ordinary()) as screen:
        await screen.press("down")
        await screen.until_shown("▸ Alice")
        assert screen.text.count("▸") == 1
        await screen.press("tab")
        await screen.until_shown("· Alice", "▸ 1 !")
        assert screen.text.count("▸") == 1
        await screen.press("shift+tab", "up", "r")
        await screen.until_shown("Problems (2)", "▸ ●")
        assert screen.text.count("▸") == 1
        await screen.press("tab")
        await screen.until_shown("▸ ✗")
        assert screen.text.count("▸") == 1


async def test_a_thousand_profiles_can_be_walked_through() -> None:
    """The list scrolls with the cursor and back."""
    async with shown(StagedDesk(*(profile(f"Box {number:04}") for number in range(1000)))) as screen:
        await screen.press("end")
        await screen.until_shown("▸ Box 0999")
        await screen.press("pageup", "home")
        await screen.until_shown("▸ Box 0000")


def lines_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts the lines that tables of mailboxes and problems make from now on."""
    made: list[int] = []
    for table in (MailboxTable, ProblemTable):

        def counted(self: Any, index: int, make: Callable[[Any, int], Line] = table.__getitem__) -> Line:
            made.append(index)
            return make(self, index)

        monkeypatch.setattr(table, "__getitem__", counted)
    return lambda: len(made)


async def test_of_ten_thousand_mailboxes_only_what_is_seen_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run over all mailboxes of a large server: the one at work is on top, and a look makes a few lines."""
    desk = ordinary()
    waiting = [line(f"box{number}@example.test", phase=Phase.WAITING) for number in range(10_000)]
    desk.snapshots[7] = snapshot(7, *waiting, line("busy@example.test"))
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("busy@example.test", "0 of 10,001 done")
        made = lines_made(monkeypatch)
        place = screen.console.screen
        assert isinstance(place, RunPlace)
        await place.load()
        await screen.pilot.pause()
        assert 0 < made() < 500


async def test_a_smaller_window_is_laid_out_anew() -> None:
    """Nothing of the larger one stays behind."""
    async with shown(ordinary(), (120, 40)) as screen:
        await screen.until_shown("mail.example.test")
        await screen.pilot.resize_terminal(80, 24)
        await screen.until(lambda: straight(screen.lines, (80, 24)) and "mail.example.test" not in screen.text)
        assert screen.console.screen.query_one(KeyBar).region.bottom == 24


async def test_a_run_that_ended_elsewhere_keeps_its_words() -> None:
    """A cancelled run says that what it had is kept."""
    desk = ordinary()
    desk.runs[5] = replace(desk.runs[5], status=RunStatus.CANCELLED, reason=HOSTILE)
    async with shown(desk) as screen:
        await screen.press("down", "o")
        await screen.until_shown("■ cancelled", "What was archived is kept; the next run carries on from")


@BOTH_SIZES
async def test_of_a_thousand_mailboxes_what_runs_and_what_went_wrong_is_on_top(size: tuple[int, int]) -> None:
    """Four run, four failed: both groups are seen without a key, the numbers are in the panel's head, and the rest is below."""
    async with shown(many(), size) as screen:
        await screen.press("r")
        await screen.until_shown("Mailboxes (400 of 1,000 done, 4 with problems, 596 still to list)")
        states = [line.replace("▸", "").split()[2] for line in screen.lines if "person0" in line and "@" in line]
        assert states[:8] == ["archiving"] * 4 + ["failed"] * 4
        assert straight(screen.lines, size)
        await screen.press("end")
        await screen.until_shown("person0399")
        await screen.press("home")
        await screen.until_shown("person0400")


async def test_a_profile_for_many_says_how_many_and_who_is_left_out() -> None:
    """Home counts the mailboxes, the failed ones of the last run, and names users without an address."""
    staff = Profile("Staff", Server("mail.example.test"), Login("", "", Method.KERIO_MASTER), selection=UserSelection())
    desk = StagedDesk(staff)
    desk.people = [User("1", "anna", ("anna@example.test",)), User("2", "bob", ("bob@example.test",)), User("3", HOSTILE)]
    done = result(status="completed_with_errors", found=10, archived=10)
    done["mailboxes"].append(done["mailboxes"][0] | {"mailbox": "bob@example.test", "status": "failed"})
    desk.add_run("Staff", RunStatus.WITH_ERRORS, finished=desk.moment, result=done)
    async with shown(desk) as screen:
        await screen.until_shown("2 mailboxes", "1 mailbox failed", "1 mailbox could not be archived")
        await screen.until_shown("leaves out 1 user without an e-mail address")
        assert straight(screen.lines, (80, 24))


async def test_the_rows_of_many_mailboxes_move_on_with_the_run() -> None:
    """Also when panels change their size between two looks: what is shown of each mailbox is never older than the head."""
    desk = StagedDesk(profile("Staff"))
    desk.add_run("Staff", RunStatus.RUNNING)
    names = [f"person{number:02}@example.test" for number in range(18)]
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("Waiting for the service to begin")
        for step in range(14):
            phases = [Phase.DONE] * step + [Phase.ARCHIVING] * 4 + [Phase.WAITING] * (14 - step)
            lines = [line(name, phase=phase, done=step / 20) for name, phase in zip(names, phases, strict=True)]
            problems = tuple(problem(uid=uid) for uid in range(step // 3))
            desk.snapshots[7] = snapshot(7, *lines, problems=problems)
            desk.touch()
            await screen.until_shown(f"{step} of 18 done")
            await screen.until_shown(*(name[:8] for name in names[step : step + 4]))
            assert screen.text.count("archiving") == 4


@BOTH_SIZES
async def test_a_problem_opens_with_its_reason_in_full_and_what_to_do(size: tuple[int, int]) -> None:
    """Tab goes to the problems, enter opens the chosen one, escape comes back to it."""
    desk = ordinary()
    lost = CONNECTION_LOST(said="and " * 40 + "peer")
    one = problem("Archive/2019", 4711, sentence(lost)) | lost.as_json()
    desk.snapshots[7] = snapshot(7, problems=(one, problem("Junk", 9)))
    async with shown(desk, size) as screen:
        await screen.press("r")
        await screen.until_shown("✗ Archive/2019 · UID 4711", "enter Details")
        await screen.press("tab", "down", "enter")
        await screen.until_shown("Mailbox", "anna@example.test", "Folder", "Archive/2019", "4711", "What to do", "esc  close")
        await screen.until_shown("peer).", '"Timeout"')
        assert all(cell_len(text) == size[0] for text in screen.lines)
        await screen.press("escape")
        await screen.until_shown("▸ ✗ Archive/2019 · UID 4711", "c Cancel")


@BOTH_SIZES
async def test_hostile_problems_are_read_to_their_end(size: tuple[int, int]) -> None:
    """Ten thousand characters with escapes and markup move nothing; title and way out stay in sight."""
    desk = hostile()
    async with shown(desk, size) as screen:
        await screen.press("r")
        await screen.until_shown("Problems (2)")
        await screen.press("tab", "end", "o")
        await screen.until_shown("What went wrong", "[/b]", "↑ ↓  scroll", "esc  close")
        assert all(cell_len(text) == size[0] for text in screen.lines)
        assert not set(screen.text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")
        await screen.press("end")
        await screen.until_shown("What to do", "The key v on", "esc  close")
        assert not set(screen.text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")
        await screen.press("escape", "home", "enter")
        await screen.until_shown("━ Warning ━", "long long")
        assert all(cell_len(text) == size[0] for text in screen.lines)
        await screen.press("escape", "tab", "enter")
        await screen.until_shown("Downloaded", "[/b]")
        assert all(cell_len(text) == size[0] for text in screen.lines)


@BOTH_SIZES
async def test_the_details_of_a_mailbox_move_on_with_the_run(size: tuple[int, int]) -> None:
    """Its counts so far, then its end with all counts, and its own problems."""
    desk = ordinary()
    lines = (line("bob@example.test"), line())
    desk.snapshots[7] = snapshot(7, *lines, problems=(problem(), problem("Junk", 9) | {"mailbox": "bob@example.test"}))
    async with shown(desk, size) as screen:
        await screen.press("r")
        await screen.until_shown("▸ ● archiving    bob@example.test")
        await screen.press("enter")
        await screen.until_shown("━ bob@example.test ━", "● archiving", "61 %", "1,238/2,030", "✗ Junk · UID 9", "What to do:")
        assert "UID 17" not in screen.text.split("━ bob@example.test ━")[1].split("esc  close")[0]
        desk.snapshots[7] = snapshot(7, lines[0]._replace(messages_done=2000, folder="Sent Items"), lines[1])
        desk.touch()
        await screen.until_shown("━ bob@example.test ━", "2,000/2,030", "Sent Items")
        done = result([problem()], found=2030, archived=1999, known=20, moved=10, failed=1, deleted=1500, bytes=137_000_000)
        done["mailboxes"][0] |= {"mailbox": "bob@example.test", "status": "completed_with_errors"}
        desk.add_run("Staff", RunStatus.WITH_ERRORS, run=7, finished=desk.moment, result=done)
        await screen.until_shown("Found", "2,030", "Archived now", "1,999", "Known before", "Moved", "Excluded by rules")
        await screen.until_shown("Failed", "Deleted at the source", "1,500", "Size", "137 MB", "! with errors", "UID 17")
        assert all(cell_len(text) == size[0] for text in screen.lines)


async def test_the_chosen_mailbox_stays_chosen_when_the_rows_are_sorted_anew() -> None:
    """It goes down when it is done, and the choice with it; back at the beginning the first is in sight again."""
    desk = StagedDesk(profile("Staff"))
    desk.add_run("Staff", RunStatus.RUNNING)
    names = [f"person{number:02}@example.test" for number in range(40)]
    desk.snapshots[7] = snapshot(7, *(line(name) for name in names))
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("▸ ● archiving    person00")
        await screen.press("down", "down")
        await screen.until_shown("▸ ● archiving    person02")
        done = [line(name, phase=Phase.DONE if name < "person20" else Phase.ARCHIVING) for name in names]
        desk.snapshots[7] = snapshot(7, *done)
        desk.touch()
        await screen.until_shown("▸ ✔ done         person02", "20 of 40 done")
        await screen.press("home")
        await screen.until_shown("▸ ● archiving    person20")
        desk.snapshots[7] = snapshot(7, *done[:20], line(names[20], phase=Phase.DONE), *done[21:])
        desk.touch()
        await screen.until_shown("▸ ● archiving    person21")


async def test_the_chosen_problem_stays_chosen_when_others_come() -> None:
    """New ones come on top; a chosen one stays, and without a choice the newest is shown."""
    desk = ordinary()
    problems = tuple(problem(uid=uid) for uid in range(1, 9))
    desk.snapshots[7] = snapshot(7, problems=problems[:3])
    async with shown(desk) as screen:
        await screen.press("r", "tab")
        await screen.until_shown("▸ ✗ INBOX · UID 3 ")
        desk.snapshots[7] = snapshot(7, problems=problems[:4])
        desk.touch()
        await screen.until_shown("▸ ✗ INBOX · UID 4 ")
        await screen.press("down")
        await screen.until_shown("▸ ✗ INBOX · UID 3 ")
        desk.snapshots[7] = snapshot(7, problems=problems)
        desk.touch()
        await screen.until_shown("▸ ✗ INBOX · UID 3 ", "Problems (8)")
        bad = result(list(problems), status="completed_with_errors", found=8, failed=8)
        desk.add_run("Staff", RunStatus.WITH_ERRORS, run=7, finished=desk.moment, result=bad)
        await screen.until_shown("▸ ✗ INBOX · UID 3 ", "Finished, but")


async def test_only_the_panel_with_the_keys_shows_a_bar() -> None:
    """One look tells what enter will open."""
    async with shown(ordinary()) as screen:
        await screen.press("r")
        await screen.until_shown("Problems (2)")
        mailboxes, problems = (screen.console.screen.query_one(f"#{id}", ChoiceList) for id in ("mailboxes", "problems"))
        await screen.pilot.pause()
        assert barred(mailboxes) == [0, 1]
        assert barred(problems) == []
        await screen.press("tab", "down")
        await screen.pilot.pause()
        assert barred(mailboxes) == []
        assert barred(problems) == [2, 3]


def barred(choice: ChoiceList) -> list[int]:
    """The lines of ``choice`` that are drawn on the background of the bar."""
    bar = choice.get_component_rich_style("lines--cursor", partial=True).bgcolor
    strips = [choice.render_line(y) for y in range(choice.size.height)]
    return [y for y, strip in enumerate(strips) if any(part.style and part.style.bgcolor == bar for part in strip)]


async def test_fifty_thousand_problems_can_be_walked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a result are listed, the last one is a key away, and a look makes a few lines."""
    desk = ordinary()
    bad = result([problem(uid=uid) for uid in range(50_000)], status="completed_with_errors", found=50_000, failed=50_000)
    desk.add_run("Journal", RunStatus.WITH_ERRORS, run=6, finished=desk.moment, result=bad)
    async with shown(desk) as screen:
        await screen.press("down", "down", "o")
        await screen.until_shown("Problems (50,000)")
        await screen.press("tab", "end")
        await screen.until_shown("▸ ✗ INBOX · UID 49999")
        made = lines_made(monkeypatch)
        place = screen.console.screen
        assert isinstance(place, RunPlace)
        await place.load()
        await screen.pilot.pause()
        assert 0 < made() < 500
        await screen.until_shown("▸ ✗ INBOX · UID 49999")


async def test_problems_beyond_those_at_hand_are_counted() -> None:
    """While the run goes on only the newest are at hand; the command that has all is named."""
    desk = ordinary()
    many_failed = snapshot(7, problems=(problem(),))
    desk.snapshots[7] = replace(many_failed, totals=many_failed.totals | {"failed": 9501})
    async with shown(desk) as screen:
        await screen.press("r")
        await screen.until_shown("Problems (9,501)", "and 9,500 more: archivar watch 7 --json")
        assert straight(screen.lines, (80, 24))


async def test_before_there_is_anything_to_open_no_key_is_offered() -> None:
    """A run that waits has neither mailboxes nor problems."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("down", "r")
        await screen.until_shown("Waiting for the service to begin", "c Cancel")
        assert "enter Details" not in screen.text
        desk.snapshots[8] = snapshot(8)
        desk.touch()
        await screen.until_shown("enter Details")
