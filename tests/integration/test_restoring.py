"""Mail of the archive put back into mailboxes: the same bytes, flags and dates, never twice, through all interruptions."""

from __future__ import annotations

from dataclasses import replace
from typing import Never

import pytest

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.store.stored_message import StoredMessage
from core.engine.restore import presence
from core.errors import InputError, StorageError
from core.message.octets import Bytes
from core.problems import warning
from core.problems.command_line import sentence
from core.profiles.age import Age
from core.profiles.catchall import CatchAll
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Method
from tests import emptied, homes
from tests.conftest import StartDovecot
from tests.emptied import BOB, WHEN, archived_and_wiped, fill, on_server, planned, restore, wipe
from tests.reasons import said
from tests.servers.dovecot import served_bytes
from tests.servers.kerio import Kerio
from tests.support import ALICE, At, Sandbox, mail, many, placed, profile, sha256

box = emptied.box

pytestmark = pytest.mark.server


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
    one = await archived_and_wiped(box, server)
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
    one = await archived_and_wiped(box, server)
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
    one = await archived_and_wiped(box, server)
    await box.run(one)
    server.deliver(ALICE, "Sent Items", mail("twins", "two", message_id="same"), ("\\Seen",), WHEN)
    done = await restore(box, one)
    assert (done.messages, done.already) == (6, 1)
    assert on_server(server) == before


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
    one = await archived_and_wiped(box, server)
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
