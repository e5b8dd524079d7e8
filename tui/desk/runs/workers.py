"""Workers on other machines: their states, read from the cluster's database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from core.cluster import cluster_file, setting_up
from core.cluster.setting_up import ClusterState, WorkerState
from core.config import Home
from core.errors import ArchivarError
from core.problems import table
from core.text import format as texts
from tui.desk import face, present
from tui.desk.present import BLANK, Badge, Safe, Tone

#: Seconds for which an answer of the database is shown again.
FRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker: its name, state, mailboxes at work of those it takes, what it has not delivered, when it was heard of."""

    key: str
    name: Safe
    state: Badge
    mailboxes: Safe
    undelivered: Safe
    heard: Safe
    more: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class WorkersView:
    """The workers, and a sentence about the cluster: what waits, or why it cannot be asked."""

    rows: Sequence[WorkerRow]
    waiting: Safe
    trouble: Safe


class WorkersDesk:
    """The workers of an archive. It raises nothing: a cluster that does not answer is told in the view."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._seen: tuple[float, WorkersView] | None = None

    async def view(self) -> WorkersView:
        """The workers now, or as of two seconds ago."""
        moment = time.monotonic()
        if self._seen is None or moment - self._seen[0] > FRESH_SECONDS:
            self._seen = moment, await self._look()
        return self._seen[1]

    async def _look(self) -> WorkersView:
        if not cluster_file.is_there(self._home):
            return WorkersView((), BLANK, BLANK)
        try:
            state = await setting_up.look(self._home)
        except ArchivarError as error:
            return WorkersView((), BLANK, present.sentence(face.told(error.reason)))
        return WorkersView([_row(one) for one in state.workers], _waiting(state), BLANK)


def _waiting(state: ClusterState) -> Safe:
    return present.sentence(f"{texts.counted(state.waiting, 'mailbox', 'mailboxes')} waiting")


def _row(one: WorkerState) -> WorkerRow:
    lane = f", lane {one.lane}" if one.lane is not None else ""
    more = [
        present.text(f"Version {one.version}, protocol {one.protocol}{lane}, since {one.begun.astimezone():%Y-%m-%d %H:%M}.")
    ]
    if one.why:
        more.append(present.sentence(face.told(table.kept(one.why))))
    return WorkerRow(
        f"{one.name} {one.begun.isoformat()}",
        present.text(one.name),
        _state(one),
        present.sentence(f"{one.mailboxes} of {one.most}"),
        present.sentence(texts.size(one.waiting_bytes) if one.waiting_bytes else ""),
        present.sentence(f"{texts.duration(one.silent)} ago"),
        tuple(more),
    )


def _state(one: WorkerState) -> Badge:
    if one.state == "closed":
        return present.badge("✘", "given up", Tone.BAD) if one.why else present.badge("○", "ended", Tone.MUTED)
    if one.draining:
        return present.badge("!", "draining", Tone.WARN)
    return present.badge("●", "at work", Tone.GOOD) if one.mailboxes else present.badge("○", "ready", Tone.PLAIN)
