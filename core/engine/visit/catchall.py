"""Distribution of a catch-all mailbox's messages to the archives of their users, by addresses.

Decided for each fetched message by the addresses in it; a journal report is unwrapped before. A batch is one entry of the
ledger, with all folders of each message.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from core.archive.archive import Archive
from core.archive.read.sources import LeftRecord
from core.archive.registry import unknown, users
from core.archive.store.entries import everybody
from core.archive.store.entries.everybody import Filed, FiledMessage, FilingScheme, LeftMessage, UnknownAddress
from core.archive.store.entries.values import OwnedFolder, ReportHeader, SourceFolder, SourceMessage
from core.archive.store.ledger import Draft
from core.engine.visit.filing import Batch, Destination, FolderBatch, StoredBatch, source_message
from core.imap.names import Folder
from core.imap.replies import Listed
from core.message.splitter import header_end
from core.model import User
from core.problems.code import Reason
from core.problems.warning import LEFT, UNKNOWN_ADDRESSES
from core.profiles import addresses, correspondents, journal, templates
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.correspondents import Correspondents
from core.profiles.people import CATCHALL
from core.profiles.profile import Profile
from core.profiles.routing import AddressBook, Match, Route
from core.text.format import number
from core.values import dataclass

logger = logging.getLogger("archivar.catchall")

#: Foreign addresses kept of a message without a known user: one may get a user later.
MOST_ELSEWHERE = 100
#: Unknown addresses listed in a remark.
NAMED = 5


@dataclass(frozen=True, slots=True)
class SortedMessage:
    """A message to be archived, without its journal report; ``report``: SHA-256 of its header, and its size."""

    content: bytes
    route: Route
    found: Correspondents
    report: tuple[bytes, int] | None = None


@dataclass(frozen=True, slots=True)
class Sorting:
    """The rules of one catch-all mailbox, with all users. ``unknown`` owns messages without a user."""

    rules: CatchAll
    book: AddressBook
    unknown: User

    @property
    def reading(self) -> str:
        """Digest of the rules: with an equal one, the same message has the same addresses."""
        return hashlib.sha256("\n".join(self.rules.headers).lower().encode()).hexdigest()[:16]

    def sort(self, raw: bytes) -> SortedMessage:
        """Sort one message. Never raises for any content: an unreadable message is for an unknown user."""
        try:
            return self._sorted(raw)
        except Exception:
            logger.exception(
                "whom a message of %d bytes (SHA-256 %s) is for cannot be read", len(raw), hashlib.sha256(raw).hexdigest()
            )
            return SortedMessage(raw, Route(), Correspondents())

    def _sorted(self, raw: bytes) -> SortedMessage:
        outer = correspondents.find(raw, self.rules.headers)
        if report := self.report(raw, outer):
            inner = correspondents.find(report.content, self.rules.headers)
            # The server names the recipients best; the message may add a sender.
            found = Correspondents((*report.found.senders, *inner.senders), report.found.recipients, report.found.unreadable)
            header = hashlib.sha256(raw[: header_end(raw)]).digest()
            return SortedMessage(report.content, self.book.route(found), found, (header, len(raw)))
        return SortedMessage(raw, self.book.route(outer), outer)

    def report(self, raw: bytes, outer: Correspondents | None = None) -> journal.Report | None:
        """The journal report that a message is, else None.

        One addressed to a user is none, whatever it says: otherwise that user would never get it.
        """
        report = journal.unwrap(raw)
        if report is None:
            return None
        outer = outer or correspondents.find(raw, self.rules.headers)
        return None if self.book.route(Correspondents(recipients=outer.recipients)).matches else report

    def places(self, route: Route) -> list[tuple[str, str]]:
        """(owner's id, folder) of each copy of a message; none when it is left in the mailbox."""
        found = [(match.user.id, self.folder(match)) for match in route.matches]
        if self.rules.unknown is UnknownPolicy.ARCHIVE and (route.unresolved or not route.matches):
            found.append(self.kept)
        return list(dict.fromkeys(found))

    def folder(self, match: Match) -> str:
        """The folder in a user's archive."""
        template = self.rules.outgoing if match.sent else self.rules.incoming
        return templates.place(template, match.user.addresses[0], match.address)

    @property
    def kept(self) -> tuple[str, str]:
        """The folder for messages to unknown users."""
        return self.unknown.id, self.rules.unknown_folder


async def sorting(archive: Archive, profile: Profile) -> Sorting:
    """The rules of a catch-all profile with all present users.

    Raises ``InputError`` when the user of its archive was removed.
    """
    rules = profile.catchall
    assert rules is not None
    owner = await users.find(archive, rules.archive) if rules.archive else users.NOBODY
    everybody = await users.all_users(archive)
    book = AddressBook(everybody, rules.domains, rules.own(profile.login.username), await unknown.ignored(archive))
    return Sorting(rules, book, owner)


class SortedFiling:
    """Files a catch-all mailbox; see ``filing.Filing``."""

    def __init__(self, archive: Archive, to: Destination, sorting: Sorting) -> None:
        self.archive = archive
        self.to = to
        self._sorting = sorting
        self._reading = sorting.reading
        self._unknown: Counter[str] = Counter()
        self._left = 0

    def content(self, raw: bytes) -> bytes:
        """The server's message as it would be archived."""
        return self._sorting.sort(raw).content

    def still_left(self, uids: Iterable[int], left: Mapping[int, LeftRecord]) -> set[int]:
        """Those of ``uids`` that were left before, and whose addresses still have no user."""
        if self._sorting.rules.unknown is not UnknownPolicy.LEAVE:
            return set()
        found = set()
        for uid in uids:
            one = left.get(uid)
            if one and one.reading == self._reading and not self._sorting.book.knows_any(one.addresses):
                found.add(uid)
        self._left += len(found)
        return found

    async def store(self, folder: Folder, uidvalidity: int, messages: Batch) -> StoredBatch:
        """Sort a batch, archive its messages, durably, and record those that are left."""
        done = await asyncio.to_thread(lambda: [self._sorting.sort(raw) for _, raw, _ in messages])
        ready = await self.archive.writer.prepare([one.content for one in done if self._sorting.places(one.route)])
        source = self.to.folder(folder.name, uidvalidity)
        entry = _Entry(self._sorting)
        left: list[tuple[int, Listed, Correspondents, Route]] = []
        digests = iter(ready.messages)
        size = 0
        for (uid, raw, listed), one in zip(messages, done, strict=True):
            if places := self._sorting.places(one.route):
                sha256 = next(digests).sha256
                message = source_message(sha256, uid, listed)
                entry.add(message, one, places)
                size += len(raw)
            else:
                left.append((uid, listed, one.found, one.route))
            self._unknown.update(
                {stranger.address for stranger in one.route.strangers if stranger.ours and not stranger.ignored}
            )
        drafts = [Draft(entry.filed(self.to.run, source))] if entry.messages else []
        if left:
            drafts.append(Draft(everybody.Left(self.to.run, source, self._reading, *_left(left))))
        if drafts:
            if any(owner == CATCHALL for owner, _ in entry.places):
                await users.nobody(self.archive)
            await self.archive.writer.append(drafts, ready)
        self._left += len(left)
        return StoredBatch(size, frozenset(uid for uid, *_ in left))

    async def store_all(self, batches: Sequence[FolderBatch]) -> list[StoredBatch]:
        return [await self.store(batch.folder, batch.uidvalidity, batch.messages) for batch in batches]

    def remarks(self) -> list[Reason]:
        """Warnings of this run."""
        found = []
        if self._unknown:
            names = ", ".join(address for address, _ in self._unknown.most_common(NAMED))
            more = f" and {number(len(self._unknown) - NAMED)} more" if len(self._unknown) > NAMED else ""
            found.append(UNKNOWN_ADDRESSES(names=f"{names}{more}"))
        if self._left:
            found.append(LEFT(count=self._left))
        return found


class _Entry:
    """The entry of a batch: repeated values are in lists, and referred to by their index."""

    def __init__(self, sorting: Sorting) -> None:
        self._sorting = sorting
        self.places: dict[tuple[str, str], int] = {}
        self._addresses: dict[str, UnknownAddress] = {}
        self._numbers: dict[str, int] = {}
        self.messages: list[FiledMessage] = []

    def add(self, message: SourceMessage, one: SortedMessage, places: Sequence[tuple[str, str]]) -> None:
        numbers = tuple(self.places.setdefault(place, len(self.places)) for place in places)
        senders, recipients = self._strangers(one.route)
        report = ReportHeader(*one.report) if one.report else None
        self.messages.append(FiledMessage(message, numbers, tuple(senders), tuple(recipients), report))

    def _strangers(self, route: Route) -> tuple[list[int], list[int]]:
        """Unknown addresses in our domains, also foreign-marked ones, since that can be undone.

        Of a message without any known user, all addresses.
        """
        wanted = [one for one in route.strangers if one.ours]
        if not route.matches:
            wanted += [one for one in route.strangers if not one.ours][:MOST_ELSEWHERE]
        found: tuple[list[int], list[int]] = ([], [])
        for one in wanted:
            number = self._numbers.setdefault(one.address, len(self._numbers))
            self._addresses.setdefault(one.address, UnknownAddress(one.address, one.ours))
            found[0 if one.sent else 1].append(number)
        return found

    def filed(self, run: int, source: SourceFolder) -> Filed:
        rules = self._sorting.rules
        folders = tuple(OwnedFolder(owner, path) for owner, path in self.places)
        filing = FilingScheme(rules.incoming, rules.outgoing, folders, self.places.get(self._sorting.kept))
        return Filed(run, source, filing, tuple(self._addresses.values()), tuple(self.messages))


def _left(
    messages: Sequence[tuple[int, Listed, Correspondents, Route]],
) -> tuple[tuple[UnknownAddress, ...], tuple[LeftMessage, ...]]:
    """The addresses of messages that are left, and the messages, which refer to them by index."""
    numbers: dict[str, int] = {}
    ours: set[str] = set()
    rows = []
    for uid, listed, found, route in messages:
        read = [addresses.key(address) for address in (*found.senders, *found.recipients)]
        keys = list(dict.fromkeys([*read, *found.unreadable]))
        ours.update(stranger.address for stranger in route.strangers if stranger.ours)
        named = tuple(numbers.setdefault(address, len(numbers)) for address in keys)
        rows.append(LeftMessage(uid, named, listed.size, listed.internaldate))
    return tuple(UnknownAddress(address, address in ours) for address in numbers), tuple(rows)
