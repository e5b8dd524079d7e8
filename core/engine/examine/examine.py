"""Examination of a server without archiving: the connection test, the folder tree, and missing messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.registry import comparisons
from core.engine.examine.amendment import amend
from core.engine.examine.comparison import ComparedMailbox, Deep
from core.engine.examine.differences import MissingFolder, MissingMailbox
from core.engine.visit import whose
from core.engine.visit.breaker import Breaker
from core.engine.visit.link import BACKOFF, Link
from core.engine.visit.opening import PlainLine, opened
from core.engine.visit.renamed_logins import RenamedLogins
from core.engine.visit.roster import credentials, roster
from core.engine.visit.server import KnownServer
from core.engine.visit.story import Silence
from core.engine.visit.whose import Holder
from core.errors import BusyError, ConnectError, ProtocolError
from core.imap.connection import steps
from core.imap.login import ServerKnowledge
from core.imap.names import Folder, Status, Unused
from core.imap.session import Session
from core.model import User
from core.problems.code import Reason
from core.problems.command_line import sentence
from core.problems.comparison import NOT_REPAIRED
from core.problems.connection import NOT_TRIED
from core.profiles.mailboxes import Mailbox
from core.profiles.ownership import OWN, Whose
from core.profiles.profile import Kind, Profile
from core.secrets import Secret
from core.system.tasks import together
from core.trial import Trial, TrialStep
from core.values import dataclass


async def connection_test(
    profile: Profile,
    mailbox: Mailbox,
    password: Secret,
    tick: Callable[[TrialStep], None] = lambda step: None,
    *,
    renamed: RenamedLogins | None = None,
) -> list[TrialStep]:
    """Test the steps of a connection to ``mailbox`` in their order; ``tick`` gets each result.

    ``renamed`` knows users' renamed addresses, to explain a refused login.
    """
    trial = Trial(steps(profile.server, profile.login.method), tick)
    try:
        session = await Session.open(
            profile.server, credentials(profile, mailbox, password, ServerKnowledge()), trial.succeeded
        )
        try:
            folders = await session.folders()
        finally:
            await session.close()
        trial.succeeded("folders", f"{len(folders)} folders")
    except ConnectError as error:
        if renamed is not None:
            error = await renamed.explained(profile, mailbox, error)
        trial.failed(error.step if error.step in trial.order else "folders", error.reason)
    except ProtocolError as error:
        trial.failed("folders", error.reason)
    return trial.steps


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """A folder on the server. ``excluded`` is the reason why it is not archived; ``messages`` is None when unknown.

    ``uses`` are its attributes (RFC 6154); ``selectable`` is False for one that only holds other folders.
    """

    path: str
    messages: int | None
    excluded: str
    uses: tuple[str, ...] = ()
    selectable: bool = True
    whose: Whose = OWN

    def as_json(self) -> dict[str, Any]:
        value = {"folder": self.path, "messages": self.messages, "excluded": self.excluded}
        return {**value, "whose": self.whose.as_json()}


async def folder_tree(profile: Profile, mailbox: Mailbox, password: Secret, people: Iterable[User] = ()) -> list[ServerFolder]:
    """The folders of a mailbox with the profile's decision on each; the mailbox's own first.

    ``people``: all known users. Raises ``ConnectError``.
    """
    login = credentials(profile, mailbox, password, ServerKnowledge())
    session, folders, statuses, unreadable = await opened(profile.server, login)
    try:
        folders = whose.among([mailbox.user, *people], _holder(mailbox), session, folders)
    finally:
        await session.close()
    found = []
    order = sorted(folders, key=lambda folder: (folder.whose.foreign, folder.path != "INBOX", folder.path.casefold()))
    for folder in order:
        if not folder.selectable:
            reason = "holds only other folders"
            found.append(ServerFolder(folder.path, None, reason, folder.attributes, selectable=False, whose=folder.whose))
            continue
        status = statuses.get(folder.name)
        messages = status.items.get("MESSAGES") if status else None
        reason = profile.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose)
        found.append(ServerFolder(folder.path, messages, reason, folder.attributes, whose=folder.whose))
    return found + [ServerFolder(text, None, sentence(text.reason), selectable=False) for text in unreadable]


def _holder(mailbox: Mailbox) -> Holder:
    return Holder(mailbox.user.id, mailbox.login, mailbox.everybody)


async def missing(
    archive: Archive, profile: Profile, password: Secret, deep: Deep | None = None, *, backoff: tuple[float, ...] = BACKOFF
) -> list[MissingMailbox]:
    """Compare every message of every mailbox with the archive, by UID; with ``deep`` by its bytes.

    Raises ``InputError`` (no such user), and ``ConnectError`` for a single mailbox whose server is out of reach.
    """
    if deep is not None:
        # The progress is kept, and differences are archived.
        archive.check_writable()
    wanted = await roster(archive, profile, removed=True)
    breaker = Breaker()
    server = await KnownServer.load(archive, profile.server, deep or Silence())
    if deep is not None:
        name, days = profile.name, (await settings.read(archive.database)).relist
        deep.started = await comparisons.begin(archive, name, anew=deep.anew, ended_too=deep.repair, days=days)
    work = MailboxComparison(archive, profile, password, server, deep, backoff, RenamedLogins(archive))
    found = [
        MissingMailbox(one.mailbox, one.user, reasons=tuple(problem.reason for problem in one.problems))
        for one in wanted.impossible
    ]
    queue = deque(wanted.mailboxes)

    async def compare_all() -> None:
        while queue:
            mailbox = queue.popleft()
            if breaker.open is not None:
                reasons = (NOT_TRIED(why=breaker.open),)
                found.append(MissingMailbox(mailbox.top, mailbox.user.name, reasons=reasons, unfinished=True))
                continue
            try:
                found.append(await work.compare(mailbox))
            except (ConnectError, ProtocolError) as error:
                if profile.kind is not Kind.MAILBOXES:
                    raise
                if isinstance(error, ConnectError):
                    breaker.failed(error)
                found.append(MissingMailbox(mailbox.top, mailbox.user.name, reasons=(error.reason,), unfinished=True))
            else:
                breaker.succeeded()

    await together([compare_all() for _ in range(min(profile.server.connections, len(queue)))])
    if deep is not None and not any(one.unfinished for one in found):
        await comparisons.end(archive, profile.name, clean=not any(one.missing or one.errors for one in found))
    order = {mailbox.top: position for position, mailbox in enumerate(wanted.mailboxes)}
    return sorted(found, key=lambda one: order.get(one.mailbox, -1))


@dataclass(frozen=True, slots=True)
class _WelcomedLine:
    """A line whose sessions are checked for the server that answers in them."""

    line: PlainLine
    server: KnownServer
    worked: bool = False

    async def connect(self) -> Session:
        return await self.server.welcome(await self.line.connect())

    def crowded(self) -> None:
        self.line.crowded()

    def waits(self, why: Reason, until: datetime) -> None:
        self.line.waits(why, until)

    def goes_on(self) -> None:
        self.line.goes_on()


@dataclass(frozen=True, slots=True)
class MailboxComparison:
    """Compares mailboxes of a profile."""

    archive: Archive
    profile: Profile
    password: Secret
    server: KnownServer
    deep: Deep | None
    backoff: tuple[float, ...]
    renamed: RenamedLogins
    known: ServerKnowledge = field(default_factory=ServerKnowledge)

    async def compare(self, mailbox: Mailbox) -> MissingMailbox:
        """Compare one. Raises ``ConnectError``, ``ProtocolError`` when nothing of it could be compared."""
        opened_by = credentials(self.profile, mailbox, self.password, self.known)
        line = PlainLine(self.renamed, self.profile, mailbox, opened_by)
        link = Link(line if self.deep is None else _WelcomedLine(line, self.server), self.backoff)
        source = mailbox.source(self.profile.server)
        scope = ComparedMailbox(self.archive, link, self.profile, source, self.server, self.deep)
        try:
            found = await self._folders(scope, replace(_holder(mailbox), source=source))
            why = scope.lost.reason if scope.lost else None
            if self.deep is not None and self.deep.repair and why is None:
                why = await self._repair(scope, mailbox, self.deep, found)
        except BaseException:
            await link.drop()
            raise
        await link.close()
        unfinished = bool(scope.lost) or not all(one.done for one in found)
        return MissingMailbox(mailbox.top, mailbox.user.name, tuple(found), (why,) if why else (), unfinished)

    async def _folders(self, scope: ComparedMailbox, holder: Holder) -> list[MissingFolder]:
        async def listed() -> tuple[list[Folder], dict[str, Status], list[Unused]]:
            session = await scope.link.session()
            folders, statuses, unreadable = await session.folders_with_status()
            return await whose.settled(self.archive, holder, session, folders, statuses), statuses, unreadable

        folders, statuses, unreadable = await scope.link.again(listed)
        found = [MissingFolder(text, 0, 0, "", reasons=(text.reason,)) for text in unreadable]
        for folder in folders:
            if not folder.selectable:
                continue
            status = statuses.get(folder.name)
            messages = status.items.get("MESSAGES", 0) if status else 0
            if reason := self.profile.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose):
                found.append(MissingFolder(folder.path, messages, 0, reason))
                continue
            if scope.lost is None:
                found.append(await scope.folder(folder))
            else:
                found.append(scope.unread(folder, scope.lost.reason))
        return found

    async def _repair(self, scope: ComparedMailbox, mailbox: Mailbox, deep: Deep, found: list[MissingFolder]) -> Reason | None:
        """Archive the differences in ``found`` and compare again; the reason of a failure, if any."""
        differing = [one for one in found if one.differences]
        if not differing:
            return None
        await deep.quiet()
        try:
            why = await amend(scope, mailbox, deep.budget)
        except BusyError as busy:
            why = busy.reason
        if why is not None:
            return NOT_REPAIRED(why=why)
        for one in differing:
            found[found.index(one)] = await scope.again(one)
        return scope.lost.reason if scope.lost else None
