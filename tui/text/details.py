"""Details of one mailbox, one problem or one warning of a run, as lines. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tui.desk.present import BLANK, Safe, Tone, joined, named, own
from tui.desk.runs.run_mailboxes import MailboxRow, ProblemRow
from tui.text import prose
from tui.text.format import Line, percent

#: Problems of a mailbox listed in its details; all are in the list of the run.
SHOWN = 100
_COUNTS = (
    ("found", "Found"),
    ("archived", "Archived now"),
    ("known", "Known before"),
    ("moved", "Moved"),
    ("excluded", "Excluded by rules"),
    ("failed", "Failed"),
    ("deleted", "Deleted at the source"),
)


def problem_details(problem: ProblemRow, width: int) -> list[Line]:
    """Place, full reason, and remedy."""
    where = [("Mailbox", problem.mailbox), ("Folder", problem.folder), ("UID", problem.uid)]
    return [
        *prose.named(named((name, value) for name, value in where if value), width),
        (),
        *prose.paragraph(own("What went wrong"), width, Tone.STRONG),
        *prose.paragraph(problem.full, width),
        (),
        *prose.paragraph(own("What to do"), width, Tone.STRONG),
        *prose.paragraph(problem.remedy, width),
    ]


def note_details(note: Safe, width: int) -> list[Line]:
    """A warning in full."""
    return prose.paragraph(note, width)


def mailbox_details(row: MailboxRow, problems: Sequence[ProblemRow], live: bool, width: int) -> list[Line]:
    """State, counts and problems of a mailbox. While the run is ``live`` only some counts are known."""
    values: list[tuple[str, str]] = [("Mailbox", row.mailbox), ("User", row.user), ("State", row.state.shown)]
    if row.folder:
        values.append(("Folder", row.folder))
    if live:
        loaded = own("{} messages, {}", row.messages, row.size) if row.messages else own("nothing yet")
        values.append(("Downloaded", f"{percent(row.fraction).strip()}, {loaded}" if row.fraction is not None else loaded))
    values += [(name, f"{row.counts[key]:,}") for key, name in _COUNTS if key in row.counts]
    if not live:
        values.append(("Size", row.size))
    lines = prose.named(named((name, value) for name, value in values if value), width)
    if live:
        lines += [(), *prose.paragraph(own("The other counts are known when the run is over."), width, Tone.MUTED)]
    for problem, after in pairwise([*problems[:SHOWN], None]):
        assert problem is not None
        uid = own("UID {}", problem.uid) if problem.uid else BLANK
        place = joined(" · ", (part for part in (problem.folder, uid) if part))
        lines += [(), *prose.paragraph(own("✗ {}", place or own("the whole mailbox")), width, Tone.BAD)]
        lines += prose.paragraph(problem.full, width)
        if after is None or after.remedy != problem.remedy:
            # Once for all with the same remedy.
            lines += prose.paragraph(own("What to do: {}", problem.remedy), width)
    if len(problems) > SHOWN:
        more = own("and {:,} more, in the list of problems of this run", len(problems) - SHOWN)
        lines += [(), *prose.paragraph(more, width, Tone.MUTED)]
    return lines
