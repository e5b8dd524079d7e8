"""Mail of the archive put back into mailboxes: the same bytes, flags and dates, never twice, through all interruptions."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Never

import pytest

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.store.stored_message import StoredMessage
from core.engine.restore import presence, restoring
from core.engine.restore.restore_plan import RestorePlan, plan
from core.engine.restore.restoring import Restored, Restoring
from core.errors import BusyError, DamagedError, InputError, StorageError
from core.imap import appending, deleting
from core.imap.names import Folder
from core.imap.selected import Selected
from core.imap.session import Session
from core.message.octets import Bytes
from core.problems import warning
from core.problems.command_line import sentence
from core.problems.subjects import CODES
from core.profiles.age import Age
from core.profiles.catchall import CatchAll
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Method, Profile
from core.secrets import Secret
from tests import homes
from tests.conftest import StartDovecot
from tests.reasons import said
from tests.servers.dovecot import Dovecot, modified_utf7, served_bytes
from tests.servers.kerio import Kerio
from tests.servers.proxy import Proxy
from tests.support import ALICE, SHORT_BACKOFF, At, Sandbox, mail, many, placed, profile, sandbox, sha256

pytestmark = pytest.mark.server
WHEN = datetime(2019, 7, 5, 3, 2, 1, tzinfo=UTC)
BOB = "bob@example.test"
#: (folder, SHA-256, flags, INTERNALDATE) of a message on the server.
Message = tuple[str, str, str, str]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def fill(server: Dovecot, who: str = ALICE, count: int = 4) -> None:
    """Several folders with mail of several flags and dates, and two messages that differ in their last line only."""
    for number in range(count):
        flags = [(), ("\\Seen",), ("\\Seen", "\\Answered"), ("\\Flagged",)][number % 4]
        server.deliver(who, "INBOX", mail(f"note {number}"), flags, WHEN + timedelta(days=number))
    server.deliver(who, "Projekte/Entwürfe & mehr", mail("plan", "grün ä\xff"), ("\\Draft",), WHEN - timedelta(days=400))
    for body in ("one", "two"):
        server.deliver(who, "Sent Items", mail("twins", body, message_id="same"), ("\\Seen",), WHEN)


def on_server(server: Dovecot, who: str = ALICE) -> list[Message]:
    """All messages as another client sees them, past the product."""
    found: list[Message] = []
    with server.client(who) as client:
        for folder in server.folders(who):
            name = f'"{_wire(folder)}"'
            count = int((client.select(name, readonly=True)[1][0] or b"0").decode())
            for number in range(1, count + 1):
                data = client.fetch(str(number), "(FLAGS INTERNALDATE BODY.PEEK[])")[1][0]
                assert isinstance(data, tuple)
                head, raw = data
                flags = b" ".join(sorted(flag for flag in imaplib.ParseFlags(head) if flag != b"\\Recent")).decode()
                date = head.partition(b'INTERNALDATE "')[2].partition(b'"')[0].decode().strip()
                found.append((folder, sha256(raw), flags, date))
    return sorted(found)


def _wire(folder: str) -> str:
    return modified_utf7(folder)


def wipe(server: Dovecot, who: str = ALICE) -> None:
    """Delete everything from outside: all folders but INBOX, and all mail."""
    with server.client(who) as client:
        for folder in server.folders(who):
            client.select(f'"{_wire(folder)}"')
            client.store("1:*", "+FLAGS", "\\Deleted")
            client.expunge()
            client.unselect()
            if folder != "INBOX":
                client.delete(f'"{_wire(folder)}"')


async def planned(box: Sandbox, profile: Profile, selection: Selection | None = None, **options: str) -> RestorePlan:
    return await plan(box.archive, profile, selection or Selection(), **options)


async def restore(
    box: Sandbox,
    profile: Profile,
    selection: Selection | None = None,
    *,
    password: str = "secret",
    dry_run: bool = False,
    backoff: Sequence[float] = SHORT_BACKOFF,
    **options: str,
) -> Restored:
    found = await planned(box, profile, selection, **options)
    return await Restoring(box.archive, found, Secret(password), backoff=tuple(backoff)).run(dry_run=dry_run)


async def test_an_emptied_mailbox_gets_back_what_it_had_and_no_more(box: Sandbox, dovecot: StartDovecot) -> None:
    """Same folders, bytes, flags and dates; a second restore adds nothing; the next run finds nothing new and moves nothing."""
    server = dovecot()
    fill(server)
    before, wanted = on_server(server), placed(server.expected(ALICE))
    one = profile(At(server.host, server.plain_port))
    assert (await box.run(one)).tally.archived == 7
    wipe(server)
    await box.run(one)
    done = await restore(box, one)
    assert (done.messages, done.already, done.problems, done.remarks) == (7, 0, [], [])
    assert set(done.created) == {"Projekte/Entwürfe & mehr", "Sent Items"}
    assert on_server(server) == before
    with server.client(ALICE) as client:
        assert b"Sent Items" in b"".join(line for line in client.lsub()[1] if isinstance(line, bytes))
    again = await restore(box, one)
    assert (again.messages, again.already, again.created) == (0, 7, [])
    assert on_server(server) == before
    history = await box.history()
    run = await box.run(one)
    assert (run.tally.found, run.tally.known, run.tally.archived, run.tally.moved, run.problems) == (7, 7, 0, 0, [])
    assert await box.history() == history
    assert await box.places() == wanted
    assert await box.missing(one) == {}
    assert sum(len(entry["messages"]) for entry in await box.entries("restored")) == 7


async def test_a_large_message_is_put_back_once(box: Sandbox, dovecot: StartDovecot) -> None:
    """It is sent as it is read from the volume, and found again by its bytes, also by a server that keeps CRLF alone."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", mail("large", "A line of its text.\r\n" * 100_000))
    before = on_server(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    owner = (await users.find(box.archive, "alice")).id
    unix = mail("unix", "Another line of its text.\r\n" * 100_000).replace(b"\r\n", b"\n")
    ready = await box.archive.writer.prepare([unix])
    await box.archive.append([homes.archived({9: unix}, owner=owner)], ready)
    wipe(server)
    done = await restore(box, one)
    assert (done.messages, done.already, done.problems) == (2, 0, [])
    assert before[0][1] in {found[1] for found in on_server(server)}
    again = await restore(box, one)
    assert (again.messages, again.already) == (0, 2)


@pytest.mark.parametrize("step", ["its header", "its bytes beside the server's"])
async def test_a_large_message_that_becomes_unreadable_is_named(
    box: Sandbox, dovecot: StartDovecot, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read again to be looked for on the server; the others come, and the result says that the archive is damaged."""
    server = dovecot()
    fill(server, count=2)
    large = mail("large", "A line of its text.\r\n" * 100_000)
    server.deliver(ALICE, "INBOX", large)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    server.deliver(ALICE, "INBOX", large)
    message = Archive.message

    def unreadable(*_: object) -> Never:
        raise StorageError(said("The disk gives an error."))

    async def read(archive: Archive, digest: bytes) -> Bytes:
        found = await message(archive, digest)
        if isinstance(found, StoredMessage) and step == "its header":
            monkeypatch.setattr(found, "_read", unreadable)
        return found

    monkeypatch.setattr(Archive, "message", read)
    if step != "its header":
        monkeypatch.setattr(presence, "same", unreadable)
    done = await restore(box, one)
    assert (done.messages, done.damaged, [problem.subject for problem in done.problems]) == (5, True, ["large"])


async def test_what_was_restored_elsewhere_keeps_its_one_place_in_the_archive(box: Sandbox, dovecot: StartDovecot) -> None:
    """In a folder of its own the mail is known to the next run: not fetched, no second place, no move; a rebuild agrees."""
    server = dovecot()
    fill(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    await box.run(one)
    history = await box.history()
    done = await restore(box, one, to="inbox/Zurück")
    assert (done.messages, done.created) == (7, ["INBOX/Zurück"])
    assert len(server.messages(ALICE, "INBOX/Zurück")) == 7
    run = await box.run(one)
    assert (run.tally.found, run.tally.known, run.tally.archived, run.tally.moved) == (7, 7, 0, 0)
    assert await box.history() == history
    assert (await restore(box, one, to="INBOX/Zurück")).already == 7
    before = homes.tables(box.archive.home)
    await box.archive.rebuild()
    assert homes.tables(box.archive.home) == before


@asynccontextmanager
async def emptied_behind_kerio(box: Sandbox, dovecot: StartDovecot) -> AsyncIterator[tuple[Kerio, Profile]]:
    """A server whose answers can be scripted, with a mailbox that was archived by this profile and is empty since."""
    server = dovecot(master=("master", "word"))
    fill(server)
    with Kerio(server, master_password="kerio master") as kerio:
        one = profile(At(kerio.host, kerio.port))
        await box.run(one)
        wipe(server)
        yield kerio, one


async def test_a_server_that_tells_no_uids_gets_nothing_twice(box: Sandbox, dovecot: StartDovecot) -> None:
    """Without UIDPLUS the UIDs are found by comparing; twins that differ in their last line only are told apart."""
    server = dovecot(extra="imap_capability = IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN", master=("master", "word"))
    fill(server)
    with Kerio(server, master_password="kerio master") as kerio:
        kerio.behaviour.hidden.add("UIDPLUS")
        one = profile(At(kerio.host, kerio.port))
        await box.run(one)
        wipe(server)
        await box.run(one)
        assert (await restore(box, one, to="Back")).messages == 7
        run = await box.run(one)
        assert (run.tally.known, run.tally.archived, run.tally.moved) == (7, 0, 0)
        assert (await restore(box, one, to="Back")).already == 7
    assert len(server.messages(ALICE, "Back")) == 7


async def test_what_lies_there_without_our_doing_is_recognised(box: Sandbox, dovecot: StartDovecot) -> None:
    """One of two twins was put back by hand: only the other one comes."""
    server = dovecot()
    fill(server)
    before = on_server(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    await box.run(one)
    server.deliver(ALICE, "Sent Items", mail("twins", "two", message_id="same"), ("\\Seen",), WHEN)
    done = await restore(box, one)
    assert (done.messages, done.already) == (6, 1)
    assert on_server(server) == before


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_breaks_anywhere_leaves_no_doubles(
    box: Sandbox, dovecot: StartDovecot, reset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut after every few bytes of the server's answers, wherever that is: in the end each message is there once."""
    monkeypatch.setattr(restoring, "CHUNK", 3)
    server = dovecot()
    fill(server, count=12)
    before = on_server(server)
    await box.run(profile(At(server.host, server.plain_port)))
    wipe(server)
    await box.run(profile(At(server.host, server.plain_port)))
    with Proxy(server.host, server.plain_port) as proxy:
        proxy.reset = reset
        through = profile(proxy)
        # The same server for the archive: a proxy is another port, and so another mailbox for it.
        found = replace(await planned(box, profile(At(server.host, server.plain_port))), profile=through)
        cuts = connections = 0

        def cut(done: Restored) -> None:
            nonlocal cuts, connections
            cuts += 1
            connections += proxy.connections
            # Each time at another place of the answer to APPEND, or of what comes after it.
            proxy.reset_counters()
            proxy.drop_after_bytes = 5 + 17 * cuts

        cut(Restored())
        proxy.drop_after_bytes = None
        done = await Restoring(box.archive, found, Secret("secret"), backoff=(0.001,) * 20, tick=cut).run()
        assert connections + proxy.connections > 3
    assert done.problems == []
    assert (done.messages, done.already) == (15, 0)
    assert on_server(server) == before


async def test_a_message_whose_arrival_nobody_heard_of_is_found_again(box: Sandbox, dovecot: StartDovecot) -> None:
    """APPEND is done, and the connection ends without a byte of its answer: the message counts once, and comes once."""
    server = dovecot(master=("master", "word"))
    fill(server)
    before = on_server(server)
    with Kerio(server, master_password="kerio master") as kerio:
        one = profile(At(kerio.host, kerio.port))
        await box.run(one)
        wipe(server)
        await box.run(one)
        kerio.behaviour.drop_after = "APPEND"
        done = await restore(box, one)
        assert (done.messages, done.already, done.problems) == (7, 0, [])
        assert kerio.behaviour.drop_after is None
        run = await box.run(one)
        assert (run.tally.known, run.tally.archived) == (7, 0)
    assert on_server(server) == before


async def test_a_refused_message_is_named_and_the_others_come(box: Sandbox, dovecot: StartDovecot) -> None:
    """NO: with folder, message and the server's words; the next restore brings it, and nothing else."""
    async with emptied_behind_kerio(box, dovecot) as (kerio, one):
        kerio.behaviour.answers["APPEND"] = "NO [OVERQUOTA] Mailbox is full"
        done = await restore(box, one)
        [problem] = done.problems
        assert (done.messages, problem.folder, problem.messages) == (6, "INBOX", 1)
        assert problem.message is not None
        assert "Mailbox is full" in problem.reason
        assert problem.as_json() == {
            **{"folder": "INBOX", "message": problem.message, "subject": problem.subject, "messages": 1},
            **{"reason": problem.reason, "code": problem.why.code.word},
        }
        assert problem.why.code.word in CODES
        again = await restore(box, one)
        assert (again.messages, again.already, again.problems) == (1, 6, [])


async def test_a_message_over_the_announced_limit_is_not_sent(
    box: Sandbox, dovecot: StartDovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """APPENDLIMIT: the message is named with its size and the limit, and the others come."""
    server = dovecot()
    fill(server)
    server.deliver(ALICE, "INBOX", mail("large", "x" * 5000))
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    opened = Session.open

    async def limited(*arguments: object) -> Session:
        session = await opened(*arguments)  # type: ignore[arg-type]
        session.capabilities |= {"APPENDLIMIT=4000"}
        return session

    monkeypatch.setattr(Session, "open", limited)
    done = await restore(box, one)
    assert done.messages == 7
    assert [(problem.subject, "APPENDLIMIT" in problem.reason) for problem in done.problems] == [("large", True)]
    assert done.problems[0].as_json()["code"] == "restore-too-large"


async def test_a_message_that_breaks_every_connection_is_named(
    box: Sandbox, dovecot: StartDovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs up over one message: after two tries that one is named, and the rest comes."""
    server = dovecot()
    fill(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    append = appending.append

    async def hang_up(session: Session, name: str, message: bytes, *rest: object) -> tuple[int, int] | None:
        if b"Subject: note 2" in message:
            session.abort()
        return await append(session, name, message, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(appending, "append", hang_up)
    done = await restore(box, one)
    assert done.messages == 6
    assert [(problem.subject, "the connection broke" in problem.reason) for problem in done.problems] == [("note 2", True)]


async def test_a_folder_that_cannot_be_had_is_named_and_the_others_are_filled(box: Sandbox, dovecot: StartDovecot) -> None:
    """CREATE is refused: so many messages of that folder are not restored, with the reason."""
    async with emptied_behind_kerio(box, dovecot) as (kerio, one):
        kerio.behaviour.answers["CREATE"] = "NO not here"
        done = await restore(box, one)
        [problem] = done.problems
        assert (problem.message, problem.folder in ("Sent Items", "Projekte/Entwürfe & mehr")) == (None, True)
        assert "not here" in problem.reason
        assert done.messages + problem.messages == 7
        assert problem.folder not in done.created


@pytest.mark.parametrize("method", [Method.KERIO_MASTER, Method.MASTER_USER, Method.PLAIN_AUTHZID])
async def test_one_of_many_mailboxes_is_restored_by_the_master_login(
    box: Sandbox, dovecot: StartDovecot, method: Method
) -> None:
    """Into that user's mailbox and no other; whose it is must be said."""
    server = dovecot(master=("archive", "kerio master"))
    await users.add(box.archive, "bob", [BOB])
    for who in (ALICE, BOB):
        fill(server, who)
    before = on_server(server, BOB)
    with Kerio(server, master_password="kerio master") as kerio:
        at = At(kerio.host, kerio.port) if method is Method.KERIO_MASTER else At(server.host, server.plain_port)
        staff = many(at, method, username="" if method is Method.KERIO_MASTER else "archive")
        await box.run(staff, "kerio master")
        for who in (ALICE, BOB):
            wipe(server, who)
        with pytest.raises(InputError, match="say whose"):
            await planned(box, staff)
        done = await restore(box, staff, password="kerio master", user="bob")
    assert (done.messages, done.problems) == (7, [])
    assert on_server(server, BOB) == before
    assert on_server(server, ALICE) == []


async def test_a_dry_run_changes_nothing(box: Sandbox, dovecot: StartDovecot) -> None:
    """It counts what is missing there, names the folders to be made, and makes none."""
    server = dovecot()
    fill(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    fill_one = mail("note 0")
    server.deliver(ALICE, "INBOX", fill_one, (), WHEN)
    done = await restore(box, one, dry_run=True)
    assert (done.messages, done.already) == (6, 1)
    assert set(done.created) == {"Projekte/Entwürfe & mehr", "Sent Items"}
    assert server.folders(ALICE) == ["INBOX"]
    assert [served_bytes(file) for file in server.messages(ALICE, "INBOX")] == [fill_one]
    assert await box.entries("restored") == []


async def test_what_cannot_be_meant_is_refused_before_any_server_is_asked(box: Sandbox, dovecot: StartDovecot) -> None:
    """A catch-all profile, mail that the mailbox never had, a folder that can be none, nothing that fits."""
    server = dovecot()
    fill(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    journal = replace(one, target=None, catchall=CatchAll())
    with pytest.raises(InputError, match="catch-all"):
        await planned(box, journal)
    elsewhere = await users.add(box.archive, "carol", ["carol@example.test"])
    with pytest.raises(InputError, match="no mail"):
        await planned(box, one, Selection(elsewhere[0].id))
    assert one.target is not None
    other = replace(one, target=replace(one.target, folder="old@example.test"))
    with pytest.raises(InputError, match="was no folder"):
        await planned(box, other)
    assert (await planned(box, other, to="Back")).messages == 7
    for wrong in ("a//b", "/", "a\x1bb", " ", "x" * 2000):
        with pytest.raises(InputError, match="--to"):
            await planned(box, one, to=wrong)


async def test_a_deletion_rule_that_would_take_it_again_is_said(box: Sandbox, dovecot: StartDovecot) -> None:
    """So many of the messages, by date and flags; none without a rule, and none of drafts and flagged mail."""
    server = dovecot()
    fill(server)
    at = At(server.host, server.plain_port)
    await box.run(profile(at))
    assert (await planned(box, profile(at))).doomed == 0
    for rule, count in ((Deletion(When.IMMEDIATELY), 5), (Deletion(When.OLDER_THAN, Age(100, "year")), 0)):
        found = await planned(box, profile(at, deletion=rule))
        assert found.doomed == count
        assert any("deletes 5 of these messages" in sentence(one) for one in found.warnings()) == bool(count)


async def test_restored_mail_is_deleted_by_a_rule_only_once_it_was_compared(box: Sandbox, dovecot: StartDovecot) -> None:
    """A rule that deletes at once takes what was restored, as it took it before, and the archive keeps all of it."""
    server = dovecot()
    fill(server)
    rule = profile(At(server.host, server.plain_port), deletion=Deletion(When.IMMEDIATELY))
    assert (await box.run(rule)).tally.deleted == 5
    wanted = await box.places()
    assert (await restore(box, rule)).messages == 5
    run = await box.run(rule)
    assert (run.tally.deleted, run.tally.archived, run.problems) == (5, 0, [])
    assert await box.places() == wanted


async def test_a_folder_that_may_only_be_read_is_named(
    box: Sandbox, dovecot: StartDovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is appended there; the other folders are filled."""
    server = dovecot()
    fill(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    select = deleting.select

    async def read_only(session: Session, folder: Folder) -> Selected:
        return replace(await select(session, folder), read_only=folder.path == "INBOX")

    monkeypatch.setattr(deleting, "select", read_only)
    done = await restore(box, one)
    assert [(problem.folder, problem.messages) for problem in done.problems] == [("INBOX", 4)]
    assert "only read" in done.problems[0].reason
    assert (done.messages, server.messages(ALICE, "INBOX")) == (3, [])


async def test_a_message_damaged_in_the_archive_is_named(
    box: Sandbox, dovecot: StartDovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half read goes to a server; the others come, and the result says that the archive is damaged."""
    server = dovecot()
    fill(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    broken, message = bytes.fromhex(sha256(mail("note 1"))), Archive.message

    async def damaged(archive: Archive, digest: bytes) -> Bytes:
        if digest == broken:
            raise DamagedError(said("A part does not have its hash."))
        return await message(archive, digest)

    monkeypatch.setattr(Archive, "message", damaged)
    done = await restore(box, one)
    assert (done.messages, done.damaged, [problem.subject for problem in done.problems]) == (6, True, ["note 1"])


async def test_a_restore_that_is_stopped_has_written_down_what_it_did(box: Sandbox, dovecot: StartDovecot) -> None:
    """Cancelled after some messages: these are known, and the next restore brings the rest."""
    server = dovecot()
    fill(server)
    before = on_server(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    await box.run(one)

    def stop(done: Restored) -> None:
        if done.messages == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Restoring(box.archive, await planned(box, one), Secret("secret"), tick=stop).run()
    assert sum(len(entry["messages"]) for entry in await box.entries("restored")) == 3
    done = await restore(box, one)
    assert (done.messages, done.already) == (4, 3)
    assert on_server(server) == before


async def test_a_message_that_the_server_keeps_with_other_line_ends_comes_once(box: Sandbox, dovecot: StartDovecot) -> None:
    """Bare line feeds become CRLF at Dovecot: that is said, and a second restore, known or not, adds nothing."""
    raw = mail("bare").replace(b"\r\n", b"\n")
    owner = (await users.find(box.archive, "alice")).id
    server = dovecot(separator=".")
    one = profile(At(server.host, server.plain_port))
    row = [sha256(raw), 1, len(raw), int(WHEN.timestamp()), "\\Seen"]
    payload = {"run": 1, "source": "imap://old", "owner": owner, "folder": f"{ALICE}/A/B C", "server_folder": "A"}
    draft = homes.draft("archived", payload | {"uidvalidity": 1, "messages": [row]})
    await box.archive.append([draft], await box.archive.writer.prepare([raw]))
    done = await restore(box, one)
    assert done.messages == 1
    [remark] = done.remarks
    assert (remark.code, remark.values["size"]) == (warning.KEPT_WITH_OTHER_SIZE, len(raw))
    [file] = server.messages(ALICE, "A.B C")
    assert served_bytes(file) == mail("bare")
    assert (await restore(box, one)).already == 1
    server.change_uidvalidity(ALICE, "A.B C")
    assert (await restore(box, one)).already == 1


async def test_two_restores_at_once_put_nothing_there_twice(box: Sandbox, dovecot: StartDovecot) -> None:
    """From the console and the command line, which know nothing of each other."""
    server = dovecot()
    fill(server, count=12)
    before = on_server(server)
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    await box.run(one)
    found = await planned(box, one)
    other = await Archive.open(box.archive.home)
    try:
        both = [Restoring(archive, found, Secret("secret")).run() for archive in (box.archive, other)]
        first, second = await asyncio.gather(*both, return_exceptions=True)
    finally:
        await other.close()
    assert on_server(server) == before
    assert isinstance(first, Restored)
    assert isinstance(second, BusyError)
    assert on_server(server) == before
    assert (await Restoring(box.archive, found, Secret("secret")).run()).messages == 0
