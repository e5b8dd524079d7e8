"""Rotation of the key of stored passwords: with any interruption, every password can be read with one of the keys."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal_places
from core.archive.registry import passwords, saved_profiles
from core.archive.transfer import backup
from core.config import Home
from core.errors import HomeError, StorageError
from core.problems import command_line
from core.profiles.seal_place import PlaceKind, SealPlace
from core.secrets import Secret
from tests import homes

WORD = "Sesam-öffne-dich"
PROFILE = homes.profile("127.0.0.1", 9)


@pytest.fixture
async def archive(tmp_path: Path) -> Any:
    home = await homes.with_profile(tmp_path / "home", PROFILE, password=WORD)
    opened = await Archive.open(home)
    yield opened
    await opened.close()


async def read(archive: Archive) -> str:
    return (await saved_profiles.password(archive, PROFILE)).reveal()


async def test_a_rotated_key_opens_all_and_the_old_one_nothing(archive: Archive) -> None:
    """Another key, the same password, an entry that says so, and nothing beside it."""
    key = archive.home.key
    old = key.path.read_bytes()
    [(before,)] = await archive.database.read("SELECT box FROM password")
    done = await passwords.rotate_key(archive, actor="cli")
    assert (done.passwords, done.unreadable, done.resumed) == (1, (), False)
    assert await read(archive) == WORD
    assert key.path.read_bytes() != old
    assert (key.path.stat().st_mode & 0o777, key.next_path.exists()) == (0o600, False)
    entry = (await homes.entries(archive))[-1]
    assert entry.actor.startswith("cli:")
    assert (entry.kind, entry.payload) == ("key.rotated", {"passwords": 1, "unreadable": [], "v": 1})
    files = [path for path in archive.home.path.rglob("*") if path.is_file()]
    assert not [path for path in files if before in await asyncio.to_thread(path.read_bytes)]
    key.path.write_bytes(old)
    with pytest.raises(HomeError, match="cannot be decrypted"):
        await read(archive)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["before the boxes", "after the boxes", "after the entry", "after the key"])
async def test_a_rotation_that_is_broken_off_loses_nothing_and_is_carried_on(
    archive: Archive, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each step: the password is read, others are stored, a backup has it, and the next rotation ends it."""

    def end(*_: Any, **__: Any) -> Any:
        raise Killed

    async def ended(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "before the boxes":
            patch.setattr(archive.database, "transaction", end)
        elif step == "after the boxes":
            patch.setattr(archive, "append", ended)
        else:
            real = os.replace

            def last(*words: Any) -> None:
                if step == "after the key":
                    real(*words)
                raise Killed

            patch.setattr("core.secrets.os.replace", last)
        with pytest.raises(Killed):
            await passwords.rotate_key(archive)
    assert await read(archive) == WORD
    box = passwords.box(archive, "other", Secret("another"))
    async with archive.database.transaction() as transaction:
        await transaction.execute("INSERT INTO password (profile, box) VALUES ('other', ?)", (box,))
    copy = archive.home.path.with_name("copy")
    await backup.back_up(archive, copy)
    opened = await Archive.open(Home(copy))
    assert await read(opened) == WORD
    await opened.close()
    done = await passwords.rotate_key(archive)
    assert (done.passwords, done.unreadable, done.resumed) == (2, (), step != "after the key")
    assert await read(archive) == WORD
    assert not archive.home.key.next_path.exists()


async def test_passwords_of_no_key_stay_and_are_named(archive: Archive) -> None:
    """An unreadable password keeps no other from the new key; without any key nothing is touched."""
    async with archive.database.transaction() as transaction:
        await transaction.execute("INSERT INTO password (profile, box) VALUES ('strange', ?)", (b"x" * 40,))
    assert (await passwords.rotate_key(archive)).unreadable == ("strange",)
    assert await read(archive) == WORD
    archive.home.key.path.unlink()
    with pytest.raises(HomeError, match="is missing"):
        await passwords.rotate_key(archive)
    assert not archive.home.key.next_path.exists()


async def test_the_password_of_a_place_for_seals_goes_along_and_is_told_by_the_places_name(archive: Archive) -> None:
    """Also when the key is another one: never by the name under which it lies."""
    post = SealPlace("Ünï Post", PlaceKind.MAIL, "seals@example.test", "127.0.0.1", 9, username="archivar")
    await seal_places.save(archive, post, Secret(WORD))
    assert (await passwords.rotate_key(archive)).passwords == 2
    assert (await seal_places.password(archive, post)).reveal() == WORD
    archive.home.key.path.write_bytes(os.urandom(32))
    with pytest.raises(HomeError, match="password of the place ünï post for seals cannot be decrypted"):
        await seal_places.password(archive, post)
    done = await asyncio.to_thread(homes.cli, archive.home, "key", "rotate")
    assert (done.returncode, "The password of the place ünï post for seals could not be read" in done.stderr) == (1, True)


async def test_a_password_is_read_while_the_key_is_rotated(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The box was read before, the key after it: looked at once more."""
    value = archive.database.value
    rotated = False

    async def late(sql: str, parameters: Any = ()) -> Any:
        nonlocal rotated
        found = await value(sql, parameters)
        if "box" in sql and not rotated:
            rotated = True
            await passwords.rotate_key(archive)
        return found

    monkeypatch.setattr(archive.database, "value", late)
    assert await read(archive) == WORD
    assert rotated


async def test_a_backup_without_the_key_opens_no_password_until_it_is_brought(archive: Archive) -> None:
    """Not even one that had it before; what to do is said, and done it works."""
    copy = Home(archive.home.path.with_name("copy"))
    await backup.back_up(archive, copy.path)
    assert copy.key.path.exists()
    done = await backup.back_up(archive, copy.path, with_key=False)
    assert done.key_removed
    assert not copy.key.path.exists()
    opened = await Archive.open(copy)
    try:
        with pytest.raises(HomeError, match="missing") as missing:
            await read(opened)
        assert f"copy the key of the archive to {copy.key.path}" in missing.value.hint
        with pytest.raises(HomeError, match="is a backup, which is only read"):
            await passwords.rotate_key(opened)
        assert not copy.key.next_path.exists()
        reason = await passwords.without_key(opened)
        assert reason is not None
        told = command_line.told(reason)
        assert f"1 stored password cannot be read. Copy the key of the archive to {copy.key.path}" in told
        copy.key.path.write_bytes(archive.home.key.path.read_bytes())
        assert await read(opened) == WORD
        assert await passwords.without_key(opened) is None
    finally:
        await opened.close()


async def test_a_key_that_cannot_be_put_in_place_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password can be read all the same."""

    def full(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("core.secrets.os.replace", full)
        with pytest.raises(StorageError, match="cannot be written"):
            await passwords.rotate_key(archive)
    assert await read(archive) == WORD
