"""Messages that are read block by block: the results of small ones, damage named as theirs, and memory that stays flat."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.read.selection import Selection
from core.archive.search.index_row import Lack
from core.archive.search.search_index import Index
from core.archive.store import intake
from core.archive.store.codecs import PLAIN, ZSTD
from core.archive.store.stored_message import BLOCK_BYTES, KEPT, StoredMessage
from core.archive.transfer.export import ExportFormat, export
from core.errors import DamagedError
from core.message import content
from core.problems import volume as problems
from tests import homes
from tui.desk.desk import open_desk

MEGABYTE = 1024 * 1024
FORMS = pytest.mark.parametrize("form", ExportFormat)


def _message(size: int) -> bytes:
    """A text with lines to be quoted, and an attachment of that many bytes in base64."""
    head = b"Subject: large\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nFrom here on\n>From there\n"
    kind = b"--b\nContent-Type: application/x; name=film\nContent-Transfer-Encoding: base64\n\n"
    return head + kind + base64.encodebytes(os.urandom(size)) + b"--b--\n"


async def _archived(folder: Path, *messages: bytes) -> Archive:
    archive = await homes.begin(folder / "home")
    await homes.store(archive, dict(enumerate(messages, 1)))
    return archive


def _damage(archive: Archive, raw: bytes) -> str:
    """Change a few bytes in the last large part of a message; the beginning of its SHA-256."""
    changed = "CAST(substr(data, 1, 60000) || x'0123456789' || substr(data, 60006) AS BLOB)"
    last = "(SELECT max(id) FROM part WHERE size > 1000000)"
    homes.change(archive.home.volume(1), f"UPDATE part SET data = {changed} WHERE id = {last}")
    return hashlib.sha256(raw).hexdigest()[:16]


async def _read(archive: Archive, raw: bytes) -> StoredMessage:
    found = await archive.message(hashlib.sha256(raw).digest(), prove=False)
    assert isinstance(found, StoredMessage)
    return found


@FORMS
async def test_an_export_is_byte_identical(form: ExportFormat, tmp_path: Path) -> None:
    """A large message, between small ones."""
    raw = _message(3 * MEGABYTE)
    archive = await _archived(tmp_path, homes.message(1), raw, homes.message(2))
    done = await export(archive, Selection(), tmp_path / "out", form)
    assert (done.messages, done.bytes) == (3, len(raw) + len(homes.message(1)) + len(homes.message(2)))
    files = [file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()]
    wanted = raw.replace(b">From", b">>From").replace(b"\nFrom", b"\n>From") if form is ExportFormat.MBOX else raw
    assert any(wanted in file for file in files)
    await archive.close()


@FORMS
@pytest.mark.parametrize("others", [0, 2])
async def test_of_a_damaged_one_nothing_is_exported(form: ExportFormat, others: int, tmp_path: Path) -> None:
    """The fault is known at the end, and what was written is gone; the others come."""
    raw = _message(3 * MEGABYTE)
    small = [homes.message(number) for number in range(others)]
    archive = await _archived(tmp_path, *small[:1], raw, *small[1:])
    _damage(archive, raw)
    done = await export(archive, Selection(), tmp_path / "out", form)
    assert (done.messages, len(done.damaged)) == (others, 1)
    files = [file for file in (tmp_path / "out" / "alice").rglob("*") if file.is_file() and file.name != "maildirfolder"]
    assert len(files) == (min(others, 1) if form is ExportFormat.MBOX else others)
    assert all(len(file.read_bytes()) < 2000 for file in files)
    await archive.close()


async def test_a_damaged_one_is_named_as_a_small_one_is(tmp_path: Path) -> None:
    """By the code of the same error, whoever reads it; the index waits for its repair."""
    raw = _message(2 * MEGABYTE)
    archive = await _archived(tmp_path, raw)
    message = _damage(archive, raw)
    with pytest.raises(DamagedError) as whole:
        await archive.raw(hashlib.sha256(raw).digest())
    with pytest.raises(DamagedError) as streamed:
        await archive.message(hashlib.sha256(raw).digest())
    assert streamed.value.reason == whole.value.reason
    assert streamed.value.reason.code in (problems.MESSAGE_CHANGED, problems.PART_DAMAGED), message
    index = await Index.open(archive)
    assert await index.step() == 1
    assert [one.lack for one in await index.problems()] == [Lack.DAMAGED]
    await index.close()
    await archive.close()
    assert hashlib.sha256(raw).hexdigest() in {one.sha256 for one in (await verify(archive.home)).findings}


async def test_a_message_that_changes_while_it_is_shown(tmp_path: Path) -> None:
    """A block that was proved is compared again each time it is read."""
    raw = _message(3 * BLOCK_BYTES)
    archive = await _archived(tmp_path, raw)
    message = await _read(archive, raw)
    assert await asyncio.to_thread(lambda: message[:MEGABYTE]) == raw[:MEGABYTE]
    await asyncio.to_thread(message.read, len(raw) - 10, len(raw))
    _damage(archive, raw)
    message._kept.clear()
    with pytest.raises(DamagedError):
        await asyncio.to_thread(lambda: b"".join(message.chunks()))
    await archive.close()


@pytest.mark.parametrize("codec", [PLAIN, ZSTD])
async def test_a_part_that_is_larger_than_a_block_is_read_in_windows(
    codec: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a program may have written it that does not cut messages: read in windows, its damage named."""
    raw = _message(2 * BLOCK_BYTES)
    if codec == PLAIN:
        monkeypatch.setattr(intake, "WORTH_COMPRESSING", 10**9)
    monkeypatch.setattr(intake, "split", lambda raw, **_: [(0, len(raw))])
    archive = await _archived(tmp_path, raw)
    message = await _read(archive, raw)
    assert b"".join(await asyncio.to_thread(list, message.chunks())) == raw
    assert message[-BLOCK_BYTES - 5 : -5] == raw[-BLOCK_BYTES - 5 : -5]
    assert message[5 : BLOCK_BYTES + 7] == raw[5 : BLOCK_BYTES + 7]
    _damage(archive, raw)
    with pytest.raises(DamagedError):
        await archive.message(hashlib.sha256(raw).digest())
    await archive.close()


async def test_attachments_of_a_large_message_are_saved_from_the_console(tmp_path: Path) -> None:
    """Decoded as they are written; the source is there to be looked at, in lines."""
    data = os.urandom(2 * MEGABYTE)
    raw = _message(0).replace(b"base64\n\n", b"base64\n\n" + base64.encodebytes(data))
    archive = await _archived(tmp_path, raw)
    await archive.close()
    desk = await open_desk(tmp_path / "home")
    view = await desk.mail.message(1)
    assert (view.text[0], len(view.attachments)) == ("From here on", 1)
    await desk.mail.save_attachment(1, 0, str(tmp_path))
    [saved] = tmp_path.glob("attachments*/*")
    assert saved.read_bytes() == data
    lines = await desk.mail.source(1, 60)
    assert lines[0] == "Subject: large"
    assert lines[len(lines) - 1] == "--b--"
    wanted = [line[at : at + 60] for line in raw.decode().splitlines() for at in range(0, max(len(line), 1), 60)]
    assert [lines[number] for number in range(0, len(lines), 97)] == wanted[::97]
    await desk.close()


async def test_a_large_message_takes_a_few_blocks_of_memory(tmp_path: Path) -> None:
    """Exported, proved, indexed and shown, a message of 48 MB takes a few blocks."""
    raw = _message(36 * MEGABYTE)
    archive = await _archived(tmp_path, raw)
    digest, size = hashlib.sha256(raw).digest(), len(raw)
    del raw
    most = (KEPT + 3) * BLOCK_BYTES

    async def shown() -> None:
        found = content.read(await archive.message(digest))
        assert [one.size for one in found.attachments] == [36 * MEGABYTE]

    async def exported() -> None:
        assert (await export(archive, Selection(), tmp_path / "out", ExportFormat.MBOX)).bytes == size

    async def indexed() -> None:
        index = await Index.open(archive)
        assert await index.step() == 1
        await index.close()

    async def proved() -> None:
        assert (await verify(archive.home)).findings == []

    works: list[Callable[[], Awaitable[None]]] = [shown, exported, indexed, proved]
    peaks: list[float] = []
    for work in works:
        tracemalloc.start()
        await work()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    await archive.close()
    assert max(peaks) < most, peaks


async def test_a_large_message_is_read_back_and_replayed(tmp_path: Path) -> None:
    """Before a deletion its copy is read from the disk, and damage is told; a catalog made anew is the same."""
    raw = _message(2 * MEGABYTE)
    archive = await _archived(tmp_path, raw)
    before = homes.tables(archive.home)
    await archive.rebuild()
    assert homes.tables(archive.home)["message"] == before["message"]
    digest = hashlib.sha256(raw).digest()
    [(_, sound)] = [one async for one in archive.read_back([digest])]
    assert isinstance(sound, StoredMessage)
    _damage(archive, raw)
    [(_, damaged)] = [one async for one in archive.read_back([digest])]
    assert isinstance(damaged, DamagedError)
    await archive.close()
