"""Archiving of one mailbox: list all folders, follow moves, download new messages, count, delete by rule.

Takes values and writes to the archive; knows no queue, no schedule and no other mailbox.

    folders and STATUS -> listing of changed folders -> plan -> returned, vanished, moved (ledger) -> filter -> download
    -> count -> delete
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from core.archive.read import folder_states, several_folders, sources
from core.archive.read.folder_states import FolderState
from core.archive.read.several_folders import Place
from core.archive.read.sources import KnownFolder
from core.engine.run import filtering, views
from core.engine.run.deleting import MailboxDeletion
from core.engine.run.moves import Moves
from core.engine.run.retrieval import Retrieval, count_moves
from core.engine.run.sameness import Sameness
from core.engine.run.survey import SMALL, Doubted, Survey
from core.engine.run.views import Views
from core.engine.visit import filing, looking, whose
from core.engine.visit.looking import Look
from core.engine.visit.visit import Visit
from core.engine.visit.whose import Holder
from core.errors import ArchivarError, ConnectError, Dropped, ProtocolError, Spent
from core.imap.names import Folder, Status, Unused
from core.model import EventKind, Forecast, Phase, Problem, RunStatus
from core.problems import event
from core.problems import folder as problems
from core.problems.mailbox import PROGRAM_FAULT
from core.problems.message import NOT_ARCHIVED
from core.text import sequence

#: Reasons listed in a remark.
NAMED = 5
#: Folders recorded and remembered in one transaction.
TOGETHER = 100

logger = logging.getLogger("archivar.engine")


class MailboxArchiver:
    """One mailbox in one run. With ``doubted``, even if empty, every folder is listed whole, and nothing is deleted.

    ``doubted``: known UIDs by (folder name, UIDVALIDITY) that name other messages, by a comparison.
    """

    def __init__(self, visit: Visit, doubted: Doubted | None = None) -> None:
        self._visit = visit
        self._doubted = doubted
        self._deleting = MailboxDeletion(visit)
        self._same = Sameness(visit)
        self._survey = Survey(visit, doubted)
        self._looks: list[Look] = []
        #: Known UIDs of folders that are not on the server any more.
        self._lost: dict[str, list[KnownFolder]] = {}

    async def run(self, *, dry_run: bool = False) -> None:
        """Archive the mailbox. Raises ``ConnectError`` when the server cannot be reached any more, ``StorageError``."""
        visit, progress = self._visit, self._visit.story.progress
        progress.phase = Phase.CONNECTING
        await visit.link.session()
        progress.phase = Phase.LISTING
        folders, statuses, unreadable = await visit.link.again(self._list_folders)
        for line in unreadable:
            visit.story.fail(Folder(line, line), None, line.reason)
        ordinary, shown = views.apart(folders)
        self._looks = await self._survey.run(ordinary, statuses)
        doubts = self._survey.doubts
        moves = Moves(visit.archive, visit.link, visit.to, folders, visit.rules.deletion.on_trash)
        await self._welcome(moves, dry_run=dry_run)
        if dry_run:
            await self._leave_out(self._looks)
            await self._look_into_views(shown, folders, statuses, moves, dry_run=True)
            await self._count_dry(folders)
        else:
            await self._record_vanished(None if unreadable else folders)
            await self._follow_moves(moves)
            await self._leave_out(self._looks)
            progress.phase = Phase.ARCHIVING
            await self._same.download(self._looks, Retrieval(visit, moves))
            await self._look_into_views(shown, folders, statuses, moves)
            await self._tell_lost()
            progress.phase = Phase.CHECKING
            await self._check()
            if self._doubted is None and (visit.rules.deletion.active or doubts):
                progress.phase = Phase.DELETING
                await self._deleting.run(self._looks, folders)
        remarks = (
            *whose.remarks(folders, visit.rules.folders),
            *views.remarks(shown, visit.rules.folders, visit.rules.deletion),
        )
        for reason in (*visit.filing.remarks(), *self._deleting.remarks(), *remarks):
            visit.story.warn(reason)
        self._finish()

    async def _list_folders(self) -> tuple[list[Folder], dict[str, Status], list[Unused]]:
        visit, session = self._visit, await self._visit.link.session()
        folders, statuses, unreadable = await session.folders_with_status()
        # Where the server tells the owners of folders, no other mailbox need be known for that.
        visit.rules = replace(visit.rules, early=visit.rules.early and whose.names_count(session))
        holder = Holder(visit.to.owner, visit.to.login, visit.to.everybody, visit.source)
        return await whose.settled(visit.archive, holder, session, folders, statuses), statuses, unreadable

    # Filtering ---------------------------------------------------------------------------------------------------------

    async def _leave_out(self, looks: Sequence[Look]) -> None:
        """Apply the filter to new messages that are no moves; those left for an unknown address are left again."""
        visit = self._visit
        for look in looks:
            if not look.left and not visit.rules.filter.digest:
                continue
            if visit.rules.filter.digest:
                look.excluded = await self._left_out(look, look.wanted)
            left = visit.filing.still_left(look.wanted, look.left_before)
            look.excluded |= left
            look.undecided |= left
            visit.story.tally.excluded += len(look.excluded)
            visit.story.spare(look.listed[uid].size for uid in look.excluded)
            visit.link.progressed()

    async def _left_out(self, look: Look, uids: Sequence[int]) -> set[int]:
        visit = self._visit
        return await filtering.excluded(
            visit.rules.filter,
            uids,
            look.listed,
            lambda chunk: visit.link.again(lambda: looking.headers(visit.link, look, chunk)),
            visit.rules.now,
            look.excluded_before,
        )

    # Views -------------------------------------------------------------------------------------------------------------

    async def _look_into_views(
        self,
        shown: list[Folder],
        folders: list[Folder],
        statuses: dict[str, Status],
        moves: Moves,
        *,
        dry_run: bool = False,
    ) -> None:
        """Archive messages that lie in a view alone; all other folders are done."""
        if not shown:
            return
        visit = self._visit
        found = Views(visit, folders, self._same)
        others, self._looks = self._looks, await self._survey.run(shown, views.beside(statuses, found.left_out()))
        await self._welcome(moves, dry_run=dry_run)
        for look in self._looks:
            if dry_run:
                self._same.spared(look, await views.shown_before(visit, look, others))
                continue
            await filing.record_vanished(visit.archive, visit.to, look.folder.name, look.vanished)
            await found.sift(look)
            await self._leave_out_too(look)
            await self._same.download([look], Retrieval(visit, moves))
        self._looks = [*others, *self._looks]

    async def _leave_out_too(self, look: Look) -> None:
        """Apply the filter to the remaining messages of a view, and count all that are left out."""
        left, look.excluded = look.excluded, set()
        look.moved |= left
        await self._leave_out([look])
        look.moved -= left
        look.excluded |= left
        self._visit.story.tally.excluded += len(left)
        self._visit.story.spare(look.listed[uid].size for uid in left)

    # Moves -------------------------------------------------------------------------------------------------------------

    async def _welcome(self, moves: Moves, *, dry_run: bool) -> None:
        """Record messages that vanished from a folder and returned to their UIDs, with the same headers."""
        visit = self._visit
        for look in self._looks:
            returned = await moves.returned(look) if look.back else set()
            if not returned:
                continue
            if not dry_run:
                await filing.record_returned(visit.archive, visit.to, look.folder.name, look.uidvalidity, returned)
            visit.story.tally.known += len(returned)
            visit.story.spare(look.listed[uid].size for uid in returned)
            look.take_for_known(returned)

    async def _record_vanished(self, folders: list[Folder] | None) -> None:
        """Record vanished messages; with ``folders`` None, when a folder could not be read, none counts as gone."""
        archive, to = self._visit.archive, self._visit.to
        for start in range(0, len(self._looks), TOGETHER):
            some = self._looks[start : start + TOGETHER]
            await filing.record_vanished_in(archive, to, [(look.folder.name, look.vanished) for look in some])
        if folders is None:
            return
        there = {folder.name for folder in folders if folder.selectable}
        for name in sorted(await sources.inhabited(archive, to.source) - there):
            self._lost[name] = await sources.known(archive, to.source, name)
            left = await sources.left(archive, to.source, name)
            vanished = {item.uidvalidity: (*item.uids, *left.get(item.uidvalidity, ())) for item in self._lost[name]}
            await filing.record_vanished(archive, to, name, vanished)
            await folder_states.remember(archive, to.source, [FolderState(name)])

    async def _tell_lost(self) -> None:
        """Warn about folders that the server lists no more and whose messages turned up nowhere else."""
        archive, source = self._visit.archive, self._visit.source
        for name, known in self._lost.items():
            left = [await sources.vanished(archive, source, name, one.uidvalidity, one.uids) for one in known]
            self._survey.tell_shrunk(Folder(name, name), sum(len(one.uids) for one in known), sum(map(len, left)))

    async def _follow_moves(self, moves: Moves) -> None:
        """Match new UIDs with messages that vanished from other folders: those need no download."""
        visit = self._visit
        found = await moves.find(self._looks)
        await filing.record_moves(visit.archive, visit.to, [move for _, move in found])
        for seen, move in found:
            seen.moved.add(move.place.uid)
            visit.story.spare([move.listed.size])
        if moved := count_moves(visit, [move for _, move in found]):
            visit.story.tell(EventKind.MOVED, event.MOVED(count=moved))

    # Counting ----------------------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        """Promise P2: messages in the folder = messages known to the archive + reported failures.

        The difference is reported.
        """
        for start in range(0, len(self._looks), TOGETHER):
            some = self._looks[start : start + TOGETHER]
            archived = await self._archived(some)
            for look in some:
                self._check_folder(look, archived[look.place])
            await folder_states.remember(self._visit.archive, self._visit.source, [self._state(look) for look in some])

    async def _archived(self, looks: Sequence[Look]) -> dict[Place, Collection[int]]:
        """The listed UIDs of folders that are archived, as the catalog says now."""
        visit = self._visit
        small = {look.place: look.listed for look in looks if look.passed or len(look.listed) <= SMALL}
        found: dict[Place, Collection[int]] = {}
        found |= await several_folders.present(visit.archive, visit.source, small)
        for look in looks:
            if look.place not in found:
                known = await sources.known(visit.archive, visit.source, look.folder.name)
                found[look.place] = next((one.uids for one in known if one.uidvalidity == look.uidvalidity), frozenset())
        return found

    def _check_folder(self, look: Look, archived: Collection[int]) -> None:
        story = self._visit.story
        missing = set(look.listed).difference(archived, look.failed, look.expunged, look.excluded)
        if missing and not story.blamed(look.folder):
            story.fail(look.folder, None, problems.INCOMPLETE())
        for uid in sorted(missing):
            look.failed.add(uid)
            story.tally.failed += 1
            story.fail(look.folder, uid, NOT_ARCHIVED())
        if look.unlisted:
            story.fail(look.folder, None, problems.COUNT(count=look.unlisted))

    def _state(self, look: Look) -> FolderState:
        # Messages that the filter excludes only for now must be checked again next time.
        lasting = not (look.undecided or (look.excluded and self._visit.rules.filter.changes))
        signature = self._survey.signed(look.signature) if lasting else ""
        excluded = {uid: (look.listed[uid].size, look.listed[uid].internaldate) for uid in look.excluded}
        told = look.status.items
        numbers = (look.since, look.uidvalidity, told.get("UIDNEXT", 0), told.get("HIGHESTMODSEQ", 0))
        return FolderState(look.folder.name, signature, look.count, {**look.left_out, **excluded}, *numbers)

    async def _count_dry(self, folders: list[Folder]) -> None:
        """Count the forecast of a dry run; some new or renumbered messages may turn out to be known."""
        visit, result = self._visit, self._visit.story.progress.result
        result.forecast = []
        trash = {folder.name: (folder, uids) for folder, uids in await self._deleting.forecast(folders)}
        for look in sorted(self._looks, key=lambda look: (look.folder.path != "INBOX", look.folder.path.casefold())):
            going: tuple[int, ...] = ()
            if visit.rules.deletion.active and not self._deleting.spares(look.folder):
                out = await self._left_out(look, sorted(look.plan.known))
                uids = {*look.plan.known, *look.wanted} - out
                may = [uid for uid in uids if not self._deleting.rule.keep(look.listed[uid])]
                going = tuple(sorted(set(may) - (await self._deleting.holds.of(look, may)).keys()))
            left = trash.pop(look.folder.name, None)
            going += left[1] if left else ()
            size = sum(look.listed[uid].size for uid in (*look.wanted, *look.changed))
            self._forecast(Forecast(look.folder.path, len(look.wanted) + len(look.changed), size, len(look.excluded), going))
        for folder, ours in trash.values():
            self._forecast(Forecast(folder.path, 0, 0, 0, ours))

    def _forecast(self, one: Forecast) -> None:
        forecast = self._visit.story.progress.result.forecast
        assert forecast is not None
        forecast.append(one)
        told = [event.WOULD_ARCHIVE(count=one.new, size=one.bytes)] if one.new else []
        told += [event.WOULD_LEAVE_OUT(count=one.excluded)] if one.excluded else []
        told += [event.WOULD_DELETE(count=len(one.delete), uids=sequence.pack(one.delete))] if one.delete else []
        for reason in told:
            self._visit.story.tell(EventKind.PLAN, reason, one.folder)

    def _finish(self) -> None:
        progress = self._visit.story.progress
        result = progress.result
        result.status = RunStatus.WITH_ERRORS if result.problems else RunStatus.SUCCEEDED
        progress.phase = Phase.DONE
        progress.folder = ""


async def archive_mailbox(visit: Visit, doubted: Doubted | None = None, *, dry_run: bool = False) -> ArchivarError | None:
    """Run ``archiver``; a connection failure becomes a problem in the mailbox's result, and is returned.

    ``doubted``: see ``MailboxArchiver``.
    """
    progress = visit.story.progress
    try:
        await MailboxArchiver(visit, doubted).run(dry_run=dry_run)
    except (ConnectError, Dropped, ProtocolError) as error:
        progress.result.problems.append(Problem(progress.folder, None, error.reason))
        # A used-up daily share is no failure of the mailbox: a run of the next day continues.
        progress.result.status = RunStatus.WITH_ERRORS if isinstance(error, Spent) else RunStatus.FAILED
        progress.phase = Phase.DONE
        return error
    except ArchivarError:
        # An error of the archive concerns all mailboxes.
        raise
    except Exception as error:
        logger.exception("mailbox %s failed by an error of the program", progress.result.mailbox)
        progress.result.problems.append(Problem(progress.folder, None, PROGRAM_FAULT(kind=type(error).__name__)))
        progress.result.status = RunStatus.FAILED
        progress.phase = Phase.DONE
    return None
