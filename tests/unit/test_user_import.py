"""Importing users: the plan is shown first, and then all of it is done or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.registry import user_import, users
from core.errors import InputError
from core.problems.command_line import COMMAND_LINE
from core.profiles.users_csv import read
from core.system.actor import Actor
from tests import homes
from tests.homes import ALICE

#: More than the 32,766 values that a statement of SQLite takes, where it was built as usual.
MANY = 33_000


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def _import(archive: Archive, text: str) -> user_import.ImportPlan:
    planned = await user_import.plan(archive, read(text.encode()).rows)
    await user_import.carry_out(archive, planned, "cli:test")
    return planned


async def test_new_changed_unchanged_and_returning_users_are_told_apart(archive: Archive) -> None:
    """Before anything is written; then it is so, each change an entry of the ledger with who did it."""
    gone, _ = await users.add(archive, "gone", ["gone@example.test"], login="g")
    await users.remove(archive, gone)
    await users.add(archive, "same", ["same@example.test"])
    head = await archive.head()
    text = f"name,email\nALICE,{ALICE} b@example.test\nsame,same@example.test\nGone,new@example.test\nanna,anna@example.test\n"
    planned = await user_import.plan(archive, read(text.encode()).rows)
    assert [change.sentence() for change in planned.changes] == [
        "anna: new, anna@example.test",
        'gone: comes back with the archive kept under this name; addresses "" -> "new@example.test"',
        f'alice: addresses "{ALICE}" -> "{ALICE}, b@example.test"',
    ]
    assert (len(planned.new), len(planned.back), len(planned.changed), planned.unchanged, planned.conflicts) == (1, 1, 1, 1, ())
    assert await archive.head() == head
    await user_import.carry_out(archive, planned, "cli:test")
    entries = [entry async for entry in archive.entries(head.seq)]
    assert [(entry.kind, Actor.of(entry.actor).channel) for entry in entries] == [("user.saved", "cli")] * 3
    back = await users.find(archive, "gone")
    assert (back.id, back.addresses, back.login) == (gone.id, ("new@example.test",), "g")
    again = await _import(archive, text)
    assert (again.changes, again.unchanged) == ((), 4)
    assert (await archive.head()).seq == head.seq + 3


async def test_columns_that_are_not_there_leave_what_is_there(archive: Archive) -> None:
    """A list of logins takes no addresses; an empty field does remove the old value."""
    await _import(archive, "name,login\nalice,al\n")
    alice = await users.find(archive, "alice")
    assert (alice.addresses, alice.login) == ((ALICE,), "al")
    await _import(archive, "name,email,login\nalice,,\n")
    alice = await users.find(archive, "alice")
    assert (alice.addresses, alice.login) == ((), "")


async def test_an_address_of_somebody_else_is_a_conflict_and_nothing_is_imported(archive: Archive) -> None:
    """Named with its line; the ledger is as long as before."""
    head = await archive.head()
    planned = await user_import.plan(archive, read(f"name,email\nbob,b@x.test\ncarl,{ALICE.upper()}\n".encode()).rows)
    assert [one.told(COMMAND_LINE) for one in planned.conflicts] == [
        f"line 3: {ALICE.upper()} belongs to alice already. An address belongs to one user only."
    ]
    with pytest.raises(InputError, match="line 3"):
        await user_import.carry_out(archive, planned)
    assert await archive.head() == head


async def test_addresses_may_go_from_one_user_to_another_in_one_list(archive: Archive) -> None:
    """Both ways at once: what counts is how it is afterwards. A removed user's addresses are free."""
    await users.add(archive, "bob", ["bob@example.test"])
    await users.add(archive, "carl", ["carl@example.test"])
    await users.remove(archive, await users.find(archive, "carl"))
    planned = await _import(archive, f"name,email\nalice,bob@example.test\nbob,{ALICE} carl@example.test\n")
    assert len(planned.changed) == 2
    found = {user.name: user.addresses for user in await users.all_users(archive)}
    assert found == {"alice": ("bob@example.test",), "bob": (ALICE, "carl@example.test")}
    await archive.rebuild()
    assert {user.name: user.addresses for user in await users.all_users(archive)} == found


async def test_what_somebody_changed_in_between_is_seen(archive: Archive) -> None:
    """Planned, then a user is changed: nothing is imported, and the plan must be looked at again."""
    rows = read(b"name,email,login\nalice,alice@example.test,al\nbob,bob@example.test,\n").rows
    planned = await user_import.plan(archive, rows)
    await users.edit(archive, replace(await users.find(archive, "alice"), login="other"))
    head = await archive.head()
    with pytest.raises(InputError, match="in the meantime"):
        await user_import.carry_out(archive, planned)
    await users.add(archive, "dora", ["bob@example.test"])
    with pytest.raises(InputError, match="belongs to dora"):
        await user_import.carry_out(archive, planned)
    assert (await archive.head()).seq == head.seq + 1


async def test_a_name_twice_is_a_conflict_too(archive: Archive) -> None:
    """For any source of the rows: one name is one user."""
    row = read(b"name\nbob\n").rows[0]
    planned = await user_import.plan(archive, [row, replace(row, line=9, name="BOB")])
    assert [one.told(COMMAND_LINE) for one in planned.conflicts] == [
        'line 9: The name "BOB" stands in line 2 already. Each user has one row.'
    ]


async def test_any_number_of_users_is_imported_at_once(archive: Archive) -> None:
    """Read, planned and written in one go, although no statement of SQLite takes so many values; the catalog has them all."""
    lines = [f"user{n:05};user{n:05}@example.test,u{n}@example.test;u{n};Jörg Müller {n}" for n in range(MANY)]
    data = "\n".join(["Name;E-Mail;Login;Vollständiger Name", *lines]).encode()
    planned = await user_import.plan(archive, read(data).rows)
    await user_import.carry_out(archive, planned)
    assert await users.count(archive) == MANY + 1
    assert await users.count(archive, contains="MÜLLER 2999") == 11
    assert await archive.database.value("SELECT seq FROM applied") == (await archive.head()).seq


async def test_an_imported_archive_is_whole(archive: Archive) -> None:
    """Verify finds nothing: the catalog is what a replay of the ledger makes."""
    await _import(archive, "name,email\n" + "".join(f"u{n},u{n}@example.test\n" for n in range(50)))
    await _import(archive, "name,email\n" + "".join(f"u{n},u{(n + 1) % 50}@example.test\n" for n in range(50)))
    assert (await verify(archive.home)).findings == []
