"""Filter of a folder's messages: by flags, age, date, size, and header texts. Pure decisions.

Decided on FETCH results, never on SEARCH. Dates are INTERNALDATE. A message that cannot be judged (without a date) is archived:
leaving mail out needs a reason. Texts match anywhere in the decoded header field, without regard to case; ``*`` in them stands
for anything.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import cached_property

from core.profiles.age import Age
from core.profiles.plain import as_json
from core.text.format import size

SEEN, FLAGGED, DELETED, DRAFT = "\\seen", "\\flagged", "\\deleted", "\\draft"


class Seen(StrEnum):
    ANY = "any"
    SEEN = "seen"
    UNSEEN = "unseen"


class Flagged(StrEnum):
    ANY = "any"
    FLAGGED = "flagged"
    UNFLAGGED = "unflagged"


def has_flag(flags: str, flag: str) -> bool:
    """True when ``flag`` (lower case) is among ``flags`` (one text, blanks between)."""
    return flag in flags.lower().split()


@dataclass(frozen=True)
class Filter:
    """Sizes in bytes, 0 for no limit; ``since`` is the first day that is archived, ``before`` the first that is not (UTC)."""

    seen: Seen = Seen.ANY
    flagged: Flagged = Flagged.ANY
    older_than: Age | None = None
    newer_than: Age | None = None
    since: date | None = None
    before: date | None = None
    larger_than: int = 0
    smaller_than: int = 0
    sender: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()

    @cached_property
    def needs_header(self) -> bool:
        """True when the header must be read to decide."""
        return bool(self.sender or self.recipient or self.subject)

    @cached_property
    def changes(self) -> bool:
        """True when the same message may be decided differently later, because time goes by or flags change."""
        return bool(self.seen != Seen.ANY or self.flagged != Flagged.ANY or self.older_than or self.newer_than)

    @cached_property
    def digest(self) -> str:
        """A text equal for filters with the same decisions; empty for one that lets everything pass."""
        if self == Filter():
            return ""
        return hashlib.sha256(json.dumps(as_json(self), sort_keys=True).encode()).hexdigest()[:16]

    def reason(self, flags: str, internaldate: int | None, bytes: int, now: datetime) -> str:
        """The reason why the listing excludes a message; empty when it does not."""
        if self.seen != Seen.ANY and has_flag(flags, SEEN) != (self.seen is Seen.SEEN):
            return "read" if self.seen is Seen.UNSEEN else "unread"
        if self.flagged != Flagged.ANY and has_flag(flags, FLAGGED) != (self.flagged is Flagged.FLAGGED):
            return "flagged" if self.flagged is Flagged.UNFLAGGED else "not flagged"
        if self.larger_than and bytes <= self.larger_than:
            return "too small"
        if self.smaller_than and bytes >= self.smaller_than:
            return "too large"
        return "" if internaldate is None else self._date_reason(internaldate, now)

    def _date_reason(self, internaldate: int, now: datetime) -> str:
        if self.older_than and internaldate >= self.older_than.before(now).timestamp():
            return f"not older than {self.older_than}"
        if self.newer_than and internaldate < self.newer_than.before(now).timestamp():
            return f"older than {self.newer_than}"
        if self.since and internaldate < _midnight(self.since):
            return f"before {self.since}"
        if self.before and internaldate >= _midnight(self.before):
            return f"not before {self.before}"
        return ""

    def header_reason(self, sender: str, recipients: str, subject: str) -> str:
        """The reason why the header excludes a message; empty when it does not. Within one kind any text may match."""
        for name, wanted, text in (
            ("sender", self.sender, sender),
            ("recipient", self.recipient, recipients),
            ("subject", self.subject, subject),
        ):
            if wanted and not any(contains(text, one) for one in wanted):
                return f"another {name}"
        return ""

    def sentence(self) -> str:
        """The passing messages, in a sentence."""
        found = [
            {Seen.SEEN: "read", Seen.UNSEEN: "unread"}.get(self.seen, ""),
            {Flagged.FLAGGED: "flagged", Flagged.UNFLAGGED: "not flagged"}.get(self.flagged, ""),
            f"older than {self.older_than}" if self.older_than else "",
            f"not older than {self.newer_than}" if self.newer_than else "",
            f"since {self.since}" if self.since else "",
            f"before {self.before}" if self.before else "",
            f"larger than {size(self.larger_than)}" if self.larger_than else "",
            f"smaller than {size(self.smaller_than)}" if self.smaller_than else "",
        ]
        for name, texts in (("sender", self.sender), ("recipient", self.recipient), ("subject", self.subject)):
            if texts:
                found.append(f"{name} with {' or '.join(texts)}")
        wanted = ", ".join(text for text in found if text)
        return f"Only messages that are: {wanted}." if wanted else "All messages."


def contains(text: str, pattern: str) -> bool:
    """True when ``pattern`` occurs in ``text``. Ignores case; ``*`` stands for anything. Linear in the length of both."""
    text, position = text.casefold(), 0
    for piece in pattern.casefold().split("*"):
        position = text.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return True


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
