"""Findings of a verification, and its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.archive.store.ledger import ZERO_HASH, Head


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of the archive. ``where`` is a volume's file name, ``ledger`` or ``catalog``.

    ``sha256`` in hexadecimal digits: of the message concerned, if any. ``content``: only a part or a message is damaged, so
    that the volume can still be used.
    """

    where: str
    text: str
    sha256: str = ""
    content: bool = False

    def as_json(self) -> dict[str, str]:
        return {"where": self.where, "text": self.text}


def lost_text(sha256: str) -> str:
    """The finding about a message that a salvage could not take over; ``sha256`` in hexadecimal digits."""
    return f"Message {sha256[:16]} was lost with the damaged volume that this one took the place of."


@dataclass(slots=True)
class Verdict:
    """The counts and findings of a verification.

    ``mended``: damaged copies of which a good one stands elsewhere.
    """

    volumes: int = 0
    parts: int = 0
    messages: int = 0
    entries: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    head: Head = field(default_factory=lambda: Head(0, ZERO_HASH))
    mended: list[Finding] = field(default_factory=list)

    def add(self, where: str, text: str, sha256: str = "", *, content: bool = False) -> None:
        found = Finding(where, text, sha256, content)
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
            "findings": [[one.where, one.text, one.sha256, one.content] for one in self.findings],
            "mended": [[one.where, one.text, one.sha256, one.content] for one in self.mended],
            "head": [self.head.seq, self.head.hash.hex()],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Verdict:
        """The reverse of ``as_json``. Raises ``KeyError``, ``TypeError``, ``ValueError`` for anything else."""
        seq, digest = value["head"]
        return cls(
            **{name: int(value[name]) for name in ("volumes", "parts", "messages", "entries", "bytes")},
            findings=[Finding(*one) for one in value["findings"]],
            mended=[Finding(*one) for one in value["mended"]],
            head=Head(int(seq), bytes.fromhex(digest)),
        )
