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
from tests import homes
from tests.homes import message


@pytest.mark.parametrize("error", [BusyError(storage.LOCKED(file="archive.sqlite", said="locked")), RuntimeError("a fault")])
async def test_what_is_in_the_volume_is_not_written_again_when_the_catalog_cannot_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Several requests in one transaction of the volume: all of them fail with the catalog, and none is written twice."""
    archive = await homes.begin(tmp_path / "home")
    apply, calls = archive.projection.apply, 0

    async def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        # The first request is written alone, the others wait and are written together.
        if calls == 2:
            raise error
        await apply(*arguments)

    monkeypatch.setattr(archive.projection, "apply", failing)
    await asyncio.gather(*(homes.store(archive, {n: message(n)}) for n in range(1, 5)), return_exceptions=True)
    # As the next run does.
    await homes.store(archive, {5: message(5)})
    assert [entry.kind for entry in await homes.entries(archive)].count(Archived.kind) == 5
    volume = archive.home.volume(1)
    assert homes.rows(volume, "SELECT count(*), count(DISTINCT sha256) FROM message") == [(5, 5)]
    assert homes.rows(archive.home.catalog, "SELECT count(*) FROM source_message") == [(5,)]
    home = archive.home
    await archive.close()
    assert [one.text for one in (await verify(home)).findings] == []
