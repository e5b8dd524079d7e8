"""Preview of a deletion rule: its effect on a mailbox as it is now, once all of it is archived. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import field

from core.engine.run import filtering
from core.engine.visit import whose
from core.engine.visit.opening import opened
from core.engine.visit.roster import credentials
from core.engine.visit.whose import Holder
from core.imap.login import ServerKnowledge
from core.imap.names import Folder
from core.imap.session import Session
from core.model import User, now
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.profiles.rules import is_drafts, is_trash
from core.secrets import Secret
from core.text.format import number
from core.values import dataclass

#: The reason why the trash's messages stay.
IN_TRASH = "in the trash"
IN_DRAFTS = "in a folder of drafts"
NOT_ARCHIVED = "in folders that are not archived"
IN_VIEW = "in folders that show what lies in others"
OF_OTHERS = "in folders that are or may be somebody else's"
FILTERED = "left out by the filter"


@dataclass(slots=True)
class Preview:
    """Counts of messages: in the mailbox, to be deleted, and, by reason, to stay."""

    mailbox: str
    #: The rule deletes at all.
    active: bool = True
    found: int = 0
    delete: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    #: A further reason to keep messages, in a sentence.
    note: str = ""

    def sentences(self) -> list[str]:
        """The preview in sentences."""
        if not self.active:
            return ["With this rule nothing is deleted."]
        first = (
            f"In {self.mailbox} {number(self.delete)} of {number(self.found)} messages would be deleted on the server now, "
            "once they are archived."
        )
        note = [self.note] if self.note else []
        if not self.kept:
            return [first, *note]
        stay = ", ".join(f"{number(count)} {reason}" for reason, count in self.kept.most_common())
        return [first, f"{number(self.found - self.delete)} would stay: {stay}.", *note]


async def deletion(profile: Profile, mailbox: Mailbox, password: Secret, people: Iterable[User] = ()) -> Preview:
    """List every message of ``mailbox``, if the rule deletes any. ``people``: all known users.

    Raises ``ConnectError``, ``ProtocolError``.
    """
    preview = Preview(mailbox.top, profile.deletion.active, note=profile.held_back())
    if not preview.active:
        return preview
    login = credentials(profile, mailbox, password, ServerKnowledge())
    session, folders, _, _ = await opened(profile.server, login)
    try:
        holder = Holder(mailbox.user.id, mailbox.login, mailbox.everybody)
        for folder in whose.among([mailbox.user, *people], holder, session, folders):
            if folder.selectable:
                await _look(session, profile, folder, preview)
    finally:
        await session.close()
    return preview


async def _look(session: Session, profile: Profile, folder: Folder, preview: Preview) -> None:
    selected = await session.examine(folder)
    listed = (await session.listing()).messages if selected.exists else {}
    preview.found += len(listed)
    if whole := _reason_of(profile, folder):
        preview.kept[whole] += len(listed)
        return
    moment = now()
    left_out = await filtering.excluded(profile.filter, sorted(listed), listed, session.headers, moment)
    for uid, item in listed.items():
        reason = FILTERED if uid in left_out else ""
        if not reason and item.flagless:
            reason = "of which the server tells no flags"
        reason = reason or profile.deletion.reason_to_keep(item.flags, item.internaldate, moment)
        if reason:
            preview.kept[reason] += 1
        else:
            preview.delete += 1


def _reason_of(profile: Profile, folder: Folder) -> str:
    """The reason why no message of a folder is deleted; empty when each decides for itself."""
    if profile.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose):
        return NOT_ARCHIVED
    if folder.view:
        return IN_VIEW
    if not (folder.whose.own or profile.deletion.shared):
        return OF_OTHERS
    if is_trash(folder.path, folder.attributes):
        return IN_TRASH
    return IN_DRAFTS if is_drafts(folder.path, folder.attributes) else ""
