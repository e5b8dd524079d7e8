"""Verifications in pieces: of everything, or of a share a day, so that each round covers the whole archive.

Both can be stopped at any moment and continued by another process. Findings are kept at once, stand in the ledger, and are
forgotten only when the same place was checked again and is sound. The comparison of catalog and ledger, which cannot be
divided, comes at the end of a round of shares, and of a verification of everything.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import field
from datetime import datetime
from typing import Any

from core.archive import noting
from core.archive.archive import Archive
from core.archive.catalog.proven_details import ProvenDetails
from core.archive.proof import damage
from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Finding, Verdict
from core.archive.proof.last_verification import EVERYTHING, remember
from core.archive.proof.other_volumes import mended_later
from core.archive.proof.verify import check_rest
from core.archive.proof.volume_check import check_volume, so_far, walk
from core.archive.store.entries.upkeep import Verified
from core.archive.store.ledger import Draft
from core.config import Home
from core.db import kept
from core.errors import ArchivarError, DamagedError
from core.model import moment, now, timestamp
from core.problems.code import Reason
from core.storage import notes
from core.system.actor import Actor
from core.values import dataclass

#: The setting that holds the state of the present round of shares.
ROUND = "verifying"
SAVE_SECONDS = 2.0
#: Condition: beside other damage the catalog is not compared, so its known findings stand.
ALL_BUT_CATALOG = "place <> 'catalog'"

#: Called with the share done, from 0 to 1, and the verdict so far.
Tell = Callable[[float, Verdict], None]
Save = Callable[[dict[str, Any]], Awaitable[None]]
#: Awaited between two steps, so that a service can throttle the verification.
Pause = Callable[[], Awaitable[None]]


async def _no_pause() -> None:
    return


@dataclass(frozen=True, slots=True)
class Round:
    """A round of shares: its beginning, the part done (0 to 1), and the verdict so far."""

    began: datetime
    done: float
    findings: int


def done(home: Home, place: CheckPosition) -> float:
    """The part of all volumes checked up to ``place``, from 0 to 1, by file sizes."""
    sizes = {number: _size(home, number) for number in home.all_volume_numbers()}
    before = sum(size for number, size in sizes.items() if number < place.volume)
    return min((before + sizes.get(place.volume, 0) * place.share) / max(sum(sizes.values()), 1), 1.0)


def _size(home: Home, number: int) -> int:
    try:
        return notes.size_of(home.volume(number))
    except DamagedError:
        return 0


async def whole(home: Home, state: dict[str, Any], tell: Tell, save: Save, pause: Pause = _no_pause) -> Verdict:
    """Verify everything, continuing from ``state`` as last given to ``save``; an empty one is the beginning.

    ``tell`` gets 1 while the catalog, which comes last, is compared with the ledger.
    """
    place, verdict = _resumed(state)
    follower = _Follower(tell, save, pause)
    await _go(home, place, verdict, 1.0, follower)
    await _settle(home, verdict)
    await save(_as_state(place, verdict))
    tell(1.0, verdict)
    await pause()
    await check_rest(home, verdict, follower.proven)
    return verdict


async def share(
    archive: Archive, percent: int, tell: Tell, *, actor: str = "archivar", pause: Pause = _no_pause
) -> tuple[Verdict, bool]:
    """Verify the next ``percent`` of everything; the verdict of the round so far, and True when the round is complete.

    The state is kept in the archive every few seconds.
    """
    state = _state(await kept.value(archive.database, ROUND))
    place, verdict = _resumed(state)
    began = moment(state["began"]) if state else now()
    settled = await _settle(archive.home, verdict)

    async def save(state: dict[str, Any]) -> None:
        async with archive.database.transaction() as transaction:
            await kept.keep(transaction, ROUND, json.dumps(state | {"began": timestamp(began)}))
            await damage.keep(transaction, verdict.findings, now())

    follower = _Follower(tell, save, pause)
    complete = await _go(archive.home, place, verdict, percent / 100, follower)
    settled |= await _settle(archive.home, verdict)
    if complete:
        looked_at = ALL_BUT_CATALOG if verdict.findings else EVERYTHING
        await check_rest(archive.home, verdict, follower.proven)
        await remember(archive.home, verdict, instead_of=looked_at)
        async with archive.database.transaction() as transaction:
            await kept.forget(transaction, ROUND)
    else:
        # A share may end within a volume whose own end may be weeks away.
        state = _as_state(place, verdict)
        verdict = await so_far(archive.home, place, verdict)
        await save(state | {"found": len(verdict.findings)})
        async with archive.database.transaction() as transaction:
            for name in settled:
                await damage.keep(transaction, verdict.findings, now(), instead_of=f"place = '{name}'")
    await record(archive, verdict, actor=actor, share=percent)
    return verdict, complete


async def keep_found(archive: Archive, state: dict[str, Any], known: set[Finding]) -> None:
    """Keep new findings of a verification of everything up to ``state``, those not ``known``: it may be cancelled."""
    place, verdict = _resumed(state)
    fresh = [one for one in (await so_far(archive.home, place, verdict)).findings if one not in known]
    if fresh:
        async with archive.database.transaction() as transaction:
            await damage.keep(transaction, fresh, now())
        known.update(fresh)


async def present_round(archive: Archive) -> Round | None:
    """The round of shares under way; None when there is none."""
    state = _state(await kept.value(archive.database, ROUND))
    if not state:
        return None
    place, verdict = _resumed(state)
    found = max(int(state.get("found", 0)), len(verdict.findings))
    return Round(moment(state["began"]), done(archive.home, place), found)


async def record(archive: Archive, verdict: Verdict, *, actor: str, share: int = 0) -> None:
    """Record a verification in the ledger, unless its findings forbid writing to the archive."""
    if not verdict.usable or archive.home.is_backup:
        # A backup's ledger must stay a copy of the original's, or the next backup could not continue it.
        return
    # A verification by the service on request: the channel alone would not name the requester.
    asked_by = actor if Actor.of(actor).uid is not None else ""
    counts = (verdict.parts, verdict.messages, verdict.entries, len(verdict.findings))
    await archive.append([Draft(Verified(*counts, share, asked_by), actor)])


async def keep(home: Home, verdict: Verdict, *, actor: str) -> Reason | None:
    """Keep the result of a verification of everything, in the ledger too, as far as the archive's state allows.

    The problem when it could not be recorded, else None: the findings must be reported in any case.
    """
    await remember(home, verdict)
    if not verdict.usable:
        return None
    try:
        return await noting.noted(_opened_and_recorded(home, verdict, actor=actor))
    except ArchivarError:
        if not verdict.findings:
            raise
    return None


async def _opened_and_recorded(home: Home, verdict: Verdict, *, actor: str) -> None:
    archive = await Archive.open(home, actor=actor)
    try:
        await record(archive, verdict, actor=actor)
    finally:
        await archive.close()


@dataclass(frozen=True, slots=True)
class _Follower:
    """The functions called on the way, and the details of messages read on it."""

    tell: Tell
    save: Save
    pause: Pause
    proven: ProvenDetails = field(default_factory=ProvenDetails)


async def _go(home: Home, place: CheckPosition, verdict: Verdict, wanted: float, follower: _Follower) -> bool:
    """Check ``wanted`` of everything (0 to 1) from ``place`` on; True when the end was reached."""
    start, saved = done(home, place), time.monotonic()
    follower.tell(start, verdict)
    async with aclosing(walk(home, place, verdict, gentle=True, proven=follower.proven)) as steps:
        async for _ in steps:
            reached = done(home, place)
            follower.tell(reached, verdict)
            if wanted < 1 and reached - start >= wanted:
                return not place.is_within(home)
            if time.monotonic() - saved > SAVE_SECONDS:
                await follower.save(_as_state(place, verdict))
                saved = time.monotonic()
            await follower.pause()
    return True


async def _settle(home: Home, verdict: Verdict) -> set[str]:
    """Check again volumes of which messages were repaired after they were checked; their file names.

    A round of shares takes weeks: what was found at its beginning may be repaired by its end.
    """
    settled = set()
    for number in home.all_volume_numbers():
        name = home.volume(number).name
        damaged = {one.sha256 for one in verdict.findings if one.where == name and one.sha256}
        if damaged and damaged & await mended_later(home, number):
            fresh = await check_volume(home, number)
            verdict.findings = [one for one in verdict.findings if one.where != name]
            verdict.findings += [one for one in fresh.findings if one.where == name]
            verdict.mended += [one for one in fresh.mended if one.where == name]
            settled.add(name)
    return settled


def _as_state(place: CheckPosition, verdict: Verdict) -> dict[str, Any]:
    return {"place": place.as_json(), "verdict": verdict.as_json()}


def saved(text: str | None) -> dict[str, Any]:
    """The state given to ``save``, from JSON; empty when there is none, or it is unreadable."""
    try:
        value = dict(json.loads(text or ""))
        _resumed(value)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return value


def _state(text: str | None) -> dict[str, Any]:
    """A round of shares as JSON."""
    try:
        value = saved(text)
        _ = moment(value["began"])
    except (ValueError, KeyError, TypeError):
        return {}
    return value


def _resumed(state: dict[str, Any]) -> tuple[CheckPosition, Verdict]:
    """Decode ``state``. Raises ``KeyError``, ``TypeError``, ``ValueError`` when it is none."""
    if not state:
        return CheckPosition(), Verdict()
    return CheckPosition.from_json(state["place"]), Verdict.from_json(state["verdict"])
