"""Differences of the archive from its seals and time stamps."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_WHOSE = "Find out who wrote to the archive's files, and put the volumes back from a backup."
_STAMP = (
    " is of no entry that is in the ledger: the entry or one before it was changed, or the end is missing; or the stamp is of "
    "another archive."
)


def _differs(word: str, sentence: str, remedy: str = _WHOSE) -> Code:
    return Code(f"seal-{word}", sentence, remedy, Family.DAMAGE)


ENTRY_MISSING = _differs("entry-missing", "{file}: entry {entry} is missing.")
ENTRY_TWICE = _differs("entry-twice", "{file}: entry {entry} comes twice.")
OTHER_HASH = _differs(
    "of-other-hash",
    "Entry {entry} has another hash than the seal: it or one before it was changed, and the chain computed anew; or the seal "
    "is of another archive.",
)
OTHER_TIME = _differs(
    "of-other-time",
    "Entry {entry} is of {at}, but the seal says {said}: the seal was changed.",
    "Take the seal from the place where it was kept, and check again.",
)
UNREAD = _differs("ledger-unread", "After entry {entry} the ledger cannot be read: {why}", f"{Do.REPAIR}")
ENTRY_INCOMPLETE = _differs("entry-incomplete", "an entry has not what it must have.")
END_MISSING = _differs(
    "ledger-end-missing", "The ledger ends with entry {end}, before entry {entry} of the seal: the end is missing."
)
NO_ENTRY = _differs("stamp-of-no-entry", f"The time stamp of {{at}} by {{authority}}{_STAMP}")
NO_ENTRIES = _differs("stamps-of-no-entry", f"The time stamp of {{at}} by {{authority}}, and {{more:other one}},{_STAMP}")
MESSAGES_MISSING = _differs(
    "messages-missing",
    "The ledger is unchanged up to entry {entry}, but messages are missing or not whole: {missing:number} of "
    "{messages:message} up to there, beginning with {first}.",
    f"{Do.VERIFY} {Do.REPAIR}",
)
