"""Output of the command line: widths, plurals, tables, encodings, and the moving display of a run."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from core.cli import main, profile_files
from core.cli.answer import Answer, Line, Note, Part, Raw, Table
from core.cli.commands import COMMANDS
from core.cli.moments import day_and_time, minute
from core.cli.output import Output, output, plain
from core.cli.run_answer import result_lines
from core.cli.watching import drawing
from core.cli.words import progress_line
from core.engine.visit.progress import MailboxLine, Snapshot
from core.errors import ConnectError, InputError
from core.model import COUNTERS, Run, RunStatus, now
from core.profiles.deleting_more import More
from core.profiles.deletion import Deletion, When
from core.text.cells import cell_len
from core.text.format import counted, safe
from core.text.layout import cells, columns, shortened, wrapped
from tests import homes
from tests.reasons import said

FORESEEN = {"mailbox": "a", "status": "succeeded", "problems": [], "folders": [{"new": 93, "bytes": 12_000, "delete": [4, 7]}]}
TEXTS = st.text(max_size=60).map(safe)
FOLDER = "INBOX/Projekte/Änderungen 会議の資料/" + "sehr lang " * 10


def snapshot(**changes: Any) -> Snapshot:
    line = MailboxLine("alice@example.test", "alice", "archiving", "running", FOLDER, 3000, 1240, 10**8, 4 * 10**7, 1240, 0, 0)
    known = Snapshot(
        run=7,
        profile="Alice",
        elapsed=12.0,
        messages_total=3000,
        messages_done=1240,
        bytes_total=10**8,
        bytes_done=4 * 10**7,
        message_rate=1240.4,
        byte_rate=3.2e6,
        seconds_left=200.0,
        mailboxes_total=1,
        mailboxes_done=0,
        mailboxes_unlisted=0,
        totals=dict.fromkeys(COUNTERS, 0),
        share=0.4,
        moving={0: line},
    )
    return replace(known, **changes)


def run(status: RunStatus = RunStatus.RUNNING, **changes: Any) -> Run:
    started = now()
    return replace(Run(7, "Alice", status, started, started, started + timedelta(seconds=83)), **changes)


def result(**totals: int) -> dict[str, Any]:
    return {"totals": {**dict.fromkeys(COUNTERS, 0), **totals}, "warnings": [], "mailboxes": []}


def test_a_count_of_one_is_singular() -> None:
    """One message is one message."""
    assert [counted(count, "message") for count in (0, 1, 1240)] == ["0 messages", "1 message", "1,240 messages"]
    assert [counted(count, "entry", "entries") for count in (1, 2)] == ["1 entry", "2 entries"]


def test_the_help_has_a_line_for_every_command_as_the_command_itself_has_it() -> None:
    """The lines stand in a table, so that no command need be loaded for them; each module adds those that the table says."""
    group: Any = typer.main.get_command(main.build())
    ctx = group.make_context("archivar", [], resilient_parsing=True)
    assert group.list_commands(ctx) == list(COMMANDS)
    for name, known in COMMANDS.items():
        before = group.commands[name].get_short_help_str(200)
        command = group.get_command(ctx, name)
        assert before == known.line == command.get_short_help_str(200)
        assert command is group.commands[name]
    assert list(group.commands) == list(COMMANDS)


def test_times_are_shown_to_the_minute_with_their_zone() -> None:
    """Times of the ledger are shown to the minute, with their zone; impossible dates of messages are left out."""
    assert minute("2026-01-31T09:05:00.250Z") == "2026-01-31 09:05 UTC"
    assert day_and_time(0) == "1970-01-01 00:00 UTC"
    assert [day_and_time(seconds) for seconds in (None, 10**18, -(10**18))] == ["", "", ""]


@given(TEXTS, st.integers(12, 100))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    """A text that is too wide keeps its beginning and its end, in no more columns than there are."""
    short = shortened(text, width)
    assert cell_len(short) <= width
    assert short == text or "…" in short


@given(TEXTS, st.integers(20, 100), st.integers(0, 10))
def test_a_broken_text_fits_and_loses_no_word(text: str, width: int, indent: int) -> None:
    """Every line of a broken text fits, and together they say the same."""
    lines = wrapped(text, width, indent)
    assert all(cells(line) <= max(width, indent + 12) for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_sentences_are_broken_between_words() -> None:
    """At a terminal a sentence goes on in the next line, indented, with whole words; in a file it stays as it is."""
    text = "The certificate of mail.example.test is for another name"
    assert wrapped(text, 30, 2) == ["The certificate of", "  mail.example.test is for", "  another name"]
    assert wrapped(text, None) == [text]


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5), st.integers(60, 120))
def test_a_table_fits_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    """No line of a table is wider than the terminal, or ends in blanks."""
    lines = columns([["FIRST", "SECOND", "THIRD"], *map(list, rows)], width, frozenset({1}))
    assert all(cells(line) <= width and line == line.rstrip() for line in lines)


def test_a_table_keeps_numbers_and_times_whole() -> None:
    """Only long texts give way: numbers are flush right, the last column goes on below itself."""
    rows = [
        ["FOLDER", "MESSAGES", "STATE"],
        ["Folder " * 10 + "end", "1,240", "cannot be compared: the server said no"],
        ["A", "7", ""],
    ]
    assert columns(rows, 60, frozenset({1})) == [
        "FOLDER                        MESSAGES  STATE",
        "Folder Folder …er Folder end     1,240  cannot be compared:",
        "                                        the server said no",
        "A                                    7",
    ]
    assert columns(rows, None)[1].startswith("Folder " * 10 + "end  1,240")


def test_an_empty_last_column_is_left_out() -> None:
    """A column that says nothing about any row has no head either."""
    assert columns([["PROFILE", "WHEN", "DETAIL"], ["Alice", "14:02", ""]], 80) == ["PROFILE  WHEN", "Alice    14:02"]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize(
    "shown",
    [
        None,
        snapshot(),
        snapshot(mailboxes_unlisted=1),
        snapshot(messages_total=9_999_999, messages_done=9_999_998, message_rate=99_999.0, seconds_left=999_999.0),
        snapshot(totals={**dict.fromkeys(COUNTERS, 0), "failed": 12}, bytes_total=0, bytes_done=0),
        snapshot(moving={}),
    ],
)
def test_the_moving_display_never_wraps(shown: Snapshot | None, width: int) -> None:
    """At any state of a run, the display has at most two lines, each narrower than the terminal."""
    for status in RunStatus:
        lines = drawing(run(status), shown, width)
        assert 1 <= len(lines) <= 2
        assert all(cell_len(line) < width for line in lines)


def test_the_moving_display_tells_what_matters_at_80_columns() -> None:
    """State, bar, share, count, rate, time left and folder are all there at 80 columns."""
    first, second = drawing(run(), snapshot(totals={**dict.fromkeys(COUNTERS, 0), "failed": 2}), 80)
    assert first == "▶ running  ━━━━━━········  40%  1,240 of 3,000 · 1,240 msg/s · 3 min 20 s left"
    assert second.startswith("  INBOX/Projekte/Änderun… sehr lang")
    assert second.endswith(" · 40 MB of 100 MB · ! 2 failed")
    assert drawing(run(cancel_requested=True), None, 80) == ["■ cancelling"]


def test_progress_in_a_log_is_one_line() -> None:
    """A log gets share, count, bytes, rate, time left and folder; before anything is known, what is being done."""
    line = progress_line(snapshot(moving={0: snapshot().moving[0]._replace(folder="INBOX")}))
    assert line == "40%, 1,240 of 3,000 messages, 40 MB, 1,240 msg/s, 3 min 20 s left, INBOX"
    listing = snapshot().moving[0]._replace(phase="listing", folder="")
    unlisted = snapshot(messages_total=0, messages_done=0, seconds_left=None, mailboxes_unlisted=1, moving={0: listing})
    assert progress_line(unlisted) == "listing"


@pytest.mark.parametrize(
    ("ended", "lines"),
    [
        (
            run(RunStatus.SUCCEEDED, result=result(found=120, archived=113, excluded=7, bytes=4_698_931)),
            ["Run 7 of Alice: ✔ succeeded in 1 min 23 s", "120 found, 113 archived (4.7 MB), 7 excluded"],
        ),
        (
            run(RunStatus.SUCCEEDED, dry_run=True, result={**result(found=120, known=20, excluded=7), "mailboxes": [FORESEEN]}),
            [
                "Dry run 7 of Alice: ✔ succeeded in 1 min 23 s",
                "120 found, 93 would be archived (12 kB), 2 would be deleted on the server, 20 known, 7 excluded",
            ],
        ),
        (
            run(RunStatus.FAILED, reason="It broke. Mend it.", result=result()),
            ["Run 7 of Alice: ✘ failed", "It broke. Mend it."],
        ),
        (
            run(RunStatus.CANCELLED, result=result(found=3)),
            ["Run 7 of Alice: ■ cancelled in 1 min 23 s", "3 found, 0 archived"],
        ),
    ],
)
def test_a_result_is_told_in_a_few_lines(capsys: pytest.CaptureFixture[str], ended: Run, lines: list[str]) -> None:
    """The result of a run is told once, with its reason when it failed, and no line of zeros."""
    Output().show(Answer(lines=result_lines(ended)))
    assert capsys.readouterr().out.splitlines() == lines


def test_many_problems_are_named_up_to_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    """After 25 problems the rest is a number, and where to read them; no reason of a run and no advice is said twice."""
    problems = [{"folder": "INBOX", "uid": uid, "reason": "no bytes"} for uid in range(1, 53)]
    value = {**result(found=52, failed=52), "mailboxes": [{"mailbox": "alice@example.test", "problems": problems}]}
    Output().show(Answer(lines=result_lines(run(RunStatus.WITH_ERRORS, result=value))))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "Problem: alice@example.test, INBOX, UID 1: no bytes"
    assert lines[3].startswith("It is tried again in the next run.")
    assert lines[-1] == "27 more problems; all of them: archivar watch 7 --json"
    assert len(lines) == 29


def test_json_has_stdout_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json people's text goes to stderr, and an error becomes the object unless there is one already."""
    output = Output()
    output.json_wanted = True
    output.line("for people")
    output.error(InputError(said("It is wrong.", "Do it right.")))
    out, err = capsys.readouterr()
    assert err == "for people\narchivar: It is wrong.\nDo it right.\n"
    assert json.loads(out) == {"error": "It is wrong.", "hint": "Do it right.", "code": "said", "exit_code": 2}
    output.json({"text": "\x1b[31m\x9b ä \u202e"})
    assert capsys.readouterr().out.isascii()
    output.error(ConnectError("tcp", said("No.")))
    assert capsys.readouterr().out == ""


def test_an_answer_is_written_in_the_form_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json no object is made, with it no line is asked for; notes stand beside either, and an error comes last."""

    def answer() -> Answer:
        return Answer(json=value, lines=lines(), notes=[Line("summary"), "beside"], exit_code=4)

    def value() -> dict[str, int]:
        made.append("json")
        return {"a": 1}

    def lines() -> Iterator[Part | str]:
        made.append("lines")
        yield "first"
        yield Table(("N", "NAME"), [("7", "x")], right=("N",))
        yield Note("only with text")

    made: list[str] = []
    output = Output()
    assert output.show(answer()) == 4
    assert capsys.readouterr() == ("first\nN  NAME\n7  x\nsummary\n", "only with text\nbeside\n")
    assert made == ["lines"]
    output.json_wanted = True
    assert output.show(answer()) == 4
    out, err = capsys.readouterr()
    assert (json.loads(out), err, made) == ({"a": 1}, "summary\nbeside\n", ["lines", "json"])
    assert output.show(Answer(lines=[Raw([b"as it is\n"])])) == 0
    assert capsys.readouterr() == ("as it is\n", "")
    with pytest.raises(InputError):
        output.show(Answer(notes=["said before"], error=InputError(said("Refused."))))
    assert capsys.readouterr().err == "said before\n"


def test_lines_are_written_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Only a line of a long answer is in memory: each is written before the next one is made."""

    def lines() -> Iterator[str]:
        for number in range(3):
            yield f"line {number}"
            assert capsys.readouterr().out == f"line {number}\n"

    assert Output().show(Answer(lines=lines())) == 0


def test_outside_text_is_made_harmless_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, notes, tables and errors let nothing through that a terminal obeys."""
    output = Output()
    hostile = "a\x1b]0;x\x07\u202eb\x9b\x7f\r\n"
    output.line(hostile)
    output.note(hostile)
    output.verbatim(hostile)
    output.table(("A", "B"), [(hostile, hostile)])
    output.error(InputError(said(hostile, hostile)))
    text = "".join(capsys.readouterr())
    assert not set(text) & set("\x1b\x07\u202e\x9b\x7f\r")
    assert len(text.splitlines()) == 7


def test_a_stream_that_is_not_there_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that was started without stdout and stderr does its work all the same."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    output = Output()
    assert not output.for_person
    output.line("a")
    output.note("b")
    output.json({})
    output.raw([b"c"])
    output.error(InputError(said("d")))


def test_glyphs_have_plain_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an output that knows only ASCII, states keep a sign, and other letters become question marks."""
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding="ascii"))
    Output().line("✔ succeeded ● Ä …")
    assert data.getvalue() == b"+ succeeded * ? ...\n"
    assert plain("✘ ○ ■ ▶ · ━").isascii()


def test_a_person_is_asked_before_a_profile_deletes_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a terminal, where nothing but y is yes; a script is told, and goes on."""
    profile = replace(homes.profile("mail.example.test", 993), deletion=Deletion(When.IMMEDIATELY))
    for answer, saved in (("y\n", True), ("Yes\n", True), (None, True), ("\n", False), ("n\n", False), ("ja\n", False)):
        monkeypatch.setattr(output, "ask", lambda question, answer=answer: answer)
        with nullcontext() if saved else pytest.raises(InputError, match="Nothing was saved"):
            profile_files._ask_to_delete(profile, [More.SWITCHED_ON])
        assert "! Deletion is switched on" in capsys.readouterr().err
