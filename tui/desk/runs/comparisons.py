"""Comparisons of mail servers with the archive, started in the console."""

from __future__ import annotations

from collections.abc import Sequence

from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.engine.examine import examine
from core.engine.examine.comparison import Compared, Deep
from core.engine.examine.differences import MissingFolder, MissingMailbox, account
from core.service.idle import until_idle
from core.text import format as texts
from tui.desk import face, present
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.refusals import translated

#: Ways to compare a server with the archive, with their descriptions.
COMPARISONS = (
    ("numbers", present.own("by number: is every message on the server in the archive?")),
    ("deep", present.own("by every byte: read all mail on the server once more")),
    ("repair", present.own("by every byte, and archive what differs beside the old")),
)
AGAIN = "The same comparison again goes on from there; nothing was changed on the server."


class ComparisonDesk:
    """The comparisons of this console: one of each profile at a time."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs
        #: The last job of each profile.
        self._last: dict[str, int] = {}

    def active(self, profile: str) -> int | None:
        """The job that compares the profile with this key now."""
        key = self._last.get(profile.casefold(), 0)
        return key if self._jobs.is_active(key) else None

    async def begin(self, key: str, how: str) -> int:
        """Begin a comparison in one of the ways of ``COMPARISONS``, or join the active one; the number of the job."""
        if (active := self.active(key)) is not None:
            return active
        with translated():
            profile = await saved_profiles.find(self._archive, key)
            # A missing password is reported at once.
            await saved_profiles.password(self._archive, profile)

        async def work(archive: Archive, job: Job) -> JobOutcome:
            wanted = await saved_profiles.find(archive, key)
            secret = await saved_profiles.password(archive, wanted)
            deep = _deep(archive, wanted.name, job, repair=how == "repair") if how != "numbers" else None
            job.stage = Stage(where=wanted.server.host)
            found = await examine.missing(archive, wanted, secret, deep)
            return outcome(found, deep)

        title = f"{profile.name} with the archive, {'by number' if how == 'numbers' else 'by every byte'}"
        job = self._jobs.start("Compare", title, AGAIN, work)
        self._last[key.casefold()] = job
        return job


def _deep(archive: Archive, profile: str, job: Job, *, repair: bool) -> Deep:
    def tick(done: Compared) -> None:
        job.stage = Stage(done.done, done.total, done.bytes, done.where)

    def say(text: str) -> None:
        job.stage = Stage(job.stage.done, job.stage.total, job.stage.bytes, text)

    deep = Deep(repair=repair, actor="console", tick=tick)
    deep.quiet = lambda: until_idle(archive, profile, say)
    return deep


def outcome(found: Sequence[MissingMailbox], deep: Deep | None) -> JobOutcome:
    """The differences, one by one, and the result of their repair."""
    problems: list[str] = []
    for mailbox in found:
        where = f"{mailbox.mailbox}: " if len(found) > 1 else ""
        problems += [f"{where}{face.sentence(why)}" for why in mailbox.reasons]
        for folder in mailbox.folders:
            problems += [f"{where}{text}" for text in _named(folder)]
    missing = sum(one.missing for one in found)
    same = "every byte is the same" if deep is not None else "all of it is there, by its numbers"
    if missing:
        told = [f"{present.count(missing, 'message')} on the server, named below, not as in the archive."]
    elif problems:
        told = ["Not all of it could be compared, for the reasons below."]
    else:
        told = [f"Nothing is missing in the archive: {same}."]
    if deep is not None:
        told += account(found)
    compared = sum(folder.found for one in found for folder in one.folders if not folder.excluded)
    told += [f"{present.count(compared, 'message')} on the server."] if deep is None else []
    if missing:
        remedy = "A run archives what is new." if deep is None else "v on the page before archives what differs."
        told.append(remedy if deep is None or not deep.repair else "What is left differs on the server itself.")
    return JobOutcome(tuple(told), tuple(problems))


def _named(folder: MissingFolder) -> list[str]:
    named = [f"{folder.path}: {face.sentence(why)}" for why in folder.reasons]
    for one in folder.differences:
        reason = f" ({face.sentence(one.reason)})" if one.reason else ""
        named.append(f"{folder.path}, UID {one.uid}, {texts.size(one.size)}: {one.what.words}{reason}")
    return named
