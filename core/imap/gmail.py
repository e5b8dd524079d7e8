"""Gmail's message items beside the standard (X-GM-EXT-1): an id that is the same in all folders, and labels.

Every label is a folder of its own, unless it is hidden from IMAP; "All Mail" has each message once.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import Dropped, ProtocolError
from core.imap import names, tokens
from core.imap.names import Folder, Reply
from core.imap.session import Session
from core.text import sequence
from core.values import dataclass

#: Labels that name a folder by its use (RFC 6154), in lower case.
_USES = {"\\sent": "\\sent", "\\draft": "\\drafts", "\\drafts": "\\drafts", "\\trash": "\\trash"}
_USES |= {"\\spam": "\\junk", "\\junk": "\\junk"}
_NAMES = {"\\sent": "Sent", "\\drafts": "Drafts", "\\trash": "Trash", "\\junk": "Spam"}


@dataclass(frozen=True, slots=True)
class GmailItems:
    """Id and labels of one message. ``labels`` as on the wire, without quotes."""

    id: str
    labels: tuple[str, ...] = ()

    def paths(self, folders: Iterable[Folder]) -> list[str]:
        """The paths of the folders among its labels; others (starred, important) have none."""
        by_use = {use: folder.path for folder in folders for use in folder.attributes}
        found = []
        for label in self.labels:
            key = label.lower()
            if key == "\\inbox":
                found.append("INBOX")
            elif use := _USES.get(key):
                found.append(by_use.get(use, _NAMES[use]))
            elif not label.startswith("\\"):
                found.append(names.path(label, "/"))
        return [path for path in dict.fromkeys(found) if all(path.split("/"))]


def offers(session: Session) -> bool:
    """True when the server has ids and labels."""
    return "X-GM-EXT-1" in session.capabilities


async def known(session: Session, uids: Iterable[int]) -> dict[int, GmailItems]:
    """Ids and labels of messages of the open folder by UID; empty when the server refuses. Raises ``Dropped``."""
    try:
        return await session.call(_known, session, sequence.pack(uids))
    except Dropped:
        raise
    except ProtocolError:
        # Without them messages are told apart by their content.
        return {}


def _known(session: Session, uids: str) -> dict[int, GmailItems]:
    found = session.command("UID", b"FETCH", uids.encode(), b"(UID X-GM-MSGID X-GM-LABELS)", wanted=("FETCH",))
    return parse(found["FETCH"])


def parse(replies: Iterable[Reply]) -> dict[int, GmailItems]:
    """Ids and labels of FETCH replies, by UID; unreadable ones are skipped."""
    found = {}
    waiting = tokens.tokens(replies)
    while waiting:
        try:
            value = tokens.value(waiting)
        except (ValueError, IndexError):
            continue
        if not isinstance(value, list):
            # The number of the message in the folder.
            continue
        items = {key.upper(): item for key, item in zip(value[::2], value[1::2], strict=False) if isinstance(key, bytes)}
        uid, id_, labels = items.get(b"UID"), items.get(b"X-GM-MSGID"), items.get(b"X-GM-LABELS")
        if isinstance(uid, bytes) and isinstance(id_, bytes) and uid.isdigit() and id_.isdigit() and len(uid) <= 10:
            texts = (
                [
                    label.decode("latin-1")
                    for label in labels
                    if isinstance(label, bytes) and names.sensible(label.decode("latin-1"), "/")
                ]
                if isinstance(labels, list)
                else []
            )
            found[int(uid)] = GmailItems(id_.decode(), tuple(texts))
    return found
