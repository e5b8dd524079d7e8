"""Synchronisation of users with the directory: query, difference, and its execution."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import last_attempt, saved_directory, saved_profiles, users
from core.archive.registry.last_attempt import AttemptOutcome
from core.directory.diff import compare, in_order
from core.directory.difference import Difference, UserChangeKind
from core.directory.entry import DirectoryEntry
from core.directory.group_notes import GroupNote
from core.directory.people import people
from core.errors import ArchivarError, BusyError, DamagedError, DirectoryError, StorageError
from core.model import Run
from core.network import Report
from core.problems import event
from core.problems.code import Reason
from core.problems.table import warned
from core.profiles.directory import Directory
from core.secrets import Secret
from core.system.actor import PERSONAL, signed
from core.values import dataclass

#: The actor of a synchronisation in the ledger.
ACTOR = "directory"


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result of a synchronisation or dry run. ``groups``: notes on groups whose members could not all be found."""

    difference: Difference
    done: bool
    warnings: tuple[Reason, ...] = ()
    groups: tuple[GroupNote, ...] = ()

    @property
    def refusal(self) -> DirectoryError | None:
        """The reason why users who left were kept, when too many would have been disabled or removed."""
        return DirectoryError(self.difference.withheld) if self.difference.withheld else None

    def sentence(self) -> str:
        """The numbers of the synchronisation in a sentence."""
        counts = self.difference.counts()
        words = [f"{counts[what.value]:,} {what.value}" for what in UserChangeKind if counts[what.value]]
        gone = counts["left"] - counts["disabled"] - counts["removed"]
        parts = [*words, f"{counts['unchanged']:,} unchanged", *([f"{gone:,} no longer in the directory"] if gone > 0 else [])]
        if counts["conflicts"]:
            parts.append(f"{counts['conflicts']:,} {'conflict' if counts['conflicts'] == 1 else 'conflicts'}")
        return f"{self.difference.entries:,} in the directory: {', '.join(parts)}."

    def event(self) -> Reason:
        """The numbers as an event of a run."""
        counts = self.difference.counts()
        gone = counts.pop("left") - counts["disabled"] - counts["removed"]
        counts.pop("withheld")
        code = event.SYNCHRONISED if self.done else event.WOULD_SYNCHRONISE
        return code(entries=self.difference.entries, left=max(gone, 0), **counts)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.difference.as_json(),
            "done": self.done,
            **warned(self.warnings),
            "groups": [one.as_json() for one in self.groups],
        }


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Unsaved settings with their password; ``save`` saves them once the directory has answered."""

    directory: Directory
    password: Secret
    save: Callable[[], Awaitable[object]]


async def plan(
    archive: Archive, directory: Directory, password: Secret, report: Report = lambda step, text: None, *, force: bool = False
) -> SyncResult:
    """Plan a synchronisation by these settings, saved or not; writes nothing.

    Raises ``ConnectError``, ``DirectoryError``.
    """
    groups: list[GroupNote] = []
    found = await people(directory, password, report, groups.append)
    difference = await _compare(archive, directory, found, force=force)
    return SyncResult(difference, False, tuple(directory.warnings()), tuple(groups))


async def sync(
    archive: Archive,
    *,
    dry_run: bool = False,
    agreed: frozenset[str] | None = frozenset(),
    asked_by: str | Run = "",
    report: Report = lambda step, text: None,
    unsaved: Unsaved | None = None,
) -> SyncResult:
    """Synchronise by the saved settings, or by ``unsaved`` ones, which are saved as soon as the directory has answered.

    Every change is in the ledger. ``asked_by``: the channel or run that asked for it. ``agreed``: the ids of users who
    may go beyond the limit; when others would go as well, the limit applies. None lets any number go.

    The outcome is kept as the last attempt, unless it was a dry run, or one by ``unsaved`` settings that failed: then nothing
    changes.

    Raises ``InputError`` (no settings, no password), ``ConnectError`` and ``DirectoryError`` (nothing is changed then).
    """
    of_run = isinstance(asked_by, Run)
    if isinstance(asked_by, Run):
        asked_by = f"run {asked_by.id} of {asked_by.profile}"
    asked_by = signed(asked_by) if asked_by in PERSONAL else asked_by
    if not dry_run:
        archive.check_usable()
    directory = unsaved.directory if unsaved is not None else await saved_directory.find(archive)
    try:
        password = unsaved.password if unsaved is not None else await saved_directory.password(archive, directory)
        if dry_run:
            return await plan(archive, directory, password, report, force=agreed is None)
        groups: list[GroupNote] = []
        found = await people(directory, password, report, groups.append)
        if unsaved is not None:
            await unsaved.save()
        result = await _carry_out(archive, directory, found, agreed, asked_by)
        result = replace(result, groups=tuple(groups))
    except (BusyError, DamagedError, StorageError):
        # An error of the archive, not of the directory: it is no attempt to remember.
        raise
    except ArchivarError as error:
        if not dry_run and unsaved is None:
            # The reason is reported all the same.
            with suppress(BusyError, StorageError):
                await last_attempt.remember(archive, AttemptOutcome.FAILED, error.reason, asked_by=asked_by, of_run=of_run)
        raise
    withheld = result.difference.withheld
    outcome = AttemptOutcome.WITHHELD if withheld else AttemptOutcome.DONE
    with suppress(BusyError, StorageError):
        await last_attempt.remember(archive, outcome, withheld, asked_by=asked_by, of_run=of_run)
    return result


async def _carry_out(
    archive: Archive,
    directory: Directory,
    found: tuple[DirectoryEntry, ...],
    agreed: frozenset[str] | None,
    asked_by: str,
) -> SyncResult:
    async with archive.changing():
        # Compared with the users as they are now, not as they were when the directory was asked.
        difference = await _compare(archive, directory, found, force=agreed is None)
        if agreed and difference.kept and {user.id for user in difference.kept} <= agreed:
            difference = await _compare(archive, directory, found, force=True)
        saved = in_order(difference.changes)
        await saved_directory.write(archive, saved, difference.counts(), actor=ACTOR, asked_by=asked_by)
    return SyncResult(difference, True, tuple(directory.warnings()))


async def _compare(archive: Archive, directory: Directory, found: tuple[DirectoryEntry, ...], *, force: bool) -> Difference:
    everybody = await users.all_users(archive, removed=True)
    mailboxes = await saved_profiles.catchall_mailboxes(archive)
    return compare(found, everybody, left=directory.left, guard=None if force else directory.guard, mailboxes=mailboxes)
