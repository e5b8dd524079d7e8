"""Finding archived mail, as the console asks and as it is answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tui.desk.archive_views import MessageRow
from tui.desk.views import Refused


class Order(StrEnum):
    """What stands first: the newest, or what fits best."""

    NEWEST = "newest"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where one searches: ``user`` is an id, ``folder`` a true path with what is below it; empty means all.

    ``words`` say it, and ``short`` in a word or two.
    """

    user: str = ""
    folder: str = ""
    words: str = "everybody's mail"
    short: str = "everything"


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Question:
    """What is sought."""

    text: str
    scope: Scope = EVERYTHING
    order: Order = Order.NEWEST


class BadQuery(Refused):
    """What was typed cannot be understood; ``position`` is the place in its text, counted from 0."""

    def __init__(self, message: str, hint: str, position: int) -> None:
        super().__init__(message, hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the index is: ``reached`` grows with it, ``behind`` messages cannot be found yet.

    ``fault`` says why nobody indexes them, if it is known; ``unreadable`` messages are found by subject, people and place
    alone.
    """

    reached: int
    behind: int
    fault: str = ""
    unreadable: int = 0


class Results(Protocol):
    """What is found, in an order that stands still. While it is not ``complete`` more comes at the end."""

    @property
    def complete(self) -> bool: ...

    @property
    def total(self) -> int:
        """How many are found; by relevance only the best of them are listed."""

    @property
    def folders(self) -> frozenset[int]:
        """The folders that the query itself asks for, by number; empty when it asks for none."""

    def __len__(self) -> int:
        """How many are listed."""

    async def page(self, offset: int, limit: int) -> Sequence[MessageRow]:
        """Some of them. May raise ``Refused``."""


class Searching(Protocol):
    """Finding archived mail."""

    @property
    def asked(self) -> Sequence[str]:
        """What was sought since the console was started, the last one last."""

    def find(self, question: Question) -> AsyncGenerator[Results, None]:
        """The results as soon as there are any, and again, the same, whenever there are more. What is closed is not sought on.

        Raises ``BadQuery`` and ``Refused``.
        """

    async def progress(self) -> Progress:
        """How far the index is; starts a service when there is something to index. May raise ``Refused``."""
