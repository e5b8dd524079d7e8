"""Findings of a verification: damage of volumes, ledger and catalog. Their family is that of the command that found them."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_REPAIR, _REBUILD = f"{Do.REPAIR}", f"{Do.REBUILD}"
_BACKUP = "Put the volumes back from a backup."
_WHOSE = f"Find out who wrote to the archive's files. {_BACKUP}"


def _found(word: str, sentence: str, remedy: str = _REPAIR) -> Code:
    return Code(f"found-{word}", sentence, remedy, Family.DAMAGE)


# Volumes -----------------------------------------------------------------------------------------------------------------

NO_VOLUMES = _found("no-volumes", "There are no volumes.", _BACKUP)
OTHER_ARCHIVE = _found("volume-of-other-archive", "It belongs to another archive than the volume before.", _BACKUP)
OTHER_END = _found(
    "volume-after-other-entry",
    "It continues after entry {previous}, but the ledger before it ends with entry {end}.",
    _BACKUP,
)
OTHER_HASH = _found(
    "volume-after-other-hash",
    "It continues after entry {previous}, but the ledger before it ends with entry {end} of another hash.",
    _WHOSE,
)
OTHER_NUMBER = _found("volume-misnumbered", "It is volume {number}, not {expected}.", _BACKUP)
STRANGE_LANE = _found(
    "strange-lane", "No entry of the ledger has opened lane {lane}: its volumes are no part of the archive.", _WHOSE
)
NOT_SEALED = _found("volume-not-sealed", "It is not sealed, but another volume follows.", _WHOSE)
STRANGE_KEY = _found("strange-key", "It says {key} of itself, which no volume does.", _WHOSE)
PAGES = _found("pages-damaged", "SQLite finds: {said}.")
ROWS_BEFORE = _found("rows-before-the-first", "{count:row has|rows have} a number under 1, which no row has.", _WHOSE)
PARTS_UNCOUNTED = _found("parts-uncounted", "Its parts cannot be counted: {why:clause}.")
TABLE_UNREAD = _found("table-unread", "The {what} after number {after} cannot be read: {why}")
TABLE_ORDER = _found("table-out-of-order", "The {what} after number {after} are out of order: the table is damaged.")
REPAIRED = _found("repaired", "{why:clause}; repaired: good copies stand in a later volume.", "Nothing is left to be done.")

# Parts and messages ------------------------------------------------------------------------------------------------------

PART_DAMAGED = _found("part-damaged", "Part {part} is damaged: {why:clause}.")
PART_CHANGED = _found("part-changed", "Part {part} does not match its SHA-256.")
PART_UNFOUND = _found("part-unfound", "Part {part} is not found by its number: the table is damaged.")
MESSAGE_DAMAGED = _found("message-damaged", "Message {message} is damaged (part {part}).")
MESSAGE_ABSENT = _found("message-absent", "Message {message} is listed, but cannot be found.")
MESSAGE_UNREAD = _found("message-unread", "Message {message} cannot be read: {why:clause}.")
MESSAGE_SIZE = _found("message-of-other-size", "Message {message} has {found} bytes instead of {size}.")
MESSAGE_NAME = _found("message-misnamed", "A message has {found} for its SHA-256.")
MESSAGE_ORDER = _found("message-out-of-order", "Message {message} is out of order: the table is damaged.")
MESSAGES_UNREAD = _found("messages-unread", "Messages after {message} cannot be read: {why:clause}.")
NO_MESSAGE_READ = _found("no-message-read", "Messages after the first cannot be read: {why:clause}.")
MESSAGE_LOST = _found(
    "message-lost",
    "Message {message} was lost with the damaged volume that this one took the place of.",
    _REPAIR,
)
STRANGE_MESSAGE = _found("strange-message", "Message {message} is named by no entry of the ledger: nobody archived it.", _WHOSE)
NAMELESS_MESSAGE = _found(
    "nameless-message",
    "Message with an empty SHA-256 is named by no entry of the ledger: nobody archived it.",
    _WHOSE,
)
STRANGE_PART = _found("strange-part", "Part {part} belongs to no message: nobody archived it.", _WHOSE)
MORE_STRANGE_MESSAGES = _found("more-strange-messages", "And {count} more messages that nobody archived.", _WHOSE)
MORE_STRANGE_PARTS = _found("more-strange-parts", "And {count} more parts that nobody archived.", _WHOSE)

# Ledger ------------------------------------------------------------------------------------------------------------------

LEDGER_UNREAD = _found("ledger-unread", "{file}: {why}")
ENTRIES_BEFORE = _found("entries-before-the-first", "{file}: {count} entries stand before the volume's first.", _WHOSE)
ENTRY_KIND = _found("entry-of-wrong-kind", "{file}: entry {entry} cannot be read: a value is of a wrong kind")
ENTRY_UNREAD = _found("entry-unread", "{file}: entry {entry} cannot be read: {why}")
ENTRY_MISSING = _found("entry-missing", "{file}: entry {missing} missing before entry {entry}.")
ENTRIES_MISSING = _found("entries-missing", "{file}: entries {first} to {last} missing before entry {entry}.")
ENTRY_CHANGED = _found(
    "entry-changed", "{file}: entry {entry} ({kind}) does not follow from the entry before: it was changed.", _WHOSE
)
ITEMS_ERASED = _found(
    "entry-items-erased",
    "{file}: {count:item is|items are} erased in entry {entry}, and no entry says so.",
    _WHOSE,
)
MESSAGE_NOWHERE = _found("message-in-no-volume", "Message {message} is in the ledger, but in no volume.")
END_MISSING = _found(
    "ledger-end-missing",
    "It ends with entry {end}, but the catalog has seen entry {seen}: the end is missing.",
    _BACKUP,
)
OTHER_ENTRY = _found("other-entry", "Entry {entry} is not the one that the catalog has seen.", _WHOSE)

# Catalog -----------------------------------------------------------------------------------------------------------------

CATALOG_MISSING = _found("catalog-missing", "archive.sqlite is missing; a rebuild makes it anew.", _REBUILD)
CATALOG_PAGES = _found("catalog-pages-damaged", "archive.sqlite: SQLite finds: {said}", _REBUILD)
ROW_ADDED = _found("row-added", "{table} {row} is not in the ledger; a rebuild corrects the catalog.", _REBUILD)
ROW_MISSING = _found("row-missing", "{table} {row} is missing; a rebuild corrects the catalog.", _REBUILD)
MORE_ROWS = _found("more-rows", "{table}: more than {count} rows differ.", _REBUILD)
