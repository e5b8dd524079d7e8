"""Restores started in the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.archive.archive import Archive
from core.archive.read import selection as selecting
from core.archive.registry import saved_profiles, users
from core.engine.restore import restore_plan
from core.engine.restore.refused import Refused as Problem
from core.engine.restore.restore_plan import PlanError, RestorePlan
from core.engine.restore.restore_ways import Fit, Way, owner_of, ways
from core.engine.restore.restoring import Restored, Restoring
from core.errors import BusyError, InputError
from core.model import User
from core.problems import restore
from core.profiles.profile import Profile
from core.text import format as texts
from tui.desk import face, present
from tui.desk.archive.archive import MailSelection
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import BLANK, Safe
from tui.desk.refusals import translated
from tui.desk.transfer.exports import core, resolved


@dataclass(frozen=True, slots=True)
class RestoreWish:
    """The form of a restore. ``profile`` and ``user`` are true names, ``to`` is as typed; empty: the former folders.

    ``selection`` has no query any more.
    """

    selection: MailSelection
    profile: str = ""
    user: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class RestoreFolder:
    """Messages of the folder ``path`` of the archive that go ``into`` a folder on the server."""

    path: Safe
    into: Safe
    messages: Safe
    size: Safe


@dataclass(frozen=True, slots=True)
class RestoreView:
    """The plan of a restore.

    ``trouble`` is the reason why it is impossible, ``at`` the part to change: profile, mailbox, folder or none.

    ``many``: the profile is for many mailboxes, so one must be chosen. ``sentences`` and ``warnings`` are shown before it
    starts.
    """

    profile: Safe
    mailbox: Safe
    many: bool
    to: Safe
    sentences: tuple[Safe, ...] = ()
    warnings: tuple[Safe, ...] = ()
    folders: Sequence[RestoreFolder] = ()
    trouble: Safe = BLANK
    at: str = ""


@dataclass(frozen=True, slots=True)
class LookView:
    """The result of a look at the mailbox: ``missing`` messages would be put there, ``created`` folders made for them.

    The first of ``sentences`` is a summary; ``problems`` are the first of all.
    """

    missing: int
    created: int
    sentences: tuple[Safe, ...]
    problems: tuple[Safe, ...] = ()


@dataclass(frozen=True, slots=True)
class Looking:
    """The progress of a look; ``fraction`` is None while unknown."""

    fraction: float | None
    words: Safe


AGAIN = "The same restore again carries on; what is there already is not put there again."
#: Folders and remarks listed one by one.
NAMED = 10
#: Characters of a folder's name among others.
SHORT = 60
#: Problems of a look listed one by one.
PROBLEMS = 100
FITS = {
    Fit.ORIGIN: "the mail came from there",
    Fit.BACK: "has these folders",
    Fit.OWN: "never had these folders",
    Fit.OTHER: "another mailbox",
}


class RestoreDesk:
    """Mail back into a mailbox on a server. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs
        #: The last job of each mailbox on a server.
        self._filling: dict[str, int] = {}

    async def prepare(self, selection: MailSelection, tell: Callable[[Looking], None]) -> RestoreWish:
        """The likeliest wish: through the profile that archived the mail, to the former folders."""
        with translated():
            if selection.query:
                async with self._jobs.archive() as archive:
                    found = await resolved(archive, selection, lambda stage: tell(_looking(stage)))
                selection = replace(selection, query="", messages=found.ids, folders=found.folders)
            folders = await selecting.select(self._archive, core(selection))
            owner = await self._owner(selection, folders)
            found_ways = await ways(self._archive, folders, owner)
            if not found_ways:
                raise InputError(restore.NO_PROFILE())
        return RestoreWish(selection, found_ways[0].profile.name, owner.name)

    async def profiles(self, wish: RestoreWish) -> Sequence[tuple[str, Safe]]:
        """The true names of the possible profiles, each with a description, the likeliest first."""
        with translated():
            folders = await selecting.select(self._archive, core(wish.selection))
            owner = await self._owner(wish.selection, folders)
            return [
                (present.sentence(way.profile.name), present.sentence(_way(way)))
                for way in await ways(self._archive, folders, owner)
            ]

    async def _owner(self, selection: MailSelection, folders: Sequence[selecting.SelectedFolder]) -> User:
        return await (users.of_id(self._archive, selection.user) if selection.user else owner_of(self._archive, folders))

    async def plan(self, wish: RestoreWish) -> RestoreView:
        """Plan a restore; asks no server."""
        with translated():
            profile = await saved_profiles.find(self._archive, wish.profile)
        view = RestoreView(
            profile=present.text(profile.name),
            mailbox=_meant(profile, wish),
            many=profile.selection is not None,
            to=present.text(wish.to.strip()),
        )
        try:
            plan = await _plan(self._archive, wish)
        except InputError as error:
            at = error.at.value if isinstance(error, PlanError) else ""
            return replace(view, trouble=present.text(face.said(error)), at=at)
        with translated():
            everything = await selecting.select(self._archive, core(wish.selection))
        others = sum(folder.messages for folder in everything) - plan.messages
        strangers = sorted({folder.user for folder in plan.folders if folder.owner != plan.mailbox.user.id})
        whose = plan.mailbox.user.name
        warnings = [f"This is mail of {', '.join(strangers)}, and {whose} will be able to read it."] if strangers else []
        warnings += map(face.told, plan.warnings())
        if others > 0:
            warnings.append(
                f"Of what is chosen {present.count(others, 'message')} of other users stay out: "
                f"only the mail of {whose} goes there. Restore each user's mail by itself."
            )
        return replace(
            view,
            mailbox=present.sentence(f"{present.text(plan.mailbox.top)} on {present.text(profile.server.host)}"),
            sentences=(present.text(_announced(plan)), present.own("What is there already is not put there again.")),
            warnings=tuple(present.text(warning, 500) for warning in warnings),
            folders=[_folder(plan, folder) for folder in plan.folders],
        )

    async def look(self, wish: RestoreWish, tell: Callable[[Looking], None]) -> LookView:
        """List the missing messages on the server; changes nothing."""

        def tick(done: Restored) -> None:
            tell(_looking(_stage(done)))

        with translated():
            async with self._jobs.archive() as archive:
                plan = await _plan(archive, wish)
                secret = await saved_profiles.password(archive, plan.profile)
                done = await Restoring(archive, plan, secret, actor="console", tick=tick).run(dry_run=True)
        return _looked(plan, done)

    async def begin(self, wish: RestoreWish) -> int:
        """Begin a restore; the number of the job."""
        with translated():
            plan = await _plan(self._archive, wish)
            # A missing password is reported at once.
            await saved_profiles.password(self._archive, plan.profile)
            self._refuse_second(plan)

        async def work(archive: Archive, job: Job) -> JobOutcome:
            def tick(done: Restored) -> None:
                job.stage = _stage(done)

            plan = await _plan(archive, wish)
            secret = await saved_profiles.password(archive, plan.profile)
            done = await Restoring(archive, plan, secret, actor="console", tick=tick).run()
            return _outcome(plan, done)

        what = wish.selection.words or present.count(plan.messages, "message")
        key = self._jobs.start("Restore", f"{what} into {_where(plan)}", AGAIN, work)
        self._filling[plan.filled] = key
        return key

    def _refuse_second(self, plan: RestorePlan) -> None:
        """Raise ``Refused`` for a second restore: both would find the same messages missing, and put them there twice."""
        if self._jobs.is_active(self._filling.get(plan.filled, 0)):
            raise BusyError(restore.UNDER_WAY(mailbox=plan.mailbox.top))


async def _plan(archive: Archive, wish: RestoreWish) -> RestorePlan:
    profile = await saved_profiles.find(archive, wish.profile)
    return await restore_plan.plan(archive, profile, core(wish.selection), user=wish.user, to=wish.to.strip())


def _meant(profile: Profile, wish: RestoreWish) -> Safe:
    """The mailbox of a wish, possible or not."""
    if profile.target is None:
        return present.text(f"of {wish.user}")
    return present.sentence(f"{present.text(profile.target.folder)} on {present.text(profile.server.host)}")


def _where(plan: RestorePlan) -> str:
    folder = f"{plan.to} of " if plan.to else ""
    return f"{folder}the mailbox {plan.mailbox.top} on {plan.profile.server.host}"


def _announced(plan: RestorePlan) -> str:
    owners = ", ".join(dict.fromkeys(folder.user for folder in plan.folders))
    what = f"{present.count(plan.messages, 'message')}, {texts.size(plan.bytes)}"
    return f"{what}, of the archive of {owners} into {_where(plan)}."


def _way(way: Way) -> str:
    where = way.mailbox.top if way.mailbox is not None else "many mailboxes"
    return present.text(f"{way.profile.name}: {where} on {way.profile.server.host}, {FITS[way.fit]}")


def _folder(plan: RestorePlan, folder: selecting.SelectedFolder) -> RestoreFolder:
    return RestoreFolder(
        present.text(folder.path),
        present.text(plan.path(folder)),
        present.sentence(texts.number(folder.messages)),
        present.sentence(texts.size(folder.bytes)),
    )


def _stage(done: Restored) -> Stage:
    return Stage(done.done, done.total, done.bytes, done.folder)


def _looking(stage: Stage) -> Looking:
    if not stage.total:
        return Looking(
            None, present.sentence(f"Looking: {present.text(stage.where)}") if stage.where else present.own("Looking …")
        )
    where = f": {present.text(stage.where)}" if stage.where else ""
    return Looking(
        min(stage.done / stage.total, 1.0),
        present.sentence(f"{texts.number(stage.done)} of {texts.number(stage.total)}{where}"),
    )


def _looked(plan: RestorePlan, done: Restored) -> LookView:
    total = present.count(done.total, "message")
    if done.messages:
        verb = "is" if done.messages == 1 else "are"
        already = f" {texts.number(done.already)} there already." if done.already else ""
        sentences = [f"{texts.number(done.messages)} of {total} {verb} missing there, {texts.size(done.bytes)}.{already}"]
    elif done.already == done.total:
        sentences = [
            "Nothing is missing there: the message is there."
            if done.total == 1
            else f"Nothing is missing there: all {total} are there."
        ]
    else:
        sentences = [f"Nothing can be put there. {texts.number(done.already)} of {total} are there already."]
    if done.created:
        sentences.append(f"Folders that will be made there: {_names(done.created)}.")
    sentences += _used(plan, done)
    sentences += map(face.sentence, done.remarks[:NAMED])
    if done.failed:
        sentences.append(f"{present.count(done.failed, 'message')} cannot be restored, for the reasons below.")
    problems = [present.text(_problem(one), 500) for one in done.problems[:PROBLEMS]]
    return LookView(done.messages, len(done.created), tuple(present.text(one, 1000) for one in sentences), tuple(problems))


def _outcome(plan: RestorePlan, done: Restored) -> JobOutcome:
    if done.messages or done.failed or not done.already:
        already = f" {texts.number(done.already)} there already." if done.already else ""
        sentences = [
            f"{present.count(done.messages, 'message')}, {texts.size(done.bytes)}, restored to {plan.mailbox.top}.{already}"
        ]
    else:
        sentences = [f"Nothing was missing: {present.count(done.already, 'message')} there already."]
    if done.created:
        sentences.append(f"Folders made there: {_names(done.created)}.")
    sentences += _used(plan, done)
    if done.failed:
        sentences.append(f"{present.count(done.failed, 'message')} not restored, for the reasons below. {AGAIN}")
    if done.damaged:
        sentences.append("What could not be read from the archive is damaged in it. A verification names all that is.")
    sentences += map(face.sentence, done.remarks[:NAMED])
    if len(done.remarks) > NAMED:
        sentences.append(f"And {texts.number(len(done.remarks) - NAMED)} more remarks like these.")
    if done.messages:
        sentences += map(face.told, plan.warnings())
    return JobOutcome(tuple(sentences), tuple(_problem(one) for one in done.problems))


def _used(plan: RestorePlan, done: Restored) -> list[str]:
    """The mailbox and folders that were actually used."""
    used = [present.text(one.sentence(), SHORT * 3) for one in done.used if one.messages or one.odd]
    if not used:
        return []
    more = f"; {present.count(len(used) - NAMED, 'more folder')}" if len(used) > NAMED else ""
    mailbox = f"{present.text(plan.mailbox.login)} opens on {present.text(plan.profile.server.host)}"
    return [f"In the mailbox that {mailbox}: {'; '.join(used[:NAMED])}{more}."]


def _names(folders: Sequence[str]) -> str:
    more = len(folders) - NAMED
    names = ", ".join(present.text(folder, SHORT) for folder in folders[:NAMED])
    return f"{names} and {texts.number(more)} more" if more > 0 else names


def _problem(problem: Problem) -> str:
    reason = face.sentence(problem.why)
    if problem.message is None:
        return f"{problem.folder}: {present.count(problem.messages, 'message')} not restored: {reason}"
    return f"{problem.folder}, message {texts.number(problem.message)} ({problem.subject}): {reason}"
