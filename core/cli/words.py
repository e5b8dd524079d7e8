"""How the command line says things: states, quantities, how wide a text is. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from core.engine.run import progress_words
from core.engine.visit.progress import Snapshot
from core.model import Run, RunStatus, now
from core.profiles.profile import Profile
from core.text.codepoints import is_joiner
from core.text.format import clock, counted, number, safe, size, soon

WORDS = {
    RunStatus.QUEUED: "… queued",
    RunStatus.RUNNING: "▶ running",
    RunStatus.INTERRUPTED: "… interrupted, will carry on",
    RunStatus.SUCCEEDED: "✔ succeeded",
    RunStatus.WITH_ERRORS: "! completed with errors",
    RunStatus.CANCELLED: "■ cancelled",
    RunStatus.FAILED: "✘ failed",
}
NO_SERVICE = (
    "No service is running, so no schedule starts anything. Start one: archivar service start; "
    "one that starts with the machine: archivar service unit"
)
#: For terminals and files that know no more than ASCII.
_PLAIN = str.maketrans({"✔": "+", "✘": "x", "●": "*", "○": "-", "■": "#", "▶": ">", "…": "...", "·": "-", "━": "="})
#: A column that is no wider than this is never shortened, so that times, states and numbers stay whole.
_WHOLE = 20
#: What is broken is never broken to less than this.
_NARROWEST = 12


def run_state(run: Run) -> str:
    """The state of a run in words; a dry run is called one."""
    return f"dry run: {WORDS[run.status]}" if run.dry_run else WORDS[run.status]


def called(run: Run) -> str:
    """``Run 7``, or ``Dry run 7``."""
    return f"{'Dry run' if run.dry_run else 'Run'} {run.id}"


def next_start(profile: Profile, starts: Mapping[str, datetime], running: bool) -> str:
    """When a profile is started next, in local time; empty for one that is started by hand."""
    if not profile.automatic:
        return ""
    if profile.name not in starts:
        return "! unknown time zone"
    start, moment = starts[profile.name], now()
    return soon(start, moment) if running or start > moment else "waits for a service"


def minute(text: str) -> str:
    """A time of the ledger as it can be read: ``2026-01-31 09:05 UTC``."""
    return f"{text[:10]} {text[11:16]} UTC"


def day_and_time(seconds: int | None) -> str:
    """Seconds since 1970, in UTC; empty when unknown or in no year that a calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds is not None else ""
    except (ValueError, OverflowError, OSError):
        return ""


def date_or_arrival(date: int | None, arrived: int | None, written: str) -> str:
    """The date of a message; where it has none, or ``written`` cannot be used, when a server received it, in words."""
    if known := day_and_time(date):
        return known
    why = f"its own date cannot be used: {written}" if written else "it has no date of its own"
    received = day_and_time(arrived)
    return f"received {received} ({why})" if received else f"unknown ({why})"


def iso(seconds: int | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC, for JSON; None where ``day_and_time`` has nothing to say."""
    if seconds is None or not day_and_time(seconds):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def progress_line(snapshot: Snapshot) -> str:
    """A run's progress in one line of plain text."""
    share = "" if snapshot.fraction is None else f"{snapshot.fraction:.0%}, "
    left, silence = progress_words.left_by(snapshot), progress_words.silence(snapshot)
    several = mailboxes(snapshot)
    if not snapshot.messages_total:
        return share + ", ".join(filter(None, (several, waits(snapshot) or _phase(snapshot), left, silence)))
    # Of many mailboxes the folder of one says nothing.
    folder = waits(snapshot) or several or current_folder(snapshot)
    return (
        f"{share}{number(snapshot.messages_done)} of {counted(snapshot.messages_total, 'message')}, "
        f"{size(snapshot.bytes_done)}, {progress_words.rate(snapshot) or '0 msg/s'}"
        + "".join(f", {one}" for one in (left, silence, folder) if one)
    )


def mailboxes(snapshot: Snapshot) -> str:
    """How far a run of many mailboxes is; empty for a single one."""
    if snapshot.mailboxes_total < 2:
        return ""
    done = f"{number(snapshot.mailboxes_done)} of {number(snapshot.mailboxes_total)} mailboxes"
    return f"{done}, {number(snapshot.mailboxes_unlisted)} still to list" if snapshot.mailboxes_unlisted else done


def waits(snapshot: Snapshot) -> str:
    """That mailboxes wait for a server that has too much to do, and until when; empty when none does."""
    until = sorted(line.waits_until for line in snapshot.mailboxes if line.waits_until)
    if not until:
        return ""
    if snapshot.mailboxes_total < 2:
        return f"waits until {clock(until[0])}"
    return f"{counted(len(until), 'mailbox waits', 'mailboxes wait')}, the next until {clock(until[0])}"


def _phase(snapshot: Snapshot) -> str:
    return next((line.phase for line in snapshot.mailboxes if line.phase != "done"), "finishing")


def current_folder(snapshot: Snapshot) -> str:
    """The folder that is being archived, safe to show; empty between folders."""
    return next((safe(line.folder, 300) for line in snapshot.mailboxes if line.folder and line.phase != "done"), "")


def plain(text: str) -> str:
    """``text`` with glyphs that every terminal has."""
    return text.translate(_PLAIN)


def cells(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    from core.text.cells import cell_len

    return cell_len(text)


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; of a path, beginning and end say most, so the middle goes."""
    if cells(text) <= width:
        return text
    room = max(width - 1, 1)
    head = text[: _fitting(text[: _window(room)], (room + 1) // 2)]
    # Turned around, the end is a beginning.
    tail = text[: -_window(room) - 1 : -1]
    tail = tail[: _fitting(tail, room // 2)][::-1]
    return f"{head}…{tail}"


def _window(room: int) -> int:
    """So many characters are looked at to fill ``room`` columns: few pile up on one."""
    return 8 * room + 8


def _fitting(text: str, room: int) -> int:
    """The number of characters of ``text`` that stand in ``room`` columns."""
    end = len(text)
    while (excess := cells(text[:end]) - room) > 0:
        # None takes more than two.
        end -= (excess + 1) // 2
    return end


def wrapped(text: str, width: int | None, indent: int = 0) -> list[str]:
    """``text`` in lines of at most ``width`` columns, broken at blanks where there are any; all but the first indented."""
    if width is None or cells(text) <= width:
        return [text]
    lines: list[str] = []
    room, at = width, 0
    while at < len(text):
        part = text[at : at + _window(room)]
        end = max(_fitting(part, room), 1)
        if at + end < len(text):
            blank = part.rfind(" ", 0, end + 1)
            end = blank if blank > 0 and part[:blank].strip() else _between_characters(text[at : at + end + 1], end)
        lines.append(text[at : at + end].rstrip())
        at += end
        while text.startswith(" ", at):
            at += 1
        room = max(width - indent, _NARROWEST)
    return [lines[0], *(" " * indent + line for line in lines[1:])]


def _between_characters(text: str, end: int) -> int:
    """``end``, or a place before it that parts no mark from its letter and nothing that is joined."""
    whole = end
    while 1 < whole < len(text) and (not cells(text[whole]) or is_joiner(text[whole - 1])):
        whole -= 1
    return whole if whole > 1 else end


def columns(rows: list[list[str]], width: int | None, right: frozenset[int] = frozenset()) -> list[str]:
    """The lines of a table, its head first. Columns in ``right`` are set flush right.

    With a ``width`` none is longer: the last column goes on in the next line, the widest of the others are shortened.
    """
    while len(rows[0]) > 1 and not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    last = len(rows[0]) - 1
    widths = [max(cells(row[column]) for row in rows) for column in range(last + 1)]
    if width is not None:
        # The last column may be wrapped, but not to shreds.
        wanted = min(widths[last], max(width // 3, _NARROWEST))
        while sum(widths[:last]) + 2 * last + wanted > width:
            widest = max(range(last), key=lambda column: widths[column], default=0)
            if not last or widths[widest] <= _WHOLE:
                break
            widths[widest] -= 1
    lines = []
    for row in rows:
        before = ""
        for column in range(last):
            cell = shortened(row[column], widths[column])
            blanks = " " * (widths[column] - cells(cell))
            before += (blanks + cell if column in right else cell + blanks) + "  "
        end = row[last]
        if last in right:
            end = " " * (widths[last] - cells(end)) + end
        indent = cells(before)
        room = None if width is None else max(width - indent, _NARROWEST)
        first, *others = wrapped(end, room) if end else [""]
        lines.append((before + first).rstrip())
        lines += [" " * indent + line for line in others]
    return lines
