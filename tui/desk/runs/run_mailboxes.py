"""Mailboxes and problems of a run as rows, for display. Rows are made on access: a run may have tens of thousands."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from core.engine.run.foreseen import of_mailbox
from core.engine.visit.progress import UNLISTED, MailboxLine
from core.model import COUNTERS, Phase, RunStatus
from core.problems.table import kept
from core.text import format as texts
from tui.desk import face
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, sentence, text
from tui.desk.runs import run_words
from tui.desk.runs.run_words import STATES


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem with its reason: ``place`` is mailbox, folder and UID.

    ``key`` is the true name of the mailbox, for comparisons only. ``full`` is the whole ``reason``, ``remedy`` the advice.
    """

    place: tuple[Safe, ...]
    reason: Safe
    key: str = ""
    mailbox: Safe = BLANK
    folder: Safe = BLANK
    uid: Safe = BLANK
    full: Safe = BLANK
    remedy: Safe = BLANK


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox of a run. ``fraction`` is None while unknown; ``rank`` sorts: active, failed, the rest.

    ``key`` is its true name, for comparisons only. ``counts`` are the known ones, by the names of ``core.model.COUNTERS``;
    ``problems`` are its own, once the run is finished; ``position`` is that in the run.
    """

    state: Badge
    mailbox: Safe
    fraction: float | None
    messages: Safe
    size: Safe
    folder: Safe
    rank: int
    key: str = ""
    user: Safe = BLANK
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[ProblemRow] = ()
    position: int = 0


#: Characters of a reason that are shown.
LONGEST_REASON = 10_000
_PHASES = {
    Phase.WAITING: badge("○", "waiting", Tone.MUTED),
    Phase.CONNECTING: badge("●", "connecting", Tone.BUSY),
    Phase.LISTING: badge("●", "listing", Tone.BUSY),
    Phase.ARCHIVING: badge("●", "archiving", Tone.BUSY),
    Phase.CHECKING: badge("●", "checking", Tone.BUSY),
    Phase.DELETING: badge("●", "deleting", Tone.BUSY),
}
RUNNING, WRONG, WAITING, DONE = range(4)
#: Where more than one in so many mailboxes has changed, the order is made anew.
MANY = 16
T = TypeVar("T")


class RunMailboxes(Sequence[MailboxRow], Generic[T]):
    """The mailboxes of a run in displayed order: active ones first, then failed ones, then the waiting and the done.

    ``longest``: the cells that the longest texts of messages and of sizes need.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = list(items)
        #: Positions in the run, by rank.
        self._order: tuple[list[int], ...] = ([], [], [], [])
        for position, item in enumerate(self._items):
            self._order[self.rank(item)].append(position)
        self.longest = self.widened((0, 0), self._items)

    def rank(self, item: T) -> int:
        """The part of the order to which a mailbox belongs."""
        raise NotImplementedError

    def amounts(self, item: T) -> tuple[str, str]:
        """The texts of its messages and its size."""
        raise NotImplementedError

    def row(self, position: int, item: T) -> MailboxRow:
        """Its row."""
        raise NotImplementedError

    def names(self, item: T) -> tuple[str, str]:
        """Its true name and its user's."""
        raise NotImplementedError

    def widened(self, longest: tuple[int, int], items: Iterable[T]) -> tuple[int, int]:
        """``longest`` with these mailboxes too."""
        messages, size = longest
        for item in items:
            texts_ = self.amounts(item)
            messages, size = max(messages, len(texts_[0])), max(size, len(texts_[1]))
        return messages, size

    @property
    def active(self) -> int:
        """The number of mailboxes at work."""
        return len(self._order[RUNNING])

    @property
    def failed(self) -> int:
        """The number of mailboxes that ended with problems."""
        return len(self._order[WRONG])

    def find(self, row: MailboxRow) -> int | None:
        """The present index of a mailbox; None when it is no more."""
        position, names = row.position, (row.key, row.user)
        if not (position < len(self._items) and self._is(position, names)):
            position = next((one for one in range(len(self._items)) if self._is(one, names)), -1)
        if position < 0:
            return None
        rank = self.rank(self._items[position])
        return sum(map(len, self._order[:rank])) + bisect_left(self._order[rank], position)

    def _is(self, position: int, names: tuple[str, Safe]) -> bool:
        key, user = self.names(self._items[position])
        return key == names[0] and text(user) == names[1]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> MailboxRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[MailboxRow]: ...
    def __getitem__(self, index: int | slice) -> MailboxRow | Sequence[MailboxRow]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        for positions in self._order:
            if index < len(positions):
                return self.row(positions[index], self._items[positions[index]])
            index -= len(positions)
        raise IndexError(index)


class LiveMailboxes(RunMailboxes[MailboxLine]):
    """The mailboxes of a run that goes on. It never changes: ``changed`` makes the next, at the cost of what has changed."""

    def changed(self, lines: Mapping[int, MailboxLine], total: int) -> LiveMailboxes:
        """With these lines, by position; ``total``: how many mailboxes the run has now."""
        if total != len(self) or len(lines) > total // MANY:
            items = dict(enumerate(self._items)) | dict(lines)
            return LiveMailboxes(items[position] for position in range(total) if position in items)
        found = LiveMailboxes(())
        found._items, found._order = self._items.copy(), tuple(map(list.copy, self._order))
        for position, line in lines.items():
            before, after = self.rank(found._items[position]), self.rank(line)
            found._items[position] = line
            if before != after:
                del found._order[before][bisect_left(found._order[before], position)]
                insort(found._order[after], position)
        found.longest = self.widened(self.longest, lines.values())
        return found

    def rank(self, item: MailboxLine) -> int:
        if item.phase == Phase.DONE:
            return DONE if item.status == RunStatus.SUCCEEDED else WRONG
        return WAITING if item.phase == Phase.WAITING else RUNNING

    def amounts(self, item: MailboxLine) -> tuple[str, str]:
        messages = f"{texts.number(item.messages_done)}/{texts.number(item.messages_total)}" if item.messages_total else ""
        return messages, run_words.done_of(item.bytes_done, item.bytes_total, "/") if item.bytes_total else ""

    def names(self, item: MailboxLine) -> tuple[str, str]:
        return item.mailbox, item.user

    def row(self, position: int, item: MailboxLine) -> MailboxRow:
        phase, status, rank = Phase(item.phase), RunStatus(item.status), self.rank(item)
        fraction = (item.bytes_done / item.bytes_total if item.bytes_total else 1.0) if phase not in UNLISTED else None
        if phase is Phase.DONE and status is RunStatus.FAILED and not item.bytes_total:
            # It was never listed, so nothing is known to be done.
            fraction = None
        waits = item.waits_until if phase is not Phase.DONE else ""
        state = STATES[status] if phase is Phase.DONE else badge("…", "waits", Tone.WARN) if waits else _PHASES[phase]
        messages, size = self.amounts(item)
        return MailboxRow(
            state=state,
            mailbox=text(item.mailbox),
            fraction=fraction,
            messages=sentence(messages),
            size=sentence(size),
            folder=sentence(f"waits until {texts.clock(waits)}") if waits else text(item.folder) if rank == RUNNING else BLANK,
            rank=rank,
            key=item.mailbox,
            user=text(item.user),
            counts={"archived": item.archived, "moved": item.moved, "failed": item.failed},
            position=position,
        )


class EndedMailboxes(RunMailboxes[Mapping[str, Any]]):
    """The mailboxes in the result of a run."""

    def __init__(self, items: Iterable[Mapping[str, Any]], *, dry_run: bool) -> None:
        self._dry_run = dry_run
        super().__init__(items)

    def rank(self, item: Mapping[str, Any]) -> int:
        return DONE if item["status"] == RunStatus.SUCCEEDED else WRONG

    def amounts(self, item: Mapping[str, Any]) -> tuple[str, str]:
        if not self._dry_run:
            return f"+{texts.number(item['archived'])}", texts.size(item["bytes"])
        foreseen = of_mailbox(item)
        return f"{texts.number(foreseen.new)} new", texts.size(foreseen.bytes)

    def names(self, item: Mapping[str, Any]) -> tuple[str, str]:
        return item["mailbox"], item["user"]

    def row(self, position: int, item: Mapping[str, Any]) -> MailboxRow:
        status, (messages, size) = RunStatus(item["status"]), self.amounts(item)
        return MailboxRow(
            state=STATES[status],
            mailbox=text(item["mailbox"]),
            fraction=_share_done(item, status),
            messages=sentence(messages),
            size=sentence(size),
            folder=BLANK,
            rank=self.rank(item),
            key=item["mailbox"],
            user=text(item["user"]),
            counts={name: item[name] for name in COUNTERS if name != "bytes"},
            problems=Problems([(item["mailbox"], problem) for problem in item["problems"]]),
            position=position,
        )


class Problems(Sequence[ProblemRow]):
    """Problems as rows made on access: a result may hold very many."""

    def __init__(self, found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, index: int) -> ProblemRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ProblemRow]: ...
    def __getitem__(self, index: int | slice) -> ProblemRow | Sequence[ProblemRow]:
        if isinstance(index, slice):
            return Problems(self._found[index])
        return _problem(*self._found[index])


def _problem(mailbox: str, problem: Mapping[str, Any]) -> ProblemRow:
    folder, shown, why = text(problem["folder"]), text(mailbox), kept(problem)
    reason = face.sentence(why)
    uid = "" if problem["uid"] is None else str(problem["uid"])
    return ProblemRow(
        place=tuple(sentence(part) for part in (folder, uid and f"UID {uid}", shown) if part),
        reason=text(reason),
        key=mailbox,
        mailbox=shown,
        folder=folder,
        uid=sentence(uid),
        full=text(reason, LONGEST_REASON),
        remedy=text(face.remedy(why), LONGEST_REASON),
    )


def _share_done(mailbox: Mapping[str, Any], status: RunStatus) -> float | None:
    if status is RunStatus.SUCCEEDED:
        return 1.0
    done = sum(mailbox[name] for name in ("archived", "known", "moved", "excluded"))
    return min(done / mailbox["found"], 1.0) if mailbox["found"] else None
