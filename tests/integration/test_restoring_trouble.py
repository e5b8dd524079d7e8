"""Restores in trouble: broken connections, refused and damaged messages, folders that cannot be had, a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from core.archive.archive import Archive
from core.engine.restore import restoring
from core.engine.restore.restoring import Restored, Restoring
from core.errors import BusyError, DamagedError
from core.imap import appending, deleting
from core.imap.names import Folder
from core.imap.selected import Selected
from core.imap.session import Session
from core.message.octets import Bytes
from core.problems.subjects import CODES
from core.profiles.profile import Profile
from core.secrets import Secret
from tests import emptied
from tests.conftest import StartDovecot
from tests.emptied import archived_and_wiped, fill, on_server, planned, restore, wipe
from tests.reasons import said
from tests.servers.kerio import Kerio
from tests.servers.proxy import Proxy
from tests.support import ALICE, At, Sandbox, mail, profile, sha256

box = emptied.box

pytestmark = pytest.mark.server


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
    one = await archived_and_wiped(box, server)
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
    one = await archived_and_wiped(box, server)
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


async def test_a_folder_that_may_only_be_read_is_named(
    box: Sandbox, dovecot: StartDovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is appended there; the other folders are filled."""
    server = dovecot()
    fill(server)
    one = await archived_and_wiped(box, server)
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
    one = await archived_and_wiped(box, server)
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
    one = await archived_and_wiped(box, server)
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


async def test_two_restores_at_once_put_nothing_there_twice(box: Sandbox, dovecot: StartDovecot) -> None:
    """From the console and the command line, which know nothing of each other."""
    server = dovecot()
    fill(server, count=12)
    before = on_server(server)
    one = await archived_and_wiped(box, server)
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
