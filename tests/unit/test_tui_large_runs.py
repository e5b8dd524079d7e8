"""The page of a run over many mailboxes: what a look costs, and what it sends."""

from __future__ import annotations

import pytest

from core.model import Phase
from tests.screens import Shown, lines_made, shown
from tests.terminal.staged import StagedDesk, line, ordinary, snapshot
from tui.desk.present import own
from tui.places.runs import run as module
from tui.places.runs.run import RunPlace


def desk_with(active: int) -> StagedDesk:
    """A run of forty mailboxes of which so many are at work."""
    desk = ordinary()
    at_work(desk, active)
    return desk


def at_work(desk: StagedDesk, active: int, done: float = 0.1) -> None:
    waiting = [line(f"w{number:02}@example.test", phase=Phase.WAITING, done=0) for number in range(40 - active)]
    desk.snapshots[7] = snapshot(7, *(line(f"a{number:02}@example.test", done=done) for number in range(active)), *waiting)


async def run_place(screen: Shown) -> RunPlace:
    await screen.press("r")
    await screen.until_shown("0 of 40 done", "a00@example.test")
    place = screen.console.screen
    assert isinstance(place, RunPlace)
    return place


@pytest.mark.parametrize(("active", "spared"), [(3, False), (16, True)])
async def test_the_more_mailboxes_are_at_work_the_less_often_their_lines_are_sent(
    monkeypatch: pytest.MonkeyPatch, active: int, spared: bool
) -> None:
    """The numbers of the whole run are current; the list follows in time, and at once when the run has ended."""
    desk = desk_with(active)
    now = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    async with shown(desk) as screen:
        place = await run_place(screen)
        await place.load()
        await screen.pilot.pause()
        for seconds, share, lines_follow in ((0.5, 0.2, not spared), (1.0, 0.3, True)):
            now[0] += seconds
            at_work(desk, active, share)
            made = lines_made(monkeypatch)
            await place.load()
            await screen.pilot.pause()
            assert f"{active * int(2030 * share):,} of" in screen.text
            assert (made() > 0) is lines_follow
            assert (f"{int(2030 * share):,}/2,030" in screen.text) is lines_follow


async def test_a_title_is_drawn_again_without_the_box() -> None:
    """A number in it that counts up costs its piece of the border, and a shorter title leaves nothing of a longer one."""
    async with shown(desk_with(3)) as screen:
        place = await run_place(screen)
        panel = place.panel("mailboxes-panel")
        await screen.pilot.pause()
        for title in (own("Mailboxes (a title that is longer)"), own("Short")):
            panel.head(title)
            (region,) = panel._repaint_regions
            assert (region.x, region.y, region.height) == (0, 0, 1)
            assert region.width < 50
            await screen.pilot.pause()
            assert f" {title} ━" in screen.text
        assert "longer" not in screen.text
