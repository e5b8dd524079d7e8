"""The settings of the directory that users come from, and the changes of a synchronisation: all in the ledger.

The password is not: it is this machine's, encrypted like those of profiles, under a name that no profile can have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import last_attempt, passwords, saved_profiles
from core.archive.store.entries.change import PASSWORD_CHANGED
from core.archive.store.entries.records import DirectoryRemoved, DirectorySaved, UserSaved
from core.archive.store.entries.upkeep import DirectorySynced
from core.archive.store.ledger import Draft
from core.errors import InputError
from core.model import User
from core.problems import directory as problems
from core.profiles.directory import Directory, from_json
from core.secrets import Secret

_NAME = passwords.DIRECTORY


async def load(archive: Archive) -> Directory | None:
    """The settings; None when there are none."""
    text = await archive.database.value("SELECT definition FROM directory")
    return from_json(json.loads(text)) if text else None


async def find(archive: Archive) -> Directory:
    """The settings. Raises ``InputError`` when there are none."""
    found = await load(archive)
    if found is None:
        raise InputError(problems.NOT_SET_UP())
    return found


async def save(
    archive: Archive,
    directory: Directory,
    password: Secret | None = None,
    *,
    actor: str = "archivar",
    expected: dict[str, Any] | None = None,
) -> None:
    """Save the settings, and the password (encrypted) when one is given. Raises ``InputError``; nothing is saved then.

    A stored password is forgotten when the account or server changes: it is never sent to another.
    ``expected``: the definition that was edited, empty for none; refused when the saved one differs by now.
    """
    async with archive.changing():
        before = await load(archive)
        if expected is not None and expected != (before.as_json() if before is not None else {}):
            raise InputError(problems.CHANGED())
        box = passwords.box(archive, _NAME, password) if password is not None else None
        # Forgotten before and stored after the entry, so that a crash in between leaves no password rather than the wrong one.
        another = bool(directory.password_file) or before is None or not before.same_account(directory)
        async with saved_profiles.forgetting(archive, _NAME, wanted=box is not None or another) as forgotten:
            changes = PASSWORD_CHANGED if box is not None or forgotten else None
            await archive.append([Draft(DirectorySaved(directory.as_json(), changes=changes), actor)])
        if box is not None:
            async with archive.database.transaction() as transaction:
                await transaction.execute("INSERT OR REPLACE INTO password (profile, box) VALUES (?, ?)", (_NAME, box))


async def remove(archive: Archive, *, actor: str = "archivar") -> None:
    """Forget the settings, the password and the last attempt; users stay. Raises ``InputError`` when there are none."""
    async with archive.changing():
        before = await find(archive)
        changes = PASSWORD_CHANGED if await _is_stored(archive) else None
        await archive.append([Draft(DirectoryRemoved(before.source.value, before.server.host, changes=changes), actor)])
        await _forget(archive)
        await last_attempt.forget(archive)


async def _is_stored(archive: Archive) -> bool:
    return await archive.database.value("SELECT 1 FROM password WHERE profile = ?", (_NAME,)) is not None


async def _forget(archive: Archive) -> None:
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM password WHERE profile = ?", (_NAME,))


async def has_password(archive: Archive, directory: Directory) -> bool:
    """True when a password for this very account is available: a file, a stored one, or none needed."""
    if directory.password_file or not directory.username:
        return True
    before = await load(archive)
    return await _is_stored(archive) and before is not None and before.same_account(directory) and not before.password_file


async def password(archive: Archive, directory: Directory) -> Secret:
    """The password of the directory's account; empty for an anonymous one. Raises ``InputError``, ``HomeError``."""
    if directory.password_file:
        return saved_profiles.read_password(Path(directory.password_file))
    if not directory.username:
        return Secret("")
    stored = await passwords.stored(archive, _NAME)
    if stored is None or not await has_password(archive, directory):
        raise InputError(problems.NO_PASSWORD())
    return stored


async def write(archive: Archive, saved: Sequence[User], counts: dict[str, int], *, actor: str, asked_by: str) -> None:
    """Write the changes of a synchronisation in one batch. The caller holds ``archive.changing()``."""
    drafts = [Draft(UserSaved(user), actor) for user in saved]
    await archive.append([*drafts, Draft(DirectorySynced(counts, asked_by), actor)])


async def last_sync(archive: Archive) -> tuple[str, DirectorySynced] | None:
    """The time (as in the ledger) of the last successful synchronisation, and its counts; None before the first.

    Raises ``DamagedError``.
    """
    found = await archive.entries_before(None, 1, DirectorySynced.kind)
    value = found[0].value if found else None
    return (found[0].at, value) if isinstance(value, DirectorySynced) else None
