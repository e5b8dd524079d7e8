"""Settings and the state of the archive, as the console shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting: ``value`` as it can be typed again, ``what`` it is for, also in ``few`` words, ``allowed`` values in words."""

    name: str
    label: str
    value: str
    what: str
    few: str
    allowed: str


@dataclass(frozen=True, slots=True)
class SettingsView:
    """All settings, and ``facts`` about the archive: labels with sentences, ``warnings`` among them by their labels."""

    rows: tuple[SettingRow, ...]
    facts: tuple[tuple[str, str], ...]
    warnings: frozenset[str]
    service_running: bool
    has_keymap: bool

    def value(self, name: str) -> str:
        """The value of a setting."""
        return next(row.value for row in self.rows if row.name == name)


class Setup(Protocol):
    """Settings. Every method may raise ``Refused``."""

    async def view(self) -> SettingsView:
        """All of it."""

    async def change(self, name: str, text: str) -> None:
        """Change a setting."""

    async def write_keymap(self, text: str) -> str:
        """Make the keymap file, if there is none; its path, to be shown."""
