"""Ages as administrators write them: ``3 months``. Calendar months and years, so "1 month" is not 30 days."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta

from core.text.patterns import pattern
from core.values import dataclass

_AGE = pattern(r"\s*(\d{1,5})\s*(day|week|month|year)s?\s*", re.IGNORECASE)
#: Older than any mail: a larger number is a typing error.
LONGEST_YEARS = 200
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
WHAT = "a number and a unit such as 30 days, 6 weeks, 3 months or 10 years"


@dataclass(frozen=True, slots=True)
class Age:
    """``count`` of a ``unit``: day, week, month or year."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Age:
        """Parse an age. Raises ``ValueError`` when ``text`` is none, or one older than any mail."""
        match = _AGE.fullmatch(text)
        if match is None or not match[1].isascii():
            raise ValueError(f"{text!r} is no age")
        age = cls(int(match[1]), match[2].lower())
        if not age.count or age._years > LONGEST_YEARS:
            raise ValueError(f"{text!r} is no age")
        return age

    @property
    def _years(self) -> float:
        return self.count * (_MONTHS[self.unit] / 12 if self.unit in _MONTHS else _DAYS[self.unit] / 365)

    def before(self, moment: datetime) -> datetime:
        """The moment this age before ``moment``; the 31st becomes the last day of a shorter month."""
        if self.unit in _DAYS:
            return moment - timedelta(days=self.count * _DAYS[self.unit])
        months = moment.year * 12 + moment.month - 1 - self.count * _MONTHS[self.unit]
        year, month = divmod(months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"
