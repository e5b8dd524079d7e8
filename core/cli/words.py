"""Words of the command line for states, quantities, times. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from core.engine.run import progress_words
from core.engine.visit.progress import Snapshot
from core.model import Phase, now
from core.text.format import clock, counted, number, safe, size, soon

if TYPE_CHECKING:
    from core.profiles.profile import Profile

NO_SERVICE = (
    "No service is running, so no schedule starts anything. Start one: archivar service start; "
    "one that starts with the machine: archivar service unit"
)


def next_start(profile: Profile, starts: Mapping[str, datetime], running: bool) -> str:
    """The next start of a profile, in local time; empty for one that is started by hand."""
    if not profile.automatic:
        return ""
    if profile.name not in starts:
        return "! unknown time zone"
    start, moment = starts[profile.name], now()
    return soon(start, moment) if running or start > moment else "waits for a service"


def progress_line(snapshot: Snapshot) -> str:
    """A run's progress in one line of plain text."""
    share = "" if snapshot.fraction is None else f"{snapshot.fraction:.0%}, "
    left, silence = progress_words.left_by(snapshot), progress_words.silence(snapshot)
    several = mailboxes(snapshot)
    if not snapshot.messages_total:
        return share + ", ".join(filter(None, (several, waits(snapshot) or _phase(snapshot), left, silence)))
    # With many mailboxes the folder of one carries no information.
    folder = waits(snapshot) or several or current_folder(snapshot)
    return (
        f"{share}{number(snapshot.messages_done)} of {counted(snapshot.messages_total, 'message')}, "
        f"{size(snapshot.bytes_done)}, {progress_words.rate(snapshot) or '0 msg/s'}"
        + "".join(f", {one}" for one in (left, silence, folder) if one)
    )


def mailboxes(snapshot: Snapshot) -> str:
    """The progress of a run in mailboxes; empty for a single one."""
    if snapshot.mailboxes_total < 2:
        return ""
    done = f"{number(snapshot.mailboxes_done)} of {number(snapshot.mailboxes_total)} mailboxes"
    return f"{done}, {number(snapshot.mailboxes_unlisted)} still to list" if snapshot.mailboxes_unlisted else done


def waits(snapshot: Snapshot) -> str:
    """The sentence about mailboxes that wait for a busy server, with the end of the wait; empty when none does."""
    until = sorted(line.waits_until for line in snapshot.moving.values() if line.waits_until)
    if not until:
        return ""
    if snapshot.mailboxes_total < 2:
        return f"waits until {clock(until[0])}"
    return f"{counted(len(until), 'mailbox waits', 'mailboxes wait')}, the next until {clock(until[0])}"


def _phase(snapshot: Snapshot) -> str:
    resting = Phase.WAITING if snapshot.mailboxes_done < snapshot.mailboxes_total else "finishing"
    return next((line.phase for line in snapshot.moving.values()), resting)


def current_folder(snapshot: Snapshot) -> str:
    """The current folder, safe to show; empty between folders."""
    return next((safe(line.folder, 300) for line in snapshot.moving.values() if line.folder), "")
