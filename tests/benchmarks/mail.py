"""Folders with very many messages in the catalog alone, and how soon the console shows any part of them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from core import config
from core.archive.archive import Archive
from core.archive.registry import users
from tests.benchmarks.console import Row, Screen, row
from tui.desk.desk import Desk, open_desk

SEED = 6
#: Messages of the folders. Growth is told from the second to the fourth.
SIZES = (1_000_000, 20_000, 100_000, 200_000)
OPEN_SECONDS = JUMP_SECONDS = 0.3
ROUNDS = 15


def measure(path: Path) -> Iterator[Row]:
    """All rows about lists of messages."""
    asyncio.run(fill(path, SIZES))
    opened, jumps = asyncio.run(_in_the_desk(path))
    low, high = SIZES[1], SIZES[3]
    for size in SIZES[1:]:
        growth = f"{opened[high] / opened[low]:.1f} from {low:,} to {high:,}" if size == high else ""
        figure = f"{opened[size] * 1000:.1f} ms"
        yield row(
            f"a folder of {size:,} messages opened", figure, f"under {OPEN_SECONDS} s", opened[size] < OPEN_SECONDS, growth
        )
    for words, seconds in jumps.items():
        yield row(f"a page {words} of {SIZES[0]:,} messages", f"{seconds * 1000:.1f} ms", "under 0.1 s", seconds < 0.1)
    yield from _on_a_terminal(path)


async def fill(path: Path, sizes: tuple[int, ...]) -> None:
    """Folders named by their sizes for the user anna. What stands in the catalog of them is as long as that of real mail."""
    archive = await Archive.open(config.find_or_create(path))
    await users.add(archive, "anna", ["anna@example.test"])
    owner = (await users.find(archive, "anna")).id
    random = Random(SEED)

    def message(number: int) -> tuple[Any, ...]:
        sha256 = hashlib.sha256(str(number).encode()).digest()
        sender = f"Person {number % 997} <person{number % 997}@example.test>"
        date = random.randrange(1_400_000_000, 1_750_000_000)
        subject, to = f"Message {number} about something of that week", "anna@example.test, all@example.test"
        return (
            number,
            sha256,
            1,
            random.randrange(2000, 90_000),
            bytes(32),
            subject,
            sender,
            to,
            date,
            f"<{number}@x>",
            number % 3,
        )

    seq, number = (await archive.head()).seq, 1
    async with archive.database.transaction() as transaction:
        for size in sizes:
            folder = await transaction.insert(
                "INSERT INTO folder (owner, path) VALUES (?, ?)", (owner, f"anna@example.test/of {size:,}")
            )
            await transaction.many(
                "INSERT INTO message (id, sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id, "
                "attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                map(message, range(number, number + size)),
            )
            await transaction.execute(
                "INSERT INTO placement (message_id, folder_id, since_seq, date) "
                "SELECT id, ?, ?, date FROM message WHERE id BETWEEN ? AND ?",
                (folder, seq, number, number + size - 1),
            )
            number += size
    await archive.close()


async def _in_the_desk(path: Path) -> tuple[dict[int, float], dict[str, float]]:
    """Seconds to open folders, by their sizes, and to get a page of the largest, by where it is."""
    desk: Desk = await open_desk(path)
    mail = desk.mail
    [owner] = await mail.owners("", 0, 10)
    folders = {one.messages: one.key for one in await mail.folders(owner.key) if one.key}

    async def opened(size: int) -> None:
        folder = await mail.open_folder(folders[size])
        assert len(await mail.page(folder, 0, 100)) == 100

    seconds = {size: await _median(partial(opened, size)) for size in SIZES[1:]}
    whole = await mail.open_folder(folders[SIZES[0]])
    places = {"at the beginning": 0, "in the middle": SIZES[0] // 2, "at the end": SIZES[0] - 100}
    jumps = {words: await _median(partial(mail.page, whole, at, 100)) for words, at in places.items()}
    await desk.close()
    return seconds, jumps


async def _median(job: Callable[[], Awaitable[Any]]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await job()
        times.append(time.perf_counter() - begun)
    return median(times)


def _on_a_terminal(path: Path) -> Iterator[Row]:
    """From the key to what it leads to, on the screen."""
    opened: list[float] = []
    jumped: list[float] = []
    with Screen(path) as screen:
        screen.until("Needs attention")
        screen.settle()
        screen.send("m")
        screen.until("Whose mail", "anna")
        screen.send("\r")
        # As they sort: 1,000,000 before 100,000.
        screen.until("of 200,000")
        screen.settle()
        for key, times in (("j", opened), ("k", jumped)):
            screen.send(key)
            screen.settle()
            for _ in range(5):
                pressed = time.perf_counter()
                screen.send("\r")
                screen.until("Message ")
                if times is opened:
                    times.append(time.perf_counter() - pressed)
                screen.settle()
                if times is jumped:
                    pressed = time.perf_counter()
                    screen.send("G")
                    screen.until("2014-")
                    times.append(time.perf_counter() - pressed)
                    screen.settle()
                screen.send("\x1b")
                screen.settle()
    yield row(
        "console, from the key to a folder of 100,000 messages",
        f"{median(opened):.2f} s",
        f"under {OPEN_SECONDS} s",
        median(opened) < OPEN_SECONDS,
    )
    yield row(
        f"console, from the key to the end of {SIZES[0]:,} messages",
        f"{median(jumped):.2f} s",
        f"under {JUMP_SECONDS} s",
        median(jumped) < JUMP_SECONDS,
    )
