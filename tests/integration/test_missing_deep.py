"""``missing`` proves: by numbers as a run compares, and deep by every byte; differences are named and repaired (P9)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.archive.catalog import settings
from core.archive.registry import saved_profiles, users
from core.engine.examine import comparison, examine
from core.engine.examine.comparison import Compared, Deep
from core.engine.examine.differences import DifferenceKind, MissingFolder, MissingMailbox
from core.engine.visit import download
from core.engine.visit.download import Download
from core.engine.visit.mailbox_lock import alone
from core.model import RunStatus, now, timestamp
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter
from core.profiles.profile import Login, Method, Profile
from core.secrets import Secret
from core.service.idle import until_idle
from core.service.lock import ServiceLock
from core.service.queue import Queue
from core.system.tasks import spawn
from tests import homes
from tests.command import Archivar
from tests.conftest import StartDovecot
from tests.journals import report
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, SHORT_BACKOFF, At, Sandbox, mail, many, profile, sandbox, sha256
from tui.desk.desk import Desk, open_desk
from tui.desk.jobs import JobView


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def stored(*uids: int, size: int = 200) -> list[Stored]:
    return [Stored(uid, mail(f"message {uid}", "x" * size)) for uid in uids]


def inbox(script: Script | None = None, *uids: int) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*(uids or (3, 5, 9, 12, 20)))}, script)


def exchange(server: ScriptedServer, uid: int, folder: str = "INBOX") -> bytes:
    """Put another body in place of a message: same size, date and header. The new message."""
    messages = server.folders[folder]
    [index] = [index for index, one in enumerate(messages) if one.uid == uid]
    raw = messages[index].raw.replace(b"xxxx", b"yyyy", 1)
    assert raw != messages[index].raw
    messages[index] = replace(messages[index], raw=raw)
    return raw


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def compare(box: Sandbox, wanted: Profile, deep: Deep | None = None) -> list[MissingMailbox]:
    return await examine.missing(box.archive, wanted, Secret("secret"), deep, backoff=SHORT_BACKOFF)


async def shallow(box: Sandbox, wanted: Profile) -> dict[str, dict[int, DifferenceKind]]:
    return differing(await compare(box, wanted))


def differing(found: Iterable[MissingMailbox]) -> dict[str, dict[int, DifferenceKind]]:
    """The differences, by folder and UID; folders without any are left out."""
    folders = [folder for one in found for folder in one.folders]
    return {one.path: {each.uid: each.what for each in one.differences} for one in folders if one.differences}


def folder(found: list[MissingMailbox], path: str = "INBOX") -> MissingFolder:
    return next(one for mailbox in found for one in mailbox.folders if one.path == path)


def asked(server: ScriptedServer) -> list[str]:
    """The commands that asked for bodies."""
    return [line for line in server.lines() if "BODY.PEEK[]" in line]


# -- what only bytes tell


def test_nothing_is_called_complete_while_a_volume_cannot_be_read(tmp_path: Path) -> None:
    """The numbers agree, and what was archived may be lost: exit code 4, the volume and the remedy are named."""
    with inbox() as server, Archivar(tmp_path, WORD="secret") as archivar:
        apply(archivar, server)
        archivar("service", "stop")
        [volume] = archivar.home.rglob("000001.sqlite")
        volume.write_bytes(volume.read_bytes()[: volume.stat().st_size // 2])
        told = archivar("missing", "Alice", code=4).out
        assert "000001.sqlite cannot be read whole" in told
        assert "archivar repair" in told
        assert archivar("missing", "Alice", "--json", code=4).json["unreadable"] == ["000001.sqlite"]


async def test_an_exchanged_body_is_found_by_its_bytes_alone_and_archived_beside_the_old(box: Sandbox) -> None:
    """Same UID, size, date and header: the numbers are equal, the SHA-256 is not. Both versions are in the archive then."""
    with inbox() as server:
        await box.run(profile(server))
        old = sha256(server.folders["INBOX"][2].raw)
        new = sha256(exchange(server, 9))
        assert await shallow(box, profile(server)) == {}
        found = await compare(box, profile(server), Deep())
        assert differing(found) == {"INBOX": {9: DifferenceKind.OTHER_BYTES}}
        assert new not in await box.digests()
        repaired = await compare(box, profile(server), Deep(repair=True))
        assert differing(repaired) == {}
        depth = folder(repaired).depth
        assert depth is not None
        assert [one.uid for one in depth.repaired] == [9]
        assert {old, new} <= await box.digests()
        assert {("INBOX", old), ("INBOX", new)} <= set(await box.places())
        [vanished] = await box.entries("vanished")
        assert (vanished["uids"], vanished["run"]) == ("9", 0)
        assert differing(await compare(box, profile(server), Deep())) == {}
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 0)
    assert await asyncio.to_thread(homes.findings, box.archive.home) == []


async def test_a_real_server_whose_file_was_exchanged_is_found_out_and_repaired(dovecot: StartDovecot, box: Sandbox) -> None:
    """Dovecot serves the other file under the same UID, size and date."""
    server = dovecot()
    for number in range(12):
        server.deliver(ALICE, "INBOX", mail(f"n {number}", "x" * 300))
        server.deliver(ALICE, "Kunden/Ä", mail(f"m {number}", "x" * 300))
    wanted = profile(At(server.host, server.plain_port))
    await box.run(wanted)
    file = server.messages(ALICE, "Kunden/Ä")[4]
    kept = file.stat()
    raw = file.read_bytes().replace(b"xxxx", b"yyyy", 1)
    with file.open("r+b") as opened:
        opened.write(raw)
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert await shallow(box, wanted) == {}
    found = await compare(box, wanted, Deep())
    [(path, uids)] = differing(found).items()
    assert (path, list(uids.values())) == ("Kunden/Ä", [DifferenceKind.OTHER_BYTES])
    assert sum(one.depth.compared for one in found[0].folders if one.depth) == 24
    repaired = await compare(box, wanted, Deep(repair=True))
    assert (differing(repaired), repaired[0].repaired) == ({}, 1)
    assert differing(await compare(box, wanted, Deep())) == {}
    assert await shallow(box, wanted) == {}


async def test_a_uid_that_is_listed_with_other_numbers_is_no_known_message(box: Sandbox) -> None:
    """By numbers it may be another message; deep it is the same one, no loss, and the repair records the new numbers."""
    with inbox() as server:
        await box.run(profile(server))
        server.folders["INBOX"] = [replace(one, internaldate="02-Feb-2024 10:00:00 +0000") for one in server.folders["INBOX"]]
        assert await shallow(box, profile(server)) == {"INBOX": dict.fromkeys((3, 5, 9, 12, 20), DifferenceKind.OTHER_NUMBERS)}
        found = await compare(box, profile(server), Deep())
        depth = folder(found).depth
        assert differing(found) == {}
        assert depth is not None
        assert depth.renumbered == 5
        assert await shallow(box, profile(server)) != {}
        await compare(box, profile(server), Deep(repair=True))
        assert await shallow(box, profile(server)) == {}
        assert len(await box.digests()) == 5


async def test_what_a_restored_server_has_under_old_uids_is_named_and_archived(box: Sandbox) -> None:
    """Half of the UIDs name other mail: all of it is named, in both ways, and all of it is there after the repair."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        before = await box.digests()
        other = [Stored(uid, mail(f"other {uid}", "z" * (200 + uid % 2))) for uid in range(21, 41)]
        server.folders["INBOX"][20:] = other
        assert set((await shallow(box, profile(server)))["INBOX"]) <= set(range(21, 41))
        found = await compare(box, profile(server), Deep())
        assert differing(found) == {"INBOX": dict.fromkeys(range(21, 41), DifferenceKind.OTHER_BYTES)}
        repaired = await compare(box, profile(server), Deep(repair=True))
        assert (differing(repaired), repaired[0].repaired) == ({}, 20)
        assert await box.digests() == before | {sha256(one.raw) for one in other}


async def test_what_is_not_archived_is_archived_by_the_repair_and_nothing_is_deleted(box: Sandbox) -> None:
    """New mail counts as missing, and comes in; the rule that deletes is not followed, and marks nothing."""
    rule = Deletion(When.IMMEDIATELY)
    with inbox() as server:
        await box.run(profile(server))
        server.folders["INBOX"] += stored(30, 31)
        server.folders["Neu"] = stored(1)
        wanted = profile(server, deletion=rule)
        expected = {"INBOX": dict.fromkeys((30, 31), DifferenceKind.NOT_ARCHIVED), "Neu": {1: DifferenceKind.NOT_ARCHIVED}}
        assert differing(await compare(box, wanted, Deep())) == expected
        repaired = await compare(box, wanted, Deep(repair=True))
        assert (differing(repaired), repaired[0].repaired) == ({}, 3)
        assert len(server.folders["INBOX"]) == 7
        assert not any("STORE" in line or "EXPUNGE" in line for line in server.lines())


async def test_an_empty_message_is_compared_like_any_other(box: Sandbox) -> None:
    """0 bytes on the server and in the archive are equal; 0 bytes in place of a message are not."""
    with inbox() as server:
        server.folders["INBOX"].append(Stored(21, b""))
        await box.run(profile(server))
        found = await compare(box, profile(server), Deep())
        assert (differing(found), folder(found).archived) == ({}, 6)
        server.script.size_lies = {3: len(server.folders["INBOX"][0].raw)}
        server.folders["INBOX"][0] = replace(server.folders["INBOX"][0], raw=b"")
        assert differing(await compare(box, profile(server), Deep())) == {"INBOX": {3: DifferenceKind.OTHER_BYTES}}


# -- what cannot be compared


@pytest.mark.parametrize("misbehaviour", ["nil_uids", "omit_uids", "no_uids"])
async def test_a_message_that_is_listed_and_not_given_is_named(box: Sandbox, misbehaviour: str) -> None:
    """Known or new, it cannot be compared, so the comparison does not say that all is well; the rest is compared."""
    with inbox() as server:
        await box.run(profile(server))
        setattr(server.script, misbehaviour, {9})
        for repair in (False, True):
            found = await compare(box, profile(server), Deep(repair=repair))
            assert differing(found) == {"INBOX": {9: DifferenceKind.NOT_GIVEN}}
            assert folder(found).archived == 4
            assert folder(found).differences[0].reason


async def test_a_folder_that_counts_more_than_it_lists_is_not_complete(box: Sandbox) -> None:
    """All that is listed is equal; that the server counts more is said, in both ways."""
    with inbox() as server:
        await box.run(profile(server))
        server.script.exists = {"INBOX": 7}
        for deep in (None, Deep()):
            found = await compare(box, profile(server), deep)
            assert folder(found).error == "the server counts 2 more messages here than it lists"
            assert found[0].errors == 1


async def test_a_uid_that_is_named_twice_is_said(box: Sandbox) -> None:
    """Two messages under one UID: no comparison of that folder is the whole truth."""
    with inbox() as server:
        await box.run(profile(server))
        server.folders["INBOX"].append(Stored(20, mail("a twin", "y" * 10)))
        for deep in (None, Deep()):
            found = await compare(box, profile(server), deep)
            assert "1 UID for several messages" in folder(found).error


async def test_a_folder_that_cannot_be_opened_is_named_and_the_others_are_compared(box: Sandbox) -> None:
    """NO to EXAMINE of one folder; a difference in the next one is found all the same."""
    with ScriptedServer({"INBOX": stored(1, 2), "Shut": stored(3), "Z": stored(4)}) as server:
        await box.run(profile(server))
        exchange(server, 4, "Z")
        server.script.shut = {"Shut"}
        found = await compare(box, profile(server), Deep())
        assert folder(found, "Shut").error
        assert differing(found) == {"Z": {4: DifferenceKind.OTHER_BYTES}}
        assert found[0].errors == 1


async def test_a_message_of_another_length_than_announced_is_named_on_an_exact_server(box: Sandbox) -> None:
    """A message cut short when archived, and sent so again, is not complete; where all differ it is no sign."""
    with inbox(None, *range(1, 21)) as server:
        server.script.size_lies = {3: 900}
        await box.run(profile(server))
        for deep in (None, Deep()):
            assert differing(await compare(box, profile(server), deep)) == {"INBOX": {3: DifferenceKind.OTHER_LENGTH}}
    async with sandbox(box.archive.home.path.with_name("other")) as other:
        with inbox(Script(size_lies={uid: 900 for uid in range(1, 21)}), *range(1, 21)) as server:
            await other.run(profile(server))
            for deep in (None, Deep()):
                assert differing(await compare(other, profile(server), deep)) == {}


async def test_a_damaged_copy_is_named_and_stored_anew(box: Sandbox) -> None:
    """The server still has it: the bytes that the archive lost are had from there, and the volume is not changed."""
    with inbox() as server:
        await box.run(profile(server))
        digest = bytes.fromhex(sha256(server.folders["INBOX"][1].raw))
        [volume] = [one async for one in box.archive.volumes.readable()]
        homes.change(volume.path, f"UPDATE part SET data = zeroblob(length(data)) WHERE sha256 = x'{digest.hex()}'")
        found = await compare(box, profile(server), Deep())
        assert differing(found) == {"INBOX": {5: DifferenceKind.DAMAGED}}
        repaired = await compare(box, profile(server), Deep(repair=True))
        assert (differing(repaired), repaired[0].repaired) == ({}, 1)
        assert sha256(await box.archive.raw(digest)) == digest.hex()
        assert differing(await compare(box, profile(server), Deep())) == {}


# -- going on


class Stop(Exception):
    """The comparison is stopped here."""


def stopping_after(messages: int) -> Any:
    def tick(done: Compared) -> None:
        if done.done >= messages:
            raise Stop

    return tick


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BATCH_MESSAGES", 5)


async def stopped(box: Sandbox, wanted: Profile, after: int) -> None:
    with pytest.raises(Stop):
        await compare(box, wanted, Deep(tick=stopping_after(after)))


@pytest.mark.usefixtures("small_batches")
async def test_a_stopped_comparison_goes_on_and_says_how_old_its_beginning_is(box: Sandbox) -> None:
    """Equal messages are not read again, and the result tells their number and time."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        before = len(asked(server))
        await stopped(box, profile(server), 20)
        first = len(asked(server)) - before
        found = await compare(box, profile(server), Deep())
        depth = folder(found).depth
        assert depth is not None
        assert depth.kept >= 20
        assert depth.kept + depth.compared == 40
        assert depth.kept_since is not None
        assert depth.kept_since <= now()
        assert len(asked(server)) - before - first < 8
        assert (differing(found), folder(found).archived) == ({}, 40)
        again = folder(await compare(box, profile(server), Deep())).depth
        assert again is not None
        assert (again.kept, again.compared) == (0, 40)


@pytest.mark.usefixtures("small_batches")
async def test_a_cancelled_comparison_keeps_what_it_read(box: Sandbox) -> None:
    """Ctrl-C, or the key that stops it: at any moment, and the next one goes on."""
    reached = asyncio.Event()

    def tick(done: Compared) -> None:
        if done.done >= 20:
            reached.set()

    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        work = spawn(compare(box, profile(server), Deep(tick=tick)), name="compare")
        await reached.wait()
        work.cancel()
        await asyncio.wait({work})
        depth = folder(await compare(box, profile(server), Deep())).depth
        assert depth is not None
        assert (depth.kept >= 20, depth.kept + depth.compared) == (work.cancelled(), 40)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("why", ["validity", "anew", "old", "future", "recorded", "other server"])
async def test_what_is_kept_never_stands_for_something_else(box: Sandbox, why: str) -> None:
    """Another UIDVALIDITY, a new start, age, a clock that was wrong, another record, another server: all is read again."""
    with inbox(Script(capabilities=["IMAP4rev1", "UIDPLUS", "ID"]), *range(1, 41)) as server:
        await box.run(profile(server))
        await stopped(box, profile(server), 20)
        deep = Deep()
        if why == "validity":
            server.script.uidvalidity = {"INBOX": 7}
            await box.run(profile(server))
        elif why == "anew":
            deep.anew = True
        elif why == "recorded":
            # A run has found other messages since, and recorded them.
            server.folders["INBOX"] = [Stored(uid, mail(f"other {uid}")) for uid in range(1, 41)]
            await box.run(profile(server))
        elif why == "other server":
            await comparisons_of_another_server(box)
        else:
            days = (await settings.read(box.archive.database)).relist
            at = now() - timedelta(days=days, hours=1) if why == "old" else now() + timedelta(days=1)
            async with box.archive.database.transaction() as transaction:
                await transaction.execute("UPDATE compared SET at = ?", (timestamp(at),))
        depth = folder(await compare(box, profile(server), deep)).depth
        assert depth is not None
        assert (depth.kept, depth.compared) == (0, 40)


async def comparisons_of_another_server(box: Sandbox) -> None:
    """Have the archive know the server by another name than it tells."""
    async with box.archive.database.transaction() as transaction:
        await transaction.execute("UPDATE server SET product = 'Another'")


@pytest.mark.usefixtures("small_batches")
async def test_the_repair_after_a_comparison_reads_only_what_differed(box: Sandbox) -> None:
    """Messages just found equal are not read a second time; a later comparison begins anew."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        exchange(server, 30)
        await compare(box, profile(server), Deep())
        before = len(asked(server))
        found = await compare(box, profile(server), Deep(repair=True))
        depth = folder(found).depth
        assert depth is not None
        assert (depth.kept, depth.compared, found[0].repaired) == (39, 1, 1)
        assert len(asked(server)) - before <= 3
        again = folder(await compare(box, profile(server), Deep())).depth
        assert again is not None
        assert (again.kept, again.compared) == (0, 40)


@pytest.mark.usefixtures("small_batches")
async def test_a_connection_that_drops_in_the_middle_is_made_again(box: Sandbox) -> None:
    """Within one comparison, and nothing is left out."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        exchange(server, 33)
        server.script.drop_after_commands = 7
        server.script.cut_literal_after = 100
        found = await compare(box, profile(server), Deep())
        assert differing(found) == {"INBOX": {33: DifferenceKind.OTHER_BYTES}}
        assert folder(found).archived == 39


@pytest.mark.usefixtures("small_batches")
async def test_a_server_that_goes_away_leaves_something_to_go_on_with(box: Sandbox) -> None:
    """The comparison until then is reported and kept, the rest is left over; the next one continues."""
    with inbox(None, *range(1, 41)) as server:
        await box.run(profile(server))
        gone = False

        def tick(done: Compared) -> None:
            nonlocal gone
            if done.done >= 15 and not gone:
                gone = True
                server.script.greeting = "* BYE not today"
                server.script.drop_after_commands = 0

        found = await compare(box, profile(server), Deep(tick=tick))
        assert found[0].unfinished
        assert found[0].error
        depth = folder(found).depth
        assert depth is not None
        assert depth.left_over
        assert depth.left_over + depth.compared == 40
        server.script.greeting = "* OK ready"
        server.script.drop_after_commands = None
        rest = folder(await compare(box, profile(server), Deep())).depth
        assert rest is not None
        assert rest.kept == depth.compared
        assert rest.kept + rest.compared == 40


# -- several mailboxes, locks, filters


async def test_several_mailboxes_are_compared_at_once_with_a_master_login(dovecot: StartDovecot, box: Sandbox) -> None:
    """Every mailbox by one password; what differs is named in the mailbox that it is in."""
    server = dovecot(master=("master", "secret"))
    await users.add(box.archive, "bob", ["bob@example.test"])
    for name in (ALICE, "bob@example.test"):
        for number in range(6):
            server.deliver(name, "INBOX", mail(f"{name} {number}", "x" * 100))
    wanted = many(At(server.host, server.plain_port), Method.MASTER_USER, username="master")
    await box.run(wanted)
    file = server.messages("bob@example.test", "INBOX")[2]
    with file.open("r+b") as opened:
        opened.write(file.read_bytes().replace(b"xxxx", b"yyyy", 1))
    found = await compare(box, wanted, Deep())
    assert {one.mailbox: one.missing for one in found} == {ALICE: 0, "bob@example.test": 1}
    repaired = await compare(box, wanted, Deep(repair=True))
    assert {one.mailbox: one.repaired for one in repaired} == {ALICE: 0, "bob@example.test": 1}


async def test_the_filter_leaves_out_what_is_new_and_nothing_that_is_archived(box: Sandbox) -> None:
    """New mail excluded by the filter is not read; archived mail is compared whatever the filter is now."""
    with inbox() as server:
        await box.run(profile(server))
        server.folders["INBOX"] += stored(30, size=900)
        exchange(server, 5)
        found = await compare(box, profile(server, filter=Filter(smaller_than=600)), Deep())
        assert differing(found) == {"INBOX": {5: DifferenceKind.OTHER_BYTES}}
        assert folder(found).left_out == 1


async def test_mail_of_a_catch_all_mailbox_is_compared_without_its_report(box: Sandbox) -> None:
    """Journal reports are unwrapped, what was left for want of a user is not missing, and an exchanged report is found."""
    lines = ("Sender: x@elsewhere.test", f"Recipient: {ALICE}")
    stranger = ("Sender: x@elsewhere.test", "Recipient: carl@example.test")
    reports = [Stored(uid, report(mail(f"inner {uid}", "x" * 200), lines)) for uid in range(1, 6)]
    with ScriptedServer(
        {"INBOX": [*reports, Stored(6, report(mail("for carl").replace(b"alice", b"carl"), stranger))]}
    ) as server:
        base = profile(server)
        rules = CatchAll(unknown=UnknownPolicy.LEAVE)
        wanted = replace(base, name="Journal", target=None, login=Login("journal@example.test"), catchall=rules)
        await box.run(wanted)
        found = await compare(box, wanted, Deep())
        assert (differing(found), folder(found).left_out, folder(found).archived) == ({}, 1, 5)
        exchange(server, 3)
        assert differing(await compare(box, wanted, Deep())) == {"INBOX": {3: DifferenceKind.OTHER_BYTES}}
        repaired = await compare(box, wanted, Deep(repair=True))
        assert (differing(repaired), repaired[0].repaired) == ({}, 1)
        assert [entry["run"] for entry in await box.entries("filed")] == [1, 0]
    assert await asyncio.to_thread(homes.findings, box.archive.home) == []


async def test_a_restore_into_the_mailbox_is_not_disturbed(box: Sandbox) -> None:
    """While a restore holds the mailbox nothing is repaired; what differs is named, and why nothing was done."""
    with inbox() as server:
        wanted = profile(server)
        await box.run(wanted)
        exchange(server, 9)
        with alone(box.archive.home, wanted.server.source(ALICE), ALICE):
            found = await compare(box, wanted, Deep(repair=True))
        assert differing(found) == {"INBOX": {9: DifferenceKind.OTHER_BYTES}}
        assert found[0].error.startswith("not repaired: ")
        assert differing(await compare(box, wanted, Deep(repair=True))) == {}


async def test_the_repair_waits_for_a_run_of_the_profile(box: Sandbox) -> None:
    """It is asked for quiet before anything is archived, and the comparison goes on beside a run."""
    quiet = asyncio.Event()
    waiting = asyncio.Event()

    async def until_quiet() -> None:
        waiting.set()
        await quiet.wait()

    with inbox() as server:
        await box.run(profile(server))
        new = sha256(exchange(server, 9))
        work = spawn(compare(box, profile(server), Deep(repair=True, quiet=until_quiet)), name="compare")
        await waiting.wait()
        assert new not in await box.digests()
        quiet.set()
        assert differing(await work) == {}
        assert new in await box.digests()


async def test_quiet_is_when_no_run_of_the_profile_is_under_way(box: Sandbox) -> None:
    """A run that a service has is waited for, and named; other profiles do not count, nor runs that no service has."""
    queue = Queue(box.archive.database)
    run, _ = await queue.enqueue("Test")
    await queue.enqueue("Other")
    said: list[str] = []
    await until_idle(box.archive, "Test", said.append)
    assert said == []
    lock = ServiceLock(box.archive.home)
    lock.acquire()
    try:
        work = spawn(until_idle(box.archive, "test", said.append), name="wait")
        await until(lambda: said)
        assert not work.done()
        await queue.finish(run.id, RunStatus.SUCCEEDED, {"finished": timestamp(now())})
        await work
    finally:
        lock.release()
    assert said == [f"Waiting for the end of run {run.id} of Test."]


async def test_sizes_that_are_not_told_do_not_lift_the_bound_on_memory(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC822.SIZE 0 for all: what is known has the length of the archive, what is new is taken for large."""
    taken: list[int] = []
    bodies = Download._next

    async def counting(self: Any, uids: list[int]) -> Any:
        taken.append(sum(self._wanted.listed[uid].size for uid in uids))
        return await bodies(self, uids)

    with ScriptedServer({"INBOX": stored(*range(1, 31), size=300_000)}) as server:
        await box.run(profile(server))
        server.folders["INBOX"] += stored(*range(31, 61), size=300_000)
        server.script.size_lies = dict.fromkeys(range(1, 61), 0)
        monkeypatch.setattr(Download, "_next", counting)
        await compare(box, profile(server), Deep())
    assert max(taken) <= download.BATCH_BYTES
    assert sum(taken) >= 30 * 300_000 + 30 * comparison.UNTOLD


# -- the console and the command line


async def ended(desk: Desk, key: int) -> JobView:
    await until(lambda: not desk.jobs.view(key).active)
    return desk.jobs.view(key)


async def test_the_console_compares_and_repairs_as_jobs(box: Sandbox) -> None:
    """By number, by every byte, with the repair: each says what it found, and a second one joins the first."""
    with inbox() as server:
        wanted = profile(server)
        await saved_profiles.save(box.archive, wanted, Secret("secret"))
        await box.run(wanted)
        exchange(server, 9)
        desk = await open_desk(box.archive.home.path)
        try:
            view = await ended(desk, await desk.compare("Test", "numbers"))
            assert view.result[0] == "Nothing is missing in the archive: all of it is there, by its numbers."
            key = await desk.compare("Test", "deep")
            assert desk.comparing("Test") == key == await desk.compare("test", "deep")
            view = await ended(desk, key)
            assert view.problem_count == 1
            assert view.problems[0].startswith("INBOX, UID 9, ")
            assert desk.comparing("Test") is None
            view = await ended(desk, await desk.compare("Test", "repair"))
            assert (view.state.word, view.problems) == ("done", ())
            assert any("1 message repaired" in text for text in view.result)
        finally:
            await desk.close()


def apply(archivar: Archivar, server: ScriptedServer) -> None:
    """A user and a profile for ``server``."""
    archivar("user", "add", "alice", "--email", ALICE)
    file = archivar.write(
        "alice.toml",
        f"""name = "Alice"
kind = "mailbox"
[target]
user = "alice"
folder = "{ALICE}"
[server]
host = "{server.host}"
port = {server.port}
access = "imap"
[login]
username = "{ALICE}"
password_env = "WORD"
""",
    )
    archivar("profile", "apply", str(file))
    archivar("run", "Alice")


def test_the_command_line_names_repairs_and_answers_with_documented_json(tmp_path: Path) -> None:
    """Exit code 1 with folder, UID and what differs; 0 after the repair; the keys of the contract; options that contradict."""
    with inbox() as server, Archivar(tmp_path, WORD="secret") as archivar:
        apply(archivar, server)
        exchange(server, 9)
        assert archivar("missing", "Alice").code == 0
        told = archivar("missing", "Alice", "--deep", code=1).out
        assert "INBOX, UID 9: " in told
        assert "another message than the one that was archived" in told
        assert told.splitlines()[-1].endswith("To archive what differs: archivar missing Alice --deep --repair")
        value = archivar("missing", "Alice", "--deep", "--json", code=1).json
        assert set(value) == {"profile", "missing", "mailboxes", "deep", "unreadable"}
        assert set(value["deep"]) == {
            *("started", "finished", "compared", "bytes", "kept", "kept_since", "renumbered", "left_over", "repaired")
        }
        [differs] = value["mailboxes"][0]["folders"][0]["missing"]
        assert (differs["uid"], differs["what"], value["missing"]) == (9, "other-bytes", 1)
        value = archivar("missing", "Alice", "--deep", "--repair", "--json").json
        assert (value["missing"], value["deep"]["repaired"], value["deep"]["kept"]) == (0, 1, 4)
        assert "every byte is the same" in archivar("missing", "Alice", "--deep").out
        assert "by a comparison" in archivar("ledger", "show").out
        for option in ("--repair", "--anew"):
            assert "Give --deep too." in archivar("missing", "Alice", option, code=2).err
