"""Reasons of errors that a test raises itself."""

from __future__ import annotations

from core.problems.code import Code, Reason

SAID = Code("said", "{message}", "{hint}")


def said(message: str, hint: str = "") -> Reason:
    """A reason with these very words."""
    return SAID(message=message, hint=hint)
