"""A mailbox on a real Dovecot is archived whole, byte for byte, run after run, through all changes on the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from core.archive.proof.verify import verify
from core.archive.read.selection import Selection
from core.archive.transfer.export import ExportFormat, export
from core.demo.mail import sample_mailbox
from core.demo.odd import odd_messages
from core.engine.run.moves import Moves
from core.engine.visit.looking import Look
from core.imap.connection import Client
from core.model import RunStatus
from core.profiles.profile import Access, Profile, Target
from core.secrets import Secret
from tests.conftest import StartDovecot
from tests.servers.dovecot import Certificate, Dovecot, quoted, served
from tests.servers.proxy import Proxy
from tests.support import ALICE, At, Sandbox, all_digests, connection_test, folder_tree, mail, placed, profile, sandbox, sha256

pytestmark = pytest.mark.server
ALL = ("**", "Junk E-mail")


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def reading(server: Dovecot, *include: str) -> Profile:
    return profile(At(server.host, server.plain_port), include=include)


# -- bytes and completeness


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


# -- moves


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


# -- UIDVALIDITY, folders that come and go


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


# -- names


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


# -- connecting


@pytest.mark.parametrize("access", [Access.IMAP_SSL, Access.IMAP_TLS])
@pytest.mark.parametrize("certificate", ["good", "expired", "wrong-name", "self-signed"])
async def test_the_certificate_of_a_server_is_checked(
    dovecot: StartDovecot, box: Sandbox, access: Access, certificate: Certificate
) -> None:
    """A good one is taken; what is wrong with another is said with a remedy, and may be accepted on request."""
    server = dovecot(certificate=certificate, allow_plain=False)
    server.deliver(ALICE, "INBOX", mail("over TLS"))
    address = At(server.host, server.ssl_port if access is Access.IMAP_SSL else server.plain_port)
    strict = profile(address, access=access, ca_file=server.ca_file)
    steps = {step.name: step for step in await connection_test(strict, Secret("secret"))}
    said = {"good": "", "expired": "has expired", "wrong-name": "is for another", "self-signed": "is self-signed"}[certificate]
    if certificate == "good":
        assert all(step.ok for step in steps.values())
        assert (await box.run(strict)).tally.archived == 1
        return
    assert [name for name, step in steps.items() if step.ok is False] == ["certificate"]
    assert said in steps["certificate"].text
    assert "accept_all_certificates" in steps["certificate"].hint
    outcome = await box.run(strict)
    assert outcome.status is RunStatus.FAILED
    assert said in outcome.reasons
    relaxed = profile(address, access=access, accept_all=True)
    assert (await box.run(relaxed)).tally.archived == 1


async def test_the_connection_test_ticks_off_its_steps_in_order(dovecot: StartDovecot) -> None:
    """Each access has its steps in the order in which they happen; all are told as they are known."""
    server = dovecot()
    orders = {
        Access.IMAP: ["lookup", "tcp", "greeting", "login", "folders"],
        Access.IMAP_SSL: ["lookup", "tcp", "tls", "certificate", "greeting", "login", "folders"],
        Access.IMAP_TLS: ["lookup", "tcp", "greeting", "tls", "certificate", "login", "folders"],
    }
    for access, order in orders.items():
        port = server.ssl_port if access is Access.IMAP_SSL else server.plain_port
        ticked: list[str] = []
        wanted = profile(At(server.host, port), access=access, ca_file=server.ca_file)
        steps = await connection_test(wanted, Secret("secret"), lambda step, ticked=ticked: ticked.append(step.name))  # type: ignore[misc]
        assert ticked == [step.name for step in steps] == order
        assert all(step.ok for step in steps)


@pytest.mark.parametrize("access", list(Access))
async def test_the_wrong_kind_of_access_is_named(dovecot: StartDovecot, access: Access) -> None:
    """TLS on the plain port, plain and STARTTLS on the TLS port: an error with a hint, soon, and no endless wait."""
    server = dovecot()
    port = server.plain_port if access is Access.IMAP_SSL else server.ssl_port
    wrong = profile(At(server.host, port), access=access, ca_file=server.ca_file, timeout=1.0)
    steps = await connection_test(wrong, Secret("secret"))
    [failed] = [step for step in steps if step.ok is False]
    assert failed.name == ("tls" if access is Access.IMAP_SSL else "greeting")
    assert "imap" in failed.hint


PASSWORDS = ["geheim", "pä55wörd€", 'qu"ote', "back\\slash", "two words", "{5}", "(paren)", "%s*", "a&b"]


@pytest.fixture(params=["AUTHENTICATE", "LOGIN"])
def way_to_log_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Dovecot always announces AUTH=PLAIN; not seeing that makes us use LOGIN."""
    if request.param == "LOGIN":
        monkeypatch.setattr(Client, "has_capability", lambda self, name: False)
    return str(request.param)


@pytest.mark.usefixtures("way_to_log_in")
async def test_any_password_logs_in(dovecot: StartDovecot, box: Sandbox) -> None:
    """Umlauts, quotes, backslashes and blanks, with AUTHENTICATE and with LOGIN."""
    users = {f"user{number}@example.test": password for number, password in enumerate(PASSWORDS)}
    server = dovecot(users)
    for user, password in users.items():
        server.deliver(user, "INBOX", mail(user))
        outcome = await box.run(profile(At(server.host, server.plain_port), username=user), password)
        assert (outcome.reasons, outcome.tally.archived) == ("", 1)


async def test_a_wrong_password_is_named_and_never_shown(dovecot: StartDovecot, box: Sandbox, way_to_log_in: str) -> None:
    """Step login, with a remedy; tried once, for accounts get locked; the password is in no text."""
    server = dovecot()
    with Proxy(server.host, server.plain_port) as proxy:
        outcome = await box.run(profile(proxy), 'wr0ng"pass\\word')
        assert proxy.connections == 1
    assert outcome.status is RunStatus.FAILED
    assert "refused the login of alice@example.test" in outcome.reasons
    assert "Check user name and password" in outcome.advice
    [step] = [step for step in await connection_test(reading(server), Secret("wr0ng")) if step.ok is False]
    assert step.name == "login"
    assert "wr0ng" not in f"{outcome} {step}"


async def test_a_name_that_is_nowhere_and_a_port_that_is_closed_are_named(dovecot: StartDovecot) -> None:
    """Step lookup and step tcp, each with its remedy; steps not reached are neither good nor bad."""
    server = dovecot()
    port = server.plain_port
    server.stop()
    closed = await connection_test(profile(At(server.host, port)), Secret("secret"))
    assert [(step.name, step.ok) for step in closed][:3] == [("lookup", True), ("tcp", False), ("greeting", None)]
    assert "port" in closed[1].hint
    nowhere = await connection_test(profile(At("nowhere.invalid", port)), Secret("secret"))
    assert [(step.name, step.ok) for step in nowhere][:2] == [("lookup", False), ("tcp", None)]
    assert "DNS" in nowhere[0].hint


async def test_too_many_connections_are_waited_for(dovecot: StartDovecot, box: Sandbox) -> None:
    """Dovecot's limit per user and address is no wrong password: the refusal says so, and is tried again."""
    server = dovecot(extra="mail_max_userip_connections = 1")
    server.deliver(ALICE, "INBOX", mail("one"))
    with server.client(ALICE), Proxy(server.host, server.plain_port) as proxy:
        busy = await box.run(profile(proxy))
        assert proxy.connections == 4
    assert busy.status is RunStatus.FAILED
    assert "Maximum number of connections" in busy.reasons
    assert (await box.run(reading(server), backoff=(0.2,) * 20)).tally.archived == 1


async def test_the_folder_tree_says_what_is_left_out_and_why(dovecot: StartDovecot) -> None:
    """INBOX first; counts; a reason for junk and for folders that only hold others."""
    server = dovecot()
    for folder in ("Zeta", "INBOX", "Junk E-mail"):
        server.deliver(ALICE, folder, mail(folder))
    server.create_folder(ALICE, "Nur", selectable=False)
    tree = [(one.path, one.messages, one.excluded) for one in await folder_tree(reading(server), Secret("secret"))]
    assert tree == [
        ("INBOX", 1, ""),
        ("Junk E-mail", 1, "junk mail"),
        ("Nur", None, "holds only other folders"),
        ("Zeta", 1, ""),
    ]


# -- anything in any order


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
