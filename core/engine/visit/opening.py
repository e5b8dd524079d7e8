"""Opens a mailbox to look at its folders, for what is done once and by hand; a run has its ``Link``."""

from __future__ import annotations

from core.errors import Dropped
from core.imap.login import Credentials
from core.imap.names import Folder, Status, Unused
from core.imap.session import Session
from core.profiles.profile import Server


async def opened(server: Server, login: Credentials) -> tuple[Session, list[Folder], dict[str, Status], list[Unused]]:
    """A session, its folders, their STATUS by name, and lines that cannot be used. Raises ``ConnectError``, ``ProtocolError``.

    A server that does not take commands sent at once is connected to once more, and asked one by one.
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
