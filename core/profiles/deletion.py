"""Deletion rule of a profile, for the server after archiving: pure decisions, on FETCH results.

Invariant: flagged mail and drafts are never deleted, nor messages that cannot be judged (without a date).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from core.profiles.age import Age
from core.profiles.filter import DRAFT, FLAGGED, has_flag
from core.values import dataclass


class When(StrEnum):
    NEVER = "never"
    IMMEDIATELY = "immediately"
    OLDER_THAN = "older-than"


class OnTrash(StrEnum):
    """The archive's treatment of mail that a user moves to the trash: it keeps its folder, or follows."""

    KEEP = "keep"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion rule of a profile. ``age`` is given when ``when`` is ``OLDER_THAN``, and by INTERNALDATE.

    ``without_uidplus``: a plain EXPUNGE may be sent where a server cannot expunge by UID (RFC 4315). It deletes all messages
    marked at that moment, also one that another client marks between our check and the EXPUNGE.
    ``shared``: mail is also deleted in archived folders of other users and shared ones.
    """

    when: When = When.NEVER
    age: Age | None = None
    trash_too: bool = False
    on_trash: OnTrash = OnTrash.KEEP
    without_uidplus: bool = False
    shared: bool = False

    @property
    def active(self) -> bool:
        return self.when is not When.NEVER

    def reason_to_keep(self, flags: str, internaldate: int | None, now: datetime) -> str:
        """The reason why an archived message stays on the server; empty when it is to be deleted."""
        if not self.active:
            return "nothing is deleted"
        if has_flag(flags, FLAGGED):
            return "flagged"
        if has_flag(flags, DRAFT):
            return "a draft"
        if self.age is None:
            return ""
        if internaldate is None:
            return "without a date"
        return "" if internaldate < self.age.before(now).timestamp() else f"not older than {self.age}"

    def sentence(self) -> str:
        """The rule in sentences."""
        if not self.active:
            return "Nothing is deleted on the server."
        what = "every archived message is" if self.age is None else f"archived messages older than {self.age} are"
        rest = " Where the server moves them to its trash, they are removed there too." if self.trash_too else ""
        if self.without_uidplus:
            rest += (
                " Where it has no UIDPLUS a plain EXPUNGE is sent, which takes whatever is marked: a message that somebody "
                "marks between the check and the EXPUNGE is gone too."
            )
        if self.shared:
            rest += " Also in folders of others and shared ones that are archived."
        return f"After archiving, {what} deleted on the server, except flagged mail, drafts and mail in the trash.{rest}"
