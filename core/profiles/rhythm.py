"""Rhythm of verifications: everything once a week or a month, a share of it every day, or none."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from enum import StrEnum

from core.text.patterns import pattern
from core.values import dataclass

_SHARE = pattern(r"(\d{1,3}) ?%( a day)?")
ALLOWED = "off, weekly, monthly, or a share a day such as 5%"


class Often(StrEnum):
    """The interval of verifications."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """``percent`` of everything is checked daily; with any other ``often`` it is 0, and everything is checked."""

    often: Often
    percent: int = 0

    @classmethod
    def parse(cls, text: str) -> Rhythm:
        """Parse a rhythm. Raises ``ValueError`` for any other text."""
        text = text.strip().lower()
        if text.isascii() and (match := _SHARE.fullmatch(text)) and 1 <= int(match[1]) <= 100:
            return cls(Often.DAILY, int(match[1]))
        if text == Often.DAILY:
            raise ValueError(text)
        return cls(Often(text))

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent else self.often.value

    def sentence(self) -> str:
        """``everything, monthly``."""
        if self.often is Often.OFF:
            return "not by itself"
        return f"{self.percent} % of everything, daily" if self.percent else f"everything, {self.often}"

    def following(self, last: datetime) -> datetime | None:
        """The next verification after ``last``; None for none. The 31st becomes the last day of a shorter month."""
        if self.often is Often.OFF:
            return None
        if self.often is Often.MONTHLY:
            year, month = divmod(last.year * 12 + last.month, 12)
            return last.replace(year=year, month=month + 1, day=min(last.day, calendar.monthrange(year, month + 1)[1]))
        return last + timedelta(days=1 if self.often is Often.DAILY else 7)
