"""Failures between the steps of a batch: what is written is written once, and the catalog follows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.archive.proof.verify import verify
from core.archive.store.entries.mail import Archived
from core.errors import BusyError
from core.problems import storage
from core.system.tasks import spawn
from tests import homes
from tests.homes import message
from tests.waiting import until


@pytest.mark.parametrize("error", [BusyError(storage.LOCKED(file="archive.sqlite", said="locked")), RuntimeError("a fault")])
async def test_what_is_in_the_volume_is_not_written_again_when_the_catalog_cannot_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Several requests in one transaction of the volume: all of them fail with the catalog, and none is written twice."""
    archive = await homes.begin(tmp_path / "home")
    apply, calls = archive.projection.apply, 0
    first, go_on = asyncio.Event(), asyncio.Event()

    async def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            first.set()
            await go_on.wait()
        if calls == 2:
            raise error
        await apply(*arguments)

    monkeypatch.setattr(archive.projection, "apply", failing)
    alone = spawn(homes.store(archive, {1: message(1)}), name="alone")
    await first.wait()
    # These wait for the first one, and are then written together.
    together = [spawn(homes.store(archive, {n: message(n)}), name="together") for n in range(2, 5)]
    await until(lambda: archive.writer._requests.waiting == len(together))
    go_on.set()
    await alone
    results = await asyncio.gather(*together, return_exceptions=True)
    assert results == [error] * len(together)
    assert calls == 2
    # As the next run does.
    await homes.store(archive, {5: message(5)})
    assert [entry.kind for entry in await homes.entries(archive)].count(Archived.kind) == 5
    volume = archive.home.volume(1)
    assert homes.rows(volume, "SELECT count(*), count(DISTINCT sha256) FROM message") == [(5, 5)]
    assert homes.rows(archive.home.catalog, "SELECT count(*) FROM source_message") == [(5,)]
    home = archive.home
    await archive.close()
    assert [one.text for one in (await verify(home)).findings] == []
