"""Deletion in one folder: from opening it for changes to the final listing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from core.archive.read import sources
from core.engine.run.proof import CHUNK, Partial, Proof
from core.engine.visit import filing, looking
from core.engine.visit.looking import Look
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap import deleting as server
from core.imap.names import Folder
from core.imap.replies import Listed, Listing
from core.imap.selected import Selected
from core.imap.session import Busy, Session
from core.problems import deletion
from core.problems import folder as problems
from core.problems.code import Reason
from core.problems.warning import HELD
from core.profiles import rules
from core.profiles.filter import DELETED, FLAGGED, has_flag
from core.text.format import number
from core.text.sequence import pack

#: Reasons listed in a remark.
NAMED = 5
#: Listings tried until a folder lists as many messages as it counts.
LISTINGS = 3


class Holds:
    """Messages of a catch-all mailbox that stay for unknown users."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._counts: dict[str, int] = {}

    async def of(self, look: Look, uids: Sequence[int]) -> dict[int, str]:
        """Those of ``uids`` that stay, with the reason."""
        visit = self._visit
        if not visit.to.everybody:
            return {}
        return await sources.held(visit.archive, visit.source, look.folder.name, look.uidvalidity, uids)

    def count(self, held: Mapping[int, str]) -> None:
        """Count messages that stay, by UID with the reason."""
        for reason in held.values():
            self._counts[reason] = self._counts.get(reason, 0) + 1

    def remarks(self) -> list[Reason]:
        """Warnings of this run."""
        if not self._counts:
            return []
        count = sum(self._counts.values())
        names = ", ".join(sorted(self._counts, key=lambda reason: -self._counts[reason])[:NAMED])
        more = f" and {number(len(self._counts) - NAMED)} more" if len(self._counts) > NAMED else ""
        return [HELD(count=count, names=f"{names}{more}")]


class Cause(Protocol):
    """The cause of a deletion: the conditions on a message, and the account of the messages that are gone."""

    @property
    def holds(self) -> Holds:
        """The messages that stay for unknown users."""

    def keep(self, listed: Listed) -> str:
        """The reason why an archived message stays, by its listing; empty when it may be deleted."""

    def gone(self, folder: Folder, count: int) -> None:
        """Count messages as deleted in a folder; a negative number corrects an earlier one."""


class FolderDeletion:
    """The deletion in one folder, from opening it for changes to the final listing."""

    def __init__(self, visit: Visit, look: Look, cause: Cause, firsts: Mapping[int, bytes]) -> None:
        self._visit = visit
        self._cause = cause
        self._look = look
        self._folder = look.folder
        self._proof = Proof(visit, look, firsts)
        self._went: set[int] = set()
        self._there: set[int] = set()

    async def delete(self, uids: Sequence[int]) -> None:
        """Delete those of ``uids`` for which all conditions are proved. May be called again after a broken connection."""
        visit = self._visit
        session, selected = await visit.link.select(self._folder)
        if reason := self._reason_not_to(selected):
            visit.story.fail(self._folder, None, deletion.NOTHING(why=reason))
            return
        await self._settle(session)
        if selected.exists == 0 or not uids:
            return
        if not server.has_uidplus(session) and not visit.rules.deletion.without_uidplus:
            _refuse_plain_expunge(visit)
            return
        try:
            listed = await self._whole(session)
        except Partial as error:
            visit.story.fail(self._folder, None, deletion.NOTHING(why=error.reason))
            return
        self._there = set(listed)
        if not server.has_uidplus(session) and _marked(listed):
            visit.story.fail(self._folder, None, deletion.NOTHING(why=deletion.MARKED_BY_OTHERS()))
            return
        for start in range(0, len(uids), CHUNK):
            if not await self._delete_chunk(session, uids[start : start + CHUNK]):
                break
            visit.link.progressed()
        if self._went:
            await self._look_again(session)

    async def _whole(self, session: Session) -> dict[int, Listed]:
        """All messages of the folder, opened anew. Raises ``Partial`` when it lists another number than it counts."""
        for _ in range(LISTINGS):
            selected = await self._select()
            listing = await session.listing() if selected.exists else Listing({})
            # A change in between explains one difference, but not two.
            if len(listing.messages) == selected.exists and not listing.twice:
                return listing.messages
        if listing.twice:
            raise Partial(problems.UID_FOR_SEVERAL())
        raise Partial(problems.COUNTED_OTHERWISE(counted=selected.exists, listed=len(listing.messages)))

    async def _look_again(self, session: Session) -> None:
        """List the whole folder once more: only messages missing now count as deleted."""
        _, selected = await self._visit.link.select(self._folder)
        try:
            listed = (await session.listing()).messages
        except Dropped:
            raise
        except ProtocolError:
            if selected.exists:
                raise
            # Kerio answers FETCH in an empty folder with BAD.
            listed = {}
        if still := self._went & listed.keys():
            await server.mark(session, still, deleted=False)
            self._cause.gone(self._folder, -len(still))
            self._visit.story.fail(self._folder, None, deletion.STILL_THERE(count=len(still)))
        elif len(listed) < selected.exists:
            short = selected.exists - len(listed)
            # The listing hides some of them: those that may still be there do not count as deleted, and lose their mark.
            await server.mark(session, self._went, deleted=False)
            self._cause.gone(self._folder, -min(short, len(self._went)))
            self._visit.story.fail(self._folder, None, problems.COUNT_AFTER_DELETING(count=short))
        elif not server.has_uidplus(session) and (strangers := self._there - self._went - listed.keys()):
            # Either a plain EXPUNGE took them, or another client did: the server does not tell.
            self._visit.story.fail(self._folder, None, deletion.FOREIGN_MARK(count=len(strangers), uids=pack(strangers)))

    def _reason_not_to(self, selected: Selected) -> Reason | None:
        if selected.uidvalidity != self._look.uidvalidity:
            return deletion.FOLDER_CHANGED()
        if selected.read_only or not selected.keeps_deleted:
            return deletion.READ_ONLY()
        return None

    async def _settle(self, session: Session) -> None:
        """Settle the outcome of deletions that were broken off, in this run or an earlier one."""
        doubtful = await sources.doubtful(self._visit.archive, self._visit.source, self._folder.name, self._look.uidvalidity)
        if rules.is_trash(self._folder.path, self._folder.attributes) or not doubtful:
            # In the trash this mark means that our deletion put it there.
            return
        # An incomplete listing must not settle them.
        present = doubtful & (await self._whole(session)).keys()
        if present:
            await server.mark(session, present, deleted=False)
        await self._record(doubtful - present, present)

    async def _delete_chunk(self, session: Session, uids: Sequence[int]) -> bool:
        """Delete a chunk; False when no more should be deleted in the folder."""
        there = await self._present(session, uids)
        if (hidden := (set(uids) & self._there) - there) and not hidden.isdisjoint(await self._whole(session)):
            raise Partial(problems.NAMED_IN_PART(named=len(there), asked=len(uids)))
        listed = (await session.listing(pack(there))).messages if there else {}
        if len(listed) != len(there):
            raise Partial(problems.LISTED_IN_PART(listed=len(listed), asked=len(there)))
        wanted = [uid for uid in uids if uid in listed and not self._cause.keep(listed[uid])]
        if held := await self._cause.holds.of(self._look, wanted):
            self._cause.holds.count(held)
            wanted = [uid for uid in wanted if uid not in held]
        proved = await self._proof.of(session, wanted, listed)
        if not proved:
            return True
        await filing.record_deleting(self._visit.archive, self._visit.to, self._folder.name, self._look.uidvalidity, proved)
        marked: set[int] = set(proved)
        refusal: Reason | None = None
        try:
            marked, refusal = await self._mark_and_expunge(session, proved)
        except Dropped:
            raise
        except ProtocolError as error:
            refusal = error.reason
        present = await self._present(session, proved)
        if not refusal and present & marked:
            refusal = deletion.GONE_AND_THERE()
        listed = (await session.listing(pack(present))).messages if present else {}
        # UIDs missing in the list may be marked too.
        left = (present - listed.keys()) | _marked(listed)
        if left:
            # Messages that we could not delete must not be deleted by another client's EXPUNGE.
            await server.mark(session, left, deleted=False)
        await self._record(set(proved) - present, present)
        if refusal:
            self._visit.story.fail(self._folder, None, deletion.REFUSED(left=len(present), count=len(proved), why=refusal))
        return not refusal

    async def _mark_and_expunge(self, session: Session, uids: Sequence[int]) -> tuple[set[int], Reason | None]:
        """Mark and expunge; the UIDs left marked in the end, and the reason when EXPUNGE failed. Raises ``ProtocolError``."""
        await server.mark(session, uids)
        listed = await self._still(session, uids)
        flagged = [uid for uid, item in listed.items() if has_flag(item.flags, FLAGGED)]
        if flagged:
            await server.mark(session, flagged, deleted=False)
        left = listed.keys() - set(flagged)
        if not left:
            return left, None
        if server.has_uidplus(session):
            await server.expunge(session, left)
            return left, None
        if _marked(await self._whole(session)) - left:
            return left, deletion.MARKED_BY_OTHERS()
        await server.expunge_all(session)
        return left, None

    async def _still(self, session: Session, uids: Sequence[int]) -> dict[int, Listed]:
        """Those of ``uids`` that are still there, in the same selected state in which they were read and marked."""
        try:
            listed = (await session.listing(pack(uids))).messages
        except (Dropped, Busy):
            raise
        except ProtocolError:
            # The server may have moved all of them to its trash by now; Kerio answers FETCH in an empty folder with BAD.
            present = await self._present(session, uids)
            listed = (await session.listing(pack(present))).messages if present else {}
        if (hidden := set(uids) - listed.keys()) and listed and await session.present(hidden):
            raise Partial(problems.LISTED_IN_PART(listed=len(listed), asked=len(uids)))
        return {uid: listed[uid] for uid in uids if uid in listed}

    async def _present(self, session: Session, uids: Iterable[int]) -> set[int]:
        """Those of ``uids`` that the folder has now, opened anew. Raises ``Changed`` when the UIDVALIDITY differs."""
        selected = await self._select()
        # Kerio answers FETCH in an empty folder with BAD.
        return await session.present(uids) if selected.exists else set()

    async def _select(self) -> Selected:
        _, selected = await self._visit.link.select(self._folder)
        if selected.uidvalidity != self._look.uidvalidity:
            raise looking.FolderChanged(problems.CHANGED_WHILE_DELETING())
        return selected

    async def _record(self, gone: set[int], kept: set[int]) -> None:
        self._went |= gone
        if rules.is_trash(self._folder.path, self._folder.attributes):
            # They remain because of us, and will be tried again.
            kept = set()
        await filing.record_deleted(self._visit.archive, self._visit.to, self._folder.name, self._look.uidvalidity, gone, kept)
        if gone:
            self._cause.gone(self._folder, len(gone))


def _refuse_plain_expunge(visit: Visit) -> None:
    """Report, once a mailbox, that this server cannot expunge named messages only."""
    mailbox = Folder("", "")
    if not visit.story.blamed(mailbox):
        visit.story.fail(mailbox, None, deletion.NO_UIDPLUS())


def _marked(listed: dict[int, Listed]) -> set[int]:
    return {uid for uid, item in listed.items() if has_flag(item.flags, DELETED)}
