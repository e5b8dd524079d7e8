"""A pause of the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Context in which tens of thousands of values are made that refer to no others: nothing of them can be garbage.

    The collector would go through all objects of the process several times meanwhile. Nothing may be awaited within.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
