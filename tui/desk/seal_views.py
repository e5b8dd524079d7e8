"""The places that seals are sent to, as the console shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.desk.views import State


@dataclass(frozen=True, slots=True)
class SealRow:
    """A place: its name and kind, how it stands, the entry of the last seal that arrived, when, where it goes.

    ``reason`` says why the last one did not arrive, empty if it did; ``broken``: the archive has not what was sealed there.
    """

    name: str
    kind: str
    state: State
    entry: str
    sent: str
    where: str
    reason: str
    broken: bool
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SealsView:
    """All of them, and when seals are sent, in words. ``usable``: they can be changed here, as they cannot in a backup."""

    rows: Sequence[SealRow]
    often: str
    usable: bool


class Seals(Protocol):
    """Sending seals. Every method may raise ``Refused``."""

    async def view(self) -> SealsView:
        """How they stand."""

    def fields(self, kind: str) -> Sequence[str]:
        """The fields that a place of this kind has, beside its name and target, in their order."""

    def target(self, kind: str) -> str:
        """What the target of a place of this kind is, in words."""

    async def values(self, name: str) -> Mapping[str, str]:
        """The fields of a place, to be changed."""

    async def save(self, kind: str, values: Mapping[str, str], *, new: bool) -> Mapping[str, str]:
        """Save a place, a ``new`` one under a name that none has; what is wrong by field, and then nothing was saved."""

    async def remove(self, name: str) -> None:
        """Send no more seals there."""

    async def send(self, *, accept: bool = False) -> int:
        """Send the present seal everywhere; the number of the job that does it."""
