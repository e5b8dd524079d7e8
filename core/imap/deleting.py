"""Deletion on the server: beside ``appending`` the only commands that change anything there.

The choice of messages is made elsewhere.

CLOSE is never used, and EXPUNGE without UIDs only when the caller knows that nothing else is marked: a session that ends, by
LOGOUT or by opening another folder, expunges nothing (RFC 3501 sections 6.3.1 and 6.1.3).
"""

from __future__ import annotations

from collections.abc import Iterable

from core.imap import names
from core.imap.names import Folder
from core.imap.selected import Selected
from core.imap.session import Session
from core.text import sequence


def has_uidplus(session: Session) -> bool:
    """True when named messages alone can be expunged (UIDPLUS, RFC 4315)."""
    return "UIDPLUS" in session.capabilities


async def select(session: Session, folder: Folder) -> Selected:
    """Open a folder for changes. Raises ``ProtocolError`` when the server refuses."""
    return await session.call(session.open_folder, "SELECT", folder)


async def mark(session: Session, uids: Iterable[int], *, deleted: bool = True) -> None:
    """Set or remove \\Deleted. Raises ``ProtocolError``."""
    sign = b"+" if deleted else b"-"
    await session.call(session.command, "UID", b"STORE", sequence.pack(uids).encode(), sign + b"FLAGS.SILENT", b"(\\Deleted)")


async def expunge(session: Session, uids: Iterable[int]) -> None:
    """Expunge exactly these (UID EXPUNGE). Raises ``ProtocolError``."""
    await session.call(session.command, "UID", b"EXPUNGE", sequence.pack(uids).encode())


async def expunge_all(session: Session) -> None:
    """Expunge all marked messages. Raises ``ProtocolError``."""
    await session.call(session.command, "EXPUNGE")


# For the probe, in a folder of its own ------------------------------------------------------------------------------------


async def delete_folder(session: Session, name: str) -> None:
    """Delete a folder with its messages. Raises ``ProtocolError``."""
    # Some servers cannot delete an open folder.
    await session.call(session.open_folder, "EXAMINE", Folder("INBOX", "INBOX"))
    await session.call(session.command, "DELETE", names.quote(name))
