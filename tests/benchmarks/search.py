"""Searching in up to 200,000 messages, which are archived and indexed as real ones are."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import median

from core.archive.archive import Archive
from core.archive.search import query
from core.archive.search.search import Search
from core.archive.search.search_index import Index
from tests import homes, mails
from tests.benchmarks.console import Row, row, verdict
from tests.benchmarks.contestant import Home
from tests.servers.dovecot import Dovecot

SEED = 1
SIZES = (20_000, 200_000)
QUERIES = 50
PAGE_SECONDS = 0.05
#: Messages that are to be indexed beside a run, and how much longer it may take.
BACKLOG, SLOWER = 20_000, 1.1


def measure(path: Path) -> Iterator[Row]:
    """All rows about searching."""
    paged, rate = asyncio.run(_measured(path))
    low, high = SIZES
    for size in SIZES:
        name = f"search, first page, {size:,} messages (seed {SEED}), median of {QUERIES} queries"
        growth = f"{paged[high] / paged[low]:.1f} from {low:,} to {high:,}" if size == high else ""
        yield row(
            name, f"{paged[size] * 1000:.1f} ms", f"under {PAGE_SECONDS * 1000:.0f} ms", paged[size] < PAGE_SECONDS, growth
        )
    yield (f"indexed, of {high:,} messages of 1 to 4 kB", f"{rate:,.0f} msg/s", "", "", "", "")


def beside_a_run(folder: Path, server: Dovecot, login: str, messages: int, rounds: int) -> Iterator[Row]:
    """A first archive of a mailbox with a backlog to be indexed: with the process that does so at work beside it, and without.

    The service itself waits with it for ten minutes, so that it is started here as the service would start it then.
    """
    backlog = folder / "backlog"
    asyncio.run(_fill(backlog))
    alone, beside, indexed = list[float](), list[float](), 0
    for number in range(rounds):
        for found in (alone, beside):
            path = folder / f"home{number}{'-beside' if found is beside else ''}"
            shutil.copytree(backlog, path)
            home = Home(path, server)
            profile = home.add(login)
            process = _indexing(path) if found is beside else None
            before = _reached(path)
            measured = home.run(profile)
            indexed += _reached(path) - before
            found.append(measured.run)
            if process is not None:
                process.kill()
                process.communicate()
            home.stop()
            assert measured.result["totals"]["archived"] == messages
            shutil.rmtree(path)
    ratio = median(beside) / median(alone)
    yield (
        f"a run of {messages:,} messages while {BACKLOG:,} others are indexed",
        f"{median(beside):.2f} s ({indexed / rounds:,.0f} indexed)",
        f"alone {median(alone):.2f} s",
        f"{ratio:.2f}",
        f"at most {SLOWER}",
        verdict(ratio <= SLOWER),
    )


async def _fill(path: Path) -> None:
    archive = await homes.begin(path)
    await mails.store(archive, mails.Generator(SEED).messages(), BACKLOG)
    await archive.close()


def _indexing(home: Path) -> subprocess.Popen[bytes]:
    """The process, at work: its start is none of what it costs a run, beside which it works for hours."""
    command = [sys.executable, "-m", "core.service.indexing", str(home)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    homes.wait_for(lambda: _reached(home), "the first messages to be indexed")
    return process


def _reached(home: Path) -> int:
    """The number of indexed messages."""
    if not (home / "search.sqlite").exists():
        return 0
    with closing(sqlite3.connect(home / "search.sqlite", timeout=30)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM doc").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


async def _measured(path: Path) -> tuple[dict[int, float], float]:
    """Seconds for a first page by the number of messages, and messages indexed a second."""
    archive = await homes.begin(path)
    generator = mails.Generator(SEED)
    messages = generator.messages()
    paged: dict[int, float] = {}
    there, seconds = 0, 0.0
    for size in SIZES:
        await mails.store(archive, messages, size - there)
        there = size
        begun = time.perf_counter()
        await _index(archive)
        seconds += time.perf_counter() - begun
        paged[size] = await _paged(archive, _queries(generator.words))
    await archive.close()
    return paged, there / seconds


async def _index(archive: Archive) -> None:
    index = await Index.open(archive)
    while await index.step():
        pass
    await index.close()


async def _paged(archive: Archive, queries: list[str]) -> float:
    search = await Search.open(archive)
    times = []
    for text in queries:
        begun = time.perf_counter()
        await search.page(query.parse(text))
        times.append(time.perf_counter() - begun)
    await search.close()
    return median(times)


def _queries(words: list[str]) -> list[str]:
    """Typical queries, with words of all frequencies: the same ones each time."""
    random = Random(SEED)

    def word() -> str:
        return words[min(int(random.expovariate(1 / 800)), len(words) - 1)]

    def one() -> str:
        a, b = word(), word()
        return random.choice(
            [
                a,
                f"{a} {b}",
                f"{a} from:anna",
                f"{a} -{b}",
                f"{a} OR {b}",
                f"subject:{a}",
                f"{a[:4]}*",
                f"{a} folder:INBOX user:alice",
                f"{a} after:2018 before:2020",
            ]
        )

    return [one() for _ in range(QUERIES)]
