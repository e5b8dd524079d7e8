"""The mailboxes of a run in motion: what changed since the last look, and the sums over all. Pure.

A look costs what has changed. Of a mailbox at rest (waiting, or done) it compares two values.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

from core.engine.visit.progress import UNLISTED, MailboxLine, MailboxProgress
from core.model import Phase, Problem, RunStatus, timestamp

#: Problems of a run that are told while it goes on; all are counted.
SHOWN_PROBLEMS = 20
#: Shares are summed as integers, so that no rounding adds up.
WHOLE = 1_000_000
_RESTING = (Phase.WAITING, Phase.DONE)
#: Phases in which the server is expected to send something.
_LISTENING = (Phase.CONNECTING, Phase.LISTING, Phase.ARCHIVING, Phase.DELETING)


class Counts(NamedTuple):
    """The counts of one mailbox, or their sums. ``share`` is the share done, in parts of ``WHOLE``; ``done``, ``unlisted`` and
    ``listening`` count mailboxes; those from ``found`` on are ``core.model.COUNTERS``.
    """

    messages_total: int = 0
    messages_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    received: int = 0
    share: int = 0
    done: int = 0
    unlisted: int = 0
    listening: int = 0
    found: int = 0
    archived: int = 0
    known: int = 0
    moved: int = 0
    excluded: int = 0
    failed: int = 0
    deleted: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, mailbox: MailboxProgress) -> Counts:
        phase, tally = mailbox.phase, mailbox.tally
        return cls(
            mailbox.messages_total,
            mailbox.messages_done,
            mailbox.bytes_total,
            mailbox.bytes_done,
            mailbox.received,
            round(mailbox.fraction * WHOLE),
            phase is Phase.DONE,
            phase in UNLISTED,
            phase in _LISTENING and mailbox.waits_until is None,
            tally.found,
            tally.archived,
            tally.known,
            tally.moved,
            tally.excluded,
            tally.failed,
            tally.deleted,
            tally.bytes,
        )


class Motion:
    """The mailboxes of a run, looked at again and again."""

    def __init__(self, mailboxes: Sequence[MailboxProgress]) -> None:
        self._mailboxes = mailboxes
        counts = [Counts.of(mailbox) for mailbox in mailboxes]
        self.sums = Counts(*map(sum, zip(*counts, strict=True)))
        #: Counts by position, but for mailboxes whose counts are still those of a waiting one.
        self._counted = {position: one for position, one in enumerate(counts) if one != _WAITING}
        self._phases = [mailbox.phase for mailbox in mailboxes]
        self._received = [one.received for one in counts]
        #: Lines of the mailboxes at work, and of those that came to rest just now.
        self._lines: dict[int, MailboxLine] = {}
        self._settled: dict[int, MailboxLine] | None = None
        #: The last problem and the number of problems, by position; the positions in order.
        self._problems: dict[int, tuple[int, Problem | None]] = {}
        self._troubled: list[int] = []
        self._told: tuple[dict[str, Any], ...] | None = None
        for position in range(len(mailboxes)):
            if self._phases[position] not in _RESTING or mailboxes[position].result.problems:
                self._look_at(position)

    def look(self) -> None:
        """Take over what has changed."""
        known = zip(self._mailboxes, self._phases, self._received, strict=True)
        stirred = {
            position
            for position, (mailbox, phase, received) in enumerate(known)
            if mailbox.phase is not phase or mailbox.received != received
        }
        for position in sorted(stirred | self._lines.keys()):
            self._look_at(position)

    @property
    def moving(self) -> dict[int, MailboxLine]:
        """The mailboxes at work, by position."""
        return {position: line for position, line in sorted(self._lines.items()) if line.phase not in _RESTING}

    def settled(self) -> dict[int, MailboxLine]:
        """The lines, by position, of mailboxes that came to rest since the last call; at first those of all mailboxes."""
        found, self._settled = self._settled, {}
        return dict(enumerate(map(line_of, self._mailboxes))) if found is None else found

    def problems(self) -> tuple[dict[str, Any], ...]:
        """The last problems in the order of the mailboxes, with the mailbox of each."""
        if self._told is None:
            found = (
                {"mailbox": self._mailboxes[position].result.mailbox, **problem.as_json()}
                for position in reversed(self._troubled)
                for problem in reversed(self._mailboxes[position].result.problems)
            )
            self._told = tuple(islice(found, SHOWN_PROBLEMS))[::-1]
        return self._told

    def _look_at(self, position: int) -> None:
        mailbox = self._mailboxes[position]
        counts, line = Counts.of(mailbox), line_of(mailbox)
        before = self._counted.get(position, _WAITING)
        if counts != before:
            self._counted[position] = counts
            self.sums = Counts._make(total + now - then for total, now, then in zip(self.sums, counts, before, strict=True))
        self._phases[position], self._received[position] = mailbox.phase, counts.received
        if line.phase not in _RESTING or self._lines.get(position) != line:
            # A mailbox that came to rest is looked at once more: its result may follow its phase.
            self._lines[position] = line
            if line.phase in _RESTING and self._settled is not None:
                self._settled[position] = line
        else:
            del self._lines[position]
        self._look_at_problems(position, mailbox.result.problems)

    def _look_at_problems(self, position: int, problems: Sequence[Problem]) -> None:
        known = (len(problems), problems[-1] if problems else None)
        if known == self._problems.get(position, (0, None)):
            return
        if position not in self._problems:
            insort(self._troubled, position)
        self._problems[position] = known
        self._told = None


def line_of(mailbox: MailboxProgress) -> MailboxLine:
    """The line of a mailbox."""
    status = mailbox.result.status if mailbox.phase is Phase.DONE else RunStatus.RUNNING
    return MailboxLine(
        mailbox=mailbox.result.mailbox,
        user=mailbox.result.user,
        phase=mailbox.phase.value,
        status=status.value if mailbox.phase is not Phase.WAITING else RunStatus.QUEUED.value,
        folder=mailbox.folder,
        messages_total=mailbox.messages_total,
        messages_done=mailbox.messages_done,
        bytes_total=mailbox.bytes_total,
        bytes_done=mailbox.bytes_done,
        archived=mailbox.tally.archived,
        moved=mailbox.tally.moved,
        failed=mailbox.tally.failed,
        waits_until=timestamp(mailbox.waits_until) if mailbox.waits_until else "",
    )


_WAITING = Counts(unlisted=1)
