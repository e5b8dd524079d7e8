"""Unknown addresses in the console: seen on Home, settled by one key each, and their mail filed, on a real archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.registry import unknown, users
from core.engine.visit.catchall import SortedFiling, Sorting
from core.engine.visit.filing import Destination
from core.imap.names import Folder
from core.imap.replies import Listed
from core.profiles.catchall import CatchAll
from core.profiles.routing import AddressBook
from tests import homes
from tests.screens import BOTH_SIZES, STRANGE, Shown, straight
from tests.terminal.consoles import console_on
from tui.desk.desk import open_desk
from tui.desk.refusals import Refused
from tui.desk.users.unknown import UnknownDesk, proposed
from tui.places.home.home import HomePlace
from tui.places.users.unknown import UnknownPlace

INBOX = Folder("INBOX", "INBOX")


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setattr("tui.desk.desk.ensure_running", AsyncMock())
    archive = await homes.begin(tmp_path / "home")
    await users.add(archive, "bob", ["bob@example.test"])
    yield archive
    await archive.close()


async def arrive(archive: Archive, *messages: str) -> None:
    """One message for alice and the addresses of each of ``messages`` comes to a catch-all mailbox."""
    book = AddressBook(await users.all_users(archive), domains=("example.test", "old.test"))
    target = Destination(1, "imap://journal@mail.example.test -> everybody", "@catchall", "x", True)
    filing = SortedFiling(archive, target, Sorting(CatchAll(), book, users.NOBODY))
    for uid, people in enumerate(messages, 1):
        raw = f"To: {homes.ALICE}, {people}\r\nSubject: {uid}\r\n\r\n".encode()
        batch = [(uid, raw, Listed(len(raw), None, ""))]
        await filing.store(INBOX, 7, batch)


async def at_unknown(screen: Shown) -> UnknownPlace:
    await screen.press("w")
    await screen.until_shown("Unknown addresses (")
    place = screen.console.screen
    assert isinstance(place, UnknownPlace)
    return place


@BOTH_SIZES
async def test_unknown_addresses_are_listed_with_what_is_known_of_them(archive: Archive, size: tuple[int, int]) -> None:
    """Those with the most mail first: how many, since when, until when; the keys at the foot; enter shows all of it."""
    await arrive(archive, "carl@example.test", "carl@example.test, dora@example.test")
    async with console_on(archive.home, size) as screen:
        await screen.until_shown("2 addresses are unknown since 20", "→ see to it")
        await screen.press("1")
        await screen.until_shown("Unknown addresses (2)", "t open", "▸ carl@example.test", "dora@example.test", "! open")
        await screen.until_shown("2 messages, 2 of them not filed", "a Alias", "n New user", "x Not ours", "f File now")
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until_shown("━ Unknown address ━", "First seen")
        await screen.press("escape", "escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_an_address_becomes_an_alias_and_its_mail_is_filed(archive: Archive) -> None:
    """a, typing, enter; f says first how many messages go to whom, and n leaves them."""
    await arrive(archive, "robert@example.test", "robert@example.test")
    async with console_on(archive.home) as screen:
        await at_unknown(screen)
        await screen.press("f")
        await screen.until_shown("No mail waits for a user.")
        await screen.press("a")
        await screen.until_shown("Who has robert@example.test?", "alice", "bob")
        await screen.press(*"zz")
        await screen.until_shown("Nobody has that")
        await screen.press("enter", "backspace", "backspace")
        await screen.until_shown("· alice")
        await screen.press("down")
        await screen.until_shown("· bob")
        await screen.press("enter")
        await screen.until_shown("robert@example.test belongs to bob now.", "… to be filed", "It belongs to bob.")
        assert "a Alias" not in screen.text
        await screen.press("f")
        await screen.until_shown("2 messages would be filed.", "bob: 2 messages")
        await screen.press("n")
        await screen.press("f")
        await screen.until_shown("y  file it")
        await screen.press("y")
        await screen.until_shown("2 messages filed.", "No unknown addresses.")
        await screen.press("t")
        await screen.until_shown("Unknown addresses (1)", "✔ known")
    assert (await users.find(archive, "bob")).addresses == ("bob@example.test", "robert@example.test")
    assert await unknown.to_be_filed(archive) == 0


async def test_enter_takes_who_was_typed_and_not_who_was_marked_before(archive: Archive) -> None:
    """Pressed before the search has a result, it waits for that."""
    await arrive(archive, "robert@example.test")
    async with console_on(archive.home) as screen:
        await at_unknown(screen)
        await screen.press("a")
        await screen.until_shown("· alice")
        await screen.press(*"bob", "enter")
        await screen.until_shown("robert@example.test belongs to bob now.")


async def test_an_address_becomes_a_user(archive: Archive) -> None:
    """n proposes the name; Home says that mail can be filed."""
    await arrive(archive, "carl@example.test")
    async with console_on(archive.home) as screen:
        await at_unknown(screen)
        await screen.press("n")
        await screen.until_shown("New user", "[carl ", "[carl@example.test ")
        await screen.press("enter")
        await screen.until_shown("User carl added.", "… to be filed")
        await screen.press("h")
        await screen.until_shown("1 message waits to be filed to users who are known by now.")
    assert (await users.find(archive, "carl")).addresses == ("carl@example.test",)


async def test_what_is_not_ours_can_be_taken_back(archive: Archive) -> None:
    """x asks whether the address or the whole domain; a domain in which users are is asked about once more; z takes it back."""
    await arrive(archive, "carl@example.test", "x@old.test, y@old.test")
    async with console_on(archive.home) as screen:
        await at_unknown(screen)
        await screen.press("x")
        await screen.until_shown("What is not ours?", "only carl@example.test", "all of example.test")
        await screen.press("down", "enter")
        await screen.until_shown(
            "Is the whole domain not ours?", "2 users have addresses in example.test.", "n  leave it as it is"
        )
        assert straight(screen.lines, (80, 24))
        await screen.press("n", "end")
        await screen.until_shown("▸ y@old.test")
        assert await unknown.ignored(archive) == []
        await screen.press("x")
        await screen.until_shown("all of old.test")
        await screen.press("down", "enter")
        await screen.until_shown("@old.test is not ours.", "Unknown addresses (1)")
        assert await unknown.ignored(archive) == ["@old.test"]
        assert "z Ours" not in screen.text
        await screen.press("t")
        await screen.until_shown("Unknown addresses (3)", "· not ours", "t all")
        await screen.press("end", "z")
        await screen.until_shown("@old.test is ours again.")
        await screen.until(lambda: screen.text.count("! open") == 3)
    assert await unknown.ignored(archive) == []


async def test_hostile_addresses_are_shown_and_obeyed_nowhere(archive: Archive) -> None:
    """Invisible characters are in no user's address, and such an address can be marked as not ours."""
    hostile = "a\u202e[red]b\u200bc@example.test"
    await arrive(archive, f'"x\x1b]2;OWNED\x07[b]{{y}}"@example.test, {"l" * 200}@example.test, <a\u202eb\u200b@example.test>')
    assert proposed(hostile) == ""
    assert proposed('"a b"@example.test') == "a b"
    async with console_on(archive.home) as screen:
        place = await at_unknown(screen)
        assert place.rows.total >= 2
        for _ in range(place.rows.total):
            await screen.until(lambda: place.rows.chosen is not None)
            assert straight(screen.lines, (80, 24))
            assert not set(screen.text) & STRANGE
            await screen.press("x")
            await screen.until_shown("What is not ours?")
            assert not set(screen.text) & STRANGE
            await screen.press("escape", "a")
            await screen.until_shown("━ Who has")
            assert not set(screen.text) & STRANGE
            await screen.press("escape", "down")
    desk = UnknownDesk(archive)
    for job in (desk.new_user(hostile), desk.make_alias(hostile, "bob")):
        with pytest.raises(Refused, match="cannot be seen"):
            await job


async def test_a_place_in_the_list_is_that_of_the_page(archive: Archive) -> None:
    """With any rows before an address, in both lists; 0 for one in neither."""
    await arrive(archive, "b@example.test", "b@example.test, c@example.test", "a@example.test, bob2@example.test")
    await unknown.set_ours(archive, "c@example.test", False)
    desk = UnknownDesk(archive)
    for everything in (False, True):
        rows = await desk.page(everything, 0, 100)
        assert len(rows) == await desk.count(everything) == (4 if everything else 3)
        assert [await desk.position(everything, row.key) for row in rows] == list(range(len(rows)))
    assert await desk.position(True, "nobody@example.test") == 0


async def test_home_counts_only_after_something_happened(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Home is looked at twice a second: with nothing new in the ledger nothing is counted."""
    await arrive(archive, "carl@example.test")
    desk = await open_desk(archive.home.path)
    try:
        asked = AsyncMock(side_effect=unknown.open_since)
        monkeypatch.setattr("core.archive.registry.unknown.open_since", asked)
        for _ in range(3):
            assert "1 address is unknown since" in (await desk.home()).attention[0].text
        assert asked.await_count == 1
        await unknown.set_ours(archive, "carl@example.test", False)
        assert (await desk.home()).attention == ()
        assert asked.await_count == 2
    finally:
        await desk.close()
