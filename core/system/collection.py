"""Pauses of the garbage collector, and what it need not look at."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Context for making tens of thousands of values that are all kept.

    Else the collector would go through all objects of the process several times. Await nothing within.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def settle() -> None:
    """Keep all present objects out of later collections: what a process has loaded lasts as long as the process.

    A run makes hundreds of values for each batch, for which the collector would go through all modules every now and then.
    """
    gc.freeze()
