"""Roster of a profile: its present mailboxes, with remarks on those that it lacks."""

from __future__ import annotations

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, shared_logins, users
from core.imap.login import Credentials, ServerKnowledge
from core.model import MailboxResult, Problem, RunStatus
from core.problems import mailbox as problems
from core.problems import warning
from core.problems.code import Reason
from core.profiles.mailboxes import Mailbox, of_everybody, of_target, of_user
from core.profiles.profile import Profile
from core.profiles.selection import SelectionMode, select
from core.secrets import Secret
from core.text.format import number
from core.values import dataclass

#: Names listed in a warning; the rest is a number.
NAMED = 10


@dataclass(frozen=True, slots=True)
class Roster:
    """The ``mailboxes`` to archive, results of those that are known to be impossible, and warnings."""

    mailboxes: tuple[Mailbox, ...]
    impossible: tuple[MailboxResult, ...] = ()
    warnings: tuple[Reason, ...] = ()
    #: Login names (casefolded) shared by several users: nothing is deleted there, or the others would never get it.
    shared: frozenset[str] = frozenset()


async def roster(archive: Archive, profile: Profile, *, removed: bool = False) -> Roster:
    """The mailboxes of ``profile``. Raises ``InputError`` when its one user was removed (unless ``removed`` ones count)."""
    if profile.target is not None:
        return Roster((of_target(profile, await users.find(archive, profile.target.user, removed=removed)),))
    if profile.catchall is not None:
        # Users change: an error at saving must also be one at running.
        await saved_profiles.refuse_own_address(archive, profile)
        wanted = profile.catchall.archive
        return Roster((of_everybody(profile, await users.find(archive, wanted, removed=removed) if wanted else users.NOBODY),))
    assert profile.selection is not None
    selected = select(profile.selection, await users.all_users(archive))
    warnings = []
    impossible = []
    if profile.selection.mode is SelectionMode.ONLY:
        # A user listed by name was to be archived: a missing one is an error, not a warning.
        impossible += [_impossible(name, problems.NO_USER()) for name in selected.unknown]
        impossible += [_impossible(user.name, problems.NO_ADDRESS()) for user in selected.without_address]
    else:
        if selected.unknown:
            warnings.append(warning.USERS_GONE(names=_names(selected.unknown)))
        if selected.without_address:
            warnings.append(warning.NO_ADDRESS(names=_names([user.name for user in selected.without_address])))
    warnings += shared_logins.warnings(profile, selected.users)
    shared = shared_logins.logins(profile, selected.users)
    if shared and profile.deletion.active:
        warnings.append(warning.NOT_DELETED_SHARED())
    mailboxes = tuple(of_user(profile, user) for user in selected.users)
    return Roster(mailboxes, tuple(impossible), tuple(warnings), frozenset(shared))


def credentials(profile: Profile, mailbox: Mailbox, password: Secret, known: ServerKnowledge) -> Credentials:
    """The credentials of ``mailbox``; ``known`` is shared by all mailboxes of the profile."""
    return Credentials(profile.login.method, mailbox.login, password, profile.login.username, known)


def _impossible(name: str, reason: Reason) -> MailboxResult:
    return MailboxResult(name, name, RunStatus.FAILED, problems=[Problem("", None, reason)])


def _names(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {number(more)} more" if more > 0 else "")
