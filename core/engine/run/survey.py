"""The survey of a mailbox: which of its folders may have changed since they were complete, and a look at each of those."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from core.archive.read import folder_states, sources
from core.archive.read.folder_states import FolderState
from core.engine.visit import looking, ranges
from core.engine.visit.looking import Look
from core.engine.visit.ranges import Edge, LargeFolder
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap import pipelined
from core.imap.names import Folder, Status
from core.imap.pipelined import ListedFolder, WantedListing
from core.model import moment, now
from core.problems import folder as problems
from core.problems.warning import FOLDER_SHRUNK
from core.profiles.rules import is_trash
from core.system.tasks import spawn
from core.values import dataclass

#: Messages that must vanish from a folder at once before a warning is given.
SHRUNK = 50
#: Messages of a folder that is listed together with others, and of all listed in one round trip.
SMALL, LISTED_TOGETHER = 500, 10_000

#: UIDs that may name other messages by now, by folder name and UIDVALIDITY.
Doubted = Mapping[tuple[str, int], frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Due:
    """A folder to be looked at, its STATUS, and its state when it was last complete; ``large``: it may be looked at in part."""

    folder: Folder
    status: Status
    before: FolderState
    large: LargeFolder | None

    @property
    def listed(self) -> int | None:
        """The messages that are listed of it when it is listed with others; None when it is not."""
        count = self.status.items.get("MESSAGES")
        if count is None or not pipelined.may(self.folder):
            return None
        if self.large is not None:
            new = count - self.large.before.messages if self.large.before else SMALL
            return ranges.WINDOW + new if 0 <= new < SMALL else None
        return count if count <= SMALL else None


@dataclass(frozen=True, slots=True)
class _Listed:
    """Folders that were listed together: small ones whole, and large ones from the edge of their record on."""

    whole: Sequence[ListedFolder] = ()
    large: Sequence[tuple[LargeFolder, Edge, ListedFolder]] = ()


def _groups(due: Sequence[_Due]) -> Iterator[list[_Due]]:
    """Yield folders that are listed together and next to each other, any other folder alone; all in their order."""
    group: list[_Due] = []
    messages = 0
    for one in due:
        count = one.listed
        if count is None:
            yield from ([group] if group else [])
            yield [one]
            group, messages = [], 0
            continue
        if group and (len(group) == pipelined.AT_ONCE or messages + count > LISTED_TOGETHER):
            yield group
            group, messages = [], 0
        group.append(one)
        messages += count
    if group:
        yield group


class Survey:
    """The survey of one mailbox in one run. With ``doubted``, even if empty, every folder is listed whole.

    ``doubts``: names of folders with deletions of which the outcome is not known.
    """

    def __init__(self, visit: Visit, doubted: Doubted | None = None) -> None:
        self._visit = visit
        self._doubted = doubted
        self._looks: list[Look] = []
        self.doubts: set[str] = set()

    async def run(self, folders: list[Folder], statuses: dict[str, Status]) -> list[Look]:
        """Look at folders: those that may have changed. Raises ``ConnectError``, ``ProtocolError`` without any folder."""
        visit = self._visit
        complete = await folder_states.complete(visit.archive, visit.source)
        trash = {folder.name for folder in folders if is_trash(folder.path, folder.attributes)}
        self.doubts = await sources.doubtful_folders(visit.archive, visit.source) - trash
        self._looks = []
        if not folders:
            raise ProtocolError(problems.NO_FOLDERS())
        due = [one for folder in folders if folder.selectable and (one := self._due(folder, statuses, complete))]
        groups = list(_groups(due))
        ahead: asyncio.Task[_Listed] | None = None
        try:
            for number, several in enumerate(groups):
                listed = await (ahead or self._list_together(several))
                ahead = None
                looks = await ranges.judged(listed.large)
                if len(looks) + len(listed.whole) == len(several) and number + 1 < len(groups):
                    # The server works on the next folders while these are compared.
                    ahead = spawn(self._list_together(groups[number + 1]), name="list")
                await self._look_at(several, listed.whole, looks)
        finally:
            if ahead is not None:
                # Its own error, if any, adds nothing to the one that ends the survey.
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)
        return self._looks

    def _due(self, folder: Folder, statuses: Mapping[str, Status], complete: Mapping[str, FolderState]) -> _Due | None:
        """The folder if it must be looked at, else None: then it is counted."""
        visit, status = self._visit, statuses.get(folder.name, Status())
        if reason := visit.rules.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose):
            messages = status.items.get("MESSAGES", 0)
            visit.story.tally.found += messages
            visit.story.tally.excluded += messages
            visit.story.progress.result.excluded_folders[folder.path] = reason
            return None
        before = complete.get(folder.name, FolderState())
        if self._unchanged(folder, status, before):
            self._pass_over(status.items["MESSAGES"], len(before.excluded))
            return None
        return _Due(folder, status, before, self._large(folder, status, before))

    async def _look_at(self, several: Sequence[_Due], listed: Sequence[ListedFolder], judged: Sequence[Look]) -> None:
        """Look at folders: those that were ``listed`` together, unless ``judged`` already, and each other one by itself."""
        visit = self._visit
        by_name = {one.folder.name: one for one in listed}
        pairs = [(by_name[one.folder.name], one.status) for one in several if one.folder.name in by_name]
        looks = {seen.folder.name: seen for seen in judged}
        looks |= {seen.folder.name: seen for seen in await looking.look_several(visit.archive, visit.source, pairs)}
        for one in several:
            if seen := looks.get(one.folder.name):
                self._add(seen, one.before)
                continue
            visit.story.progress.folder = one.folder.path
            try:
                await visit.link.again(lambda one=one: self._look(one))  # type: ignore[misc]
            except (Dropped, ProtocolError) as error:
                visit.story.fail(one.folder, None, error.reason)
                # The failure of one folder must not count against the next.
                visit.link.progressed()

    async def _list_together(self, several: Sequence[_Due]) -> _Listed:
        """Open and list folders in one round trip; those of which the answer is not clear are left out."""
        visit = self._visit
        if len(several) < 2:
            return _Listed()
        visit.story.progress.folder = several[0].folder.path
        session = await visit.link.at_large()
        if not pipelined.possible(session):
            return _Listed()
        edges: dict[str, tuple[LargeFolder, Edge]] = {}
        wanted = []
        for one in several:
            if one.large is None:
                wanted.append(WantedListing(one.folder, one.listed or 0))
            elif edge := await one.large.edge():
                edges[one.folder.name] = (one.large, edge)
                wanted.append(WantedListing(one.folder, one.listed or 0, edge.low))
        try:
            listed = await pipelined.listings(session, wanted)
        except (Dropped, ProtocolError):
            # Sending several commands at once may have been the reason; each folder tells its own when it is opened by itself.
            session.known.one_by_one = True
            await visit.link.drop()
            return _Listed()
        return _Listed(
            [one for one in listed if one.folder.name not in edges],
            [(*edges[one.folder.name], one) for one in listed if one.folder.name in edges],
        )

    def _unchanged(self, folder: Folder, status: Status, before: FolderState) -> bool:
        """True when the folder need not be listed. Equal STATUS numbers are trusted for some days only."""
        if self._doubted is not None or not status.signature or before.signature != self.signed(status.signature):
            return False
        # Deletion depends on flags and on time, which STATUS does not show.
        if self._visit.rules.deletion.active or folder.name in self.doubts:
            return False
        return self._is_recent(before)

    def _is_recent(self, before: FolderState) -> bool:
        """True when the folder was listed whole not too long ago."""
        if not before.listed:
            return False
        return timedelta(0) <= now() - moment(before.listed) < timedelta(days=self._visit.rules.settings.relist)

    def _pass_over(self, messages: int, excluded: int) -> None:
        """Count a folder without changes."""
        tally = self._visit.story.tally
        tally.found += messages
        tally.known += messages - excluded
        tally.excluded += excluded
        # A folder with a message of another length is always listed, unless the server is known to be inexact.
        self._visit.server.saw_exact(messages - excluded)

    def signed(self, signature: str) -> str:
        """The signature of a folder and the filter: under another filter other messages may be wanted."""
        return f"{signature}/{self._visit.rules.filter.digest}" if signature else ""

    async def _look(self, one: _Due) -> None:
        visit = self._visit
        seen = await one.large.look() if one.large else None
        self._add(seen or await looking.look(visit.archive, visit.link, visit.source, one.folder, one.status), one.before)

    def _large(self, folder: Folder, status: Status, before: FolderState) -> LargeFolder | None:
        """The folder, if it is large, and not every message of it must be at hand.

        Deletion depends on flags and ages of all; a view, and UIDs that are doubted, are compared message by message.
        """
        visit = self._visit
        whole = self._doubted is not None or visit.rules.deletion.active or folder.name in self.doubts
        if whole or folder.view or status.items.get("MESSAGES", 0) <= ranges.LARGE:
            return None
        usable = before.signature.partition("/")[2] == visit.rules.filter.digest and self._is_recent(before)
        return LargeFolder(
            *(visit.archive, visit.link, visit.source, folder, status),
            before if usable else None,
            exact=not visit.server.inexact,
        )

    def _add(self, seen: Look, before: FolderState) -> None:
        visit, folder = self._visit, seen.folder
        uidvalidity, _, digest = before.signature.partition("/")
        if uidvalidity.partition(":")[0] == str(seen.uidvalidity) and digest == visit.rules.filter.digest:
            seen.excluded_before = looking.left_out_before(before, seen.listed)
        if self._doubted:
            doubted = self._doubted.get((folder.name, seen.uidvalidity), frozenset())
            seen.doubted = sorted(doubted & seen.plan.known)
        self._looks.append(seen)
        visit.story.tally.found += seen.count
        visit.story.tally.known += len(seen.plan.known) + seen.passed
        visit.story.tally.excluded += len(seen.left_out)
        visit.story.expect(seen.listed[uid].size for uid in seen.plan.new)
        if seen.twice:
            visit.story.fail(folder, None, problems.UID_TWICE(count=len(seen.twice)))
        self.tell_shrunk(folder, seen.before, seen.before - seen.count)
        visit.archive.writer.expect(visit.story.progress.bytes_total)
        visit.link.progressed()

    def tell_shrunk(self, folder: Folder, before: int, gone: int) -> None:
        """Warn when so many of a folder's messages are gone that it may be a mishap."""
        if (
            gone >= SHRUNK
            and gone * 100 >= before * self._visit.rules.settings.shrunk
            and not is_trash(folder.path, folder.attributes)
        ):
            self._visit.story.warn(FOLDER_SHRUNK(folder=folder.path, before=before, left=before - gone))
