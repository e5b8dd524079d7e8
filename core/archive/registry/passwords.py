"""Stored passwords: the boxes in the catalog, and the key that opens them, which is rotated.

What holds here: every box is of the key or of the next one, and both are there until all boxes are of the next one; so a
rotation that is broken off anywhere leaves passwords that can be read, and the next one carries it on. Nobody else stores a
password meanwhile (``Archive.changing``); whoever reads one may meet a rotation, and then looks once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.archive.archive import Archive
from core.archive.opening import refuse_backup
from core.archive.store.entries.upkeep import KeyRotated
from core.archive.store.ledger import Draft
from core.errors import HomeError
from core.secrets import Secret
from core.text.format import counted

#: Under which the directory's password and those of places for seals are stored: names of profiles never begin with a hyphen.
DIRECTORY, SEALS = "-directory", "-seal:"


@dataclass(frozen=True, slots=True)
class Rotated:
    """Passwords that are stored under the new key, and the names of those that could not be read with the old one either."""

    passwords: int
    unreadable: tuple[str, ...]
    #: A rotation that was broken off was carried on.
    resumed: bool


def box(archive: Archive, name: str, password: Secret) -> bytes:
    """A password as it is stored under ``name``. Raises ``HomeError``, ``StorageError``."""
    return archive.home.key.encrypt(password, purpose=_purpose(name))


async def stored(archive: Archive, name: str) -> Secret | None:
    """The password that is stored under ``name``; None when there is none. Raises ``HomeError``."""
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
    """Under which names passwords are stored."""
    return [name for (name,) in await archive.database.read("SELECT profile FROM password ORDER BY profile")]


def whose(name: str) -> str:
    """The owner of the password that is stored under ``name``, for people."""
    if name == DIRECTORY:
        return "the directory"
    return f"the place {name.removeprefix(SEALS)} for seals" if name.startswith(SEALS) else name


async def without_key(archive: Archive) -> str:
    """Advice about stored passwords whose key is not there, as after a backup without it; empty when it is there."""
    stored_names = await names(archive)
    if not stored_names or any(archive.home.key.content()):
        return ""
    lost = counted(len(stored_names), "stored password")
    return (
        f"secret.key is missing, so {lost} cannot be read. Copy the key of the archive to {archive.home.key.path} (mode 0600), "
        "or enter the passwords again (archivar profile apply)."
    )


def refuse_rotation(archive: Archive) -> None:
    """Raises ``HomeError`` for a backup, ``DamagedError`` and ``StorageError`` where no entry can be written."""
    refuse_backup(archive.home)
    archive.check_usable()


async def rotate_key(archive: Archive, *, actor: str = "archivar") -> Rotated:
    """Store all passwords under a new key, and put that in the place of the old one, which is gone then.

    Raises ``HomeError`` (no key, although there are passwords), ``BusyError``, ``StorageError``; the old key or the new one is
    good then, and this again carries on.
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
        # What stood in the file is overwritten, in its log too: it could be read with the old key.
        await archive.database.read("PRAGMA secure_delete = ON")
        async with archive.database.transaction() as transaction:
            await transaction.many("UPDATE password SET box = ? WHERE profile = ?", anew)
        # First, so that no rotation is without its entry; one that is broken off here is carried on, and has two.
        await archive.append([Draft(KeyRotated(len(anew), tuple(unreadable)), actor)])
        key.finish_rotation()
        await archive.database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    return Rotated(len(anew), tuple(unreadable), resumed)


def _purpose(name: str) -> str:
    """The purpose that a box is bound to, so that rows cannot be swapped."""
    if name == DIRECTORY:
        return "directory"
    return name if name.startswith(SEALS) else f"profile:{name.casefold()}"
