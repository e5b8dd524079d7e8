"""Appending mail to folders of a server: beside ``deleting`` the only commands that change anything there.

Destinations are decided elsewhere. Existing messages are never touched.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from core.errors import ProtocolError
from core.imap import names, replies
from core.imap.session import Session
from core.message.octets import Bytes
from core.problems import folder as problems
from core.text.patterns import pattern

#: Text allowed in a list of flags (RFC 3501 section 9, ``flag``): an atom, or one of the system's.
_KEYWORD = pattern(r"[^\s(){%*\"\\\]\x00-\x20\x7f-\uffff]+")
_SYSTEM = {"\\seen", "\\answered", "\\flagged", "\\draft"}
_APPENDED = pattern(rb"\s*(\d{1,10}) (\d{1,10})\s*")


def largest(session: Session) -> int | None:
    """The largest message in bytes that the server takes (APPENDLIMIT, RFC 7889); None when it does not tell."""
    for name in session.capabilities:
        if found := re.fullmatch(r"APPENDLIMIT=(\d{1,18})", name):
            return int(found[1])
    return None


def flags(text: str) -> str:
    """The flags of ``text`` that APPEND may set: not \\Recent, and not \\Deleted, which EXPUNGE would take."""
    return " ".join(flag for flag in text.split() if flag.lower() in _SYSTEM or _KEYWORD.fullmatch(flag))


async def delimiter(session: Session) -> str:
    """The delimiter between levels of folder names; empty when there is none."""
    return await session.call(_delimiter, session)


async def subscribe(session: Session, name: str) -> None:
    """Subscribe to a folder, so that mail programs show it. Raises ``ProtocolError``."""
    await session.call(session.command, "SUBSCRIBE", names.quote(name))


def _delimiter(session: Session) -> str:
    return names.delimiter(session.command("LIST", b'""', b'""', wanted=("LIST",))["LIST"])


async def create_folder(session: Session, name: str) -> None:
    """Make a folder; ``name`` as on the wire. Raises ``ProtocolError``."""
    await session.call(session.command, "CREATE", names.quote(name))


async def append(
    session: Session, name: str, message: Bytes, flags: str = "\\Seen", internaldate: int | None = None
) -> tuple[int, int] | None:
    """Put a message into the folder ``name`` (as on the wire), byte for byte. Raises ``ProtocolError``.

    ``internaldate`` in seconds since 1970, None for now. The result is UIDVALIDITY and UID when the server tells them (RFC
    4315).
    """
    return await session.call(_append, session, name, message, flags, internaldate)


def _append(session: Session, name: str, message: Bytes, flags: str, internaldate: int | None) -> tuple[int, int] | None:
    if names.needs_literal(name):
        raise ProtocolError(problems.UNPUTTABLE())
    date = _date_time(internaldate)
    arguments = [names.quote(name), f"({flags})".encode("ascii"), *([date] if date else [])]
    session.protocol.literal = message
    told = session.command("APPEND", *arguments, wanted=("APPENDUID",))["APPENDUID"]
    found = _APPENDED.fullmatch(told[-1]) if told and isinstance(told[-1], bytes) else None
    return (int(found[1]), int(found[2])) if found else None


def _date_time(seconds: int | None) -> bytes:
    """Seconds since 1970 as APPEND takes them (RFC 3501 section 9, ``date-time``); empty for a date outside the calendar."""
    if seconds is None:
        return b""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return b""
    return f'"{moment.day:2d}-{replies.month(moment.month)}-{moment.year:04d} {moment:%H:%M:%S} +0000"'.encode("ascii")
