"""The daily download allowance of a profile, over all its mailboxes (``server.megabytes_a_day``).

Only bodies of messages count, as they come; listings do not. A day ends at local midnight. The amount is kept beside the queue,
so that a restarted run, or another service, continues it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta

from core.archive.archive import Archive
from core.db import kept
from core.errors import Spent
from core.model import now
from core.problems.connection import TODAYS_SHARE_SPENT

MEGABYTE = 1000 * 1000

Save = Callable[[date, int], Awaitable[None]]


class Allowance:
    """``most`` bytes a day; 0 is no limit. ``received`` may be called from any thread."""

    def __init__(self, most: int = 0, save: Save | None = None) -> None:
        self._most = most
        self._save = save
        self._lock = threading.Lock()
        self._day = _today()
        self._spent = self._reserved = 0

    def begin(self, day: date, spent: int) -> None:
        """Load the amount of today."""
        with self._lock:
            if day == _today():
                self._day, self._spent = day, spent

    async def save(self) -> None:
        """Save the amount of today, if there is a limit. Raises ``StorageError``, ``BusyError``."""
        if not self._most or self._save is None:
            return
        with self._lock:
            self._turn()
            day, spent = self._day, self._spent
        await self._save(day, spent)

    def take(self, sizes: Sequence[int]) -> int:
        """The number of these messages, in their order, that may be requested now; their bytes are reserved until ``settle``.

        A message larger than the whole share may come as the first of a day. Raises ``Spent`` for none.
        """
        if not self._most:
            return len(sizes)
        with self._lock:
            self._turn()
            count = 0
            for size in sizes:
                used = self._spent + self._reserved
                if used and used + size > self._most:
                    break
                self._reserved += size
                count += 1
        if sizes and not count:
            tomorrow = datetime.combine(_today() + timedelta(days=1), datetime.min.time()).astimezone()
            raise Spent(TODAYS_SHARE_SPENT(megabytes=self._most // MEGABYTE, until=tomorrow.isoformat()))
        return count

    def settle(self, size: int) -> None:
        """Release reserved bytes, received or not."""
        with self._lock:
            self._reserved = max(self._reserved - size, 0)

    def received(self, size: int) -> None:
        """Count received bytes of messages."""
        with self._lock:
            self._turn()
            self._spent += size

    def _turn(self) -> None:
        if (today := _today()) != self._day:
            self._day, self._spent = today, 0


def _today() -> date:
    return now().astimezone().date()


def _name(profile: str) -> str:
    return f"downloaded:{profile}"


async def of_profile(archive: Archive, profile: str, megabytes: int) -> Allowance:
    """The allowance of a profile, with the amount of today."""

    async def save(day: date, spent: int) -> None:
        async with archive.database.transaction() as transaction:
            await kept.keep(transaction, _name(profile), json.dumps({"day": day.isoformat(), "bytes": spent}))

    allowance = Allowance(megabytes * MEGABYTE, save)
    if megabytes:
        try:
            value = json.loads(await kept.value(archive.database, _name(profile)) or "")
            allowance.begin(date.fromisoformat(value["day"]), int(value["bytes"]))
        except (ValueError, TypeError, KeyError):
            # Nothing was saved yet.
            return allowance
    return allowance
