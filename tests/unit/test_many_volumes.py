"""Archives of many volumes: a few of their files are open at once, whatever is read of how many."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal, seal_check, verify
from core.archive.read.selection import Selection
from core.archive.search.search import matching
from core.archive.search.search_index import bring_up
from core.archive.store import volumes as module
from core.archive.store.volume import Volume
from core.archive.store.volumes import MOST_OPEN
from core.archive.transfer.backup import back_up
from core.archive.transfer.export import ExportFormat, export
from core.config import Home
from core.errors import BusyError
from core.service import verifications
from tests import homes
from tests.homes import change

#: Volumes of the archive; the rest holds the entries of its beginning.
COUNT = 40


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with a volume for each entry, to be read only."""

    async def make() -> Home:
        archive = await homes.begin(tmp_path_factory.mktemp("many") / "home", volume_bytes=1)
        for number in range(1, COUNT + 1):
            await homes.store(archive, {number: homes.message(number)})
        await archive.close()
        return archive.home

    made = asyncio.run(make())
    assert len(made.volume_numbers()) >= COUNT
    return made


@pytest.fixture
async def archive(home: Home) -> AsyncIterator[Archive]:
    archive = await Archive.open(home)
    yield archive
    await archive.close()


class Most:
    """The largest numbers of open volume files and of threads that were there whenever a volume was opened."""

    volumes = 0
    threads = 0

    def look(self) -> None:
        found = set()
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                path = os.readlink(f"/proc/self/fd/{name}")
                if path.endswith(".sqlite") and "/volumes/" in path:
                    found.add(path)
        self.volumes, self.threads = max(self.volumes, len(found)), max(self.threads, threading.active_count())


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Most:
    most = Most()
    open_ = Volume.open

    async def counted(path: Path, **more: Any) -> Volume:
        volume = await open_(path, **more)
        most.look()
        return volume

    monkeypatch.setattr(Volume, "open", counted)
    return most


async def _export(archive: Archive, tmp_path: Path) -> object:
    return await export(archive, Selection(), tmp_path / "out", ExportFormat.EML)


async def _index(archive: Archive, tmp_path: Path) -> object:
    assert await bring_up(archive, anew=True) == COUNT
    return await matching(archive, "message")


async def _check_seal(archive: Archive, tmp_path: Path) -> object:
    found = await seal_check.check(archive.home, [await seal.current(archive)], deep=True)
    assert (found.messages, found.missing, found.difference) == (COUNT, 0, "")
    return found


ALL: dict[str, Callable[[Archive, Path], Awaitable[object]]] = {
    "rebuild": lambda archive, _: archive.rebuild(),
    "verify": lambda archive, _: verify.verify(archive.home),
    "export": _export,
    "index": _index,
    "backup": lambda archive, path: back_up(archive, path / "backup"),
    "seal": _check_seal,
    "entries": lambda archive, _: homes.entries(archive),
    "unusable": lambda archive, _: archive.volumes.unusable(),
    "last": lambda archive, _: archive.entries_before(None, 10_000),
    "messages": lambda archive, _: homes.raws(archive),
}


@pytest.mark.parametrize("name", ALL)
async def test_few_volumes_are_open_at_once(name: str, archive: Archive, most: Most, tmp_path: Path) -> None:
    before = threading.active_count()
    assert await ALL[name](archive, tmp_path) is not None
    most.look()
    assert 0 < most.volumes <= MOST_OPEN
    # Beside a thread for each volume: helpers of asyncio, the index, scratch databases.
    assert most.threads <= before + MOST_OPEN + 12


async def test_a_volume_in_use_stays_open(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that are being read, a transaction, and whoever says so."""
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    held = await archive.volumes.at(3)
    kept = await archive.volumes.at(4)
    last = await archive.volumes.at(archive.last_volume)
    with kept.used():
        async with aclosing(held.entries()) as entries:
            first = await anext(entries)
            for number in range(5, 20):
                await (await archive.volumes.at(number)).head()
            assert {3, 4, archive.last_volume} <= archive.volumes._open.keys()
            assert [entry async for entry in entries] == []
    assert await kept.raw((await anext(kept.entries())).digests()[0])
    await last.head()
    for number in range(5, 20):
        await (await archive.volumes.at(number)).head()
    assert archive.volumes._open.keys() == {18, 19, archive.last_volume}
    again = await archive.volumes.at(3)
    assert again is not held
    assert await anext(again.entries()) == first


async def test_the_least_recently_used_is_closed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 4)
    for number in (1, 2, 3, 1, 4, 1, 5):
        await archive.volumes.at(number)
    assert list(archive.volumes._open)[-3:] == [4, 1, 5]


async def test_what_is_in_one_volume_is_sought_in_few(archive: Archive, most: Most) -> None:
    """By the entry before its first, which each volume tells; an unreadable one has all of them read."""
    opened: list[int] = []
    at = archive.volumes.at

    async def counted(number: int) -> Volume:
        opened.append(number)
        return await at(number)

    archive.volumes.at = counted  # type: ignore[method-assign]
    [entry] = [one for one in await homes.entries(archive) if one.seq == 20]
    archive.volumes._before.clear()
    opened.clear()
    assert await archive.volumes.entry_times([20]) == {20: entry.at}
    assert len(opened) <= 10
    opened.clear()
    assert await archive.volumes.entry_times([20, 10**9]) == {20: entry.at}
    assert await archive.entries_before(21, 1) == [entry]
    assert [one.seq async for one in archive.entries(after=COUNT - 2)] == list(range(COUNT - 1, (await archive.head()).seq + 1))
    assert await archive.volumes.entry_seqs(entry.kind, COUNT) != []
    assert len(opened) <= 30


async def test_whether_a_verification_is_due_opens_one_volume(archive: Archive, most: Most) -> None:
    """The service asks every few seconds."""
    await verifications.standing(archive)
    opened = []
    at = archive.volumes.at

    async def counted(number: int) -> Volume:
        opened.append(number)
        return await at(number)

    archive.volumes.at = counted  # type: ignore[method-assign]
    await verifications.standing(archive)
    assert len(opened) <= 1


@pytest.mark.parametrize("shift", [-5, 5])
async def test_a_volume_that_tells_another_beginning_hides_no_entry(home: Home, tmp_path: Path, shift: int) -> None:
    """The search for an entry would pass over the volume that has it."""
    copy = _copied(home, tmp_path / "copy")
    archive = await Archive.open(copy)
    times = {one.seq: one.at for one in await homes.entries(archive)}
    await archive.close()
    copy.volume(20).chmod(0o600)
    change(copy.volume(20), f"UPDATE meta SET value = value + {shift} WHERE key = 'previous_seq'")
    archive = await Archive.open(copy)
    try:
        for seq in range(10, 30):
            assert [one.seq async for one in archive.volumes.entries(seq - 1)][:3] == [seq, seq + 1, seq + 2]
            assert [one.seq for one in await archive.volumes.entries_before(seq + 1, 3)] == [seq, seq - 1, seq - 2]
            assert await archive.volumes.entry_times([seq]) == {seq: times[seq]}
    finally:
        await archive.close()


async def test_a_volume_that_is_written_to_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although another process has begun the next one meanwhile, and others are read."""
    monkeypatch.setattr(module, "MOST_OPEN", 1)
    archive = await homes.begin(tmp_path / "home", volume_bytes=1)
    for number in range(1, 4):
        await homes.store(archive, {number: homes.message(number)})
    volumes, asked, written = archive.volumes, Volume.takes_no_more, archive.last_volume

    async def meanwhile(volume: Volume, limit: int) -> bool:
        if volume.meta.number == written:
            volumes.last += 1
            for number in (1, 2):
                await volumes.at(number)
            volumes.last -= 1
        return await asked(volume, limit)

    monkeypatch.setattr(Volume, "takes_no_more", meanwhile)
    await homes.store(archive, {10: homes.message(10)})
    monkeypatch.undo()
    assert len(await homes.raws(archive)) == 4
    await archive.close()


async def test_an_unreadable_volume_hides_no_time(home: Home, tmp_path: Path) -> None:
    """All that can be read is told, wherever the search for it comes by."""
    copy = _copied(home, tmp_path / "copy")
    archive = await Archive.open(copy)
    times = {one.seq: one.at for one in await homes.entries(archive)}
    there = [entry.seq async for entry in (await archive.volumes.at(20)).entries()]
    await archive.close()
    copy.volume(20).chmod(0o600)
    copy.volume(20).write_bytes(b"no volume" * 1000)
    archive = await Archive.open(copy)
    try:
        expected = {seq: at for seq, at in times.items() if seq not in there}
        assert await archive.volumes.entry_times(list(times)) == expected
        assert {one.seq for one in await archive.entries_before(None, 10_000)} == expected.keys()
        assert [one.seq async for one in archive.entries(after=30)] == [seq for seq in sorted(expected) if seq > 30]
    finally:
        await archive.close()


def _copied(home: Home, path: Path) -> Home:
    shutil.copytree(home.path, path)
    return Home(path)


@contextmanager
def _few_files(count: int) -> Iterator[None]:
    """Context in which this process may open ``count`` more files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The list itself takes one that is free again.
    taken = {int(name) for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")}
    free = (number for number in range(limits[0]) if number not in taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, count, None)), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_a_limit_of_files_is_named_and_is_no_damage(home: Home, tmp_path: Path) -> None:
    """Nothing is passed over for it, nor called unusable."""
    copy = _copied(home, tmp_path / "copy")
    change(copy.catalog, "DELETE FROM setting WHERE name = 'volume_bytes'")
    archive = await Archive.open(copy)
    try:
        for ask in (
            lambda: archive.volumes.unusable(),
            lambda: homes.entries(archive),
            lambda: archive.volumes.at(30),
            lambda: archive.entries_before(None, 10_000),
        ):
            await archive.volumes.release()
            await archive.volumes.at(1)
            with _few_files(0), pytest.raises(BusyError, match=r"may not open more than \d+ files at once.*ulimit -n"):
                await ask()
        assert archive.notices == []
        assert archive.damage is None
    finally:
        await archive.close()
