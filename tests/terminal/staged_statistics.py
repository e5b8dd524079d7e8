"""Statistics made of values in memory."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.archive.read.forecast import Growth
from core.archive.read.statistics import Largest, MailSum, Statistics, Times, TopEntry
from core.archive.store.space import DiskUse
from tui.desk.statistics import StatisticsView, shown


class StagedStatistics:
    """Statistics of an archive of some years, without one."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    async def view(self) -> StatisticsView:
        today = self._moment.date()
        days = {today - timedelta(days=ago): MailSum(900 - ago % 11 * 70, 30_000_000) for ago in range(800) if ago % 7 < 5}
        total = MailSum(48_211, 3_100_000_000)
        names = [TopEntry(f"{name}.example.test", MailSum(20_000 // at, 10**9 // at)) for at, name in enumerate("abcdefgh", 1)]
        found = Statistics(
            total=total,
            placed=MailSum(51_000, 3_400_000_000),
            archived=Times.of(days, today),
            since=today - timedelta(days=800),
            sent=Times.of({day + timedelta(days=ago): one for day, one in days.items() for ago in (0, 1)}, today),
            undated=MailSum(11, 4_000),
            sizes={0: MailSum(30_000, 10**8), 10_000: MailSum(15_000, 10**9), 1_000_000: MailSum(3_211, 2 * 10**9)},
            domains=Largest(412, names),
            users=Largest(3, [TopEntry("alice", MailSum(4_000, 10**8))]),
            folders=Largest(9, [TopEntry("alice@example.test/INBOX", MailSum(4_000, 10**8), "alice")]),
        )
        disk = DiskUse(
            volumes=1_800_000_000, catalog=90_000_000, log=1_000_000, other=210_000_000, free=6 * 10**9, total=10**11
        )
        return shown(found, Growth(total, days, found.since), disk, self._moment)
