"""Work that is done and that the ledger shall have an entry of: that it takes none does not undo the work."""

from __future__ import annotations

from collections.abc import Awaitable

from core.errors import ArchivarError, DamagedError, StorageError
from core.problems.code import Reason
from core.problems.warning import NOT_NOTED


async def noted(recording: Awaitable[object]) -> Reason | None:
    """Record work that is done; the problem when the archive is damaged or cannot be written, else None."""
    try:
        await recording
    except (StorageError, DamagedError) as error:
        return unnoted(error)
    return None


def unnoted(error: ArchivarError) -> Reason:
    """The problem that work is not in the ledger, because of an error."""
    return NOT_NOTED(why=error.reason)


def cause(problem: Reason) -> Reason:
    """The reason within such a problem, which machines are told."""
    why = problem.values["why"]
    return why if isinstance(why, Reason) else problem
