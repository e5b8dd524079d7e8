"""The ledger read backwards: the newest first, across volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.store.volume import Volume
from tests import homes


async def test_the_ledger_is_read_backwards_across_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any page of it is what reading forwards gives, turned around; volumes that are not needed are not opened."""
    home = await homes.filled(tmp_path / "home", volume_bytes=60_000)
    assert len(home.volume_numbers()) > 2
    archive = await Archive.open(home)
    try:
        forwards = await homes.entries(archive)
        last = forwards[-1].seq
        for before in (None, *range(1, last + 3)):
            expected = [one for one in reversed(forwards) if before is None or one.seq < before]
            for limit in (1, 3, last + 10):
                assert await archive.entries_before(before, limit) == expected[:limit]
        assert await archive.entries_before(None, 0) == []
    finally:
        await archive.close()
    archive = await Archive.open(home)
    opened: list[str] = []
    open_ = Volume.open

    async def noting(path: Path, *, read_only: bool = False) -> Volume:
        opened.append(path.name)
        return await open_(path, read_only=read_only)

    monkeypatch.setattr(Volume, "open", noting)
    try:
        await archive.entries_before(None, 1)
        assert opened == []
    finally:
        await archive.close()


async def test_entries_of_one_kind_are_found_in_all_volumes(tmp_path: Path) -> None:
    """Their seqs in order, those after a known one alone, and the entries backwards from any of them."""
    home = await homes.filled(tmp_path / "home", batches=5, volume_bytes=60_000)
    assert len(home.volume_numbers()) > 1
    archive = await Archive.open(home)
    try:
        entries = [entry for entry in await homes.entries(archive) if entry.kind == "archived"]
        seqs = [entry.seq for entry in entries]
        assert len(seqs) == 5
        assert await archive.volumes.entry_seqs("archived") == seqs
        assert await archive.volumes.entry_seqs("archived", seqs[2]) == seqs[3:]
        assert await archive.volumes.entry_seqs("nothing") == []
        assert await archive.entries_before(None, 3, "archived") == entries[:-4:-1]
        assert await archive.entries_before(seqs[3], 10, "archived") == entries[2::-1]
    finally:
        await archive.close()
