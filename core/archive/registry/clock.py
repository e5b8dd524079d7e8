"""The machine's clock as this archive has seen it, to tell if message ages can be trusted.

Read by runs, and by the service while it waits. Between two readings the wall clock must have advanced as much as the count of
seconds since the start of the machine, which cannot be set. Over a restart there is no such count: then the clock must not have
gone back, nor may the machine seem to have been off for more than a day, since a clock set forward looks the same. After a
jump, each profile deletes nothing by age for one run.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.db import kept
from core.db.database import Transaction
from core.model import moment, now, timestamp
from core.problems import table, warning
from core.problems.code import Reason
from core.problems.command_line import sentence
from core.values import dataclass

#: The setting that holds the last reading.
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
    """Read the clocks now."""
    uptime, boot = time.clock_gettime(time.CLOCK_BOOTTIME), ""
    with suppress(OSError, ValueError, IndexError):
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    for place in (Path("/proc/sys/kernel/random/boot_id"), *_given()):
        with suppress(OSError, ValueError):
            boot = boot or place.read_text().strip()
    return Reading(now(), uptime, boot)


def _given() -> list[Path]:
    """The file with the start's id, for a service whose /proc shows processes only (see ``core.service.unit``)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return [Path(folder, BOOT_CREDENTIAL)] if folder else []


def jump(before: Reading, present: Reading) -> timedelta | None:
    """The jump of the wall clock between two readings; None when it can be trusted."""
    passed = present.wall - before.wall
    if before.boot and before.boot == present.boot and present.uptime >= before.uptime:
        drift = passed - timedelta(seconds=present.uptime - before.uptime)
    else:
        # The machine was off at some time after the earlier reading and before its start.
        drift = passed if passed < timedelta() else max(passed - timedelta(seconds=present.uptime), timedelta())
    return drift if abs(drift) > MOST else None


async def watch(archive: Archive) -> None:
    """Read the clocks and record a jump; may be called as often as needed."""
    async with archive.database.transaction() as transaction:
        await _look(transaction, read(), None)


async def doubt(archive: Archive, profile: str, run: int, *, dry_run: bool = False) -> Reason | None:
    """The reason why ages do not count in this run of a profile; None when they do."""
    last = await archive.entries_before(None, 1)
    newest = moment(last[0].at) if last else None
    async with archive.database.transaction() as transaction:
        present = read()
        state = await _look(transaction, present, newest)
        runs = state.setdefault("runs", {})
        key = profile.casefold()
        # A profile that never ran waits for a recent jump only.
        late = "at" in state and abs(present.wall - moment(state["at"])) <= MOST
        known = runs.get(key, {"run": 0, "jumps": state["jumps"] - late, "said": ""})
        if known["run"] != run:
            why = {name: state[name] for name in ("said", "why") if name in state}
            known = {"run": run, "jumps": state["jumps"], **(why if state["jumps"] != known["jumps"] else {"said": ""})}
        if not dry_run:
            runs[key] = known
            await kept.keep(transaction, NAME, json.dumps(state))
        # A state of an older version has the sentence alone.
        return table.kept({"reason": known["said"], **known.get("why", {})}) if known["said"] else None


async def _look(transaction: Transaction, present: Reading, newest: datetime | None) -> dict[str, Any]:
    """Compare with the last reading, or with the ledger's last entry if there is none; the new state."""
    state = await _state(transaction)
    try:
        before: Reading | None = Reading(moment(state["wall"]), float(state["uptime"]), str(state["boot"]))
    except (KeyError, ValueError, TypeError):
        before = Reading(newest, 0.0, "") if newest is not None else None
        state = {"jumps": 0, "said": ""}
    if before is None:
        # No earlier reading and no ledger: this reading begins the record.
        return state
    if (by := jump(before, present)) is not None:
        why = _why(by, before, present)
        state |= {"jumps": state["jumps"] + 1, "said": sentence(why), "why": why.as_json(), "at": timestamp(present.wall)}
    state |= {"wall": timestamp(present.wall), "uptime": present.uptime, "boot": present.boot}
    await kept.keep(transaction, NAME, json.dumps(state))
    return state


async def _state(transaction: Transaction) -> dict[str, Any]:
    try:
        value = json.loads(await kept.value(transaction, NAME) or "")
        return value if isinstance(value, dict) and isinstance(value["jumps"], int) and isinstance(value["said"], str) else {}
    except (ValueError, KeyError):
        return {}


def _why(by: timedelta, before: Reading, present: Reading) -> Reason:
    if by < timedelta():
        code = warning.CLOCK_BACK
    else:
        code = warning.CLOCK_FORWARD if before.boot and before.boot == present.boot else warning.CLOCK_UNKNOWN
    return code(by=max(abs(by).days, 1), at=f"{present.wall:%Y-%m-%d %H:%M}")
