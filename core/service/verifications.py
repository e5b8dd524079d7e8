"""Verifications by the service: the request, progress, the last result, and the next due time.

All of it is kept in the archive (table ``setting``), so that it outlives consoles and services, and all processes see it. There
is one at a time. A request is kept until its verification has ended; removing it cancels the verification.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.archive import opening
from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import last_verification
from core.db import kept
from core.db.database import Transaction
from core.model import moment, now, timestamp
from core.problems import table
from core.problems.code import Reason
from core.problems.command_line import told
from core.profiles.rhythm import Often, Rhythm
from core.system.actor import signed
from core.text.format import counted, size
from core.values import dataclass

REQUEST = "verification"
PROGRESS = "verification.progress"
STATE = "verification.state"
ENDED = "verification.ended"
#: The setting with the beginning of the last share.
SHARE = "verification.share"
#: The actor of scheduled verifications.
SCHEDULE = "schedule"
#: Pause after a failed one before the schedule begins it again.
AGAIN = timedelta(hours=1)
#: A recorded time further ahead than this was from a wrong clock; waiting for it would suspend verification for years.
FAST = timedelta(days=1)


class VerificationOutcome(StrEnum):
    """The outcome of a verification."""

    CLEAN = "clean"
    DAMAGED = "damaged"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    """A verification that is queued or running. ``percent``: the size of a share; 0 is everything."""

    id: str
    actor: str
    at: datetime
    percent: int = 0

    @property
    def automatic(self) -> bool:
        return self.actor == SCHEDULE


@dataclass(frozen=True, slots=True)
class VerificationProgress:
    """The progress of a verification: ``done`` from 0 to 1 (of a share: of its round), and its counts.

    ``volume`` is the current one, of ``volumes``; ``comparing``: the catalog, which comes last.
    """

    id: str
    done: float
    volume: int
    volumes: int
    messages: int
    bytes: int
    findings: int
    comparing: bool = False

    def sentence(self) -> str:
        """The current step and the counts, in a sentence."""
        at = "the catalog is compared with the ledger" if self.comparing else f"volume {self.volume} of {self.volumes}"
        found = f", {counted(self.findings, 'finding')} so far" if self.findings else ""
        return f"{at}; {counted(self.messages, 'message')}, {size(self.bytes)}{found}"


@dataclass(frozen=True, slots=True)
class VerificationEnd:
    """The end of the last verification. ``findings`` counts its own; ``why`` is the reason of a failure."""

    at: datetime
    outcome: VerificationOutcome
    percent: int = 0
    findings: int = 0
    why: Reason | None = None

    @property
    def reason(self) -> str:
        """The reason with its remedy, in the words of the command line; empty without one."""
        return told(self.why) if self.why is not None else ""

    def as_json(self) -> dict[str, Any]:
        value = {"at": timestamp(self.at), "outcome": self.outcome.value, "percent": self.percent, "findings": self.findings}
        return value | table.failed(self.why) | {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class VerificationState:
    """The whole state. ``due`` is the next scheduled time, None without a schedule; it may be past."""

    request: VerificationRequest | None
    progress: VerificationProgress | None
    ended: VerificationEnd | None
    rhythm: Rhythm
    due: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The object in ``archivar status --json``."""
        request, progress = self.request, self.progress
        under_way: dict[str, Any] | None = None
        if request is not None:
            under_way = {"requested": timestamp(request.at), "by": request.actor, "share": request.percent or None}
            under_way |= {"done": progress.done if progress else 0.0, "findings": progress.findings if progress else 0}
        return {
            "under_way": under_way,
            "ended": self.ended.as_json() if self.ended else None,
            "every": str(self.rhythm),
            "due": timestamp(self.due) if self.due else None,
        }


# For clients ------------------------------------------------------------------------------------------------------


async def ask(archive: Archive, *, actor: str, percent: int = 0) -> VerificationRequest:
    """Request a verification; a running one is joined, unless it is another share than requested.

    Raises ``HomeError`` for a backup, which must not be written to.
    """
    opening.refuse_backup(archive.home)
    if actor != SCHEDULE:
        actor = signed(actor)
    async with archive.database.transaction() as transaction:
        before = _request(await kept.value(transaction, REQUEST))
        if before is not None and before.percent in (0, percent):
            # A user's request keeps a service alive that was started for a run, so the request becomes the user's.
            request = replace(before, actor=actor)
        else:
            request = VerificationRequest(uuid.uuid4().hex, actor, moment(timestamp(now())), percent)
            await _clear(transaction)
            if percent:
                await kept.keep(transaction, SHARE, timestamp(request.at))
        await kept.keep(transaction, REQUEST, json.dumps(asdict(request) | {"at": timestamp(request.at)}))
    return request


async def cancel(archive: Archive) -> bool:
    """Cancel the queued or running verification; False when there is none. Its findings are kept."""
    async with archive.database.transaction() as transaction:
        request = _request(await kept.value(transaction, REQUEST))
        if request is not None:
            await _end(transaction, VerificationEnd(now(), VerificationOutcome.CANCELLED, request.percent))
    return request is not None


async def request(archive: Archive) -> VerificationRequest | None:
    """The queued or running verification; None when there is none."""
    return _request(await kept.value(archive.database, REQUEST))


async def standing(archive: Archive) -> VerificationState:
    """The whole state of verifications."""
    # Without the saved position, which may be long, and is only for the process that continues.
    sql = "SELECT name, value FROM setting WHERE name IN (?, ?, ?)"
    rows = await archive.database.read(sql, (REQUEST, PROGRESS, ENDED))
    texts = {str(name): str(value) for name, value in rows}
    asked, progress = _request(texts.get(REQUEST)), _progress(texts.get(PROGRESS))
    if asked is None or progress is None or progress.id != asked.id:
        progress = None
    rhythm = Rhythm.parse((await settings.read(archive.database)).verify)
    return VerificationState(asked, progress, _ended(texts.get(ENDED)), rhythm, await due(archive, rhythm))


async def due(archive: Archive, rhythm: Rhythm) -> datetime | None:
    """The time at which ``rhythm`` wants the next verification: counted from the last one, else from the archive's creation.

    None without a rhythm, or with nothing to verify. A cancelled one counts, or it would begin again at once.
    """
    if rhythm.often is Often.OFF or archive.home.is_backup:
        return None
    if await archive.database.value("SELECT 1 FROM message LIMIT 1") is None:
        return None
    times: list[datetime] = []
    if rhythm.often is Often.DAILY:
        if (share := _moment(await kept.value(archive.database, SHARE))) is not None:
            times.append(share)
    elif (last := await last_verification.last(archive)) is not None:
        times.append(last.at)
    ended = _ended(await kept.value(archive.database, ENDED))
    if ended is not None and ended.outcome is VerificationOutcome.CANCELLED:
        times.append(ended.at)
    latest = now() + FAST
    times = [time for time in times if time <= latest]
    if not times:
        times.append(min(await _began(archive), latest))
    following = rhythm.following(max(times))
    if following is not None and ended is not None and ended.outcome is VerificationOutcome.FAILED and ended.at <= latest:
        # The cause of the failure may last.
        following = max(following, ended.at + AGAIN)
    return following


async def _began(archive: Archive) -> datetime:
    """The creation of the archive, from its first volume."""
    for text in (await archive.volumes.entry_times([1])).values():
        return moment(text)
    return now()


# For the service and its process ----------------------------------------------------------------------------------


async def state(archive: Archive, request: VerificationRequest) -> str:
    """The last saved state of a verification of everything; empty for the beginning."""
    try:
        value = json.loads(await kept.value(archive.database, STATE) or "{}")
        return json.dumps(value["state"]) if value.get("id") == request.id else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


async def save(archive: Archive, request: VerificationRequest, state: dict[str, Any]) -> None:
    """Save the state, so that another process can continue."""
    async with archive.database.transaction() as transaction:
        if await _is(transaction, request):
            await kept.keep(transaction, STATE, json.dumps({"id": request.id, "state": state}))


async def report(archive: Archive, progress: VerificationProgress) -> None:
    """Save the progress."""
    async with archive.database.transaction() as transaction:
        asked = _request(await kept.value(transaction, REQUEST))
        if asked is not None and asked.id == progress.id:
            await kept.keep(transaction, PROGRESS, json.dumps(asdict(progress)))


async def finish(
    archive: Archive,
    request: VerificationRequest,
    outcome: VerificationOutcome,
    *,
    findings: int = 0,
    why: Reason | None = None,
) -> None:
    """Record the end of a verification; no effect when it was cancelled before."""
    async with archive.database.transaction() as transaction:
        if await _is(transaction, request):
            await _end(transaction, VerificationEnd(now(), outcome, request.percent, findings, why))


async def _is(transaction: Transaction, request: VerificationRequest) -> bool:
    """True when this is still the current request."""
    asked = _request(await kept.value(transaction, REQUEST))
    return asked is not None and asked.id == request.id


async def _end(transaction: Transaction, ended: VerificationEnd) -> None:
    await _clear(transaction)
    await kept.keep(transaction, ENDED, json.dumps(ended.as_json()))


async def _clear(transaction: Transaction) -> None:
    for name in (REQUEST, PROGRESS, STATE):
        await kept.forget(transaction, name)


# An unreadable value counts as absent: another version may have written it.


def _request(text: str | None) -> VerificationRequest | None:
    try:
        value = json.loads(text or "")
        return VerificationRequest(str(value["id"]), str(value["actor"]), moment(value["at"]), int(value["percent"]))
    except (ValueError, KeyError, TypeError):
        return None


def _progress(text: str | None) -> VerificationProgress | None:
    try:
        return VerificationProgress(**json.loads(text or ""))
    except (ValueError, TypeError):
        return None


def _ended(text: str | None) -> VerificationEnd | None:
    try:
        value = json.loads(text or "")
        return VerificationEnd(
            moment(value["at"]),
            VerificationOutcome(value["outcome"]),
            int(value["percent"]),
            int(value["findings"]),
            table.kept(value) if value["reason"] else None,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _moment(text: str | None) -> datetime | None:
    try:
        return moment(text or "")
    except ValueError:
        return None
