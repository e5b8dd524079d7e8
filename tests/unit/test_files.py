"""Files written whole, files made once, and locks."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from core import files
from core.system.open_folder import OpenFolder


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_whole_and_durably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new bytes are on the disk before they get the name, and the folder's list of names after it."""
    path = tmp_path / "note"
    path.write_bytes(b"old")
    synced: list[str] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(f"{os.readlink(f'/proc/self/fd/{descriptor}')} {path.read_bytes()!r}")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    files.write(path, b"new")
    assert synced == [f"{files.aside(path)} b'old'", f"{tmp_path} b'new'"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _names(tmp_path) == {"note"}


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    """An incomplete write replaces nothing, by path or in an open folder."""
    path = tmp_path / "note"
    path.write_bytes(b"old")
    with OpenFolder.at(tmp_path) as folder:
        for place in (files.replacing(path), folder.replacing("note")):
            with pytest.raises(ZeroDivisionError):
                _broken_off(place)
    assert (path.read_bytes(), _names(tmp_path)) == (b"old", {"note"})


@pytest.mark.parametrize("create", [files.create, files.create_whole])
def test_a_file_that_is_there_is_not_touched(tmp_path: Path, create: Callable[[Path, bytes], None]) -> None:
    """A file is made where there is none; neither a file nor a link in its place is written to."""
    path, link = tmp_path / "key", tmp_path / "link"
    create(path, b"first")
    link.symlink_to(tmp_path / "elsewhere")
    for place in (path, link):
        with pytest.raises(FileExistsError):
            create(place, b"second")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"first", 0o600)
    assert _names(tmp_path) == {"key", "link"}


@pytest.mark.parametrize("create", [files.create, files.create_whole])
def test_a_file_that_cannot_be_made_durable_is_gone(
    tmp_path: Path, create: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails at the end leaves no file that looks whole."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        create(tmp_path / "key", b"content")
    assert _names(tmp_path) == set()


async def test_a_lock_is_held_by_one_and_waited_for(tmp_path: Path) -> None:
    """A folder's lock is one holder's; others are told at once, or wait as long as they want to."""
    with files.lock(tmp_path) as first, files.lock(tmp_path) as second:
        assert (first, second) == (True, False)
        async with files.lock_within(tmp_path, 0.05) as held:
            assert not held
    async with files.lock_within(tmp_path, 5) as held:
        assert held
        waiting = asyncio.create_task(_taken(tmp_path))  # noqa: TID251 - awaited below
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
    assert await waiting


def _broken_off(place: AbstractContextManager[BinaryIO]) -> None:
    with place as file:
        file.write(b"half")
        raise ZeroDivisionError


async def _taken(folder: Path) -> bool:
    async with files.lock_within(folder, 5) as held:
        return held
