"""Mail and archives that leave the archive or come into it: what the console can ask for. Each becomes a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tui.gateway.archive_views import Selection


class Exports(Protocol):
    """Mail as files. Every method may raise ``Refused``."""

    def formats(self) -> Sequence[tuple[str, str]]:
        """The formats there are, each with a few words about it."""

    async def weigh(self, selection: Selection) -> str:
        """How much is selected, in a sentence; empty where only the export itself finds out."""

    async def begin(self, selection: Selection, directory: str, form: str) -> int:
        """Begin an export to ``directory``; the number of the job. Raises ``Refused`` when it cannot be used."""


class Backups(Protocol):
    """A second home with the same archive. Every method may raise ``Refused``."""

    async def last(self) -> tuple[str, str]:
        """Where the last backup lies, and when it was made, as sentences; both empty when there was none."""

    async def begin(self, directory: str) -> int:
        """Begin a backup, or bring one up; the number of the job. Raises ``Refused`` when ``directory`` cannot be used."""
