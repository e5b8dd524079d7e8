"""Messages that a restore could not put on the server."""

from __future__ import annotations

from typing import Any

from core.problems import command_line
from core.problems.code import Reason
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of a folder on the server that was not restored, with the reason.

    With ``message`` None it stands for ``messages`` of them.
    """

    folder: str
    message: int | None
    subject: str
    why: Reason
    messages: int = 1

    @property
    def reason(self) -> str:
        """The sentence for a log, a file or the command line."""
        return command_line.sentence(self.why)

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in ("folder", "message", "subject", "messages")},
            **command_line.coded(self.why),
        }
