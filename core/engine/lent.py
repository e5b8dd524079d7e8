"""Finds folders that two mailboxes of one server show, where the server does not tell whose they are.

A folder is the same when UIDVALIDITY, UIDs and headers are. It is the owner's, who has it as INBOX or nearer to the top;
where both have it alike, that cannot be told. Each pair is compared once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.archive import siblings
from core.archive.archive import Archive
from core.archive.siblings import Sibling
from core.errors import Dropped, ProtocolError
from core.imap import names
from core.imap.names import Folder, Status
from core.imap.session import Session
from core.profiles.ownership import Evidence, Standing, Whose

#: So many equal headers prove it even when the folders are not equally full just now.
ENOUGH = 3


async def settled(
    archive: Archive, source: str, session: Session, folders: Sequence[Folder], statuses: Mapping[str, Status]
) -> list[Folder]:
    """``folders`` of the mailbox ``source`` with those that another mailbox has as well. Raises ``Dropped``."""
    validities = {
        folder.name: status.items["UIDVALIDITY"]
        for folder in folders
        if folder.selectable
        and not folder.whose.foreign
        and not folder.view
        and (status := statuses.get(folder.name))
        and status.items.keys() >= {"UIDVALIDITY", "UIDNEXT", "MESSAGES"}
        and status.items["MESSAGES"]
    }
    others = await siblings.siblings(archive, source, validities.values())
    if not others:
        return list(folders)
    inbox = next((folder for folder in folders if folder.path == "INBOX" and folder.name in validities), None)
    one_mailbox = set()
    for other in others:
        # Two logins of one mailbox have all of it in common.
        alike = inbox is not None and other.name.upper() == "INBOX" and other.uidvalidity == validities[inbox.name]
        if alike and inbox is not None and await _same(archive, source, session, inbox, statuses[inbox.name], other):
            one_mailbox.add(other.source)
    found = []
    for folder in folders:
        for other in others:
            fits = validities.get(folder.name) == other.uidvalidity and other.source not in one_mailbox
            if folder.path == "INBOX" or not fits:
                continue
            if await _same(archive, source, session, folder, statuses[folder.name], other):
                folder = replace(folder, whose=_whose(folder, other))
                break
        found.append(folder)
    return found


def _whose(folder: Folder, other: Sibling) -> Whose:
    theirs = names.path(other.name, "/")
    if theirs == "INBOX" or theirs.count("/") < folder.path.count("/"):
        return Whose(Standing.OTHERS, other.login, Evidence.TWIN, folder.path.split("/", 1)[0])
    if theirs.count("/") > folder.path.count("/"):
        return folder.whose
    return Whose(Standing.DOUBTFUL, evidence=Evidence.TWIN)


async def _same(archive: Archive, source: str, session: Session, folder: Folder, status: Status, other: Sibling) -> bool:
    if max(other.headers) >= status.items["UIDNEXT"]:
        return False
    known = await siblings.judged(archive, source, folder.name, other)
    if known is None:
        try:
            await session.examine(folder)
            headers = await session.headers(other.headers)
        except Dropped:
            raise
        except ProtocolError:
            # It cannot be compared now.
            return False
        there = {uid: hashlib.sha256(header).digest() for uid, header in headers.items() if header}
        alike = sum(there.get(uid) == header for uid, header in other.headers.items())
        full = alike == len(other.headers) and other.messages == status.items["MESSAGES"]
        known = full or (alike >= ENOUGH and alike == len(there))
        await siblings.judge(archive, source, folder.name, other, same=known)
    return known
