"""The lock of a folder, which processes hold while they make or change files in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core import files
from core.db.database import LOCK_SECONDS
from core.errors import BusyError
from core.problems.code import Reason
from core.problems.volume import BEING_MADE

_BEING_MADE = BEING_MADE()


@asynccontextmanager
async def locked(folder: Path, refusal: Reason = _BEING_MADE) -> AsyncIterator[None]:
    """Hold the folder's lock; others in this process wait for it as well. Raises ``BusyError`` with ``refusal``."""
    async with files.lock_within(folder, LOCK_SECONDS) as held:
        if not held:
            raise BusyError(refusal)
        yield
