"""Workers on other machines, as the service uses them: a run of a profile that wants them is given to them.

Nothing of it is loaded for a home without such a profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.archive.archive import Archive
from core.engine.run.run import Findings, ProfileRun, RunParameters

if TYPE_CHECKING:
    from core.cluster.hub import Hub


class Workers:
    """The workers of an archive: one hub for all runs of the service."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._hub: Hub | None = None

    async def prepare(self, job: RunParameters) -> ProfileRun:
        """The run of ``job``, by workers if its profile says so. Raises ``InputError``.

        A dry run looks only, and is done here.
        """
        if not job.profile.server.workers or job.run.dry_run:
            return await ProfileRun.prepare(self._archive, job)
        from core.cluster.hub import Hub
        from core.cluster.worker_run import WorkerRun

        if self._hub is None:
            self._hub = Hub(self._archive)
        return WorkerRun(self._archive, job, await Findings.of(self._archive, job), self._hub)
