"""Notices of an open archive: what cannot be read or seen, each once, in sentences of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from core.errors import DamagedError, HomeError, StorageError
from core.problems import command_line
from core.problems.code import Reason

#: The reason why nothing can be appended: damage, no space or no right to write, or a backup.
Refusal: TypeAlias = DamagedError | StorageError | HomeError


class Notices:
    """The notices by their keys, in the order of their arrival."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._damage: dict[str, Reason] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._texts.values()))

    def note(self, error: Refusal, more: str = "") -> None:
        """Keep a notice of an unreadable part, once."""
        self.tell(error.message, " ".join(text for text in (error.message, error.hint, more) if text))
        if isinstance(error, DamagedError):
            self._damage.setdefault(error.message, error.reason)

    def tell(self, key: str, notice: str) -> None:
        """Keep a notice, unless there is one of that ``key``."""
        self._texts.setdefault(key, notice)

    def has(self, reason: Reason) -> bool:
        """True when there is a notice of an error with this reason."""
        return command_line.sentence(reason) in self._texts

    @property
    def damage(self) -> list[Reason]:
        """The damage among them, also of files that are not needed for appending."""
        return list(self._damage.values())

    def clear(self) -> None:
        self._texts.clear()
        self._damage.clear()
