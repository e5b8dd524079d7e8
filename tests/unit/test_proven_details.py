"""A verification reads each message once: what the catalog must say of it is proved by that reading, column by column."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from core.archive.catalog import details
from core.archive.catalog.proven_details import ProvenDetails
from core.archive.proof import sound_pages
from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Verdict
from core.archive.proof.verify import check_rest, verify
from core.archive.proof.volume_check import walk
from core.archive.store import row_order, volume_format
from core.config import Home
from core.message.envelope import Envelope, describe
from tests import homes
from tests.homes import change, message

OLD = Path(__file__).resolve().parents[1] / "format-1.tar.xz"
#: Statements against the catalog that make one message's row wrong.
WRONG = (
    "size = size + 1",
    "size = size + 0.5",
    "subject = subject || 'x'",
    "subject = lower(subject)",
    "subject = CAST(subject AS BLOB)",
    "sender = recipients",
    "recipients = ''",
    "date = NULL",
    "date = coalesce(date, 0) + 1",
    "date = CAST(date AS REAL) + 0.5",
    "message_id = message_id || ' '",
    "header_sha256 = zeroblob(32)",
    "header_sha256 = CAST(header_sha256 AS TEXT)",
    "attachments = attachments + 1",
    "sha256 = zeroblob(32)",
    "volume = 7",
)


def _dated(number: int) -> bytes:
    dated = b"Date: Fri, 14 Jul 2017 02:56:40 +0000\r\nSubject: Re: "
    return message(number, 20_000 if number % 3 else 200).replace(b"Subject: ", dated, 1)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Messages of one part and of several, in a sealed volume and in an open one."""

    async def fill() -> Home:
        archive = await homes.begin(tmp_path_factory.mktemp("proven") / "home", volume_bytes=130_000)
        try:
            for first in (1, 20, 40):
                await homes.store(archive, {number: _dated(number) for number in range(first, first + 9)})
            return archive.home
        finally:
            await archive.close()

    return asyncio.run(fill())


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive of format 1, whose catalog was made anew."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD) as packed:
        packed.extractall(folder, filter="data")
    home = Home(next(path for path in folder.iterdir() if (path / "volumes").is_dir()))
    homes.rebuild(home)
    return home


def _copied(home: Home, folder: Path) -> Home:
    return Home(Path(shutil.copytree(home.path, folder / "home")))


@pytest.mark.parametrize("statement", WRONG)
@pytest.mark.parametrize("kind", ["template", "old"])
def test_any_wrong_column_of_the_catalog_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, statement: str
) -> None:
    home = _copied(request.getfixturevalue(kind), tmp_path)
    assert homes.findings(home) == []
    change(home.catalog, f"UPDATE message SET {statement} WHERE id = 2")
    assert {one.where for one in homes.verdict(home).findings} == {"catalog"}


async def test_nothing_is_read_a_second_time(template: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is decompressed once, and no message is looked up by itself."""
    home = _copied(template, tmp_path)
    parts = sum(len(homes.rows(home.volume(number), "SELECT id FROM part")) for number in home.volume_numbers())
    plain, read = volume_format.plain, 0

    def counted(*columns: Any) -> bytes:
        nonlocal read
        read += 1
        return plain(*columns)

    for module in (sound_pages, row_order):
        monkeypatch.setattr(module, "plain", counted)
    assert (await verify(home)).findings == []
    assert read == parts


async def test_what_no_reading_has_proved_is_read_for_the_catalog(template: Home, tmp_path: Path) -> None:
    """As in a verification that another process has begun: all is found all the same."""
    home = _copied(template, tmp_path)
    for statement, found in (("size = size", set()), ("subject = 'x'", {"catalog"})):
        change(home.catalog, f"UPDATE message SET {statement} WHERE id = 3")
        verdict = Verdict()
        async with aclosing(walk(home, CheckPosition(), verdict)) as steps:
            async for _ in steps:
                pass
        await check_rest(home, verdict, ProvenDetails())
        assert {one.where for one in verdict.findings} == found


async def test_a_change_of_the_catalog_after_the_reading_is_found(template: Home, tmp_path: Path) -> None:
    home = _copied(template, tmp_path)
    verdict, proven = Verdict(), ProvenDetails()
    async with aclosing(walk(home, CheckPosition(), verdict, proven=proven)) as steps:
        async for _ in steps:
            pass
    change(home.catalog, "UPDATE message SET attachments = 5 WHERE id = 4")
    await check_rest(home, verdict, proven)
    assert {one.where for one in verdict.findings} == {"catalog"}


async def test_other_details_of_a_message_are_not_taken_for_its_own(template: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that are one hash to Python, and values of another type that are equal, are other details."""
    proven = ProvenDetails()
    sha256 = bytes(range(32))
    envelope = describe(b"Subject: 1\r\n\r\nx")._replace(date=-1)
    proven.add(sha256, 1, envelope)
    assert proven.holds(sha256, 1, envelope)
    others: list[tuple[Any, Envelope]] = [
        (1, envelope._replace(date=-2)),
        (True, envelope),
        (1.0, envelope),
        (1, envelope._replace(subject=b"1")),  # type: ignore[arg-type]
        (1, envelope._replace(header_sha256=envelope.header_sha256.hex())),  # type: ignore[arg-type]
        (1, envelope._replace(attachments=False)),
        (1, envelope._replace(sender=envelope.subject, subject="")),
        (2, envelope),
    ]
    for size, other in others:
        assert not proven.holds(sha256, size, other)
    assert not proven.holds(bytes(32), 1, envelope)
    assert not proven.holds("x" * 32, 1, envelope)  # type: ignore[arg-type]
    monkeypatch.setattr(proven, "_left", 0)
    proven.add(bytes(32), 1, envelope)
    assert not proven.holds(bytes(32), 1, envelope)


async def test_a_damaged_catalog_is_named_as_before(template: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are asked for details while the ledger is replayed; pages that cannot be read are found by their check."""
    home = _copied(template, tmp_path)
    [(root,)] = homes.rows(home.catalog, "SELECT rootpage FROM sqlite_schema WHERE name = 'message'")
    change(home.catalog, "PRAGMA wal_checkpoint(TRUNCATE)")
    with home.catalog.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 16)
    read = 0

    async def counted(*arguments: Any) -> Any:
        nonlocal read
        read += 1
        return await volume_details(*arguments)

    volume_details = details.details
    monkeypatch.setattr(details, "details", counted)
    assert {one.where for one in (await verify(home)).findings} == {"catalog"}
    assert read
