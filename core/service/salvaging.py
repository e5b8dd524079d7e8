"""Salvage of the open volume for the command line and the console: while no service has the archive open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.archive.archive import Archive
from core.archive.proof import takeover
from core.archive.proof.takeover import TakeoverResult
from core.config import Home
from core.errors import BusyError
from core.problems.service import RUNNING
from core.service.lock import ServiceLock


async def salvage_if_needed(
    archive: Archive, *, others: Sequence[Home] = (), actor: str, tell: Callable[[str], None] = lambda text: None
) -> TakeoverResult | None:
    """Salvage the open volume if it is damaged; None when it is sound.

    Raises ``BusyError`` while a service runs, and as ``takeover.salvage`` does.
    """
    if await takeover.needed(archive) is None:
        return None
    lock = ServiceLock(archive.home)
    try:
        lock.acquire()
    except BusyError:
        raise BusyError(RUNNING()) from None
    try:
        return await takeover.salvage(archive, others=others, actor=actor, tell=tell)
    finally:
        lock.release()
