"""Deletes on the server what the profile's rule says, after a whole mailbox has been archived (P3).

A message goes only if all of this holds, asked in this order and as late as can be:

1. it is archived, known at this UID, unflagged, no draft, old enough, and passes the filter, by a FETCH of this very session;
2. it was read back from the disk just now and matched with its SHA-256, and the catalog stands where the ledger ends;
3. the server still has the same message at this UID: header, size and date as archived; what came here by a move, so that
   its bytes were never read at this UID, is read whole and matched with its SHA-256;
4. of a catch-all mailbox: everybody in our domains whom it concerns has it, or the catch-all archive has a copy for them;
5. the ledger says, durably, that it is about to be deleted.

Then it is marked, what was flagged in between is unmarked, exactly these are expunged, and the folder is looked at again:
what counts as deleted is what is gone. A connection that breaks in between leaves an entry without an end, which the next look
at the folder settles.

The trash is left alone. What appears in it while we delete, and is what we deleted, is written down as such: so it is no move
for the next run, and only that is removed there too, if the rule says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.archive import sources
from core.archive.archive import Archive
from core.engine import filing, looking
from core.engine.filing import Destination, Filing
from core.engine.limits import Budget
from core.engine.link import Link
from core.engine.looking import Look
from core.engine.moves import Moves
from core.engine.plan import FolderPlan
from core.engine.proof import CHUNK, Proof
from core.errors import Dropped, ProtocolError
from core.imap import deleting as server
from core.imap.names import Folder, Status
from core.imap.replies import Listed
from core.imap.session import Selected, Session
from core.profiles import rules
from core.profiles.deletion import Deletion
from core.profiles.filter import DELETED, FLAGGED, Filter, has_flag
from core.sequence import pack

#: Says why a message stays although it is archived; empty when it may go.
Keep = Callable[[Listed], str]


@dataclass(frozen=True, slots=True)
class Report:
    """Who is told: ``fail(folder, uid, reason)`` what could not be deleted, ``gone(folder, count)`` what was.

    ``removed(folder, count)`` is told what is gone from the trash, where it was counted as gone already;
    ``held(folder, reasons)`` what must stay for somebody who is not known yet, by UID.
    """

    fail: Callable[[Folder, int | None, str], None]
    gone: Callable[[Folder, int], None]
    removed: Callable[[Folder, int], None]
    held: Callable[[Folder, Mapping[int, str]], None]


class Deleting:
    """The deletions of one mailbox in one run. ``now`` is the moment from which ages are counted."""

    def __init__(
        self,
        archive: Archive,
        link: Link,
        destination: Destination,
        filing: Filing,
        rule: Deletion,
        filter: Filter,
        budget: Budget,
        report: Report,
        now: datetime,
    ) -> None:
        self._archive = archive
        self._link = link
        self._to = destination
        self._filing = filing
        self._rule = rule
        self._filter = filter
        self._budget = budget
        self._report = report
        self._now = now

    def keep(self, listed: Listed) -> str:
        """Why a message stays, by what the listing says of it; empty when it is to go."""
        if listed.flagless:
            return "its flags are not known"
        return self._rule.reason_to_keep(listed.flags, listed.internaldate, self._now) or self._filter.reason(
            listed.flags, listed.internaldate, listed.size, self._now
        )

    @staticmethod
    def spares(folder: Folder) -> bool:
        """Is the rule not for this folder? Drafts are not finished, and what lies in the trash was put there by somebody."""
        return rules.is_trash(folder.path, folder.attributes) or rules.is_drafts(folder.path, folder.attributes)

    async def run(self, looks: Sequence[Look], folders: Iterable[Folder]) -> None:
        """Delete in all folders, then in the trash. Raises ``DamagedError`` (catalog and ledger disagree), ``ConnectError``."""
        await self._archive.catch_up()
        work = [(look, self._wanted(look)) for look in looks if not self.spares(look.folder)]
        trashes = _trashes(folders)
        deletes = any(uids for _, uids in work)
        before = {trash.name: seen for trash in trashes if deletes and (seen := await self._look(trash))}
        for look, uids in work:
            await self._in_folder(look, uids, self.keep, self._report.gone)
        if deletes:
            # Some servers make their trash when they first need it.
            known = bool(trashes)
            trashes = trashes or await self._new_trashes()
            for trash in trashes:
                if trash.name in before or not known:
                    await self._recognise(trash, before.get(trash.name))
        if self._rule.trash_too:
            for trash in trashes:
                await self._in_trash(trash)

    async def held(self, look: Look, uids: Sequence[int]) -> dict[int, str]:
        """Those of ``uids`` that stay for somebody who is not known yet, with the reason."""
        if not self._to.everybody:
            return {}
        return await sources.held(self._archive, self._to.source, look.folder.name, look.uidvalidity, uids)

    def _wanted(self, look: Look) -> list[int]:
        return [uid for uid, listed in look.listed.items() if not self.keep(listed)]

    async def _in_folder(self, look: Look, uids: Sequence[int], keep: Keep, gone: Callable[[Folder, int], None]) -> None:
        doubtful = await sources.doubtful(self._archive, self._to.source, look.folder.name, look.uidvalidity)
        if not uids and not doubtful:
            return
        try:
            await self._link.again(lambda: _Folder(self, look, keep, gone).delete(uids))
        except (Dropped, ProtocolError) as error:
            self._report.fail(look.folder, None, f"not everything was deleted here: {error.message}")
        # One folder that cannot be had says nothing about the next.
        self._link.progressed()

    async def _look(self, trash: Folder) -> Look | None:
        try:
            return await self._link.again(lambda: looking.look(self._archive, self._link, self._to.source, trash, Status()))
        except (Dropped, ProtocolError) as error:
            self._report.fail(trash, None, f"the trash could not be looked at: {error.message}")
            self._link.progressed()
            return None

    async def _new_trashes(self) -> list[Folder]:
        try:
            folders = await self._link.again(self._folders)
        except (Dropped, ProtocolError):
            # The next run will see what came there.
            return []
        return _trashes(folders)

    async def _folders(self) -> list[Folder]:
        return await (await self._link.session()).folders()

    async def _recognise(self, trash: Folder, before: Look | None) -> None:
        """Write down what of that which we deleted has come into a trash since ``before``, when it had been looked at."""
        now = await self._look(trash)
        if now is None or (before is not None and now.uidvalidity != before.uidvalidity):
            return
        came = tuple(uid for uid in now.plan.new if before is None or uid not in before.listed)
        now.plan = FolderPlan(came, now.plan.known)
        found = await Moves(self._archive, self._link, self._to, (trash,)).find([now], deleted_only=True)
        await filing.record_moves(self._archive, self._to, [move for _, move in found if move.ours])

    async def forecast(self, folders: Iterable[Folder]) -> list[tuple[Folder, tuple[int, ...]]]:
        """What ``trash_too`` would remove of what earlier runs left in the trash."""
        found = []
        for trash in _trashes(folders) if self._rule.trash_too else []:
            if look := await self._look(trash):
                uids = await self._ours(look)
                found.append((trash, tuple(sorted(uid for uid in uids if not _flagged(look.listed[uid])))))
        return found

    async def _ours(self, look: Look) -> list[int]:
        known = await sources.kept(self._archive, self._to.source, look.folder.name, look.uidvalidity, list(look.listed))
        return [uid for uid, kept in known.items() if kept.ours]

    async def _in_trash(self, trash: Folder) -> None:
        """What we deleted and the server moved here goes for good; nothing else does."""
        look = await self._look(trash)
        if look is None:
            return
        await self._in_folder(look, await self._ours(look), _flagged, self._report.removed)


class _Folder:
    """One folder, from opening it for changes to the last look."""

    def __init__(self, whole: Deleting, look: Look, keep: Keep, gone: Callable[[Folder, int], None]) -> None:
        self._whole = whole
        self._archive = whole._archive
        self._link = whole._link
        self._to = whole._to
        self._report = whole._report
        self._look = look
        self._folder = look.folder
        self._keep = keep
        self._gone = gone
        self._proof = Proof(
            whole._archive,
            whole._to,
            whole._filing,
            whole._filter,
            whole._budget,
            whole._report.fail,
            look.folder,
            look.uidvalidity,
        )
        self._went: set[int] = set()

    async def delete(self, uids: Sequence[int]) -> None:
        """Delete those of ``uids`` of which everything can be shown. May be called again when the connection broke in it."""
        session, selected = await self._link.select(self._folder)
        if reason := self._reason_not_to(selected):
            self._report.fail(self._folder, None, f"nothing is deleted here: {reason}")
            return
        await self._settle(session)
        if selected.exists == 0:
            return
        if not server.has_uidplus(session):
            listed = await session.listing()
            if _marked(listed):
                self._report.fail(self._folder, None, f"nothing is deleted here: {_STRANGERS}")
                return
        for start in range(0, len(uids), CHUNK):
            if not await self._delete_chunk(session, uids[start : start + CHUNK]):
                break
            self._link.progressed()
        if self._went:
            await self._look_again(session)

    async def _look_again(self, session: Session) -> None:
        """What counts as deleted is what the whole folder, listed once more, does not have any more."""
        _, selected = await self._link.select(self._folder)
        try:
            listed = await session.listing()
        except Dropped:
            raise
        except ProtocolError:
            if selected.exists:
                raise
            # Kerio answers FETCH in an empty folder with BAD.
            listed = {}
        if still := self._went & listed.keys():
            await server.mark(session, still, deleted=False)
            self._gone(self._folder, -len(still))
            self._report.fail(self._folder, None, f"{len(still)} messages were not deleted: the server said that they are gone")
        elif len(listed) < selected.exists:
            short = selected.exists - len(listed)
            # Which of them it hides nobody knows: what may still be there is not counted as gone, and not left marked.
            await server.mark(session, self._went, deleted=False)
            self._gone(self._folder, -min(short, len(self._went)))
            self._report.fail(self._folder, None, f"the server counts {short} more messages here than it lists after deleting")

    def _reason_not_to(self, selected: Selected) -> str:
        if selected.uidvalidity != self._look.uidvalidity:
            return "the folder was made anew on the server (UIDVALIDITY changed) since it was archived"
        if selected.read_only or not selected.keeps_deleted:
            return "the server lets us only read this folder"
        return ""

    async def _settle(self, session: Session) -> None:
        """Find out how deletions ended that broke off, in this run or in one before."""
        doubtful = await sources.doubtful(self._archive, self._to.source, self._folder.name, self._look.uidvalidity)
        if rules.is_trash(self._folder.path, self._folder.attributes) or not doubtful:
            # In the trash this mark means that it lies there because of us.
            return
        present = await self._present(session, doubtful)
        if present:
            await server.mark(session, present, deleted=False)
        await self._record(doubtful - present, present)

    async def _delete_chunk(self, session: Session, uids: Sequence[int]) -> bool:
        """False when the folder is better left alone after this."""
        there = await self._present(session, uids)
        listed = await session.listing(pack(there)) if there else {}
        wanted = [uid for uid in uids if uid in listed and not self._keep(listed[uid])]
        if held := await self._whole.held(self._look, wanted):
            self._report.held(self._folder, held)
            wanted = [uid for uid in wanted if uid not in held]
        proved = await self._proof.of(session, wanted, listed)
        if not proved:
            return True
        await filing.record_deleting(self._archive, self._to, self._folder.name, self._look.uidvalidity, proved)
        marked: set[int] = set(proved)
        refusal = ""
        try:
            marked, refusal = await self._mark_and_expunge(session, proved)
        except Dropped:
            raise
        except ProtocolError as error:
            refusal = error.message
        present = await self._present(session, proved)
        if not refusal and present & marked:
            refusal = "the server says that they are gone, and still has them"
        left = _marked(await session.listing(pack(present))) if present else set()
        if left:
            # What we could not delete must not be deleted by whoever expunges next.
            await server.mark(session, left, deleted=False)
        await self._record(set(proved) - present, present)
        if refusal:
            self._report.fail(self._folder, None, f"{len(present)} of {len(proved)} messages were not deleted: {refusal}")
        return not refusal

    async def _mark_and_expunge(self, session: Session, uids: Sequence[int]) -> tuple[set[int], str]:
        """What was to be expunged in the end, and why it was not; empty when it was. Raises ``ProtocolError``."""
        await server.mark(session, uids)
        # A server may have moved all of them to its trash by now, and may refuse FETCH in an empty folder.
        present = await self._present(session, uids)
        listed = await session.listing(pack(present)) if present else {}
        flagged = [uid for uid, item in listed.items() if has_flag(item.flags, FLAGGED)]
        if flagged:
            await server.mark(session, flagged, deleted=False)
        left = present - set(flagged)
        if not left:
            return left, ""
        if server.has_uidplus(session):
            await server.expunge(session, left)
            return left, ""
        if _marked(await session.listing()) - left:
            return left, _STRANGERS
        await server.expunge_all(session)
        return left, ""

    async def _present(self, session: Session, uids: Iterable[int]) -> set[int]:
        """Those of ``uids`` that the folder has now, opened anew. Raises ``Changed`` when it is another folder by now."""
        _, selected = await self._link.select(self._folder)
        if selected.uidvalidity != self._look.uidvalidity:
            raise looking.Changed("the folder was made anew on the server while messages were being deleted")
        # Kerio answers FETCH in an empty folder with BAD.
        return await session.present(uids) if selected.exists else set()

    async def _record(self, gone: set[int], kept: set[int]) -> None:
        self._went |= gone
        if rules.is_trash(self._folder.path, self._folder.attributes):
            # It is still there because of us, and will be tried again.
            kept = set()
        await filing.record_deleted(self._archive, self._to, self._folder.name, self._look.uidvalidity, gone, kept)
        if gone:
            self._gone(self._folder, len(gone))


_STRANGERS = (
    "somebody else has marked messages as \\Deleted, and this server can only expunge all that are marked (it has no UIDPLUS)"
)


def _trashes(folders: Iterable[Folder]) -> list[Folder]:
    return [folder for folder in folders if folder.selectable and rules.is_trash(folder.path, folder.attributes)]


def _flagged(listed: Listed) -> str:
    return "flagged, or nobody knows" if listed.flagless or has_flag(listed.flags, FLAGGED) else ""


def _marked(listed: dict[int, Listed]) -> set[int]:
    return {uid for uid, item in listed.items() if has_flag(item.flags, DELETED)}
