"""Moves on a real server, and folders that come and go: the archive follows and loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.engine.run.moves import Moves
from core.engine.visit.looking import Look
from core.model import RunStatus
from core.profiles.profile import Target
from tests.conftest import StartDovecot
from tests.servers.dovecot import quoted
from tests.servers.proxy import Proxy
from tests.support import ALICE, Sandbox, mail, placed, profile, reading, sandbox, sha256

pytestmark = pytest.mark.server


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


async def test_the_archive_follows_a_move_without_downloading(dovecot: StartDovecot, box: Sandbox) -> None:
    """The old placement is closed, the new one open, the ledger tells of it, and no body crosses the wire again (P4)."""
    server = dovecot()
    raw = mail("large", "x" * 300_000)
    server.deliver(ALICE, "INBOX", raw)
    server.deliver(ALICE, "INBOX", mail("stays"))
    with Proxy(server.host, server.plain_port) as proxy:
        await box.run(profile(proxy))
        server.move(ALICE, "INBOX", "Projekte/Änderungen")
        proxy.reset_counters()
        outcome = await box.run(profile(proxy))
        assert proxy.bytes_to_client < 20_000
        assert await box.missing(profile(proxy)) == {}
    assert (outcome.tally.moved, outcome.tally.archived, outcome.tally.found) == (1, 0, 2)
    assert await box.places() == placed(server.expected(ALICE))
    history = [(folder, until is not None) for folder, digest, until in await box.history() if digest == sha256(raw)]
    assert history == [("INBOX", True), ("Projekte/Änderungen", False)]
    [entry] = await box.entries("moved")
    assert len(entry["moves"]) == 1


async def test_a_renamed_folder_is_a_move_of_all_in_it(dovecot: StartDovecot, box: Sandbox) -> None:
    """Nothing is downloaded again, and all is under the new name."""
    server = dovecot()
    for number in range(12):
        server.deliver(ALICE, "Alt/Sub", mail(f"n {number}"))
    await box.run(reading(server))
    with server.client(ALICE) as session:
        assert session.rename(quoted("Alt"), quoted("Größer"))[0] == "OK"
    outcome = await box.run(reading(server))
    assert (outcome.tally.moved, outcome.tally.archived) == (12, 0)
    assert await box.places() == placed(server.expected(ALICE))
    assert {folder for folder, _ in await box.places()} == {"Größer/Sub"}


async def test_a_copy_is_one_message_in_two_places(dovecot: StartDovecot, box: Sandbox) -> None:
    """Content is kept once, placements are two."""
    server = dovecot()
    raw = mail("copied")
    server.deliver(ALICE, "INBOX", raw)
    server.deliver(ALICE, "Kopien", raw)
    outcome = await box.run(reading(server))
    assert outcome.tally.archived == 2
    assert await box.archive.database.value("SELECT count(*) FROM message") == 1
    assert set(await box.places()) == {("INBOX", sha256(raw)), ("Kopien", sha256(raw))}


async def test_of_twins_only_the_one_that_moved_moves(dovecot: StartDovecot, box: Sandbox) -> None:
    """Two messages with the same bytes in a folder, one is moved: the message is in both folders."""
    server = dovecot()
    raw = mail("twin")
    moment = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
    for _ in range(2):
        server.deliver(ALICE, "INBOX", raw, internaldate=moment)
    await box.run(reading(server))
    server.move(ALICE, "INBOX", "Anderswo")
    outcome = await box.run(reading(server))
    assert (outcome.tally.moved, outcome.tally.archived, outcome.tally.found) == (1, 0, 2)
    assert set(await box.places()) == {("INBOX", sha256(raw)), ("Anderswo", sha256(raw))}
    server.move(ALICE, "INBOX", "Anderswo")
    await box.run(reading(server))
    assert set(await box.places()) == {("Anderswo", sha256(raw))}
    assert await box.missing(reading(server)) == {}


async def test_what_goes_to_the_trash_keeps_its_place(dovecot: StartDovecot, box: Sandbox) -> None:
    """Into Deleted Items and back, and from there elsewhere: the archive shows the folder it belongs to (SPEC F1)."""
    server = dovecot()
    raw = mail("deleted")
    server.deliver(ALICE, "Projekte", raw)
    await box.run(reading(server))
    server.move(ALICE, "Projekte", "Deleted Items")
    outcome = await box.run(reading(server))
    assert (outcome.tally.moved, outcome.tally.archived) == (1, 0)
    assert set(await box.places()) == {("Projekte", sha256(raw))}
    server.move(ALICE, "Deleted Items", "Projekte")
    await box.run(reading(server))
    assert [(folder, until) for folder, _, until in await box.history()] == [("Projekte", None)]
    server.move(ALICE, "Projekte", "Deleted Items")
    await box.run(reading(server))
    server.move(ALICE, "Deleted Items", "INBOX")
    outcome = await box.run(reading(server))
    assert outcome.tally.archived == 0
    assert set(await box.places()) == {("INBOX", sha256(raw))}


async def test_drafts_are_always_downloaded(dovecot: StartDovecot, box: Sandbox) -> None:
    """Same header, size and INTERNALDATE, other text: both versions are in the archive."""
    server = dovecot()
    moment = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
    versions = [mail("draft", text, message_id="draft") for text in ("version 1", "version 2", "version 3")]
    server.deliver(ALICE, "Drafts", versions[0], internaldate=moment)
    await box.run(reading(server))
    server.remove_messages(ALICE, "Drafts")
    server.deliver(ALICE, "Drafts", versions[1], internaldate=moment)
    await box.run(reading(server))
    # Written anew and deleted between two runs: what lies in the trash is not what was seen in Drafts.
    server.remove_messages(ALICE, "Drafts")
    server.deliver(ALICE, "Deleted Items", versions[2], internaldate=moment)
    await box.run(reading(server))
    assert await box.digests() == {sha256(raw) for raw in versions}


async def test_what_is_known_is_known_for_one_archive_only(dovecot: StartDovecot, box: Sandbox) -> None:
    """A profile that is pointed at another folder, or a server on another port, gets all mail: nothing passes as known (P2)."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("one"))
    first = reading(server)
    assert (await box.run(first)).tally.archived == 1
    elsewhere = replace(first, target=Target("alice", "second"))
    assert (await box.run(elsewhere)).tally.archived == 1
    with Proxy(server.host, server.plain_port) as proxy:
        assert (await box.run(profile(proxy))).tally.archived == 1
    assert (await box.run(first)).tally.archived == 0
    assert len(await box.digests()) == 1


async def test_a_new_uidvalidity_loses_nothing_and_downloads_only_what_is_new(dovecot: StartDovecot, box: Sandbox) -> None:
    """New mail sits on old UIDs: it is archived, what was there is recognised, what had gone stays."""
    server = dovecot()
    old = [mail(f"old {number}", "x" * 30_000) for number in range(6)]
    for number, raw in enumerate(old):
        server.deliver(ALICE, "INBOX", raw, internaldate=datetime(2024, 1, 1 + number, tzinfo=UTC))
    with Proxy(server.host, server.plain_port) as proxy:
        await box.run(profile(proxy))
        server.remove_messages(ALICE, "INBOX", 2)
        new = [mail(f"new {number}") for number in range(3)]
        for raw in new:
            server.deliver(ALICE, "INBOX", raw)
        server.change_uidvalidity(ALICE, "INBOX")
        proxy.reset_counters()
        outcome = await box.run(profile(proxy))
        assert proxy.bytes_to_client < 20_000
        assert await box.missing(profile(proxy)) == {}
    assert (outcome.tally.archived, outcome.tally.moved, outcome.tally.found) == (3, 4, 7)
    assert outcome.result.problems == []
    assert await box.digests() == {sha256(raw) for raw in [*old, *new]}
    assert set(await box.places()) == {("INBOX", sha256(raw)) for raw in [*old, *new]}


async def test_a_folder_made_anew_or_emptied_loses_nothing(dovecot: StartDovecot, box: Sandbox) -> None:
    """Deleted, re-created under the same name with other mail, emptied, deleted again: the archive keeps everything."""
    server = dovecot()
    before, after = [mail(f"before {n}") for n in range(3)], [mail(f"after {n}") for n in range(2)]
    for raw in before:
        server.deliver(ALICE, "Projekt", raw)
    await box.run(reading(server))
    with server.client(ALICE) as session:
        assert session.delete("Projekt")[0] == "OK"
        assert session.create("Projekt")[0] == "OK"
    for raw in after:
        server.deliver(ALICE, "Projekt", raw)
    outcome = await box.run(reading(server))
    everything = {("Projekt", sha256(raw)) for raw in [*before, *after]}
    assert (outcome.tally.archived, set(await box.places())) == (2, everything)
    server.remove_messages(ALICE, "Projekt", 2)
    emptied = await box.run(reading(server))
    assert (emptied.tally.found, set(await box.places())) == (0, everything)
    server.remove_folder(ALICE, "Projekt")
    gone = await box.run(reading(server))
    assert (gone.status, set(await box.places())) == (RunStatus.SUCCEEDED, everything)
    assert len(await box.digests()) == 5


async def test_a_folder_that_is_gone_for_one_run_is_not_downloaded_again(dovecot: StartDovecot, box: Sandbox) -> None:
    """A folder missing from LIST once keeps its places in the archive, and is recognised when it is back."""
    server = dovecot()
    for number in range(4):
        server.deliver(ALICE, "Wackelig", mail(f"n {number}"))
        server.deliver(ALICE, "AAA", mail("copy"))
    await box.run(reading(server))
    path = server.folder_path(ALICE, "Wackelig")
    hidden = path.rename(server.base / "hidden")
    await box.run(reading(server))
    places = await box.places()
    hidden.rename(path)
    outcome = await box.run(reading(server))
    assert outcome.tally.archived == 0
    assert await box.places() == places == placed(server.expected(ALICE))


async def test_a_session_that_dovecot_ends_in_the_middle_is_made_again(
    dovecot: StartDovecot, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UIDVALIDITY changes while the folder is open: the folder is named, others are archived, the next run has it all."""
    server = dovecot()
    for number in range(3):
        server.deliver(ALICE, "INBOX", mail(f"in {number}"))
        server.deliver(ALICE, "ZZZ", mail(f"z {number}"))
    find = Moves.find

    async def change(moves: Moves, looks: Sequence[Look]) -> object:
        monkeypatch.undo()
        server.change_uidvalidity(ALICE, "ZZZ")
        server.change_uidvalidity(ALICE, "INBOX")
        return await find(moves, looks)

    monkeypatch.setattr(Moves, "find", change)
    outcome = await box.run(reading(server))
    assert outcome.status is RunStatus.WITH_ERRORS
    assert {folder for folder, _ in outcome.problems} == {"INBOX", "ZZZ"}
    assert outcome.tally.found == outcome.tally.archived + outcome.tally.failed == 6
    healed = await box.run(reading(server))
    assert (healed.status, await box.places()) == (RunStatus.SUCCEEDED, placed(server.expected(ALICE)))


async def test_what_another_client_expunges_in_between_is_no_failure(
    dovecot: StartDovecot, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gone between listing and fetch: not archived, not missing, and the rest of the batch is there."""
    server = dovecot()
    for number in range(5):
        server.deliver(ALICE, "INBOX", mail(f"n {number}"))
    find = Moves.find

    async def expunge(moves: Moves, looks: Sequence[Look]) -> object:
        monkeypatch.undo()
        server.remove_messages(ALICE, "INBOX", 2)
        return await find(moves, looks)

    monkeypatch.setattr(Moves, "find", expunge)
    outcome = await box.run(reading(server))
    assert (outcome.status, outcome.tally.found, outcome.tally.archived) == (RunStatus.SUCCEEDED, 3, 3)
    assert await box.places() == placed(server.expected(ALICE))


NAMES = [
    "Änderungen/Größe",
    'say "hi"',
    "back\\slash",
    "100 %",
    "st*r",
    "trailing.",
    " blanks ",
    "x" * 230,
    "Case",
    "CASE",
    "[red]x[/b]",
    "esc\x1b[31m",
    "line\nbreak",
    "\u202eabc",
    "007",
    "a&b",
    "{5}",
    "📦",
    "Ordner mit ( Klammer",
]


@pytest.mark.parametrize("separator", ["/", "."])
async def test_folders_with_strange_names_are_archived_under_their_names(
    dovecot: StartDovecot, box: Sandbox, separator: str
) -> None:
    """Umlauts, quotes, wildcards, escapes, a line break, 230 characters, names that differ in case; parents that hold none."""
    server = dovecot(separator=separator)
    names = [name.replace("/", separator) for name in NAMES if separator == "/" or "." not in name]
    expected = {}
    for name in names:
        raw = mail(f"in {sha256(name.encode())[:8]}")
        server.deliver(ALICE, name, raw)
        levels = [level.replace("/", "\u2215") for level in name.split(separator)]
        expected["/".join(levels), sha256(raw)] = 1
    server.create_folder(ALICE, f"Nur{separator}Eltern", selectable=False)
    outcome = await box.run(reading(server))
    assert outcome.result.problems == []
    assert await box.places() == expected
    again = await box.run(reading(server))
    assert (again.tally.archived, again.tally.moved, again.tally.known) == (0, 0, len(names))
