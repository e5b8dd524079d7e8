"""What every command needs: the home that was asked for, the open archive, a loop to run in.

What opens an archive is loaded when one is opened: the help and wrong options need none.
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
    """Set once by ``main``: the home, which may stand anywhere among the options, and the way into the console."""

    home: Path | None = None
    console: Console | None = None

    def exists(self) -> bool:
        """Is there an archive in the home that was asked for?"""
        from core import config

        return config.Home((self.home or config.default_home()).absolute()).exists

    def find(self) -> Home:
        from core import config

        return config.find(self.home)

    @asynccontextmanager
    async def archive(self, *, create: bool = False, follow: bool = True) -> AsyncIterator[Archive]:
        """The open archive; with ``create`` begun when there is none."""
        from core import config
        from core.archive.archive import Archive
        from core.db.database import PATIENCE
        from core.problems.service import HOLDS
        from core.service import liveness

        home = config.find_or_create(self.home) if create else self.find()
        stuck = await liveness.stuck(home)
        if stuck is not None:
            # It may hold the locks of databases too, and will not give them back.
            PATIENCE.set(liveness.PATIENCE_SECONDS)
        try:
            archive = await Archive.open(home, actor=actor(), follow=follow and stuck is None)
        except BusyError as error:
            if stuck is None:
                raise
            raise BusyError(HOLDS(why=stuck, busy=error.reason)) from error
        try:
            if create:
                # Before anything is asked or read: nothing of it could be kept.
                archive.check_usable()
            # That it is a backup is what a command says that is refused because of it.
            refused = str(archive.refusal) if isinstance(archive.refusal, HomeError) else None
            told = [notice for notice in archive.notices if notice != refused]
            for notice in told:
                output.note(f"! {notice}")
            yield archive
            # And what the command met on its way.
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
