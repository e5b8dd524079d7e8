"""Archives one mailbox: look at all folders, follow moves, download what is new, count what is left, delete what may go.

Takes values and writes to the archive; knows no queue, no schedule and no other mailbox.

    folders and STATUS -> listing of changed folders -> plan -> vanished, moved (ledger) -> filter -> download -> count
    -> delete
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core import sequence
from core.archive import sources
from core.archive.archive import Archive
from core.archive.sources import Complete
from core.engine import filing, filtering, looking
from core.engine.deleting import Deleting, Report
from core.engine.download import Batch, Download, Wanted
from core.engine.filing import Destination, Filing
from core.engine.limits import Budget, Grant
from core.engine.link import Link
from core.engine.looking import Look
from core.engine.moves import Moves
from core.engine.pipeline import Pipeline
from core.engine.progress import MailboxProgress
from core.errors import ArchivarError, ConnectError, Dropped, ProtocolError
from core.format import number
from core.format import size as human
from core.imap.names import UNREADABLE, Folder, Status
from core.model import Forecast, Phase, Problem, RunStatus, now
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.rules import FolderRules, is_trash

Emit = Callable[[str, str], None]
#: Reasons that a remark names.
NAMED = 5

logger = logging.getLogger("archivar.engine")


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every mailbox of a profile. ``now`` is the moment from which ages are counted."""

    folders: FolderRules = field(default_factory=FolderRules)
    filter: Filter = field(default_factory=Filter)
    deletion: Deletion = field(default_factory=Deletion)
    now: datetime = field(default_factory=now)


class MailboxArchiver:
    """One mailbox in one run. ``emit(kind, text)`` is told the story; counts and problems go into ``progress``."""

    def __init__(
        self,
        archive: Archive,
        link: Link,
        destination: Destination,
        filing: Filing,
        rules: Rules,
        budget: Budget,
        progress: MailboxProgress,
        emit: Emit,
    ) -> None:
        self._archive = archive
        self._link = link
        self._to = destination
        self._filing = filing
        self._rules = rules
        self._budget = budget
        self._deleting = Deleting(
            archive,
            link,
            destination,
            filing,
            rules.deletion,
            rules.filter,
            budget,
            Report(self._fail, self._deleted, self._removed, self._held),
            rules.now,
        )
        self._progress = progress
        self._tally = progress.tally
        self._emit = emit
        self._looks: list[Look] = []
        self._doubts: set[str] = set()
        #: Why messages that could go by the rule stay, with their number.
        self._holds: dict[str, int] = {}

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
            await self._leave_out()
            await self._count_dry(folders)
        else:
            await self._record_vanished(None if unreadable else folders)
            await self._follow_moves(folders)
            await self._leave_out()
            await self._download()
            self._progress.phase = Phase.CHECKING
            await self._check()
            if self._rules.deletion.active or self._doubts:
                self._progress.phase = Phase.DELETING
                await self._deleting.run(self._looks, folders)
        for text in (*self._filing.remarks(), *self._held_back()):
            self._emit("warning", text)
        self._finish()

    async def _list_folders(self) -> tuple[list[Folder], dict[str, Status], list[str]]:
        return await (await self._link.session()).folders_with_status()

    # Looking -----------------------------------------------------------------------------------------------------------

    async def _look_at(self, folders: list[Folder], statuses: dict[str, Status]) -> None:
        complete = await sources.complete(self._archive, self._to.source)
        trash = {folder.name for folder in folders if is_trash(folder.path, folder.attributes)}
        self._doubts = await sources.doubtful_folders(self._archive, self._to.source) - trash
        if not folders:
            raise ProtocolError("The server lists no folders at all, not even INBOX.", "See the server's log.")
        for folder in folders:
            status = statuses.get(folder.name, Status())
            if not folder.selectable:
                continue
            if reason := self._rules.folders.reason_to_exclude(folder.path, folder.attributes):
                messages = status.items.get("MESSAGES", 0)
                self._tally.found += messages
                self._tally.excluded += messages
                self._progress.result.excluded_folders[folder.path] = reason
                continue
            before = complete.get(folder.name, Complete(""))
            # What is to be deleted depends on flags and on time, of which STATUS says nothing.
            unchanged = status.signature and before.signature == self._signed(status.signature)
            if unchanged and not self._rules.deletion.active and folder.name not in self._doubts:
                self._pass_over(status.items["MESSAGES"], len(before.excluded))
                continue
            self._progress.folder = folder.path
            try:
                await self._link.again(
                    lambda folder=folder, status=status, before=before: self._look(folder, status, before)  # type: ignore[misc]
                )
            except (Dropped, ProtocolError) as error:
                self._fail(folder, None, error.message)
                # One folder that cannot be had says nothing about the next.
                self._link.progressed()

    def _pass_over(self, messages: int, excluded: int) -> None:
        """Count a folder in which nothing came and nothing went."""
        self._tally.found += messages
        self._tally.known += messages - excluded
        self._tally.excluded += excluded

    def _signed(self, signature: str) -> str:
        """A folder's signature together with the filter's: under another filter other messages may be wanted."""
        return f"{signature}/{self._rules.filter.digest}" if signature else ""

    async def _look(self, folder: Folder, status: Status, before: Complete) -> None:
        seen = await looking.look(self._archive, self._link, self._to.source, folder, status)
        uidvalidity, _, digest = before.signature.partition("/")
        if uidvalidity.partition(":")[0] == str(seen.uidvalidity) and digest == self._rules.filter.digest:
            seen.excluded_before = before.excluded
        self._looks.append(seen)
        self._tally.found += len(seen.listed)
        self._tally.known += len(seen.plan.known)
        self._progress.messages_total += len(seen.plan.new)
        self._progress.bytes_total += sum(seen.listed[uid].size for uid in seen.plan.new)
        self._archive.expect(self._progress.bytes_total)
        self._link.progressed()

    async def _leave_out(self) -> None:
        """Apply the filter to what is new and no move; what was left before for want of a known address is left again."""
        for look in self._looks:
            if not look.left and not self._rules.filter.digest:
                continue
            if self._rules.filter.digest:
                look.excluded = await self._left_out(look, look.wanted)
            left = self._filing.still_left(look.wanted, look.left.get(look.uidvalidity, {}))
            look.excluded |= left
            look.undecided |= left
            self._tally.excluded += len(look.excluded)
            self._progress.messages_total -= len(look.excluded)
            self._progress.bytes_total -= sum(look.listed[uid].size for uid in look.excluded)
            self._link.progressed()

    async def _left_out(self, look: Look, uids: Sequence[int]) -> set[int]:
        return await filtering.excluded(
            self._rules.filter,
            uids,
            look.listed,
            lambda chunk: self._link.again(lambda: looking.headers(self._link, look, chunk)),
            self._rules.now,
            look.excluded_before,
        )

    # Moves -------------------------------------------------------------------------------------------------------------

    async def _record_vanished(self, folders: list[Folder] | None) -> None:
        """``folders`` is None when not all of them could be read: then none is taken for gone."""
        for look in self._looks:
            await filing.record_vanished(self._archive, self._to, look.folder.name, look.vanished)
        if folders is None:
            return
        there = {folder.name for folder in folders if folder.selectable}
        for name in sorted(await sources.inhabited(self._archive, self._to.source) - there):
            known = await sources.known(self._archive, self._to.source, name)
            left = await sources.left(self._archive, self._to.source, name)
            vanished = {item.uidvalidity: (*item.uids, *left.get(item.uidvalidity, ())) for item in known}
            await filing.record_vanished(self._archive, self._to, name, vanished)
            await sources.remember(self._archive, self._to.source, name, "", 0)

    async def _follow_moves(self, folders: list[Folder]) -> None:
        """Match new UIDs with messages that vanished from other folders: those need no download."""
        found = await Moves(self._archive, self._link, self._to, folders, self._rules.deletion.on_trash).find(self._looks)
        await filing.record_moves(self._archive, self._to, [move for _, move in found])
        for seen, move in found:
            seen.moved.add(move.place.uid)
            self._progress.messages_total -= 1
            self._progress.bytes_total -= move.listed.size
        moved = sum(not move.deleted for _, move in found)
        self._tally.moved += moved
        # What we deleted and the server put into its trash is no move of anybody's.
        self._tally.known += len(found) - moved
        if moved:
            self._emit("moved", f"{moved} messages moved on the server; the archive follows, nothing was downloaded again")

    # Downloading -------------------------------------------------------------------------------------------------------

    async def _download(self) -> None:
        self._progress.phase = Phase.ARCHIVING
        # One for all folders: the next one is fetched while the last one is still being written.
        pipeline: Pipeline[tuple[Look, Batch], Any] = Pipeline(self._prepare, self._store)
        try:
            for look in self._looks:
                if look.wanted:
                    await self._download_folder(look, pipeline)
        finally:
            await pipeline.drain()

    async def _download_folder(self, look: Look, pipeline: Pipeline[tuple[Look, Batch], Any]) -> None:
        self._progress.folder = look.folder.path

        def submit(batch: Batch, grant: Grant) -> Awaitable[None]:
            return pipeline.submit((look, batch), sum(len(raw) for _, raw, _ in batch), grant.release)

        download = Download(
            self._link,
            Wanted(look.folder, look.uidvalidity, look.listed, look.wanted),
            submit,
            lambda uid, reason: self._fail_message(look, uid, reason),
            lambda uid: self._expunged(look, uid),
            self._budget,
        )
        try:
            await download.run()
        except ProtocolError as error:
            self._fail(look.folder, None, error.message)

    async def _prepare(self, item: tuple[Look, Batch]) -> Any:
        return await self._filing.prepare(item[1])

    async def _store(self, item: tuple[Look, Batch], prepared: Any) -> None:
        look, batch = item
        stored = await self._filing.store(look.folder, look.uidvalidity, batch, prepared)
        look.excluded |= stored.left
        look.undecided |= stored.left
        self._tally.archived += len(batch) - len(stored.left)
        self._tally.excluded += len(stored.left)
        self._tally.bytes += stored.bytes
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
            missing = set(look.listed) - archived - look.failed - look.expunged - look.excluded
            if missing and not any(
                problem.folder == look.folder.path and problem.uid is None for problem in self._progress.result.problems
            ):
                self._fail(look.folder, None, "not archived completely")
            for uid in sorted(missing):
                self._fail_message(look, uid, "not archived in this run")
            if look.unlisted:
                self._fail(look.folder, None, f"the server counts {look.unlisted} more messages here than it lists")
            # What the filter leaves out for now only must be decided anew next time.
            lasting = not (look.undecided or (look.excluded and self._rules.filter.changes))
            signature = self._signed(look.signature) if lasting else ""
            name, messages = look.folder.name, len(look.listed)
            await sources.remember(self._archive, self._to.source, name, signature, messages, look.excluded)

    async def _count_dry(self, folders: list[Folder]) -> None:
        """Say what a run would do; of what is new some may turn out to be moves."""
        result = self._progress.result
        result.forecast = []
        trash = {folder.name: (folder, uids) for folder, uids in await self._deleting.forecast(folders)}
        for look in sorted(self._looks, key=lambda look: (look.folder.path != "INBOX", look.folder.path.casefold())):
            going: tuple[int, ...] = ()
            if self._rules.deletion.active and not self._deleting.spares(look.folder):
                out = await self._left_out(look, sorted(look.plan.known))
                uids = {*look.plan.known, *look.wanted} - out
                may = [uid for uid in uids if not self._deleting.keep(look.listed[uid])]
                going = tuple(sorted(set(may) - (await self._deleting.held(look, may)).keys()))
            left = trash.pop(look.folder.name, None)
            going += left[1] if left else ()
            size = sum(look.listed[uid].size for uid in look.wanted)
            self._forecast(Forecast(look.folder.path, len(look.wanted), size, len(look.excluded), going))
        for folder, ours in trash.values():
            self._forecast(Forecast(folder.path, 0, 0, 0, ours))

    def _forecast(self, one: Forecast) -> None:
        assert self._progress.result.forecast is not None
        self._progress.result.forecast.append(one)
        parts = [f"{number(one.new)} new, {human(one.bytes)}"] if one.new else []
        parts += [f"{number(one.excluded)} left out by the filter"] if one.excluded else []
        if one.delete:
            parts.append(f"{number(len(one.delete))} would be deleted on the server (UID {sequence.pack(one.delete)})")
        if parts:
            self._emit("plan", f"{one.folder}: {'; '.join(parts)}")

    # Deleting ----------------------------------------------------------------------------------------------------------

    def _deleted(self, folder: Folder, count: int) -> None:
        self._tally.deleted += count
        # A correction is told as a problem.
        if count > 0:
            self._emit("deleted", f"{folder.path}: {number(count)} deleted on the server")

    def _removed(self, folder: Folder, count: int) -> None:
        if count > 0:
            self._emit("deleted", f"{folder.path}: {number(count)} that were deleted before removed for good")

    def _held(self, folder: Folder, held: Mapping[int, str]) -> None:
        for reason in held.values():
            self._holds[reason] = self._holds.get(reason, 0) + 1

    def _held_back(self) -> list[str]:
        if not self._holds:
            return []
        count = sum(self._holds.values())
        names = ", ".join(sorted(self._holds, key=lambda reason: -self._holds[reason])[:NAMED])
        more = f" and {number(len(self._holds) - NAMED)} more" if len(self._holds) > NAMED else ""
        what = "1 message is" if count == 1 else f"{number(count)} messages are"
        return [f"{what} archived and not deleted on the server yet: not resolved ({names}{more}). See archivar unknown list."]

    def _finish(self) -> None:
        result = self._progress.result
        result.status = RunStatus.WITH_ERRORS if result.problems else RunStatus.SUCCEEDED
        self._progress.phase = Phase.DONE
        self._progress.folder = ""


async def archive_mailbox(
    archiver: MailboxArchiver, progress: MailboxProgress, *, dry_run: bool = False
) -> ArchivarError | None:
    """Run ``archiver``; a mailbox whose connection fails is that mailbox's problem, named in its result and returned."""
    try:
        await archiver.run(dry_run=dry_run)
    except (ConnectError, Dropped, ProtocolError) as error:
        progress.result.problems.append(Problem(progress.folder, None, str(error)))
        progress.result.status = RunStatus.FAILED
        progress.phase = Phase.DONE
        return error
    except ArchivarError:
        # The archive's own trouble is everybody's.
        raise
    except Exception as error:
        logger.exception("mailbox %s failed by an error of the program", progress.result.mailbox)
        reason = f"An error of the program ended this mailbox ({type(error).__name__}). See the service's log."
        progress.result.problems.append(Problem(progress.folder, None, reason))
        progress.result.status = RunStatus.FAILED
        progress.phase = Phase.DONE
    return None
