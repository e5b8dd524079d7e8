"""A run whose mailboxes are visited by workers: the run's queue, limits and result are those of any other run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.cluster import known, protocol, worker_key
from core.cluster.following import Following, RunHead
from core.cluster.hub import Hub
from core.cluster.visiting import purpose
from core.engine.run import counting
from core.engine.run.run import Findings, MailboxTurn, ProfileRun, RunParameters
from core.engine.visit.renamed_logins import RenamedLogins
from core.errors import ArchivarError, ConnectError
from core.model import Phase, Problem, RunStatus, Tally, now
from core.problems import cluster as problems
from core.problems.certificate import NO_AUTHORITIES
from core.problems.warning import NO_WORKER
from core.profiles.profile import Profile

#: Times that a mailbox is given out again after its worker was lost.
TRIES = 12
#: Mailboxes that may wait for their entries to become part of the archive, for each connection to the server.
SETTLING = 4
#: Seconds without any worker after which the run says that it waits, and for a worker to end a job that is cancelled.
ALONE_SECONDS, CANCEL_SECONDS = 20.0, 3.5


class WorkerRun(ProfileRun):
    """A run of a profile by workers, which ``hub`` reaches."""

    def __init__(self, archive: Archive, job: RunParameters, found: Findings, hub: Hub) -> None:
        super().__init__(archive, job, found)
        self._hub = hub
        self._open = asyncio.Semaphore(job.profile.server.connections)
        self._renamed = RenamedLogins(archive)
        self._head: RunHead | None = None

    async def execute(self) -> None:
        async with self._hub.used():
            common = await self._common()
            secret = worker_key.seal(self._hub.public_key, self._job.password, purpose=purpose(common))
            self._head = await self._hub.begin(self._job.run.id, common, secret, self._job.listener)
            try:
                await super().execute()
            finally:
                await self._hub.end(self._head)

    def _mailboxes_at_once(self) -> int:
        return min(self._job.profile.server.connections * SETTLING, len(self._queue))

    async def _common(self) -> dict[str, Any]:
        """The values that all jobs of this run have in common."""
        job = self._job
        return {
            "protocol": protocol.PROTOCOL,
            "archive": self._archive.archive_id,
            "run": job.run.id,
            "profile": job.profile.as_json(),
            "settings": self._found.settings.as_json(),
            "now": now().isoformat(),
            "ageless": job.ageless,
            "people": await known.all_users(self._archive),
            "authority": _authority(job.profile),
        }

    async def _visit(self, turn: MailboxTurn) -> ArchivarError | None:
        for _ in range(TRIES):
            following = await self._given(turn)
            try:
                await following.ended.wait()
                self._hub.check()
            except asyncio.CancelledError:
                await self._end(following)
                raise
            finally:
                self._hub.forget(following)
            if following.outcome is not None:
                return await self._settled(turn, following.outcome)
            turn.progress.start_over()
        self._add_lost(turn, Tally())
        turn.progress.result.problems.append(Problem("", None, problems.GIVEN_UP(times=TRIES)))
        turn.progress.result.status = RunStatus.FAILED
        turn.progress.phase = Phase.DONE
        return None

    async def _given(self, turn: MailboxTurn) -> Following:
        """Give the mailbox out as soon as its server has room, and wait until it was visited."""
        assert self._head is not None
        async with self._open, self._connections.slots.taken():
            await self._hub.settle(turn.progress.source)
            following = await self._hub.give(self._head, await self._value(turn), turn.progress)
            turn.progress.phase = Phase.CONNECTING
            self._connections.count += 1
            waiting = True
            try:
                while not following.visited.is_set():
                    try:
                        await asyncio.wait_for(following.visited.wait(), ALONE_SECONDS)
                    except TimeoutError:
                        if waiting and not following.taken.is_set():
                            self._job.listener.warn("", NO_WORKER(seconds=int(ALONE_SECONDS)))
                            waiting = False
            except asyncio.CancelledError:
                await self._end(following)
                raise
            finally:
                self._connections.count -= 1
        return following

    async def _value(self, turn: MailboxTurn) -> dict[str, Any]:
        mailbox, source, server = turn.mailbox, turn.progress.source, self._job.profile.server
        return {
            "user": mailbox.user.as_json(),
            "login": mailbox.login,
            "top": mailbox.top,
            "shared": mailbox.login.casefold() in self._found.roster.shared,
            "early": len(self._unseen) > (source in self._unseen),
            "known": await known.of_mailbox(self._archive, source, mailbox.user.id, server.source("").rpartition("@")[2]),
        }

    async def _settled(self, turn: MailboxTurn, outcome: Any) -> ArchivarError | None:
        """Take over the result of a visit whose entries are part of the archive."""
        progress = turn.progress
        protocol.take_result(progress.result, outcome["result"])
        progress.phase, progress.waits_until, progress.folder = Phase.DONE, None, ""
        self._add_lost(turn, protocol.tally_of(outcome["result"]))
        error = protocol.error_of(outcome["error"]) if outcome["error"] else None
        if outcome["learnt"]:
            await known.take_over(self._archive, progress.source, outcome["learnt"])
            self._unseen.discard(progress.source)
        if error is None:
            self._connections.slots.succeeded()
            self._connections.breaker.succeeded()
            return None
        if error.busy:
            self._connections.slots.refused()
        return await self._explained(turn, error)

    async def _explained(self, turn: MailboxTurn, error: ConnectError) -> ConnectError:
        """The error of a worker's connection, with what only this archive knows of the login."""
        found = await self._renamed.explained(self._job.profile, turn.mailbox, error)
        problems_ = turn.progress.result.problems
        if found is not error and problems_ and problems_[-1].reason == error.reason:
            problems_[-1] = replace(problems_[-1], reason=found.reason)
        return found

    def _add_lost(self, turn: MailboxTurn, own: Tally) -> None:
        """Add what lost visits of this run have archived: the last one found it known. ``own``: of that one."""
        counted = self._hub.counted(self._job.run.id, turn.progress.source)
        before = Tally(
            archived=max(counted.archived - own.archived, 0),
            bytes=max(counted.bytes - own.bytes, 0),
            moved=max(counted.moved - own.moved, 0),
            deleted=max(counted.deleted - own.deleted, 0),
        )
        counting.add_before(turn.progress.tally, before)

    async def _end(self, following: Following) -> None:
        """Have a job ended, and wait a little for it."""
        if following.ended.is_set():
            return
        self._hub.cancel(following)
        try:
            await asyncio.wait_for(following.ended.wait(), CANCEL_SECONDS)
        except TimeoutError:
            return
        if following.outcome is not None:
            protocol.take_result(following.progress.result, following.outcome["result"])


def _authority(profile: Profile) -> str:
    """The certificate authority of the profile's server, in PEM; empty for the system's. Raises ``ConnectError``."""
    if not profile.server.ca_file:
        return ""
    try:
        return Path(profile.server.ca_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectError("certificate", NO_AUTHORITIES(file=profile.server.ca_file)) from error
