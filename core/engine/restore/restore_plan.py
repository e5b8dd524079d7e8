"""Plan of a restore: messages, mailbox and folders, decided before a server is contacted."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from enum import StrEnum

from core.archive.archive import Archive
from core.archive.read import selection as selecting
from core.archive.read.selection import SelectedFolder, Selection
from core.archive.registry import users
from core.engine.visit.roster import Roster, roster
from core.errors import InputError
from core.model import now
from core.problems import restore as problems
from core.problems.code import Reason
from core.problems.warning import DELETED_AGAIN
from core.profiles import rules
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.values import dataclass

#: Characters; no folder path on a server is longer.
LONGEST = 1000


class At(StrEnum):
    """The part of a restore request to be changed: profile, mailbox or folder."""

    PROFILE = "profile"
    MAILBOX = "mailbox"
    FOLDER = "folder"


class PlanError(InputError):
    """A restore that is not possible; ``at`` names the part to be changed."""

    def __init__(self, at: At, reason: Reason) -> None:
        super().__init__(reason)
        self.at = at


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """Messages of ``folders`` of the archive for ``mailbox``: into its folder ``to``, or their former folders.

    ``doomed`` counts those that the profile's deletion rule would delete there again.
    """

    profile: Profile
    mailbox: Mailbox
    folders: tuple[SelectedFolder, ...]
    to: str = ""
    doomed: int = 0

    @property
    def messages(self) -> int:
        return sum(folder.messages for folder in self.folders)

    @property
    def bytes(self) -> int:
        return sum(folder.bytes for folder in self.folders)

    @property
    def filled(self) -> str:
        """The mailbox's name on its server, the same in all profiles: only one restore at a time fills it."""
        return self.profile.server.source(self.mailbox.login.casefold())

    def path(self, folder: SelectedFolder) -> str:
        """The destination path of a folder's messages on the server."""
        return self.to or folder.path.removeprefix(f"{self.mailbox.top}/")

    def warnings(self) -> list[Reason]:
        """Warnings to be shown before the restore."""
        found = list(self.profile.warnings())
        if self.doomed:
            found.append(DELETED_AGAIN(profile=self.profile.name, count=self.doomed))
        return found


async def plan(archive: Archive, profile: Profile, selection: Selection, *, user: str = "", to: str = "") -> RestorePlan:
    """Plan a restore of ``selection`` through ``profile``; ``user`` chooses the mailbox in a profile for many.

    A selection without a user means that mailbox's user. Raises ``InputError``: for a catch-all profile, no such mailbox, no
    such mail, or mail without a former folder on the server; ``PlanError`` names the part to be changed.
    """
    mailbox, found = await _mailbox(archive, profile, user)
    path = _target(to) if to else ""
    chosen = selection if selection.user else replace(selection, user=mailbox.user.id)
    folders = tuple(await selecting.select(archive, chosen))
    if not path:
        _refuse_strange(mailbox, folders)
    whole = RestorePlan(profile, mailbox, folders, path)
    shared = mailbox.login.casefold() in found.shared
    return replace(whole, doomed=0 if shared else await _doomed(archive, whole))


async def _mailbox(archive: Archive, profile: Profile, user: str) -> tuple[Mailbox, Roster]:
    if profile.catchall is not None:
        raise PlanError(At.PROFILE, problems.NOBODYS_OWN(profile=profile.name))
    if profile.target is not None:
        found = await roster(archive, profile, removed=True)
        return found.mailboxes[0], found
    if not user:
        raise PlanError(At.MAILBOX, problems.WHOSE(profile=profile.name))
    found = await roster(archive, profile)
    wanted = await users.find(archive, user)
    for mailbox in found.mailboxes:
        if mailbox.user.id == wanted.id:
            return mailbox, found
    raise PlanError(At.MAILBOX, problems.NOT_AMONG_USERS(user=wanted.name, profile=profile.name))


def _target(to: str) -> str:
    """The path of a user-named folder on the server. Raises ``InputError``."""
    path = to.strip()
    levels = path.split("/")
    if not all(level.strip() for level in levels) or len(path) > LONGEST:
        raise PlanError(At.FOLDER, problems.NO_FOLDER_NAME(folder=to))
    if any(unicodedata.category(character) in ("Cc", "Cs", "Cf") for character in path):
        raise PlanError(At.FOLDER, problems.CONTROL_CHARACTER())
    if levels[0].upper() == "INBOX":
        levels[0] = "INBOX"
    return "/".join(levels)


def _refuse_strange(mailbox: Mailbox, folders: tuple[SelectedFolder, ...]) -> None:
    """Raise ``PlanError`` for mail that this mailbox never had: it has no former folder there."""
    for folder in folders:
        if folder.owner != mailbox.user.id or not folder.path.startswith(f"{mailbox.top}/"):
            reason = problems.NO_FOLDER_THERE(folder=folder.path, user=folder.user, mailbox=mailbox.top)
            raise PlanError(At.FOLDER, reason)


async def _doomed(archive: Archive, whole: RestorePlan) -> int:
    """The number of messages that the profile would archive and delete by its rule, once they are restored."""
    profile, count, moment = whole.profile, 0, now()
    if not profile.deletion.active:
        return 0
    for folder in whole.folders:
        path = whole.path(folder)
        if profile.folders.reason_to_exclude(path, ()) or rules.is_trash(path, ()) or rules.is_drafts(path, ()):
            continue
        async for place in selecting.places(archive, folder):
            kept = profile.deletion.reason_to_keep(place.flags, place.arrived, moment)
            count += not (kept or profile.filter.reason(place.flags, place.arrived, place.size, moment))
    return count
