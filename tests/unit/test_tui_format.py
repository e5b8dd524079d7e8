"""Lines of the console: for any text, a line has the given width, and a state is a glyph and a word."""

from __future__ import annotations

import ctypes
import locale
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.visit.progress import MailboxLine
from core.model import Phase, RunStatus, now
from core.problems import message
from core.problems.code import Reason
from core.problems.command_line import sentence
from core.problems.profile import NO_PASSWORD
from core.profiles.schedule import Schedule
from core.text.cells import cell_len
from core.text.format import safe
from tests.terminal.staged import HOSTILE, StagedDesk, line, problem, profile, result, snapshot
from tui.desk import home, present
from tui.desk.home import HomeView, ProfileRow
from tui.desk.present import Safe, Tone, own, steady
from tui.desk.runs import run_words, runs
from tui.desk.runs.runs import RunView
from tui.text.details import mailbox_details, problem_details
from tui.text.format import (
    GAP,
    Line,
    MailboxTable,
    ProblemTable,
    ProfileTable,
    Span,
    bar,
    bullets,
    cut,
    fit,
    header,
    join,
    percent,
    service,
    shared,
    wrap,
)
from tui.widgets.lines import changed_until

WIDTHS = st.integers(1, 140)


def width(shown: Line) -> int:
    return sum(cell_len(span.text) for span in shown)


def plain(shown: Line) -> str:
    return "".join(span.text for span in shown)


@given(st.text(), WIDTHS)
def test_fitted_text_is_exactly_as_wide_as_asked(text: str, cells: int) -> None:
    """Wide, combining and strange characters included."""
    shown = Safe(steady(safe(text)))
    assert cell_len(fit(shown, cells)) == cell_len(fit(shown, cells, right=True)) == cells


@given(st.text(), WIDTHS)
def test_cut_text_is_never_too_wide(text: str, cells: int) -> None:
    """Cutting leaves at most what was asked for."""
    assert cell_len(cut(Safe(steady(safe(text))), cells)) <= cells


@given(st.text(max_size=200), st.integers(2, 60))
def test_wrapped_text_is_never_too_wide_and_loses_nothing(text: str, cells: int) -> None:
    """Every line fits, and put together they have all that is not blank."""
    shown = Safe(steady(safe(text)))
    lines = wrap(shown, cells)
    assert all(cell_len(part) <= cells for part in lines)
    assert "".join("".join(lines).split()) == "".join(shown.split())


def test_facts_are_left_out_whole() -> None:
    """A fact without room is not shown in half; the most important stays."""
    facts = (own("61 %"), own("3 min 20 s left"), own("1,240 msg/s"))
    assert join(facts, 40) == "61 %  3 min 20 s left  1,240 msg/s"
    assert join(facts, 25) == "61 %  3 min 20 s left"
    assert join(facts, 3) == "61…"


@pytest.mark.parametrize(
    ("fraction", "text", "blocks"),
    [(None, "–", 0), (0.0, "0 %", 0), (0.999, "99 %", 9), (1.0, "100 %", 10), (7.0, "100 %", 10), (-1.0, "0 %", 0)],
)
def test_a_bar_is_full_when_everything_is_done(fraction: float | None, text: str, blocks: int) -> None:
    """Neither bar nor number rounds up to the end."""
    assert percent(fraction).strip() == text
    assert bar(fraction, 10) == "█" * blocks + "░" * (10 - blocks)


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 12)), min_size=1, max_size=6), st.integers(90, 200))
def test_columns_share_what_there_is(columns: list[tuple[int, int]], cells: int) -> None:
    """Together they take exactly the width, and none is narrower than it may be."""
    natural = [max(wanted, least) for wanted, least in columns]
    widths = shared(natural, [least for _, least in columns], cells)
    assert sum(widths) + GAP * (len(widths) - 1) == cells
    assert all(each >= least for each, (_, least) in zip(widths, columns, strict=True))


def rows(*profiles: str) -> list[ProfileRow]:
    desk = StagedDesk(*(profile(name, name if name is HOSTILE else "") for name in profiles))
    run = desk.add_run(profiles[0], RunStatus.RUNNING)
    return [
        home.profile_row(each, home.LastRun(run if each.name == profiles[0] else None, snapshot()), desk.moment)
        for each in desk.profiles
    ]


@pytest.mark.parametrize("cells", [60, 74, 90, 114, 200])
def test_profile_lines_fill_their_width(cells: int) -> None:
    """Hostile names included."""
    table = ProfileTable(rows(HOSTILE, "Alice"), cells)
    assert {width(table[index]) for index in range(len(table))} | {width(table.header)} == {cells}


def test_columns_that_tell_least_are_left_out_first() -> None:
    """At 80 columns the server is not shown, at 120 everything is."""
    assert "Server" not in plain(ProfileTable(rows("Staff", "Alice"), 74).header)
    assert "Server" in plain(ProfileTable(rows("Staff", "Alice"), 114).header)
    assert "manual" in plain(ProfileTable(rows("Staff", "Alice"), 114)[0])


NAMES = st.text("abcdefg hij", min_size=1, max_size=40).map(lambda text: text.strip() or "x")
FACTS = st.lists(st.sampled_from(["14:02", "yesterday 18:04", "3 mailboxes failed", "+1,240", "nothing new"]), max_size=3)
PROFILES = st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES, FACTS), min_size=1, max_size=5)


@given(PROFILES, st.integers(38, 160))
def test_a_column_of_profiles_is_cut_only_when_there_is_no_room(found: list[tuple[Any, ...]], cells: int) -> None:
    """Nothing is cut beside space that no line needs; what may be left out whole goes before the others are cut short."""
    (row,) = rows("Staff")
    made = [
        replace(row, name=name, mailbox=mailbox, server=server, schedule=schedule, facts=tuple(facts), active=False)
        for name, mailbox, server, schedule, facts in found
    ]
    table = ProfileTable(made, cells)
    titles = [span.text.strip() for span in table.header if span.text.strip()]
    sizes = [len(span.text) for span in table.header][::2]
    for drawn in (table.header, *(table[index] for index in range(len(table)))):
        assert width(drawn) == cells
    texts = {"Profile": 0, "Mailbox": 1, "Server": 2, "Schedule": 3}
    for title, size in zip(titles, sizes, strict=True):
        if title in texts and any(len(one[texts[title]]) > size for one in found):
            last = [cell_len(table[index][-1].text.rstrip()) for index in range(len(table))]
            assert sizes[-1] == max(len(titles[-1]), *last)
            assert size >= ProfileTable.LEAST.get(title, size) or len(titles) == 2


@pytest.mark.parametrize("cells", [53, 73, 113])
def test_usual_names_and_schedules_are_shown_whole(cells: int) -> None:
    """In a narrow window columns are left out instead."""
    names = ("Archiv Müller", "Copy of Archiv Müller")
    made = [replace(row, schedule=own("daily at 02:00"), facts=(own("14:02"), own("+310"))) for row in rows(*names)]
    table = ProfileTable(made, cells)
    shown = [plain(table[index]) for index in range(2)]
    assert all(name in text for name, text in zip(names, shown, strict=True))
    assert cells > 73 or "…" not in "".join(shown)
    assert cells < 73 or "daily at 02:00" in shown[0]


@pytest.mark.parametrize("cells", [74, 114])
def test_mailbox_lines_fill_their_width(cells: int) -> None:
    """In one line or in two, with any name of the folder."""
    table = MailboxTable(view(line(HOSTILE, folder=HOSTILE), line(folder="漢字" * 60)).mailboxes, cells)
    assert {width(table[index]) for index in range(len(table))} | {width(table.header)} == {cells}
    assert len(table) == (4 if cells < MailboxTable.WIDE else 2)


def view(*lines: MailboxLine, status: RunStatus = RunStatus.RUNNING, **values: Any) -> RunView:
    desk = StagedDesk(profile("Staff"))
    run = desk.add_run("Staff", status, **values)
    return runs.run_view(run, snapshot(7, *lines), [], desk.moment)


def test_what_runs_is_on_top_and_what_is_done_is_last() -> None:
    """Thousands of waiting or finished mailboxes do not hide the one at work."""
    lines = [line("done", phase=Phase.DONE), line("waits", phase=Phase.WAITING), line("works")]
    table = MailboxTable(view(*lines).mailboxes, 114)
    assert [plain(table[index]).split()[2] for index in range(3)] == ["works", "waits", "done"]


def kept(reason: Reason) -> dict[str, Any]:
    """A reason as it is in the result of a run."""
    return {"reason": sentence(reason), **reason.as_json()}


def test_problems_say_where_and_why() -> None:
    """Folder, UID and mailbox in one line and as much of the reason as fits in the next; all of it is in the details."""
    reason = "The server answered NO to the request for this message, three times in a row, with the text: internal error 17."
    run = StagedDesk().add_run("Staff", RunStatus.RUNNING)
    row = runs.run_view(run, snapshot(7, problems=(problem(uid=4711, reason=reason),)), [], now()).problems[0]
    table = ProblemTable(
        [row], [Safe("A warning that is much longer than a line can be, and is cut in the second line " * 3)], 60
    )
    assert {width(table[index]) for index in range(len(table))} == {60}
    assert plain(table[0]).startswith("! A warning")
    assert plain(table[1]).rstrip().endswith("…")
    assert plain(table[2]).rstrip() == "✗ INBOX · UID 4711 · anna@example.test"
    assert plain(table[3]).rstrip().endswith("…")
    details = " ".join(plain(each) for each in problem_details(row, 40))
    assert reason in " ".join(details.split())
    assert " ".join(row.remedy.split()) in " ".join(details.split())


def test_a_mailbox_tells_the_same_remedy_once() -> None:
    """Hundreds of problems of one kind need one piece of advice, after the last of them."""
    problems = [problem(uid=uid) | kept(message.EMPTY()) for uid in range(3)]
    problems.append(problem("", None, "The connection was lost (reset)."))
    shown = view(status=RunStatus.WITH_ERRORS, result=result(problems, status="failed", failed=3, found=12_345))
    text = "\n".join(plain(each) for each in mailbox_details(shown.mailboxes[0], shown.mailboxes[0].problems, False, 70))
    assert text.count("What to do:") == 2
    assert text.index("UID 2") < text.index("Open the message in a mail program") < text.index("✗ the whole mailbox")
    assert "12,345" in text


def test_attention_is_wrapped_and_not_cut() -> None:
    """A warning is read to its end."""
    text = own("Journal accepts all certificates: anyone in between can read the mail and the password.")
    assert " ".join(plain(each)[2:].strip() for each in bullets([text], 50)) == text


@pytest.mark.parametrize("status", [*RunStatus])
def test_every_state_is_a_glyph_and_a_word(status: RunStatus) -> None:
    """Nothing is said by colour alone."""
    run = StagedDesk().add_run("Staff", status)
    shown = run_words.state(run)
    assert len(shown.glyph) == 1
    assert shown.word.isascii()


def test_states_that_mean_different_things_look_different() -> None:
    """No two states share their word."""
    words = [run_words.state(StagedDesk().add_run("Staff", status)).word for status in RunStatus]
    assert len({*words, run_words.STOPPING.word, home.NEVER.word}) == len(words) + 2


def test_a_result_is_told_in_words() -> None:
    """Archived, known, moved, excluded, failed and bytes, in a sentence."""
    counts = result(found=1283, archived=1228, known=12, moved=3, excluded=40, bytes=137_000_000)
    shown = view(status=RunStatus.SUCCEEDED, result=counts, finished=StagedDesk().moment)
    assert shown.summary == (
        "Everything is archived.",
        "1,283 messages found: 1,228 archived now (137 MB), 12 known before, 3 moved, 40 excluded by rules, none failed.",
    )


def test_a_failed_run_gives_its_reason() -> None:
    """And a reason from outside does nothing."""
    shown = view(status=RunStatus.FAILED, reason="\x1b[2Jmail.example.test refused the password.")
    assert shown.summary == ("Failed: ␛[2Jmail.example.test refused the password.",)


def test_the_remedy_of_a_failed_run_is_one_of_the_console() -> None:
    """The reason stands as it is, without a command; the remedy says what is done here."""
    reason = NO_PASSWORD(profile="Anna")
    failed = result([problem() | kept(reason)], status="failed")
    shown = view(status=RunStatus.FAILED, reason=sentence(reason), result=failed)
    assert shown.summary[0] == "Failed: No password is stored for Anna."
    assert [row.reason for row in shown.problems] == ["No password is stored for Anna."]
    assert "Type the password on the page Login" in shown.problems[0].remedy


def test_problems_of_a_finished_run_are_all_there() -> None:
    """The result has all, the snapshot only the last ones."""
    problems = [problem(uid=uid) for uid in range(700)]
    shown = view(status=RunStatus.WITH_ERRORS, result=result(problems, status="completed_with_errors", failed=700))
    assert shown.problem_count == 700
    assert [row.uid for row in shown.problems] == [str(uid) for uid in range(700)]


def test_the_time_left_is_shown_when_it_is_known() -> None:
    """Numbers of a running run, the most telling first."""
    assert view().counts == ("1,238 of 2,030 messages", "84 of 137 MB", "3 min 20 s left", "1,240 msg/s", "31 MB/s")


@given(st.text(), WIDTHS)
def test_the_top_line_is_as_wide_as_the_terminal(name: str, cells: int) -> None:
    """State and time stay in place, for any name."""
    cells += 40
    shown = header((own("Archivar"), Safe(steady(safe(name)))), own("● running"), own("14:02"), cells)
    assert cell_len(shown) == cells
    assert shown.endswith("● running  14:02 ")


def test_a_service_that_is_missed_is_told_from_one_that_is_not_needed() -> None:
    """No service is alive: fine while nothing is to be done, and worth a sign while a run waits."""
    idle = HomeView(own("/home"), service_running=False, busy=0, profiles=(), attention=())
    waiting = HomeView(own("/home"), service_running=False, busy=1, profiles=(), attention=())
    assert (str(service(idle)), str(service(waiting))) == ("○ idle", "! not running")


def test_every_character_has_the_columns_that_terminals_give_it() -> None:
    """Every shown character is measured as the C library measures it, and with it tmux and xterm: no frame is pushed aside."""
    library = ctypes.CDLL(None)
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    try:
        disputed = [
            hex(code)
            for code in range(0xA0, 0x20000)
            if (shown := present.text(f"x{chr(code)}")[1:]) not in ("", "□")
            and sum(library.wcwidth(ctypes.c_wchar(each)) for each in shown) != cell_len(shown)
        ]
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    assert disputed == []


def test_only_changed_until_are_sent() -> None:
    """Up to the last character that differs; a piece with wide characters is taken whole."""
    before = (Span(own("● archiving  ")), Span(own("61 %")), Span(own("  ")), Span(own("漢字")))
    assert changed_until(before, (*before[:1], Span(own("62 %")), *before[2:])) == 15
    assert changed_until(before, (*before[:3], Span(own("字字")))) == 23
    assert changed_until(before, (Span(own("● archiving  "), Tone.BAD), *before[1:])) == 13
    assert changed_until(before, before[:2]) == 23
    assert changed_until(before, before) == 0


def test_a_profile_tells_how_it_is_started() -> None:
    """By hand, by its schedule, or by hand again while that is switched off."""
    schedule = Schedule(daily="02:00", time_zone="Europe/Berlin")

    def told(schedule: Schedule | None) -> str:
        return home.profile_row(replace(profile("Office"), schedule=schedule), home.LastRun(), now()).schedule

    assert told(None) == "manual"
    assert told(replace(schedule, automatic=False)) == "switched off"
    assert told(schedule) == "daily at 02:00 (Europe/Berlin)"
