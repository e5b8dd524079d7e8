"""Lines of a connection test on the command line."""

from __future__ import annotations

from core.cli.output import output
from core.trial import STEP_NAMES, Step


def show_step(step: Step) -> None:
    """Show a step as a line, with the remedy below it."""
    state = "· not reached" if step.ok is None else "✔ ok" if step.ok else "✘ failed"
    output.line(f"{STEP_NAMES[step.name]:<15} {state:<8}  {step.said}".rstrip(), indent=26)
    if step.hint:
        output.line(f"{'':26}{step.hint}", indent=26)
