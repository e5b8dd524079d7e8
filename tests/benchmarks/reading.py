"""Commands that read all mail, beside what reads or writes the same files and does nothing else.

Each is one process of its own, with its processor time and the bytes that it wrote, as the system counts both.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.text.format import size
from tests import homes, mails
from tests.benchmarks.console import Row, verdict

SEED = 2
VERIFY_BAR, EXPORT_BAR, BACKUP_BAR = 12.0, 0.3, 2.0
INDEX_BYTES_BAR = 6000
#: Writes the files of a folder to another one, and nothing else.
_BARE = """
import pathlib, sys, time
files = [(one.name, one.read_bytes()) for one in pathlib.Path(sys.argv[1]).rglob("*.eml")]
target = pathlib.Path(sys.argv[2])
target.mkdir()
begun = time.perf_counter()
for name, data in files:
    with open(target / name, "wb") as file:
        file.write(data)
print(len(files) / (time.perf_counter() - begun))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a process: seconds of processor and wall, bytes written, and what it printed."""

    processor: float
    wall: float
    written: int
    output: bytes


def measure(folder: Path, messages: int) -> Iterator[Row]:
    """All rows, on an archive of so many messages of 1 to 4 kB."""
    folder.mkdir()
    home = folder / "home"
    asyncio.run(_fill(home, messages))
    volumes = sorted((home / "volumes").glob("*.sqlite"))
    yield _verify(home, volumes)
    yield from _export(folder, home, messages)
    yield from _index(home, messages)
    yield from _backup(folder, home, [*volumes, home / "archive.sqlite"])
    rebuilt = _archivar(home, "rebuild")
    yield ("rebuilt, messages a second of processor", f"{messages / rebuilt.processor:,.0f}", "", "", "", "")
    shutil.rmtree(folder)


async def _fill(path: Path, messages: int) -> None:
    archive = await homes.begin(path)
    await mails.store(archive, mails.Generator(SEED).messages(), messages)
    await archive.close()


def _verify(home: Path, volumes: list[Path]) -> Row:
    ours, bare = _archivar(home, "verify"), _cost("sha256sum", *map(str, volumes))
    assert json.loads(ours.output)["ok"]
    ratio = ours.processor / bare.processor
    return (
        "verify, seconds of processor",
        f"{ours.processor:.2f} s",
        f"sha256sum {bare.processor:.2f} s",
        f"{ratio:.1f}",
        f"at most {VERIFY_BAR:.0f}",
        verdict(ratio <= VERIFY_BAR),
    )


def _export(folder: Path, home: Path, messages: int) -> Iterator[Row]:
    eml, mbox = (_archivar(home, "export", "--format", form, str(folder / form)) for form in ("eml", "mbox"))
    bare = float(_cost(sys.executable, "-c", _BARE, str(folder / "eml"), str(folder / "bare")).output)
    for form, ours, bar in (("EML", eml, EXPORT_BAR), ("mbox", mbox, 0.0)):
        ratio = messages / ours.wall / bare
        yield (
            f"exported as {form}, messages a second",
            f"{messages / ours.wall:,.0f}",
            f"bare writes {bare:,.0f}",
            f"{ratio:.2f}",
            f"at least {bar}" if bar else "",
            verdict(ratio >= bar) if bar else "",
        )
    for one in ("eml", "mbox", "bare"):
        shutil.rmtree(folder / one)


def _index(home: Path, messages: int) -> Iterator[Row]:
    ours = _archivar(home, "index")
    yield ("indexed, messages a second of processor", f"{messages / ours.processor:,.0f}", "", "", "", "")
    each = ours.written / messages
    yield (
        "bytes written for a message indexed",
        f"{each:,.0f}",
        "",
        "",
        f"at most {INDEX_BYTES_BAR:,}",
        verdict(each <= INDEX_BYTES_BAR),
    )


def _backup(folder: Path, home: Path, sources: list[Path]) -> Iterator[Row]:
    total = sum(one.stat().st_size for one in sources)
    first = _archivar(home, "backup", str(folder / "copy"))
    target = folder / "catted"
    bare = _cost("sh", "-c", 'out="$1"; shift; cat "$@" > "$out" && sync "$out"', "cat", str(target), *map(str, sources))
    ratio = first.wall / bare.wall
    yield (
        f"first backup of {size(total)}, whole command",
        f"{first.wall:.2f} s ({first.processor:.2f} of processor, {size(first.written)} written)",
        f"cat and sync {bare.wall:.2f} s",
        f"{ratio:.1f}",
        f"at most {BACKUP_BAR:.0f}",
        verdict(ratio <= BACKUP_BAR),
    )
    again = _archivar(home, "backup", str(folder / "copy"))
    yield ("second backup with nothing new", f"{again.wall:.2f} s, {size(again.written)} written", "", "", "", "")


def _archivar(home: Path, *arguments: str) -> Cost:
    return _cost(sys.executable, "-m", "tui", "--home", str(home), *arguments, "--json")


def _cost(*command: str) -> Cost:
    """Run a command to its end; its children that it has waited for are counted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = process.stdout.read(), process.stderr.read()
    # Not waited for yet, so that its counts are still there.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall = time.perf_counter() - begun
    counts = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
    assert process.wait() == 0, errors.decode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(processor, wall, int(counts["wchar"]), output)
