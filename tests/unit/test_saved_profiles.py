"""Saved profiles: in the ledger without their passwords, which are this machine's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive import saved_profiles
from core.archive.archive import Archive
from core.errors import InputError
from core.profiles.profile import Target
from core.secrets import Secret
from core.service.queue import Queue
from tests import homes


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def test_a_profile_comes_back_as_it_was_saved_in_any_case_of_letters(archive: Archive) -> None:
    """Saved, found, saved again under another spelling: one profile, with its password."""
    await saved_profiles.save(archive, homes.profile("mail.example.test", 993, name="Staff"), Secret("one"))
    changed = homes.profile("mail.example.test", 143, name="STAFF")
    await saved_profiles.save(archive, changed)
    assert await saved_profiles.all_profiles(archive) == [changed]
    assert (await saved_profiles.password(archive, changed)).reveal() == "one"
    assert await saved_profiles.has_password(archive, changed)


async def test_the_ledger_never_holds_a_password(archive: Archive) -> None:
    """Profiles come back with a rebuild; passwords are kept through it, as they are no part of the catalog."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret("Passwort!"))
    assert all(b"Passwort" not in entry.plain for entry in await homes.entries(archive))
    await archive.rebuild()
    assert await saved_profiles.all_profiles(archive) == [profile]
    assert (await saved_profiles.password(archive, profile)).reveal() == "Passwort!"


async def test_nothing_is_saved_for_a_user_who_is_not_there(archive: Archive) -> None:
    """The target must be a user: refused, and no entry is written."""
    head = await archive.head()
    profile = homes.profile("mail.example.test", 993)
    stranger = type(profile)(profile.name, profile.server, profile.login, Target("nobody", "x"))
    with pytest.raises(InputError, match="no user"):
        await saved_profiles.save(archive, stranger, Secret("a"))
    assert await archive.head() == head
    assert await archive.database.read("SELECT * FROM password") == []


async def test_a_profile_that_is_being_run_is_not_removed(archive: Archive) -> None:
    """Refused with the run's number; removed when it has ended, with its password."""
    profile = homes.profile("mail.example.test", 993)
    await saved_profiles.save(archive, profile, Secret("a"))
    run, _ = await Queue(archive.database).enqueue("Test")
    with pytest.raises(InputError, match=f"run {run.id}"):
        await saved_profiles.remove(archive, "test")
    await archive.database.read("UPDATE run SET status = 'failed'")
    await saved_profiles.remove(archive, "test")
    assert await saved_profiles.all_profiles(archive) == []
    with pytest.raises(InputError, match="no profile"):
        await saved_profiles.find(archive, "Test")


async def test_a_password_file_is_read_at_its_first_line(archive: Archive, tmp_path: Path) -> None:
    """Line end left out; missing, empty or binary files are told by name."""
    file = tmp_path / "word"
    file.write_bytes("Öl und Essig \r\nsecond".encode())
    assert saved_profiles.read_password(file).reveal() == "Öl und Essig "
    for content, words in ((b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")):
        file.write_bytes(content)
        with pytest.raises(InputError, match=words):
            saved_profiles.read_password(file)
    with pytest.raises(InputError, match="cannot be read"):
        saved_profiles.read_password(tmp_path / "none")
