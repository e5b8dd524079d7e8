"""One look at a folder: its listing, compared with the archive's record. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from core.archive.read import several_folders, sources
from core.archive.read.folder_states import Excluded, FolderState
from core.archive.read.sources import Gone, LeftRecord, Recorded
from core.archive.visited import VisitedArchive
from core.engine.visit import plan
from core.engine.visit.filing import Filing
from core.engine.visit.link import Link
from core.engine.visit.plan import FolderPlan
from core.errors import ProtocolError
from core.imap.names import Folder, Status
from core.imap.pipelined import ListedFolder
from core.imap.replies import Listed, Listing
from core.imap.session import Busy
from core.problems.folder import CHANGED
from core.profiles import rules
from core.values import dataclass

#: Headers asked for at once.
HEADERS_PER_FETCH = 200


class FolderChanged(ProtocolError):
    """The folder is not the one that was listed any more; its remaining messages wait for the next run."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as last sent by the server: SHA-256, and length in bytes."""

    sha256: bytes
    length: int


@dataclass(slots=True)
class Look:
    """A folder in this run. ``unlisted`` messages are counted by the server but missing in its list."""

    folder: Folder
    uidvalidity: int
    listed: dict[int, Listed]
    plan: FolderPlan
    status: Status
    unlisted: int = 0
    #: UIDs that the list names more than once, for different messages.
    twice: frozenset[int] = frozenset()
    #: Known UIDs listed with other numbers than recorded, ascending.
    changed: list[int] = field(default_factory=list)
    #: Known UIDs that name other messages, by a comparison, ascending: they are read again.
    doubted: list[int] = field(default_factory=list)
    #: Known UIDs whose messages have another length than announced, ascending.
    odd: list[int] = field(default_factory=list)
    #: Messages that vanished from this very UID before and are listed again with the same numbers, by UID.
    back: dict[int, Gone] = field(default_factory=dict)
    #: The number of messages at the last look.
    before: int = 0
    #: UIDs excluded by the same filter when this folder was last complete.
    excluded_before: frozenset[int] = frozenset()
    #: Messages left here by UIDVALIDITY, since no user had any of the addresses.
    left: Mapping[int, Mapping[int, LeftRecord]] = field(default_factory=dict)
    #: Excluded for now: new users may change that.
    undecided: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    expunged: set[int] = field(default_factory=set)
    #: UIDs archived in this run.
    stored: set[int] = field(default_factory=set)
    #: Known UIDs that name other messages than recorded.
    replaced: set[int] = field(default_factory=set)
    #: Messages sent with another length than announced, by UID.
    unsized: dict[int, Sent] = field(default_factory=dict)
    #: Messages that are as recorded, and not in ``listed`` (``ranges``): their number.
    passed: int = 0
    #: The highest UID in the folder, where ``listed`` does not hold all.
    highest: int = 0
    #: Messages that the filter left out before, still there, and not in ``listed``.
    left_out: Excluded = field(default_factory=dict)
    #: When the folder was last listed whole; empty for now.
    since: str = ""
    #: The filing of its messages, in place of the mailbox's.
    filing: Filing | None = None

    @property
    def place(self) -> tuple[str, int]:
        """The folder's name on the wire, and its UIDVALIDITY."""
        return self.folder.name, self.uidvalidity

    @property
    def count(self) -> int:
        """The number of messages in the folder, as listed or counted."""
        return len(self.listed) + self.passed + len(self.left_out)

    def has(self, uid: int) -> bool:
        """True when a known UID is in the folder, as far as is known: what is not listed may be as before."""
        return uid in self.listed or bool(self.passed)

    @property
    def in_trash(self) -> bool:
        """True for the trash."""
        return rules.is_trash(self.folder.path, self.folder.attributes)

    @property
    def wanted(self) -> list[int]:
        """UIDs of new messages to be downloaded, ascending."""
        return [uid for uid in self.plan.new if uid not in self.moved and uid not in self.excluded]

    def take_for_known(self, uids: set[int]) -> None:
        """Count ``uids``, which looked new, as known."""
        new = tuple(uid for uid in self.plan.new if uid not in uids)
        self.plan = replace(self.plan, new=new, known=self.plan.known | uids)

    @property
    def left_before(self) -> dict[int, LeftRecord]:
        """Messages left here before and listed with the same numbers now, by UID."""
        left = self.left.get(self.uidvalidity, {})
        there = {uid: self.listed[uid] for uid in left.keys() & self.listed.keys()}
        return {
            uid: left[uid]
            for uid, item in there.items()
            if left[uid].size is None or (left[uid].size, left[uid].internaldate) == (item.size, item.internaldate)
        }

    @property
    def vanished(self) -> dict[int, tuple[int, ...]]:
        """UIDs by UIDVALIDITY of known or left messages that are gone."""
        found = {validity: set(uids) for validity, uids in self.plan.vanished.items()}
        for validity, uids in self.left.items():
            if validity != self.uidvalidity:
                found.setdefault(validity, set()).update(uids)
            elif not self.unlisted:
                found.setdefault(validity, set()).update(uids.keys() - self.listed.keys())
        return {validity: tuple(sorted(uids)) for validity, uids in found.items() if uids}

    @property
    def signature(self) -> str:
        """The state that must be unchanged for the folder to be skipped next time; empty when it must be listed again."""
        if self.failed or self.unlisted or self.expunged or self.twice:
            return ""
        # STATUS and the listing may be of different moments, or disagree.
        if self.status.items.get("MESSAGES") != self.count:
            return ""
        # A UIDNEXT not above every UID tells nothing about new messages.
        highest = max(self.highest, max(self.listed, default=0))
        return self.status.signature if self.status.items.get("UIDNEXT", 0) > highest else ""


async def look(archive: VisitedArchive, link: Link, source: str, folder: Folder, status: Status) -> Look:
    """Open and list ``folder``. Raises ``ProtocolError`` when the server refuses, ``Dropped``."""
    for again in (False, True):
        session, selected = await link.examine(folder, anew=True)
        try:
            # Kerio answers FETCH in an empty folder with BAD.
            listing = await session.listing() if selected.exists else Listing({})
        except Busy:
            raise
        except ProtocolError:
            if again:
                raise
            # Another client may just have emptied it: opening it again tells.
            continue
        if len(listing.messages) >= selected.exists:
            break
    compared = _Compared()
    async for uid, recorded in sources.each_recorded(archive, source, folder.name, selected.uidvalidity):
        compared.add(listing.messages, uid, recorded)
    others = await sources.known(archive, source, folder.name, apart_from=selected.uidvalidity)
    seen = compared.look(ListedFolder(folder, selected, listing), status, {one.uidvalidity: one.uids for one in others})
    gone = await sources.vanished(archive, source, folder.name, selected.uidvalidity, seen.plan.new)
    return completed(seen, gone, await sources.left(archive, source, folder.name))


async def look_several(archive: VisitedArchive, source: str, opened: Sequence[tuple[ListedFolder, Status]]) -> list[Look]:
    """Compare folders that were opened and listed whole, of a few hundred messages each, in a few queries for all."""
    places = [(one.folder.name, one.selected.uidvalidity) for one, _ in opened]
    recorded = await several_folders.recorded(archive, source, places)
    others = await several_folders.known_before(archive, source, places)
    looks = []
    for place, (one, status) in zip(places, opened, strict=True):
        compared = _Compared()
        for uid, record in sorted(recorded[place].items()):
            compared.add(one.listing.messages, uid, record)
        looks.append(compared.look(one, status, others.get(place[0], {})))
    gone = await several_folders.vanished(archive, source, {seen.place: seen.plan.new for seen in looks})
    left = await several_folders.left(archive, source, [name for name, _ in places])
    return [completed(seen, gone.get(seen.place, {}), left.get(seen.folder.name, {})) for seen in looks]


@dataclass(slots=True)
class _Compared:
    """A folder's listing beside its record, UID by UID in ascending order."""

    here: set[int] = field(default_factory=set)
    changed: list[int] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)

    def add(self, found: Mapping[int, Listed], uid: int, recorded: Recorded) -> None:
        self.here.add(uid)
        if uid in found and plan.differs(found[uid], recorded):
            self.changed.append(uid)
        if uid in found and recorded.size != recorded.length:
            self.odd.append(uid)

    def look(self, one: ListedFolder, status: Status, others: Mapping[int, frozenset[int]]) -> Look:
        """The look at the folder; ``others``: UIDs known under other UIDVALIDITYs."""
        found, uidvalidity = one.listing.messages, one.selected.uidvalidity
        known = {**others, uidvalidity: frozenset(self.here)}
        unlisted = max(one.selected.exists - len(found), 0)
        planned = plan.folder_plan(found, uidvalidity, known, complete=not unlisted)
        before = max((len(uids) for uids in known.values()), default=0)
        return Look(
            *(one.folder, uidvalidity, found, planned, status, unlisted, one.listing.twice),
            changed=self.changed,
            odd=self.odd,
            before=before,
        )


def completed(seen: Look, gone: Mapping[int, Gone], left: Mapping[int, Mapping[int, LeftRecord]]) -> Look:
    """``seen`` with the messages that vanished from its new UIDs before, and those left there."""
    seen.back = {uid: one for uid, one in gone.items() if not plan.differs(seen.listed[uid], one)}
    seen.left = left
    return seen


def left_out_before(before: FolderState, listed: Mapping[int, Listed]) -> frozenset[int]:
    """UIDs excluded before that still have the same numbers: a UID is only known with its message."""
    there = {uid: listed[uid] for uid in before.excluded.keys() & listed.keys()}
    return frozenset(uid for uid, one in there.items() if before.excluded[uid] == (one.size, one.internaldate))


async def headers(link: Link, look: Look, uids: Iterable[int]) -> dict[int, bytes | None]:
    """Header blocks of a folder, by its listing. Raises ``FolderChanged`` when the UIDVALIDITY differs."""
    session, selected = await link.examine(look.folder)
    if selected.uidvalidity != look.uidvalidity:
        raise FolderChanged(CHANGED())
    return await session.headers(uids)
