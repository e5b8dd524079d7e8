"""``python -m tests.benchmarks.scale``: the cost of a message in a small archive and in one of a million, in one run.

Messages of about 2.3 kB in 120 folders go through the writer and the catalog as those of a run do. Processor time and written
bytes are those of this process and the processes that it has started.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from itertools import count, islice
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.store.entries.mail import Archived
from core.archive.store.entries.values import OwnedFolder, SourceFolder, SourceMessage
from core.archive.store.ledger import Draft
from tests import homes
from tests.benchmarks.console import Row, verdict

SEED = 15
SMALL, LARGE, BRIEF = 10_000, 1_000_000, 100_000
#: Messages that are measured at a size, and those of one batch, of which each goes into one folder.
MEASURED, BATCH = 10_000, 500
FOLDERS = 120
BEGINNING = 1_400_000_000
GROWTH_BAR, WRITTEN_BAR = 1.15, 8_000
SOURCE = "imap://alice@example.test@mail.example.test"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor and clock, and bytes written, all for one message."""

    processor: float
    wall: float
    written: float


class Mail:
    """Different messages of about 2.3 kB, quick to make: texts are cut from one long one."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        letters = "aeiou" * 3 + "bcdfghklmnprstvw"
        words = ["".join(self._random.choices(letters, k=self._random.randint(2, 11))) for _ in range(8_000)]
        shares = [1 / (rank + 3) for rank in range(len(words))]
        drawn = self._random.choices(words, shares, k=200_000)
        self._text = "\r\n".join(" ".join(drawn[at : at + 12]) for at in range(0, len(drawn), 12)).encode()
        self._numbers = count(1)

    def take(self, number: int) -> list[bytes]:
        return list(islice(self._messages(), number))

    def _messages(self) -> Iterator[bytes]:
        for number in self._numbers:
            at, size = self._random.randrange(len(self._text) - 4_000), self._random.randint(1_400, 2_600)
            head = (
                f"Received: from mail.example.test by mx.example.test; {formatdate(BEGINNING + number * 200)}\r\n"
                f"From: Person {number % 997} <person{number % 997}@example.test>\r\nTo: alice@example.test\r\n"
                f"Subject: Message {number} of {number % 97}\r\nDate: {formatdate(BEGINNING + number * 200)}\r\n"
                f"Message-ID: <{number}.{self._random.getrandbits(64):x}@example.test>\r\n\r\n"
            )
            yield head.encode() + self._text[at : at + size] + b"\r\n"


class Growing:
    """An archive that grows by batches, each into the next of its folders."""

    def __init__(self, archive: Archive, owner: str) -> None:
        self._archive = archive
        self._owner = owner
        self._mail = Mail(SEED)
        self._uids = [0] * FOLDERS
        self._batches = count()
        self.messages = 0

    async def grow(self, number: int) -> None:
        """Archive ``number`` more messages."""
        for _ in range(0, number, BATCH):
            await self._store(self._mail.take(BATCH))

    async def measure(self) -> Cost:
        """The cost of the next messages; making them counts for nothing."""
        raws = self._mail.take(MEASURED)
        begun, processor, written = time.perf_counter(), _processor(), _written()
        for at in range(0, len(raws), BATCH):
            await self._store(raws[at : at + BATCH])
        wall = time.perf_counter() - begun
        return Cost((_processor() - processor) / MEASURED, wall / MEASURED, (_written() - written) / MEASURED)

    async def _store(self, raws: list[bytes]) -> None:
        ready = await self._archive.writer.prepare(raws)
        number = next(self._batches) % FOLDERS
        name = f"Folder {number}"
        messages = []
        for message in ready.messages:
            self._uids[number] += 1
            uid = self._uids[number]
            messages.append(SourceMessage.of_row([message.sha256.hex(), uid, len(message.raw), BEGINNING + uid, "\\Seen"]))
        source = SourceFolder(SOURCE, name, 1)
        folder = OwnedFolder(self._owner, f"alice@example.test/{name}")
        await self._archive.append([Draft(Archived(1, source, folder, tuple(messages)))], ready)
        self.messages += len(raws)


async def measured(path: Path, size: int) -> Iterator[Row]:
    """Rows about an archive of ``size`` messages against one of 10,000."""
    archive = await homes.begin(path)
    growing = Growing(archive, (await users.find(archive, "alice")).id)
    try:
        await growing.grow(SMALL)
        small = await growing.measure()
        await growing.grow(size - growing.messages)
        large = await growing.measure()
    finally:
        await archive.close()
    return _rows(size, small, large)


def _rows(size: int, small: Cost, large: Cost) -> Iterator[Row]:
    for name, here, there in (
        ("processor time", large.processor, small.processor),
        ("wall", large.wall, small.wall),
    ):
        yield (
            f"{name} of a message at {size:,} messages",
            f"{here * 1e6:.0f} µs",
            f"at {SMALL:,}: {there * 1e6:.0f} µs",
            f"{here / there:.2f}",
            f"at most {GROWTH_BAR}",
            verdict(here / there <= GROWTH_BAR),
        )
    yield (
        f"written for a message of 2.3 kB at {size:,} messages",
        f"{large.written / 1000:.1f} kB",
        f"at {SMALL:,}: {small.written / 1000:.1f} kB",
        f"{large.written / small.written:.2f}",
        f"at most {WRITTEN_BAR / 1000:.0f} kB",
        verdict(large.written <= WRITTEN_BAR),
    )


def _processes() -> Iterator[Path]:
    """This process and its children, under /proc."""
    own = Path("/proc/self")
    yield own
    for task in own.glob("task/*/children"):
        for child in task.read_text().split():
            yield Path(f"/proc/{child}")


def _processor() -> float:
    """Seconds of processor time of this process and its children, those that have ended too."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = os.sysconf("SC_CLK_TCK")
    seconds = ended.ru_utime + ended.ru_stime
    for process in _processes():
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / ticks
    return seconds


def _written() -> int:
    """Bytes that this process and its children caused to be written to a disk."""
    total = 0
    for process in _processes():
        facts = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
        total += int(facts["write_bytes"])
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-scale")
    parser.add_argument("--messages", type=int, default=LARGE, help="messages of the large archive")
    parser.add_argument("--folder", type=Path, help="a folder on the disk that is to be measured")
    options = parser.parse_args()
    console = Console(width=max(Console().width, 150))
    table = Table("what", "figure", "reference", "ratio", "bar", "", title="An archive that grows, measured in one run")
    path = Path(tempfile.mkdtemp(prefix="archivar-scale-", dir=options.folder))
    try:
        for row in asyncio.run(measured(path / "home", options.messages)):
            table.add_row(*row)
    finally:
        shutil.rmtree(path, ignore_errors=True)
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
