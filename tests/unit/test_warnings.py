"""Warnings of runs: typed, kept with their values in results and in the progress, and shown with the remedy of each face."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.cli.run_answer import result_lines
from core.engine.run.run import result
from core.engine.visit.progress import Snapshot
from core.engine.visit.run_progress import Progress
from core.model import COUNTERS, Run, RunEvent, RunStatus, Told, now
from core.problems import subjects, table, unnamed, warning
from core.problems.code import Family, Reason
from core.problems.login import REFUSED
from tests import coded
from tui.desk.runs import runs

RUN = Run(7, "Staff", RunStatus.SUCCEEDED, now(), now(), now())
WARNINGS = [
    warning.TO_BE_FILED(count=2),
    warning.FOLDER_SHRUNK(folder="INBOX", before=1200, left=3),
    warning.NOT_SYNCHRONISED(why=REFUSED(host="dc1", login="cn=reader", said="no")),
]


def _result(warnings: list[Reason]) -> dict[str, Any]:
    """A result, read back as from the database."""
    value: dict[str, Any] = json.loads(json.dumps(result(RUN, RunStatus.SUCCEEDED, (now(), now()), warnings, [])))
    return value


def _lines(value: dict[str, Any]) -> str:
    return "\n".join(line.text for line in result_lines(replace(RUN, result=value)))


def test_a_warning_keeps_code_and_values_in_the_result_of_a_run() -> None:
    """Beside its sentence, which is where it was before."""
    value = _result(WARNINGS)
    assert table.warnings_kept(value) == WARNINGS
    assert value["warnings"][0] == "2 messages wait to be filed to users who are known by now."
    assert value["warning_reasons"][2]["values"]["why"]["code"] == "login-refused"
    assert list(coded.uncoded(value)) == []


def test_each_face_says_in_its_own_words_what_to_do_about_a_warning() -> None:
    """The command line names a command, the console a key."""
    value = _result(WARNINGS)
    assert "archivar refile files it." in _lines(value)
    notes = runs.run_view(replace(RUN, result=value), None, [], now()).notes
    assert notes[0].startswith("2 messages wait to be filed to users who are known by now. The key f")
    assert "archivar" not in " ".join(notes)


def test_the_warnings_of_a_run_that_goes_on_are_in_its_progress() -> None:
    """So that the console need not read the command line's sentences; those of an older service are in the events alone."""
    live = replace(RUN, status=RunStatus.RUNNING, finished=None)
    event = RunEvent(1, 7, now(), "warning", "", Told.kept("2 messages wait."))
    snapshot = replace(Progress(7, "Staff", []).snapshot(1.0), warnings=tuple(map(table.as_kept, WARNINGS)))
    read = Snapshot.from_json(json.loads(json.dumps(snapshot.as_json())))
    assert "The key f" in runs.run_view(live, read, [event], now()).notes[0]
    assert len(runs.run_view(live, read, [event], now()).notes) == 3
    older = {name: value for name, value in snapshot.as_json().items() if name != "warnings"}
    assert runs.run_view(live, Snapshot.from_json(older), [event], now()).notes == ("2 messages wait.",)


def test_a_warning_of_an_older_version_is_shown_with_its_sentence_alone() -> None:
    """The advice that holds for earlier problems is not for warnings."""
    value = {"warnings": ["INBOX is odd."], "totals": dict.fromkeys(COUNTERS, 0), "mailboxes": []}
    [kept] = table.warnings_kept(value)
    assert kept.code == unnamed.EARLIER
    assert _lines(value).splitlines()[-1] == "Warning: INBOX is odd."
    assert runs.run_view(replace(RUN, result=value), None, [], now()).notes == ("INBOX is odd.",)


def test_a_warning_changes_no_exit_code() -> None:
    """All codes of the subject are of that family, and no other subject has any."""
    assert {code.family for code in subjects.codes(warning)} == {Family.WARNING}
    others = [subject for subject in subjects.SUBJECTS if subject is not warning]
    assert [code.word for subject in others for code in subjects.codes(subject) if code.family is Family.WARNING] == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"checks": [{"reason": "all wrong"}]}, "/checks/0"),
        ({"error": "all wrong", "code": "of-tomorrow"}, ""),
        ({"warnings": ["all wrong"]}, "/warnings"),
        ({"warnings": ["all wrong"], "warning_reasons": [table.as_kept(WARNINGS[0])]}, "/warnings"),
    ],
)
def test_json_that_tells_a_problem_without_a_code_is_found(value: dict[str, Any], told: str) -> None:
    """By the check that each command with --json in the tests goes through."""
    assert [one.partition(":")[0] for one in coded.uncoded(value)] == [told]
    assert list(coded.uncoded({"reason": "", "inner": [{"error": "x", "code": "login-refused"}]})) == []
