"""A mailbox opened once to examine its folders; a run has its ``Link``."""

from __future__ import annotations

from datetime import datetime

from core.engine.visit.renamed_logins import RenamedLogins
from core.errors import Dropped
from core.imap.login import Credentials
from core.imap.names import Folder, Status, Unused
from core.imap.session import Session
from core.problems.code import Reason
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile, Server
from core.values import dataclass


async def opened(server: Server, login: Credentials) -> tuple[Session, list[Folder], dict[str, Status], list[Unused]]:
    """A session, its folders, their STATUS by name, and unusable lines. Raises ``ConnectError``, ``ProtocolError``.

    A server that does not take pipelined commands is connected to once more, and asked one by one.
    """
    try:
        return await _opened(server, login)
    except Dropped:
        if not login.known.one_by_one:
            raise
    return await _opened(server, login)


async def _opened(server: Server, login: Credentials) -> tuple[Session, list[Folder], dict[str, Status], list[Unused]]:
    session = await Session.open(server, login)
    try:
        return (session, *(await session.folders_with_status()))
    except BaseException:
        await session.close()
        raise


@dataclass(frozen=True, slots=True)
class PlainLine:
    """The line to one mailbox for work by hand, with no other connections beside it (``link.Line``)."""

    renamed: RenamedLogins
    profile: Profile
    mailbox: Mailbox
    login: Credentials

    async def connect(self) -> Session:
        """A session in the mailbox. Raises ``ConnectError``."""
        return await self.renamed.open(self.profile, self.mailbox, self.login)

    @property
    def worked(self) -> bool:
        return False

    def crowded(self) -> None:
        """Nothing else could make room."""

    def waits(self, why: Reason, until: datetime) -> None:
        """Ignore the wait: there is no display."""

    def goes_on(self) -> None:
        """Ignore its end likewise."""
