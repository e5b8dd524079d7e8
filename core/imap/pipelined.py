"""Several folders in one round trip: EXAMINE and UID FETCH of each, sent at once (RFC 3501 section 5.5).

Only a short cut: a folder that is refused, or whose answers are not clear, is left out, and is to be read by itself, which
tells the reason. The commands change what is selected, so that a server must answer them in their order; answers out of order
end the short cut, since FETCH replies do not name their folder. All of it runs in the session's thread.
"""

from __future__ import annotations

import imaplib
from collections.abc import Iterable, Sequence

from core.errors import ProtocolError
from core.imap import folders, names, replies
from core.imap.names import Folder, Reply
from core.imap.protocol import LISTED_COST, LISTING
from core.imap.replies import Listing
from core.imap.selected import OPENED, Selected, opened
from core.imap.session import ITEMS_LISTED, SLACK, Session, section
from core.text import sequence
from core.values import dataclass

#: Folders asked about at once: their commands fit the buffers of both sides, or both could wait for each other for ever.
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class WantedListing:
    """A folder to be listed from the UID ``low`` on, with about so many ``messages``."""

    folder: Folder
    messages: int
    low: int = 1


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder as it was opened and listed."""

    folder: Folder
    selected: Selected
    listing: Listing


@dataclass(frozen=True, slots=True)
class WantedBodies:
    """Messages wanted of a folder under ``uidvalidity``, and their announced bytes together."""

    folder: Folder
    uidvalidity: int
    uids: tuple[int, ...]
    size: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer for one folder: FETCH replies, None after a refusal."""

    selected: Selected
    replies: list[Reply] | None


def possible(session: Session) -> bool:
    """True when the server takes several commands at once, as far as is known."""
    return not session.known.one_by_one


def may(folder: Folder) -> bool:
    """True when a folder can be asked about along with others."""
    return not names.needs_literal(folder.name)


async def listings(session: Session, wanted: Sequence[WantedListing]) -> list[ListedFolder]:
    """Open and list folders; unclear ones are left out, and those wanted whole that list another number than they count.

    Raises ``Dropped`` when the connection breaks.
    """
    return await session.call(_listings, session, wanted)


def _listings(session: Session, wanted: Sequence[WantedListing]) -> list[ListedFolder]:
    allowed = LISTING + LISTED_COST * sum(one.messages for one in wanted)
    asked = [(one.folder, f"{one.low}:*", ITEMS_LISTED) for one in wanted]
    found = []
    for one, answer in zip(wanted, _exchange(session, asked, allowed), strict=False):
        # Kerio answers FETCH in an empty folder with BAD.
        if answer is None or (answer.replies is None and answer.selected.exists):
            continue
        listing = replies.listing(answer.replies or [])
        if not listing.twice and (one.low > 1 or len(listing.messages) == answer.selected.exists):
            found.append(ListedFolder(one.folder, answer.selected, listing))
    return found


async def bodies(session: Session, wanted: Sequence[WantedBodies]) -> list[dict[int, bytes]]:
    """The messages of each folder by UID, as far as they come without any doubt; the rest is to be requested by itself.

    Raises ``Dropped`` when the connection breaks: then nothing of it is to be used.
    """
    return await session.call(_bodies, session, wanted)


def _bodies(session: Session, wanted: Sequence[WantedBodies]) -> list[dict[int, bytes]]:
    size = sum(one.size for one in wanted)
    asked = [(one.folder, sequence.pack(one.uids), section("BODY[]")) for one in wanted]
    found: list[dict[int, bytes]] = []
    for one, answer in zip(wanted, _exchange(session, asked, size + size // 4 + SLACK), strict=False):
        got: dict[int, bytes] = {}
        if answer is not None and answer.replies is not None and answer.selected.uidvalidity == one.uidvalidity:
            sections = replies.sections(answer.replies, "BODY[]", frozenset(one.uids))
            got = {uid: body for uid, body in sections.found.items() if body is not None}
            session.received(sum(map(len, got.values())))
        found.append(got)
    return found + [{} for _ in wanted[len(found) :]]


def _exchange(session: Session, asked: Sequence[tuple[Folder, str, str]], allowed: int) -> Iterable[_Answer | None]:
    """Send EXAMINE and UID FETCH of all, and yield the answer for each; None where opening it was refused.

    Ends early when the answers are out of order.
    """
    protocol = session.protocol
    protocol.allow(allowed)
    protocol.begin()
    # Otherwise imaplib takes a folder that turns out to be read-only for an error.
    protocol.is_readonly = True
    commands: list[tuple[str, bytes]] = []
    for folder, uids, items in asked:
        commands.append(("EXAMINE", b"EXAMINE %b" % names.quote(folder.name)))
        commands.append(("UID", f"UID FETCH {uids} {items}".encode("ascii")))
    tags = [tag for _, tag in folders.sent(session, commands)]
    answers: list[_Answer | None] = []
    patient = protocol.sock.gettimeout()
    for number in range(0, len(tags), 2):
        if number:
            # Servers that cannot take several commands may drop all but the first.
            protocol.sock.settimeout(min(patient or folders.PATIENCE, folders.PATIENCE))
        examined, fetched = tags[number : number + 2]
        selected = _selected(_completed(session, "EXAMINE", examined, OPENED))
        ordered = not _is_answered(protocol, fetched)
        told = _completed(session, "UID", fetched, ("FETCH",))
        ordered = ordered and not any(_is_answered(protocol, tag) for tag in tags[number + 2 :])
        if ordered:
            answers.append(None if selected is None else _Answer(selected, told["FETCH"] if told is not None else None))
        else:
            # Whose replies these are cannot be told any more.
            session.known.one_by_one = True
    protocol.sock.settimeout(patient)
    return answers if not session.known.one_by_one else []


def _selected(found: dict[str, list[Reply]] | None) -> Selected | None:
    try:
        return None if found is None else opened(found)
    except ProtocolError:
        # Its reason is told when the folder is opened by itself.
        return None


def _is_answered(protocol: imaplib.IMAP4, tag: bytes) -> bool:
    return protocol.tagged_commands.get(tag) is not None


def _completed(session: Session, name: str, tag: bytes, wanted: Sequence[str]) -> dict[str, list[Reply]] | None:
    """The untagged replies of a command, which has been sent; None after a refusal."""
    refusal = folders.answer(session, name, tag)
    told = session.protocol.untagged_responses
    session.protocol.untagged_responses = {}
    return None if refusal else {key: [reply for reply in told.get(key, []) if reply] for key in wanted}
