"""The archive as a whole: its folder, its catalog, and whether it may be written."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_REBUILD = f"{Do.REBUILD}"
_NEWER = "Install the newer version; nothing was changed."

CATALOG_DAMAGED = Code("catalog-damaged", "{file}: the file is damaged ({said}).", _REBUILD, Family.DAMAGE)
CATALOG_SCHEMA = Code("catalog-schema", "{file} is damaged: in its schema {wrong}.", _REBUILD, Family.DAMAGE)
CATALOG_NEWER = Code(
    "catalog-newer",
    "{file} was written by a newer Archivar (schema {schema}, this program knows {known}).",
    _NEWER,
    Family.INPUT,
)
CATALOG_OLDER = Code(
    "catalog-older",
    "{file} is of an older version and must be brought up to date, but {why:clause}; and {place} has no room for a copy, which "
    "needs {bytes:bytes}.",
    "{why:remedy} Or set TMPDIR to a folder on a larger disk.",
)
CATALOG_BEING_MADE = Code(
    "catalog-being-made", "The catalog is being made anew.", "Try again when that has ended.", Family.BUSY
)
BEING_CHANGED = Code(
    "records-being-changed", "Somebody else is changing users or profiles.", "Try again in a moment.", Family.BUSY
)
READ_ONLY = Code(
    "archive-read-only",
    "{path} cannot be written, so it is only read.",
    "Mount its file system for writing, or make it writable for its owner.",
    Family.INPUT,
)
BACKUP = Code(
    "archive-is-backup",
    "{path} is a backup, which is only read.",
    f"To restore it, copy it to a folder of its own. {Do.ADOPT_BACKUP} If this is that copy, do so here.",
    Family.INPUT,
)
BACKUP_INCOMPLETE = Code(
    "backup-incomplete",
    "The backup in {path} was not completed.",
    f"Back up to it again, or go on with what is there. {Do.ADOPT_BACKUP}",
    Family.INPUT,
)
