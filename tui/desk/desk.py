"""The console's desk on the archive of this machine. It reads and writes rows; the archiving itself is done by the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from core import config
from core.archive.archive import Archive
from core.archive.registry import acknowledged, saved_profiles, users
from core.archive.transfer import last_backup
from core.config import Home
from core.errors import ArchivarError, InputError
from core.model import Run, now
from core.profiles.selection import Chosen, UserSelection
from core.service import cancelling
from core.service.alarms.alarm import Alarm, AlarmRule, alike
from core.service.alarms.watch import Runs, Watch
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.scheduler import next_starts
from core.system import log
from core.system.tasks import spawn
from tui.desk import face, home, present
from tui.desk.archive.archive import ArchiveDesk
from tui.desk.archive.search import SearchDesk
from tui.desk.home import Attention, HomeView, ProfileView, attention, told
from tui.desk.jobs import Jobs
from tui.desk.profiles.described import facts
from tui.desk.profiles.drafts import Drafts
from tui.desk.proof.proof import ProofDesk
from tui.desk.proof.seals import SealDesk
from tui.desk.refusals import NoArchive, NoProfile, translated
from tui.desk.runs import runs
from tui.desk.runs.activity import ActivityDesk
from tui.desk.runs.comparisons import ComparisonDesk
from tui.desk.runs.runs import RunLooks, RunView
from tui.desk.runs.workers import WorkersDesk
from tui.desk.settings import SettingsDesk
from tui.desk.statistics import StatisticsDesk
from tui.desk.strip import strip
from tui.desk.transfer.backups import BackupDesk
from tui.desk.transfer.exports import ExportDesk
from tui.desk.transfer.imports import ImportDesk
from tui.desk.transfer.restores import RestoreDesk
from tui.desk.users.directory import DirectoryDesk
from tui.desk.users.unknown import UnknownDesk
from tui.desk.users.users import UsersDesk

#: Seconds before another try after a service could not be started.
PATIENCE = 15.0
#: Seconds for which the measured disk space is current enough.
SPACE_SECONDS = 10.0
#: Runs listed on a profile's page; Activity has all.
LAST_RUNS = 100


async def open_desk(path: Path | None = None) -> Desk:
    """Open the archive in ``path`` or the default home. Raises ``NoArchive`` and ``Refused``; makes no files."""
    with translated():
        home = Home((path or config.default_home()).absolute())
        config.check(home)
        if not home.exists:
            where = present.text(str(home.path))
            raise NoArchive(present.sentence(f"There is no archive in {where} yet."), where)
        # A running service brings the catalog up to the ledger.
        return Desk(await Archive.open(home, actor="console", follow=not is_running(home)))


async def begin_archive(path: Path | None = None) -> None:
    """Make a new archive in ``path`` or the default home. Raises ``Refused``, and leaves nothing then."""
    with translated():
        archive = await Archive.open(config.find_or_create(path), actor="console")
        await archive.close()


def note_fault(path: Path | None, text: str) -> None:
    """Log the place of a fault in the archive's log, if there is an archive."""
    home = Home((path or config.default_home()).absolute())
    if home.exists:
        log.note(home.console_log, "archivar.console", text)


class Desk:
    """All queries and changes of the console. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.drafts = Drafts(archive)
        self.users = UsersDesk(archive)
        self.unknown = UnknownDesk(archive)
        self.directory = DirectoryDesk(archive)
        self.settings = SettingsDesk(archive)
        self.statistics = StatisticsDesk(archive)
        self.jobs = Jobs(archive.home)
        self.activity = ActivityDesk(archive, self.jobs)
        self.mail = ArchiveDesk(archive)
        self.exports = ExportDesk(archive, self.jobs)
        self.restores = RestoreDesk(archive, self.jobs)
        self.imports = ImportDesk(archive, self.jobs)
        self.backups = BackupDesk(archive, self.jobs)
        self._comparisons = ComparisonDesk(archive, self.jobs)
        self.proof = ProofDesk(archive, self.jobs, self._see_to_service)
        self.seals = SealDesk(archive, self.jobs)
        self.workers = WorkersDesk(archive.home)
        self.search = SearchDesk(archive, self._indexing_starts)
        self._home = archive.home
        self._queue = Queue(archive.database)
        self._looks = RunLooks(self._queue)
        self._version = -1
        self._users_version = ""
        self._chosen: dict[UserSelection, Chosen] = {}
        self._starting: asyncio.Task[None] | None = None
        self._failed_at = -PATIENCE
        self._trouble = self._fault = ""
        self._watch = Watch(archive)

    async def home(self) -> HomeView:
        """All of Home; starts a service if a run waits for one."""
        with translated():
            profiles = await saved_profiles.all_profiles(self._archive)
            chosen = await self._choose({one.selection for one in profiles if one.selection is not None})
            latest = await self._queue.latest()
            snapshots = {run.id: await self._queue.snapshot(run.id) for run in latest.values() if not run.status.final}
            active = await self._queue.active()
            busy, tried = len(active), {run.profile for run in active if run.dry_run}
            starts = await next_starts(self._archive)
            runs = Runs(profiles, latest, starts, active, chosen)
        if busy:
            self._see_to_service()
        moment = now()
        rows = [(profile, latest.get(profile.name)) for profile in profiles]
        with translated():
            watched = await self._watch.look(runs)
            await self._watch.forget_ended(watched)
            alarms = [*self._without_starting(watched.alarms, busy), *await self._watch.of_addresses()]
            backed_up = await last_backup.last(self._archive)
        return HomeView(
            path=present.text(str(self._home.path)),
            service_running=is_running(self._home),
            service_stuck=any(one.rule is AlarmRule.SERVICE_STUCK for one in alarms),
            busy=busy,
            scheduled=sum(profile.automatic for profile in profiles),
            profiles=tuple(
                home.profile_row(
                    profile,
                    home.LastRun(run, snapshots.get(run.id) if run else None, profile.name in tried),
                    moment,
                    chosen,
                    starts.get(profile.name),
                )
                for profile, run in rows
            ),
            attention=(*map(told, self.jobs.all()), *self._waiting(busy), *map(attention, alike(alarms))),
            verified=self.proof.brief(watched.proof),
            strip=strip(watched.growth, watched.files.disk, backed_up, starts, moment),
        )

    def _without_starting(self, found: Iterable[Alarm], busy: int) -> list[Alarm]:
        """The alarms without a missing service, if this console is starting one, or failed to and tells why."""
        starts = busy > 0 and (bool(self._trouble) or self._starting is not None)
        return [one for one in found if not (starts and one.rule is AlarmRule.SERVICE_MISSING)]

    def _waiting(self, busy: int) -> Iterator[Attention]:
        """The reason why runs wait: the service that could not be started."""
        if busy and self._trouble:
            yield home.waiting(self._trouble)

    async def profile(self, key: str) -> ProfileView:
        """One profile."""
        with translated():
            try:
                profile = await saved_profiles.find(self._archive, key)
            except InputError as error:
                raise NoProfile(present.sentence(f"There is no profile {present.text(key, 60)} any more.")) from error
            chosen = await self._choose({profile.selection} if profile.selection else set())
            last_runs = await self._queue.runs(profile.name, limit=LAST_RUNS)
            last = (await self._queue.latest(profile.name)).get(profile.name)
            snapshots = {run.id: await self._queue.snapshot(run.id) for run in last_runs if not run.status.final}
            starts = await next_starts(self._archive)
        moment = now()
        snapshot = snapshots.get(last.id) if last else None
        tried = any(run.dry_run and not run.status.final for run in last_runs)
        whose = f"{chosen[profile.selection].sentence()}." if profile.selection else ""
        return ProfileView(
            home.profile_row(profile, home.LastRun(last, snapshot, tried), moment, chosen, starts.get(profile.name)),
            tuple((present.sentence(label), present.text(value, 500)) for label, value in facts(profile, whose)),
            tuple(present.text(face.told(warning), 500) for warning in profile.warnings()),
            tuple(runs.run_row(run, snapshots.get(run.id), moment) for run in last_runs),
        )

    async def set_automatic(self, key: str, on: bool) -> None:
        """Switch the schedule of a profile on or off."""
        with translated():
            await saved_profiles.set_automatic(self._archive, key, on, actor="console")
            if on:
                # An automatic start needs a running service.
                await ensure_running(self._home)

    async def acknowledge(self, item: Attention, why: str) -> None:
        """Let what the item tells stand, because of ``why``; or, where it was acknowledged, take that back."""
        with translated():
            if item.acknowledged:
                await acknowledged.withdraw(self._archive, item.alarms, actor="console")
            else:
                await acknowledged.acknowledge(self._archive, item.alarms, why, actor="console")

    async def start_service(self) -> None:
        """Start the service, if it is not running."""
        with translated():
            await ensure_running(self._home)
        self._trouble = self._fault = ""

    async def _choose(self, selections: set[UserSelection]) -> Mapping[UserSelection, Chosen]:
        """The results of selections; counted again only after changes of users, since Home is loaded twice a second."""
        if not selections:
            return {}
        version = await users.version(self._archive)
        if version != self._users_version:
            self._chosen, self._users_version = {}, version
        self._chosen = {one: self._chosen.get(one) or await users.chosen(self._archive, one) for one in selections}
        return self._chosen

    async def run(self, run_id: int) -> RunView:
        """One run."""
        with translated():
            view = await self._looks.view(run_id)
        if view.active:
            self._see_to_service()
        return runs.with_note(view, present.sentence(self._trouble)) if self._trouble and view.active else view

    async def start(self, profile: str) -> int:
        """Queue a run of the profile with this key, or join the active one; its number."""
        with translated():
            self._archive.check_usable()
            run: Run = (await self._queue.enqueue(profile))[0]
        self._failed_at = -PATIENCE
        self._see_to_service()
        return run.id

    async def compare(self, profile: str, how: str) -> int:
        """Compare the profile's mailboxes with the archive, in one of ``COMPARISONS``; the number of the job."""
        return await self._comparisons.begin(profile, how)

    def comparing(self, profile: str) -> int | None:
        """The job that compares the profile's mailboxes now; None without one."""
        return self._comparisons.active(profile)

    async def cancel(self, run_id: int) -> None:
        """Request the end of a run."""
        with translated():
            await cancelling.cancel(self._archive, run_id)

    async def changed(self) -> bool:
        """True when anything was written since the last call; cheap enough for four calls a second."""
        with translated():
            before, self._version = self._version, await self._queue.version()
        return before != self._version

    async def close(self) -> None:
        """Close all resources; no other call may follow."""
        if self._starting:
            self._starting.cancel()
        await self.jobs.close()
        with translated():
            await self._archive.close()

    def _see_to_service(self) -> None:
        """Start a service in the background: a run waits or is active, or mail must be indexed."""
        busy = self._starting is not None and not self._starting.done()
        if not busy and time.monotonic() - self._failed_at > PATIENCE and not is_running(self._home):
            self._starting = spawn(self._start_service(), name="start service")

    def _indexing_starts(self) -> str:
        """Start a service for indexing; the reason when that fails."""
        self._see_to_service()
        return self._fault

    async def _start_service(self) -> None:
        try:
            await ensure_running(self._home)
        except ArchivarError as error:
            self._failed_at = time.monotonic()
            self._fault = present.text(str(error))
            self._trouble = present.text(f"Runs wait: {error}")
        else:
            self._trouble = self._fault = ""
