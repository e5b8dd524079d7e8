"""Reasons kept beside the catalog, of seals, synchronisations and verifications: with codes, and those of older versions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal_places
from core.archive.registry import last_attempt
from core.archive.registry.last_attempt import AttemptOutcome
from core.db import kept
from core.problems import unnamed
from core.problems.command_line import told
from core.problems.directory import NOBODY
from core.problems.seal import TOOK_TOO_LONG
from core.problems.service import VERIFICATION_ENDS
from core.profiles.seal_place import PlaceKind, SealPlace
from core.service import verifications
from core.service.verifications import VerificationOutcome
from tests import coded, homes


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def test_the_failure_of_a_seal_keeps_its_code_until_another_version_fails_there(archive: Archive, tmp_path: Path) -> None:
    """The table has the sentence alone; a later failure that an older version wrote there is `earlier`."""
    for name in ("list", "other"):
        await seal_places.save(archive, SealPlace(name, PlaceKind.FILE, str(tmp_path / name)))
    places = [one.place for one in await seal_places.standings(archive)]
    for place in places:
        await seal_places.failed(archive, place, TOOK_TOO_LONG(where=place.target))
    found = await seal_places.standings(archive)
    assert [one.why for one in found] == [TOOK_TOO_LONG(where=place.target) for place in places]
    assert [list(coded.uncoded(one.as_json())) for one in found] == [[], []]
    async with archive.database.transaction() as transaction:
        sql = "UPDATE seal_place SET at = '2030-01-01T00:00:00.000Z', failure = 'No room. Make some.' WHERE name = 'other'"
        await transaction.execute(sql)
    one, other = await seal_places.standings(archive)
    assert one.why == found[0].why
    assert (other.failure, other.as_json()["code"]) == ("No room. Make some.", "earlier")


async def test_why_a_synchronisation_failed_keeps_its_code(archive: Archive) -> None:
    """An attempt of an older version has its sentence, which holds the remedy already."""
    why = NOBODY(host="dc1", filter="(mail=*)")
    await last_attempt.remember(archive, AttemptOutcome.FAILED, why, asked_by="run 7 of Staff", of_run=True)
    attempt = await last_attempt.last(archive)
    assert attempt is not None
    assert (attempt.why, attempt.of_run, attempt.reason) == (why, True, told(why))
    assert list(coded.uncoded(attempt.as_json())) == []
    older = {"at": "2026-01-01T00:00:00.000Z", "outcome": "failed", "reason": "No answer. Try again.", "asked_by": "cli:anna"}
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, last_attempt.NAME, json.dumps(older))
    attempt = await last_attempt.last(archive)
    assert attempt is not None
    assert (attempt.why, attempt.of_run) == (unnamed.EARLIER(message="No answer. Try again."), False)
    assert (attempt.reason, attempt.as_json()["code"]) == ("No answer. Try again.", "earlier")


async def test_why_a_verification_failed_keeps_its_code(archive: Archive) -> None:
    """In the state that `status --json` shows."""
    request = await verifications.ask(archive, actor="cli")
    why = VERIFICATION_ENDS(tries=5, log="/log")
    await verifications.finish(archive, request, VerificationOutcome.FAILED, why=why)
    state = await verifications.standing(archive)
    assert state.ended is not None
    assert state.ended.why == why
    assert state.as_json()["ended"]["code"] == "verification-ends-again"
    assert list(coded.uncoded(state.as_json())) == []
