"""Backups: the first one beside ``cat`` and sync of the same bytes, and the next ones beside the whole catalog."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import users
from core.config import Home
from core.text.format import size
from tests import homes
from tests.benchmarks.console import Row, verdict
from tests.benchmarks.reading import _archivar, _cost
from tests.benchmarks.scale import BATCH, SEED, Growing, Mail

FIRST_BAR, NEXT_BAR = 2.0, 0.05
#: Backups whose median counts.
ROUNDS = 3


def measure(folder: Path, messages: int) -> Iterator[Row]:
    """All rows, on an archive of so many messages of 2.3 kB."""
    folder.mkdir()
    home, empty = folder / "home", folder / "empty"
    asyncio.run(_fill(home, messages))
    asyncio.run(_fill(empty, 0))
    yield _first(folder, home, empty)
    yield _next(folder, home, "with nothing new", 0)
    yield _next(folder, home, f"of {BATCH} new messages in one folder", BATCH)
    shutil.rmtree(folder)


async def _fill(path: Path, messages: int) -> None:
    archive = await homes.begin(path)
    await Growing(archive, (await users.find(archive, "alice")).id).grow(messages)
    await archive.close()


async def _add(path: Path, messages: int) -> None:
    """Archive more, in one batch."""
    archive = await Archive.open(Home(path))
    if messages:
        await homes.store(archive, dict(enumerate(Mail(SEED + 1).take(messages), 1)))
    await archive.close()


def _first(folder: Path, home: Path, empty: Path) -> Row:
    """The first backup, without what one of an empty archive takes: the start of the program, and the folder."""
    started = sorted(_archivar(empty, "backup", str(folder / f"nothing {number}")).wall for number in range(ROUNDS))
    copied = sorted(_archivar(home, "backup", str(folder / f"copy {number}")).wall for number in range(ROUNDS))
    sources = [str(one) for one in (*sorted((home / "volumes").glob("*.sqlite")), home / "archive.sqlite")]
    target = str(folder / "catted")
    script = 'out="$1"; shift; cat "$@" > "$out" && sync "$out"'
    catted = sorted(_cost("sh", "-c", script, "cat", target, *sources).wall for _ in range(ROUNDS))
    start, ours, bare = (times[ROUNDS // 2] for times in (started, copied, catted))
    ratio = (ours - start) / bare
    return (
        f"first backup of {size(sum(Path(one).stat().st_size for one in sources))}, without the start",
        f"{ours - start:.2f} s (and {start:.2f} s for an empty archive)",
        f"cat and sync {bare:.2f} s",
        f"{ratio:.1f}",
        f"at most {FIRST_BAR:.0f}",
        verdict(ratio <= FIRST_BAR),
    )


def _next(folder: Path, home: Path, what: str, new: int) -> Row:
    """A backup after the first one, with what it writes to both archives."""
    asyncio.run(_add(home, new))
    ours = _archivar(home, "backup", str(folder / "copy 0"))
    whole = (home / "archive.sqlite").stat().st_size
    return (
        f"next backup {what}, written",
        f"{size(ours.written)} in {ours.processor:.2f} s of processor",
        f"the catalog {size(whole)}",
        f"{ours.written / whole:.2f}",
        "" if new else f"at most {NEXT_BAR}",
        "" if new else verdict(ours.written / whole <= NEXT_BAR),
    )
