"""Restore: puts archived messages back into a mailbox, through the login of a profile that archives it.

A message is only appended when the folder does not have it: by an entry of the ledger, or by size, header, and finally bytes.
So a restore can be repeated, and continues after a broken connection: the folder is listed again first. A failure of one
message or folder is listed, and the rest continues. An appended message is recorded with its UID, so the next run neither
fetches nor places it again; the profile's rule only deletes it after its bytes were read and compared (``proof``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field

from core.archive.archive import Archive
from core.archive.catalog import twins
from core.archive.read import selection as selecting
from core.archive.read import sources
from core.archive.read.selection import SelectedFolder, SelectedMessage
from core.archive.store.entries import transfers
from core.archive.store.entries.values import OwnedFolder, SourceFolder, SourceMessage
from core.archive.store.ledger import Draft
from core.engine.restore import presence
from core.engine.restore.presence import UNREADABLE, ReadMessages, There
from core.engine.restore.refused import Refused
from core.engine.restore.restore_places import ServerFolders, Used, make
from core.engine.restore.restore_plan import RestorePlan
from core.engine.restore.restore_target import Appended, Target
from core.engine.visit import plan
from core.engine.visit.filing import source_message
from core.engine.visit.link import BACKOFF, Link
from core.engine.visit.mailbox_lock import alone
from core.engine.visit.opening import PlainLine
from core.engine.visit.renamed_logins import RenamedLogins
from core.engine.visit.roster import credentials
from core.errors import ArchivarError, ConnectError, Dropped, ProtocolError
from core.imap import appending
from core.imap import names as naming
from core.imap.login import ServerKnowledge
from core.imap.replies import Listed
from core.imap.session import Busy, Session
from core.message.octets import Bytes
from core.problems import restore as problems
from core.problems import warning
from core.problems.code import Reason
from core.secrets import Secret
from core.text.sequence import pack
from core.values import dataclass

#: Messages, and bytes, that are looked up and recorded together.
CHUNK, CHUNK_BYTES = 100, 8 * 1024 * 1024
#: Times a message is sent over a connection that then breaks, before it is taken for the cause.
TRIES = 2


@dataclass(slots=True)
class Restored:
    """The progress of a restore. ``total`` and ``bytes_total`` cover the whole selection.

    ``already``: the mailbox had it. ``folder``, on the server, is being filled; ``created`` ones were new; ``used`` are those
    that mail was put into, or found in. In a dry run ``messages``, ``bytes`` and ``created`` are a forecast.
    """

    total: int = 0
    bytes_total: int = 0
    messages: int = 0
    bytes: int = 0
    already: int = 0
    folder: str = ""
    created: list[str] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)
    problems: list[Refused] = field(default_factory=list)
    #: Deviations of restored messages and of folders.
    remarks: list[Reason] = field(default_factory=list)
    #: Some messages could not be read from the archive.
    damaged: bool = False

    @property
    def failed(self) -> int:
        return sum(problem.messages for problem in self.problems)

    @property
    def done(self) -> int:
        return self.messages + self.already + self.failed


class Restoring:
    """One restore. ``tick`` is called after each message."""

    def __init__(
        self,
        archive: Archive,
        plan: RestorePlan,
        password: Secret,
        *,
        actor: str = "archivar",
        backoff: tuple[float, ...] = BACKOFF,
        tick: Callable[[Restored], None] = lambda restored: None,
    ) -> None:
        self._archive = archive
        self._plan = plan
        self._actor = actor
        self._tick = tick
        self._source = plan.mailbox.source(plan.profile.server)
        login = credentials(plan.profile, plan.mailbox, password, ServerKnowledge())
        self._link = Link(PlainLine(RenamedLogins(archive), plan.profile, plan.mailbox, login), backoff)
        self._dry = False
        self.result = Restored(plan.messages, plan.bytes)

    async def run(self, *, dry_run: bool = False) -> Restored:
        """Restore, or with ``dry_run`` only list the messages that are missing there.

        Cancelled, it records appended messages. Raises ``ConnectError``, ``BusyError`` while another process restores there.
        """
        if dry_run:
            return await self._run(dry_run=True)
        # Restored mail must be recorded here, or the next run would archive it once more.
        self._archive.check_usable()
        with alone(self._archive.home, self._plan.filled, self._plan.mailbox.top):
            return await self._run(dry_run=False)

    async def _run(self, *, dry_run: bool) -> Restored:
        self._dry = dry_run
        targets = self._targets()
        try:
            await self._link.session()
            for index, target in enumerate(targets):
                self.result.folder = target.path
                try:
                    await self._into(target)
                except ConnectError as error:
                    for left in targets[index:]:
                        self._give_up(left, error)
                    break
        except BaseException:
            await self._link.drop()
            raise
        await self._link.close()
        self.result.folder = ""
        return self.result

    def _targets(self) -> list[Target]:
        found: dict[str, list[SelectedFolder]] = {}
        for folder in self._plan.folders:
            found.setdefault(self._plan.path(folder), []).append(folder)
        return [Target(path, folders) for path, folders in found.items()]

    async def _into(self, target: Target) -> None:
        """Fill one folder. Raises ``ConnectError`` when the server is out of reach."""
        try:
            await self._link.again(lambda: self._fill(target))
        except (Dropped, ProtocolError) as error:
            self._give_up(target, error)
            # The failure of one folder must not count against the next.
            self._link.progressed()
        finally:
            if target.waiting:
                # The connection broke, or the restore was cancelled: the server has confirmed these.
                await self._record(target, {})
            self._use(target)

    def _use(self, target: Target) -> None:
        """Record the folder that was actually used."""
        spot = target.spot
        if spot is not None and target.count:
            folders = tuple((folder.user, folder.path) for folder in target.folders)
            made = spot.path in self.result.created
            self.result.used.append(Used(spot.path, spot.name, target.wished, spot.whose, made, target.put, folders))

    def _give_up(self, target: Target, error: ArchivarError) -> None:
        if left := target.total - target.count:
            self.result.problems.append(Refused(target.path, None, "", error.reason, left))
            target.count += left
            self._tick(self.result)

    # One folder --------------------------------------------------------------------------------------------------------

    async def _fill(self, target: Target) -> None:
        session = await self._link.session()
        there = await self._open(session, target)
        for folder in target.folders:
            chunk: list[SelectedMessage] = []
            async for place in selecting.places(self._archive, folder, target.after.get(folder.id, 0)):
                if len(chunk) == CHUNK or (chunk and sum(one.size for one in chunk) + place.size > CHUNK_BYTES):
                    await self._chunk(session, target, there, folder, chunk)
                    chunk = []
                chunk.append(place)
            if chunk:
                await self._chunk(session, target, there, folder, chunk)

    async def _open(self, session: Session, target: Target) -> There:
        """The folder on the server, made if missing, with its messages."""
        known = await self._spot(session, target)
        if known is None:
            return There({})
        if self._dry:
            _, selected = await self._link.examine(known, anew=True)
        else:
            session, selected = await self._link.select(known)
            if selected.read_only:
                raise ProtocolError(problems.READ_ONLY())
        if target.uidvalidity not in (0, selected.uidvalidity):
            raise ProtocolError(problems.FOLDER_CHANGED())
        target.uidvalidity = selected.uidvalidity
        # Kerio answers FETCH in an empty folder with BAD.
        there = There((await session.listing()).messages if selected.exists else {})
        kept = await sources.kept(self._archive, self._source, known.name, selected.uidvalidity, list(there.listed))
        recorded = await sources.recorded(self._archive, self._source, known.name, selected.uidvalidity)
        # A UID is only known while it names the recorded message.
        same = {uid for uid, one in there.listed.items() if uid in recorded and not plan.differs(one, recorded[uid])}
        there.present = {one.sha256: uid for uid, one in kept.items() if uid in same}
        # A message that differs in its line ends alone counts as present.
        alike = await twins.others(self._archive.database, list(there.present))
        there.present = {other: there.present[sha256] for other, sha256 in alike.items()} | there.present
        for one in target.waiting:
            if one.uid in there.listed:
                there.present[one.place.sha256] = one.uid
        return there

    async def _spot(self, session: Session, target: Target) -> naming.Folder | None:
        """The folder on the server, made if missing; None for one that a dry run does not make."""
        server = await ServerFolders.read(session)
        spot = server.spot(target.wished, meant=bool(self._plan.to) or await self._lay_in(server, target))
        if spot.refusal:
            raise ProtocolError(spot.refusal)
        if spot.folder is None:
            spot = server.foreseen(spot) if self._dry else await make(session, server, spot, target.wished)
        if spot.made and spot.path not in self.result.created:
            self.result.created.append(spot.path)
        self.result.remarks += [spot.remark] if spot.remark else []
        target.spot = spot
        self.result.folder = spot.path
        return spot.folder

    async def _lay_in(self, server: ServerFolders, target: Target) -> bool:
        """True when the mail came from the very folder of this path, which belongs to another user."""
        there = server.listed(target.wished)
        if there is None or not server.is_foreign(there):
            return False
        several = [await sources.lay_in(self._archive, self._source, there.name, folder.id) for folder in target.folders]
        return all(several)

    async def _chunk(
        self, session: Session, target: Target, there: There, folder: SelectedFolder, chunk: Sequence[SelectedMessage]
    ) -> None:
        missing = [one for one in chunk if one.message not in target.settled and one.sha256 not in there.present]
        reading = await self._read(target, missing)
        await there.read_headers(session, reading.sizes)
        for place in chunk:
            if place.message in target.settled:
                continue
            if place.sha256 in there.present:
                self._found(target, folder, place, there.present[place.sha256], place.size)
                continue
            raw = reading.raws.get(place.sha256)
            if raw is None:
                continue
            try:
                uid = await there.find(session, raw)
            except UNREADABLE as error:
                self._unreadable(target, place, error.reason)
                continue
            if uid is not None:
                there.present[place.sha256] = uid
                self._found(target, folder, place, uid, there.listed[uid].size)
            else:
                await self._append(session, target, there, folder, place, raw)
        if target.waiting:
            await self._settle(session, target, there)
        target.after[folder.id] = chunk[-1].message
        target.settled.clear()

    async def _read(self, target: Target, places: Sequence[SelectedMessage]) -> ReadMessages:
        """Messages from the archive; unreadable ones are reported."""
        reading = await presence.read(self._archive, dict.fromkeys(place.sha256 for place in places))
        for place in places:
            if (why := reading.unreadable.get(place.sha256)) is not None:
                self._unreadable(target, place, why)
        return reading

    def _found(self, target: Target, folder: SelectedFolder, place: SelectedMessage, uid: int | None, length: int) -> None:
        """Count a message as present: it was there before, or arrived before the connection broke."""
        if target.tries.pop(place.message, 0):
            self._count(target, place)
            if uid is not None and all(one.place.message != place.message for one in target.waiting):
                target.waiting.append(Appended(folder, place, appending.flags(place.flags), place.arrived, length, uid))
            return
        self.result.already += 1
        self._settled(target, place)

    # Appending ---------------------------------------------------------------------------------------------------------

    async def _append(
        self, session: Session, target: Target, there: There, folder: SelectedFolder, place: SelectedMessage, raw: Bytes
    ) -> None:
        limit = appending.largest(session)
        if limit is not None and len(raw) > limit:
            self._refuse(target, place, problems.TOO_LARGE(size=len(raw), limit=limit))
            return
        if self._dry:
            there.present[place.sha256] = None
            self._count(target, place)
            return
        if target.tries.get(place.message, 0) == TRIES:
            self._refuse(target, place, problems.ALWAYS_BROKEN())
            self._link.progressed()
            return
        target.tries[place.message] = target.tries.get(place.message, 0) + 1
        one = Appended(folder, place, appending.flags(place.flags), place.arrived, len(raw))
        try:
            told = await appending.append(session, target.name, raw, one.flags, one.internaldate)
        except Busy:
            # It was refused with NO, so it did not break the connection.
            target.tries.pop(place.message)
            raise
        except ProtocolError as error:
            target.tries.pop(place.message)
            self._refuse(target, place, error.reason)
            return
        target.tries.pop(place.message)
        if told is not None and told[0] == target.uidvalidity:
            one.uid = told[1]
        there.present[place.sha256] = one.uid
        target.waiting.append(one)
        self._count(target, place)
        self._link.progressed()

    async def _settle(self, session: Session, target: Target, there: There) -> None:
        """Check the server's copies of appended messages, and record them."""
        if all(one.uid is not None for one in target.waiting):
            listed = (await session.listing(pack(one.uid for one in target.waiting if one.uid is not None))).messages
        else:
            listed = (await session.listing()).messages
            await self._identify(session, target, there, listed)
        for one in target.waiting:
            now = listed.get(one.uid) if one.uid is not None else None
            if now is not None and now.size != one.place.size:
                self.result.remarks.append(
                    warning.KEPT_WITH_OTHER_SIZE(
                        folder=target.path, message=one.place.message, there=now.size, size=one.place.size
                    )
                )
        await self._record(target, listed)

    async def _identify(self, session: Session, target: Target, there: There, listed: dict[int, Listed]) -> None:
        """Find the UIDs of messages appended to a server that does not tell them (no UIDPLUS)."""
        there.add(listed)
        unnamed = [one for one in target.waiting if one.uid is None]
        reading = await presence.read(self._archive, [one.place.sha256 for one in unnamed])
        await there.read_headers(session, reading.sizes)
        for one in [one for one in unnamed if one.place.sha256 in reading.raws]:
            # A message that cannot be read any more is recorded without a UID.
            with suppress(*UNREADABLE):
                one.uid = await there.find(session, reading.raws[one.place.sha256])
                there.present[one.place.sha256] = one.uid

    async def _record(self, target: Target, listed: dict[int, Listed]) -> None:
        by_folder: dict[int, list[Appended]] = {}
        for one in target.waiting:
            by_folder.setdefault(one.folder.id, []).append(one)
        drafts = []
        for several in by_folder.values():
            folder = several[0].folder
            rows: list[SourceMessage] = []
            for one in several:
                as_sent = Listed(one.size, one.internaldate, one.flags)
                now = listed.get(one.uid, as_sent) if one.uid is not None else as_sent
                rows.append(source_message(one.place.sha256, one.uid, now))
            entry = transfers.Restored(
                self._plan.profile.name,
                OwnedFolder(folder.owner, folder.path),
                SourceFolder(self._source, target.name, target.uidvalidity),
                transfers.RestoredMailbox(self._plan.mailbox.login, target.path, target.whose),
                known=folder.owner == self._plan.mailbox.user.id,
                messages=tuple(rows),
            )
            drafts.append(Draft(entry, self._actor))
        target.waiting = []
        await self._archive.append(drafts)

    # Counting ----------------------------------------------------------------------------------------------------------

    def _count(self, target: Target, place: SelectedMessage) -> None:
        self.result.messages += 1
        target.put += 1
        self.result.bytes += place.size
        self._settled(target, place)

    def _refuse(self, target: Target, place: SelectedMessage, why: Reason) -> None:
        self.result.problems.append(Refused(target.path, place.message, place.subject, why))
        self._settled(target, place)

    def _unreadable(self, target: Target, place: SelectedMessage, why: Reason) -> None:
        self.result.damaged = True
        self._refuse(target, place, why)

    def _settled(self, target: Target, place: SelectedMessage) -> None:
        target.settled.add(place.message)
        target.count += 1
        self._tick(self.result)
