"""Findings of a verification, and its counts."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from core.archive.store.ledger import ZERO_HASH, Head
from core.problems import command_line, finding, table
from core.problems.code import Reason
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of the archive. ``where`` is a volume's file name, ``ledger`` or ``catalog``.

    ``sha256`` in hexadecimal digits: of the message concerned, if any. ``content``: only a part or a message is damaged, so
    that the volume can still be used.
    """

    where: str
    reason: Reason = field(hash=False)
    sha256: str = ""
    content: bool = False

    @property
    def text(self) -> str:
        """The sentence for a log, a file or the command line."""
        return command_line.sentence(self.reason)

    def as_json(self) -> dict[str, str]:
        return {"where": self.where, "text": self.text, "code": self.reason.code.word}

    def as_state(self) -> list[Any]:
        """The finding as JSON for ``of``."""
        return [self.where, table.as_kept(self.reason), self.sha256, self.content]

    @classmethod
    def of(cls, state: Any) -> Finding:
        """The reverse of ``as_state``; earlier versions kept the sentence alone."""
        where, reason, sha256, content = state
        kept = reason if isinstance(reason, dict) else {"reason": reason}
        return cls(str(where), table.kept(kept), str(sha256), bool(content))


def lost_message(sha256: str) -> Reason:
    """The reason of a finding about a message that a salvage could not take over; ``sha256`` in hexadecimal digits."""
    return finding.MESSAGE_LOST(message=sha256[:16])


@dataclass(slots=True)
class Verdict:
    """The counts and findings of a verification.

    ``mended``: damaged copies of which a good one stands elsewhere. ``unanchored``: entries of lanes that are no part of the
    archive yet.
    """

    volumes: int = 0
    parts: int = 0
    messages: int = 0
    entries: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    head: Head = field(default_factory=lambda: Head(0, ZERO_HASH))
    mended: list[Finding] = field(default_factory=list)
    unanchored: int = 0

    def add(self, where: str, reason: Reason, sha256: str = "", *, content: bool = False) -> None:
        found = Finding(where, reason, sha256, content)
        # Each step that needs an unreadable file reports it.
        if self.findings[-1:] != [found]:
            self.findings.append(found)

    @property
    def usable(self) -> bool:
        """True when the archive can be written to in spite of the findings."""
        return all(one.content for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The state as JSON, so that another process can continue the verification."""
        return {
            **{name: getattr(self, name) for name in ("volumes", "parts", "messages", "entries", "bytes")},
            "findings": [one.as_state() for one in self.findings],
            "mended": [one.as_state() for one in self.mended],
            "head": [self.head.seq, self.head.hash.hex()],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Verdict:
        """The reverse of ``as_json``. Raises ``KeyError``, ``TypeError``, ``ValueError`` for anything else."""
        seq, digest = value["head"]
        return cls(
            **{name: int(value[name]) for name in ("volumes", "parts", "messages", "entries", "bytes")},
            findings=[Finding.of(one) for one in value["findings"]],
            mended=[Finding.of(one) for one in value["mended"]],
            head=Head(int(seq), bytes.fromhex(digest)),
        )
