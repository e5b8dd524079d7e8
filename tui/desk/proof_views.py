"""What proves the archive undamaged, as the console shows it: verifications, what they found, and its repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.desk.views import State


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A verification that is waited for or goes on. ``fraction`` is of everything, None while it has not begun.

    ``share``: it is of a share of everything only.
    """

    state: State
    fraction: float | None
    sentence: str
    share: bool


@dataclass(frozen=True, slots=True)
class FindingRow:
    """Damage that stands: ``title`` says what it is about, beginning with the most important, ``reason`` what is wrong.

    ``facts`` are all that is known of it, in labels and values; ``remedy`` is what to do.
    """

    title: tuple[str, ...]
    reason: str
    facts: tuple[tuple[str, str], ...]
    remedy: str


@dataclass(frozen=True, slots=True)
class ProofView:
    """All of it. ``facts`` are sentences by label, beside ``last``, the last verification of everything.

    ``findings`` are the first of ``finding_count``, ``message_count`` messages among them. ``repair`` is the number of the job
    that repairs, if one does. ``schedule`` is the setting; ``usable``: something can be done here, as it cannot in a backup.
    """

    last: tuple[State, str]
    under_way: UnderWay | None
    facts: tuple[tuple[str, str], ...]
    findings: Sequence[FindingRow]
    finding_count: int
    message_count: int
    repair: int | None
    schedule: str
    usable: bool


class Proof(Protocol):
    """Verifying and repairing. Every method may raise ``Refused``."""

    async def view(self) -> ProofView:
        """How it stands; starts a service if a verification waits for one."""

    async def verify(self) -> None:
        """Have the service verify everything."""

    async def cancel(self) -> None:
        """End the verification that is under way; what it found is kept."""

    async def backup(self) -> str:
        """The folder of the last backup, or nothing."""

    async def repair(self, folder: str = "") -> int:
        """Repair what is damaged, also from the home or backup in ``folder``; the number of the job that does it."""
