"""Exports started in the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.archive.archive import Archive
from core.archive.read import selection as selecting
from core.archive.search.found import found_by
from core.archive.search.query import parse
from core.archive.search.search_index import bring_up
from core.archive.transfer import export as exporting
from core.archive.transfer.export import ExportFormat, ExportProgress
from core.text import format as texts
from tui.desk import face, present, typed
from tui.desk.archive.archive import MailSelection
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Safe
from tui.desk.refusals import translated

FORMATS = {
    ExportFormat.EML: "EML: a file for each message",
    ExportFormat.MBOX: "mbox: a file for each folder",
    ExportFormat.MAILDIR: "Maildir: as mail servers keep it",
}
AGAIN = "The same export again carries on."


class ExportDesk:
    """Mail as files. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def formats(self) -> Sequence[tuple[str, str]]:
        """The formats, each with a short description."""
        return [(form.value, words) for form, words in FORMATS.items()]

    async def weigh(self, selection: MailSelection) -> Safe:
        """The size of the selection in a sentence; empty where only the export itself can count it."""
        return await weigh(self._archive, selection)

    async def begin(self, selection: MailSelection, directory: str, form: str) -> int:
        """Begin an export to ``directory``; the number of the job. Raises ``Refused`` for an unusable one."""
        with translated():
            target = typed.outside(self._archive.home, directory)
            if selection.query:
                parse(selection.query)

        async def work(archive: Archive, job: Job) -> JobOutcome:
            def tick(done: ExportProgress) -> None:
                job.stage = Stage(done.done, done.total, done.bytes, done.folder)

            wanted = await resolved(archive, selection, lambda stage: setattr(job, "stage", stage))
            done = await exporting.export(archive, wanted, target, ExportFormat(form), actor="console", tick=tick)
            return _outcome(done, target)

        return self._jobs.start(
            "Export", f"{selection.words or 'All mail'} to {target} ({ExportFormat(form).value})", AGAIN, work
        )


async def weigh(archive: Archive, selection: MailSelection) -> Safe:
    """The size of the selection; empty for a query, whose results are counted after indexing. Raises ``Refused``."""
    if selection.query:
        return present.BLANK
    with translated():
        folders = await selecting.select(archive, core(selection))
    messages, size = sum(one.messages for one in folders), sum(one.bytes for one in folders)
    where = f"in {present.count(len(folders), 'folder')}" if len(folders) > 1 else f"in {present.text(folders[0].path)}"
    return present.sentence(f"{present.count(messages, 'message')}, {texts.size(size)}, {where}.")


def core(selection: MailSelection) -> selecting.Selection:
    """The selection without its query, for the core."""
    return selecting.Selection(selection.user, selection.folder, selection.messages, selection.folders)


async def resolved(archive: Archive, selection: MailSelection, tell: Callable[[Stage], None]) -> selecting.Selection:
    """The selection for the core, with the results of its query.

    All mail is indexed first: unindexed messages would be left out silently.
    """
    wanted = core(selection)
    if not selection.query:
        return wanted

    await bring_up(archive, tell=lambda done, total: tell(Stage(done, total, 0, "the search index, so that all is found")))
    tell(Stage(where="what the search finds"))
    return await found_by(archive, wanted, selection.query)


def _outcome(done: ExportProgress, target: Path) -> JobOutcome:
    sentences = [f"{present.count(done.messages, 'message')}, {texts.size(done.bytes)} written to {target}."]
    if done.already:
        sentences.append(f"{present.count(done.already, 'message')} {'was' if done.already == 1 else 'were'} there already.")
    if done.damaged:
        damaged = present.count(len(done.damaged), "message")
        sentences.append(f"{damaged} could not be read from the archive; the reasons are below.")
    else:
        sentences.append("There, sha256sum -c SHA256SUMS proves that every file is as it was archived.")
    if done.unnoted:
        sentences.append(face.sentence(done.unnoted))
    return JobOutcome(tuple(sentences), tuple(one.told(face.CONSOLE) for one in done.damaged))
