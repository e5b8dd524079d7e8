"""The values that all jobs of a run have in common, as a worker keeps them: fetched and unpacked once for all mailboxes.

All users of the archive are among them. They stand in a catalog from which each visit's own is copied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.cluster import known, protocol
from core.db.database import Database
from core.values import dataclass

#: Runs that are kept, of which one worker seldom has as many at the same time.
MOST_RUNS = 8


@dataclass(frozen=True, slots=True)
class RunValues:
    """The values of one run, and a catalog that has all users alone."""

    common: Mapping[str, Any]
    people: Database


class KnownRuns:
    """The runs that a worker has jobs of. ``fetch`` gives the packed values of one, by its number in PostgreSQL."""

    def __init__(self, fetch: Callable[[int], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._runs: dict[int, RunValues] = {}
        self._turn = asyncio.Lock()

    async def common(self, run: int) -> Mapping[str, Any]:
        """The values of a run. Raises what ``fetch`` raises, and ``ValueError`` for what no home of this protocol writes."""
        async with self._turn:
            return (await self._of(run)).common

    async def catalog(self, run: int) -> Database:
        """A new catalog with all users, which ends with its connection. Raises as ``common``, and ``StorageError``."""
        async with self._turn:
            return await known.copied((await self._of(run)).people)

    async def close(self) -> None:
        """Forget all runs."""
        async with self._turn:
            while self._runs:
                await self._forget(next(iter(self._runs)))

    async def _of(self, run: int) -> RunValues:
        if run not in self._runs:
            packed = await self._fetch(run)
            common = await asyncio.to_thread(protocol.unpacked, packed)
            if common["protocol"] != protocol.PROTOCOL:
                raise ValueError(f"protocol {common['protocol']}")
            while len(self._runs) >= MOST_RUNS:
                await self._forget(next(iter(self._runs)))
            self._runs[run] = RunValues(common, await known.with_people(common["people"]))
        return self._runs[run]

    async def _forget(self, run: int) -> None:
        await self._runs.pop(run).people.close()
