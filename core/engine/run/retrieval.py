"""Retrieval of a visit's wanted messages, and their classification by bytes.

For each folder, known UIDs with other numbers than recorded are read again; then new messages are read. A message sent with
another length than announced is read once more on a connection of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from core.archive.read import several_folders, sources
from core.archive.read.sources import Gone, Kept
from core.engine.run.moves import Moves
from core.engine.visit import filing, gathering, looking
from core.engine.visit.download import Batch, Download, Wanted
from core.engine.visit.filing import FolderBatch, Move, StoredBatch
from core.engine.visit.looking import Look, Sent
from core.engine.visit.pipeline import Pipeline
from core.engine.visit.story import Story
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap.replies import Listed
from core.problems import message as problems
from core.problems.code import Reason
from core.problems.folder import UID_REUSED
from core.problems.warning import IN_TRASH
from core.profiles import journal
from core.values import dataclass

#: Messages read before a server counts as having recomputed its numbers, or as inexact.
SAMPLE = 50


@dataclass(slots=True)
class ClassifiedBatch:
    """A downloaded batch, classified."""

    fresh: Batch = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    #: Messages that vanished from this very UID and have returned.
    returned: set[int] = field(default_factory=set)
    #: Recorded messages, with the numbers listed now.
    same: list[tuple[int, Listed]] = field(default_factory=list)
    #: Those of ``fresh`` whose UIDs named other messages before.
    replaced: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Losses:
    """The unavailable messages of a folder (``download.Losses``), counted and reported as problems."""

    look: Look
    story: Story

    def failed(self, uid: int, reason: Reason) -> None:
        self.look.failed.add(uid)
        self.story.tally.failed += 1
        self.story.tally.known -= uid in self.look.plan.known
        self.story.done([self.look.listed[uid].size])
        self.story.fail(self.look.folder, uid, reason)

    def expunged(self, uid: int) -> None:
        """Count a UID as gone: another client deleted the message after our listing, so it is not missing."""
        self.look.expunged.add(uid)
        self.story.tally.found -= 1
        self.story.tally.known -= uid in self.look.plan.known
        self.story.done([self.look.listed[uid].size])


class Retrieval:
    """The downloads of one visit. ``moves`` finds messages that vanished elsewhere."""

    def __init__(self, visit: Visit, moves: Moves) -> None:
        self._visit = visit
        self._moves = moves
        self._follows = False

    async def run(self, looks: Sequence[Look]) -> None:
        """Download all wanted messages. Raises ``ConnectError``, ``StorageError``."""
        visit = self._visit
        self._follows = await sources.any_vanished(visit.archive)
        # One for all folders: the next one is fetched while the last one is still being written.
        stream = Pipeline()
        try:
            several: list[tuple[Look, Wanted]] = []
            for look in looks:
                wanted = Wanted.of(look, look.wanted)
                if self._is_small(look, wanted):
                    several.append((look, wanted))
                    continue
                await self._together(several, stream)
                several = []
                if look.changed or look.doubted:
                    await self._recheck(look, stream)
                if wanted.uids:
                    await self._folder(look, wanted.uids, stream)
            await self._together(several, stream)
        finally:
            await stream.drain()
        uids = {look.place: look.stored for look in looks if look.stored}
        shared = await several_folders.shared(visit.archive, visit.source, uids)
        for look in looks:
            if twins := shared.get(look.place):
                await self._find_substitutes(look, twins, looks)
        await self._confirm(looks)

    def _is_small(self, look: Look, wanted: Wanted) -> bool:
        """True when its messages can be read along with those of other folders."""
        plain = not (look.changed or look.doubted or look.filing or self._visit.server.inexact)
        return plain and gathering.is_small(wanted)

    async def _together(self, several: Sequence[tuple[Look, Wanted]], stream: Pipeline) -> None:
        """Download small folders, as many as possible in one round trip, and store them in one transaction."""
        rest = {wanted.folder.name: (look, wanted.uids) for look, wanted in several}
        looks = {wanted.folder.name: look for look, wanted in several}
        for group in gathering.groups([wanted for _, wanted in several]) if len(several) > 1 else ():
            self._visit.story.progress.folder = group[0].folder.path
            if (gathered := await gathering.gather(self._visit.link, group, self._visit.budget)) is None:
                continue
            batches, grant = gathered
            got = [(looks[one.folder.name], batch) for one, batch in zip(group, batches, strict=True) if batch]
            size = sum(len(raw) for _, batch in got for _, raw, _ in batch)
            await stream.submit(self._archive(got), size, grant)
            for look, batch in got:
                uids = {uid for uid, _, _ in batch}
                rest[look.folder.name] = (look, [uid for uid in rest[look.folder.name][1] if uid not in uids])
        for look, left in rest.values():
            if left:
                await self._folder(look, left, stream)

    async def _folder(self, look: Look, uids: Sequence[int], stream: Pipeline) -> None:
        visit = self._visit
        visit.story.progress.folder = look.folder.path
        download = Download(visit.link, Wanted.of(look, uids), visit.budget, _Losses(look, visit.story))
        try:
            async for batch, grant in download.batches():
                await stream.submit(self._archive([(look, batch)]), sum(len(raw) for _, raw, _ in batch), grant)
        except ProtocolError as error:
            visit.story.fail(look.folder, None, error.reason)

    # Classification ------------------------------------------------------------------------------------------------------

    async def _sort(self, look: Look, batch: Batch, new: Mapping[int, bytes], gone: Sequence[Gone]) -> ClassifiedBatch:
        """Classify a batch; ``new``: SHA-256 of the new messages; ``gone``: the messages with such that vanished elsewhere."""
        found = ClassifiedBatch()
        known = [uid for uid, _, _ in batch if uid in look.plan.known]
        kept = await self._kept(look, known) if known else {}
        found.returned = {uid for uid, digest in new.items() if uid in look.back and look.back[uid].sha256 == digest}
        left = {uid: digest for uid, digest in new.items() if uid not in found.returned}
        moved = self._moves.by_content(look, left, gone) if left else {}
        for uid, raw, listed in batch:
            # The download tells a size that the server did not announce.
            listed = listed._replace(size=len(raw), sizeless=False) if listed.sizeless else listed
            if uid in found.returned:
                continue
            if uid in moved:
                found.moved.append(replace(moved[uid], listed=listed))
            elif uid in kept and reads_as(raw, kept[uid]):
                found.same.append((uid, listed))
            else:
                found.fresh.append((uid, raw, listed))
                if uid in look.plan.known:
                    found.replaced.add(uid)
        return found

    async def _kept(self, look: Look, uids: Sequence[int]) -> dict[int, Kept]:
        return await sources.kept(self._visit.archive, self._visit.source, look.folder.name, look.uidvalidity, uids)

    async def _archive(self, several: Sequence[tuple[Look, Batch]]) -> None:
        """Classify batches of different folders, and record or store their messages; durable when this returns."""
        visit = self._visit
        # Without vanished messages there is nothing to compare with, and hashing costs time.
        new = [self._digests(look, batch) if self._follows else {} for look, batch in several]
        gone = await self._moves.gone_with([digest for digests in new for digest in digests.values()])
        fresh: list[tuple[Look, ClassifiedBatch]] = []
        for (look, batch), digests in zip(several, new, strict=True):
            found = await self._sort(look, batch, digests, gone)
            await self._record(look, found)
            if found.fresh:
                fresh.append((look, found))
        for filer in {id(one): one for one in (look.filing or visit.filing for look, _ in fresh)}.values():
            own = [(look, found) for look, found in fresh if (look.filing or visit.filing) is filer]
            if len(own) == 1:
                stored = [await filer.store(own[0][0].folder, own[0][0].uidvalidity, own[0][1].fresh)]
            else:
                stored = await filer.store_all([FolderBatch(look.folder, look.uidvalidity, found.fresh) for look, found in own])
            for (look, found), one in zip(own, stored, strict=True):
                self._count(look, found, one)
        for look, batch in several:
            visit.story.done(listed.size for _, _, listed in batch)
            self._measure(look, batch)

    def _digests(self, look: Look, batch: Batch) -> dict[int, bytes]:
        content = self._visit.filing.content
        return {uid: hashlib.sha256(content(raw)).digest() for uid, raw, _ in batch if uid not in look.plan.known}

    async def _record(self, look: Look, found: ClassifiedBatch) -> None:
        """Record the messages of a batch that need not be stored."""
        visit = self._visit
        if found.same:
            await self._relist(look, found.same)
        if found.replaced:
            # Messages archived from the UID stay; it is another message's from now on.
            await self._forget(look, found.replaced)
            look.replaced |= found.replaced
        if found.returned:
            await filing.record_returned(visit.archive, visit.to, look.folder.name, look.uidvalidity, found.returned)
            look.take_for_known(found.returned)
            visit.story.tally.known += len(found.returned)
        if found.moved:
            await filing.record_moves(visit.archive, visit.to, found.moved)
            look.moved |= {move.place.uid for move in found.moved}
            count_moves(visit, found.moved)

    def _count(self, look: Look, found: ClassifiedBatch, stored: StoredBatch) -> None:
        tally = self._visit.story.tally
        look.excluded |= stored.left
        look.undecided |= stored.left
        look.stored |= {uid for uid, _, _ in found.fresh} - stored.left
        tally.archived += len(found.fresh) - len(stored.left) - len(stored.known)
        tally.known += len(stored.known) - len(found.replaced)
        tally.excluded += len(stored.left)
        tally.bytes += stored.bytes

    def _measure(self, look: Look, batch: Batch) -> None:
        unsized = {
            uid: Sent(hashlib.sha256(raw).digest(), len(raw))
            for uid, raw, listed in batch
            if not listed.sizeless and len(raw) != listed.size
        }
        look.unsized |= unsized
        self._visit.server.saw_exact(len(batch) - len(unsized))

    async def _relist(self, look: Look, messages: Iterable[tuple[int, Listed]]) -> None:
        await filing.record_relisted(self._visit.archive, self._visit.to, look.folder.name, look.uidvalidity, messages)

    async def _forget(self, look: Look, uids: Iterable[int]) -> None:
        await filing.record_vanished(
            self._visit.archive, self._visit.to, look.folder.name, {look.uidvalidity: tuple(sorted(uids))}
        )

    # Known UIDs ----------------------------------------------------------------------------------------------------------

    async def _recheck(self, look: Look, stream: Pipeline) -> None:
        """Read known UIDs that have other numbers than recorded, or are doubted."""
        visit = self._visit
        first = {*look.doubted, *look.changed[:SAMPLE]}
        await self._again(look, sorted(first), stream)
        rest = [uid for uid in look.changed if uid not in first]
        read = set(look.changed[:SAMPLE]) - look.failed - look.expunged
        # Bodies that were not sent prove nothing for the others.
        if rest and not look.replaced and len(read) * 2 >= SAMPLE:
            differing = await self._other_headers(look, rest)
            await self._relist(look, [(uid, look.listed[uid]) for uid in rest if uid not in differing])
            visit.server.recomputes()
            rest = sorted(differing)
        await self._again(look, rest, stream)
        if look.replaced:
            # Where one UID names another message, the numbers of all others prove nothing.
            unchanged = sorted(look.plan.known - set(look.changed))
            await self._again(look, sorted(await self._other_headers(look, unchanged)), stream)
            visit.story.fail(look.folder, None, UID_REUSED(count=len(look.replaced)))

    async def _again(self, look: Look, uids: Sequence[int], stream: Pipeline) -> None:
        if uids:
            self._visit.story.expect(look.listed[uid].size for uid in uids)
            await self._folder(look, uids, stream)
            await stream.drain()

    async def _other_headers(self, look: Look, uids: Sequence[int]) -> set[int]:
        """Known ``uids`` whose header on the server differs from the archived one."""
        found: set[int] = set()
        for start in range(0, len(uids), looking.HEADERS_PER_FETCH):
            chunk = uids[start : start + looking.HEADERS_PER_FETCH]
            kept = await self._kept(look, chunk)
            try:
                headers = await self._visit.link.again(
                    lambda chunk=chunk: looking.headers(self._visit.link, look, chunk)  # type: ignore[misc]
                )
            except (Dropped, ProtocolError):
                headers = {}
            self._visit.link.progressed()
            found |= {uid for uid in kept if hashlib.sha256(headers.get(uid) or b"").digest() != kept[uid].header_sha256}
        return found

    async def _find_substitutes(self, look: Look, twins: Sequence[int], looks: Sequence[Look]) -> None:
        """Find texts that the server sent in place of several messages: one body, with the wrong headers.

        ``twins``: UIDs stored in this run whose text has another UID in the mailbox as well.
        """
        visit = self._visit
        if not (differing := await self._other_headers(look, twins)):
            return
        digests = {kept.sha256 for kept in (await self._kept(look, sorted(differing))).values()}
        for one in looks:
            # It may have been sent for another message in an earlier run, when it lay at that UID alone.
            others = await sources.holding(visit.archive, visit.source, one.folder.name, one.uidvalidity, digests)
            there = [uid for uid in others if one.has(uid) and not (one is look and uid in differing)]
            found = await self._other_headers(one, there) | (differing if one is look else set())
            if found:
                await self._refuse_substitutes(one, found)

    async def _refuse_substitutes(self, look: Look, uids: set[int]) -> None:
        visit = self._visit
        # They are read again in the next run; the text is kept.
        await self._forget(look, uids)
        for uid in sorted(uids):
            visit.story.tally.archived -= uid in look.stored
            visit.story.tally.known -= uid not in look.stored
            visit.story.tally.failed += 1
            look.failed.add(uid)
            visit.story.fail(look.folder, uid, problems.SUBSTITUTE())
        look.stored -= uids

    # Lengths -------------------------------------------------------------------------------------------------------------

    async def _confirm(self, looks: Sequence[Look]) -> None:
        """Read messages of another length than announced once more, on a fresh connection, and report those that stay so."""
        visit = self._visit
        for look in looks:
            visit.server.saw_exact(len(look.plan.known) + look.passed - len(look.odd))
        if visit.server.inexact:
            return
        fresh = False
        for look in looks:
            for uid, kept in (await self._kept(look, look.odd)).items():
                if uid not in look.failed and uid not in look.replaced:
                    look.unsized.setdefault(uid, Sent(kept.sha256, kept.length))
            waiting = sorted(look.unsized)
            while waiting and not visit.server.inexact:
                if not fresh:
                    await visit.link.drop()
                    fresh = True
                await self._confirm_some(look, waiting[:SAMPLE])
                del waiting[:SAMPLE]
        if visit.server.inexact:
            return
        for look in looks:
            for uid in sorted(look.unsized):
                self._name_length(look, uid)

    async def _confirm_some(self, look: Look, uids: Sequence[int]) -> None:
        visit, confirmed = self._visit, 0
        kept = await self._kept(look, uids)
        try:
            async for batch, grant in Download(visit.link, Wanted.of(look, uids), visit.budget).batches():
                with grant:
                    for uid, raw, listed in batch:
                        sent = Sent(hashlib.sha256(raw).digest(), len(raw))
                        if look.unsized[uid] == sent or (uid in kept and reads_as(raw, kept[uid])):
                            confirmed += len(raw) != listed.size
                        else:
                            await self._store_version(look, uid, raw, listed)
                        look.unsized[uid] = sent
                        if len(raw) == listed.size:
                            del look.unsized[uid]
        except ProtocolError:
            # A failed second reading leaves the report of the first.
            visit.link.progressed()
        await visit.server.saw_differing(confirmed)

    async def _store_version(self, look: Look, uid: int, raw: bytes, listed: Listed) -> None:
        """Archive the second version beside the first."""
        filer = look.filing or self._visit.filing
        stored = await filer.store(look.folder, look.uidvalidity, [(uid, raw, listed)])
        self._visit.story.tally.bytes += stored.bytes

    def _name_length(self, look: Look, uid: int) -> None:
        look.failed.add(uid)
        reason = problems.LENGTH(announced=look.listed[uid].size, sent=look.unsized[uid].length)
        self._visit.story.fail(look.folder, uid, reason)


def reads_as(raw: bytes, kept: Kept) -> bool:
    """True when the server's bytes are the message archived from there, or the journal report around it."""
    return hashlib.sha256(read_as(raw, kept)).digest() == kept.sha256


def read_as(raw: bytes, kept: Kept) -> bytes:
    """The server's bytes as they would be archived in place of ``kept``: without the journal report, if it came in one."""
    report = journal.unwrap(raw) if kept.report else None
    return report.content if report else raw


def count_moves(visit: Visit, moves: Sequence[Move]) -> int:
    """Count messages that moved on the server; the number moved by users."""
    moved = sum(not move.deleted for move in moves)
    visit.story.tally.moved += moved
    # A message that we deleted was moved to the trash by the server, not by a user.
    visit.story.tally.known += len(moves) - moved
    if visit.rules.deletion.trash_too and (found := sum(move.deleted and not move.ours for move in moves)):
        visit.story.warn(IN_TRASH(count=found))
    return moved
