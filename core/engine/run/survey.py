"""The survey of a mailbox: which of its folders may have changed since they were complete, and a look at each of those."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from core.archive.read import sources
from core.archive.read.sources import Complete
from core.engine.visit import looking
from core.engine.visit.looking import Look
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder, Status
from core.model import moment, now
from core.problems import folder as problems
from core.problems.warning import FOLDER_SHRUNK
from core.profiles.rules import is_trash

#: Messages that must vanish from a folder at once before a warning is given.
SHRUNK = 50

#: UIDs that may name other messages by now, by folder name and UIDVALIDITY.
Doubted = Mapping[tuple[str, int], frozenset[int]]


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
        complete = await sources.complete(visit.archive, visit.source)
        trash = {folder.name for folder in folders if is_trash(folder.path, folder.attributes)}
        self.doubts = await sources.doubtful_folders(visit.archive, visit.source) - trash
        self._looks = []
        if not folders:
            raise ProtocolError(problems.NO_FOLDERS())
        for folder in folders:
            status = statuses.get(folder.name, Status())
            if not folder.selectable:
                continue
            if reason := visit.rules.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose):
                messages = status.items.get("MESSAGES", 0)
                visit.story.tally.found += messages
                visit.story.tally.excluded += messages
                visit.story.progress.result.excluded_folders[folder.path] = reason
                continue
            before = complete.get(folder.name, Complete(""))
            if self._unchanged(folder, status, before):
                self._pass_over(status.items["MESSAGES"], len(before.excluded))
                continue
            visit.story.progress.folder = folder.path
            try:
                await visit.link.again(
                    lambda folder=folder, status=status, before=before: self._look(folder, status, before)  # type: ignore[misc]
                )
            except (Dropped, ProtocolError) as error:
                visit.story.fail(folder, None, error.reason)
                # The failure of one folder must not count against the next.
                visit.link.progressed()
        return self._looks

    def _unchanged(self, folder: Folder, status: Status, before: Complete) -> bool:
        """True when the folder need not be listed. Equal STATUS numbers are trusted for some days only."""
        if self._doubted is not None or not status.signature or before.signature != self.signed(status.signature):
            return False
        # Deletion depends on flags and on time, which STATUS does not show.
        if self._visit.rules.deletion.active or folder.name in self.doubts or not before.listed:
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

    async def _look(self, folder: Folder, status: Status, before: Complete) -> None:
        visit = self._visit
        seen = await looking.look(visit.archive, visit.link, visit.source, folder, status)
        uidvalidity, _, digest = before.signature.partition("/")
        if uidvalidity.partition(":")[0] == str(seen.uidvalidity) and digest == visit.rules.filter.digest:
            seen.excluded_before = looking.left_out_before(before, seen.listed)
        if self._doubted:
            doubted = self._doubted.get((folder.name, seen.uidvalidity), frozenset())
            seen.doubted = sorted(doubted & seen.plan.known)
        self._looks.append(seen)
        visit.story.tally.found += len(seen.listed)
        visit.story.tally.known += len(seen.plan.known)
        visit.story.expect(seen.listed[uid].size for uid in seen.plan.new)
        if seen.twice:
            visit.story.fail(folder, None, problems.UID_TWICE(count=len(seen.twice)))
        self.tell_shrunk(folder, seen.before, seen.before - len(seen.listed))
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
