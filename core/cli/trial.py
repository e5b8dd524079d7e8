"""Lines of a connection test on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.cli.answer import Line
from core.cli.output import output
from core.trial import STEP_NAMES, TrialStep


def lines(step: TrialStep) -> Iterator[Line]:
    """A step as a line, with the remedy below it."""
    state = "· not reached" if step.ok is None else "✔ ok" if step.ok else "✘ failed"
    yield Line(f"{STEP_NAMES[step.name]:<15} {state:<8}  {step.said}".rstrip(), 26)
    if step.hint:
        yield Line(f"{'':26}{step.hint}", 26)


def left_out(steps: Iterable[TrialStep]) -> Iterator[Line]:
    """The lines of steps that were not reached."""
    for step in steps:
        if step.ok is None:
            yield from lines(step)


def tell(step: TrialStep) -> None:
    """Show a step as soon as it is done; beside JSON none is."""
    if not output.json_wanted:
        for line in lines(step):
            output.tell(line)
