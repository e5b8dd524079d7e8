"""Comparison of a mailbox's folders with the archive: by numbers, as a run does, or deep, by the bytes of every message.

By numbers, a UID is known only with the size and INTERNALDATE recorded for it. A deep comparison reads every body and compares
its SHA-256 with that of the archived message, which is read back from the disk as well. It changes nothing on the server; equal
messages are recorded batch by batch, so that a stopped comparison can continue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime

from core.archive.archive import Archive
from core.archive.proof import damage
from core.archive.read import folder_states, sources
from core.archive.read.sources import Kept, Recorded
from core.archive.registry import comparisons
from core.archive.registry.comparisons import ComparedFolder
from core.archive.store.entries.upkeep import Repaired, RepairedMessage
from core.archive.store.ledger import Draft
from core.engine.examine.differences import Depth, DifferenceKind, Differing, MissingFolder
from core.engine.run import filtering
from core.engine.run.retrieval import read_as, reads_as
from core.engine.visit import filing, looking
from core.engine.visit.download import Batch, Download, Wanted
from core.engine.visit.filing import NO_RUN, Destination
from core.engine.visit.limits import Budget
from core.engine.visit.link import Link
from core.engine.visit.looking import Look
from core.engine.visit.pipeline import Pipeline
from core.engine.visit.server import MANY, KnownServer
from core.errors import ConnectError, DamagedError, Dropped, ProtocolError
from core.imap.names import Folder, Status
from core.model import EventKind, Told, now
from core.problems.code import Reason
from core.problems.comparison import OTHER_LENGTH
from core.problems.folder import COUNT, UID_TWICE
from core.profiles.profile import Profile
from core.values import dataclass

#: Bytes assumed for a message of unknown length when memory is shared out.
UNTOLD = 1024 * 1024


@dataclass(slots=True)
class Compared:
    """The progress of a deep comparison. ``total`` grows as folders are listed."""

    done: int = 0
    total: int = 0
    bytes: int = 0
    differing: int = 0
    where: str = ""


async def _at_once() -> None:
    """Used by comparisons during which no run can start."""


@dataclass(slots=True)
class Deep:
    """A deep comparison of a profile. ``repair`` archives differences, ``anew`` forgets earlier results.

    ``tick`` gets the progress, ``told`` warnings about the server. ``quiet`` waits until no run of the profile is under way.
    ``started`` is the time at which the comparison was begun, which may be long ago.
    """

    repair: bool = False
    anew: bool = False
    actor: str = "archivar"
    tick: Callable[[Compared], None] = lambda compared: None
    told: Callable[[Reason], None] = lambda reason: None
    quiet: Callable[[], Awaitable[None]] = _at_once
    budget: Budget = field(default_factory=Budget)
    progress: Compared = field(default_factory=Compared)
    started: datetime = field(default_factory=now)

    def tell(self, kind: EventKind, mailbox: str, told: Told) -> None:
        """Drop an event (``story.Listener``)."""

    def warn(self, mailbox: str, reason: Reason) -> None:
        """Pass on a warning (``story.Listener``)."""
        self.told(reason)

    def settled(self, messages: int, bytes_: int, differing: int) -> None:
        """Count messages that are done."""
        self.progress.done += messages
        self.progress.bytes += bytes_
        self.progress.differing += differing
        self.tick(self.progress)


@dataclass(slots=True)
class ComparedMailbox:
    """A mailbox under comparison. ``lost`` is set when its server cannot be reached any more."""

    archive: Archive
    link: Link
    profile: Profile
    source: str
    server: KnownServer
    deep: Deep | None = None
    lost: ConnectError | None = None
    #: Known UIDs to be read again when differences are archived, by folder name and UIDVALIDITY.
    doubted: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    #: UIDs that were found equal, by folder.
    equal: dict[str, set[int]] = field(default_factory=dict)
    _folders: dict[str, Folder] = field(default_factory=dict)

    async def folder(self, folder: Folder) -> MissingFolder:
        """Compare a folder; the result of one that cannot be opened or listed has an error. Raises ``ConnectError``."""
        self._folders[folder.path] = folder
        try:
            return await self._compare(folder)
        except (Dropped, ProtocolError) as error:
            # The failure of one folder must not count against the next.
            self.link.progressed()
            return self.unread(folder, error.reason)
        except ConnectError as error:
            if len(self._folders) == 1:
                raise
            self.lost = error
            return self.unread(folder, error.reason)

    def unread(self, folder: Folder, why: Reason) -> MissingFolder:
        """The result of a folder that could not be compared at all."""
        return MissingFolder(folder.path, 0, 0, "", reasons=(why,), depth=Depth(left_over=1) if self.deep else None)

    async def again(self, before: MissingFolder) -> MissingFolder:
        """Compare a folder once more after its differences were archived: equal messages are not read again."""
        after = await self.folder(self._folders[before.path])
        if before.depth is None or after.depth is None or not after.done:
            return replace(before, reasons=before.reasons + after.reasons)
        left, equal = {one.uid for one in after.differences}, self.equal[before.path]
        repaired = tuple(one for one in before.differences if one.uid in equal and one.uid not in left)
        return replace(after, depth=replace(before.depth, repaired=before.depth.repaired + repaired))

    async def _compare(self, folder: Folder) -> MissingFolder:
        look = await self.link.again(lambda: looking.look(self.archive, self.link, self.source, folder, Status()))
        self.link.progressed()
        recorded = await sources.recorded(self.archive, self.source, folder.name, look.uidvalidity)
        left_out = await self._left_out(look)
        if self.deep is not None:
            return await _DeepFolder(self, self.deep, look, recorded, left_out).run()
        same = look.plan.known - set(look.changed)
        found = {uid: DifferenceKind.NOT_ARCHIVED for uid in look.plan.new if uid not in left_out}
        found |= dict.fromkeys(look.changed, DifferenceKind.OTHER_NUMBERS)
        differing = [_differing(look, uid, what) for uid, what in found.items()] + _odd(self.server, look, recorded, same)
        path = look.folder.path
        return MissingFolder(path, len(look.listed), len(same), "", _sorted(differing), _doubts(look), len(left_out))

    async def _left_out(self, look: Look) -> set[int]:
        """New UIDs that a run would not archive: excluded by the filter, shown in a view, or left in a catch-all mailbox."""
        found = await filtering.excluded(
            self.profile.filter,
            look.plan.new,
            look.listed,
            lambda chunk: self.link.again(lambda: looking.headers(self.link, look, chunk)),
            now(),
        )
        if look.folder.view:
            # A view also shows messages of folders that are not archived.
            before = (await folder_states.complete(self.archive, self.source)).get(look.folder.name)
            if before is not None and before.signature.startswith(f"{look.uidvalidity}:"):
                found |= looking.left_out_before(before, look.listed) & set(look.plan.new)
        return found | (look.left_before.keys() & set(look.plan.new))


def _differing(look: Look, uid: int, what: DifferenceKind, reason: Reason | None = None) -> Differing:
    return Differing(uid, look.listed[uid].size, look.listed[uid].internaldate, what, reason)


def _sorted(found: Iterable[Differing]) -> tuple[Differing, ...]:
    return tuple(sorted(found, key=lambda one: one.uid))


def _odd(server: KnownServer, look: Look, recorded: Mapping[int, Recorded], same: Iterable[int]) -> list[Differing]:
    """Known messages with another length than announced, on a server whose sizes are otherwise right."""
    uids = list(same)
    lengths = {uid: recorded[uid].length for uid in uids if not look.listed[uid].sizeless}
    odd = {uid: length for uid, length in lengths.items() if length != look.listed[uid].size}
    if server.inexact or (len(odd) >= MANY and len(odd) * 2 >= len(lengths)):
        return []
    return [
        _differing(
            look,
            uid,
            DifferenceKind.OTHER_LENGTH,
            OTHER_LENGTH(announced=look.listed[uid].size, archived=length),
        )
        for uid, length in odd.items()
    ]


def _doubts(look: Look) -> tuple[Reason, ...]:
    """The reasons why a folder's listing is incomplete; none when it adds up."""
    found = []
    if look.unlisted:
        found.append(COUNT(count=look.unlisted))
    if look.twice:
        found.append(UID_TWICE(count=len(look.twice)))
    return tuple(found)


@dataclass(slots=True)
class _Verdict:
    """The result of a compared batch: SHA-256 of equal messages by UID, differences, and repaired messages."""

    equal: dict[int, bytes] = field(default_factory=dict)
    differing: list[Differing] = field(default_factory=list)
    repaired: list[Differing] = field(default_factory=list)


class _DeepFolder:
    """The deep comparison of one folder, by its listing."""

    def __init__(
        self, scope: ComparedMailbox, deep: Deep, look: Look, recorded: Mapping[int, Recorded], left_out: set[int]
    ) -> None:
        self._scope = scope
        self._deep = deep
        self._look = look
        self._recorded = recorded
        self._left_out = left_out
        self._changed = frozenset(look.changed)
        self._place = ComparedFolder(scope.profile.name, scope.source, look.folder.name, look.uidvalidity)
        self._equal: set[int] = set()
        self._differing: list[Differing] = []
        self._repaired: list[Differing] = []
        self._gone: set[int] = set()
        self._bytes = 0

    async def run(self) -> MissingFolder:
        """Read and compare all messages that were not found equal before."""
        deep, look = self._deep, self._look
        deep.progress.where = look.folder.path
        kept = await self._kept()
        self._equal |= kept.keys()
        wanted = [uid for uid in sorted(look.listed) if uid not in self._left_out and uid not in kept]
        deep.progress.total += len(kept) + len(wanted)
        deep.settled(len(kept), 0, 0)
        unread = await self._read(wanted)
        left_over = len(wanted) - len(self._equal) + len(kept) - len(self._differing) - len(self._gone)
        differing = [*self._differing, *_odd(self._scope.server, look, self._recorded, self._equal)]
        depth = Depth(
            len(wanted) - left_over - len(self._gone),
            self._bytes,
            len(kept),
            min(kept.values(), default=None),
            len(self._equal & self._changed),
            left_over,
            _sorted(self._repaired),
        )
        found = len(look.listed) - len(self._gone)
        doubts = _doubts(look) + ((unread,) if unread is not None else ())
        path, left_out = look.folder.path, len(self._left_out)
        self._doubt(differing)
        return MissingFolder(path, found, len(self._equal), "", _sorted(differing), doubts, left_out, depth)

    def _doubt(self, differing: Iterable[Differing]) -> None:
        look = self._look
        self._scope.equal[look.folder.path] = self._equal
        doubted = {one.uid for one in differing}
        self._scope.doubted[look.folder.name, look.uidvalidity] = doubted & look.plan.known

    async def _kept(self) -> dict[int, datetime]:
        """Valid earlier results: the times at which messages were found equal, by UID."""
        before = await comparisons.equal(self._scope.archive, self._place)
        uids = sorted(before.keys() & (self._look.plan.known - self._changed))
        kept = await self._archived(uids)
        return {uid: before[uid].at for uid in uids if uid in kept and before[uid].is_of(kept[uid].sha256)}

    async def _archived(self, uids: list[int]) -> dict[int, Kept]:
        place = self._place
        return await sources.kept(self._scope.archive, place.source, place.name, place.uidvalidity, uids)

    async def _read(self, wanted: list[int]) -> Reason | None:
        """Download and compare; the reason why a part could not be read, if any."""
        look, stream = self._look, Pipeline()
        sizes = {uid: look.listed[uid]._replace(size=self._expected(uid)) for uid in wanted}
        asked = Wanted(look.folder, look.uidvalidity, sizes, wanted)
        try:
            try:
                async for batch, grant in Download(self._scope.link, asked, self._deep.budget, self).batches():
                    await stream.submit(self._settle(batch), sum(len(raw) for _, raw, _ in batch), grant)
            finally:
                await stream.drain()
        except ConnectError as error:
            self._scope.lost = error
            return error.reason
        except ProtocolError as error:
            return error.reason
        return None

    def _expected(self, uid: int) -> int:
        """The bytes reckoned for a message, bounded: the server's numbers alone must not decide how much memory is taken."""
        listed, recorded = self._look.listed[uid].size, self._recorded.get(uid)
        return max(listed, recorded.length) if recorded else listed or UNTOLD

    def failed(self, uid: int, reason: Reason) -> None:
        """The server does not give a message (``download.Losses``)."""
        self._differing.append(_differing(self._look, uid, DifferenceKind.NOT_GIVEN, reason))
        self._deep.settled(1, 0, 1)

    def expunged(self, uid: int) -> None:
        """Count a UID as gone: another client deleted the message, so it is not missing."""
        self._gone.add(uid)
        self._deep.settled(1, 0, 0)

    # Classification ------------------------------------------------------------------------------------------------------

    async def _compare(self, batch: Batch) -> _Verdict:
        found, look = _Verdict(), self._look
        kept = await self._archived([uid for uid, _, _ in batch if uid in look.plan.known])
        damaged = await self._damaged({one.sha256 for one in kept.values()})
        for uid, raw, _ in batch:
            one = kept.get(uid)
            if one is None:
                found.differing.append(_differing(look, uid, DifferenceKind.NOT_ARCHIVED))
            elif not reads_as(raw, one):
                found.differing.append(_differing(look, uid, DifferenceKind.OTHER_BYTES))
            elif one.sha256 in damaged:
                differing = _differing(look, uid, DifferenceKind.DAMAGED, damaged[one.sha256].reason)
                if self._deep.repair and await self._renew(one, raw):
                    found.repaired.append(differing)
                    found.equal[uid] = one.sha256
                else:
                    found.differing.append(differing)
            else:
                found.equal[uid] = one.sha256
        return found

    async def _damaged(self, digests: set[bytes]) -> dict[bytes, DamagedError]:
        """Those of the archived messages that cannot be read back from the disk, with the error."""
        found: dict[bytes, DamagedError] = {}
        seen: set[bytes] = set()
        try:
            async for sha256, got in self._scope.archive.read_back(digests):
                seen.add(sha256)
                if isinstance(got, DamagedError):
                    found[sha256] = got
        except DamagedError as error:
            # A volume that cannot be opened: all of its messages, reached or not, count as unread.
            found |= dict.fromkeys(digests - seen, error)
        return found

    async def _renew(self, kept: Kept, raw: bytes) -> bool:
        """Store the good bytes of a message anew; True when they can be read back."""
        good, archive = read_as(raw, kept), self._scope.archive
        origin = f"{self._look.folder.path} of {self._scope.source.partition(' -> ')[0]}"
        entry = Repaired((RepairedMessage(kept.sha256, len(good), origin),))
        await archive.writer.renew(Draft(entry, self._deep.actor), [good])
        if await self._damaged({kept.sha256}):
            return False
        async with archive.database.transaction() as transaction:
            await damage.mended(transaction, [kept.sha256])
        return True

    async def _relist(self, equal: Iterable[int]) -> None:
        """Record the numbers that the server lists now for messages with unchanged bytes."""
        look, archive = self._look, self._scope.archive
        renumbered = [(uid, look.listed[uid]) for uid in equal if uid in self._changed]
        to = Destination(NO_RUN, self._scope.source, "", "")
        await filing.record_relisted(archive, to, look.folder.name, look.uidvalidity, renumbered)

    async def _settle(self, batch: Batch) -> None:
        """Compare a batch, and note how it ended."""
        found = await self._compare(batch)
        await comparisons.note(self._scope.archive, self._place, found.equal)
        if self._deep.repair:
            await self._relist(found.equal)
        self._equal |= found.equal.keys()
        self._differing += found.differing
        self._repaired += found.repaired
        size = sum(len(raw) for _, raw, _ in batch)
        self._bytes += size
        self._deep.settled(len(batch), size, len(found.differing))
