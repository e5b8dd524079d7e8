"""Searching in the console, on a real archive with a real index."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest
from textual import events

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.search import query as language
from tests import homes, sought_mail
from tests.homes import ALICE
from tests.reasons import said
from tests.screens import STRANGE, straight
from tests.shown_mail import BOTH_SIZES, mail
from tests.sought_mail import index, searching, seek
from tests.terminal.consoles import console_on
from tests.terminal.staged import HOSTILE
from tui.places.archive.archive import ArchivePlace
from tui.places.archive.archive_mail import MailPlace
from tui.places.archive.archive_message import MessagePlace
from tui.places.archive.searching import SearchPlace
from tui.places.home.home import HomePlace
from tui.text import syntax

starts = sought_mail.starts
archive = sought_mail.archive


def subjects(place: SearchPlace) -> list[str]:
    rows = [place.rows.row(at) for at in range(place.rows.total)]
    return [row.subject if row else "?" for row in rows]


@BOTH_SIZES
async def test_slash_leads_from_home_to_a_hit_and_escape_back(archive: Archive, size: tuple[int, int]) -> None:
    """/, words, enter, down, enter; n goes on through the hits; each escape leads one step back."""
    async with console_on(archive.home, size) as screen:
        await screen.until_shown("/ Search")
        place = await searching(screen)
        await screen.until_shown("Search everything [", "Type what to find", "in everybody's mail", "^g How to search")
        assert straight(screen.lines, size)
        await screen.press(*"steel", "enter")
        await screen.until_shown("5 found, newest first", "· 2024-01-10", "Offer 10", "Offer 6", "alice: Work/Steel")
        assert straight(screen.lines, size)
        assert place.typing
        await screen.press("down", "down")
        await screen.until_shown("▸ 2024-01-09", "─ Offer 9 ─")
        await screen.press("enter")
        await screen.until_shown("Subject  Offer 9")
        await screen.press("n")
        await screen.until_shown("Subject  Offer 8")
        await screen.press("p", "p")
        await screen.until_shown("Subject  Offer 10")
        await screen.press("p")
        await screen.until_shown("This is the first one.")
        await screen.press("escape")
        await screen.until_shown("▸ 2024-01-10")
        await screen.press("escape")
        await screen.until(lambda: place.typing)
        await screen.press("escape")
        await screen.until(lambda: type(screen.console.screen) is HomePlace)


async def test_enter_and_down_lead_into_the_list_and_the_slash_back(archive: Archive) -> None:
    """Enter a second time is enough, and what is in the line is kept."""
    async with console_on(archive.home) as screen:
        place = await searching(screen)
        await screen.until_shown("enter Search")
        await seek(screen, place, "steel")
        await screen.until_shown("5 found", "enter To the list")
        await screen.press("enter")
        await screen.until(lambda: place.among_rows)
        await screen.press("slash")
        await screen.until(lambda: place.typing)
        assert place.search.value == "steel"
        await screen.press("down")
        await screen.until(lambda: place.among_rows)
        await screen.press("q")
        await screen.until(lambda: place.typing)


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("steel fro:anna", 6, 'There is no field "fro". Did you mean from:?'),
        ("漢字 (steel", 3, "This parenthesis is not closed."),
        ("steel user:nobody", 11, "There is no user nobody. The place Users lists all of them."),
        ("folder:nowhere", 7, "There is no folder nowhere. Archive (the key m on Home) shows"),
        ("  larger:[/b]", 9, '"[/b]" is no size. Write 500kB'),
        ("", 0, "There is nothing to search for."),
        ("x " * 40 + "on:never " + "y " * 30, 83, '"never" is no date.'),
    ],
)
async def test_an_error_is_shown_at_its_place(archive: Archive, text: str, at: int, said: str) -> None:
    """A caret stands below the very character, with the remedy; what was found before stays."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "steel")
        await screen.until_shown("5 found")
        await seek(screen, place, text)
        await screen.until_shown(said)
        line = place.search.line
        cells = line.region.x + len(text[:at].encode("utf-16-le")) // 2 - line.scroll_offset.x
        cells += sum(ord(one) > 0x2E80 for one in text[:at])
        await screen.until(lambda: screen.lines[2].rstrip() == f"{' ' * cells}^")
        assert straight(screen.lines, (80, 24))
        await screen.until_shown("5 found, newest first", "Offer 10")
        assert place.typing


async def test_a_query_is_corrected_where_it_is_wrong(archive: Archive) -> None:
    """The caret goes when the text is changed, what is wrong is told until it is right."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "fro:bob")
        await screen.until_shown("Did you mean from:?")
        await screen.until(lambda: "^" in screen.lines[2])
        place.search.line.cursor_position = 3
        await screen.press("m")
        await screen.until(lambda: "^" not in screen.lines[2])
        await screen.until_shown("Did you mean from:?", "[from:bob")
        await screen.press("enter")
        await screen.until_shown("10 found")
        assert "Did you mean" not in screen.text


async def test_the_order_is_told_and_turned(archive: Archive) -> None:
    """^r: what fits best, and back; in the line and in the list."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "steel")
        await screen.until_shown("5 found, newest first", "^r Relevance")
        assert subjects(place)[0] == "Offer 10"
        await screen.press("ctrl+r")
        await screen.until_shown("5 found, by relevance", "^r Newest first")
        assert sorted(subjects(place)) == sorted(f"Offer {number}" for number in range(6, 11))
        await screen.press("down", "ctrl+r")
        await screen.until_shown("5 found, newest first")
        assert place.among_rows


async def test_a_search_begins_where_one_stands_and_can_be_widened(archive: Archive) -> None:
    """In an open folder, in a user's mail, everywhere: said in words, and turned by a key."""
    await users.add(archive, "bob", ["bob@example.test"])
    bob = (await users.find(archive, "bob")).id
    await archive.append([homes.archived({9: mail(9, "bobs")}, owner=bob)], await archive.writer.prepare([mail(9, "bobs")]))
    await index(archive)
    async with console_on(archive.home) as screen:
        await screen.press("m")
        await screen.until_shown("Whose mail (2)", "/ Search")
        await searching(screen, "from:bob")
        await screen.until_shown("11 found", "in everybody's mail")
        assert "^l" not in screen.text
        await screen.press("escape", "escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.press("m", "enter")
        await screen.until_shown("Folders of alice", "/ Search")
        await searching(screen, "from:bob")
        await screen.until_shown("Search alice [", "10 found", "in the mail of alice", "^l Everywhere")
        await screen.press("ctrl+l")
        await screen.until_shown("Search everything [", "11 found", "^l Only alice")
        await screen.press("ctrl+l")
        await screen.until_shown("Search alice [", "10 found")
        await screen.press("escape")
        await screen.until_shown("Folders of alice", "▸     INBOX")
        await screen.press("enter")
        await screen.until_shown("INBOX (5)")
        place = await searching(screen, "from:bob")
        await screen.until_shown("Search INBOX [", "5 found", f"in {ALICE}/INBOX of alice")
        await seek(screen, place, "steel")
        await screen.until_shown("Nothing found", "for: steel", "^l  searches everybody's mail")
        await screen.press("ctrl+l")
        await screen.until_shown("5 found", "in everybody's mail")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, MailPlace))


async def test_a_list_of_any_length_stands_still(archive: Archive) -> None:
    """Home and end, a few pages fetched; mail that comes in moves nothing, and the dot shows it."""
    await homes.store(archive, {uid: mail(1, f"many {uid:04}") for uid in range(1, 1201)}, folder="Many")
    await index(archive)
    async with console_on(archive.home) as screen:
        place = await searching(screen, "many")
        await screen.until_shown("1,200 found, newest first", "many 1200")
        await screen.press("down", "end")
        await screen.until_shown("▸ 2024-01-01", "many 0001")
        await screen.press("home", "down")
        await screen.until_shown("▸ 2024-01-01  Bob Builder       many 1199")
        assert len(place.rows._pages) <= 3
        await homes.store(archive, {2000: mail(2, "many and new")}, folder="Many")
        await index(archive)
        await screen.until_shown("more came, . searches again", "1,200 found", "▸ 2024-01-01  Bob Builder       many 1199")
        await screen.press("full_stop")
        await screen.until_shown("1,201 found", "▸ 2024-01-02  Bob Builder       many and new")
        await screen.until(lambda: "more came" not in screen.text)


async def test_what_cannot_be_found_yet_is_told(archive: Archive, starts: AsyncMock) -> None:
    """The number, while it goes down; indexing is started, and a search is worth repeating then."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "fresh")
        await screen.until_shown("Nothing found")
        assert not starts.await_count
        await homes.store(archive, {50: mail(11, "fresh 1"), 51: mail(12, "fresh 2")}, folder="New")
        await screen.until_shown("2 messages cannot be found yet")
        await screen.until(lambda: starts.await_count)
        await index(archive)
        await screen.until_shown("more came, enter searches again")
        await screen.press("enter")
        await screen.until_shown("2 found, newest first", "fresh 2")
        assert place.typing


async def test_a_service_that_cannot_be_started_is_told(archive: Archive, starts: AsyncMock) -> None:
    """The reason why mail is not indexed stands below the number."""
    from core.errors import ArchivarError

    starts.side_effect = ArchivarError(said("The service did not start.", "See the log."))
    await homes.store(archive, {50: mail(11, "fresh 1")}, folder="New")
    async with console_on(archive.home) as screen:
        await searching(screen, "fresh")
        await screen.until_shown("1 message cannot be found yet", "It is not being made: The service did not start.")


async def test_queries_come_back_with_the_arrows(archive: Archive) -> None:
    """Up and down in the line; what was being typed is not lost, and down at the end leads into the list."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "steel")
        await screen.until_shown("5 found")
        await seek(screen, place, "from:bob")
        await screen.until_shown("10 found")
        place.search.line.value = "half ty"
        await screen.press("up")
        assert place.search.value == "from:bob"
        await screen.press("up", "up")
        assert place.search.value == "steel"
        await screen.press("down", "down")
        assert place.search.value == "half ty"
        await screen.press("down")
        await screen.until(lambda: place.among_rows)


# Help and looks ----------------------------------------------------------------------------------------------------------


def test_the_help_tells_of_every_field_in_examples_that_work() -> None:
    """No field is missing, and each example is a query."""
    examples = [example for example, _ in (*syntax.WORDS, *syntax.FIELDS)]
    told = {name for name in language.FIELDS if any(f"{name}:" in example for example in examples)}
    assert told == set(language.FIELDS)
    for example in examples:
        assert language.parse(example).terms


async def test_the_help_is_one_key_away(archive: Archive) -> None:
    """From the line and from the list; f1 lists the keys, the palette all actions."""
    async with console_on(archive.home) as screen:
        await searching(screen)
        await screen.press("ctrl+g")
        await screen.until_shown("How to search", "offer steel", "from:anna")
        await screen.press("escape", "f1")
        await screen.until_shown("Keys", "The newest first, or what fits best")
        await screen.press("escape")
        place = screen.console.screen
        assert isinstance(place, SearchPlace)
        await seek(screen, place, "steel")
        await screen.until_shown("5 found")
        await screen.press("down")
        await screen.until(lambda: place.among_rows)
        commands = {command.title for command in screen.console.get_system_commands(place)}
        assert {"Open", "Mark", "Search", "All found", "How to search", "Relevance"} <= commands


@BOTH_SIZES
async def test_hostile_mail_and_a_hostile_query_move_no_column(archive: Archive, size: tuple[int, int]) -> None:
    """Subjects, folders and what is pasted into the line: shown, obeyed nowhere, and no column moves."""
    raw = HOSTILE[:900].replace("\r", "").replace("\n", "")
    message = f"From: {raw} <x@example.test>\r\nSubject: evil {raw}\r\n\r\n{raw}\r\n".encode("utf-8", "surrogatepass")
    await homes.store(archive, {77: message}, folder="Evil [/b]\u202eexe")
    await index(archive)
    async with console_on(archive.home, size) as screen:
        place = await searching(screen, "evil")
        await screen.until_shown("1 found", "evil")
        assert straight(screen.lines, size)
        assert not set(screen.text) & STRANGE
        place.search.line.post_message(events.Paste(" nowhere " + raw[:60].replace("\x00", "")))
        await screen.press("enter")
        await screen.until(lambda: ("found" in screen.text and "1 found" not in screen.text) or "! " in screen.text)
        assert straight(screen.lines, size)
        assert not set(screen.text) & STRANGE


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000], ids=["empty", "text"])
async def test_an_index_that_breaks_while_one_searches(archive: Archive, content: bytes) -> None:
    """It is begun anew, which is told; what was found stays readable, and the console goes on."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "steel")
        await screen.until_shown("5 found", "Offer 10")
        archive.home.search.write_bytes(content)
        for suffix in ("-wal", "-shm"):
            archive.home.search.with_name(f"{archive.home.search.name}{suffix}").unlink(missing_ok=True)
        await screen.until_shown("10 messages cannot be found yet", "Offer 10")
        await screen.press("down", "enter")
        await screen.until_shown("Subject  Offer 10")
        await screen.press("escape", "slash")
        await seek(screen, place, "offer")
        await screen.until_shown("Nothing found", "10 messages cannot be found yet: the index is being made.")
        await index(archive)
        await screen.until_shown("more came")
        await screen.press("enter")
        await screen.until_shown("5 found", "Offer 6")


async def test_a_search_can_be_left_for_another_place(archive: Archive) -> None:
    """Keys of places lead away from the list; the search is closed."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "steel")
        await screen.until_shown("5 found")
        await screen.press("down", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, MessagePlace))
        await screen.press("m")
        await screen.until(lambda: isinstance(screen.console.screen, ArchivePlace))
        assert not place.is_attached
