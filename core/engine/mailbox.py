"""Archives one mailbox: look at all folders, follow moves, download what is new, count what is left.

Takes values and writes to the archive; knows no queue, no schedule and no other mailbox.

    folders and STATUS -> listing of changed folders -> plan -> vanished, moved (ledger) -> download -> count
"""

from __future__ import annotations

from collections.abc import Callable

from core.archive import sources
from core.archive.archive import Archive
from core.archive.preparation import Ready
from core.engine import filing, looking, moves
from core.engine.download import Batch, Download, Wanted
from core.engine.filing import Destination
from core.engine.link import Link
from core.engine.looking import Look
from core.engine.pipeline import Pipeline
from core.engine.progress import MailboxProgress
from core.errors import ConnectError, Dropped, ProtocolError
from core.format import number
from core.format import size as human
from core.imap.names import UNREADABLE, Folder, Status
from core.model import Phase, Problem, RunStatus
from core.profiles.rules import FolderRules

Emit = Callable[[str, str], None]


class MailboxArchiver:
    """One mailbox in one run. ``emit(kind, text)`` is told the story; counts and problems go into ``progress``."""

    def __init__(
        self,
        archive: Archive,
        link: Link,
        destination: Destination,
        rules: FolderRules,
        progress: MailboxProgress,
        emit: Emit,
    ) -> None:
        self._archive = archive
        self._link = link
        self._to = destination
        self._rules = rules
        self._progress = progress
        self._tally = progress.tally
        self._emit = emit
        self._looks: list[Look] = []

    async def run(self, *, dry_run: bool = False) -> None:
        """Archive the mailbox. Raises ``ConnectError`` when the server cannot be reached (any more), ``StorageError``."""
        self._progress.phase = Phase.CONNECTING
        await self._link.session()
        self._progress.phase = Phase.LISTING
        folders, statuses, unreadable = await self._link.again(self._list_folders)
        for text in unreadable:
            self._fail(Folder(text, text), None, UNREADABLE)
        await self._look_at(folders, statuses)
        if dry_run:
            self._count_dry()
        else:
            await self._record_vanished(None if unreadable else folders)
            await self._follow_moves()
            await self._download()
            self._progress.phase = Phase.CHECKING
            await self._check()
        self._finish()

    async def _list_folders(self) -> tuple[list[Folder], dict[str, Status], list[str]]:
        return await (await self._link.session()).folders_with_status()

    # Looking -----------------------------------------------------------------------------------------------------------

    async def _look_at(self, folders: list[Folder], statuses: dict[str, Status]) -> None:
        complete = await sources.signatures(self._archive, self._to.source)
        if not folders:
            raise ProtocolError("The server lists no folders at all, not even INBOX.", "See the server's log.")
        for folder in folders:
            status = statuses.get(folder.name, Status())
            if not folder.selectable:
                continue
            if reason := self._rules.reason_to_exclude(folder.path, folder.attributes):
                messages = status.items.get("MESSAGES", 0)
                self._tally.found += messages
                self._tally.excluded += messages
                self._progress.result.excluded_folders[folder.path] = reason
                continue
            if status.signature and complete.get(folder.name) == status.signature:
                self._tally.found += status.items["MESSAGES"]
                self._tally.known += status.items["MESSAGES"]
                continue
            self._progress.folder = folder.path
            try:
                await self._link.again(lambda folder=folder, status=status: self._look(folder, status))  # type: ignore[misc]
            except (Dropped, ProtocolError) as error:
                self._fail(folder, None, error.message)
                # One folder that cannot be had says nothing about the next.
                self._link.progressed()

    async def _look(self, folder: Folder, status: Status) -> None:
        seen = await looking.look(self._archive, self._link, self._to.source, folder, status)
        self._looks.append(seen)
        self._tally.found += len(seen.listed)
        self._tally.known += len(seen.plan.known)
        self._progress.messages_total += len(seen.plan.new)
        self._progress.bytes_total += sum(seen.listed[uid].size for uid in seen.plan.new)
        self._archive.expect(self._progress.bytes_total)
        self._link.progressed()

    # Moves -------------------------------------------------------------------------------------------------------------

    async def _record_vanished(self, folders: list[Folder] | None) -> None:
        """``folders`` is None when not all of them could be read: then none is taken for gone."""
        for look in self._looks:
            await filing.record_vanished(self._archive, self._to, look.folder.name, look.plan.vanished)
        if folders is None:
            return
        there = {folder.name for folder in folders if folder.selectable}
        for name in sorted(await sources.inhabited(self._archive, self._to.source) - there):
            known = await sources.known(self._archive, self._to.source, name)
            vanished = {item.uidvalidity: tuple(item.uids) for item in known}
            await filing.record_vanished(self._archive, self._to, name, vanished)
            await sources.remember(self._archive, self._to.source, name, "", 0)

    async def _follow_moves(self) -> None:
        """Match new UIDs with messages that vanished from other folders: those need no download."""
        found = await moves.find(self._archive, self._link, self._to, self._looks)
        await filing.record_moves(self._archive, self._to, [move for _, move in found])
        for seen, move in found:
            seen.moved.add(move.place.uid)
            self._progress.messages_total -= 1
            self._progress.bytes_total -= move.listed.size
        self._tally.moved += len(found)
        if found:
            self._emit("moved", f"{len(found)} messages moved on the server; the archive follows, nothing was downloaded again")

    # Downloading -------------------------------------------------------------------------------------------------------

    async def _download(self) -> None:
        self._progress.phase = Phase.ARCHIVING
        # One for all folders: the next one is fetched while the last one is still being written.
        pipeline = Pipeline(self._prepare, self._store)
        try:
            for look in self._looks:
                if set(look.plan.new) - look.moved:
                    await self._download_folder(look, pipeline)
        finally:
            await pipeline.drain()

    async def _download_folder(self, look: Look, pipeline: Pipeline[tuple[Look, Batch], Ready]) -> None:
        self._progress.folder = look.folder.path
        uids = [uid for uid in look.plan.new if uid not in look.moved]
        download = Download(
            self._link,
            Wanted(look.folder, look.uidvalidity, look.listed, uids),
            lambda batch: pipeline.submit((look, batch), sum(len(raw) for _, raw, _ in batch)),
            lambda uid, reason: self._fail_message(look, uid, reason),
            lambda uid: self._expunged(look, uid),
        )
        try:
            await download.run()
        except ProtocolError as error:
            self._fail(look.folder, None, error.message)

    async def _prepare(self, item: tuple[Look, Batch]) -> Ready:
        return await self._archive.prepare([raw for _, raw, _ in item[1]])

    async def _store(self, item: tuple[Look, Batch], ready: Ready) -> None:
        look, batch = item
        size = await filing.store(self._archive, self._to, look.folder, look.uidvalidity, batch, ready)
        self._tally.archived += len(batch)
        self._tally.bytes += size
        self._progress.messages_done += len(batch)
        self._progress.bytes_done += sum(listed.size for _, _, listed in batch)
        for uid, raw, listed in batch:
            if len(raw) != listed.size:
                self._emit(
                    "warning",
                    f"{look.folder.path}, UID {uid}: announced with {listed.size} bytes, sent with {len(raw)}; kept as sent",
                )

    def _expunged(self, look: Look, uid: int) -> None:
        """Another client deleted it between our listing and our fetch: it is not on the server, so it is not missing."""
        look.expunged.add(uid)
        self._tally.found -= 1
        self._progress.messages_done += 1
        self._progress.bytes_done += look.listed[uid].size

    def _fail_message(self, look: Look, uid: int, reason: str) -> None:
        look.failed.add(uid)
        self._tally.failed += 1
        self._progress.messages_done += 1
        self._progress.bytes_done += look.listed[uid].size
        self._fail(look.folder, uid, reason)

    def _fail(self, folder: Folder, uid: int | None, reason: str) -> None:
        self._progress.result.problems.append(Problem(folder.path, uid, reason))
        self._emit("problem", f"{folder.path}{f', UID {uid}' if uid else ''}: {reason}")

    # Counting ----------------------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        """Promise P2: what the folder has = what the archive knows + named failures. The difference is reported."""
        for look in self._looks:
            known = await sources.known(self._archive, self._to.source, look.folder.name)
            archived = next((item.uids for item in known if item.uidvalidity == look.uidvalidity), frozenset())
            missing = set(look.listed) - archived - look.failed - look.expunged
            if missing and not any(
                problem.folder == look.folder.path and problem.uid is None for problem in self._progress.result.problems
            ):
                self._fail(look.folder, None, "not archived completely")
            for uid in sorted(missing):
                self._fail_message(look, uid, "not archived in this run")
            if look.unlisted:
                self._fail(look.folder, None, f"the server counts {look.unlisted} more messages here than it lists")
            await sources.remember(self._archive, self._to.source, look.folder.name, look.signature, len(look.listed))

    def _count_dry(self) -> None:
        for look in self._looks:
            new = len(look.plan.new)
            size = sum(look.listed[uid].size for uid in look.plan.new)
            if new:
                self._emit("plan", f"{look.folder.path}: {number(new)} new, {human(size)}")

    def _finish(self) -> None:
        result = self._progress.result
        result.status = RunStatus.WITH_ERRORS if result.problems else RunStatus.SUCCEEDED
        self._progress.phase = Phase.DONE
        self._progress.folder = ""


async def archive_mailbox(archiver: MailboxArchiver, progress: MailboxProgress, *, dry_run: bool = False) -> None:
    """Run ``archiver``; a mailbox whose connection fails is that mailbox's problem, named in its result."""
    try:
        await archiver.run(dry_run=dry_run)
    except (ConnectError, Dropped, ProtocolError) as error:
        progress.result.problems.append(Problem(progress.folder, None, str(error)))
        progress.result.status = RunStatus.FAILED
        progress.phase = Phase.DONE
