"""The steps of a connection test as they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.trial import STEP_NAMES, Step
from tui.desk import present
from tui.desk.present import Badge, Tone
from tui.desk.wording import advice


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the connection test, with what the server said and what to do."""

    key: str
    name: str
    state: Badge
    text: str = ""
    hint: str = ""


_WAITING = Badge("·", "", Tone.MUTED)
_OK = Badge("✔", "ok", Tone.GOOD)
_FAILED = Badge("✗", "failed", Tone.BAD)


def waiting(names: Iterable[str]) -> list[StepRow]:
    """Steps that are still to come."""
    return [StepRow(name, STEP_NAMES[name], _WAITING) for name in names]


def row(step: Step) -> StepRow:
    """A step as far as it is known."""
    state = _WAITING if step.ok is None else _OK if step.ok else _FAILED
    said, hint = present.text(step.said, 300), present.text(advice(step.hint), 500)
    return StepRow(step.name, STEP_NAMES[step.name], state, said, hint)
