"""Whose a folder is that a mailbox shows: its own, somebody else's, everybody's. Pure decisions.

Servers tell it by NAMESPACE (RFC 2342).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Standing(StrEnum):
    """What a folder is to the mailbox that shows it."""

    OWN = "own"
    DOUBTFUL = "doubtful"
    OTHERS = "others"
    SHARED = "shared"


class Evidence(StrEnum):
    """What tells whose a folder is."""

    NOTHING = ""
    NAMESPACE = "namespace"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose a folder is, and how that is known. ``owner`` is a name for people, empty when it is not told.

    ``root`` is the path of what holds all that is not the mailbox's own, empty when nothing does: ``shared`` of
    ``shared/bob/INBOX``.
    """

    standing: Standing = Standing.OWN
    owner: str = ""
    evidence: Evidence = Evidence.NOTHING
    root: str = ""

    @property
    def foreign(self) -> bool:
        """Is it somebody else's, or everybody's, so that it is left alone unless it is named?"""
        return self.standing in (Standing.OTHERS, Standing.SHARED)

    @property
    def reason(self) -> str:
        """Why it is not archived here unless it is named; empty for what is not foreign."""
        if self.standing is Standing.SHARED:
            return "a shared folder"
        if self.standing is Standing.OTHERS:
            return f"a folder of {self.owner}" if self.owner else "a folder of another user"
        return ""

    def as_json(self) -> dict[str, Any]:
        return {"standing": self.standing.value, "owner": self.owner, "evidence": self.evidence.value}


OWN = Whose()
