"""Users who come from a directory: their stored fields, in old archives and new ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.registry import user_import, users
from core.archive.store.entries.records import UserSaved
from core.archive.store.ledger import Draft
from core.model import User
from core.profiles.selection import SelectionMode, UserSelection, select
from core.profiles.users_csv import read
from tests import homes

ANNA = User(
    "1", "anna", ("anna@x.test", "old@x.test"), "anna", "Anna A", False, True, "objectGUID:00ff", ("anna@x.test", "ä@x.test")
)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


@pytest.mark.parametrize("many", [False, True])
async def test_where_a_user_comes_from_is_kept_and_proved(archive: Archive, many: bool) -> None:
    """One by one or many at once: read back as saved, and verify replays it from the ledger."""
    people = [replace(ANNA, id=f"{n}", name=f"u{n}", addresses=(f"u{n}@x.test",)) for n in range(3 if many else 1)]
    await archive.append([Draft(UserSaved(one)) for one in people])
    assert [one for one in await users.all_users(archive) if one.directory_id] == people
    assert await users.find(archive, "u0") == people[0]
    assert (await verify(archive.home)).findings == []


async def test_entries_of_before_there_were_directories_are_read(archive: Archive) -> None:
    """A user saved by an older version is kept by hand and not disabled."""
    plain = {key: ANNA.as_json()[key] for key in ("id", "name", "addresses", "login", "full_name", "removed")}
    await archive.append([homes.draft("user.saved", {"user": plain})])
    assert await users.find(archive, "anna") == ANNA.by_hand()
    assert (await verify(archive.home)).findings == []


def test_who_is_disabled_is_archived_only_when_named() -> None:
    """Passed by when all are selected, and no reason for a remark; a list by name still means them."""
    bob = User("2", "bob", ("bob@x.test",))
    empty = replace(ANNA, id="3", name="empty", addresses=())
    everybody = [ANNA, bob, empty]
    found = select(UserSelection(), everybody)
    assert (found.users, found.without_address) == ((bob,), ())
    assert select(UserSelection(SelectionMode.ALL_EXCEPT, ("bob",)), everybody).users == ()
    assert select(UserSelection(SelectionMode.ONLY, ("anna",)), everybody).users == (ANNA,)


async def test_a_removed_user_who_comes_back_by_hand_is_kept_by_hand(archive: Archive) -> None:
    """Added again or imported: the next synchronisation has nothing to remove."""
    await archive.append([Draft(UserSaved(replace(ANNA, removed=True)))])
    planned = await user_import.plan(archive, read(b"name,email\nanna,new@x.test\n").rows)
    [change] = planned.back
    assert (change.after.directory_id, change.after.disabled) == ("", False)
    back, _ = await users.add(archive, "anna", ["anna@x.test"])
    assert (back.id, back.directory_id, back.disabled, back.directory_addresses) == ("1", "", False, ())
