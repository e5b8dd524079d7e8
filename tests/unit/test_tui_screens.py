"""Screens of the console: Home, help, what is shown at once and what is asked first."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from core.model import RunStatus, User
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Login, Method, Profile, Server
from core.profiles.schedule import Schedule
from core.profiles.selection import UserSelection
from tests.screens import BOTH_SIZES, Shown, shown, straight
from tests.terminal.staged import HOSTILE, StagedDesk, hostile, ordinary, profile, result
from tui.console import Console
from tui.desk.present import own
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.refusals import NoArchive, Refused, fault
from tui.places.guide import GuidePage
from tui.places.home.home import HomePlace
from tui.places.home.start import StartPlace
from tui.places.profiles.profile import ProfilePlace
from tui.places.trouble import Trouble
from tui.widgets.keys import KeyBar


@pytest.fixture(autouse=True)
def _with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@BOTH_SIZES
async def test_home_shows_profiles_last_results_and_warnings(size: tuple[int, int]) -> None:
    """Everything an administrator asks first stands on the first screen."""
    async with shown(ordinary(), size) as screen:
        await screen.until_shown("Profiles (4)", "Staff", "● running", "61 %", "3 min 20 s left", "✔ done", "yesterday", "+12")
        await screen.until_shown("! with errors", "2 problems", "· never run", "service ● running", "accepts all certificates")
        assert straight(screen.lines, size)


async def test_without_profiles_home_says_what_to_do() -> None:
    """An empty archive names the key for the first profile, and offers no key that has no sense."""
    async with shown(StagedDesk()) as screen:
        await screen.until_shown("No profiles yet.", "n  makes one", "✔ Nothing.", "q Quit")
        assert "r Run" not in screen.text
        assert "enter Open" not in screen.text


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
    desk.scheduled = 1
    async with shown(desk) as screen:
        await screen.until_shown("1 ✗ The service is not running", "start the service")
        await screen.press("1")
        await screen.until_shown("✔ Nothing.")
        assert desk.service_running


async def test_leaving_the_console_closes_the_archive() -> None:
    """q leaves; all opened files are closed."""
    desk = ordinary()
    async with shown(desk) as screen:
        await screen.press("q")
        await screen.until(lambda: screen.console._exit)
    assert desk.closed


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


async def test_a_smaller_window_is_laid_out_anew() -> None:
    """Nothing of the larger one stays behind."""
    async with shown(ordinary(), (120, 40)) as screen:
        await screen.until_shown("mail.example.test")
        await screen.pilot.resize_terminal(80, 24)
        await screen.until(lambda: straight(screen.lines, (80, 24)) and "mail.example.test" not in screen.text)
        assert screen.console.screen.query_one(KeyBar).region.bottom == 24


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
