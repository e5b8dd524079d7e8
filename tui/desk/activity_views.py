"""What was done, as the console shows it: runs, their problems, the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.desk.views import State


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list. ``counts`` are archived, failed, deleted; ``more`` are sentences with what a line has no room for."""

    id: int
    profile: str
    state: State
    active: bool
    when: str
    took: str
    counts: tuple[str, str, str]
    how: str
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastProblem:
    """A problem of a run that is over: ``place`` is mailbox, folder and UID."""

    run: int
    profile: str
    when: str
    place: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of the ledger, in a sentence."""

    seq: int
    when: str
    actor: str
    sentence: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """All of an entry of the ledger: ``facts`` are values with their names, ``payload`` its lines, but for ``more``.

    ``changes``: what it changed from what to what, a line each.
    """

    seq: int
    facts: tuple[tuple[str, str], ...]
    changes: tuple[str, ...]
    payload: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Named:
    """What can be chosen: ``key`` is true and for the gateway only, ``name`` is shown."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class SealView:
    """The end of the ledger's chain, which stands for all before it: ``text`` is what is to be kept elsewhere."""

    text: str
    seq: str
    hash: str
    at: str


class Activity(Protocol):
    """What was done. Every method may raise ``Refused``. Empty keys mean all."""

    async def profiles(self) -> Sequence[Named]:
        """The profiles that have runs."""

    def states(self) -> Sequence[Named]:
        """The states that runs can be looked for in."""

    async def count(self, profile: str, state: str) -> int:
        """How many runs there are."""

    async def runs(self, profile: str, state: str, offset: int, limit: int) -> Sequence[RunRow]:
        """Some of them, the newest first."""

    async def position(self, profile: str, state: str, run: int) -> int:
        """How many of them are newer than this one."""

    async def problems(self) -> Sequence[PastProblem]:
        """The latest problems of all runs, the newest first."""

    def kinds(self) -> Sequence[Named]:
        """The kinds of entries."""

    async def entry_count(self, kind: str) -> int:
        """How many entries the ledger has."""

    async def entries(self, kind: str, offset: int, limit: int) -> Sequence[EntryRow]:
        """Some of them, the newest first."""

    async def entry_position(self, kind: str, seq: int) -> int:
        """How many of them are newer than this one."""

    async def entry(self, seq: int) -> EntryView:
        """All of one entry."""

    async def seal(self) -> SealView:
        """The end of the ledger's chain."""

    async def check_seal(self, text: str) -> int:
        """Begin to prove that the archive has everything up to a seal, or to one in a file; the number of the job."""
