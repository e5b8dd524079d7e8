"""The context of every command: the home, the open archive, and an event loop.

Modules that open an archive are imported when one is opened: the help and wrong options need none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from core.cli.output import output
from core.errors import BusyError, HomeError

if TYPE_CHECKING:
    from core.archive.archive import Archive
    from core.config import Home

T = TypeVar("T")
#: Opens the console on a home.
Console: TypeAlias = Callable[[Path | None], None]


class Context:
    """Set once by ``main``: the home, whose option may stand anywhere, and the function that opens the console."""

    home: Path | None = None
    console: Console | None = None

    def exists(self) -> bool:
        """True when there is an archive in the home."""
        from core import config

        return config.Home((self.home or config.default_home()).absolute()).exists

    def find(self) -> Home:
        from core import config

        return config.find(self.home)

    @asynccontextmanager
    async def archive(self, *, create: bool = False, follow: bool = True) -> AsyncIterator[Archive]:
        """Context of the open archive; with ``create`` a missing one is created."""
        from core import config
        from core.archive.archive import Archive
        from core.db.database import PATIENCE
        from core.problems.service import HOLDS
        from core.service import liveness

        home = config.find_or_create(self.home) if create else self.find()
        stuck = await liveness.stuck(home)
        if stuck is not None:
            # A stuck service may hold the locks of databases too, and will not release them.
            PATIENCE.set(liveness.PATIENCE_SECONDS)
        try:
            archive = await Archive.open(home, actor=actor(), follow=follow and stuck is None)
        except BusyError as error:
            if stuck is None:
                raise
            raise BusyError(HOLDS(why=stuck, busy=error.reason)) from error
        try:
            if create:
                # Before any question or reading, since no result could be saved.
                archive.check_usable()
            # A command refused because of it reports the backup itself.
            refused = str(archive.refusal) if isinstance(archive.refusal, HomeError) else None
            told = [notice for notice in archive.notices if notice != refused]
            for notice in told:
                output.note(f"! {notice}")
            yield archive
            # And notices from the command's own work.
            for notice in archive.notices:
                if notice not in told:
                    output.note(f"! {notice}")
        finally:
            await archive.close()


context = Context()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    import asyncio

    return asyncio.run(work)


def actor() -> str:
    """The channel of the command line, for the ledger, which asks the kernel for the account; see ``core.system.actor``."""
    return "cli"
