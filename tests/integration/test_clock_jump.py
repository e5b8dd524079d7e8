"""After a jump of the clock nothing is deleted by age, until the next run finds it steady."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.archive.registry import clock, saved_profiles
from core.config import Home
from core.model import now, timestamp
from core.profiles.age import Age
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter
from core.profiles.profile import Profile
from core.secrets import Secret
from tests import homes
from tests.conftest import StartDovecot
from tests.homes import ALICE, message, profile

COUNT = 5


async def _prepare(path: Path, one: Profile) -> Home:
    """An archive that last saw the clock at the same start of the machine, ten years before what it says now."""
    archive = await homes.begin(path)
    try:
        await saved_profiles.save(archive, one, Secret("secret"))
        seen = clock.read()
        state = {"wall": timestamp(seen.wall - timedelta(days=3650)), "uptime": seen.uptime, "boot": seen.boot}
        async with archive.database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO setting VALUES (?, ?)", (clock.NAME, json.dumps(state | {"jumps": 0, "said": ""}))
            )
        return archive.home
    finally:
        await archive.close()


@pytest.mark.server
@pytest.mark.parametrize("rule", ["deletion", "filter"])
def test_nothing_goes_by_age_in_the_first_run_after_a_jump(dovecot: StartDovecot, tmp_path: Path, rule: str) -> None:
    """Told as a warning; with an age in the filter nothing is even old enough to be archived; the next run does all of it."""
    server = dovecot()
    for number in range(COUNT):
        server.deliver(ALICE, "INBOX", message(number), internaldate=now() - timedelta(days=900))
    age = Age(1, "day")
    one = profile(server.host, server.plain_port)
    if rule == "deletion":
        one = replace(one, deletion=Deletion(When.OLDER_THAN, age))
    else:
        one = replace(one, deletion=Deletion(When.IMMEDIATELY), filter=Filter(older_than=age))
    home = asyncio.run(_prepare(tmp_path / "home", one))
    results = []
    for _ in range(2):
        done = homes.cli(home, "run", "Test", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        results.append(json.loads(done.stdout))
    assert homes.cli(home, "service", "stop").returncode == 0
    first, second = results
    assert any("jumped forward" in text and "wait for the next run" in text for text in first["warnings"])
    assert first["totals"]["deleted"] == 0
    assert first["totals"]["archived"] == (COUNT if rule == "deletion" else 0)
    assert not any("clock" in text.lower() for text in second["warnings"])
    assert second["totals"]["deleted"] == COUNT
