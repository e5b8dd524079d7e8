"""The proof that a message may be deleted: it is archived, undamaged, and the very one that the server has at this UID (P3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from core.archive import sources
from core.archive.archive import Archive
from core.archive.envelope import describe_header
from core.archive.sources import Kept
from core.archive.splitter import header_end
from core.engine.filing import Destination, Filing
from core.engine.limits import Budget
from core.engine.plan import batches
from core.errors import DamagedError
from core.imap.names import Folder
from core.imap.replies import Listed
from core.imap.session import Session
from core.profiles.filter import Filter

#: Messages that are proved and deleted at once: few enough to be lost sight of for a moment only.
CHUNK = 200
#: Bodies that are read to be compared, at once.
BATCH_BYTES = 8 * 1024 * 1024
OTHER = "not deleted: the server has another message here than the one that was archived"


class Proof:
    """The proof for messages of one folder. ``fail(folder, uid, reason)`` is told of each that cannot be proved."""

    def __init__(
        self,
        archive: Archive,
        destination: Destination,
        filing: Filing,
        filter: Filter,
        budget: Budget,
        fail: Callable[[Folder, int | None, str], None],
        folder: Folder,
        uidvalidity: int,
    ) -> None:
        self._archive = archive
        self._to = destination
        self._filing = filing
        self._filter = filter
        self._budget = budget
        self._fail = fail
        self._folder = folder
        self._uidvalidity = uidvalidity

    async def of(self, session: Session, uids: Sequence[int], listed: dict[int, Listed]) -> list[int]:
        """Those of ``uids`` that are archived, undamaged, and the very messages that the server has."""
        known = await sources.kept(self._archive, self._to.source, self._folder.name, self._uidvalidity, uids)
        same: dict[int, Kept] = {}
        for uid, kept in known.items():
            if (kept.size, kept.internaldate) == (listed[uid].size, listed[uid].internaldate):
                same[uid] = kept
            else:
                self._fail(self._folder, uid, OTHER)
        headers = await self._read_back(same)
        known_here = [uid for uid in headers if same[uid].fetched]
        sent = await session.headers(known_here) if known_here else {}
        proved = [uid for uid in known_here if hashlib.sha256(sent.get(uid) or b"").digest() == headers[uid]]
        # The filter was asked about the report, not about the message in it.
        out = {uid for uid in proved if same[uid].report and self._filtered(sent.get(uid) or b"")}
        proved = [uid for uid in proved if uid not in out]
        # By its bytes: what came here by a move, and what a server shows another header of than it sent.
        unsure = [uid for uid in headers if uid not in set(proved) | out]
        proved += await self._compare(session, {uid: same[uid] for uid in unsure}, listed)
        return sorted(proved)

    async def _read_back(self, wanted: dict[int, Kept]) -> dict[int, bytes]:
        """SHA-256 of the header of each archived copy that is on the disk, whole, undamaged, and passes the filter."""
        headers: dict[bytes, bytes] = {}
        sizes: dict[bytes, int] = {}
        damaged: dict[bytes, str] = {}
        unwrapped = {kept.sha256 for kept in wanted.values() if kept.report}
        async for sha256, got in self._archive.read_back([kept.sha256 for kept in wanted.values()]):
            if isinstance(got, DamagedError):
                damaged[sha256] = got.message
                continue
            header = got[: header_end(got)]
            if sha256 not in unwrapped and self._filtered(header):
                continue
            headers[sha256] = hashlib.sha256(header).digest()
            sizes[sha256] = len(got)
        whole = {}
        for uid, kept in wanted.items():
            if kept.sha256 in damaged:
                self._fail(self._folder, uid, f"not deleted: the archived copy is damaged ({damaged[kept.sha256]})")
            elif kept.sha256 in headers:
                header_sha256, size = kept.report or (headers[kept.sha256], sizes[kept.sha256])
                if size == kept.size:
                    whole[uid] = header_sha256
                    continue
                # A server that sends less than it announces may have more than it sent.
                sent = f"the server announces {kept.size} bytes and sent {size}"
                self._fail(self._folder, uid, f"not deleted: {sent}")
        return whole

    def _filtered(self, header: bytes) -> bool:
        if not self._filter.needs_header:
            return False
        texts = describe_header(header)
        return bool(self._filter.header_reason(texts.sender, texts.recipients, texts.subject))

    async def _compare(self, session: Session, wanted: dict[int, Kept], listed: dict[int, Listed]) -> list[int]:
        """Those whose bytes on the server are the archived ones; what turns out to be another message is archived now."""
        found = []
        sizes = [(uid, kept.size) for uid, kept in sorted(wanted.items())]
        for batch in batches(sizes, max_bytes=BATCH_BYTES, max_messages=CHUNK):
            grant = await self._budget.take(sum(wanted[uid].size for uid in batch))
            try:
                fetched = await session.bodies(batch)
                others: list[tuple[int, bytes, Listed]] = []
                for uid in batch:
                    body = fetched.bodies.get(uid)
                    content = self._filing.content(body) if body else b""
                    if body and hashlib.sha256(content).digest() == wanted[uid].sha256:
                        found.append(uid)
                    elif body:
                        others.append((uid, body, listed[uid]))
                    else:
                        self._fail(self._folder, uid, "not deleted: the server would not send it to be compared")
                await self._archive_others(others)
            finally:
                grant.release()
        return found

    async def _archive_others(self, messages: list[tuple[int, bytes, Listed]]) -> None:
        """What was taken for a message that had moved here, or for the one that had this UID, is in the archive after this."""
        if not messages:
            return
        prepared = await self._filing.prepare(messages)
        await self._filing.store(self._folder, self._uidvalidity, messages, prepared)
        for uid, _, _ in messages:
            self._fail(self._folder, uid, f"{OTHER}; this one is archived now, too")
