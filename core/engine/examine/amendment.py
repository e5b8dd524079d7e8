"""Amendment: archives the differences that a comparison of a mailbox found, by a visit like a run's that deletes nothing.

When a UID names another message, the old record vanishes, its history is kept, and the server's message is archived beside it.
Numbers that the server has recomputed are recorded.
"""

from __future__ import annotations

from dataclasses import replace

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.engine.examine.comparison import ComparedMailbox
from core.engine.run.mailbox import archive_mailbox
from core.engine.visit import catchall
from core.engine.visit.catchall import SortedFiling
from core.engine.visit.filing import NO_RUN, Destination, Filing, OwnFiling
from core.engine.visit.limits import Budget
from core.engine.visit.mailbox_lock import alone
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.story import Silence, Story
from core.engine.visit.visit import Rules, Visit
from core.model import MailboxResult, now
from core.problems.code import Reason
from core.profiles.deletion import When
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile


async def amend(compared: ComparedMailbox, mailbox: Mailbox, budget: Budget) -> Reason | None:
    """Archive messages that a compared mailbox has and the archive lacks, and read the UIDs that it doubted.

    The result is the reason why it failed as a whole; None when it did not. Raises ``BusyError`` when a restore fills the
    mailbox, ``StorageError``.
    """
    archive, profile = compared.archive, compared.profile
    with alone(archive.home, profile.server.source(mailbox.login.casefold()), mailbox.top):
        to = Destination(NO_RUN, mailbox.source(profile.server), mailbox.user.id, mailbox.top, mailbox.everybody, mailbox.login)
        # Remaining differences are found by the comparison that follows.
        story = Story(MailboxProgress(MailboxResult(mailbox.top, mailbox.user.name), source=to.source), Silence())
        nothing = replace(profile.deletion, when=When.NEVER, age=None, trash_too=False)
        rules = Rules(profile.folders, profile.filter, nothing, now(), await settings.read(archive.database))
        visit = Visit(compared.link, await _filing(archive, profile, to), rules, budget, compared.server, story)
        error = await archive_mailbox(visit, {place: frozenset(uids) for place, uids in compared.doubted.items()})
    return error.reason if error else None


async def _filing(archive: Archive, profile: Profile, to: Destination) -> Filing:
    if profile.catchall:
        return SortedFiling(archive, to, await catchall.sorting(archive, profile))
    return OwnFiling(archive, to)
