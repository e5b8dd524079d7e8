"""Looking at a server without archiving: the connection test, the folder tree, and what is missing in the archive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.archive import sources
from core.archive.archive import Archive
from core.engine import filtering, plan, whose
from core.engine.breaker import Breaker
from core.engine.opening import opened
from core.engine.roster import credentials, roster
from core.engine.whose import Holder
from core.errors import ConnectError, ProtocolError
from core.imap.connection import steps
from core.imap.login import Credentials, Known
from core.imap.names import UNREADABLE, Folder
from core.imap.session import Session
from core.model import User, now
from core.profiles.mailboxes import Mailbox
from core.profiles.ownership import OWN, Whose
from core.profiles.profile import Kind, Profile
from core.secrets import Secret
from core.tasks import together
from core.trial import Step, Trial


async def connection_test(
    profile: Profile, mailbox: Mailbox, password: Secret, tick: Callable[[Step], None] = lambda step: None
) -> list[Step]:
    """Try all steps of a connection to ``mailbox`` in their order; ``tick`` is told each as it is known."""
    trial = Trial(steps(profile.server, profile.login.method), tick)
    try:
        session = await Session.open(profile.server, credentials(profile, mailbox, password, Known()), trial.succeeded)
        try:
            folders = await session.folders()
        finally:
            await session.close()
        trial.succeeded("folders", f"{len(folders)} folders")
    except ConnectError as error:
        trial.failed(error.step if error.step in trial.order else "folders", error.message, error.hint)
    except ProtocolError as error:
        trial.failed("folders", error.message, error.hint)
    return trial.steps


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """A folder on the server. ``excluded`` says why it is not archived; ``messages`` is None when unknown.

    ``uses`` are its attributes (RFC 6154); ``selectable`` is False for what holds only other folders.
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
    """The folders that a mailbox has, and which of them the profile archives; the mailbox's own first.

    ``people``: all users who are known. Raises ``ConnectError``.
    """
    login = credentials(profile, mailbox, password, Known())
    session, folders, statuses, unreadable = await opened(profile.server, login)
    try:
        folders = whose.among([mailbox.user, *people], _holder(mailbox), session, folders, statuses)
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
    return found + [ServerFolder(text, None, UNREADABLE, selectable=False) for text in unreadable]


def _holder(mailbox: Mailbox) -> Holder:
    return Holder(mailbox.user.id, mailbox.login, mailbox.everybody)


@dataclass(frozen=True, slots=True)
class MissingFolder:
    """A folder compared with the archive. ``missing`` holds (UID, size in bytes, INTERNALDATE in seconds or None).

    ``left_out`` counts messages that the profile's filter excludes.
    """

    path: str
    found: int
    archived: int
    excluded: str
    missing: tuple[tuple[int, int, int | None], ...] = ()
    error: str = ""
    left_out: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": self.path,
            "found": self.found,
            "archived": self.archived,
            "excluded": self.excluded,
            "left_out": self.left_out,
            "error": self.error,
            "missing": [{"uid": uid, "size": size, "internaldate": date} for uid, size, date in self.missing],
        }


@dataclass(frozen=True, slots=True)
class MissingMailbox:
    """A mailbox compared with the archive; ``error`` says why it could not be."""

    mailbox: str
    user: str
    folders: tuple[MissingFolder, ...] = ()
    error: str = ""

    @property
    def missing(self) -> int:
        return sum(len(folder.missing) for folder in self.folders)

    @property
    def errors(self) -> int:
        """How many things could not be compared."""
        return bool(self.error) + sum(bool(folder.error) for folder in self.folders)

    def as_json(self) -> dict[str, Any]:
        return {
            "mailbox": self.mailbox,
            "user": self.user,
            "error": self.error,
            "missing": self.missing,
            "folders": [folder.as_json() for folder in self.folders],
        }


async def missing(archive: Archive, profile: Profile, password: Secret) -> list[MissingMailbox]:
    """Compare every message of every mailbox with the archive, by UID. Raises ``InputError`` (no such user), and
    ``ConnectError`` when the server of a single mailbox cannot be reached."""
    wanted = await roster(archive, profile, removed=True)
    known, breaker = Known(), Breaker()
    found = [
        MissingMailbox(one.mailbox, one.user, error="; ".join(problem.reason for problem in one.problems))
        for one in wanted.impossible
    ]
    queue = deque(wanted.mailboxes)

    async def work() -> None:
        while queue:
            mailbox = queue.popleft()
            if breaker.open:
                found.append(MissingMailbox(mailbox.top, mailbox.user.name, error=f"not tried: {breaker.open}"))
                continue
            try:
                folders = await _missing(archive, profile, mailbox, credentials(profile, mailbox, password, known))
            except (ConnectError, ProtocolError) as error:
                if profile.kind is not Kind.MAILBOXES:
                    raise
                if isinstance(error, ConnectError):
                    breaker.failed(error)
                found.append(MissingMailbox(mailbox.top, mailbox.user.name, error=str(error)))
            else:
                breaker.succeeded()
                found.append(MissingMailbox(mailbox.top, mailbox.user.name, tuple(folders)))

    await together([work() for _ in range(min(profile.server.connections, len(queue)))])
    order = {mailbox.top: position for position, mailbox in enumerate(wanted.mailboxes)}
    return sorted(found, key=lambda one: order.get(one.mailbox, -1))


async def _missing(archive: Archive, profile: Profile, mailbox: Mailbox, opened_by: Credentials) -> list[MissingFolder]:
    source = mailbox.source(profile.server)
    session, folders, statuses, unreadable = await opened(profile.server, opened_by)
    found: list[MissingFolder] = []
    try:
        holder = replace(_holder(mailbox), source=source)
        folders = await whose.settled(archive, holder, session, folders, statuses)
        found += [MissingFolder(text, 0, 0, "", error=UNREADABLE) for text in unreadable]
        for folder in folders:
            if not folder.selectable:
                continue
            reason = profile.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose)
            if reason:
                status = statuses.get(folder.name)
                messages = status.items.get("MESSAGES", 0) if status else 0
                found.append(MissingFolder(folder.path, messages, 0, reason))
                continue
            try:
                found.append(await _compared(archive, session, profile, source, folder))
            except ConnectError:
                raise
            except ProtocolError as error:
                found.append(MissingFolder(folder.path, 0, 0, "", error=error.message))
    finally:
        await session.close()
    return found


async def _compared(archive: Archive, session: Session, profile: Profile, source: str, folder: Folder) -> MissingFolder:
    selected = await session.examine(folder)
    listed = (await session.listing()).messages if selected.exists else {}
    recorded = await sources.recorded(archive, source, folder.name, selected.uidvalidity)
    # A UID is known only with what it named.
    rest = [uid for uid in sorted(listed) if uid not in recorded or plan.differs(listed[uid], recorded[uid])]
    left_out = await filtering.excluded(profile.filter, rest, listed, session.headers, now())
    if folder.view:
        # What it shows of folders that are not archived.
        before = (await sources.complete(archive, source)).get(folder.name)
        if before is not None and before.signature.startswith(f"{selected.uidvalidity}:"):
            left_out |= before.excluded & set(rest)
    # Of a catch-all mailbox: what nobody is known for.
    left_out |= (await sources.left(archive, source, folder.name)).get(selected.uidvalidity, {}).keys() & set(rest)
    lost = tuple((uid, listed[uid].size, listed[uid].internaldate) for uid in rest if uid not in left_out)
    short = selected.exists - len(listed)
    doubt = f"the server counts {short} more messages here than it lists" if short > 0 else ""
    return MissingFolder(folder.path, len(listed), len(listed) - len(rest), "", lost, doubt, len(left_out))
