"""The gateway onto the archive on this machine. It reads and writes rows; the archiving itself is done by the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core import config
from core.archive import saved_profiles, users
from core.archive.archive import Archive
from core.config import Home
from core.errors import ArchivarError
from core.model import Run, RunEvent, now
from core.profiles.selection import Chosen, Selection
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from core.tasks import spawn
from tui.gateway import present
from tui.gateway.views import HomeView, NoArchive, Refused, RunView

#: Seconds before a service that could not be started is tried again.
PATIENCE = 15.0
EVENTS_AT_ONCE = 200


async def open_gateway(path: Path | None = None) -> CoreGateway:
    """Open the archive in ``path`` or the default home. Raises ``NoArchive`` and ``Refused``; makes nothing."""
    with _translated():
        home = Home((path or config.default_home()).absolute())
        config.check(home)
        if not home.exists:
            raise NoArchive(f"There is no archive in {present.text(str(home.path))} yet.")
        # While a service is alive, it is the one who brings the catalog up to the ledger.
        return CoreGateway(await Archive.open(home, actor="console", follow=not is_running(home)))


class CoreGateway:
    """``Gateway`` on the core."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._home = archive.home
        self._queue = Queue(archive.database)
        self._version = -1
        self._users_version = ""
        self._chosen: dict[Selection, Chosen] = {}
        self._events: dict[int, list[RunEvent]] = {}
        self._starting: asyncio.Task[None] | None = None
        self._failed_at = -PATIENCE
        self._trouble = ""

    async def home(self) -> HomeView:
        with _translated():
            profiles = await saved_profiles.all_profiles(self._archive)
            chosen = await self._choose({one.selection for one in profiles if one.selection is not None})
            latest = await self._queue.latest()
            snapshots = {run.id: await self._queue.snapshot(run.id) for run in latest.values() if not run.status.final}
            busy = len(await self._queue.active())
        if busy:
            self._see_to_service()
        moment = now()
        rows = [(profile, latest.get(profile.name)) for profile in profiles]
        found = present.attention(profiles, latest, chosen)
        return HomeView(
            path=present.text(str(self._home.path)),
            service_running=is_running(self._home),
            busy=busy,
            profiles=tuple(
                present.profile_row(profile, run, snapshots.get(run.id) if run else None, moment, chosen)
                for profile, run in rows
            ),
            attention=tuple([self._trouble, *found] if self._trouble and busy else found),
        )

    async def _choose(self, selections: set[Selection]) -> Mapping[Selection, Chosen]:
        """What selections come to; counted again only when users were changed, since Home is looked at twice a second."""
        if not selections:
            return {}
        version = await users.version(self._archive)
        if version != self._users_version:
            self._chosen, self._users_version = {}, version
        self._chosen = {one: self._chosen.get(one) or await users.chosen(self._archive, one) for one in selections}
        return self._chosen

    async def run(self, run_id: int) -> RunView:
        with _translated():
            run = await self._queue.run(run_id)
            snapshot = await self._queue.snapshot(run_id)
            events = await self._all_events(run_id)
        if not run.status.final:
            self._see_to_service()
        view = present.run_view(run, snapshot, events, now())
        return present.with_note(view, self._trouble) if self._trouble and view.active else view

    async def _all_events(self, run_id: int) -> list[RunEvent]:
        events = self._events.setdefault(run_id, [])
        while more := await self._queue.events(run_id, after=events[-1].id if events else 0, limit=EVENTS_AT_ONCE):
            events += more
        return events

    async def start(self, profile: str) -> int:
        with _translated():
            run: Run = (await self._queue.enqueue(profile))[0]
        self._failed_at = -PATIENCE
        self._see_to_service()
        return run.id

    async def cancel(self, run_id: int) -> None:
        with _translated():
            await self._queue.request_cancel(run_id)

    async def changed(self) -> bool:
        with _translated():
            before, self._version = self._version, await self._queue.version()
        return before != self._version

    async def close(self) -> None:
        if self._starting:
            self._starting.cancel()
        with _translated():
            await self._archive.close()

    def _see_to_service(self) -> None:
        """A run waits or goes on, so a service must be alive: start one behind the scenes if there is none."""
        busy = self._starting is not None and not self._starting.done()
        if not busy and time.monotonic() - self._failed_at > PATIENCE and not is_running(self._home):
            self._starting = spawn(self._start_service(), name="start service")

    async def _start_service(self) -> None:
        try:
            await ensure_running(self._home)
        except ArchivarError as error:
            self._failed_at = time.monotonic()
            self._trouble = present.text(f"Runs wait: {error}")
        else:
            self._trouble = ""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the core's errors into the console's, with texts that are safe to show."""
    try:
        yield
    except ArchivarError as error:
        raise Refused(present.text(error.message), present.text(error.hint)) from error
