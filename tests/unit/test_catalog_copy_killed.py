"""A backup that is killed at any step leaves a catalog that is whole."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from core.archive.archive import Archive
from core.archive.registry import passwords
from core.archive.transfer.backup import back_up
from core.config import Home
from tests import homes
from tests.catalog_copies import change_much, files_beside, filled, inode_of

# Killed --------------------------------------------------------------------------------------------------------------------


def _killed_at(step: int, home: Home, copy: Home) -> int:
    """Back up in a child that is killed at a step: a call of SQLite, a sync or a new name; 0, or the steps when it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        made = 0

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def made_step(*arguments: Any, **named: Any) -> Any:
                nonlocal made
                made += 1
                if made == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **named)

            return made_step

        async def work() -> None:
            archive = await Archive.open(home)
            aiosqlite.Connection._execute = counted(aiosqlite.Connection._execute)  # type: ignore[method-assign]
            os.fsync, os.replace = counted(os.fsync), counted(os.replace)
            await back_up(archive, copy.path)
            os.write(writing, str(made).encode())
            os._exit(0)

        try:
            asyncio.run(work())
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = int(pipe.read() or 0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or told
    return told


async def _passwords(home: Home) -> set[tuple[str, str]]:
    archive = await Archive.open(home)
    try:
        found = {name: await passwords.stored(archive, name) for name in await passwords.names(archive)}
        return {(name, secret.reveal()) for name, secret in found.items() if secret is not None}
    finally:
        await archive.close()


@pytest.mark.slow
def test_a_backup_killed_at_any_step_leaves_a_catalog_that_is_whole(tmp_path: Path) -> None:
    """Never ahead of its volumes, never torn, its passwords readable, before and after a new key; the next one has all."""
    base, copy, working = (Home(tmp_path / name) for name in ("base", "copy", "working"))

    async def make() -> Home:
        archive = await filled(tmp_path / "home", count=3)
        await back_up(archive, base.path)
        await change_much(archive)
        await passwords.rotate_key(archive)
        await archive.close()
        return archive.home

    def again(step: int) -> int:
        for place, source in ((copy, base), (working, home)):
            shutil.rmtree(place.path, ignore_errors=True)
            shutil.copytree(source.path, place.path)
        return _killed_at(step, working, copy)

    home = asyncio.run(make())
    steps = again(0)
    before, after = asyncio.run(_passwords(base)), asyncio.run(_passwords(home))
    assert steps > 100
    assert before != after
    logs = set()
    # What is written last is the catalog, its key and the note; most steps before copy volumes.
    for step in (*range(1, steps - 90, 23), *range(max(steps - 90, 1), steps, 3)):
        assert not again(step)
        inode = inode_of(copy)
        logs.add(copy.catalog.with_name("archive.sqlite-wal").exists())
        assert homes.findings(copy) == [], step
        assert asyncio.run(_passwords(copy)) in (before, after), step
        if step % 4 == 0:
            assert _killed_at(0, working, copy)
            assert homes.tables(copy) == homes.tables(working)
            assert asyncio.run(_passwords(copy)) == after
            assert files_beside(copy) == ["archive.sqlite"]
            assert inode_of(copy) == inode
            assert homes.findings(copy) == []
    assert logs == {False, True}
