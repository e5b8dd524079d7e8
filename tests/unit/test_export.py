"""Export: what was archived comes out byte for byte, into names that every file system takes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.archive import export, users
from core.archive.archive import Archive
from core.archive.export import export_eml, file_name
from core.demo.odd import odd_messages
from core.errors import InputError, StorageError
from tests import homes
from tests.homes import ALICE, message


@given(st.text(max_size=120))
@example("..")
@example("con")
@example("a/../../etc")
@example("CON.txt")
@example("\u202egnp.exe")
@example("a" * 300)
@example("ends with dot.")
@example("\ud800")
def test_a_folder_s_name_is_safe_on_any_file_system(level: str) -> None:
    """One level of a path, never up, never hidden by reserved names, within the length; equal names stay equal."""
    name = file_name(level)
    assert name == file_name(level)
    assert 0 < len(name.encode()) <= 100
    assert name not in (".", "..")
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name.isprintable() or all(not 0xD800 <= ord(character) < 0xE000 and ord(character) > 31 for character in name)
    assert name == name.rstrip(". ").lstrip(" ")
    assert not export._RESERVED.fullmatch(name)


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_folders_never_share_a_name_by_accident(one: str, other: str) -> None:
    """What is changed to fit carries digits of what it was."""
    if one != other and "~" not in one + other:
        assert file_name(one) != file_name(other)


async def test_an_export_is_byte_identical_complete_and_in_the_ledger(tmp_path: Path) -> None:
    """Odd mail in odd folders: the files' SHA-256 are those of the messages, a copy in two folders is two files (P1)."""
    archive = await homes.begin(tmp_path / "home")
    raws = [sample.raw for sample in odd_messages(2) if sample.raw]
    await homes.store(archive, dict(enumerate(raws, 1)), folder="INBOX/..")
    await homes.store(archive, {1: raws[0]}, folder="Con/a:b")
    target = tmp_path / "out"
    done = await export_eml(archive, await users.find(archive, "alice"), target, actor="cli:test")
    files = [path for path in target.rglob("*") if path.is_file()]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert digests == {hashlib.sha256(raw).hexdigest() for raw in raws}
    assert done.messages == len(files) == len(set(raws)) + 1
    assert all(path.resolve().is_relative_to(target.resolve()) and path.suffix == ".eml" for path in files)
    entry = (await homes.entries(archive))[-1]
    assert (entry.kind, entry.actor, entry.payload["messages"]) == ("exported", "cli:test", done.messages)
    await archive.close()


async def test_an_export_goes_on_where_it_stopped_and_writes_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by a full disk no half file is left; the next one adds the rest; a strange file of that name ends it."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: message(number) for number in range(1, 6)})
    alice, target = await users.find(archive, "alice"), tmp_path / "out"
    replace, count = os.replace, 0

    def full(source: Path, file: Path) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(28, "No space left on device")
        replace(source, file)

    with monkeypatch.context() as patch:
        patch.setattr("core.archive.export.os.replace", full)
        with pytest.raises(StorageError, match="No space left"):
            await export_eml(archive, alice, target)
    assert sorted(path.suffix for path in target.rglob("*") if path.is_file()) == [".eml", ".eml"]
    times = {path: path.stat().st_mtime_ns for path in target.rglob("*.eml")}
    done = await export_eml(archive, alice, target)
    assert (done.messages, done.already) == (3, 2)
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())

    stranger = next(iter(times))
    stranger.write_bytes(b"mine")
    with pytest.raises(InputError, match="another message"):
        await export_eml(archive, alice, target)
    assert stranger.read_bytes() == b"mine"
    await archive.close()


async def test_one_folder_and_what_is_below_it_can_be_exported(tmp_path: Path) -> None:
    """Not its namesake that only begins alike; a folder that is not there is an input error and no entry."""
    archive: Archive = await homes.begin(tmp_path / "home")
    for number, folder in enumerate(("Work", "Work/A", "Workshop"), 1):
        await homes.store(archive, {number: message(number)}, folder=folder)
    alice = await users.find(archive, "alice")
    done = await export_eml(archive, alice, tmp_path / "out", folder=f"{ALICE}/Work")
    assert done.messages == 2
    head = await archive.head()
    with pytest.raises(InputError, match="no mail in"):
        await export_eml(archive, alice, tmp_path / "no", folder="Nowhere")
    assert await archive.head() == head
    assert not (tmp_path / "no").exists()
    await archive.close()
