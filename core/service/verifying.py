"""The verifying process: verifies the archive on request and by schedule, beside the service with the lowest priority.

A user's request is served by any service; the schedule only by one that was started on its own account, since a service started
for a run ends with it. It begins while no run is active, or when one has been for long; beside runs it rests nine times as long
as it works. It dies with the service, at any moment: the next one continues it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any

from core.archive.archive import Archive
from core.archive.proof import verification
from core.archive.proof.findings import Finding, Verdict
from core.config import Home
from core.errors import ArchivarError, BusyError, StorageError
from core.model import now
from core.problems import command_line
from core.problems import service as problems
from core.problems.code import Reason
from core.profiles.rhythm import Often
from core.service import verifications
from core.service.companion import PATIENCE_SECONDS, REST, Companion, Patience, main
from core.service.queue import Queue
from core.service.verifications import VerificationOutcome, VerificationProgress, VerificationRequest

#: Seconds of work between decisions to rest.
SLICE_SECONDS = 0.1
#: Seconds within which a request or its cancellation is seen, and a due verification.
LOOK_SECONDS, DUE_SECONDS = 0.5, 3.0
#: Seconds between progress reports.
TELL_SECONDS = 1.0
#: Seconds before a process without a result is restarted, and the most restarts.
AGAIN_SECONDS, TRIES = 60.0, 5

logger = logging.getLogger("archivar.verifying")


class Verifying:
    """The service's control of the verifying process."""

    def __init__(self, archive: Archive, *, patience: float = PATIENCE_SECONDS) -> None:
        self._archive = archive
        self._patience = Patience(patience)
        self._companion = Companion("core.service.verifying", logger)
        #: The id of the request that the process handles.
        self._doing = ""
        self._looked = self._due = self._failed = float("-inf")
        self._tries = 0
        #: The reason why the process could not be started last time.
        self._why: Reason | None = None
        self._wanted = False

    async def look(self, *, busy: bool, lasting: bool) -> bool:
        """Start or end the process; True when the service must stay for it. Never raises.

        ``busy``: runs are active. ``lasting``: the service was started on its own account.
        """
        time_ = time.monotonic()
        free = self._patience.is_over(busy=busy)
        if time_ - self._looked < LOOK_SECONDS:
            return self._wanted
        self._looked = time_
        try:
            await self._see_to_process()
            request = await verifications.request(self._archive)
            if lasting and time_ - self._due >= DUE_SECONDS:
                self._due = time_
                request = await self._see_to_schedule(request)
            self._wanted = await self._go_on(request, lasting=lasting, free=free)
        except ArchivarError as error:
            # A lock or a full disk passes; other errors of the archive are reported elsewhere.
            logger.warning("verifying cannot be seen to: %s", error)
        return self._wanted

    def close(self) -> None:
        """End the process; the next service continues."""
        self._companion.close()

    async def _see_to_process(self) -> None:
        code = self._companion.ended()
        if code is None:
            return
        self._tries = self._tries + 1 if code else 0
        if code:
            self._failed = time.monotonic()
            logger.error("verifying ended with code %d", code)

    async def _see_to_schedule(self, request: VerificationRequest | None) -> VerificationRequest | None:
        """Request a due verification; withdraw the schedule's request when there is no schedule any more."""
        standing = await verifications.standing(self._archive)
        rhythm, due = standing.rhythm, standing.due
        if request is not None:
            if request.automatic and rhythm.often is Often.OFF:
                await verifications.cancel(self._archive)
                return None
            return request
        if due is None or due > now():
            return None
        logger.info("verifying is due (%s)", rhythm.sentence())
        return await verifications.ask(self._archive, actor=verifications.SCHEDULE, percent=rhythm.percent)

    async def _go_on(self, request: VerificationRequest | None, *, lasting: bool, free: bool) -> bool:
        if self._companion.started:
            if request is not None and request.id == self._doing:
                return lasting or not request.automatic
            # It was cancelled, or replaced by another request.
            self._companion.close()
        if request is None or not (lasting or not request.automatic):
            return False
        if request.id != self._doing:
            self._tries, self._failed = 0, float("-inf")
        if self._tries >= TRIES:
            why = self._why or problems.VERIFICATION_ENDS(tries=TRIES, log=str(self._archive.home.log))
            await verifications.finish(self._archive, request, VerificationOutcome.FAILED, why=why)
            return False
        if free and time.monotonic() - self._failed > AGAIN_SECONDS:
            self._start(request)
        return True

    def _start(self, request: VerificationRequest) -> None:
        self._doing = request.id
        try:
            self._companion.start(self._archive.home, request.id)
        except OSError as error:
            self._failed = time.monotonic()
            self._tries += 1
            log = str(self._archive.home.log)
            self._why = problems.VERIFICATION_NOT_STARTED(said=error.strerror or str(error), log=log)
            logger.error("verifying cannot be started: %s", error)
        else:
            self._why = None


async def verify(home: Home, request: str) -> None:
    """Run the verification with this request id, if it is still wanted.

    Raises ``BusyError``, ``StorageError`` when it must be tried again.
    """
    archive = await Archive.open(home, actor="verifying", follow=False)
    try:
        asked = await verifications.request(archive)
        if asked is not None and asked.id == request:
            await _Work(archive, asked).do()
    finally:
        await archive.close()


class _Work:
    """One verification."""

    def __init__(self, archive: Archive, request: VerificationRequest) -> None:
        self._archive = archive
        self._request = request
        self._queue = Queue(archive.database)
        self._resumed = time.monotonic()
        self._told = float("-inf")
        self._latest: tuple[float, Verdict] = (0.0, Verdict())
        #: The number of findings last saved, and those saved.
        self._damaged = 0
        self._known: set[Finding] = set()

    async def do(self) -> None:
        asked = self._request
        try:
            verdict = await (self._share() if asked.percent else self._whole())
        except (BusyError, StorageError):
            raise
        except ArchivarError as error:
            await verifications.finish(self._archive, asked, VerificationOutcome.FAILED, why=error.reason)
            raise
        outcome = VerificationOutcome.DAMAGED if verdict.findings else VerificationOutcome.CLEAN
        await verifications.finish(self._archive, asked, outcome, findings=len(verdict.findings))

    async def _whole(self) -> Verdict:
        state = verification.saved(await verifications.state(self._archive, self._request))
        verdict = await verification.whole(self._archive.home, state, self._tell, self._save, self._pause)
        if unnoted := await verification.keep(self._archive.home, verdict, actor=self._request.actor):
            logger.warning("%s", command_line.told(unnoted))
        return verdict

    async def _share(self) -> Verdict:
        request = self._request
        verdict, _ = await verification.share(
            self._archive, request.percent, self._tell, actor=request.actor, pause=self._pause
        )
        return verdict

    def _tell(self, done: float, verdict: Verdict) -> None:
        self._latest = (done, verdict)

    async def _save(self, state: dict[str, Any]) -> None:
        await verifications.save(self._archive, self._request, state)
        place = state["place"]
        damaged = sum(
            len(found) for found in (place["parts"], place["messages"], place["faults"], state["verdict"]["findings"])
        )
        if damaged != self._damaged:
            self._damaged = damaged
            await verification.keep_found(self._archive, state, self._known)

    async def _pause(self) -> None:
        """Save the progress at intervals; beside runs, rest."""
        comparing = self._latest[0] >= 1 and not self._request.percent
        if comparing or time.monotonic() - self._told >= TELL_SECONDS:
            await self._report(comparing)
            self._told = time.monotonic()
        worked = time.monotonic() - self._resumed
        if worked < SLICE_SECONDS:
            return
        if await self._queue.active():
            await asyncio.sleep(worked * REST)
        self._resumed = time.monotonic()

    async def _report(self, comparing: bool) -> None:
        done, verdict = self._latest
        volumes = len(self._archive.home.all_volume_numbers())
        counts = (min(verdict.volumes, volumes), volumes, verdict.messages, verdict.bytes, len(verdict.findings))
        await verifications.report(self._archive, VerificationProgress(self._request.id, done, *counts, comparing))


if __name__ == "__main__":
    main(lambda home: verify(home, sys.argv[2]), logger)
