"""Errors of the core on their way into the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ArchivarError
from tui.desk import present
from tui.desk.views import Refused
from tui.desk.wording import advice, message


@contextmanager
def translated() -> Iterator[None]:
    """Turn the core's errors into the console's, with texts that are safe to show."""
    try:
        yield
    except ArchivarError as error:
        raise Refused(present.text(message(error.message)), present.text(advice(error.hint))) from error
