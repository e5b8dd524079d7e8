"""The message behind a UID: the same as before, another one, or one that moved here (P2, P4, P9)."""

from __future__ import annotations

import shutil
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.engine.visit import filing
from core.errors import StorageError
from core.model import RunStatus
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.profile import Access
from tests import identity
from tests.conftest import StartDovecot
from tests.identity import AT_ONCE, around, bodies, ends_well, inbox, on_server, stored, warnings
from tests.journals import report
from tests.reasons import said
from tests.servers.dovecot import served_bytes
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, At, Sandbox, mail, profile, sha256

box = identity.box


async def forget_status(box: Sandbox) -> None:
    """Let no folder be passed over in the next run."""
    async with box.archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM folder_state")


# -- a server restored from a backup


@pytest.mark.server
@pytest.mark.parametrize("deletion", [Deletion(), AT_ONCE], ids=["keep", "delete"])
async def test_a_server_restored_from_its_backup_loses_no_new_mail(
    dovecot: StartDovecot, box: Sandbox, deletion: Deletion, tmp_path: Path
) -> None:
    """UIDs name other mail under the same UIDVALIDITY: all of it is archived before anything goes, and it is said once."""
    server = dovecot()
    address = At(server.host, server.plain_port)
    old = datetime.now(UTC) - timedelta(days=5)
    for number in range(30):
        server.deliver(ALICE, "INBOX", mail(f"kept {number}"), (), old + timedelta(minutes=number))
    await box.run(profile(address))
    saved = tmp_path / "saved"
    shutil.copytree(server.folder_path(ALICE, "INBOX"), saved)
    for number in range(20):
        server.deliver(ALICE, "INBOX", mail(f"lost {number}"), (), old + timedelta(hours=1, minutes=number))
    await box.run(profile(address))
    before = await box.digests()
    shutil.rmtree(server.folder_path(ALICE, "INBOX"))
    shutil.copytree(saved, server.folder_path(ALICE, "INBOX"))
    server._give(*server.folder_path(ALICE, "INBOX").rglob("*"), server.folder_path(ALICE, "INBOX"))
    for number in range(28):
        server.deliver(ALICE, "INBOX", mail(f"other {number}"), (), old + timedelta(hours=2, minutes=number))
    there = {sha256(served_bytes(file)) for file in server.messages(ALICE, "INBOX")}
    again = profile(address)
    assert sum(map(len, (await box.missing(again)).values())) == 28
    outcome = await box.run(replace(again, deletion=deletion))
    assert (outcome.tally.found, outcome.tally.archived, outcome.adds_up) == (58, 28, True)
    assert outcome.problems == [("INBOX", None)]
    assert "20 UIDs" in outcome.reasons
    assert await box.digests() == before | there
    assert outcome.tally.deleted == 0, "not in the run that learnt it"
    assert await box.missing(again) == {}
    clean = await box.run(replace(again, deletion=deletion))
    assert (clean.status, clean.reasons, clean.tally.deleted) == (RunStatus.SUCCEEDED, "", 58 if deletion.active else 0)


@pytest.mark.parametrize("changed", [1, 7, 60, 120])
async def test_uids_that_name_other_mail_are_told_once_with_their_number(box: Sandbox, changed: int) -> None:
    """However many: each other message is archived beside the old one, whose place stays."""
    with inbox(120) as server:
        await box.run(profile(server))
        before = on_server(server)
        server.folders["INBOX"][-changed:] = stored(*range(121 - changed, 121), subject="another one")
        server.folders["INBOX"].append(Stored(121, mail("new")))
        assert len((await box.missing(profile(server)))["INBOX"]) == changed + 1
        outcome = await box.run(profile(server))
        assert outcome.problems == [("INBOX", None)]
        assert f"{changed} UID" in outcome.reasons
        assert (outcome.tally.archived, outcome.tally.known, outcome.adds_up) == (changed + 1, 120 - changed, True)
        assert await box.digests() == before | on_server(server)
        assert (await ends_well(box, server)).tally.known == 121
        assert sum((await box.places()).values()) == 121 + changed


async def test_where_one_uid_names_another_message_all_headers_are_compared(box: Sandbox) -> None:
    """Equal size and date, other header: found because a neighbour's size differs."""
    with inbox(20) as server:
        await box.run(profile(server))
        server.folders["INBOX"][4] = Stored(5, mail("massage 5", "x" * 100))
        server.folders["INBOX"][19] = Stored(20, mail("quite another", "y" * 300))
        await forget_status(box)
        outcome = await box.run(profile(server))
        assert ("2 UIDs" in outcome.reasons, outcome.tally.archived, outcome.adds_up) == (True, 2, True)
        await ends_well(box, server)


@pytest.mark.parametrize("first", ["invoice one", "invoice 1"], ids=["known mail too", "what was left out alone"])
async def test_what_the_filter_left_out_is_looked_at_again_when_its_uid_names_another_message(box: Sandbox, first: str) -> None:
    """The server was restored: a UID that was left out by its header may name wanted mail now."""
    only = Filter(subject=("invoice",))
    with ScriptedServer(
        {"INBOX": [Stored(1, mail("invoice 1")), Stored(2, mail("other 2")), Stored(3, mail("other 3"))]}
    ) as server:
        wanted = profile(server, filter=only)
        outcome = await box.run(wanted)
        assert (outcome.tally.archived, outcome.tally.excluded) == (1, 2)
        server.folders["INBOX"] = [Stored(1, mail(first)), Stored(2, mail("other 2")), Stored(3, mail("invoice three"))]
        server.folders["INBOX"].append(Stored(4, mail("other 4")))
        outcome = await box.run(wanted)
        assert (outcome.tally.archived, outcome.tally.excluded, outcome.adds_up) == (1 + (first != "invoice 1"), 2, True)
        assert {sha256(mail(first)), sha256(mail("invoice three"))} <= await box.digests()


@pytest.mark.parametrize("second", ["to alice once more", "to alice"], ids=["known mail too", "what was left alone"])
async def test_what_was_left_in_a_catch_all_mailbox_is_read_when_its_uid_names_another_message(
    box: Sandbox, second: str
) -> None:
    """Left since no user had its addresses; the UID names mail for alice now: she gets it."""
    stranger = mail("to nobody").replace(ALICE.encode(), b"nobody@elsewhere.test")
    with ScriptedServer({"INBOX": [Stored(1, stranger), Stored(2, mail("to alice"))]}) as server:
        wanted = replace(
            profile(server, username="journal@example.test"), target=None, catchall=CatchAll(unknown=UnknownPolicy.LEAVE)
        )
        first = await box.run(wanted)
        assert (first.tally.archived, first.tally.excluded) == (1, 1)
        server.folders["INBOX"] = [Stored(1, mail("to alice as well")), Stored(2, mail(second))]
        server.folders["INBOX"].append(Stored(3, mail("third for alice")))
        outcome = await box.run(wanted)
        assert (outcome.tally.archived, outcome.adds_up) == (2 + (second != "to alice"), True)
        assert sha256(mail("to alice as well")) in await box.digests()


@pytest.mark.parametrize("other", [False, True], ids=["the same", "another"])
async def test_a_report_whose_numbers_change_is_known_by_what_is_in_it(box: Sandbox, other: bool) -> None:
    """The report that a message came in, listed with another date, is known; another one at its UID is another message."""
    lines = ["Sender: x@elsewhere.test", "Subject: reported", "Message-Id: <1@x>", f"To: {ALICE}"]
    made = [Stored(uid, report(mail(f"reported {uid}"), lines)) for uid in range(1, 6)]
    with ScriptedServer({"INBOX": made}) as server:
        wanted = replace(profile(server, username="journal@example.test"), target=None, catchall=CatchAll())
        await box.run(wanted)
        server.folders["INBOX"] = [replace(one, internaldate="02-Feb-2024 11:00:00 +0000") for one in made]
        if other:
            server.folders["INBOX"][2] = Stored(3, report(mail("another", "y" * 99), lines))
        await forget_status(box)
        outcome = await box.run(wanted)
        assert (outcome.tally.archived, outcome.tally.known, outcome.adds_up) == (other, 5 - other, True)
        assert sha256(mail("another", "y" * 99)) in await box.digests() or not other
        assert (await box.run(replace(wanted, deletion=AT_ONCE))).tally.deleted == 5


# -- numbers that a server computes anew


@pytest.mark.parametrize("count", [8, 300])
async def test_numbers_that_were_computed_anew_are_told_once_and_hardly_cost_anything(box: Sandbox, count: int) -> None:
    """All dates are others, all messages the same: some bodies are read, headers decide on the rest, nothing is a problem."""
    with inbox(count) as server:
        await box.run(profile(server))
        read = len(bodies(server))
        server.folders["INBOX"] = [replace(one, internaldate="02-Feb-2024 11:00:00 +0000") for one in server.folders["INBOX"]]
        server.folders["INBOX"].append(Stored(count + 1, mail("new")))
        outcome = await ends_well(box, server)
        assert (outcome.tally.known, outcome.tally.archived) == (count, 1)
        assert len(warnings(outcome)) == (count > 50)
        assert len(bodies(server)) - read <= 3
        assert warnings(await ends_well(box, server)) == []


async def test_bodies_that_cannot_be_had_do_not_speak_for_the_rest(box: Sandbox) -> None:
    """Numbers differ, and the first messages cannot be read: the others are read, since no body has been found equal."""
    with inbox(80) as server:
        await box.run(profile(server))
        other = [replace(one, internaldate="02-Feb-2024 11:00:00 +0000") for one in server.folders["INBOX"]]
        other[69:] = [replace(one, raw=one.raw.replace(b"xxx", b"xyx")) for one in other[69:]]
        server.folders["INBOX"] = other
        server.script.omit_uids = set(range(1, 61))
        await forget_status(box)
        outcome = await box.run(profile(server))
        assert {uid for _, uid in outcome.problems} >= set(range(1, 61))
        assert outcome.adds_up
        assert {sha256(one.raw) for one in other[60:]} <= await box.digests()


async def test_a_dry_run_over_changed_numbers_writes_nothing(box: Sandbox) -> None:
    """Messages that it would read again are in its forecast; the next run finds them."""
    with inbox(10) as server:
        await box.run(profile(server))
        server.folders["INBOX"][3] = Stored(4, mail("another", "y" * 300))
        await forget_status(box)
        entries = len([entry async for entry in box.archive.entries()])
        dry = await box.run(profile(server), dry_run=True)
        assert dry.result.forecast is not None
        assert [one.new for one in dry.result.forecast] == [1]
        assert len([entry async for entry in box.archive.entries()]) == entries
        assert (await box.run(profile(server))).tally.archived == 1


@pytest.mark.parametrize("step", ["record_vanished", "record_relisted", "store"])
async def test_a_crash_while_known_uids_are_read_again_loses_nothing(
    box: Sandbox, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails at any step: the next run ends what was begun."""
    with inbox(12) as server:
        await box.run(profile(server))
        before = on_server(server)
        server.folders["INBOX"] = [replace(one, internaldate="02-Feb-2024 11:00:00 +0000") for one in server.folders["INBOX"]]
        server.folders["INBOX"][5] = Stored(6, mail("another", "y" * 300))
        await forget_status(box)

        async def fail(*_: object, **__: object) -> None:
            raise StorageError(said("No space left on device."))

        with monkeypatch.context() as patched:
            patched.setattr(filing.OwnFiling if step == "store" else filing, step, fail)
            with pytest.raises(StorageError):
                await box.run(profile(server))
        await box.run(profile(server))
        await ends_well(box, server)
        assert await box.digests() == before | on_server(server)


# -- which server it is


async def test_another_product_behind_the_same_name_is_told_and_all_folders_are_listed(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its STATUS numbers are the same: they are believed no more, and what changed is found."""
    with inbox(5, Script(capabilities=["IMAP4rev1", "UIDPLUS", "SASL-IR", "ID"])) as server:
        await box.run(profile(server))
        assert warnings(await box.run(profile(server))) == []
        server.folders["INBOX"][2] = Stored(3, mail("another", "y" * 300))
        assert (await box.run(profile(server))).tally.archived == 0, "STATUS is the same"

        def other(_: Any) -> Any:
            def identified(session: Any, *arguments: str) -> str:
                session.send('* ID ("name" "Other" "vendor" "Somebody")')
                return "OK done"

            return identified

        around(monkeypatch, "do_id", other)
        outcome = await box.run(profile(server))
        assert outcome.tally.archived == 1
        assert "different server" in "\n".join(warnings(outcome))
        assert warnings(await ends_well(box, server)) == []


@pytest.mark.parametrize(("days", "looked"), [(6, False), (8, True), (-3, True)], ids=["6 days", "8 days", "clock set back"])
async def test_status_is_believed_for_some_days_only(box: Sandbox, days: int, looked: bool) -> None:
    """The same numbers in STATUS hide another message until the folder is listed whole again."""
    with inbox(5) as server:
        await box.run(profile(server))
        server.folders["INBOX"][2] = Stored(3, mail("another", "y" * 300))
        moment = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        async with box.archive.database.transaction() as transaction:
            await transaction.execute("UPDATE folder_state SET listed = ?", (moment,))
        assert (await box.run(profile(server))).tally.archived == looked


# -- moves


@pytest.mark.parametrize("identified", [False, True], ids=["no Message-ID", "one Message-ID for all"])
async def test_mail_with_equal_headers_elsewhere_is_no_move_until_it_is_read(box: Sandbox, identified: bool) -> None:
    """Same header, size and second in another folder, other bodies, while the first have gone: 5 of 5 are archived."""
    head = b"From: cron@example.test\r\nSubject: report\r\n" + (b"Message-ID: <1@x>\r\n" if identified else b"") + b"\r\n"
    first = [Stored(uid, head + f"report {uid:03}\r\n".encode()) for uid in range(1, 6)]
    other = [Stored(uid, head + f"report {uid + 500}\r\n".encode()) for uid in range(1, 6)]
    with ScriptedServer({"INBOX": first, "Reports": []}) as server:
        await box.run(profile(server))
        server.folders = {"INBOX": [], "Reports": other}
        outcome = await ends_well(box, server)
        assert (outcome.tally.archived, outcome.tally.moved) == (5, 0)


@pytest.mark.parametrize("identified", [False, True], ids=["no Message-ID", "Message-ID"])
async def test_twins_that_move_are_followed_once_each(box: Sandbox, identified: bool) -> None:
    """Three copies in a folder, all moved to another: read where the header does not tell, and no copy is counted twice."""
    raw = mail("twin") if identified else mail("twin").replace(b"Message-ID", b"X-Former-ID")
    with ScriptedServer({"INBOX": [Stored(uid, raw) for uid in (1, 2, 3)], "Filed": []}) as server:
        await box.run(profile(server))
        server.folders = {"INBOX": [], "Filed": [Stored(uid, raw) for uid in (1, 2, 3)]}
        outcome = await ends_well(box, server)
        assert (outcome.tally.found, outcome.tally.moved, outcome.tally.archived) == (3, 3, 0)
        assert await box.places() == {("Filed", sha256(raw)): 1}


@pytest.mark.parametrize("identified", [False, True], ids=["no Message-ID", "Message-ID"])
async def test_a_folder_made_anew_with_the_same_mail_is_the_same_mail(box: Sandbox, identified: bool) -> None:
    """Another UIDVALIDITY: nothing is archived twice, every message stays in its one place."""
    raws = [mail(f"number {n}") if identified else mail(f"number {n}").replace(b"Message-ID", b"X-Old") for n in range(20)]
    with ScriptedServer({"INBOX": [Stored(n + 1, raw) for n, raw in enumerate(raws)]}) as server:
        await box.run(profile(server))
        server.script.uidvalidity["INBOX"] = 2
        server.folders["INBOX"] = [Stored(n + 1, raw) for n, raw in enumerate(reversed(raws))]
        outcome = await ends_well(box, server)
        assert outcome.tally.archived == 0
        assert sum((await box.places()).values()) == 20


async def test_a_server_restored_to_before_a_move_has_the_message_where_it_was(box: Sandbox) -> None:
    """Moved, archived as moved, then the backup of the day before: it is in the first folder again, once."""
    one = Stored(1, mail("to and fro"))
    with ScriptedServer({"INBOX": [one], "Filed": []}) as server:
        for places in ({"INBOX": [one], "Filed": []}, {"INBOX": [], "Filed": [one]}, {"INBOX": [one], "Filed": []}):
            server.folders = dict(places)
            outcome = await ends_well(box, server)
        assert outcome.tally.moved == 1
        assert await box.places() == {("INBOX", sha256(one.raw)): 1}


async def test_another_certificate_is_told_once(box: Sandbox) -> None:
    """Shown for the first time after another one it is named, in dry runs too; from the next run on it is known."""

    def certificate() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        return context

    first, second = certificate(), certificate()
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}, tls=first) as server:
        told = []
        for shown, dry in ((first, False), (first, False), (second, True), (second, False), (second, False), (first, False)):
            server.tls = shown
            outcome = await box.run(profile(server, access=Access.IMAP_SSL, accept_all=True), dry_run=dry)
            assert outcome.status is RunStatus.SUCCEEDED
            told.append(any("another certificate" in text for text in outcome.told("warning")))
        # What a dry run has told, the next run tells all the same.
        assert told == [False, False, True, True, False, False]
