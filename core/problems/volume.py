"""Volumes of the archive, and the messages and parts in them."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_REPAIR = f"{Do.REPAIR}"
_DISK = "Check the disk."
_OWNER = "Correct its owner and mode."

MISSING = Code("volume-missing", "Volume {file} is missing.", _REPAIR, Family.DAMAGE)
ALL_MISSING = Code(
    "volumes-missing",
    "All volumes are missing in {folder}.",
    "Is their disk mounted? Else put them back from the backup.",
    Family.DAMAGE,
)
NONE_READABLE = Code(
    "volumes-unreadable",
    "No volume can be read, and there is no catalog.",
    "Put them back from a backup.",
    Family.DAMAGE,
)
UNREADABLE = Code("volume-unreadable", "Volume {file} cannot be read: {said}.", _DISK, Family.DAMAGE)
DENIED = Code("volume-denied", "Volume {file} cannot be read: access is denied.", _OWNER, Family.DAMAGE)
NO_FILE = Code("volume-no-file", "Volume {file} is no file.", _REPAIR, Family.DAMAGE)
CUT = Code("volume-cut", "{file} is cut short: it has {found} bytes instead of {size}.", _REPAIR, Family.DAMAGE)
DAMAGED = Code("volume-damaged", "{file}: the file is damaged ({said}).", _REPAIR, Family.DAMAGE)
INCONSISTENT = Code("volume-inconsistent", "{file}: SQLite finds: {said}.", _REPAIR, Family.DAMAGE)
SCHEMA = Code("volume-schema", "{file} is damaged: in its schema {wrong}.", _REPAIR, Family.DAMAGE)
OUT_OF_ORDER = Code("volume-out-of-order", "{file}: a table is out of order.", _REPAIR, Family.DAMAGE)
UNIDENTIFIED = Code("volume-unidentified", "{file} does not say what it is.", _REPAIR, Family.DAMAGE)
OF_OTHER_ARCHIVE = Code(
    "volume-of-other-archive", "{file} belongs to another archive than the catalog.", _REPAIR, Family.DAMAGE
)
MISNUMBERED = Code("volume-misnumbered", "{file} is volume {number} by what it says of itself.", _REPAIR, Family.DAMAGE)
REPLACED = Code("volume-replaced", "{file} is another volume, or one of another archive.", _REPAIR, Family.DAMAGE)
NEWER = Code(
    "volume-newer",
    "{file} was written by a newer Archivar (volume format {format}).",
    "Install the newer version; nothing was changed.",
    Family.INPUT,
)
BEING_MADE = Code("volume-being-made", "Another process is making a volume.", "Try again in a moment.", Family.BUSY)

# Salvaging ---------------------------------------------------------------------------------------------------------------

NEITHER_READABLE = Code(
    "volume-and-previous-unreadable",
    "Neither volume {number} nor the one before it can be read.",
    "Put one of them back from a backup, and repair again.",
    Family.DAMAGE,
)
NOT_REPLACED = Code("volume-not-replaced", "{file} cannot be replaced: {said}.", "Check the folder's file system.")
NOT_COPIED = Code("volume-not-copied", "{file} cannot be copied: {said}.", "Make space and try again.")
NO_VOLUMES = Code(
    "home-without-volumes",
    "There are no volumes in {folder}.",
    "Name a home or a backup: a folder with volumes in it.",
    Family.INPUT,
)
SAME_ARCHIVE = Code("home-of-same-archive", "{path} is this very archive.", "Name another home, or a backup.", Family.INPUT)

# Messages and parts ------------------------------------------------------------------------------------------------------

NOT_ARCHIVED = Code("message-not-archived", "Message {message} is not in the archive.", f"{Do.VERIFY}", Family.DAMAGE)
MESSAGE_MISSING = Code("message-missing", "Message {message} is missing in {file}.", _REPAIR, Family.DAMAGE)
MESSAGE_UNREAD = Code("message-unread", "Message {message} cannot be read: {why}", "{why:remedy}", Family.DAMAGE)
MESSAGE_CHANGED = Code("message-changed", "Message {message} in {file} does not match its SHA-256.", _REPAIR, Family.DAMAGE)
MESSAGE_GONE = Code("message-gone", "Message {message} could be read before, and cannot any more.", _DISK, Family.DAMAGE)
RECIPE_CUT = Code("recipe-cut", "The recipe of a message is cut short.", _REPAIR, Family.DAMAGE)
RECIPE_PART = Code("recipe-part", "The recipe of a message names part {part}, which no volume has.", _REPAIR, Family.DAMAGE)
PART_MISSING = Code("part-missing", "Part {part} is missing in {file}.", _REPAIR, Family.DAMAGE)
PART_DAMAGED = Code("part-damaged", "Part {part} in {file} is damaged: {why}", _REPAIR, Family.DAMAGE)
NO_PART = Code("part-none", "It is no part.", _REPAIR, Family.DAMAGE)
PART_CODEC = Code("part-codec", "Its codec {codec} is unknown.", _REPAIR, Family.DAMAGE)
PART_COMPRESSION = Code("part-compression", "It cannot be decompressed: {said}.", _REPAIR, Family.DAMAGE)
PART_SIZE = Code("part-size", "It unfolds to {found} bytes instead of {size}.", _REPAIR, Family.DAMAGE)
