"""The proof that a message may be deleted (P3).

It was just read, whole, in the same selected state in which it is to be deleted, and its SHA-256 is that of the message as read
back from the disk. Sizes, dates and headers prove nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from core.archive.read import several_folders, sources
from core.archive.read.sources import Kept
from core.engine.run.retrieval import reads_as
from core.engine.visit import plan
from core.engine.visit.looking import Look
from core.engine.visit.visit import Visit
from core.errors import DamagedError, ProtocolError
from core.imap.replies import Listed
from core.imap.session import Session
from core.message.envelope import describe_header
from core.problems import deletion
from core.problems.code import Reason
from core.problems.folder import BUSY, SENT_IN_PART

#: Messages proved and deleted together: few, so that little time passes between.
CHUNK = 200
#: Bytes of bodies read together for comparison.
BATCH_BYTES = 8 * 1024 * 1024


class Partial(ProtocolError):
    """The server answers for a set of messages only in part."""


class Proof:
    """The proof for messages of one folder, by its listing.

    ``firsts`` holds the SHA-256 of messages with another length than announced, as sent on an earlier connection, by UID.
    """

    def __init__(self, visit: Visit, look: Look, firsts: Mapping[int, bytes]) -> None:
        self._visit = visit
        self._look = look
        self._firsts = firsts

    async def of(self, session: Session, uids: Sequence[int], listed: Mapping[int, Listed]) -> list[int]:
        """Those of ``uids`` that may be deleted, ascending. Raises ``Partial`` when the server does not send all of them."""
        visit, look = self._visit, self._look
        kept = await sources.kept(visit.archive, visit.source, look.folder.name, look.uidvalidity, uids)
        kept = await self._undamaged(kept)
        found: list[int] = []
        sizes = [(uid, max(listed[uid].size, kept[uid].length)) for uid in sorted(kept)]
        for batch in plan.batches(sizes, max_bytes=BATCH_BYTES, max_messages=CHUNK):
            found += await self._compare(session, {uid: kept[uid] for uid in batch}, listed)
        substitutes = await self._substitutes(session, found, kept, listed)
        for uid in substitutes:
            visit.story.fail(look.folder, uid, deletion.SUBSTITUTE())
        return sorted(set(found) - substitutes)

    async def _undamaged(self, wanted: Mapping[int, Kept]) -> dict[int, Kept]:
        """Those whose archived copies were just read back from the disk, whole."""
        damaged: dict[bytes, Reason] = {}
        sound: set[bytes] = set()
        async for sha256, got in self._visit.archive.read_back([kept.sha256 for kept in wanted.values()]):
            if isinstance(got, DamagedError):
                damaged[sha256] = got.reason
            else:
                sound.add(sha256)
        for uid, kept in wanted.items():
            if kept.sha256 in damaged:
                self._visit.story.fail(self._look.folder, uid, deletion.DAMAGED_COPY(why=damaged[kept.sha256]))
        return {uid: kept for uid, kept in wanted.items() if kept.sha256 in sound}

    async def _compare(self, session: Session, wanted: Mapping[int, Kept], listed: Mapping[int, Listed]) -> list[int]:
        visit, found = self._visit, []
        grant = await visit.budget.take(sum(max(listed[uid].size, kept.length) for uid, kept in wanted.items()))
        try:
            fetched = await session.bodies(wanted)
            missing = [uid for uid in wanted if fetched.bodies.get(uid) is None]
            if missing and fetched.refusal and not fetched.busy and len(wanted) == 1:
                visit.story.fail(self._look.folder, missing[0], deletion.REFUSED_MESSAGE(said=fetched.refusal))
                return []
            refused = bool(missing and fetched.refusal and not fetched.busy)
            if missing and not refused and (fetched.refusal or await session.present(missing)):
                if fetched.refusal:
                    raise Partial(BUSY(said=fetched.refusal))
                raise Partial(SENT_IN_PART(sent=len(wanted) - len(missing), asked=len(wanted)))
            others = []
            for uid, body in () if refused else fetched.bodies.items():
                if body is None or self._filtered(body):
                    continue
                if not reads_as(body, wanted[uid]):
                    others.append((uid, body, listed[uid]))
                elif len(body) != listed[uid].size and self._firsts.get(uid) != hashlib.sha256(body).digest():
                    visit.story.fail(self._look.folder, uid, deletion.LENGTH())
                else:
                    found.append(uid)
            await self._archive(others)
            if not refused:
                visit.story.done(listed[uid].size for uid in wanted)
        finally:
            grant.release()
        if refused:
            # Bisection finds the refused message; the others may be deleted.
            uids = list(wanted)
            for half in (uids[: len(uids) // 2], uids[len(uids) // 2 :]):
                found += await self._compare(session, {uid: wanted[uid] for uid in half}, listed)
        return found

    def _filtered(self, body: bytes) -> bool:
        """True when the profile's filter excludes the message by its header."""
        rule = self._visit.rules.filter
        if not rule.needs_header:
            return False
        texts = describe_header(body)
        return bool(rule.header_reason(texts.sender, texts.recipients, texts.subject))

    async def _substitutes(
        self, session: Session, uids: Sequence[int], kept: Mapping[int, Kept], listed: Mapping[int, Listed]
    ) -> set[int]:
        """Those of ``uids`` whose text does not begin with their own header.

        Suspicious are texts that lie at several UIDs, and those of another length than announced: servers send such in place of
        messages that they cannot read.
        """
        visit, look = self._visit, self._look
        shared = (await several_folders.shared(visit.archive, visit.source, {look.place: uids})).get(look.place, [])
        suspects = {*shared, *(uid for uid in uids if listed[uid].sizeless or listed[uid].size != kept[uid].length)}
        headers = await session.headers(suspects) if suspects else {}
        return {uid for uid in suspects if hashlib.sha256(headers.get(uid) or b"").digest() != kept[uid].header_sha256}

    async def _archive(self, messages: list[tuple[int, bytes, Listed]]) -> None:
        """Archive the server's message at a UID in place of the recorded one."""
        visit, look = self._visit, self._look
        if messages:
            await visit.filing.store(look.folder, look.uidvalidity, messages)
        for uid, _, _ in messages:
            visit.story.fail(look.folder, uid, deletion.OTHER_MESSAGE())
