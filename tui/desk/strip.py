"""The strip of Home: how the archive is, in a few facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.archive.read.forecast import DiskForecast, Growth, forecast
from core.archive.store.space import DiskUse
from core.archive.transfer.last_backup import LastBackup
from core.text import format as texts
from core.text.bars import curve
from tui.desk.present import Safe, Tone, count, sentence, text

#: Days of the curve.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact in a few words, and its tone."""

    text: Safe
    tone: Tone = Tone.PLAIN


def strip(
    grown: Growth,
    disk: DiskUse,
    backed_up: LastBackup | None,
    starts: Mapping[str, datetime],
    moment: datetime,
) -> tuple[Fact, ...]:
    """Messages and their size, how they grew, the disk, the last backup, and the next start."""
    today = moment.astimezone(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    sizes = [grown.days[day].bytes if day in grown.days else 0 for day in days]
    free, tone = _free(disk, forecast(grown, disk, today)), Tone.WARN if disk.low else Tone.PLAIN
    facts = [
        Fact(sentence(f"{count(grown.total.messages, 'message')}, {texts.size(grown.total.bytes)}"), Tone.STRONG),
        Fact(sentence(f"{DAYS} days {curve(sizes)}")),
        Fact(sentence(f"{texts.size(disk.used)} on disk")),
        Fact(sentence(free), tone),
        Fact(sentence(f"backup {texts.when(backed_up.at, moment)}" if backed_up else "no backup yet")),
    ]
    if starts:
        name, at = min(starts.items(), key=lambda item: item[1])
        facts.append(Fact(sentence(f"next {text(name, 30)} {texts.soon(at, moment)}")))
    return tuple(facts)


def _free(disk: DiskUse, ahead: DiskForecast | None) -> str:
    until = f", until {ahead.until.isoformat()} at this rate" if ahead is not None else ""
    return f"{texts.size(disk.free)} free{until}"
