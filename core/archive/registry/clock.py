"""The machine's clock as this archive has seen it: may ages be counted by it?

Seen by runs, and by the service while it waits. Between two looks as much time must have gone by on the clock as on the
machine's count of seconds since it was started, which no one sets. Over a restart there is no such count: then the clock must
not have gone back, nor must the machine have been off for more than a day by it, since that cannot be told from a clock that
was set forward. Each profile waits with its ages for one run after a jump.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.db import kept
from core.db.database import Transaction
from core.model import moment, now, timestamp
from core.text.format import counted

#: The setting that holds what was seen.
NAME = "clock"
MOST = timedelta(days=1)
#: The credential (systemd.exec(5)) that holds the id of the machine's start.
BOOT_CREDENTIAL = "boot_id"


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the clocks: wall time, seconds since the machine was started, and the id of that start (or empty)."""

    wall: datetime
    uptime: float
    boot: str


def read() -> Reading:
    """Read all of it now."""
    uptime, boot = time.clock_gettime(time.CLOCK_BOOTTIME), ""
    with suppress(OSError, ValueError, IndexError):
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    for place in (Path("/proc/sys/kernel/random/boot_id"), *_given()):
        with suppress(OSError, ValueError):
            boot = boot or place.read_text().strip()
    return Reading(now(), uptime, boot)


def _given() -> list[Path]:
    """The file with the id of the start, for a service that sees only processes in /proc (see ``core.service.unit``)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return [Path(folder, BOOT_CREDENTIAL)] if folder else []


def jump(before: Reading, present: Reading) -> timedelta | None:
    """By how much the clock was set between two readings, or seems to have been; None when it can be believed."""
    passed = present.wall - before.wall
    if before.boot and before.boot == present.boot and present.uptime >= before.uptime:
        drift = passed - timedelta(seconds=present.uptime - before.uptime)
    else:
        # The machine was off from some time after the reading before until it was started.
        drift = passed if passed < timedelta() else max(passed - timedelta(seconds=present.uptime), timedelta())
    return drift if abs(drift) > MOST else None


async def watch(archive: Archive) -> None:
    """Look at the clock, as often as one likes."""
    async with archive.database.transaction() as transaction:
        await _look(transaction, read(), None)


async def doubt(archive: Archive, profile: str, run: int, *, dry_run: bool = False) -> str:
    """Why ages are not to be counted in this run of a profile, as a sentence; empty when they are."""
    last = await archive.entries_before(None, 1)
    newest = moment(last[0].at) if last else None
    async with archive.database.transaction() as transaction:
        present = read()
        state = await _look(transaction, present, newest)
        runs = state.setdefault("runs", {})
        key = profile.casefold()
        # A profile that never ran waits for a jump of late, and not for one of long ago.
        late = "at" in state and abs(present.wall - moment(state["at"])) <= MOST
        known = runs.get(key, {"run": 0, "jumps": state["jumps"] - late, "said": ""})
        if known["run"] != run:
            known = {"run": run, "jumps": state["jumps"], "said": state["said"] if state["jumps"] != known["jumps"] else ""}
        if not dry_run:
            runs[key] = known
            await kept.keep(transaction, NAME, json.dumps(state))
        return str(known["said"])


async def _look(transaction: Transaction, present: Reading, newest: datetime | None) -> dict[str, Any]:
    """Compare with what was seen last, or with the ledger's last entry if nothing was; what is known now."""
    state = await _state(transaction)
    try:
        before: Reading | None = Reading(moment(state["wall"]), float(state["uptime"]), str(state["boot"]))
    except (KeyError, ValueError, TypeError):
        before = Reading(newest, 0.0, "") if newest is not None else None
        state = {"jumps": 0, "said": ""}
    if before is None:
        # Nothing to compare with: whoever knows the ledger begins.
        return state
    if (by := jump(before, present)) is not None:
        state |= {"jumps": state["jumps"] + 1, "said": _said(by, before, present), "at": timestamp(present.wall)}
    state |= {"wall": timestamp(present.wall), "uptime": present.uptime, "boot": present.boot}
    await kept.keep(transaction, NAME, json.dumps(state))
    return state


async def _state(transaction: Transaction) -> dict[str, Any]:
    try:
        value = json.loads(await kept.value(transaction, NAME) or "")
        return value if isinstance(value, dict) and isinstance(value["jumps"], int) and isinstance(value["said"], str) else {}
    except (ValueError, KeyError):
        return {}


def _said(by: timedelta, before: Reading, present: Reading) -> str:
    days = counted(max(abs(by).days, 1), "day")
    if by < timedelta():
        what = f"The clock went back by {days}: it says {present.wall:%Y-%m-%d %H:%M} UTC"
    elif before.boot and before.boot == present.boot:
        what = f"The clock jumped forward by {days}: it says {present.wall:%Y-%m-%d %H:%M} UTC"
    else:
        at = f"{present.wall:%Y-%m-%d %H:%M} UTC"
        what = f"By the clock ({at}) the machine was off for {days}; whether that is so, or it was set forward, cannot be told"
    return f"{what}. Rules that go by age wait for the next run."
