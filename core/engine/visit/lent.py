"""Folders shared between two mailboxes of one server, found by comparison, whatever the server tells.

A folder is the same when UIDVALIDITY, UIDs and headers are. It belongs to the mailbox that has it as INBOX or nearer to the
top; where both have it alike, the owner is unknown. Each pair is compared once, unless too few messages decide it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import IntEnum

from core.archive.read import siblings
from core.archive.read.siblings import Judgement, Sibling
from core.archive.visited import VisitedArchive
from core.errors import Dropped, ProtocolError
from core.imap import names
from core.imap.names import Folder, Status
from core.imap.session import Session
from core.profiles.ownership import Evidence, Standing, Whose
from core.values import dataclass

#: Equal headers that prove it even when the folders are not equally full just now.
ENOUGH = 3
#: More foreign folders under one UIDVALIDITY than this mean that the server gives the same to all.
CROWD = 50
#: Headers asked for at once.
AT_ONCE = 200


class FolderVerdict(IntEnum):
    """The result of a comparison of two folders. ``PERHAPS``: nothing differs, but too little is equal."""

    OTHER = 0
    PERHAPS = 1
    SAME = 2


async def settled(
    archive: VisitedArchive,
    source: str,
    session: Session,
    folders: Sequence[Folder],
    statuses: Mapping[str, Status],
    most: int = 0,
) -> list[Folder]:
    """``folders`` of the mailbox ``source``, each with its owner by comparison with other mailboxes. Raises ``Dropped``.

    A UIDVALIDITY that more than ``most`` foreign folders have proves nothing; 0 is no limit.
    """
    validities = {
        folder.name: status.items["UIDVALIDITY"]
        for folder in folders
        if folder.selectable
        and not folder.whose.foreign
        and not folder.view
        and (status := statuses.get(folder.name))
        and status.items.keys() >= {"UIDVALIDITY", "UIDNEXT", "MESSAGES"}
    }
    await archive.meet(source, validities.values())
    others = [
        other
        for other in await siblings.siblings(archive, source, validities.values(), most)
        # A foreign folder of another mailbox is not its own either.
        if session.namespaces is None or not session.namespaces.whose(other.name).foreign
    ]
    if not others:
        return list(folders)
    comparison = _Comparison(archive, source, session)
    one_mailbox = set()
    for folder in folders:
        if folder.path == "INBOX" and folder.name in validities:
            inboxes = [one for one in others if one.name.upper() == "INBOX" and one.uidvalidity == validities[folder.name]]
            found = await comparison.of(folder, statuses[folder.name], inboxes)
            # Two logins of one mailbox share all folders.
            one_mailbox |= {other.source for other, verdict in found if verdict is FolderVerdict.SAME}
    result = []
    for folder in folders:
        alike = [one for one in others if one.uidvalidity == validities.get(folder.name) and one.source not in one_mailbox]
        if folder.path != "INBOX" and alike:
            found = await comparison.of(folder, statuses[folder.name], alike)
            claims = [_claim(folder, other, verdict) for other, verdict in found if verdict is not FolderVerdict.OTHER]
            folder = replace(folder, whose=max([folder.whose, *claims], key=lambda one: _FOREIGN.index(one.standing)))
        result.append(folder)
    return result


_FOREIGN = (Standing.OWN, Standing.DOUBTFUL, Standing.SHARED, Standing.OTHERS)


def _claim(folder: Folder, other: Sibling, verdict: FolderVerdict) -> Whose:
    """The owner of a folder that is also ``other``."""
    theirs = names.path(other.name, folder.delimiter)
    if theirs != "INBOX" and theirs.count("/") > folder.path.count("/"):
        return folder.whose
    if verdict is FolderVerdict.SAME and (theirs == "INBOX" or theirs.count("/") < folder.path.count("/")):
        return Whose(Standing.OTHERS, other.login, Evidence.TWIN, folder.path.split("/", 1)[0])
    return Whose(Standing.DOUBTFUL, evidence=Evidence.TWIN)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares folders of the mailbox ``source`` with those of others."""

    archive: VisitedArchive
    source: str
    session: Session

    async def of(self, folder: Folder, status: Status, others: Sequence[Sibling]) -> list[tuple[Sibling, FolderVerdict]]:
        """Compare with each of ``others``; the verdicts. Raises ``Dropped``."""
        found: list[tuple[Sibling, FolderVerdict]] = []
        open_: list[tuple[Sibling, Judgement | None]] = []
        for other in others:
            if max(other.headers) >= status.items["UIDNEXT"]:
                continue
            known = await siblings.judged(self.archive, self.source, folder.name, other)
            if known in (None, Judgement.OPEN):
                open_.append((other, known))
            else:
                found.append((other, FolderVerdict.SAME if known is Judgement.SAME else FolderVerdict.OTHER))
        if not open_:
            return found
        uids = sorted({uid for other, _ in open_ for uid in other.headers})
        # Recorded headers need no request, and remain when the messages are gone from the server.
        there = await siblings.recorded(self.archive, self.source, folder.name, status.items["UIDVALIDITY"], uids)
        new = [other for other, known in open_ if known is None and other.headers.keys().isdisjoint(there)]
        asked = None
        if new and status.items["MESSAGES"]:
            asked = await self._headers(folder, sorted({uid for other in new for uid in other.headers}))
            there = (asked or {}) | there
        for other, known in open_:
            verdict = _verdict(other, there, status.items["MESSAGES"])
            found.append((other, verdict))
            if verdict is not FolderVerdict.PERHAPS and not other.headers.keys().isdisjoint(there):
                judgement = Judgement.SAME if verdict is FolderVerdict.SAME else Judgement.OTHER
                await siblings.judge(self.archive, self.source, folder.name, other, judgement)
            elif known is None and asked is not None:
                await siblings.judge(self.archive, self.source, folder.name, other, Judgement.OPEN)
        return found

    async def _headers(self, folder: Folder, uids: Sequence[int]) -> dict[int, bytes] | None:
        """SHA-256 of the folder's header blocks by UID; None when they are unavailable now."""
        found: dict[int, bytes] = {}
        try:
            await self.session.examine(folder)
            for start in range(0, len(uids), AT_ONCE):
                headers = await self.session.headers(uids[start : start + AT_ONCE])
                found |= {uid: hashlib.sha256(header).digest() for uid, header in headers.items() if header}
        except Dropped:
            raise
        except ProtocolError:
            return None
        return found


def _verdict(other: Sibling, there: Mapping[int, bytes], messages: int) -> FolderVerdict:
    both = other.headers.keys() & there.keys()
    if not both or any(other.headers[uid] != there[uid] for uid in both):
        return FolderVerdict.OTHER
    full = len(both) == len(other.headers) and len(both) >= other.messages == messages
    return FolderVerdict.SAME if full or len(both) >= ENOUGH else FolderVerdict.PERHAPS
