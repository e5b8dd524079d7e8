"""People of a directory of any kind, and the test of its settings step by step."""

from __future__ import annotations

from collections.abc import Callable

from core.directory.entry import DirectoryEntry
from core.directory.group_notes import GroupLack, GroupNote
from core.errors import ConnectError, DirectoryError
from core.network import Report
from core.problems import directory as problems
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind
from core.secrets import Secret
from core.trial import Trial, TrialStep


def steps(directory: Directory) -> tuple[str, ...]:
    """The steps in the order in which they come."""
    if directory.server.access is DirectoryAccess.LDAP:
        return ("lookup", "tcp", "login", "search")
    return ("lookup", "tcp", "tls", "certificate", "login", "search")


async def people(
    directory: Directory,
    password: Secret,
    report: Report = lambda step, text: None,
    note: Callable[[GroupNote], None] = lambda note: None,
) -> tuple[DirectoryEntry, ...]:
    """All people of a directory, never an empty result. ``report(step, text)`` gets each success, ``note`` gaps in groups.

    Raises ``ConnectError`` with the failed step, ``DirectoryError`` for an empty or incomplete answer.
    """
    if directory.source is DirectoryKind.KERIO:
        # Imported only here: these libraries are slow to load, and most commands use no directory.
        from core.directory import kerio

        found = await kerio.people(directory, password, report)
    else:
        from core.directory import ldap
        from core.directory.threads import in_thread, on_loop

        told = on_loop(report)
        notes: list[GroupNote] = []
        found = await in_thread(lambda opening: ldap.people(directory, password, told, opening, notes.append))
        for one in notes:
            note(one)
    found = [one for one in found if one.enabled or directory.include_disabled]
    if directory.source is DirectoryKind.KERIO:
        # The groups exist and have members; all of those may be disabled accounts.
        there = {name.casefold() for one in found for name in one.groups}
        for name in directory.search.groups:
            if name.casefold() not in there:
                note(GroupNote(name, GroupLack.NOBODY))
    host, of_kerio = directory.server.host, directory.source is DirectoryKind.KERIO
    if not found:
        raise DirectoryError(
            problems.NOBODY_IN_KERIO(host=host) if of_kerio else problems.NOBODY(host=host, filter=directory.filter)
        )
    if not any(one.addresses for one in found):
        # A misspelled name, or a lost permission: it would remove all users' addresses.
        raise DirectoryError(
            problems.NO_ADDRESSES_IN_KERIO(host=host)
            if of_kerio
            else problems.NO_ADDRESSES(host=host, attributes=directory.attributes.email)
        )
    return tuple(found)


async def connection_test(
    directory: Directory,
    password: Secret,
    tick: Callable[[TrialStep], None] = lambda step: None,
    note: Callable[[GroupNote], None] = lambda note: None,
) -> tuple[list[TrialStep], tuple[DirectoryEntry, ...]]:
    """Test all steps in their order; ``tick`` gets each result, on the running loop, ``note`` gaps in groups.

    The steps, and the people found.
    """
    trial = Trial(steps(directory), tick)
    found: tuple[DirectoryEntry, ...] = ()
    try:
        found = await people(directory, password, trial.succeeded, note)
    except (ConnectError, DirectoryError) as error:
        step = error.step if isinstance(error, ConnectError) and error.step in trial.order else "search"
        trial.failed(step, error.reason)
    return trial.steps, found
