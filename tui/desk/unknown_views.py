"""Addresses that no user has, as the console shows them and settles what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.desk.people_views import UserDraft
from tui.desk.views import State


@dataclass(frozen=True, slots=True)
class UnknownRow:
    """An address. ``key`` and ``domain`` are the true ones, for the gateway only; ``address`` is shown.

    ``not_ours`` is what was said to be not ours, to be taken back; empty for nothing. ``messages`` are those that came with
    it, ``waiting`` those that are not filed for it yet. ``taken``: a user has it.
    """

    key: str
    domain: str
    address: str
    messages: str
    waiting: str
    first_seen: str
    last_seen: str
    state: State
    taken: bool
    not_ours: str
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FilingView:
    """What filing would do now, or did: ``messages`` counts them, ``lines`` say how many each user gets."""

    messages: int
    sentence: str
    lines: tuple[str, ...]


class Unknowns(Protocol):
    """Addresses in our domains that no user has. Every method may raise ``Refused``."""

    async def count(self, everything: bool) -> int:
        """How many there are; with ``everything`` also those that are settled."""

    async def page(self, everything: bool, offset: int, limit: int) -> Sequence[UnknownRow]:
        """Some of them, those with the most messages that wait first."""

    async def position(self, everything: bool, key: str) -> int:
        """How many of them stand before the one with this key."""

    async def new_user(self, key: str) -> UserDraft:
        """A user who has the address, with a name that is proposed from it."""

    async def make_alias(self, key: str, user: str) -> str:
        """Give the address to the user of that key; what was done, in a sentence."""

    async def users_in(self, domain: str) -> int:
        """How many users have an address in a row's domain."""

    async def not_ours(self, what: str) -> str:
        """Say of an address, or of a domain with @ before it, that it is not ours; what was done, in a sentence."""

    async def ours(self, what: str) -> str:
        """Take that back; what was done, in a sentence."""

    async def plan(self) -> FilingView:
        """What filing mail that waits for users would do; changes nothing."""

    async def carry_out(self) -> FilingView:
        """File it."""
