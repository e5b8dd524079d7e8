"""Users: one name and one address for one person, and no archive is ever lost with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive import reading, users
from core.archive.archive import Archive
from core.errors import InputError
from tests import homes
from tests.homes import ALICE, message


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


@pytest.mark.parametrize("name", ["", " ", "-x", "a/b", "a\nb", "x" * 101, "a\x1b[2J", "a\udcff", "Alice", " ALICE "])
async def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(archive: Archive, name: str) -> None:
    """Empty, control characters, a path, too long, taken: an input error, and the ledger is as long as before."""
    head = await archive.head()
    with pytest.raises(InputError):
        await users.add(archive, name, [])
    assert await archive.head() == head


@pytest.mark.parametrize("field", ["login", "full_name"])
async def test_text_that_no_catalog_can_hold_is_refused(archive: Archive, field: str) -> None:
    """A byte that is no UTF-8 in the terminal's encoding, or an escape: refused before the ledger has it."""
    for text in ("a\udcff", "a\x1b]0;x\x07", "x" * 201):
        with pytest.raises(InputError, match="cannot be a login"):
            await users.add(archive, "bob", [], **{field: text})
    assert [user.name for user in await users.all_users(archive)] == ["alice"]


async def test_an_address_belongs_to_one_user(archive: Archive) -> None:
    """Refused in any case of letters, free again when its user is removed."""
    with pytest.raises(InputError, match="belongs to alice"):
        await users.add(archive, "bob", [ALICE.upper()])
    await users.remove(archive, await users.find(archive, "alice"))
    bob, again = await users.add(archive, "bob", [ALICE, ALICE])
    assert (bob.addresses, again) == ((ALICE,), False)
    assert (await users.find(archive, ALICE.upper())).name == "bob"


async def test_a_removed_user_s_archive_stays_and_comes_back_with_the_name(archive: Archive) -> None:
    """Removed, the folders can still be read; added again, they are the same user's."""
    await homes.store(archive, {1: message(1)})
    alice = await users.find(archive, "alice")
    await users.remove(archive, alice)
    with pytest.raises(InputError):
        await users.find(archive, "alice")
    kept = await users.find(archive, "alice", removed=True)
    assert [folder.messages for folder in await reading.folders(archive, kept.id)] == [1]
    back, again = await users.add(archive, "Alice", [])
    assert (back.id, again) == (alice.id, True)


async def test_a_user_can_be_renamed_and_the_archive_goes_along(archive: Archive) -> None:
    """The id stays; the old name is free."""
    alice = await users.find(archive, "alice")
    await users.edit(archive, replace(alice, name="Alina"))
    assert (await users.find(archive, "alina")).id == alice.id
    assert (await users.add(archive, "alice", []))[0].id != alice.id


async def test_the_same_user_added_by_two_processes_is_added_once(archive: Archive) -> None:
    """Both ask at the same moment: one is told that the name is taken."""
    other = await Archive.open(archive.home)
    try:
        results = await asyncio.gather(
            *(users.add(one, "Bob", ["bob@example.test"]) for one in (archive, other, archive)), return_exceptions=True
        )
    finally:
        await other.close()
    assert sum(isinstance(result, InputError) for result in results) == 2
    assert [user.name for user in await users.all_users(archive)] == ["alice", "Bob"]
