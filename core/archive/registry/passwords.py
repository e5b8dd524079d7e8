"""Stored passwords: encrypted boxes in the catalog, and rotation of their key.

Invariant: every box is of the key or of the next one, and both files are there until all boxes are of the next one; so a
rotation that is broken off anywhere leaves passwords readable, and the next one continues it. Storing a password needs
``Archive.changing``, so that none is stored during a rotation; a reader may meet one, and then reads once more.
"""

from __future__ import annotations

from core.archive.archive import Archive
from core.archive.opening import refuse_backup
from core.archive.store.entries.upkeep import KeyRotated
from core.archive.store.ledger import Draft
from core.errors import HomeError
from core.problems.code import Reason
from core.problems.key import PASSWORDS_UNREADABLE
from core.secrets import Secret
from core.storage import configuration
from core.values import dataclass

#: Names under which the directory's password and those of seal places are stored; names of profiles never begin with a hyphen.
DIRECTORY, SEALS = "-directory", "-seal:"


@dataclass(frozen=True, slots=True)
class Rotated:
    """The passwords stored under the new key, and the names of those that the old key could not decrypt."""

    passwords: int
    unreadable: tuple[str, ...]
    #: A broken-off rotation was continued.
    resumed: bool


def box(archive: Archive, name: str, password: Secret) -> bytes:
    """The box to store for a password under ``name``. Raises ``HomeError``, ``StorageError``."""
    return archive.home.key.encrypt(password, purpose=_purpose(name))


async def stored(archive: Archive, name: str) -> Secret | None:
    """The password stored under ``name``; None when there is none. Raises ``HomeError``."""
    for again in (True, False):
        found = await archive.database.value("SELECT box FROM password WHERE profile = ?", (name,))
        if found is None:
            return None
        try:
            return archive.home.key.decrypt(found, purpose=_purpose(name), whose=whose(name))
        except HomeError:
            # The key may have been rotated between the two.
            if not again:
                raise
    raise AssertionError("unreachable")


async def names(archive: Archive) -> list[str]:
    """The names under which passwords are stored."""
    return [name for (name,) in await archive.database.read("SELECT profile FROM password ORDER BY profile")]


def whose(name: str) -> str:
    """The owner of the password stored under ``name``, for display."""
    if name == DIRECTORY:
        return "the directory"
    return f"the place {name.removeprefix(SEALS)} for seals" if name.startswith(SEALS) else name


async def without_key(archive: Archive) -> Reason | None:
    """Advice about stored passwords whose key is missing, as after a backup without it; None when it is there."""
    stored_names = await names(archive)
    if not stored_names or any(archive.home.key.content()):
        return None
    path = archive.home.key.path
    return PASSWORDS_UNREADABLE(file=path.name, count=len(stored_names), path=str(path))


def refuse_rotation(archive: Archive) -> None:
    """Raise ``HomeError`` for a backup, ``DamagedError`` or ``StorageError`` where no entry can be written."""
    refuse_backup(archive.home)
    archive.check_usable()


async def rotate_key(archive: Archive, *, actor: str = "archivar") -> Rotated:
    """Store all passwords under a new key, which then replaces the old one.

    Raises ``HomeError`` (no key, although there are passwords), ``BusyError``, ``StorageError``; the old key or the new one is
    valid then, and another rotation continues.
    """
    refuse_rotation(archive)
    async with archive.changing():
        key = archive.home.key
        resumed = key.next_path.exists()
        rows = await archive.database.read("SELECT profile, box FROM password ORDER BY profile")
        if rows:
            key.check()
        following = key.next()
        anew, unreadable = [], []
        for name, old in rows:
            try:
                password = key.decrypt(old, purpose=_purpose(name))
            except HomeError:
                unreadable.append(name)
                continue
            anew.append((following.encrypt(password, purpose=_purpose(name)), name))
        # The old boxes are overwritten, in the log too: they could be read with the old key.
        await archive.database.read("PRAGMA secure_delete = ON")
        async with archive.database.transaction() as transaction:
            await transaction.many("UPDATE password SET box = ? WHERE profile = ?", anew)
        # The entry first, so that no rotation is without one; a broken-off one is continued, and has two.
        await archive.append([Draft(KeyRotated(len(anew), tuple(unreadable)), actor)])
        configuration.encrypt_anew(archive.home, following)
        key.finish_rotation()
        await archive.database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    return Rotated(len(anew), tuple(unreadable), resumed)


def _purpose(name: str) -> str:
    """The purpose bound into a box, so that rows cannot be swapped."""
    if name == DIRECTORY:
        return "directory"
    return name if name.startswith(SEALS) else f"profile:{name.casefold()}"
