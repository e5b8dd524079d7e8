"""The service verifies: due and requested ones, resting beside runs, carried on by the next service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.proof import damage, last_verification, verification
from core.archive.proof.findings import Verdict
from core.archive.registry import saved_settings
from core.config import Home
from core.db import kept
from core.errors import HomeError
from core.model import moment, now, timestamp
from core.service import verifications
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.verifications import VerificationOutcome
from core.service.verifying import Verifying, verify
from core.system.actor import Actor
from core.system.tasks import spawn
from tests import homes
from tests.homes import rows, wait_for
from tests.reasons import said
from tui.desk.desk import open_desk
from tui.desk.home import Remedy

LONG_AGO = "2020-01-01T00:00:00.000Z"
Hold = Callable[["subprocess.Popen[bytes]"], int]
Start = Callable[[Home, str], "subprocess.Popen[bytes]"]


@pytest.fixture
def home(several_volumes: Home) -> Home:
    return several_volumes


@pytest.fixture
async def archive(home: Home) -> AsyncIterator[Archive]:
    archive = await Archive.open(home)
    yield archive
    await archive.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts services, ``lasting`` ones as systemd does or such as runs do, that are ended with the test."""
    with ExitStack() as ending:

        def begin(home: Home, kind: str) -> subprocess.Popen[bytes]:
            process = homes.start_process(home, stays=kind == "lasting")
            ending.callback(lambda: process.poll() is None and homes.end(process))
            wait_for(lambda: is_running(home) or process.poll() is not None, "the service's lock")
            return process

        yield begin


def _kept(home: Home, name: str) -> str:
    """The text kept under a name, read past the product; empty without one."""
    found = rows(home.catalog, "SELECT value FROM setting WHERE name = ?", name)
    return str(found[0][0]) if found else ""


def _keep(home: Home, name: str, text: str) -> None:
    homes.change(home.catalog, f"INSERT OR REPLACE INTO setting VALUES ('{name}', '{text}')")


def _ended(home: Home) -> dict[str, Any]:
    wait_for(lambda: _kept(home, verifications.ENDED), "the end of the verification")
    value: dict[str, Any] = json.loads(_kept(home, verifications.ENDED))
    return value


def _verified(home: Home) -> list[tuple[str, dict[str, Any]]]:
    """Actor and payload of the ledger's entries of verifications."""

    async def look() -> list[tuple[str, dict[str, Any]]]:
        archive = await Archive.open(home, follow=False)
        try:
            return [
                (Actor.of(one.actor).channel, one.payload) for one in await homes.entries(archive) if one.kind == "verified"
            ]
        finally:
            await archive.close()

    return asyncio.run(look())


def _long_ago(home: Home) -> None:
    """The last verification lies far behind."""
    asyncio.run(last_verification.remember(home, Verdict()))
    value = json.loads(_kept(home, last_verification.NAME))
    _keep(home, last_verification.NAME, json.dumps(value | {"at": LONG_AGO}))


def _helper(service: int) -> int:
    """The process that verifies, below the service; 0 when there is none."""
    try:
        for child in Path(f"/proc/{service}/task/{service}/children").read_text().split():
            if b"core.service.verifying" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    except FileNotFoundError:
        pass
    return 0


def _kill(pid: int) -> None:
    if not _is_gone(pid):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Stops the process that verifies below a service, as soon as there is one; what a broken service left is ended."""
    with ExitStack() as ending:

        def held(service: subprocess.Popen[bytes]) -> int:
            pid = int(wait_for(lambda: _helper(service.pid), "the process that verifies"))
            os.kill(pid, signal.SIGSTOP)
            ending.callback(_kill, pid)
            return pid

        yield held


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _ask(home: Home, *, actor: str = "root") -> str:
    async def ask() -> str:
        archive = await Archive.open(home)
        try:
            return (await verifications.ask(archive, actor=actor)).id
        finally:
            await archive.close()

    return asyncio.run(ask())


def test_what_is_due_is_verified_by_a_service_of_its_own_account(home: Home, start: Start) -> None:
    """Everything after a month; it stands in the ledger by name of the schedule, and is the last verification."""
    _long_ago(home)
    start(home, "lasting")
    assert _ended(home)["outcome"] == "clean"
    [(actor, payload)] = _verified(home)
    assert (actor, payload["messages"], payload["findings"], "share" in payload) == ("schedule", 12, 0, False)
    last = json.loads(_kept(home, last_verification.NAME))
    assert (last["at"] > LONG_AGO, last["ok"], last["messages"]) == (True, True, 12)
    assert _kept(home, verifications.REQUEST) == _kept(home, verifications.STATE) == ""


def test_a_share_that_is_due_is_verified(home: Home, start: Start) -> None:
    """The share of the setting, from where the round stands; the next one is due a day later."""
    _keep(home, "verify", "10%")
    _keep(home, verifications.SHARE, LONG_AGO)
    start(home, "lasting")
    ended = _ended(home)
    assert (ended["outcome"], ended["percent"]) == ("clean", 10)
    [(actor, payload)] = _verified(home)
    assert (actor, payload["share"]) == ("schedule", 10)
    assert json.loads(_kept(home, verification.ROUND))["place"]["volume"] <= 2
    assert _kept(home, verifications.SHARE) > LONG_AGO


def test_a_service_that_was_started_for_a_run_ends_although_a_verification_is_due(home: Home, start: Start) -> None:
    """It begins none."""
    _long_ago(home)
    assert start(home, "idle").wait(homes.DEADLINE) == 0
    assert _kept(home, verifications.REQUEST) == _kept(home, verifications.ENDED) == ""


def test_what_was_asked_for_is_done_by_any_service_which_then_ends(home: Home) -> None:
    """verify --detach starts one; status tells of the end, and the ledger who asked."""
    asked = homes.cli(home, "verify", "--detach", "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["under_way"]["share"] is None
    assert _ended(home)["outcome"] == "clean"
    [(actor, payload)] = _verified(home)
    assert actor not in ("", "schedule")
    assert payload["messages"] == 12
    status = json.loads(homes.cli(home, "status", "--json").stdout)
    assert status["verification"]["under_way"] is None
    assert status["verification"]["ended"]["outcome"] == "clean"
    assert status["verified"]["ok"]
    wait_for(lambda: not is_running(home), "the end of the service")


def test_a_verification_is_carried_on_where_it_stood(home: Home, start: Start) -> None:
    """Parts checked before are not checked again: its counts continue."""

    async def begin() -> None:
        archive = await Archive.open(home)
        request = await verifications.ask(archive, actor="root")

        class Killed(Exception):
            pass

        def tell(done: float, verdict: Verdict) -> None:
            if verdict.volumes > 1:
                raise Killed

        async def save(state: dict[str, Any]) -> None:
            await verifications.save(archive, request, state)

        verification_seconds, verification.SAVE_SECONDS = verification.SAVE_SECONDS, -1.0
        try:
            with pytest.raises(Killed):
                await verification.whole(home, {}, tell, save)
        finally:
            verification.SAVE_SECONDS = verification_seconds
            await archive.close()

    asyncio.run(begin())
    kept = json.loads(_kept(home, verifications.STATE))
    assert kept["state"]["place"]["volume"] == 2
    assert kept["state"]["verdict"]["messages"]
    kept["state"]["verdict"]["messages"] += 1000
    _keep(home, verifications.STATE, json.dumps(kept))
    start(home, "idle")
    assert _ended(home)["outcome"] == "clean"
    [(_, payload)] = _verified(home)
    assert payload["messages"] == 1012


def test_a_service_that_is_killed_takes_the_process_along_and_the_next_carries_on(home: Home, start: Start, hold: Hold) -> None:
    """The request outlives both, and is done once."""
    request = _ask(home)
    service = start(home, "idle")
    helper = hold(service)
    service.kill()
    service.wait(homes.DEADLINE)
    os.kill(helper, signal.SIGCONT)
    wait_for(lambda: _is_gone(helper), "the end of the process that verifies")
    assert json.loads(_kept(home, verifications.REQUEST))["id"] == request
    start(home, "idle")
    assert _ended(home)["outcome"] == "clean"
    assert len(_verified(home)) == 1


def test_stopping_the_service_does_not_wait_for_it(home: Home, start: Start, hold: Hold) -> None:
    """However stuck the process is, it is gone; the request stays."""
    _ask(home)
    service = start(home, "idle")
    helper = hold(service)
    assert homes.end(service) == 0
    assert _is_gone(helper)
    assert _kept(home, verifications.REQUEST)
    assert _kept(home, verifications.ENDED) == ""


def test_a_verification_can_be_cancelled(home: Home, start: Start, hold: Hold) -> None:
    """The process goes, the service lives on until it is idle, and the end is told."""
    _ask(home)
    service = start(home, "idle")
    helper = hold(service)
    assert re.search(r"^ +(● under way, \d+ %: volume|… waits for its turn)", homes.cli(home, "status").stdout, re.MULTILINE)
    cancelled = homes.cli(home, "verify", "--cancel")
    assert (cancelled.returncode, "cancelled" in cancelled.stderr) == (0, True)
    wait_for(lambda: _is_gone(helper), "the end of the process that verifies")
    assert _ended(home)["outcome"] == "cancelled"
    assert service.wait(homes.DEADLINE) == 0
    assert _verified(home) == []
    assert re.search(r"^ +■ cancelled, \d\d:\d\d$", homes.cli(home, "status").stdout, re.MULTILINE)
    again = homes.cli(home, "verify", "--cancel")
    assert (again.returncode, "does no verification" in again.stderr) == (0, True)


async def test_what_one_that_is_cancelled_had_found_is_kept(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it had not come to the end of the volume yet."""
    monkeypatch.setattr("core.archive.proof.verification.SAVE_SECONDS", -1.0)
    homes.change(archive.home.volume(1), "UPDATE part SET data = zeroblob(10) WHERE id = 1")
    request = await verifications.ask(archive, actor="root")
    work = spawn(verify(archive.home, request.id), name="verify")
    while not (await damage.count(archive))[0]:
        assert not work.done()
        await asyncio.sleep(0)
    await verifications.cancel(archive)
    work.cancel()
    await asyncio.wait([work])
    assert (await damage.count(archive))[1]
    assert await last_verification.last(archive) is None


def test_damage_that_the_schedule_finds_is_known(home: Home, start: Start) -> None:
    """As if it had been found by hand: counted, in the status, and on Home."""
    homes.change(home.volume(1), "UPDATE part SET data = zeroblob(10) WHERE id = 1")
    _long_ago(home)
    start(home, "lasting")
    ended = _ended(home)
    assert ended["outcome"] == "damaged"
    assert ended["findings"] >= 2
    assert "DAMAGED" in homes.cli(home, "status").stdout

    async def known() -> tuple[int, int]:
        archive = await Archive.open(home, follow=False)
        try:
            return await damage.count(archive)
        finally:
            await archive.close()

    findings, messages = asyncio.run(known())
    assert (findings, messages >= 1) == (ended["findings"], True)

    async def on_home() -> list[str]:
        desk = await open_desk(home.path)
        try:
            return [item.text for item in (await desk.home()).attention if item.remedy is Remedy.PROOF]
        finally:
            await desk.close()

    [said] = asyncio.run(on_home())
    assert said.startswith(f"DAMAGED: verification found {findings} faults; ")


async def test_a_verification_does_not_begin_while_a_run_is_under_way(archive: Archive) -> None:
    """But once no run is, or when one has been for too long."""
    await verifications.ask(archive, actor="root")
    for patience, busy, begun in ((600.0, True, False), (600.0, False, True), (-1.0, True, True)):
        verifying = Verifying(archive, patience=patience)
        try:
            assert await verifying.look(busy=busy, lasting=False)
            assert verifying._companion.started is begun
        finally:
            verifying.close()


async def test_beside_a_run_it_rests_nine_times_as_long_as_it_works(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not at all when there is none."""
    request = await verifications.ask(archive, actor="root")
    monkeypatch.setattr("core.service.verifying.SLICE_SECONDS", 0.0)
    sleep = AsyncMock()
    monkeypatch.setattr("core.service.verifying.asyncio.sleep", sleep)
    await verify(archive.home, request.id)
    sleep.assert_not_awaited()
    await Queue(archive.database).enqueue("Test")
    await verify(archive.home, (await verifications.ask(archive, actor="root")).id)
    assert sleep.await_count > 5
    ended = (await verifications.standing(archive)).ended
    assert ended is not None
    assert ended.outcome is VerificationOutcome.CLEAN


def test_beside_a_run_the_verification_waits_for_its_end(home: Home, start: Start) -> None:
    """A run that was queued before is done first; the ledger has them in that order."""
    asyncio.run(_save_profile(home))
    homes.enqueue(home)
    _ask(home)
    start(home, "idle")
    assert _ended(home)["outcome"] == "clean"
    kinds = rows(home.volume(home.volume_numbers()[-1]), "SELECT kind FROM ledger ORDER BY seq DESC LIMIT 2")
    assert [kind for (kind,) in kinds] == ["verified", "run.finished"]


async def _save_profile(home: Home) -> None:
    from core.archive.registry import saved_profiles
    from core.secrets import Secret

    archive = await Archive.open(home)
    try:
        # No listener there: the run fails after its tries.
        await saved_profiles.save(archive, homes.profile("127.0.0.1", 1), Secret("secret"))
    finally:
        await archive.close()


async def test_asking_again_joins_and_everything_goes_before_a_share(archive: Archive) -> None:
    """One at a time; a person's wish makes what the schedule wanted the person's."""
    share = await verifications.ask(archive, actor=verifications.SCHEDULE, percent=5)
    again = await verifications.ask(archive, actor="root", percent=5)
    assert (again.id, share.automatic, again.automatic) == (share.id, True, False)
    whole = await verifications.ask(archive, actor="root")
    assert whole.id != share.id
    assert await verifications.ask(archive, actor="root", percent=5) == whole, "a share of it is a part of it"
    assert await verifications.request(archive) == whole
    await verifications.finish(archive, share, VerificationOutcome.CLEAN)
    assert await verifications.request(archive) == whole, "one that is not wanted any more ends nothing"


async def test_when_the_next_is_due(archive: Archive) -> None:
    """Counted from the last one, from the beginning of the archive without one; not by a switched-off schedule."""
    standing = await verifications.standing(archive)
    began = (await archive.volumes.entry_times([1]))[1]
    assert standing.due == standing.rhythm.following(moment(began))
    await saved_settings.change(archive, "verify", "weekly")
    await last_verification.remember(archive.home, Verdict())
    last = await last_verification.last(archive)
    assert last is not None
    assert (await verifications.standing(archive)).due == last.at + timedelta(days=7)
    await saved_settings.change(archive, "verify", "off")
    assert (await verifications.standing(archive)).due is None


async def test_one_that_was_cancelled_or_failed_is_not_begun_again_at_once(archive: Archive) -> None:
    """The schedule leaves out the cancelled one, and tries a failed one an hour later."""
    homes.change(archive.home.catalog, f"INSERT OR REPLACE INTO setting VALUES ('{verifications.SHARE}', '{LONG_AGO}')")
    await saved_settings.change(archive, "verify", "5%")
    before = (await verifications.standing(archive)).due
    assert before is not None
    assert before.year == 2020
    request = await verifications.ask(archive, actor=verifications.SCHEDULE)
    await verifications.finish(archive, request, VerificationOutcome.FAILED, why=said("The disk is full."))
    ended = (await verifications.standing(archive)).ended
    assert ended is not None
    assert (await verifications.standing(archive)).due == ended.at + verifications.AGAIN
    await verifications.ask(archive, actor=verifications.SCHEDULE)
    assert await verifications.cancel(archive)
    after = (await verifications.standing(archive)).due
    assert after is not None
    assert after > ended.at + timedelta(hours=23)


@pytest.mark.parametrize("rhythm", ["5%", "weekly"])
async def test_a_clock_that_was_fast_for_a_while_ends_no_schedule(archive: Archive, rhythm: str) -> None:
    """Results recorded years ahead are not waited for."""
    ahead = timestamp(now() + timedelta(days=4_000))
    await saved_settings.change(archive, "verify", rhythm)
    await last_verification.remember(archive.home, Verdict())
    for outcome in (VerificationOutcome.CLEAN, VerificationOutcome.CANCELLED, VerificationOutcome.FAILED):
        async with archive.database.transaction() as transaction:
            await kept.keep(transaction, verifications.SHARE, ahead)
            ended = {"at": ahead, "outcome": outcome.value, "percent": 0, "findings": 0, "reason": ""}
            await kept.keep(transaction, verifications.ENDED, json.dumps(ended))
            await transaction.execute("UPDATE setting SET value = json_set(value, '$.at', ?) WHERE name = 'verified'", (ahead,))
        due = (await verifications.standing(archive)).due
        assert due is not None
        assert due <= now() + timedelta(days=8)


async def test_a_switched_off_schedule_lets_go_of_what_it_wanted(archive: Archive) -> None:
    """But not of what a person asked for."""
    for actor, stays in ((verifications.SCHEDULE, False), ("root", True)):
        await saved_settings.change(archive, "verify", "off")
        await verifications.ask(archive, actor=actor)
        verifying = Verifying(archive)
        try:
            assert await verifying.look(busy=False, lasting=True) is stays
        finally:
            verifying.close()
        assert (await verifications.request(archive) is not None) is stays


async def test_a_process_that_dies_again_and_again_is_given_up(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, so that no service stays for ever for it."""
    monkeypatch.setattr("core.service.verifying.LOOK_SECONDS", -1.0)
    monkeypatch.setattr("core.service.verifying.AGAIN_SECONDS", -1.0)
    await verifications.ask(archive, actor="root")
    verifying = Verifying(archive)
    try:
        for _ in range(5):
            assert await verifying.look(busy=False, lasting=False)
            process = verifying._companion._process
            assert process is not None
            process.kill()
            process.wait()
        assert not await verifying.look(busy=False, lasting=False)
    finally:
        verifying.close()
    ended = (await verifications.standing(archive)).ended
    assert ended is not None
    assert ended.outcome is VerificationOutcome.FAILED
    assert "5 times" in ended.reason


async def test_a_backup_is_not_written_to(home: Home, archive: Archive) -> None:
    """Nothing is due there, and nothing can be asked for."""
    home.backup_note.write_text("{}", "utf-8")
    with pytest.raises(HomeError):
        await verifications.ask(archive, actor="root")
    assert (await verifications.standing(archive)).due is None
