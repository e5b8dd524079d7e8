"""Sameness: messages that a mailbox shows in several folders are recognised, downloaded and stored once.

On Gmail a message has as many folders as labels, and the server's id is the same in all. Without an id only bytes tell: a
view's (``views``) message is downloaded once, and known at its UID from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.archive.read import identities, sources
from core.archive.read.identities import Identified
from core.engine.run.retrieval import Retrieval
from core.engine.visit import filing, looking
from core.engine.visit.download import Download, Wanted
from core.engine.visit.filing import MessageLink as Linked
from core.engine.visit.link import Link
from core.engine.visit.looking import Look
from core.engine.visit.plan import FolderPlan
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap import gmail
from core.imap.gmail import GmailItems


class Sameness:
    """The messages of one mailbox that are the same, in one run."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        #: Gmail's ids and labels, by folder and UID.
        self.told: dict[tuple[str, int], GmailItems] = {}
        #: UIDs by folder that wait for the download of the same message elsewhere.
        self._waiting: dict[str, list[int]] = {}

    async def download(self, looks: Sequence[Look], retrieval: Retrieval) -> None:
        """Download new messages; one that is new in several folders only once, where the server's ids tell."""
        await self.spare(looks)
        while looks:
            await retrieval.run(looks)
            looks = await self.settle(looks)

    def spared(self, look: Look, uids: Iterable[int]) -> None:
        """Count messages that are known and need no download."""
        visit, known = self._visit, set(uids)
        look.moved |= known
        visit.story.tally.known += len(known)
        visit.story.spare(look.listed[uid].size for uid in known)

    async def spare(self, looks: Sequence[Look]) -> None:
        """Request ids: archived messages are linked, and those new in several folders downloaded from the first only."""
        seen: set[str] = set()
        for look in looks:
            if not look.folder.view:
                # Requested before for a view.
                await self.ask(look)
                await self.link_identified(look)
            aside = []
            for uid in look.wanted:
                one = self.told.get((look.folder.name, uid))
                if one is not None and one.id in seen:
                    aside.append(uid)
                elif one is not None:
                    seen.add(one.id)
            self._waiting[look.folder.name] = aside
            look.moved |= set(aside)

    async def settle(self, looks: Sequence[Look]) -> list[Look]:
        """Record the ids of downloaded messages, and link waiting ones; the looks with messages still to be downloaded."""
        for look in looks:
            await self._remember(look)
        rest = []
        for look in looks:
            waited = self._waiting.pop(look.folder.name, [])
            if not waited:
                continue
            look.moved -= set(waited)
            # Known UIDs need no further treatment.
            plan = FolderPlan(tuple(waited), frozenset())
            missing = replace(look, plan=plan, changed=[], doubted=[], odd=[], back={}, unsized={})
            await self.link_identified(missing)
            # The download failed in the other folder; it may succeed here.
            if missing.wanted:
                rest.append(missing)
        return rest

    async def ask(self, look: Look) -> None:
        """Request Gmail's ids and labels of a folder's wanted messages; nothing on other servers."""
        wanted = look.wanted
        if not wanted or not gmail.offers(await self._visit.link.session()):
            return

        async def asked() -> Mapping[int, GmailItems]:
            session, selected = await self._visit.link.examine(look.folder)
            return await gmail.known(session, wanted) if selected.uidvalidity == look.uidvalidity else {}

        try:
            found = await self._visit.link.again(asked)
        except (Dropped, ProtocolError):
            # Then each is downloaded, which is always right.
            found = {}
        self.told |= {(look.folder.name, uid): one for uid, one in found.items()}
        self._visit.link.progressed()

    async def link_identified(self, look: Look) -> None:
        """Link archived messages of the same id and size."""
        name = look.folder.name
        ids = {uid: one.id for uid in look.wanted if (one := self.told.get((name, uid)))}
        known = await identities.identified(self._visit.archive, self._visit.to.source, ids.values()) if ids else {}
        same = {uid: known[id_] for uid, id_ in ids.items() if id_ in known and known[id_].size == look.listed[uid].size}
        await self.record(look, {uid: one.sha256 for uid, one in same.items()})

    async def record(self, look: Look, same: Mapping[int, bytes]) -> None:
        """Record UIDs of a folder as archived messages. In a view they get no placement."""
        if not same:
            return
        default = self._visit.to.path(look.folder)
        placed: Mapping[bytes, str] = {}
        if look.folder.view and default is not None:
            placed = await identities.places(self._visit.archive, self._visit.to.owner, self._visit.to.top, same.values())
        links = [Linked(sha256, uid, look.listed[uid], placed.get(sha256, default)) for uid, sha256 in sorted(same.items())]
        await filing.record_links(self._visit.archive, self._visit.to, look.folder.name, look.uidvalidity, links)
        self.spared(look, same)

    async def _remember(self, look: Look) -> None:
        name = look.folder.name
        # A message with a problem may not be the one that the id names.
        sound = look.listed.keys() - look.failed - look.unsized.keys()
        ids = {uid: one.id for uid in sound if (one := self.told.get((name, uid)))}
        if not ids:
            return
        kept = await sources.kept(self._visit.archive, self._visit.to.source, name, look.uidvalidity, list(ids))
        found = {ids[uid]: Identified(look.listed[uid].size, one.sha256) for uid, one in kept.items()}
        await identities.identify(self._visit.archive, self._visit.to.source, found)


async def read_headers(link: Link, look: Look, uids: Sequence[int]) -> dict[int, bytes]:
    """Header blocks of a folder, by its listing; unavailable ones are left out."""
    found: dict[int, bytes] = {}
    for start in range(0, len(uids), looking.HEADERS_PER_FETCH):
        chunk = uids[start : start + looking.HEADERS_PER_FETCH]
        try:
            got = await link.again(lambda chunk=chunk: looking.headers(link, look, chunk))  # type: ignore[misc]
        except (Dropped, ProtocolError):
            continue
        finally:
            link.progressed()
        found |= {uid: header for uid in chunk if (header := got.get(uid))}
    return found


async def read_digests(visit: Visit, look: Look, uids: Sequence[int]) -> dict[int, bytes]:
    """SHA-256 of messages of a folder, by its listing; unavailable ones are left out."""
    found: dict[int, bytes] = {}
    try:
        async for batch, grant in Download(visit.link, Wanted.of(look, uids), visit.budget).batches():
            with grant:
                found |= {uid: hashlib.sha256(raw).digest() for uid, raw, _ in batch}
    except ProtocolError:
        # Unread messages prove nothing.
        visit.link.progressed()
    return found
