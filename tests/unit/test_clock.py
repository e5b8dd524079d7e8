"""A clock that jumps by more than a day is told, and each profile waits with its ages for one run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import clock
from core.archive.registry.clock import Reading, jump
from core.problems.code import Code, Reason
from core.problems.warning import CLOCK_BACK, CLOCK_FORWARD, CLOCK_UNKNOWN
from tests import homes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = 86_400.0


def _at(days: float, up: float, boot: str = "one") -> Reading:
    return Reading(NOON + timedelta(days=days), up * DAY, boot)


@pytest.mark.parametrize(
    ("before", "present", "days"),
    [
        (_at(0, 1), _at(0.1, 1.1), None),
        (_at(0, 1), _at(400, 401), None),
        (_at(0, 1), _at(0.9, 1), None),
        (_at(0, 1), _at(3650, 1.1), 3649.9),
        (_at(0, 1), _at(-3650, 1.1), -3650.1),
        (_at(0, 1), _at(1.2, 1.1), 1.1),
        (_at(0, 10), _at(0.5, 0.1, "two"), None),
        (_at(0, 10), _at(30, 29.5, "two"), None),
        (_at(0, 10), _at(3650, 0.1, "two"), 3649.9),
        (_at(0, 10), _at(-2, 0.1, "two"), -2),
        (_at(0, 10), _at(-0.5, 0.1, "two"), None),
        (_at(0, 0, ""), _at(0.5, 0.1), None),
        (_at(0, 0, ""), _at(3650, 0.1), 3649.9),
        # A container that was started anew on the same machine counts from its own beginning.
        (_at(0, 10), _at(0.5, 0.2), None),
    ],
)
def test_a_jump_of_the_clock_is_more_than_a_day(before: Reading, present: Reading, days: float | None) -> None:
    """More than a day against the count of seconds; over a restart, what cannot be explained by the time since it."""
    found = jump(before, present)
    if days is None:
        assert found is None
    else:
        assert found is not None
        assert found.total_seconds() / DAY == pytest.approx(days)


#: A clock set forward; without an id of the machine's start that cannot be told from a machine that was off.
FORWARD = (CLOCK_FORWARD, CLOCK_UNKNOWN)


class _Clock:
    """Readings as they are set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead, self.passed = timedelta(), timedelta()
        self._start = clock.read()
        monkeypatch.setattr(clock, "read", self.read)

    def read(self) -> Reading:
        begun = self._start
        return Reading(begun.wall + self.passed + self.ahead, begun.uptime + self.passed.total_seconds(), begun.boot)


def code(reason: Reason | None) -> Code | None:
    return reason.code if reason is not None else None


async def test_each_profile_waits_for_one_run_after_a_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and back again; a run that was interrupted keeps what it was told, and a dry run takes nothing from the next."""
    archive = await Archive.open(await homes.filled(tmp_path / "home"))
    faked = _Clock(monkeypatch)
    try:
        assert await clock.doubt(archive, "Staff", 1) is None
        assert await clock.doubt(archive, "Other", 2) is None
        faked.passed = timedelta(days=40)
        assert await clock.doubt(archive, "Staff", 3) is None
        faked.ahead = timedelta(days=3650)
        await clock.watch(archive)
        first = await clock.doubt(archive, "Staff", 4, dry_run=True)
        assert first is not None
        assert (first.code in FORWARD, first.values["by"]) == (True, 3650)
        assert await clock.doubt(archive, "Staff", 5) == first
        assert await clock.doubt(archive, "Staff", 5) == first
        assert await clock.doubt(archive, "staff", 6) is None
        assert await clock.doubt(archive, "Other", 7) == first
        faked.ahead = timedelta()
        assert code(await clock.doubt(archive, "Staff", 8)) is CLOCK_BACK
        assert await clock.doubt(archive, "Staff", 9) is None
        assert code(await clock.doubt(archive, "New", 10)) is CLOCK_BACK
        assert await clock.doubt(archive, "New", 11) is None
        faked.passed += timedelta(days=2)
        assert await clock.doubt(archive, "Newer", 12) is None
    finally:
        await archive.close()


async def test_the_first_run_is_held_against_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was seen of the clock yet: an archive of today is not ten years old."""
    archive = await Archive.open(await homes.filled(tmp_path / "home"))
    faked = _Clock(monkeypatch)
    faked.ahead = timedelta(days=3650)
    try:
        doubt = await clock.doubt(archive, "Staff", 1)
        assert doubt is not None
        assert doubt.code is CLOCK_UNKNOWN
        assert await clock.doubt(archive, "Staff", 2) is None
    finally:
        await archive.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"jumps": "x", "said": 1}', '{"jumps": 1, "said": "", "wall": "never"}'])
async def test_an_unreadable_memory_of_the_clock_counts_as_none(tmp_path: Path, text: str) -> None:
    """A setting of another program or a damaged one."""
    archive = await Archive.open(await homes.filled(tmp_path / "home"))
    try:
        async with archive.database.transaction() as transaction:
            await transaction.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (clock.NAME, text))
        await clock.watch(archive)
        assert await clock.doubt(archive, "Staff", 1) is None
    finally:
        await archive.close()


def test_a_service_that_sees_only_processes_in_proc_knows_the_start_from_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very id of all other processes, so that no start is seen without one."""
    known = clock.read()
    text = Path.read_text

    def hidden(path: Path, *words: Any, **options: Any) -> str:
        if path.is_relative_to("/proc"):
            raise FileNotFoundError(str(path))
        return text(path, *words, **options)

    (tmp_path / clock.BOOT_CREDENTIAL).write_text(f"{known.boot}\n")
    monkeypatch.setattr(Path, "read_text", hidden)
    assert clock.read().boot == ""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found = clock.read()
    assert found.boot == known.boot != ""
    assert 0 <= found.uptime - known.uptime < 600
