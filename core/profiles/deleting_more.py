"""Wider deletions of a changed profile, beyond those of the saved one: typed comparisons of its rules. Pure.

Only widenings are listed: a longer age or fewer folders ask for nothing. Where two rules cannot be compared (patterns of
folders), the new one counts as wider, so that the user is always asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from core.profiles.age import Age
from core.profiles.catchall import CatchAll, UnknownPolicy
from core.profiles.filter import Filter, Flagged, Seen
from core.profiles.profile import Profile
from core.profiles.rules import FolderRules, default_exclusion, is_usual
from core.profiles.selection import SelectionMode, UserSelection


class More(StrEnum):
    """A way in which a changed profile deletes more."""

    SWITCHED_ON = "switched-on"
    SOONER = "sooner"
    TRASH = "trash"
    SHARED = "shared"
    PLAIN_EXPUNGE = "plain-expunge"
    MAILBOX = "mailbox"
    USERS = "users"
    FOLDERS = "folders"
    FILTER = "filter"
    UNKNOWN = "unknown"
    ADDRESSES = "addresses"


SENTENCES = {
    More.SWITCHED_ON: "Deletion is switched on: until now nothing was deleted by this profile.",
    More.SOONER: "Younger mail than before is deleted.",
    More.TRASH: "What was deleted is removed from the server's trash too.",
    More.SHARED: "Mail in folders of others and shared ones is deleted too.",
    More.PLAIN_EXPUNGE: "On servers without UIDPLUS mail is deleted too, where an EXPUNGE takes whatever is marked.",
    More.MAILBOX: "It is another mailbox or server than before, in which mail is deleted from now on.",
    More.USERS: "Mail of more users than before is deleted.",
    More.FOLDERS: "Mail may be deleted in folders in which none was until now.",
    More.FILTER: "The filter lets more mail pass than before, which is archived and then deleted.",
    More.UNKNOWN: "Mail for unknown addresses is deleted too, once its copy is in the catch-all archive.",
    More.ADDRESSES: "Fewer addresses than before may hold mail back: other domains, header fields or own addresses count.",
}


def more(before: Profile | None, after: Profile, moment: datetime) -> tuple[More, ...]:
    """The ways in which ``after`` deletes more than ``before`` (None: a new profile), ages as of ``moment``."""
    if not after.deletion.active:
        return ()
    if before is None or not before.deletion.active:
        return (More.SWITCHED_ON,)
    old, new = before.deletion, after.deletion
    found = {
        More.SOONER: _cutoff(new.age, moment) > _cutoff(old.age, moment),
        More.TRASH: new.trash_too and not old.trash_too,
        More.SHARED: new.shared and not old.shared,
        More.PLAIN_EXPUNGE: new.without_uidplus and not old.without_uidplus,
        More.MAILBOX: _where(before) != _where(after),
        More.USERS: _more_users(before.selection, after.selection),
        More.FOLDERS: _more_folders(before.folders, after.folders),
        More.FILTER: _wider(before.filter, after.filter, moment),
        More.UNKNOWN: _unknown_too(after) and not _unknown_too(before),
        More.ADDRESSES: _fewer_addresses(before.catchall, after.catchall),
    }
    return tuple(one for one, holds in found.items() if holds)


def _cutoff(age: Age | None, moment: datetime) -> datetime:
    """The moment before which mail is old enough."""
    return moment if age is None else age.before(moment)


def _where(profile: Profile) -> tuple[object, ...]:
    """The fields that determine which mailboxes a profile opens, except its selection of users."""
    login = "" if profile.selection is not None else profile.login.username
    return profile.kind, profile.server.host.casefold(), profile.server.effective_port, login


def _unknown_too(profile: Profile) -> bool:
    return profile.catchall is not None and profile.catchall.unknown is UnknownPolicy.ARCHIVE


def _fewer_addresses(before: CatchAll | None, after: CatchAll | None) -> bool:
    """True when an address may no longer count as an unknown one of ours, whose mail is left in the mailbox."""
    if before is None or after is None:
        return False
    domains, now_domains = _keys(before.domains), _keys(after.domains)
    # Without named domains those of the users count, which may be any.
    fewer = domains != now_domains if not domains or not now_domains else bool(domains - now_domains)
    headers = bool(_keys(before.headers) - _keys(after.headers))
    return fewer or headers or bool(_keys(after.own_addresses) - _keys(before.own_addresses))


def _more_users(before: UserSelection | None, after: UserSelection | None) -> bool:
    if before is None or after is None:
        return before is not after
    old, new = _keys(before.names), _keys(after.names)
    if before.mode is SelectionMode.ONLY:
        return after.mode is not SelectionMode.ONLY or bool(new - old)
    left_out = old if before.mode is SelectionMode.ALL_EXCEPT else set()
    if after.mode is SelectionMode.ONLY:
        return bool(new & left_out)
    return bool(left_out - (new if after.mode is SelectionMode.ALL_EXCEPT else set()))


def _keys(names: Iterable[str]) -> set[str]:
    return {name.strip().casefold() for name in names}


def _more_folders(before: FolderRules, after: FolderRules) -> bool:
    old, new = {rule.pattern for rule in before.include}, {rule.pattern for rule in after.include}
    if {rule.pattern for rule in before.exclude} - {rule.pattern for rule in after.exclude}:
        return True
    if old and not new:
        return True
    return any(not _surely_archived(before, pattern) for pattern in new - old)


def _surely_archived(rules: FolderRules, pattern: str) -> bool:
    """True when a folder with the plain name ``pattern`` was archived by ``rules``, whatever the server says of it.

    A name does not tell the server's knowledge: that a folder is junk, or another user's.
    """
    if "*" in pattern or rules.reason_to_exclude(pattern):
        return False
    if rules.include:
        return any(rule.matches(pattern) and rule.spells_out(1) for rule in rules.include)
    return is_usual(pattern) and not default_exclusion(pattern)


def _wider(before: Filter, after: Filter, moment: datetime) -> bool:
    """True when a message may pass ``after`` that did not pass ``before``."""
    if before == after:
        return False
    flags = [
        before.seen is not Seen.ANY and after.seen is not before.seen,
        before.flagged is not Flagged.ANY and after.flagged is not before.flagged,
    ]
    words = [
        bool(old) and (not new or bool(set(new) - set(old)))
        for old, new in (
            (before.sender, after.sender),
            (before.recipient, after.recipient),
            (before.subject, after.subject),
        )
    ]
    return any(
        (
            *flags,
            *words,
            # Limits from above: a later moment, day or larger size lets more pass.
            before.older_than is not None and _cutoff(after.older_than, moment) > _cutoff(before.older_than, moment),
            before.before is not None and (after.before is None or after.before > before.before),
            bool(before.smaller_than) and (not after.smaller_than or after.smaller_than > before.smaller_than),
            # Limits from below.
            before.newer_than is not None
            and (after.newer_than is None or after.newer_than.before(moment) < before.newer_than.before(moment)),
            before.since is not None and (after.since is None or after.since < before.since),
            after.larger_than < before.larger_than,
        )
    )
