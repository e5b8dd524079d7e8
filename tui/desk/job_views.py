"""What is done behind the pages of the console itself (exports, restores, imports, backups), as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tui.desk.views import State


@dataclass(frozen=True, slots=True)
class JobView:
    """A job: going on, with ``facts`` that begin with the most important, or over, with ``result`` sentences.

    ``title`` is all of what is done, ``kind`` one word for it; ``fraction`` is None while unknown; ``where`` is what it is at.
    ``problems`` are named one by one, the first of ``problem_count``. ``again`` says what to do after it was stopped.
    """

    key: int
    kind: str
    title: str
    state: State
    active: bool
    stopping: bool
    fraction: float | None
    facts: tuple[str, ...]
    where: str
    result: tuple[str, ...]
    problems: tuple[str, ...]
    problem_count: int
    again: str


class Jobs(Protocol):
    """The jobs of this console. They go on whatever page one looks at, and end with the console."""

    def all(self) -> Sequence[JobView]:
        """Those that go on, and those that are over and were not looked at since; the newest first."""

    def view(self, key: int) -> JobView:
        """One of them. Raises ``Refused`` when there is none of that number."""

    def seen(self, key: int) -> None:
        """One that is over was looked at: it is not told of any more."""

    def stop(self, key: int) -> None:
        """Have one stop; what it did stays."""
