"""Alarms that a person lets stand: a remark from then on, with who and why, until they end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import acknowledged, saved_profiles
from core.config import Home
from core.service.alarms.alarm import Alarm, AlarmRule, Weight, heaviest
from core.service.alarms.watch import Runs, Watch
from tests import homes
from tests.screens import BOTH_SIZES
from tests.terminal.consoles import console_on


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    """A home with a profile that connects without TLS."""
    return await homes.with_profile(tmp_path / "home", homes.profile("127.0.0.1", 1))


async def _alarms(archive: Archive) -> list[Alarm]:
    runs = Runs(await saved_profiles.all_profiles(archive), {}, {}, [])
    watch = Watch(archive)
    seen = await watch.look(runs)
    await watch.forget_ended(seen)
    return list(seen.alarms)


async def test_an_acknowledged_alarm_is_a_remark_until_it_ends(home: Home) -> None:
    """It comes last, and changes no exit code; when it ends and comes again, it is told again."""
    archive = await Archive.open(home)
    try:
        [alarm] = [one for one in await _alarms(archive) if one.rule is AlarmRule.PROFILE]
        assert alarm.weight is Weight.ATTENTION
        await acknowledged.acknowledge(archive, [alarm.key], "An inner net.", actor="root")
        found = await _alarms(archive)
        assert (found[-1].rule, found[-1].weight) == (AlarmRule.PROFILE, Weight.REMARK)
        assert found[-1].acknowledged is not None
        assert found[-1].acknowledged.why == "An inner net."
        assert heaviest(found) is Weight.REMARK
        # Of a profile that is gone.
        await acknowledged.forget_ended(archive, [])
        assert [one.weight for one in await _alarms(archive) if one.rule is AlarmRule.PROFILE] == [Weight.ATTENTION]
        entry = (await archive.entries_before(None, 1, "alarm.acknowledged"))[0]
        assert entry.actor == found[-1].acknowledged.by
        assert entry.value.sentence().endswith("acknowledged: An inner net.")
    finally:
        await archive.close()


def test_failures_cannot_be_acknowledged_away() -> None:
    """Nor damage, nor a missing service: only settings and states."""
    assert {one for one in AlarmRule if one.stands} == {
        *(AlarmRule.FORECAST, AlarmRule.KEY, AlarmRule.EXPOSED, AlarmRule.PROFILE)
    }
    assert not any(one.critical for one in AlarmRule if one.stands)


def test_it_is_done_and_taken_back_on_the_command_line(tmp_path: Path) -> None:
    """A reason must be given, and the alarm must be there."""
    home = asyncio.run(homes.with_profile(tmp_path / "home", homes.profile("127.0.0.1", 1)))

    def said(*words: str) -> tuple[int, Any]:
        done = homes.cli(home, *words, "--json")
        return done.returncode, json.loads(done.stdout)

    assert said("acknowledge", "profile", "Test")[0] == 2
    assert said("acknowledge", "damage", "--reason", "x")[1]["code"] == "alarm-not-acknowledged"
    assert said("acknowledge", "profile", "Nobody", "--reason", "x")[1]["code"] == "alarm-not-there"
    assert said("status")[0] == 1
    assert said("acknowledge", "profile", "test", "--reason", "An inner net.") == (0, {"acknowledged": 1, "withdrawn": 0})
    code, value = said("status")
    assert (code, value["state"]) == (0, "well")
    assert value["alarms"][-1]["acknowledged"]["why"] == "An inner net."
    assert said("acknowledge", "profile", "--withdraw") == (0, {"acknowledged": 0, "withdrawn": 1})
    assert said("status")[0] == 1


@BOTH_SIZES
async def test_it_is_done_and_taken_back_on_home(home: Home, size: tuple[int, int]) -> None:
    """By a key in the lower panel, which asks why."""
    async with console_on(home, size) as screen:
        await screen.until_shown("Needs attention (1)")
        await screen.press("X")
        await screen.until_shown("tab leads there")
        await screen.press("tab", "X")
        await screen.until_shown("Why may this stand?")
        await screen.press(*"inner net", "enter")
        await screen.until_shown("Acknowledged (1)", "inner net")
        await screen.press("X")
        await screen.until_shown("Needs attention (1)")
