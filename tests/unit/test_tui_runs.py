"""Runs on the screen: live, cancelled, of many mailboxes, and their problems."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import Phase, RunStatus
from core.problems.command_line import sentence
from core.problems.connection import CONNECTION_LOST
from core.text.cells import cell_len
from tests.screens import BOTH_SIZES, lines_made, shown, straight
from tests.terminal.staged import HOSTILE, StagedDesk, hostile, line, many, ordinary, problem, profile, result, snapshot
from tui.places.confirm import Confirm
from tui.places.runs.run import RunPlace
from tui.widgets.lines import ChoiceList


@pytest.fixture(autouse=True)
def _with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


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
        # Painted at the next look, which comes less often for many mailboxes.
        await screen.until(made)
        await screen.pilot.pause()
        assert made() < 500


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
        # Painted at the next look, which comes less often for many mailboxes.
        await screen.until(made)
        await screen.pilot.pause()
        assert made() < 500
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
