"""The mail of a catch-all mailbox on its way to the archives of those whom it concerns: who gets what, and what nobody gets.

Decided for each message after it was fetched, by the addresses in it; a journal report is unwrapped before. A batch is one
entry of the ledger, with all places of each message.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.archive.archive import Archive
from core.archive.read.sources import Left
from core.archive.registry import unknown, users
from core.archive.store.entries import everybody
from core.archive.store.entries.everybody import Filed, FiledMessage, Filing, LeftMessage, UnknownAddress
from core.archive.store.entries.values import OwnedFolder, ReportHeader, SourceFolder, SourceMessage
from core.archive.store.ledger import Draft
from core.archive.store.writer import Ready
from core.engine.visit.filing import Batch, Destination, Stored, source_message
from core.imap.names import Folder
from core.imap.replies import Listed
from core.message.splitter import header_end
from core.model import User
from core.profiles import addresses, correspondents, journal, templates
from core.profiles.catchall import CatchAll, Unknown
from core.profiles.correspondents import Found
from core.profiles.people import CATCHALL
from core.profiles.profile import Profile
from core.profiles.routing import AddressBook, Match, Route
from core.text.format import number

logger = logging.getLogger("archivar.catchall")

#: Addresses of people elsewhere that are kept of a message that nobody here gets: who is known later may be among them.
MOST_ELSEWHERE = 100
#: Unknown addresses that a remark names.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Sorted:
    """A message as it is archived: without the report it lay in, of which ``report`` has SHA-256 of the header and size."""

    content: bytes
    route: Route
    found: Found
    report: tuple[bytes, int] | None = None


@dataclass(frozen=True, slots=True)
class Sorting:
    """The rules of one catch-all mailbox, and everybody who is known. ``unknown`` owns what nobody else gets."""

    rules: CatchAll
    book: AddressBook
    unknown: User

    @property
    def reading(self) -> str:
        """Equal texts find the same addresses in the same message."""
        return hashlib.sha256("\n".join(self.rules.headers).lower().encode()).hexdigest()[:16]

    def sort(self, raw: bytes) -> Sorted:
        """Read one message. Never raises for any content: what cannot be read is for somebody who is not known."""
        try:
            return self._sorted(raw)
        except Exception:
            logger.exception(
                "whom a message of %d bytes (SHA-256 %s) is for cannot be read", len(raw), hashlib.sha256(raw).hexdigest()
            )
            return Sorted(raw, Route(), Found())

    def _sorted(self, raw: bytes) -> Sorted:
        outer = correspondents.find(raw, self.rules.headers)
        if report := self.report(raw, outer):
            inner = correspondents.find(report.content, self.rules.headers)
            # Who gets it the server knows best; who wrote it the message may say as well.
            found = Found((*report.found.senders, *inner.senders), report.found.recipients, report.found.unreadable)
            header = hashlib.sha256(raw[: header_end(raw)]).digest()
            return Sorted(report.content, self.book.route(found), found, (header, len(raw)))
        return Sorted(raw, self.book.route(outer), outer)

    def report(self, raw: bytes, outer: Found | None = None) -> journal.Report | None:
        """The journal report that a message is. One to a user is none, whoever says so: that user would never get it."""
        report = journal.unwrap(raw)
        if report is None:
            return None
        outer = outer or correspondents.find(raw, self.rules.headers)
        return None if self.book.route(Found(recipients=outer.recipients)).matches else report

    def places(self, route: Route) -> list[tuple[str, str]]:
        """(owner's id, folder) of each place a message goes to; none when it is left in the mailbox."""
        found = [(match.user.id, self.folder(match)) for match in route.matches]
        if self.rules.unknown is Unknown.ARCHIVE and (route.unresolved or not route.matches):
            found.append(self.kept)
        return list(dict.fromkeys(found))

    def folder(self, match: Match) -> str:
        """The folder in the archive of a user."""
        template = self.rules.outgoing if match.sent else self.rules.incoming
        return templates.place(template, match.user.addresses[0], match.address)

    @property
    def kept(self) -> tuple[str, str]:
        """The place of what is for somebody who is not known."""
        return self.unknown.id, self.rules.unknown_folder


async def sorting(archive: Archive, profile: Profile) -> Sorting:
    """The rules of a catch-all profile with all users as they are now. Raises ``InputError``: its archive's user is no more."""
    rules = profile.catchall
    assert rules is not None
    owner = await users.find(archive, rules.archive) if rules.archive else users.NOBODY
    everybody = await users.all_users(archive)
    book = AddressBook(everybody, rules.domains, rules.own(profile.login.username), await unknown.ignored(archive))
    return Sorting(rules, book, owner)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that was sorted: each message, and those that are archived, ready to be written."""

    messages: tuple[Sorted, ...]
    ready: Ready


class SortedFiling:
    """Files a catch-all mailbox; see ``filing.Filing``."""

    def __init__(self, archive: Archive, to: Destination, sorting: Sorting) -> None:
        self._archive = archive
        self.to = to
        self._sorting = sorting
        self._reading = sorting.reading
        self._unknown: Counter[str] = Counter()
        self._left = 0

    def content(self, raw: bytes) -> bytes:
        """A message of the server as it would be archived."""
        return self._sorting.sort(raw).content

    def still_left(self, uids: Iterable[int], left: Mapping[int, Left]) -> set[int]:
        """Those of ``uids`` that were left before, and of whose addresses still no user has any."""
        if self._sorting.rules.unknown is not Unknown.LEAVE:
            return set()
        found = set()
        for uid in uids:
            one = left.get(uid)
            if one and one.reading == self._reading and not self._sorting.book.knows_any(one.addresses):
                found.add(uid)
        self._left += len(found)
        return found

    async def prepare(self, messages: Batch) -> Prepared:
        """Sort a batch, and make ready what is archived of it."""
        done = await asyncio.to_thread(lambda: [self._sorting.sort(raw) for _, raw, _ in messages])
        ready = await self._archive.writer.prepare([one.content for one in done if self._sorting.places(one.route)])
        return Prepared(tuple(done), ready)

    async def store(self, folder: Folder, uidvalidity: int, messages: Batch, prepared: Prepared) -> Stored:
        """Archive a batch, durably, and say what was left."""
        source = self.to.folder(folder.name, uidvalidity)
        entry = _Entry(self._sorting)
        left: list[tuple[int, Listed, Found, Route]] = []
        digests = iter(prepared.ready.messages)
        size = 0
        for (uid, raw, listed), one in zip(messages, prepared.messages, strict=True):
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
                await users.nobody(self._archive)
            await self._archive.writer.append(drafts, prepared.ready)
        self._left += len(left)
        return Stored(size, frozenset(uid for uid, *_ in left))

    def remarks(self) -> list[str]:
        """What should be known of this run."""
        found = []
        if self._unknown:
            names = ", ".join(address for address, _ in self._unknown.most_common(NAMED))
            more = f" and {number(len(self._unknown) - NAMED)} more" if len(self._unknown) > NAMED else ""
            found.append(f"Addresses in our domains that no user has: {names}{more}. See archivar unknown list.")
        if self._left:
            what = "1 message stays" if self._left == 1 else f"{number(self._left)} messages stay"
            found.append(f"{what} in the mailbox, not archived: no user has any of the addresses.")
        return found


class _Entry:
    """The entry about a batch: everything that comes more than once is in a list, and named by its number there."""

    def __init__(self, sorting: Sorting) -> None:
        self._sorting = sorting
        self.places: dict[tuple[str, str], int] = {}
        self._addresses: dict[str, UnknownAddress] = {}
        self._numbers: dict[str, int] = {}
        self.messages: list[FiledMessage] = []

    def add(self, message: SourceMessage, one: Sorted, places: Sequence[tuple[str, str]]) -> None:
        numbers = tuple(self.places.setdefault(place, len(self.places)) for place in places)
        senders, recipients = self._strangers(one.route)
        report = ReportHeader(*one.report) if one.report else None
        self.messages.append(FiledMessage(message, numbers, tuple(senders), tuple(recipients), report))

    def _strangers(self, route: Route) -> tuple[list[int], list[int]]:
        """Those in our domains, also such as are said to be not ours: that may be taken back; if nobody is known, all."""
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
        filing = Filing(rules.incoming, rules.outgoing, folders, self.places.get(self._sorting.kept))
        return Filed(run, source, filing, tuple(self._addresses.values()), tuple(self.messages))


def _left(
    messages: Sequence[tuple[int, Listed, Found, Route]],
) -> tuple[tuple[UnknownAddress, ...], tuple[LeftMessage, ...]]:
    """The addresses of messages that are left, and the messages, which name them by their numbers."""
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
