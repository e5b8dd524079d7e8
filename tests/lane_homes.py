"""Homes with lanes for tests, anchored and not, and what verification says of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal_check
from core.archive.proof.seal import parse
from core.archive.registry import lanes, users
from core.archive.registry.lanes import Anchored
from core.archive.store.lane_writer import LaneIdentity
from core.config import Home
from tests import homes
from tests.lanes import begin

NAMES = ("anna", "berta", "carl")
T = TypeVar("T")


def in_archive(home: Home, work: Callable[[Archive], Awaitable[T]]) -> T:
    async def run() -> T:
        archive = await Archive.open(home)
        try:
            return await work(archive)
        finally:
            await archive.close()

    return asyncio.run(run())


async def _begun(archive: Archive) -> list[tuple[LaneIdentity, str]]:
    """Three lanes, each with the id of the user whose mailbox it archives."""
    found = []
    for name in NAMES:
        user, _ = await users.add(archive, name, [f"{name}@example.test"])
        found.append((await lanes.open_lane(archive, f"worker of {name}"), user.id))
    return found


def written_in(home: Home) -> list[tuple[LaneIdentity, str]]:
    """An archive with three lanes that three processes have written at the same time."""
    several = asyncio.run(made_in(home))
    processes = [begin(home, lane, owner) for lane, owner in several]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    return several


async def made_in(home: Home) -> list[tuple[LaneIdentity, str]]:
    archive = await homes.begin(home.path)
    try:
        return await _begun(archive)
    finally:
        await archive.close()


def anchor_all(home: Home, *wanted: int) -> Anchored:
    return in_archive(home, lambda archive: lanes.anchor(archive, wanted))


def head_of(home: Home) -> str:
    return homes.cli(home, "ledger", "head").stdout.strip()


def difference_of(home: Home, head: str) -> str:
    return asyncio.run(seal_check.check(home, [parse(head)], deep=True)).difference


@pytest.fixture(scope="session")
def lanes_template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with three written lanes of which nothing is anchored, to be copied and not touched."""
    home = Home(tmp_path_factory.mktemp("lanes") / "home")
    written_in(home)
    return home


@pytest.fixture
def home(lanes_template: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(lanes_template.path, tmp_path / "home")))


@pytest.fixture
def anchored(home: Home) -> Home:
    assert len(anchor_all(home).heads) == len(NAMES)
    return home
