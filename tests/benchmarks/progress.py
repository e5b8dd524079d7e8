"""Progress of large runs, through the writer and the watchers of the product and without servers.

Reference: the whole snapshot of the same run as JSON, written and read four times a second.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from core import config
from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.cli.watching import drawing
from core.engine.run.run import result
from core.engine.visit.motion import line_of
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.run_progress import Progress
from core.model import MailboxResult, Phase, Run, RunStatus, now
from core.profiles.profile import Login, Method, Profile, Server
from core.profiles.selection import UserSelection
from core.secrets import Secret
from core.service.lock import ServiceLock
from core.service.queue import Queue
from core.service.run_work import TICK_SECONDS
from core.text.format import size
from tests.benchmarks.console import Row, Screen, row, verdict
from tui.desk.desk import open_desk
from tui.desk.runs.runs import RunLooks
from tui.text.format import MailboxTable

FEW, SMALL, LARGE = 32, 1000, 20_000
MOVING = 16
#: Writes and looks that are measured; in each of them every mailbox at work moves, and now and then one of them ends.
TICKS, ENDING = 40, 5
EARLIER, LOOKS = 10, 10
WATCHED_SECONDS, KEYS, OPENINGS = 5.0, 30, 3
MOST_BYTES, MOST_CPU, MOST_SENT = 100_000, 0.05, 3000
HEIGHT = 16


class MadeRun:
    """A run of which some mailboxes, far apart from each other, are at work."""

    def __init__(self, number: int, count: int) -> None:
        results = (MailboxResult(f"person{one:05}@example.test", f"person{one:05}") for one in range(count))
        self.mailboxes = [MailboxProgress(one) for one in results]
        self.progress = Progress(number, "Staff", self.mailboxes)
        self._moving = list(range(0, count, count // MOVING))[:MOVING]
        self._ticks = 0
        for one in self._moving:
            self._begin(one)

    def _begin(self, position: int) -> None:
        mailbox = self.mailboxes[position]
        mailbox.phase, mailbox.messages_total, mailbox.bytes_total = Phase.ARCHIVING, 100_000, 4_200_000_000

    def step(self) -> None:
        """A quarter of a second at full speed."""
        self._ticks += 1
        for position in self._moving:
            mailbox = self.mailboxes[position]
            mailbox.messages_done += 40
            mailbox.tally.archived += 40
            mailbox.bytes_done += 1_700_000
            mailbox.received += 1_700_000
            mailbox.folder = f"Projects/2024/Customer {self._ticks // 4}"
        if self._ticks % ENDING == 0:
            ended = self._moving.pop(0)
            self.mailboxes[ended].result.status, self.mailboxes[ended].phase = RunStatus.SUCCEEDED, Phase.DONE
            self._moving.append(ended + 1)
            self._begin(ended + 1)


@dataclass(slots=True)
class Cost:
    """Seconds of processor time and bytes given to the disk, over ``TICKS`` ticks."""

    seconds: float = 0.0
    bytes: int = 0

    async def of(self, work: Callable[[], Awaitable[object]]) -> None:
        before, written = time.process_time(), _written()
        await work()
        self.seconds += time.process_time() - before
        self.bytes += _written() - written

    @property
    def share(self) -> float:
        """The share of a core."""
        return self.seconds / (TICKS * TICK_SECONDS)

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.bytes / (TICKS * TICK_SECONDS)


def _written() -> int:
    found = re.search(r"^wchar: (\d+)", Path("/proc/self/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def measure(folder: Path) -> Iterator[Row]:
    """All rows of the progress."""
    for count in (SMALL, LARGE):
        yield from asyncio.run(_costs(folder / f"home-progress{count}", count))
    yield from asyncio.run(_ended(folder / "home-progress-ended"))
    yield from _on_a_terminal(folder / "home-progress-console")


async def _begun(path: Path) -> tuple[Archive, Run]:
    archive = await Archive.open(config.find_or_create(path))
    staff = Profile("Staff", Server("mail.example.test"), Login("", "", Method.KERIO_MASTER), selection=UserSelection())
    await saved_profiles.save(archive, staff, Secret("word"))
    run, _ = await Queue(archive.database).enqueue("Staff")
    await Queue(archive.database).begin(run, now(), 0)
    return archive, run


async def _write(queue: Queue, run: Run, made: MadeRun, elapsed: float) -> None:
    snapshot = made.progress.snapshot(elapsed)
    await queue.report(run.id, snapshot, (), made.progress.settled())


async def _costs(path: Path, count: int) -> list[Row]:
    service, run = await _begun(path)
    client = await Archive.open(config.find_or_create(path))
    try:
        made = MadeRun(run.id, count)
        queue, watching = Queue(service.database), Queue(client.database)
        looks = RunLooks(watching)
        writer, console, command, whole = Cost(), Cost(), Cost(), Cost()

        async def look() -> None:
            table = MailboxTable((await looks.view(run.id)).mailboxes, 78)
            assert len([table[index] for index in range(HEIGHT)]) == HEIGHT

        async def draw() -> None:
            assert drawing(await watching.run(run.id), await watching.snapshot(run.id), 80)

        async def write_whole() -> None:
            value = [line_of(one)._asdict() for one in made.mailboxes]
            whole.bytes += len(json.dumps(value))

        await _write(queue, run, made, 0.0)
        await look()
        for tick in range(1, TICKS + 1):
            made.step()
            await writer.of(lambda tick=tick: _write(queue, run, made, tick * TICK_SECONDS))  # type: ignore[misc]
            await console.of(look)
            await command.of(draw)
        for _ in range(2):
            await whole.of(write_whole)
        log = path.joinpath("archive.sqlite-wal").stat().st_size
    finally:
        await client.close()
        await service.close()
    return _rows(count, {"the service": writer, "a console": console, "archivar run": command}, whole, log)


def _rows(count: int, costs: dict[str, Cost], whole: Cost, log: int) -> list[Row]:
    """``whole`` was measured in two ticks; ``log``: bytes of the write-ahead log at the end."""
    times = TICKS / 2
    what = f"progress of {count:,} mailboxes, {MOVING} at work"
    written, all_ = costs["the service"].rate, whole.rate * times
    bytes_ = (f"{what}: bytes written", f"{size(written)}/s, log {size(log)}", f"whole {size(all_)}/s", f"{written / all_:.4f}")
    found: list[Row] = [(*bytes_, f"at most {size(MOST_BYTES)}/s", verdict(written <= MOST_BYTES))]
    for who, cost in costs.items():
        reference = f"whole, made alone {whole.share * times:.0%}"
        ratio = f"{cost.share / (whole.share * times):.3f}"
        bar = f"at most {MOST_CPU:.0%} of a core"
        found.append(
            (f"{what}: processor time of {who}", f"{cost.share:.1%}", reference, ratio, bar, verdict(cost.share <= MOST_CPU))
        )
    return found


async def _ended(path: Path) -> list[Row]:
    """Looks at a run that has ended, beside earlier ones of the same size."""
    archive, run = await _begun(path)
    queue = Queue(archive.database)
    for _ in range(EARLIER):
        made = MadeRun(run.id, LARGE)
        value = result(run, RunStatus.SUCCEEDED, (now(), now()), (), made.mailboxes)
        await queue.finish(run.id, RunStatus.SUCCEEDED, value, "", made.progress.snapshot(1.0))
        run, _ = await queue.enqueue("Staff")
    await archive.close()
    desk = await open_desk(path)
    found: list[Row] = []
    looks: tuple[tuple[str, Callable[[], Awaitable[object]], float], ...] = (
        ("Home's refresh", desk.home, 0.05),
        ("its profile's page", lambda: desk.profile("Staff"), 0.05),
        ("its page again", lambda: desk.run(run.id - 1), 0.05),
    )
    for what, look, most in looks:
        await look()
        cost = Cost()
        for _ in range(LOOKS):
            await cost.of(look)
        each = cost.seconds / LOOKS
        name = f"{what}, {EARLIER} runs of {LARGE:,} mailboxes that have ended: processor time"
        found.append(row(name, f"{each * 1000:.1f} ms", f"at most {most * 1000:.0f} ms", each <= most))
    await desk.close()
    return found


class Service:
    """A service in this process that does nothing but write the progress of a made run, as the real one does."""

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count
        self._ended = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> None:
        self._thread.start()
        self._ready.wait()

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()

    async def _serve(self) -> None:
        archive, run = await _begun(self._path)
        lock = ServiceLock(archive.home)
        lock.acquire()
        try:
            made, begun = MadeRun(run.id, self._count), time.monotonic()
            while not self._ended.is_set():
                made.step()
                lock.beat()
                await _write(Queue(archive.database), run, made, time.monotonic() - begun)
                self._ready.set()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            lock.release()
            await archive.close()


def _opened(screen: Screen, count: int) -> float:
    """Seconds from the key to the page of the run, which is left open."""
    opened = []
    screen.until("Needs attention")
    for number in range(OPENINGS):
        screen.read_for(1.0)
        pressed = time.perf_counter()
        screen.send("r")
        screen.until(f"of {count:,} done", "archiving")
        opened.append(time.perf_counter() - pressed)
        if number < OPENINGS - 1:
            screen.send("\x1b")
            screen.until("Needs attention")
    return median(opened)


def _on_a_terminal(path: Path) -> Iterator[Row]:
    what = f"console, a run of {LARGE:,} mailboxes"
    delays, sent = list[float](), 0
    few = path.with_name(f"{path.name}-few")
    with Service(few, FEW), Screen(few) as screen:
        reference = _opened(screen, FEW)
    with Service(path, LARGE), Screen(path) as screen:
        opened = _opened(screen, LARGE)
        screen.read_for(1.0)
        sent = len(screen.read_for(WATCHED_SECONDS))
        while len(delays) < KEYS:
            pressed = time.perf_counter()
            screen.send("k" if len(delays) % 2 else "j")
            screen.until("▸")
            delays.append(time.perf_counter() - pressed)
            screen.read_for(0.04)
    yield (
        f"{what}: from the key to the whole page",
        f"{opened:.2f} s",
        f"{FEW} mailboxes {reference:.2f} s",
        f"{opened / reference:.2f}",
        "at most 0.5 s",
        verdict(opened <= 0.5),
    )
    rate = sent / WATCHED_SECONDS
    yield row(f"{what}: bytes sent", f"{rate / 1000:.1f} kB/s", "at most 3 kB/s", rate <= MOST_SENT)
    figure = f"{median(delays) * 1000:.0f} ms, {len(delays)} keys"
    yield row(f"{what}: key to paint", figure, "median at most 50 ms", median(delays) <= 0.05)
