"""Brings the new messages of one folder into the archive: batches bounded by bytes, the next fetched while others are stored.

A batch that the server answers only in part, or refuses, or breaks off, is taken apart until the message is found that cannot
be had; that one is named, and the rest goes on (P6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from core.engine.limits import Budget, Grant
from core.engine.link import Link
from core.engine.looking import Changed
from core.engine.plan import batches
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder
from core.imap.replies import Listed
from core.imap.session import Busy, Session

BATCH_BYTES = 8 * 1024 * 1024
BATCH_MESSAGES = 500
#: When so many messages in a row cannot be had for want of a connection, it is hardly the messages' fault.
GIVE_UP_AFTER = 10

Batch = list[tuple[int, bytes, Listed]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The new messages of a folder, as it was listed under ``uidvalidity``."""

    folder: Folder
    uidvalidity: int
    listed: Mapping[int, Listed]
    uids: Sequence[int]


class Download:
    """One folder's download, within ``budget``. ``submit`` gets a batch and its share of that, to be released when written.

    ``fail(uid, reason)`` is told what cannot be had, ``expunged(uid)`` what is gone meanwhile.
    """

    def __init__(
        self,
        link: Link,
        wanted: Wanted,
        submit: Callable[[Batch, Grant], Awaitable[None]],
        fail: Callable[[int, str], None],
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
        got = [(uid, body, self._wanted.listed[uid]) for uid in uids if (body := fetched.bodies.get(uid))]
        if got:
            self._link.progressed()
            self._given_up = 0
            # Whoever writes it releases it.
            await self._submit(got, grant)
        else:
            grant.release()
        missing = [uid for uid in uids if not fetched.bodies.get(uid)]
        if missing and fetched.busy and not self._link.exhausted:
            await self._later(missing)
        elif missing:
            await self._look_into(missing, len(uids), fetched.bodies, fetched.refusal, session)

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

    async def _look_into(
        self, missing: list[int], asked: int, bodies: Mapping[int, bytes | None], refusal: str, session: Session
    ) -> None:
        if asked > 1 and refusal:
            # Halves: a thousand good messages and one bad cost ten more round trips, not a thousand.
            middle = (len(missing) + 1) // 2
            self._queue.extendleft(half for half in (missing[middle:], missing[:middle]) if half)
            return
        try:
            present = await session.present(missing)
        except (Dropped, ProtocolError):
            present = set(missing)
            await self._link.drop()
        for uid in missing:
            if uid not in present:
                self._expunged(uid)
            elif asked > 1:
                self._queue.appendleft([uid])
            elif refusal and self._link.exhausted:
                self._give_up(uid, f"the server would not give it: {refusal}")
            elif refusal:
                self._fail(uid, f"the server would not give it: {refusal}")
            elif uid in bodies:
                self._fail(uid, "the server sent no content")
            else:
                self._fail(uid, "the server left it out of its answer")
        self._link.progressed()
