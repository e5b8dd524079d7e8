"""The place in the volumes at which a verification stands: what another process needs to carry on from there."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Any

from core.archive.store.ledger import ZERO_HASH
from core.config import IN_LANE, Home
from core.problems import table
from core.problems.code import Reason
from core.values import dataclass


class CheckStage(StrEnum):
    """The next step in the check of a volume."""

    BEGIN = "begin"
    LEDGER = "ledger"
    PARTS = "parts"
    MESSAGES = "messages"
    NAMES = "names"


@dataclass(slots=True)
class CheckPosition:
    """The position of a verification: in ``volume`` at ``stage``, after the part, message or entry ``after``.

    The rest is about that volume: damaged parts with their reasons and the messages that need them, damaged messages with
    theirs (SHA-256 in hexadecimal digits), what else is wrong in it, and how many findings about the ledger there were before.
    ``archive_id`` is of the volume before, empty if that could not be read; ``last_part``, ``last_message``: the largest ids.
    ``lane_seq``, ``lane_hash``: the last entry, in a lane that is not the archive's own.
    """

    volume: int = 1
    stage: CheckStage = CheckStage.BEGIN
    after: int | str = 0
    archive_id: str = ""
    last_part: int = 0
    last_message: int = 0
    parts: dict[int, Reason] = field(default_factory=dict)
    needs: dict[int, list[str]] = field(default_factory=dict)
    messages: dict[str, Reason] = field(default_factory=dict)
    faults: list[Reason] = field(default_factory=list)
    of_ledger: int = 0
    lane_seq: int = 0
    lane_hash: str = ZERO_HASH.hex()

    def next_volume(self, archive_id: str) -> None:
        self._go_to(CheckPosition(self.volume + 1, archive_id=archive_id, lane_seq=self.lane_seq, lane_hash=self.lane_hash))

    def is_within(self, home: Home) -> bool:
        """True while a volume is left; behind the last one of a lane it goes to the first one of the next."""
        for lane in (0, *home.lane_numbers()):
            numbers = home.volumes_of(lane)
            if numbers and self.volume <= numbers[-1]:
                if self.volume < lane * IN_LANE:
                    self._go_to(CheckPosition(lane * IN_LANE + 1))
                return True
        return False

    def _go_to(self, fresh: CheckPosition) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    @property
    def share(self) -> float:
        """The part of the volume checked, from 0 to 1: parts are half, messages in the order of their hashes the other."""
        if self.stage is CheckStage.PARTS:
            return 0.5 * min(int(self.after) / max(self.last_part, 1), 1.0)
        if self.stage is CheckStage.MESSAGES:
            if isinstance(self.after, int):
                return 0.5 + 0.5 * min(self.after / max(self.last_message, 1), 1.0)
            return 0.5 + 0.5 * int(self.after[:4].ljust(4, "0"), 16) / 0x10000
        return 1.0 if self.stage is CheckStage.NAMES else 0.0

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "parts": {part: table.as_kept(reason) for part, reason in self.parts.items()},
            "messages": {sha256: table.as_kept(reason) for sha256, reason in self.messages.items()},
            "faults": [table.as_kept(reason) for reason in self.faults],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CheckPosition:
        """The reverse of ``as_json``. Raises ``KeyError``, ``TypeError``, ``ValueError`` for anything else."""
        # Earlier versions knew no lanes.
        lane: dict[str, Any] = {"lane_seq": 0, "lane_hash": ZERO_HASH.hex()}
        value = lane | value
        found = cls(**{name: value[name] for name in cls.__slots__})
        found.stage = CheckStage(found.stage)
        found.parts = {int(part): _kept(reason, f"Part {part} ") for part, reason in value["parts"].items()}
        found.messages = {sha256: _kept(reason, f"Message {sha256[:16]} ") for sha256, reason in value["messages"].items()}
        found.faults = [_kept(reason) for reason in value["faults"]]
        found.needs = {int(part): list(messages) for part, messages in found.needs.items()}
        return found


def _kept(value: Any, subject: str = "") -> Reason:
    """A kept reason; earlier versions kept a sentence without its subject and its full stop."""
    return table.kept(value if isinstance(value, dict) else {"reason": f"{subject}{value}."})
