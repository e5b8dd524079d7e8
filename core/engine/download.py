"""Brings the new messages of one folder into the archive: batches bounded by bytes, the next fetched while others are stored.

A batch that the server answers only in part, or refuses, or breaks off, is taken apart until the message is found that cannot
be had; that one is named, and the rest goes on (P6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.engine.limits import Budget, Grant
from core.engine.link import Link
from core.engine.looking import Changed
from core.engine.plan import batches
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder
from core.imap.replies import Listed
from core.imap.session import Busy, Fetched, Session
from core.model import ProblemCode

BATCH_BYTES = 8 * 1024 * 1024
BATCH_MESSAGES = 500
#: When so many messages in a row cannot be had for want of a connection, it is hardly the messages' fault.
GIVE_UP_AFTER = 10
#: How often a folder is listed once more to tell what another client deleted from what the server does not give.
RECOUNTS = 3

Batch = list[tuple[int, bytes, Listed]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The new messages of a folder, as it was listed under ``uidvalidity``."""

    folder: Folder
    uidvalidity: int
    listed: Mapping[int, Listed]
    uids: Sequence[int]


class Fail(Protocol):
    """Is told of a message that cannot be had, and why."""

    def __call__(self, uid: int, reason: str, code: ProblemCode = ...) -> None: ...


def ignore(uid: int, reason: str = "", code: ProblemCode = ProblemCode.UNNAMED) -> None:
    """For downloads in which what cannot be had is of no account."""


class Download:
    """One folder's download, within ``budget``. ``submit`` gets a batch and its share of that, to be released when written.

    ``fail(uid, reason)`` is told what cannot be had, ``expunged(uid)`` what is gone meanwhile.
    """

    def __init__(
        self,
        link: Link,
        wanted: Wanted,
        submit: Callable[[Batch, Grant], Awaitable[None]],
        fail: Fail,
        expunged: Callable[[int], None],
        budget: Budget,
    ) -> None:
        self._link = link
        self._budget = budget
        self._wanted = wanted
        self._submit = submit
        self._fail = fail
        self._expunged = expunged
        self._given_up = 0
        self._recounts = 0
        #: What the folder had when it was last listed in this download; None where that is not known.
        self._still: frozenset[int] | None = None
        # One of size 0 is asked for like any other: the number may be wrong, and what comes decides.
        sizes = [(uid, wanted.listed[uid].size) for uid in wanted.uids]
        self._queue = deque(batches(sizes, max_bytes=BATCH_BYTES, max_messages=BATCH_MESSAGES))

    async def run(self) -> None:
        """Fetch all that can be had and submit it. Raises ``Changed``, ``ConnectError`` (no connection any more), and what
        ``submit`` raises."""
        while self._queue:
            await self._next(self._queue.popleft())

    async def _next(self, uids: list[int]) -> None:
        grant = await self._budget.take(sum(self._wanted.listed[uid].size for uid in uids))
        try:
            try:
                session = await self._opened()
                fetched = await session.bodies(uids)
            except BaseException:
                grant.release()
                raise
        except Dropped as error:
            await self._dropped(uids, error)
            return
        except Busy:
            if self._link.exhausted:
                raise
            await self._later(uids)
            return
        # An empty message is a message.
        got = [(uid, body, self._wanted.listed[uid]) for uid in uids if (body := fetched.bodies.get(uid)) is not None]
        if got:
            self._link.progressed()
            self._given_up = 0
            # Whoever writes it releases it.
            await self._submit(got, grant)
        else:
            grant.release()
        missing = [uid for uid in uids if fetched.bodies.get(uid) is None]
        if missing and fetched.busy and not self._link.exhausted:
            await self._later(missing)
        elif missing:
            await self._look_into(missing, len(uids), fetched)

    async def _opened(self) -> Session:
        session, selected = await self._link.examine(self._wanted.folder)
        if selected.uidvalidity != self._wanted.uidvalidity:
            raise Changed("the folder was made anew on the server (UIDVALIDITY changed) while it was being archived")
        return session

    async def _dropped(self, uids: list[int], error: Dropped) -> None:
        """The connection broke within a batch: one message at a time from now on, and a single one is given up first."""
        await self._link.drop()
        if len(uids) > 1 and self._link.exhausted:
            # Something in the batch may be what breaks it; singles will tell.
            self._link.progressed()
            self._queue.extendleft([uid] for uid in reversed(uids))
        elif self._link.exhausted:
            # Whether it is the message or the server shows when the next one is asked for.
            await self._link.session()
            self._give_up(uids[0], f"the connection broke each time it was fetched: {error.message}")
        else:
            await self._later(uids)

    async def _later(self, uids: list[int]) -> None:
        self._queue.appendleft(uids)
        await self._link.wait()

    def _give_up(self, uid: int, reason: str) -> None:
        """Name a message that failed after all tries; too many of these in a row end the folder for this run."""
        self._fail(uid, reason)
        self._given_up += 1
        self._link.progressed()
        if self._given_up >= GIVE_UP_AFTER:
            raise ProtocolError(f"{self._given_up} messages in a row could not be had ({reason}); the rest waits")

    async def _look_into(self, missing: list[int], asked: int, fetched: Fetched) -> None:
        if not fetched.refusal:
            missing = await self._without_expunged(missing)
        if asked > 1:
            if not fetched.refusal and len(missing) < asked // 2:
                # It answers a set in part: the rest is asked for as long as some of it comes.
                parts = [missing]
            else:
                # Halves: a thousand good messages and one bad cost ten more round trips, not a thousand.
                middle = (len(missing) + 1) // 2
                parts = [missing[middle:], missing[:middle]]
            self._queue.extendleft(part for part in parts if part)
            return
        for uid in missing:
            if fetched.refusal and self._link.exhausted:
                self._give_up(uid, f"the server would not give it: {fetched.refusal}")
            else:
                left_out = not fetched.refusal and uid not in fetched.bodies and uid not in fetched.twice
                self._fail(uid, _why(uid, fetched), ProblemCode.COUNT if left_out else ProblemCode.UNNAMED)
        self._link.progressed()

    async def _without_expunged(self, missing: list[int]) -> list[int]:
        """Those of ``missing`` that the folder still has: what is gone meanwhile is told as that.

        A FETCH that leaves something out proves nothing: gone is what a whole listing does not have that is as long as the
        server counts.
        """
        if self._recounts < RECOUNTS and (self._still is None or not self._still.isdisjoint(missing)):
            self._recounts += 1
            self._still = await self._recount()
        if self._still is None:
            return missing
        for uid in missing:
            if uid not in self._still:
                self._expunged(uid)
        return [uid for uid in missing if uid in self._still]

    async def _recount(self) -> frozenset[int] | None:
        """The UIDs that the folder has, listed once more; None where that does not add up."""
        try:
            session, selected = await self._link.examine(self._wanted.folder, anew=True)
            found = (await session.listing()).messages if selected.exists else {}
        except (Dropped, ProtocolError):
            await self._link.drop()
            return None
        whole = selected.uidvalidity == self._wanted.uidvalidity and len(found) >= selected.exists
        return frozenset(found) if whole else None


def _why(uid: int, fetched: Fetched) -> str:
    if fetched.refusal:
        return f"the server would not give it: {fetched.refusal}"
    if uid in fetched.twice:
        return "the server gives several contents for it"
    return "the server sent no content" if uid in fetched.bodies else "the server left it out of its answer"
