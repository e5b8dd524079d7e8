"""Users: one name and one address for one person, and no archive is ever lost with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from core.archive.archive import Archive
from core.archive.read import reading
from core.archive.registry import users
from core.archive.store.entries.records import UserSaved
from core.archive.store.ledger import Draft
from core.errors import InputError
from core.model import User
from core.profiles.selection import SelectionMode, UserSelection, select
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


async def test_both_spellings_of_a_domain_are_one_address(archive: Archive) -> None:
    """With umlauts and as mail servers write it: two users would get each other's mail."""
    bob, _ = await users.add(archive, "bob", ["Info@xn--mller-kva.test"])
    with pytest.raises(InputError, match=r"info@müller\.test belongs to bob already, as Info@xn--"):
        await users.add(archive, "carl", ["carl@example.test", "info@müller.test"])
    await users.edit(archive, replace(bob, addresses=("info@müller.test",)))
    with pytest.raises(InputError, match="belongs to bob already"):
        await users.add(archive, "carl", ["info@XN--mller-kva.test"])
    await users.add(archive, "carl", ["jörg@müller.test"])


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


async def test_a_user_that_is_saved_as_before_leaves_no_entry(archive: Archive) -> None:
    """The ledger tells of changes; another order of the addresses is one."""
    one, two = "zora@example.test", "zo@example.test"
    zora, _ = await users.add(archive, "zora", [one, two])
    before = await users.version(archive)
    assert await users.edit(archive, zora) == zora
    assert await users.version(archive) == before
    await users.edit(archive, replace(zora, addresses=(two, one)))
    assert await users.version(archive) != before


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


NAMES = ["anna", "Bob", "JÖRG", "straße", "ΣΊΣΥΦΟΣ", "%", "a_b", "bob@example.test", "İnci", "Zoë Müller", "x\\y"]
WRITTEN = [
    *NAMES,
    "ANNA",
    "jörg",
    "STRASSE",
    "σίσυφοσ",
    " bob ",
    "nobody",
    "",
    "öl@example.test",
    "ÖL@example.test",
    "anna@Example.test",
]


async def _people(archive: Archive, random: Random) -> list[User]:
    """Users of all kinds, straight into the catalog as entries of the ledger would be."""
    found = []
    for number, name in enumerate(random.sample(NAMES, random.randint(0, len(NAMES)))):
        emails = random.sample([f"{number}@example.test", f"Ä{number}@example.test"], random.randint(0, 2))
        emails += {0: ["öl@example.test"], 1: ["anna@example.test"]}.get(number, []) if random.random() < 0.6 else []
        login, full_name = random.choice(["", "Login", "LÖGIN"]), random.choice(["", "Anna Muster", "100 % Öl_"])
        removed, disabled = random.random() < 0.2, random.random() < 0.2
        found.append(User(f"{number:012}", name, tuple(emails), login, full_name, removed, disabled, "x:1", tuple(emails[:1])))
    random.shuffle(found)
    await archive.append([Draft(UserSaved(user)) for user in found])
    return found


@pytest.mark.parametrize("seed", range(40))
async def test_counting_in_the_catalog_gives_what_choosing_from_all_users_gives(archive: Archive, seed: int) -> None:
    """Users to archive, of how many, who has no address, who is unknown: for any selection of any users."""
    random = Random(seed)
    await users.remove(archive, await users.find(archive, "alice"))
    await _people(archive, random)
    everybody = await users.all_users(archive)
    for _ in range(15):
        names = tuple(random.choices(WRITTEN, k=random.randint(0, 5)))
        selection = UserSelection(random.choice(list(SelectionMode)), names)
        expected = select(selection, everybody)
        for many in (0, 1000):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(users, "MANY", many)
                counted = await users.chosen(archive, selection)
            assert counted == expected.counted()
            assert counted.sentence() == expected.sentence()
    without = [user.name for user in everybody if not user.addresses and not user.disabled]
    for many in (0, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(users, "MANY", many)
            assert await users.without_address(archive, 2) == (len(without), without[:2])


@pytest.mark.parametrize("seed", range(20))
async def test_a_search_finds_what_a_person_would(archive: Archive, seed: int) -> None:
    """In name, full name, login and every address, in any case; page by page, in order, each with all addresses."""
    random = Random(seed)
    await _people(archive, random)
    everybody = await users.all_users(archive)
    for text in [
        "",
        "a",
        "%",
        "_",
        "\\",
        "jörg",
        "STRASSE",
        "SS",
        "Σ",
        "müll",
        "LÖGIN",
        "öl",
        "EXAMPLE",
        "muster",
        "i̇",
        "' OR 1",
    ]:
        wanted = text.casefold()
        expected = [
            user
            for user in everybody
            if any(wanted in field.casefold() for field in (user.name, user.full_name, user.login, *user.addresses))
        ]
        assert await users.count(archive, contains=text) == len(expected)
        pages = [await users.page(archive, contains=text, offset=offset, limit=2) for offset in range(0, len(expected) + 1, 2)]
        assert [user for page in pages for user in page] == expected


async def test_a_user_is_found_in_any_case_of_letters(archive: Archive) -> None:
    """Also of letters that are not ASCII, and by any address; a name goes before an address."""
    jörg, _ = await users.add(archive, "Jörg", ["Jörg@example.test"])
    other, _ = await users.add(archive, "jörg@EXAMPLE.test", ["x@example.test"])
    assert (await users.find(archive, "JÖRG")).id == jörg.id
    assert (await users.find(archive, "JÖRG@example.test")).id == other.id
    await users.remove(archive, other)
    assert (await users.find(archive, "JÖRG@example.test")).id == jörg.id
    await users.remove(archive, jörg)
    with pytest.raises(InputError, match="was removed"):
        await users.find(archive, "JÖRG")
    with pytest.raises(InputError, match=r"no user .*Users: alice"):
        await users.find(archive, "")


async def test_whoever_counts_users_knows_when_to_count_again(archive: Archive) -> None:
    """The version changes with every change of a user, in a rebuild too, and with nothing else."""
    before = await users.version(archive)
    await homes.store(archive, {1: message(1)})
    assert await users.version(archive) == before
    seen = {before}
    bob, _ = await users.add(archive, "bob", [])
    seen.add(await users.version(archive))
    await users.edit(archive, replace(bob, login="b"))
    seen.add(await users.version(archive))
    await users.remove(archive, bob)
    seen.add(last := await users.version(archive))
    assert len(seen) == 4
    await archive.rebuild()
    assert await users.version(archive) == last


async def test_a_user_s_place_in_the_list_is_counted(archive: Archive) -> None:
    """Without regard to case, as the list is sorted, and among those that are found alone."""
    for name in ("Zoe", "bob", "Carol"):
        await users.add(archive, name, [])
    listed = [user.name for user in await users.page(archive, offset=0, limit=10)]
    assert [await users.count(archive, before=name) for name in listed] == list(range(len(listed)))
    assert await users.count(archive, contains="o", before="Zoe") == 2
