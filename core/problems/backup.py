"""Backups of the archive, and the folders for them."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_OTHER = "Choose another folder."
_KEEP = "Keep it and choose another folder."

IN_PART = Code("backup-without-damaged", "All but this was copied: {damaged}", f"{Do.REPAIR}", Family.DAMAGE)
COPY_UNREADABLE = Code(
    "copy-unreadable",
    "The copy {path} cannot be read: {why}",
    "Move that file away and back up again: it is copied anew.",
    Family.DAMAGE,
)
COPY_CHANGED = Code(
    "copy-changed",
    "The copy {path} reads back from its disk otherwise than it was written.",
    "Check that disk, or choose another folder.",
)
COPY_OF_OTHER = Code("copy-of-other", "{path} is a copy of another volume or archive.", _OTHER, Family.INPUT)
COPY_DIVERGED = Code(
    "copy-diverged",
    "{path} goes on to entry {entry} otherwise than the archive: it has what the archive has not.",
    f"Keep it, and choose another folder. See whether the archive is whole. {Do.VERIFY}",
    Family.INPUT,
)
COPY_OF_NONE = Code(
    "copy-of-no-volume",
    "{path} is no copy of any volume of the archive: the backup has what the archive has not.",
    _KEEP,
    Family.INPUT,
)
OF_BACKUP = Code(
    "backup-of-backup", "{path} is a backup itself.", f"Back up the archive that it is of. {Do.CHOOSE_HOME}", Family.INPUT
)
WITHIN_HOME = Code(
    "backup-within-home",
    "{path} and the archive's own folder lie in one another.",
    "Choose a folder elsewhere, best on another disk.",
    Family.INPUT,
)
OF_OTHER_ACCOUNT = Code(
    "backup-of-other-account",
    "{path} belongs to {owner}, not to {account}.",
    "Make {account} its owner, if it is of this backup, or choose another folder.",
    Family.INPUT,
)
NOT_EMPTY = Code(
    "backup-folder-not-empty",
    "{path} is no backup of this archive, and not empty ({found}).",
    "Choose an empty or a new folder.",
    Family.INPUT,
)
NOTE_UNREADABLE = Code("backup-note-unreadable", "{path} cannot be read.", _OTHER, Family.INPUT)
NEWER = Code("backup-newer", "The backup in {path} was made by a newer Archivar.", "Install the newer version.", Family.INPUT)
OF_OTHER_ARCHIVE = Code("backup-of-other-archive", "{path} is a backup of another archive ({archive}).", _OTHER, Family.INPUT)
UNDER_WAY = Code("backup-under-way", "Another backup to {path} is under way.", "Wait for its end.", Family.BUSY)
NOT_NOTED = Code(
    "backup-not-noted",
    "The backup is complete, but could not be noted in the ledger: {why}",
    "{why:remedy}",
    Family.BUSY,
)
STOPPED = Code(
    "backup-stopped",
    "The backup to {path} stopped: {said}.",
    "Make space there, or choose another folder, and back up again: it carries on where it stopped.",
)
NOWHERE = Code(
    "backup-place-not-set",
    "No place is set for scheduled backups.",
    f"{Do.SET_BACKUPS}",
    Family.INPUT,
)
ONE_GENERATION = Code(
    "backup-is-one-generation",
    "{path} is a backup itself, so it cannot hold {keep} of them.",
    f"Choose an empty or a new folder, or one generation. {Do.SET_BACKUPS}",
    Family.INPUT,
)
VANISHED = Code(
    "backup-vanished",
    "There is no backup in {path} any more; the last one was made {at:moment}.",
    "Mount the disk that it is on. To begin anew there, back up to {folder} by hand once.",
)
STOPPED_SILENTLY = Code("backup-without-reason", "The backup to {path} stopped, and no reason is known.", f"{Do.BACK_UP}")
