"""A connection test, step by step: steps reached, the failed one, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from core.problems.code import Reason
from core.problems.command_line import COMMAND_LINE
from core.values import dataclass

STEP_NAMES = {
    "lookup": "Name lookup",
    "tcp": "TCP connection",
    "tls": "TLS",
    "certificate": "Certificate",
    "greeting": "IMAP greeting",
    "login": "Login",
    "mailbox": "Mailbox",
    "folders": "Folder list",
    "search": "Search",
}


@dataclass(frozen=True, slots=True)
class TrialStep:
    """One step: ``ok`` None means not reached."""

    name: str
    ok: bool | None
    text: str = ""
    reason: Reason | None = None

    @property
    def hint(self) -> str:
        """The remedy for a step that failed, in the words of the command line."""
        return self.reason.remedy(COMMAND_LINE) if self.reason else ""

    @property
    def said(self) -> str:
        """The server's text for display, without the capabilities that many put before their greeting."""
        return re.sub(r"^\[CAPABILITY [^\]]*\] *", "", self.text)

    def as_json(self) -> dict[str, Any]:
        value = {"step": self.name, "ok": self.ok, "text": self.text, "hint": self.hint}
        return value | ({"code": self.reason.code.word} if self.reason else {})


class Trial:
    """The steps of one test, in their ``order``; ``tick`` gets each result."""

    def __init__(self, order: Sequence[str], tick: Callable[[TrialStep], None]) -> None:
        self.order = order
        self._tick = tick
        self._done: dict[str, TrialStep] = {}

    def succeeded(self, name: str, text: str) -> None:
        """Record a successful step."""
        self._tell(TrialStep(name, True, text))

    def failed(self, name: str, reason: Reason) -> None:
        """Record a failed step; all steps before it succeeded."""
        for before in self.order[: self.order.index(name)] if name in self.order else ():
            if before not in self._done:
                # A certificate is refused within the handshake, so TLS itself worked.
                self.succeeded(before, "")
        self._tell(TrialStep(name, False, reason.sentence(COMMAND_LINE), reason))

    def _tell(self, step: TrialStep) -> None:
        self._done[step.name] = step
        self._tick(step)

    @property
    def steps(self) -> list[TrialStep]:
        """All steps, those not reached too."""
        return [self._done.get(name, TrialStep(name, None)) for name in self.order]
