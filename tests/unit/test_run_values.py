"""The values of runs as a worker keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from core.cluster import protocol
from core.cluster.run_values import MOST_RUNS, KnownRuns
from core.db.database import Database
from core.model import User


class Home:
    """Runs of an archive with ``count`` users, and the numbers of those that were fetched."""

    def __init__(self, count: int, protocol_number: int = protocol.PROTOCOL) -> None:
        users = [User(f"id{number}", f"user{number}", (f"user{number}@example.test",)) for number in range(count)]
        self._values: dict[str, Any] = {"protocol": protocol_number, "people": [user.as_json() for user in users]}
        self.fetched: list[int] = []

    async def fetch(self, run: int) -> bytes:
        self.fetched.append(run)
        return protocol.packed({**self._values, "run": run})


async def names(database: Database) -> list[str]:
    return [row[0] for row in await database.read("SELECT name FROM user ORDER BY name")]


async def test_the_values_of_a_run_are_fetched_once_for_all_its_mailboxes() -> None:
    """Five mailboxes of two runs: two are fetched, and each mailbox has a catalog with all users that no other one sees."""
    home = Home(3)
    runs = KnownRuns(home.fetch)
    try:
        for run in (7, 7, 8, 7, 8):
            assert (await runs.common(run))["run"] == run
            catalog = await runs.catalog(run)
            assert await names(catalog) == ["user0", "user1", "user2"]
            async with catalog.transaction() as transaction:
                await transaction.execute("DELETE FROM address")
                await transaction.execute("DELETE FROM user")
            await catalog.close()
        assert home.fetched == [7, 8]
    finally:
        await runs.close()


async def test_only_the_latest_runs_are_kept() -> None:
    """More runs than are kept: the first is forgotten, and fetched again when a mailbox of it comes."""
    home = Home(1)
    runs = KnownRuns(home.fetch)
    try:
        for run in range(MOST_RUNS + 1):
            await runs.common(run)
        await (await runs.catalog(0)).close()
        await (await runs.catalog(MOST_RUNS)).close()
        assert home.fetched == [*range(MOST_RUNS + 1), 0]
    finally:
        await runs.close()


async def test_values_of_another_protocol_are_refused() -> None:
    runs = KnownRuns(Home(1, protocol.PROTOCOL + 1).fetch)
    with pytest.raises(ValueError, match="protocol"):
        await runs.common(1)
    await runs.close()
