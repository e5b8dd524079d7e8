"""Mailboxes and problems of a run as rows, for display. Rows of problems are made on access."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from core.engine.visit.progress import MailboxLine
from core.model import Phase, RunStatus
from core.problems.table import kept
from core.text import format as texts
from tui.desk import face, run_words
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, sentence, text
from tui.desk.run_words import STATES


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
    ``problems`` are its own, once the run is finished.
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


def share_done(mailbox: Mapping[str, Any], status: RunStatus) -> float | None:
    if status is RunStatus.SUCCEEDED:
        return 1.0
    done = sum(mailbox[name] for name in ("archived", "known", "moved", "excluded"))
    return min(done / mailbox["found"], 1.0) if mailbox["found"] else None


def live_mailbox(line: MailboxLine) -> MailboxRow:
    phase, status = Phase(line.phase), RunStatus(line.status)
    listed = phase in (Phase.ARCHIVING, Phase.CHECKING, Phase.DONE)
    fraction = (line.bytes_done / line.bytes_total if line.bytes_total else 1.0) if listed else None
    if phase is Phase.DONE and status is RunStatus.FAILED and not line.bytes_total:
        # It was never listed, so nothing is known to be done.
        fraction = None
    if phase is Phase.DONE:
        rank = DONE if status is RunStatus.SUCCEEDED else WRONG
    else:
        rank = WAITING if phase is Phase.WAITING else RUNNING
    waits = line.waits_until if phase is not Phase.DONE else ""
    state = STATES[status] if phase is Phase.DONE else badge("…", "waits", Tone.WARN) if waits else _PHASES[phase]
    return MailboxRow(
        state=state,
        mailbox=text(line.mailbox),
        fraction=fraction,
        messages=sentence(f"{texts.number(line.messages_done)}/{texts.number(line.messages_total)}")
        if line.messages_total
        else BLANK,
        size=sentence(run_words.done_of(line.bytes_done, line.bytes_total, "/")) if line.bytes_total else sentence(BLANK),
        folder=sentence(f"waits until {texts.clock(waits)}") if waits else text(line.folder) if rank == RUNNING else BLANK,
        rank=rank,
        key=line.mailbox,
        user=text(line.user),
        counts={"archived": line.archived, "moved": line.moved, "failed": line.failed},
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
