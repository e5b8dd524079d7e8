"""The last verification is remembered, with any findings, as long as the catalog can be written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.noting import cause
from core.archive.proof import last_verification, verification
from core.archive.proof.last_verification import KEPT, remember
from core.archive.proof.verify import Verdict, verify
from core.cli.main import main
from core.config import Home
from core.errors import StorageError
from core.model import now
from core.problems import command_line, finding, storage
from core.problems.code import Reason
from core.problems.warning import NOT_NOTED
from core.service import verifications, verifying
from tests import homes


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    return await homes.filled(tmp_path / "home")


async def _last(home: Home) -> last_verification.LastVerification | None:
    archive = await Archive.open(home, follow=False)
    try:
        return await last_verification.last(archive)
    finally:
        await archive.close()


async def test_a_clean_verification_is_remembered_and_damage_takes_its_place(home: Home) -> None:
    """Its time, its counts, the number of findings and the first of them; it is no part of what is verified."""
    assert await _last(home) is None
    verdict = await verify(home)
    before = now()
    assert await remember(home, verdict)
    found = await _last(home)
    assert found is not None
    assert (found.ok, found.findings, found.first) == (True, 0, ())
    assert (found.messages, found.bytes) == (verdict.messages, verdict.bytes)
    assert abs((found.at - before).total_seconds()) < 10
    assert (await verify(home)).findings == []
    damaged = Verdict(messages=3, bytes=5)
    for number in range(KEPT + 5):
        damaged.add("000001.sqlite", finding.STRANGE_PART(part=f"{number} " + "x" * 1000))
    assert await remember(home, damaged)
    found = await _last(home)
    assert found is not None
    assert (found.ok, found.findings, len(found.first)) == (False, KEPT + 5, KEPT)
    assert found.first[0].startswith("000001.sqlite: Part 0 xxx")
    assert max(map(len, found.first)) <= 300


async def test_an_archive_that_does_not_open_is_remembered_as_damaged(home: Home) -> None:
    """A volume is gone: the catalog can still be written, and says so when the volume is back."""
    aside = home.path.parent / "volume"
    home.volume(1).rename(aside)
    verdict = await verify(home)
    assert verdict.findings
    assert await remember(home, verdict)
    aside.rename(home.volume(1))
    found = await _last(home)
    assert found is not None
    assert not found.ok


async def test_a_catalog_that_cannot_be_written_is_left_alone(home: Home) -> None:
    """Missing, no database, or newer than the program: not made, not changed, no error."""
    content = home.catalog.read_bytes()
    home.catalog.unlink()
    assert not await remember(home, Verdict())
    assert not home.catalog.exists()
    home.catalog.write_bytes(b"nonsense" * 1000)
    assert not await remember(home, Verdict())
    assert home.catalog.read_bytes() == b"nonsense" * 1000
    newer = content[:60] + (9999).to_bytes(4, "big") + content[64:]
    home.catalog.write_bytes(newer)
    assert not await remember(home, Verdict())
    assert home.catalog.read_bytes() == newer


async def test_an_unreadable_memory_is_no_verification(home: Home) -> None:
    """Written by another version or by hand."""
    for text in ("", "[]", '{"at": "x"}', "null"):
        homes.change(home.catalog, f"INSERT OR REPLACE INTO setting VALUES ('verified', '{text}')")
        assert await _last(home) is None


@pytest.fixture
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> Reason:
    """The reason why no verification can be recorded in the ledger."""
    full = storage.FULL(file="000001.sqlite", said="database or disk is full")
    monkeypatch.setattr(verification, "record", AsyncMock(side_effect=StorageError(full)))
    return full


async def test_that_the_ledger_has_no_entry_of_a_verification_is_one_problem_with_its_cause(
    home: Home, unrecorded: Reason
) -> None:
    """The result is kept all the same."""
    problem = await verification.keep(home, await verify(home), actor="test")
    assert problem == NOT_NOTED(why=unrecorded)
    assert cause(problem) == unrecorded
    assert (found := await _last(home)) is not None
    assert found.ok


async def test_a_service_logs_that_the_ledger_has_no_entry_of_a_verification(
    home: Home, unrecorded: Reason, caplog: pytest.LogCaptureFixture
) -> None:
    archive = await Archive.open(home)
    asked = await verifications.ask(archive, actor="test")
    await archive.close()
    await verifying.verify(home, asked.id)
    assert command_line.sentence(NOT_NOTED(why=unrecorded)) in caplog.text


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_commands_tell_that_the_ledger_has_no_entry_of_a_verification(
    tmp_path: Path, unrecorded: Reason, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    home = asyncio.run(homes.filled(tmp_path / "home"))
    main([command, "--home", str(home.path)])
    assert command_line.sentence(NOT_NOTED(why=unrecorded)) in capsys.readouterr().err
