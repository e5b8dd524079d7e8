"""Download of one folder's new messages: batches bounded by bytes, the next fetched while others are stored.

A batch that the server answers in part, refuses, or breaks off is divided until the failing message is found; that one is
reported, and the rest continues (P6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Protocol

from core.engine.visit import plan
from core.engine.visit.limits import Budget, Grant
from core.engine.visit.link import Link
from core.engine.visit.looking import FolderChanged, Look
from core.errors import Dropped, Exhausted, ProtocolError, Sluggish
from core.imap.names import Folder
from core.imap.replies import Listed
from core.imap.session import Busy, Fetched, Session
from core.problems import folder
from core.problems import message as problems
from core.problems.code import Reason
from core.values import dataclass

BATCH_BYTES = 8 * 1024 * 1024
BATCH_MESSAGES = 500
#: Requests in all for a message that breaks the connection, or is refused for now.
REQUESTS = 3
#: Messages in a row that may break the connection before it is not the messages' fault.
GIVE_UP_AFTER = 10
#: Listings of a folder to distinguish messages deleted by another client from unavailable ones.
RECOUNTS = 3

Batch = list[tuple[int, bytes, Listed]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The new messages of a folder, as it was listed under ``uidvalidity``."""

    folder: Folder
    uidvalidity: int
    listed: Mapping[int, Listed]
    uids: Sequence[int]

    @classmethod
    def of(cls, look: Look, uids: Sequence[int]) -> Wanted:
        """``uids`` of a folder as it was looked at."""
        return cls(look.folder, look.uidvalidity, look.listed, uids)


class Losses(Protocol):
    """Receives the unavailable messages of a download."""

    def failed(self, uid: int, reason: Reason) -> None:
        """The server does not give the message."""

    def expunged(self, uid: int) -> None:
        """Count a message that another client has deleted since."""


class NoLosses:
    """Losses of downloads in which unavailable messages do not matter."""

    def failed(self, uid: int, reason: Reason) -> None:
        """Drop it."""

    def expunged(self, uid: int) -> None:
        """Drop it."""


class Download:
    """The download of one folder over ``link``, within ``budget``."""

    def __init__(self, link: Link, wanted: Wanted, budget: Budget, losses: Losses | None = None) -> None:
        self._link = link
        self._budget = budget
        self._wanted = wanted
        self._losses = losses or NoLosses()
        self._given_up = self._slow = 0
        #: Failures by UID, and sizes announced with bodies.
        self._strikes: dict[int, int] = {}
        self._larger: dict[int, int] = {}
        #: A message was refused finally, and none has come since.
        self._probing = False
        self._recounts = 0
        #: The folder's UIDs at the last listing of this download; None when unknown.
        self._still: frozenset[int] | None = None
        # A message of size 0 is requested like any other: the number may be wrong.
        self._queue = deque(self._batches(wanted.uids))

    async def batches(self) -> AsyncGenerator[tuple[Batch, Grant]]:
        """Fetch all available messages: batches, each with its grant, which the caller releases.

        Raises ``FolderChanged``, ``ConnectError`` (no connection any more), ``ProtocolError``.
        """
        while self._queue:
            answer = await self._next(self._queue.popleft())
            if answer is None:
                continue
            uids, fetched, grant = answer
            # An empty body is a message.
            got = [(uid, body, self._wanted.listed[uid]) for uid in uids if (body := fetched.bodies.get(uid)) is not None]
            sizes = [len(body) for _, body, _ in got]
            try:
                grant.settle(sum(sizes))
                await self._link.reckoning.allowance.save()
            except BaseException:
                grant.release()
                raise
            if got:
                self._link.progressed()
                self._link.served()
                self._link.reckoning.learn([listed.size for _, _, listed in got], sizes)
                self._given_up = self._slow = 0
                self._probing = False
                yield got, grant
            await self._without_answer(uids, fetched)

    async def _next(self, uids: list[int]) -> tuple[list[int], Fetched, Grant] | None:
        """Request ``uids``, or as many of them as the day allows: the requested ones, the answer, and its grant."""
        uids = self._at_once(uids)
        sizes = [self._size(uid) for uid in uids]
        allowance = self._link.reckoning.allowance
        grant = await self._budget.take(sum(sizes))
        reserved = 0
        try:
            if (allowed := allowance.take(sizes)) < len(uids):
                self._queue.appendleft(uids[allowed:])
                uids, sizes = uids[:allowed], sizes[:allowed]
            reserved = sum(sizes)
            session = await self._opened()
            return uids, await session.download(uids, reserved), grant
        except Dropped as error:
            # Not a message's fault.
            grant.release()
            await self._link.drop()
            if self._link.exhausted:
                raise
            await self._later(uids, error)
        except Busy as error:
            grant.release()
            await self._refused(uids, error)
        except BaseException:
            grant.release()
            raise
        finally:
            allowance.settle(reserved)
        return None

    def _at_once(self, uids: list[int]) -> list[int]:
        """The first messages of a batch that fit into one answer by known sizes; the others come next."""
        fitting = next(self._batches(uids))
        if rest := uids[len(fitting) :]:
            self._queue.appendleft(rest)
        return fitting

    def _batches(self, uids: Sequence[int]) -> Iterator[list[int]]:
        sizes = [(uid, self._size(uid)) for uid in uids]
        return plan.batches(sizes, max_bytes=BATCH_BYTES, max_messages=BATCH_MESSAGES)

    def _size(self, uid: int) -> int:
        return max(self._larger.get(uid, 0), self._link.reckoning.size(self._wanted.listed[uid].size))

    async def _without_answer(self, uids: list[int], fetched: Fetched) -> None:
        """Handle those of ``uids`` that are missing in the answer."""
        missing = [uid for uid in uids if fetched.bodies.get(uid) is None]
        if fetched.broken:
            await self._link.drop()
            if missing and fetched.oversized:
                self._larger_than_told(missing, *fetched.oversized)
            elif missing:
                await self._dropped(missing, fetched.broken, fetched.torn)
        elif missing and fetched.busy:
            await self._refused(missing, Busy(folder.BUSY(said=fetched.refusal)))
        elif missing:
            await self._look_into(missing, len(uids), fetched)

    async def _opened(self) -> Session:
        session, selected = await self._link.examine(self._wanted.folder)
        if selected.uidvalidity != self._wanted.uidvalidity:
            raise FolderChanged(folder.CHANGED())
        return session

    async def _dropped(self, missing: list[int], error: Dropped, torn: frozenset[int] = frozenset()) -> None:
        """Handle a connection that broke within an answer.

        The first message that did not come is requested alone the last time, and then given up. The rest of a ``torn`` one
        breaks the connection too: no mail server's line looks like that.
        """
        suspect = missing[0]
        strikes = self._strike(suspect)
        self._slow += isinstance(error, Sluggish)
        if self._slow > REQUESTS:
            # One message alone may be the cause; several in a row are not.
            raise Exhausted(error.reason) from error
        if strikes >= REQUESTS:
            # The next request tells if the message or the server is the cause.
            await self._link.session()
            self._give_up(suspect, problems.TORN() if torn & {suspect, 0} else problems.CONNECTION_BREAKS(why=error.reason))
            if missing[1:]:
                self._queue.appendleft(missing[1:])
            return
        if strikes == REQUESTS - 1 and len(missing) > 1:
            self._queue.appendleft(missing[1:])
            missing = missing[:1]
        await self._later(missing, error)

    def _larger_than_told(self, missing: list[int], uid: int, size: int) -> None:
        """Handle a message far larger than announced: it is requested alone, with its real size."""
        uid = uid if uid in missing else missing[0]
        self._link.reckoning.doubt()
        self._larger[uid] = size
        if rest := [other for other in missing if other != uid]:
            self._queue.appendleft(rest)
        if self._strike(uid) >= REQUESTS:
            self._give_up(uid, problems.SIZE_CHANGES(size=size))
        else:
            self._queue.appendleft([uid])

    async def _refused(self, missing: list[int], error: Busy) -> None:
        """Handle a server that is too busy.

        Requested twice more, the last time one message alone, which shows if that one is the cause. When the next one is
        refused too, all are. Raises ``Busy``, ``Exhausted``.
        """
        first, rest = missing[0], missing[1:]
        if self._probing:
            self._link.refuse(error)
            raise error
        strikes = self._strike(first)
        if strikes < REQUESTS:
            if strikes == REQUESTS - 1 and rest:
                self._halve(rest)
                missing = [first]
            await self._later(missing, error)
            return
        self._losses.failed(first, problems.BUSY(requests=REQUESTS, why=error.reason))
        self._probing = True
        if len(rest) > 1:
            self._queue.appendleft(rest[1:])
        if rest:
            self._queue.appendleft(rest[:1])
        elif self._queue and len(self._queue[0]) > 1:
            one, *others = self._queue.popleft()
            self._queue.extendleft(([*others], [one]))

    def _halve(self, uids: list[int]) -> None:
        # A thousand good messages and one bad cost ten more round trips, not a thousand.
        middle = (len(uids) + 1) // 2
        self._queue.extendleft(half for half in (uids[middle:], uids[:middle]) if half)

    def _strike(self, uid: int) -> int:
        self._strikes[uid] = self._strikes.get(uid, 0) + 1
        return self._strikes[uid]

    async def _later(self, uids: list[int], why: Dropped | Busy) -> None:
        self._queue.appendleft(uids)
        await self._link.wait(why)

    def _give_up(self, uid: int, reason: Reason) -> None:
        """Report a message that failed after all tries; too many in a row end the folder for this run."""
        self._losses.failed(uid, reason)
        self._given_up += 1
        self._link.progressed()
        if self._given_up >= GIVE_UP_AFTER:
            raise ProtocolError(folder.GIVEN_UP(count=self._given_up, why=reason))

    async def _look_into(self, missing: list[int], asked: int, fetched: Fetched) -> None:
        if not fetched.refusal:
            missing = await self._without_expunged(missing)
        if asked > 1:
            if not fetched.refusal and len(missing) < asked // 2:
                # Answered in part: the rest is requested as long as some of it comes.
                self._queue.extendleft([missing] if missing else [])
            else:
                self._halve(missing)
            return
        for uid in missing:
            self._losses.failed(uid, _why(uid, fetched))
        self._link.progressed()

    async def _without_expunged(self, missing: list[int]) -> list[int]:
        """Those of ``missing`` that the folder still has; deleted ones are reported as expunged.

        A FETCH that omits something proves nothing: only a whole listing does, as long as the server's count.
        """
        if self._recounts < RECOUNTS and (self._still is None or not self._still.isdisjoint(missing)):
            self._recounts += 1
            self._still = await self._recount()
        if self._still is None:
            return missing
        for uid in missing:
            if uid not in self._still:
                self._losses.expunged(uid)
        return [uid for uid in missing if uid in self._still]

    async def _recount(self) -> frozenset[int] | None:
        """The folder's UIDs, listed once more; None when the listing is incomplete."""
        try:
            session, selected = await self._link.examine(self._wanted.folder, anew=True)
            found = (await session.listing()).messages if selected.exists else {}
        except (Dropped, ProtocolError):
            await self._link.drop()
            return None
        whole = selected.uidvalidity == self._wanted.uidvalidity and len(found) >= selected.exists
        return frozenset(found) if whole else None


def _why(uid: int, fetched: Fetched) -> Reason:
    if fetched.refusal:
        return problems.REFUSED(said=fetched.refusal)
    if uid in fetched.twice:
        return problems.SEVERAL_CONTENTS()
    if fetched.torn & {uid, 0}:
        return problems.TORN()
    return problems.EMPTY() if uid in fetched.bodies else problems.LEFT_OUT()
