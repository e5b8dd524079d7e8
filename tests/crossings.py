"""Jobs given to the threads of databases: each costs two crossings of threads, whatever the number of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiosqlite
import pytest


@dataclass(slots=True)
class Crossings:
    """The number of jobs so far."""

    jobs: int = 0


@contextmanager
def counted() -> Iterator[Crossings]:
    """Context in which all jobs of this process are counted."""
    crossings = Crossings()
    run = aiosqlite.Connection._execute

    async def count(self: aiosqlite.Connection, function: Any, *args: Any, **kwargs: Any) -> Any:
        crossings.jobs += 1
        return await run(self, function, *args, **kwargs)  # type: ignore[no-untyped-call]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite.Connection, "_execute", count)
        yield crossings
