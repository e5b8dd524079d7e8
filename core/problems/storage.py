"""Databases and files of the archive, as SQLite and the system report on them."""

from __future__ import annotations

from core.problems.code import Code, Family

_OWNER = "Check the owner and mode of the home folder."

FULL = Code("disk-full", "{file}: the disk is full ({said}).", "Make space and run again: it carries on where it stopped.")
LOCKED = Code("database-locked", "{file}: it is locked by another process ({said}).", "Try again in a moment.", Family.BUSY)
TOO_MANY_FILES = Code(
    "too-many-files",
    "{file}: it cannot be opened, since this process may not open more than {limit} files at once.",
    "Raise that limit: ulimit -n in the shell, LimitNOFILE= in the unit of a service.",
    Family.BUSY,
)
READ_ONLY = Code("database-read-only", "{file}: it cannot be written ({said}).", _OWNER)
DENIED = Code("database-denied", "{file}: access is denied ({said}).", _OWNER)
NOT_OPENED = Code("database-not-opened", "{file}: it cannot be opened ({said}).", _OWNER)
FAILED = Code("disk-failed", "{file}: reading or writing failed ({said}).", "Check the disk and the system log.")
#: Of a database that is neither the catalog nor a volume.
DAMAGED = Code("database-damaged", "{file}: the file is damaged ({said}).", "Check the disk and the system log.", Family.DAMAGE)
NO_VALUE = Code(
    "value-not-stored",
    "{file}: a value cannot be stored ({said}).",
    "Give a number of fewer digits, or text that UTF-8 can hold.",
    Family.INPUT,
)
NOT_MADE = Code("file-not-made", "{file} cannot be made: {said}.", "Make space and run again.")
