"""The service verifies: due and requested ones, resting beside runs, carried on by the next service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof import damage, last_verification, verification
from core.archive.proof.findings import Verdict
from core.config import Home
from core.errors import HomeError
from core.service import verifications
from core.service.lock import is_running
from core.service.verifying import verify
from core.system.actor import Actor
from core.system.tasks import spawn
from tests import homes, several
from tests.homes import rows, wait_for
from tui.desk.desk import open_desk
from tui.desk.home import Remedy

LONG_AGO = "2020-01-01T00:00:00.000Z"
Hold = Callable[["subprocess.Popen[bytes]"], int]
Start = Callable[[Home, str], "subprocess.Popen[bytes]"]


home, archive = several.home, several.archive


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
            homes.stop(pid)
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


async def test_a_backup_is_not_written_to(home: Home, archive: Archive) -> None:
    """Nothing is due there, and nothing can be asked for."""
    home.backup_note.write_text("{}", "utf-8")
    with pytest.raises(HomeError):
        await verifications.ask(archive, actor="root")
    assert (await verifications.standing(archive)).due is None
