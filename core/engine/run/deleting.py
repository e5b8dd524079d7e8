"""Deletion on the server by the profile's rule, after a whole mailbox has been archived (P3).

A message is deleted only if all of this holds, checked in this order and as late as possible:

1. nothing in this run casts doubt on the server's answers: neither about the message nor about its folder, which lists
   as many messages as it counts, each UID once; and the server was not found to be inexact in this run;
2. it is archived, known at this UID, unflagged, no draft, old enough, and passes the filter, by a FETCH of this very session;
3. it was read back from the disk just now and matched with its SHA-256, and the catalog is at the ledger's end;
4. the server sent it just now, whole, in the same selected state, and its SHA-256 is the same; one that has
   another length than announced was sent identically on an earlier connection, too;
5. of a catch-all mailbox: all its recipients in our domains have it, or the catch-all archive has a copy for them;
6. the ledger says, durably, that it is about to be deleted.

Then it is marked, messages flagged since are unmarked, exactly these are expunged, and the folder is listed again: only missing
messages count as deleted. A connection that breaks in between leaves an entry without an outcome, which the next look at the
folder settles.

The trash is left alone. Our deleted messages that appear in it are recorded as such: so the next run takes them for no move,
and only they are removed there too, if the rule says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from core.archive.read import sources
from core.engine.run.moves import Moves
from core.engine.run.removal import NAMED, Cause, FolderDeletion, Holds
from core.engine.run.sameness import read_digests
from core.engine.visit import filing, looking
from core.engine.visit.download import Download, Wanted
from core.engine.visit.filing import Move
from core.engine.visit.looking import Look
from core.engine.visit.plan import FolderPlan
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder, Status
from core.imap.replies import Listed
from core.model import EventKind
from core.problems import deletion, event, message
from core.problems.code import Reason
from core.problems.warning import NOT_LOOKED_AT
from core.profiles import rules
from core.profiles.filter import FLAGGED, has_flag
from core.profiles.ownership import Evidence
from core.text.format import number
from core.values import dataclass

#: A server with one of these problems in a folder is not to be believed about its other messages.
_DOUBTFUL = (message.LEFT_OUT, message.TORN)


@dataclass(frozen=True, slots=True)
class ByRule:
    """The profile's rule as the cause of a deletion (``removal.Cause``)."""

    visit: Visit
    holds: Holds

    def keep(self, listed: Listed) -> str:
        """The reason why a message stays, by its listing; empty when it is to be deleted."""
        if listed.flagless:
            return "its flags are not known"
        rules = self.visit.rules
        return rules.deletion.reason_to_keep(listed.flags, listed.internaldate, rules.now) or rules.filter.reason(
            listed.flags, listed.internaldate, listed.size, rules.now
        )

    def gone(self, folder: Folder, count: int) -> None:
        self.visit.story.tally.deleted += count
        # A correction is reported as a problem.
        if count > 0:
            self.visit.story.tell(EventKind.DELETED, event.DELETED(count=count), folder.path)


@dataclass(frozen=True, slots=True)
class LeftInTrash:
    """An earlier deletion here as the cause: the server moved the message to its trash (``removal.Cause``)."""

    visit: Visit
    holds: Holds

    def keep(self, listed: Listed) -> str:
        return "flagged, or nobody knows" if listed.flagless or has_flag(listed.flags, FLAGGED) else ""

    def gone(self, folder: Folder, count: int) -> None:
        if count > 0:
            self.visit.story.tell(EventKind.DELETED, event.REMOVED(count=count), folder.path)


class MailboxDeletion:
    """The deletions of one mailbox in one run."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._postponed: set[str] = set()
        self.holds = Holds(visit)
        self.rule = ByRule(visit, self.holds)
        self._left_in_trash = LeftInTrash(visit, self.holds)

    def spares(self, folder: Folder) -> bool:
        """True when the rule does not apply to the folder.

        It may be another user's, or a view; drafts are unfinished, and users put mail into the trash themselves.
        """
        if folder.view or not (folder.whose.own or self._visit.rules.deletion.shared):
            return True
        if self._visit.rules.early and folder.path != "INBOX" and folder.whose.evidence is not Evidence.RIGHTS:
            self._postponed.add(folder.path)
            return True
        return rules.is_trash(folder.path, folder.attributes) or rules.is_drafts(folder.path, folder.attributes)

    def remarks(self) -> list[Reason]:
        """Warnings of this run."""
        more = len(self._postponed) - NAMED
        names = ", ".join(sorted(self._postponed)[:NAMED]) + (f" and {number(more)} more" if more > 0 else "")
        return [*self.holds.remarks(), *([NOT_LOOKED_AT(folders=names)] if self._postponed else [])]

    async def run(self, looks: Sequence[Look], folders: Iterable[Folder]) -> None:
        """Delete in all folders, then in the trash. Raises ``DamagedError`` (catalog and ledger disagree), ``ConnectError``."""
        visit = self._visit
        await visit.archive.catch_up()
        work = [(look, self._wanted(look)) for look in looks if not self.spares(look.folder)]
        trashes = _trashes(folders)
        deletes = any(uids for _, uids in work)
        for look, uids in work:
            # All of these are read once more.
            visit.story.expect(look.listed[uid].size for uid in uids)
        before = {trash.name: seen for trash in trashes if deletes and (seen := await self._look(trash))}
        for look, uids in work:
            await self._in_folder(look, uids, self.rule)
        if deletes:
            # Some servers make their trash when they first need it.
            known = bool(trashes)
            trashes = trashes or await self._new_trashes()
            for trash in trashes:
                if trash.name in before or not known:
                    await self._recognise(trash, before.get(trash.name))
        if self._visit.rules.deletion.trash_too:
            for trash in trashes:
                await self._in_trash(trash)

    def _wanted(self, look: Look) -> list[int]:
        """UIDs to be deleted by the rule, ascending, without folders and messages that have a problem."""
        problems = self._visit.story.problems(look.folder)
        named = {problem.uid for problem in problems}
        if None in named or self._visit.server.learnt or any(one.reason.code in _DOUBTFUL for one in problems):
            return []
        return [uid for uid, listed in sorted(look.listed.items()) if uid not in named and not self.rule.keep(listed)]

    async def _in_folder(self, look: Look, uids: Sequence[int], cause: Cause) -> None:
        visit = self._visit
        doubtful = await sources.doubtful(visit.archive, visit.source, look.folder.name, look.uidvalidity)
        if not uids and not doubtful:
            return
        firsts = await self._read_first(look, uids)
        try:
            await visit.link.again(lambda: FolderDeletion(visit, look, cause, firsts).delete(uids))
        except (Dropped, ProtocolError) as error:
            visit.story.fail(look.folder, None, deletion.BROKE_OFF(why=error.reason))
        # The failure of one folder must not count against the next.
        visit.link.progressed()

    async def _read_first(self, look: Look, uids: Sequence[int]) -> dict[int, bytes]:
        """SHA-256 of those of ``uids`` with another length than announced, read on a separate connection."""
        odd = [uid for uid in uids if uid in look.unsized or uid in look.odd or look.listed[uid].sizeless]
        if not odd:
            return {}
        # Without a first reading they stay.
        found = await read_digests(self._visit, look, odd)
        await self._visit.link.drop()
        return found

    async def _look(self, trash: Folder) -> Look | None:
        visit = self._visit
        try:
            return await visit.link.again(lambda: looking.look(visit.archive, visit.link, visit.source, trash, Status()))
        except (Dropped, ProtocolError) as error:
            visit.story.fail(trash, None, deletion.TRASH_UNREAD(why=error.reason))
            visit.link.progressed()
            return None

    async def _new_trashes(self) -> list[Folder]:
        try:
            folders = await self._visit.link.again(self._folders)
        except (Dropped, ProtocolError):
            # The next run will find the messages there.
            return []
        return _trashes(folders)

    async def _folders(self) -> list[Folder]:
        return await (await self._visit.link.session()).folders()

    async def _recognise(self, trash: Folder, before: Look | None) -> None:
        """Record our deleted messages that came into a trash since ``before``, its last listing."""
        visit = self._visit
        now = await self._look(trash)
        if now is None or (before is not None and now.uidvalidity != before.uidvalidity):
            return
        came = tuple(uid for uid in now.plan.new if before is None or uid not in before.listed)
        now.plan = FolderPlan(came, now.plan.known)
        moves = Moves(visit.archive, visit.link, visit.to, (trash,))
        found = [move for _, move in await moves.find([now], deleted_only=True)]
        found += await self._read_in_trash(now, moves, set(came) - {move.place.uid for move in found})
        await filing.record_moves(visit.archive, visit.to, [move for move in found if move.ours])

    async def _read_in_trash(self, look: Look, moves: Moves, uids: Iterable[int]) -> list[Move]:
        """Moves into the trash found by bytes alone: without a Message-ID, or one of several with the same."""
        visit, found = self._visit, list[Move]()
        sizes = {look.listed[uid].size for uid in uids}
        ours = {one.size for one in await sources.deleted(visit.archive, visit.source, sizes)}
        likely = sorted(uid for uid in uids if look.listed[uid].size in ours)
        try:
            async for batch, grant in Download(visit.link, Wanted.of(look, likely), visit.budget).batches():
                with grant:
                    digests = {uid: hashlib.sha256(visit.filing.content(raw)).digest() for uid, raw, _ in batch}
                    gone = await moves.gone_with(digests.values())
                    found.extend(moves.by_content(look, digests, gone, deleted_only=True, just_now=True).values())
        except ProtocolError as error:
            visit.story.fail(look.folder, None, deletion.TRASH_MESSAGES_UNREAD(why=error.reason))
        return found

    async def forecast(self, folders: Iterable[Folder]) -> list[tuple[Folder, tuple[int, ...]]]:
        """The messages of earlier deletions that ``trash_too`` would remove from the trash."""
        found = []
        for trash in _trashes(folders) if self._visit.rules.deletion.trash_too else []:
            if look := await self._look(trash):
                uids = await self._ours(look)
                found.append((trash, tuple(sorted(uid for uid in uids if not self._left_in_trash.keep(look.listed[uid])))))
        return found

    async def _ours(self, look: Look) -> list[int]:
        visit = self._visit
        known = await sources.kept(visit.archive, visit.source, look.folder.name, look.uidvalidity, list(look.listed))
        return [uid for uid, kept in known.items() if kept.ours]

    async def _in_trash(self, trash: Folder) -> None:
        """Remove our deleted messages, and no others, from the trash for good."""
        named = {problem.uid for problem in self._visit.story.problems(trash)}
        if None in named or self._visit.server.learnt:
            return
        look = await self._look(trash)
        if look is None:
            return
        if look.changed:
            # The UIDs may name other messages by now.
            self._visit.story.fail(trash, None, deletion.TRASH_RENUMBERED())
            return
        ours = [uid for uid in await self._ours(look) if uid not in named]
        await self._in_folder(look, ours, self._left_in_trash)


def _trashes(folders: Iterable[Folder]) -> list[Folder]:
    # Another user's trash is left alone, whatever the rule says.
    own = (folder for folder in folders if folder.selectable and folder.whose.own)
    return [folder for folder in own if rules.is_trash(folder.path, folder.attributes)]
