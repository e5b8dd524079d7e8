"""Vanished messages of a folder as the server remembers them (QRESYNC, RFC 7162).

The server names the UIDs that were expunged since a modification sequence; it may name more than that, and UIDs that never
were. ENABLE is taken only while no folder is open (RFC 5161 section 3.1), so that the folder is opened anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import Dropped, ProtocolError
from core.imap.names import Folder, Reply
from core.imap.protocol import LISTED_COST, LISTING, MOST_LISTED
from core.imap.selected import Selected
from core.imap.session import Session
from core.text.patterns import pattern

#: First and last UID.
UidRange = tuple[int, int]

#: What the server must announce: without UNSELECT only CLOSE would do, which expunges in a folder opened for changes.
_NEEDED = frozenset(("ENABLE", "QRESYNC", "UNSELECT"))
#: Ranges of UIDs in one answer; where more are gone, listing what is there costs no more.
MOST_RANGES = 20_000
_RANGE = pattern(rb"(\d{1,10})(?::(\d{1,10}))?")
#: A modification sequence has 63 bits (RFC 7162 section 3.1.1); 0 is none.
_LARGEST = 2**63 - 1


def offers(session: Session, modseq: int) -> bool:
    """True when the server remembers what vanished since ``modseq``."""
    return session.capabilities >= _NEEDED and 0 < modseq <= _LARGEST


async def vanished(session: Session, folder: Folder, modseq: int, below: int) -> tuple[Selected, list[UidRange]] | None:
    """Open ``folder`` and tell the UIDs under ``below`` that vanished since ``modseq``, ascending; None when that is refused.

    Raises ``Dropped``. The folder that was open before is not open any more.
    """
    try:
        return await session.call(_vanished, session, folder, modseq, below)
    except Dropped:
        raise
    except ProtocolError:
        return None


def _vanished(session: Session, folder: Folder, modseq: int, below: int) -> tuple[Selected, list[UidRange]] | None:
    protocol = session.protocol
    session.command("UNSELECT")
    protocol.state = "AUTH"
    session.command("ENABLE", b"QRESYNC")
    selected = session.open_folder("EXAMINE", folder)
    modifier = b"(CHANGEDSINCE %d VANISHED)" % modseq
    # Messages whose flags changed are named as well, and may be all.
    session.protocol.allow(LISTING + LISTED_COST * min(selected.exists, MOST_LISTED))
    told = session.command("UID", b"FETCH", b"1:%d" % (below - 1), b"(UID)", modifier, wanted=("FETCH", "VANISHED"))
    found = parse(told["VANISHED"])
    return None if found is None else (selected, [(low, min(high, below - 1)) for low, high in found if low < below])


def parse(replies: Iterable[Reply]) -> list[UidRange] | None:
    """The ranges of VANISHED replies, ascending and apart; None when they cannot be read, or are too many."""
    found: list[UidRange] = []
    for reply in replies:
        if not isinstance(reply, bytes):
            return None
        earlier, _, uids = reply.strip().partition(b" ")
        if earlier.upper() != b"(EARLIER)":
            # What is expunged at this very moment.
            uids = reply.strip()
        items = uids.split(b",", MOST_RANGES)
        if len(items) > MOST_RANGES:
            return None
        for item in items:
            match = _RANGE.fullmatch(item.strip())
            if match is None:
                return None
            low, high = sorted((int(match[1]), int(match[2] or match[1])))
            found.append((low, high))
    apart: list[UidRange] = []
    for low, high in sorted(found):
        if apart and low <= apart[-1][1]:
            before = apart.pop()
            low, high = before[0], max(high, before[1])
        apart.append((low, high))
    return apart
