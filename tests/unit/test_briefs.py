"""The brief form of a run's result says in lists what the whole result would say there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.db import migrate
from core.db.database import Database
from core.engine.run import briefs
from core.model import COUNTERS, Run, RunStatus, now
from core.service.queue import Queue
from tui.desk.runs.run_words import failed_mailboxes, run_facts

FOLDER = st.fixed_dictionaries(
    {"new": st.integers(0, 9), "bytes": st.integers(0, 10**12), "delete": st.lists(st.integers(1, 9), max_size=3)}
)
MAILBOX = st.fixed_dictionaries(
    {"status": st.sampled_from(["succeeded", "failed", "completed_with_errors"])},
    optional={"folders": st.lists(FOLDER, max_size=3)},
)
RESULT = st.fixed_dictionaries(
    {
        "totals": st.fixed_dictionaries({name: st.integers(0, 9) for name in COUNTERS}),
        "mailboxes": st.lists(MAILBOX, max_size=4),
    },
    optional={"code": st.just("login-refused"), "values": st.just({"host": 'm"\\é'})},
)


@given(RESULT, st.booleans(), st.sampled_from([RunStatus.SUCCEEDED, RunStatus.WITH_ERRORS, RunStatus.FAILED]))
def test_a_line_of_a_run_says_the_same_of_both(result: dict[str, Any], dry_run: bool, status: RunStatus) -> None:
    """Counts, failed mailboxes, and what a dry run would do."""
    whole, short = (
        Run(7, "Staff", status, now(), now(), now(), dry_run=dry_run, result=one) for one in (result, briefs.brief(result))
    )
    assert run_facts(short, None, now()) == run_facts(whole, None, now())
    assert failed_mailboxes(short) == failed_mailboxes(whole)


async def test_runs_of_an_older_program_get_theirs_by_the_migration(tmp_path: Path) -> None:
    """The same as the program makes now; a run that goes on has none."""
    folders = [{"new": 3, "bytes": 300, "delete": [1, 2]}, {"new": 1, "bytes": 10**12, "delete": []}]
    failed = {"status": "failed", "problems": []}
    results: list[dict[str, Any]] = [
        {"totals": {"archived": 1}, "mailboxes": [failed], "code": "login-refused", "values": {"login": "a\udcff"}},
        {"totals": {}, "mailboxes": [failed, {"status": "succeeded", "folders": folders}, {**failed, "folders": folders}]},
        {"totals": {}, "mailboxes": []},
    ]
    database = await Database.open(tmp_path / "a.sqlite")
    try:
        for one in (script for script in migrate.migrations() if script.number < 15):
            await database.script(f"{one.sql}\nPRAGMA user_version = {one.number};")
        for number, result in enumerate([*results, None]):
            await database.read(
                "INSERT INTO run (profile, status, requested, result) VALUES (?, ?, '2026-01-01T00:00:00.000Z', ?)",
                (str(number), "failed" if result else "running", json.dumps(result) if result else None),
            )
        await migrate.migrate(database)
        assert [run.result for run in reversed(await Queue(database).runs())] == [*(briefs.brief(one) for one in results), None]
    finally:
        await database.close()
