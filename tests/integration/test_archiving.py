"""Archiving from a real server: bytes and completeness, and anything in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from core.archive.proof.verify import verify
from core.archive.read.selection import Selection
from core.archive.transfer.export import ExportFormat, export
from core.demo.mail import sample_mailbox
from core.demo.odd import odd_messages
from core.model import RunStatus
from tests.conftest import StartDovecot
from tests.servers.dovecot import quoted, served
from tests.servers.proxy import Proxy
from tests.support import ALICE, Sandbox, all_digests, mail, placed, profile, reading, sandbox, sha256

pytestmark = pytest.mark.server
ALL = ("**", "Junk E-mail")


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


async def test_every_message_is_archived_byte_for_byte(dovecot: StartDovecot, box: Sandbox) -> None:
    """Sample and odd mail, junk named explicitly: hashes, folders and counts are those of the server's own files (P1, P2)."""
    server = dovecot()
    for message in [*sample_mailbox(ALICE, 120, seed=3, average_size=8_000), *odd_messages(1)]:
        server.deliver(ALICE, message.folder, message.raw, message.flags, message.internaldate)
    expected = server.expected(ALICE)
    count = sum(len(digests) for digests in expected.values())
    outcome = await box.run(reading(server, *ALL))
    assert outcome.reasons == ""
    assert await box.digests() == all_digests(expected)
    assert await box.places() == placed(expected)
    assert (outcome.tally.found, outcome.tally.archived, outcome.tally.failed) == (count, count, 0)
    assert outcome.snapshot.fraction == 1.0


async def test_odd_mail_is_archived_byte_for_byte(dovecot: StartDovecot, box: Sandbox, odd_mail: list[bytes]) -> None:
    """All odd messages in one folder, and nothing to complain about."""
    server = dovecot()
    for raw in odd_mail:
        server.deliver(ALICE, "INBOX", raw)
    outcome = await box.run(reading(server))
    assert (outcome.status, outcome.result.problems) == (RunStatus.SUCCEEDED, [])
    assert outcome.tally.archived == len(odd_mail)
    assert await box.digests() == {sha256(served(raw)) for raw in odd_mail}


async def test_a_run_with_nothing_new_is_three_round_trips(dovecot: StartDovecot, box: Sandbox) -> None:
    """After the login: folders with STATUS, and LOGOUT; nothing is archived a second time."""
    server = dovecot()
    for number in range(20):
        server.deliver(ALICE, ("INBOX", "Sent Items", "A/B", "Drafts")[number % 4], mail(f"n {number}"))
    with Proxy(server.host, server.plain_port) as proxy:
        first = await box.run(profile(proxy))
        proxy.reset_counters()
        second = await box.run(profile(proxy))
        turns = proxy.turns
    assert (first.tally.archived, second.tally.archived, second.tally.known, second.tally.found) == (20, 0, 20, 20)
    # CAPABILITY and the two steps of AUTHENTICATE come before.
    assert turns <= 3 + 3


async def test_default_exclusions_are_counted(dovecot: StartDovecot, box: Sandbox) -> None:
    """Junk is left out, named with its reason, and found = archived + excluded."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("wanted"))
    for number in range(3):
        server.deliver(ALICE, "Junk E-mail", mail(f"junk {number}"))
    outcome = await box.run(reading(server))
    assert (outcome.tally.found, outcome.tally.archived, outcome.tally.excluded) == (4, 1, 3)
    assert outcome.result.excluded_folders == {"Junk E-mail": "junk mail"}
    assert outcome.status is RunStatus.SUCCEEDED


async def test_missing_names_what_the_archive_does_not_have(dovecot: StartDovecot, box: Sandbox) -> None:
    """Empty after a run; after new mail the folder and UID that came, until the next run."""
    server = dovecot()
    for number in range(3):
        server.deliver(ALICE, "INBOX", mail(f"n {number}"))
    await box.run(reading(server))
    assert await box.missing(reading(server)) == {}
    server.deliver(ALICE, "INBOX", mail("late"))
    server.deliver(ALICE, "Neu/Ä", mail("later"))
    assert await box.missing(reading(server)) == {"INBOX": [4], "Neu/Ä": [1]}
    await box.run(reading(server))
    assert await box.missing(reading(server)) == {}


async def test_archiving_marks_no_message_as_seen(dovecot: StartDovecot, box: Sandbox) -> None:
    """Flags on the server are as they were, also after moves were looked into."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("unseen"))
    server.deliver(ALICE, "INBOX", mail("flagged"), [r"\Flagged"])
    await box.run(reading(server))
    server.move(ALICE, "INBOX", "Moved")
    await box.run(reading(server))
    names = [file.name.partition(":2,")[2] for folder in ("INBOX", "Moved") for file in server.messages(ALICE, folder)]
    assert sorted(names) == ["", "F"]


async def test_gaps_of_thousands_in_the_uids_are_no_gap_in_the_archive(dovecot: StartDovecot, box: Sandbox) -> None:
    """Messages before, in and after large gaps arrive; nothing is inferred from the highest UID."""
    server = dovecot()
    for number in range(4):
        server.deliver(ALICE, "INBOX", mail(f"n {number}"))
    with server.client(ALICE) as session:
        session.select("INBOX", readonly=True)
    uidlist = server.folder_path(ALICE, "INBOX") / "dovecot-uidlist"
    lines = uidlist.read_text().splitlines()
    new = {"2": "5000", "3": "70000", "4": "4000000000"}
    header = " ".join("N4000000001" if word.startswith("N") else word for word in lines[0].split(" "))
    body = [f"{new.get(line.split(' ')[0], line.split(' ')[0])} {line.split(' ', 1)[1]}" for line in lines[1:]]
    for file in server.folder_path(ALICE, "INBOX").glob("dovecot.index*"):
        file.unlink()
    uidlist.write_text("\n".join([header, *body, ""]))
    outcome = await box.run(reading(server))
    assert outcome.tally.archived == 4
    rows = await box.archive.database.read("SELECT uid FROM source_message ORDER BY uid")
    assert [row[0] for row in rows] == [1, 5000, 70000, 4000000000]


async def test_same_message_id_with_other_bytes_is_another_message(dovecot: StartDovecot, box: Sandbox) -> None:
    """A draft and the mail sent; two without Message-ID: all are kept."""
    server = dovecot()
    first = mail("one", "first text", message_id="same")
    second = mail("one", "other text", message_id="same")
    server.deliver(ALICE, "Drafts", first)
    server.deliver(ALICE, "Sent Items", second)
    await box.run(reading(server))
    assert await box.digests() == {sha256(first), sha256(second)}


async def test_a_message_with_an_old_date_is_archived_like_any_other(dovecot: StartDovecot, box: Sandbox) -> None:
    """Moved in after the first run with an INTERNALDATE of 1999: no watermark swallows it."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("new"))
    await box.run(reading(server))
    old = mail("old")
    server.deliver(ALICE, "INBOX", old, internaldate=datetime(1999, 5, 1, tzinfo=UTC))
    outcome = await box.run(reading(server))
    assert outcome.tally.archived == 1
    assert sha256(old) in await box.digests()


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_ever_forgotten(dovecot: StartDovecot, box: Sandbox, seed: int) -> None:
    """Random deliveries, moves, deletions, renames and new UIDVALIDITYs with a run after each few (P2).

    Every message on the server at the time of a run is in the archive ever after, and no run leaves anything missing.
    """
    random = Random(seed)
    server = dovecot()
    ever: set[str] = set()
    number = 0
    for _ in range(6):
        for _ in range(random.randint(1, 6)):
            names = ["INBOX", "A", "B/C", "Deleted Items", "Drafts"]
            there = [name for name in server.folders(ALICE) if server.messages(ALICE, name)]
            action = random.choice(("deliver", "deliver", "twin", "move", "move", "delete", "validity", "rename"))
            if action in ("deliver", "twin") or not there:
                number += action != "twin"
                moment = datetime(2024, 1, 1 + number % 28, tzinfo=UTC)
                server.deliver(ALICE, random.choice(names), mail(f"n {number}"), internaldate=moment)
            elif action == "move":
                server.move(ALICE, random.choice(there), random.choice(names), random.randint(1, 2))
            elif action == "delete":
                server.remove_messages(ALICE, random.choice(there))
            elif action == "validity":
                server.change_uidvalidity(ALICE, random.choice(there))
            elif others := [name for name in there if name != "INBOX"]:
                with server.client(ALICE) as session:
                    session.rename(quoted(random.choice(others)), quoted(f"R{random.randint(1, 99)}"))
        outcome = await box.run(reading(server))
        assert outcome.result.problems == []
        tally = outcome.tally
        assert tally.found == tally.archived + tally.known + tally.moved
        expected = server.expected(ALICE)
        assert tally.found == sum(len(digests) for digests in expected.values())
        ever |= all_digests(expected)
        assert await box.digests() == ever
        assert await box.missing(reading(server)) == {}
        # What is somewhere on the server is there in the archive too; only the trash keeps former places.
        lost = placed({name: digests for name, digests in expected.items() if name != "Deleted Items"}) - await box.places()
        assert not lost


@pytest.mark.parametrize("folder", ["Drafts", "Old/Drafts"])
async def test_versions_of_a_draft_are_all_archived_whatever_happens_to_its_folder(
    dovecot: StartDovecot, box: Sandbox, folder: str
) -> None:
    """A version that went in an earlier run, or with its folder, is no origin of one that is filed elsewhere later."""
    server, moment = dovecot(), datetime(2024, 3, 1, 8, tzinfo=UTC)
    first, second = (mail("draft", text, message_id="d") for text in ("version 1", "version 2"))
    server.deliver(ALICE, folder, first, internaldate=moment)
    server.deliver(ALICE, folder, mail("other"), internaldate=moment)
    await box.run(reading(server))
    if folder == "Drafts":
        server.remove_messages(ALICE, folder)
        await box.run(reading(server))
        await box.run(reading(server))
    else:
        server.remove_folder(ALICE, folder)
    server.deliver(ALICE, "Projekte", second, internaldate=moment)
    await box.run(reading(server))
    assert {sha256(first), sha256(second)} <= await box.digests()


async def test_a_message_saved_anew_in_its_folder_is_archived(dovecot: StartDovecot, box: Sandbox) -> None:
    """The same header, size and date in the same folder, but another body: programs save changed messages so."""
    server, moment = dovecot(), datetime(2024, 3, 1, 8, tzinfo=UTC)
    first, second = (mail("template", text, message_id="t") for text in ("version 1", "version 2"))
    server.deliver(ALICE, "Vorlagen", first, internaldate=moment)
    await box.run(reading(server))
    server.remove_messages(ALICE, "Vorlagen")
    server.deliver(ALICE, "Vorlagen", second, internaldate=moment)
    assert (await box.run(reading(server))).tally.archived == 1
    assert {sha256(first), sha256(second)} == await box.digests()


async def test_another_header_is_another_message_and_no_move(dovecot: StartDovecot, box: Sandbox) -> None:
    """Equal size and date do not make a move: the header decides, and what differs is downloaded."""
    server, moment = dovecot(), datetime(2024, 3, 1, 8, tzinfo=UTC)
    server.deliver(ALICE, "INBOX", mail("letter a"), internaldate=moment)
    await box.run(reading(server))
    server.remove_messages(ALICE, "INBOX")
    server.deliver(ALICE, "Projects", mail("letter b"), internaldate=moment)
    outcome = await box.run(reading(server))
    assert (outcome.tally.moved, outcome.tally.archived) == (0, 1)
    assert await box.digests() == {sha256(mail("letter a")), sha256(mail("letter b"))}


@pytest.mark.slow
async def test_four_thousand_messages_come_out_as_they_went_in(
    dovecot: StartDovecot, box: Sandbox, odd_mail: list[bytes], tmp_path: Path
) -> None:
    """3,000 generated messages and the odd ones: the exported files are what the server's own files hold, with CRLF.

    A second run brings nothing; nothing is missing; verify is clean.
    """
    server = dovecot()
    for message in sample_mailbox(ALICE, 3000, seed=3, average_size=6000):
        server.deliver(ALICE, message.folder, message.raw, message.flags, message.internaldate)
    for number, raw in enumerate(odd_mail):
        server.deliver(ALICE, f"Odd/{number % 5}", raw)
    wanted = all_digests(server.expected(ALICE))
    first = await box.run(reading(server, *ALL))
    assert (first.status, first.tally.archived) == (RunStatus.SUCCEEDED, 3000 + len(odd_mail))
    done = await export(box.archive, Selection(), tmp_path / "out", ExportFormat.EML)
    exported = {sha256(file.read_bytes()) for file in (tmp_path / "out").rglob("*.eml")}
    assert exported == wanted
    assert done.damaged == []
    again = await box.run(reading(server, *ALL))
    assert (again.status, again.tally.archived, again.tally.known) == (RunStatus.SUCCEEDED, 0, 3000 + len(odd_mail))
    assert await box.missing(reading(server, *ALL)) == {}
    assert [one.text for one in (await verify(box.archive.home)).findings] == []
