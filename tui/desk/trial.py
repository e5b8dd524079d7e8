"""The steps of a connection test for display."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.trial import STEP_NAMES, TrialStep
from tui.desk import face, present
from tui.desk.present import BLANK, Badge, Safe, Tone


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the connection test, with the server's text and the remedy."""

    key: str
    name: Safe
    state: Badge
    text: Safe = BLANK
    hint: Safe = BLANK


_WAITING = Badge(present.own("·"), present.BLANK, Tone.MUTED)
_OK = present.badge("✔", "ok", Tone.GOOD)
_FAILED = present.badge("✗", "failed", Tone.BAD)


def waiting(names: Iterable[str]) -> list[StepRow]:
    """Steps that are not reached yet."""
    return [StepRow(name, present.sentence(STEP_NAMES[name]), _WAITING) for name in names]


def row(step: TrialStep) -> StepRow:
    """A step with its known result."""
    state = _WAITING if step.ok is None else _OK if step.ok else _FAILED
    name = present.sentence(STEP_NAMES[step.name])
    if step.reason is None:
        return StepRow(step.name, name, state, present.text(step.said, 300))
    said, hint = present.text(face.sentence(step.reason), 300), present.text(face.remedy(step.reason), 500)
    return StepRow(step.name, name, state, said, hint)
