"""Damaged messages for which no good copy was found."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_BACKUP = "A backup of the archive may have it."


def _lost(word: str, sentence: str, remedy: str = _BACKUP) -> Code:
    return Code(f"repair-{word}", sentence, remedy, Family.ITEM)


GONE = _lost("gone", "the server does not have it any more")
NO_PROFILE = _lost("without-profile", "no profile leads to the mailbox that it came from", f"{Do.ADD_PROFILE}")
NOWHERE = _lost("from-no-server", "it came from no server")
FILES = _lost("from-files", "it came from files; importing them again stores it again", "Import them again.")
OTHER_MESSAGE = _lost("other-message", "the server has another message in its place")
NOT_READ_BACK = _lost("not-read-back", "what was written cannot be read back: {why}", "Check the disk and the system log.")
NOT_FETCHED = _lost("not-fetched", "{whose}: {why}", "{why:remedy}")
