"""Times at which the service verifies: when it is due, beside runs, after a failure, and when a clock was wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.proof import last_verification
from core.archive.proof.findings import Verdict
from core.archive.registry import saved_settings
from core.db import kept
from core.model import moment, now, timestamp
from core.service import verifications
from core.service.queue import Queue
from core.service.verifications import VerificationOutcome
from core.service.verifying import Verifying, verify
from tests import homes, several
from tests.reasons import said

LONG_AGO = "2020-01-01T00:00:00.000Z"


home, archive = several.home, several.archive


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
