"""Getting batches ready: beside the service, and without help."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core import config
from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.store.offload import Offload
from core.archive.store.writer import Ready
from tests import homes
from tests.crossings import counted


def message(number: int, attachment: bytes = b"") -> bytes:
    head = f"From: a@example.test\r\nSubject: message {number}\r\nMIME-Version: 1.0\r\n".encode()
    if not attachment:
        return head + b"\r\n" + b"text " * 30_000
    boundary = f"boundary{number}".encode()
    return (
        head
        + b'Content-Type: multipart/mixed; boundary="'
        + boundary
        + b'"\r\n\r\n--'
        + boundary
        + b"\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n"
        + attachment
        + b"\r\n--"
        + boundary
        + b"--\r\n"
    )


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await Archive.open(config.find_or_create(tmp_path / "home"))
    await users.add(archive, "alice", ["alice@example.test"])
    yield archive
    await archive.close()


async def store(archive: Archive, ready: Ready, first_uid: int) -> None:
    owner = (await users.find(archive, "alice")).id
    rows = [[one.sha256.hex(), first_uid + at, len(one.raw), 0, ""] for at, one in enumerate(ready.messages)]
    payload = {"run": 1, "source": "s", "owner": owner, "folder": "f", "server_folder": "f", "uidvalidity": 1, "messages": rows}
    await archive.append([homes.draft("archived", payload)], ready)


async def read_back(archive: Archive, raws: list[bytes]) -> None:
    digests = [bytes(row[0]) for row in await archive.database.read("SELECT sha256 FROM message ORDER BY id")]
    assert {await archive.raw(digest) for digest in digests} == set(raws)


def processes(archive: Archive) -> list[int]:
    return [offload.pid for offload in archive.writer._processes._alive]


async def test_what_is_prepared_beside_the_service_reads_back(archive: Archive) -> None:
    """A large batch goes through another process and is the same bytes afterwards; a shared attachment is stored once (P1)."""
    attachment = os.urandom(200_000)
    raws = [message(number) for number in range(20)] + [message(number, attachment) for number in range(20, 25)]
    ready = await archive.writer.prepare(raws)
    assert processes(archive)
    await store(archive, ready, 1)
    again = [message(number, attachment) for number in range(30, 35)]
    archive.writer.expect(10_000_000)
    await store(archive, await archive.writer.prepare(again), 100)
    await read_back(archive, raws + again)
    volume = await archive.volumes.at(1)
    assert await volume.database.value("SELECT count(*) FROM part WHERE size = 200000") == 1


async def test_a_batch_goes_on_without_the_process_that_dies(archive: Archive) -> None:
    """kill -9 of the helping processes while batches wait for them loses nothing and hangs nothing."""
    first, second, third = ([message(number + at) for number in range(20)] for at in (0, 100, 200))
    await store(archive, await archive.writer.prepare(first), 1)
    for pid in processes(archive):
        os.kill(pid, signal.SIGKILL)
    ready = await asyncio.wait_for(asyncio.gather(*(archive.writer.prepare(raws) for raws in (second, third, second))), 30)
    assert processes(archive) == []
    await store(archive, ready[0], 100)
    await store(archive, ready[1], 200)
    await read_back(archive, first + second + third)


async def test_a_part_that_was_not_written_after_all_is_made_again(archive: Archive) -> None:
    """When the batch with an attachment is lost, a later message with the same attachment is whole all the same."""
    attachment = os.urandom(300_000)
    archive.writer.expect(10_000_000)
    lost = await archive.writer.prepare([message(number, attachment) for number in range(8)])
    later = [await archive.writer.prepare([message(50 + number, attachment)]) for number in range(3)]
    assert lost.messages
    for at, ready in enumerate(later):
        await store(archive, ready, 1 + at)
    await read_back(archive, [ready.messages[0].raw for ready in later])


async def test_a_cancelled_preparation_gives_the_process_back(archive: Archive) -> None:
    """After runs that were cancelled while a batch was being prepared, the next batch does not wait for ever."""
    raws = [message(number) for number in range(40)]
    await archive.writer.prepare(raws)
    for _ in range(5):
        task = asyncio.get_running_loop().create_task(archive.writer.prepare(raws))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    ready = await asyncio.wait_for(archive.writer.prepare(raws), 30)
    assert len(ready.messages) == len(raws)


async def test_copies_bring_no_parts_into_the_volume(archive: Archive) -> None:
    """Messages that the archive has already leave nothing in the volume when they come again."""
    raws = [message(number, os.urandom(100_000)) for number in range(25)]
    await store(archive, await archive.writer.prepare(raws), 1)
    volume = await archive.volumes.at(1)
    before = await volume.database.value("SELECT count(*) FROM part")
    # Another process has not seen them: it hands over all their parts.
    archive.writer._processes._free.put_nowait(fresh := Offload())
    archive.writer._processes._alive.add(fresh)
    ready = await archive.writer.prepare(raws)
    await store(archive, ready, 100)
    await store(archive, await archive.writer.prepare(raws), 200)
    assert await volume.database.value("SELECT count(*) FROM part") == before


async def test_a_batch_crosses_threads_a_few_times(archive: Archive) -> None:
    """One job of a database's thread for a transaction, however many statements it has."""
    for number in (1, 2):
        ready = await archive.writer.prepare([message(10 * number + at) for at in range(number * 3)])
        with counted() as crossings:
            await store(archive, ready, number * 100)
        # Three of them ask for the user here; one looks up what is there, one asks if the volume is full, two write.
        assert crossings.jobs <= 3 + 4
