"""Seals as a person keeps and pastes them."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_WHOLE = f"{Do.PASTE_SEAL}"

NO_FILE = Code("seal-no-file", "{given} is no seal, and no file with one: {said}.", _WHOLE, Family.INPUT)
NO_FILE_NAME = Code("seal-no-file-name", "{given} is no seal, and no name of a file with one.", _WHOLE, Family.INPUT)
TOO_LONG = Code("seal-too-long", "The seal is too long to be one.", _WHOLE, Family.INPUT)
NO_SEAL = Code("no-seal", "This is no seal.", _WHOLE, Family.INPUT)
NO_NUMBER = Code(
    "seal-number-impossible",
    "The seal's number {number} is that of no entry: they begin with 1.",
    _WHOLE,
    Family.INPUT,
)
NO_TIME = Code("seal-time-impossible", 'The seal\'s time "{time}" is no time.', _WHOLE, Family.INPUT)
NOTHING_TO_CHECK = Code(
    "nothing-to-check", "There is no seal to check.", f"Give one, or the file of a time stamp. {_WHOLE}", Family.INPUT
)
