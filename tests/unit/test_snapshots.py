"""A few pictures of screens, to see at a glance what a change does to them; texts are asserted elsewhere.

After a wanted change: ``make test TESTS=tests/unit/test_snapshots.py ARGS=--snapshot-update``, and look at the pictures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.terminal.staged import StagedDesk, ordinary
from tests.terminal.staged_statistics import StagedStatistics
from tui.console import Console
from tui.places import place

MOMENT = datetime(2026, 1, 31, 14, 2, tzinfo=UTC)
Compare = Callable[..., bool]


class StoppedClock(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return MOMENT


@pytest.fixture(autouse=True)
def _always_the_same(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    monkeypatch.setattr(place, "datetime", StoppedClock)
    yield
    monkeypatch.undo()
    time.tzset()


def console() -> Console:
    desk: StagedDesk = ordinary(MOMENT)
    return Console(lambda: asyncio.sleep(0, desk))


async def _loaded(pilot: Pilot[None], text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips()):
        assert time.monotonic() < deadline
        await pilot.pause(0.02)


def test_home(snap_compare: Compare) -> None:
    """The first place, as most terminals are."""
    assert snap_compare(console(), terminal_size=(80, 24), run_before=lambda pilot: _loaded(pilot, "Needs attention (2)"))


def test_a_run(snap_compare: Compare) -> None:
    """A run that goes on, with its problems."""

    async def open_run(pilot: Pilot[None]) -> None:
        await _loaded(pilot, "Needs attention (2)")
        await pilot.press("r")
        await _loaded(pilot, "Problems (2)")

    assert snap_compare(console(), terminal_size=(80, 24), run_before=open_run)


def test_a_profile(snap_compare: Compare) -> None:
    """A profile's description and its runs; a wide window."""

    async def open_profile(pilot: Pilot[None]) -> None:
        await _loaded(pilot, "Needs attention (2)")
        await pilot.press("down", "down", "enter")
        await _loaded(pilot, "Last runs")

    assert snap_compare(console(), terminal_size=(120, 40), run_before=open_profile)


def test_archived_mail(snap_compare: Compare) -> None:
    """A list of messages with the beginning of one."""

    async def open_folder(pilot: Pilot[None]) -> None:
        await _loaded(pilot, "Needs attention (2)")
        await pilot.press("m")
        await _loaded(pilot, "Whose mail (2)")
        await pilot.press("enter")
        await _loaded(pilot, "Folders of anna")
        await pilot.press("enter")
        await _loaded(pilot, "this is message 1.")
        await pilot.press("down")
        await _loaded(pilot, "this is message 2.")

    assert snap_compare(console(), terminal_size=(120, 40), run_before=open_folder)


def test_home_in_a_wide_window(snap_compare: Compare) -> None:
    """The strip of Home on one line more or less."""
    assert snap_compare(console(), terminal_size=(120, 40), run_before=lambda pilot: _loaded(pilot, "Needs attention (2)"))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_statistics(snap_compare: Compare, size: tuple[int, int]) -> None:
    """Charts over time, and a list of senders' domains."""
    desk = ordinary(MOMENT)
    desk.statistics = StagedStatistics(MOMENT)  # type: ignore[assignment]

    async def open_page(pilot: Pilot[None]) -> None:
        await _loaded(pilot, "Needs attention (2)")
        await pilot.press("T")
        await _loaded(pilot, "Sizes of messages")
        await pilot.press("f")
        await _loaded(pilot, "Senders' domains")

    staged = Console(lambda: asyncio.sleep(0, desk))
    assert snap_compare(staged, terminal_size=size, run_before=open_page)
