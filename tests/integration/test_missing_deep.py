"""``missing`` proves: by numbers as a run compares, and deep by every byte; differences are named and repaired (P9)."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest

from core.engine.examine import comparison
from core.engine.examine.comparison import Deep
from core.engine.examine.differences import DifferenceKind
from core.engine.visit import download
from core.engine.visit.download import Download
from core.model import RunStatus
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter
from core.profiles.profile import Login, Profile
from tests import comparing, homes
from tests.comparing import compare, differing, exchange, folder, inbox, stored
from tests.conftest import StartDovecot
from tests.journals import report
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, At, Sandbox, mail, profile, sandbox, sha256

box = comparing.box


async def shallow(box: Sandbox, wanted: Profile) -> dict[str, dict[int, DifferenceKind]]:
    return differing(await compare(box, wanted))


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
