"""Lanes: writers beside the archive's own, and what they wrote."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_REPAIR = f"{Do.REPAIR}"
_BACKUP = "Put the lane's volumes back from a backup."
_WRITER = "Find out which program wrote the lane; nothing of it is added until then."

ENTRY_MISSING = Code("lane-entry-missing", "Lane {lane}: entry {entry} is not there.", _BACKUP, Family.DAMAGE)
ENTRY_CHANGED = Code(
    "lane-entry-changed", "Lane {lane}: entry {entry} does not follow from the one before.", _BACKUP, Family.DAMAGE
)
ENTRY_OTHER = Code(
    "lane-entry-other", "Lane {lane}: entry {entry} is another than the one that was anchored.", _BACKUP, Family.DAMAGE
)
KIND = Code("lane-kind", "Lane {lane}: entry {entry} has the kind {kind}, which no lane may have.", _WRITER, Family.DAMAGE)
MESSAGE_MISSING = Code(
    "lane-message-missing",
    "Lane {lane}: message {message}, which its entries name, is neither in it nor in the archive.",
    _WRITER,
    Family.DAMAGE,
)
OTHER_ARCHIVE = Code("lane-of-other-archive", "Lane {lane}: {file} belongs to another archive.", _BACKUP, Family.DAMAGE)
OTHER_VOLUME = Code(
    "lane-other-volume", "Lane {lane}: {file} is another volume, or one of another lane.", _BACKUP, Family.DAMAGE
)
NOT_JOINED = Code("lane-not-joined", "Lane {lane}: {file} does not continue after entry {entry}.", _BACKUP, Family.DAMAGE)
NOT_OPENED = Code("lane-not-opened", "Lane {lane} was never opened.", _REPAIR, Family.DAMAGE)
BEING_WRITTEN = Code("lane-being-written", "Another process writes lane {lane}.", "Try again when it has ended.", Family.BUSY)
STRANGE_KIND = Code(
    "lane-kind-refused",
    "An entry of the kind {kind} cannot be written in a lane.",
    "Write it in the archive's own.",
    Family.INPUT,
)
UNKNOWN = Code("lane-unknown", "The archive has no lane {lane}.", "Open it first.", Family.INPUT)
EXISTS = Code("lane-exists", "The lane with the id {id} is open already.", "Take another id.", Family.INPUT)
BAD_ID = Code("lane-id", "{id} is no id of a lane.", "Take 32 hexadecimal digits.", Family.INPUT)
