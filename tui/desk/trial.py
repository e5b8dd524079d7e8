"""Steps of a connection test as rows, of mailboxes and of directories alike."""

from __future__ import annotations

from collections.abc import Iterable

from core.trial import STEP_NAMES, Step
from tui.desk import present
from tui.desk.profile_views import StepRow
from tui.desk.views import State, Tone
from tui.desk.wording import advice

_WAITING = State("·", "", Tone.MUTED)
_OK = State("✔", "ok", Tone.GOOD)
_FAILED = State("✗", "failed", Tone.BAD)


def waiting(names: Iterable[str]) -> list[StepRow]:
    """Steps that are still to come."""
    return [StepRow(name, STEP_NAMES[name], _WAITING) for name in names]


def row(step: Step) -> StepRow:
    """A step as far as it is known."""
    state = _WAITING if step.ok is None else _OK if step.ok else _FAILED
    said, hint = present.text(step.said, 300), present.text(advice(step.hint), 500)
    return StepRow(step.name, STEP_NAMES[step.name], state, said, hint)
