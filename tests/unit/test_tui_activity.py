"""Activity in the console: past runs, their problems and the ledger, on a real archive."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.archive.store.entries import KINDS
from core.cluster.cluster_file import ClusterFile
from core.cluster.setting_up import ClusterState, WorkerState
from core.errors import InputError
from core.model import RunStatus
from core.problems import cluster as problems
from core.problems import table
from core.secrets import Secret
from core.service.queue import Queue, RunProblem
from core.text.cells import cell_len
from tests import homes, past_runs
from tests.past_runs import at_runs, with_runs
from tests.screens import BOTH_SIZES, STRANGE, straight
from tests.terminal.consoles import add_run, console_on
from tests.terminal.staged import HOSTILE, problem
from tui.desk.desk import open_desk
from tui.desk.runs import activity
from tui.places.home.home import HomePlace
from tui.places.listing import ListingPlace
from tui.places.page import Page
from tui.places.pick import Pick
from tui.places.proof.ledger import LedgerPlace
from tui.places.runs.activity import ActivityPlace
from tui.places.runs.problems import ProblemsPlace
from tui.places.runs.run import RunPlace

archive = past_runs.archive


@BOTH_SIZES
async def test_past_runs_are_listed_the_newest_first(archive: Archive, size: tuple[int, int]) -> None:
    """Number, profile, state, time and length in the line; counts and who started it there or below the list."""
    await with_runs(archive)
    async with console_on(archive.home, size) as screen:
        place = await at_runs(screen)
        await screen.until_shown("Runs (4)", "○ queued", "✗ failed", "! with errors", "✔ done", "1 min 5 s", "310")
        numbers = [text.split()[1 + ("▸" in text)] for text in screen.lines if " Staff " in text or " Journal " in text][:4]
        assert numbers == ["4", "3", "2", "1"]
        assert place.rows.has_focus
        await screen.until_shown("enter Open", "p Problems", "a Ledger", "esc Back", "? Help", "^p Commands")
        await screen.until_shown("f all profiles · t all states")
        await screen.press("down")
        await screen.until_shown("started by hand, took 1 min 5 s", "The server refused the login.")
        await screen.press("down")
        await screen.until_shown("started automatically", "12 archived (0 B), 2 failed, 1,234 deleted at the source.")
        assert ("automatic " in screen.text) == (size[0] > 100)
        assert straight(screen.lines, size)


async def test_a_dry_run_is_called_one_and_stands_for_no_run(archive: Archive) -> None:
    """Home and the profile's page keep the last real run and its attention; lists and the run itself say what it is."""
    await saved_profiles.save(archive, homes.profile("mail.example.test", 993, name="Staff"), Secret("secret"))
    problems = [problem("Junk", 9, "It is not there any more.")]
    await add_run(archive, "Staff", RunStatus.WITH_ERRORS, problems=problems, archived=12, failed=1)
    await add_run(archive, "Staff", RunStatus.FAILED, reason="The dry look was refused.", dry_run=True)
    await add_run(archive, "Staff", found=9, dry_run=True)
    async with console_on(archive.home, (100, 30)) as screen:
        await screen.until_shown("Staff: 1 message could not be archived", "! with errors")
        assert "refused" not in screen.text
        await screen.press("o")
        await screen.until_shown("run 1")
        await screen.press("escape", "enter")
        await screen.until_shown("✔ dry run: done", "✗ dry run: failed", "! with errors", "nothing new")
        await screen.press("escape")
        await at_runs(screen)
        await screen.until_shown(
            "✔ dry run: done", "✗ dry run: failed", "Dry run 3 of Staff", "Nothing was archived or deleted"
        )
        await screen.press("enter")
        await screen.until_shown("run 3", "✔ dry run: done", "Dry run: nothing was archived or deleted.", "9 messages found")
        await screen.press("escape", "p")
        await screen.until_shown("dry run · the whole run")
        dry, _ = await Queue(archive.database).enqueue("Staff", dry_run=True)
        await screen.press("h")
        await screen.until_shown("! with errors", "dry run under way")
        await screen.press("r")
        await screen.until_shown(f"Staff is being tried out (run {dry.id}).")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
async def test_the_names_of_profiles_are_not_cut_in_the_list_of_runs(archive: Archive, size: tuple[int, int]) -> None:
    """Columns that tell less are left out before."""
    await add_run(archive, "Copy of Archiv Müller", archived=310, found=310)
    async with console_on(archive.home, size) as screen:
        await at_runs(screen)
        await screen.until_shown(" Copy of Archiv Müller ", "✔ done")
        assert straight(screen.lines, size)


async def test_enter_opens_the_run(archive: Archive) -> None:
    """Its result, and escape comes back to the same line."""
    await with_runs(archive)
    async with console_on(archive.home) as screen:
        await at_runs(screen)
        await screen.press("down", "down", "enter")
        await screen.until_shown("run 2", "Journal", "It is not there any more.")
        assert isinstance(screen.console.screen, RunPlace)
        await screen.press("escape")
        await screen.until_shown("▸      2  Journal")


async def test_runs_are_filtered_by_profile_and_state(archive: Archive) -> None:
    """f and t take one of a list; both together hold, and what they are set to is told."""
    await with_runs(archive)
    async with console_on(archive.home) as screen:
        await at_runs(screen)
        await screen.press("f")
        await screen.until_shown("Runs of", "▸ all profiles", "Journal")
        await screen.press("end", "enter")
        await screen.until_shown("Runs (3)", "f Staff")
        assert "Journal" not in screen.text
        await screen.press("t")
        await screen.until_shown("Runs in", "cancelled")
        await screen.press("down", "down", "down", "down", "enter")
        await screen.until_shown("Runs (1)", "f Staff · t failed")
        await screen.press("t", "end", "enter")
        await screen.until_shown("Runs (0)", "No run of Staff is in cancelled.")
        assert "enter Open" not in screen.text


async def test_without_runs_the_place_says_what_will_stand_there(archive: Archive) -> None:
    """Also the problems."""
    async with console_on(archive.home) as screen:
        await at_runs(screen)
        await screen.until_shown("No runs yet.")
        await screen.press("p")
        await screen.until_shown("No problems. What a run cannot archive")
        await screen.press("escape", "escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_a_run_of_another_console_is_seen_and_moves_no_choice(archive: Archive) -> None:
    """The list is as new as the archive, and the chosen run stays chosen."""
    await with_runs(archive)
    async with console_on(archive.home) as screen:
        place = await at_runs(screen)
        await screen.press("end")
        await screen.until_shown("▸      1")
        await add_run(archive, "Other", archived=7)
        await screen.until_shown("Runs (5)", "Other", "▸      1")
        assert place.rows.cursor == 4


async def test_ten_thousand_runs_are_read_as_they_are_looked_at(archive: Archive) -> None:
    """Home and end reach both ends; only those pages are in memory."""
    async with archive.database.transaction() as transaction:
        await transaction.many(
            "INSERT INTO run (profile, status, requested, started, finished, brief) VALUES ('Staff', 'succeeded', ?, ?, ?, ?)",
            [("2026-01-01T00:00:00.000Z",) * 3 + ('{"totals": {"archived": 3}}',) for _ in range(10_000)],
        )
    async with console_on(archive.home) as screen:
        place = await at_runs(screen)
        await screen.until_shown("Runs (10,000)", "▸  10000")
        await screen.press("end")
        await screen.until_shown("▸      1")
        assert len(place.rows._pages) <= 3


@BOTH_SIZES
async def test_problems_of_all_runs_are_in_one_list(archive: Archive, size: tuple[int, int]) -> None:
    """The latest first, each with its run, place and reason; enter opens the run."""
    await with_runs(archive)
    async with console_on(archive.home, size) as screen:
        await at_runs(screen)
        await screen.press("p")
        await screen.until_shown("Latest problems (3)", "the whole run", "The server refused the login.", "Junk · UID 9")
        await screen.press("end")
        await screen.until_shown("Run 2 of Journal", "Junk · UID 9 · anna@example.test", "It is not there any more.")
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until_shown("run 2")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, ProblemsPlace))


async def test_problems_are_read_again_when_a_run_has_ended(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with each look, which may be twice a second: the results of large runs are megabytes; times follow by the minute."""
    minute = [datetime(2026, 1, 31, 9, 5, tzinfo=UTC)]
    monkeypatch.setattr(activity, "now", lambda: minute[0])
    asked: list[int] = []
    problems = Queue.problems

    async def counted(queue: Queue, limit: int) -> list[RunProblem]:
        asked.append(limit)
        return await problems(queue, limit)

    monkeypatch.setattr(Queue, "problems", counted)
    await with_runs(archive)
    desk = await open_desk(archive.home.path)
    try:
        for seconds in (0, 1, 50):
            minute[0] = minute[0].replace(second=seconds)
            assert len(await desk.activity.problems()) == 3
        assert len(asked) == 1
        await add_run(archive, "Other", RunStatus.WITH_ERRORS, problems=[problem("Junk", 7)])
        assert len(await desk.activity.problems()) == 4
        minute[0] = minute[0].replace(minute=6)
        assert len(await desk.activity.problems()) == 4
        assert len(asked) == 3
    finally:
        await desk.close()


@BOTH_SIZES
async def test_the_ledger_is_read_from_its_end(archive: Archive, size: tuple[int, int]) -> None:
    """Number, time, who and a sentence; enter shows all of an entry, and f leaves one kind."""
    await homes.store(archive, {1: homes.message(1)})
    async with console_on(archive.home, size) as screen:
        await at_runs(screen)
        await screen.press("a")
        await screen.until_shown("Ledger (3)", "▸       3", "Archived 1 message", "The archive was begun")
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until_shown("Entry 3 of the ledger", "archived", "Hash", '"folder": "alice@example.test/INBOX"')
        head = await archive.head()
        assert head.hash.hex()[:20] in screen.text
        await screen.press("escape", "f")
        await screen.until_shown("Entries of the ledger", "▸ all entries")
        await screen.press(*["down"] * (1 + list(KINDS).index("user.saved")), "enter")
        await screen.until_shown("Ledger (1)", "f users", "User alice was saved")
        await users.add(archive, "bob", [])
        await screen.until_shown("Ledger (2)", "User bob was saved")
        await screen.press("f", "home", *["down"] * (1 + list(KINDS).index("verified")), "enter")
        await screen.until_shown("Ledger (0)", "There is no entry of this kind.")


async def test_a_payload_of_any_size_is_cut_to_what_can_be_read(archive: Archive) -> None:
    """Its beginning is shown, and how to have all of it."""
    await archive.append(
        [homes.raw("exported", {"list": list(range(200_000))}), homes.raw("exported", {"text": "x" * 3_000_000})]
    )
    async with console_on(archive.home) as screen:
        await at_runs(screen)
        await screen.press("a")
        await screen.until_shown("Ledger (4)")
        for seq in (4, 3):
            await screen.press("enter")
            await screen.until_shown(f"Entry {seq} of the ledger", "Payload")
            await screen.press("end")
            await screen.until(lambda: "…" in screen.text)
            await screen.press("escape", "down")
            await screen.until(lambda: isinstance(screen.console.screen, LedgerPlace))


@BOTH_SIZES
async def test_hostile_texts_leave_the_lists_alone(archive: Archive, size: tuple[int, int]) -> None:
    """In profiles, reasons, folders and payloads: no line is longer or shorter for them."""
    text = HOSTILE.encode("utf-8", "replace").decode()
    await add_run(archive, text, RunStatus.FAILED, reason=text, problems=[problem(text, 1, text)])
    await archive.append([homes.draft("profile.removed", {"name": text}, text), homes.raw(text, {text: [text]})])
    async with console_on(archive.home, size) as screen:
        await at_runs(screen)
        ways = [
            ("", ActivityPlace),
            ("f", Pick),
            ("escape p", ProblemsPlace),
            ("enter", RunPlace),
            ("escape escape a", LedgerPlace),
            ("enter", Page),
            ("escape down", LedgerPlace),
            ("enter", Page),
        ]
        for keys, kind in ways:
            await screen.press(*keys.split())
            await screen.until(lambda kind=kind: isinstance(screen.console.screen, kind))  # type: ignore[misc]
            await screen.until_shown("[/b]")
            assert not set(screen.text) & STRANGE
            assert all(cell_len(line) == size[0] for line in screen.lines)
            if issubclass(kind, ListingPlace):
                assert straight(screen.lines, size)


@BOTH_SIZES
async def test_workers_and_their_states_are_a_list(
    archive: Archive, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None at first; then each with its state, and the reason of one that was given up; a database that is away is told."""
    states = [worker("one", "open", 2), worker("two", "closed", 0)]
    look = AsyncMock(return_value=ClusterState("postgresql:///a", "/srv/lanes", tuple(states), 3))
    monkeypatch.setattr("core.cluster.setting_up.look", look)
    monkeypatch.setattr("tui.desk.runs.workers.FRESH_SECONDS", 0.0)
    await with_runs(archive)
    async with console_on(archive.home, size) as screen:
        await at_runs(screen)
        await screen.press("v")
        await screen.until_shown("No workers.")
        await screen.press("q")
        await screen.until_shown("Runs (")
        ClusterFile("postgresql:///a", b"").write(archive.home)
        await screen.press("v")
        await screen.until_shown("Workers (2)", "3 mailboxes waiting", "● at work", "2 of 4", "✘ given up", "1 kB")
        await screen.press("down")
        await screen.until_shown("It gave no sign of life for 30 seconds.")
        look.side_effect = InputError(problems.UNREACHABLE(address="postgresql:///a", said="no route"))
        await screen.until_shown("PostgreSQL cannot be reached")


def worker(name: str, state: str, mailboxes: int) -> WorkerState:
    why = table.as_kept(problems.SILENT(seconds=30)) if state == "closed" else None
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    return WorkerState(name, "1.0", 1, state, 1, mailboxes, 4, 1000, 2.0, begun, False, why)
