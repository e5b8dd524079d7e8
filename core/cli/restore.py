"""``archivar restore``: archived mail back into a mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.registry import saved_profiles
from core.cli.answer import Answer
from core.cli.context import actor, context, run
from core.cli.help import Command
from core.cli.output import output
from core.cli.progress import ProgressLine
from core.cli.transfer import QUERY, selected
from core.errors import InputError
from core.problems.command_line import sentence, told
from core.problems.restore import NOT_ASKED, NOT_CONFIRMED
from core.problems.table import warned
from core.text.format import counted, number, size

if TYPE_CHECKING:
    from core.engine.restore.refused import Refused
    from core.engine.restore.restore_plan import RestorePlan
    from core.engine.restore.restoring import Restored

#: Folders and problems listed one by one.
NAMED = 50


def register(app: typer.Typer) -> None:
    app.command("restore", cls=Command)(restore)


def restore(
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="A profile that archives the mailbox.")],
    user: Annotated[
        str, typer.Option("--user", metavar="USER", help="Whose archive; of a profile for many also whose mailbox.")
    ] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Only this folder of the archive, and below.")] = "",
    ids: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this message; may be repeated.")] = None,
    query: Annotated[str, QUERY] = "",
    to: Annotated[
        str, typer.Option("--to", metavar="FOLDER", help="Into this folder on the server; else where the mail was.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only find out what is missing there.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Answer:
    """Put messages back into a mailbox, byte for byte, with flags and dates.

    What the mailbox has already is not put there again, so it can be repeated, and carries on when it was stopped. Asks before.
    Exit code 1 when something was not restored.
    """
    plan = run(_plan(profile, user, folder, ids or [], query, to))
    for warning in plan.warnings():
        output.note(f"Warning: {told(warning)}")
    if not dry_run and not yes:
        _announce(plan)
        # Not in a coroutine: during a prompt there, Ctrl-C would not be handled.
        answer = output.ask("Restore them? [y/N] ")
        if answer is None:
            raise InputError(NOT_ASKED(yes="--yes", dry_run="--dry-run"))
        if answer.strip().lower() not in ("y", "yes"):
            raise InputError(NOT_CONFIRMED())
    return run(_restored(plan, dry_run))


async def _restored(plan: RestorePlan, dry_run: bool) -> Answer:
    from core.engine.restore.restoring import Restoring

    async with context.archive() as archive:
        secret = await saved_profiles.password(archive, plan.profile)
        progress = ProgressLine()
        work = Restoring(
            archive,
            plan,
            secret,
            actor=actor(),
            tick=lambda done: progress.messages(done.done, done.total, done.bytes, done.folder),
        )
        try:
            done = await work.run(dry_run=dry_run)
        finally:
            progress.end()
    return Answer(
        json=lambda: _json(plan, done, dry_run),
        notes=_told(plan, done, dry_run),
        exit_code=4 if done.damaged else 1 if done.problems else 0,
    )


async def _plan(name: str, user: str, folder: str, ids: list[str], query: str, to: str) -> RestorePlan:
    from core.engine.restore import restore_plan

    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        selection = await selected(archive, user, folder, ids, query)
        return await restore_plan.plan(archive, profile, selection, user=user, to=to)


def _announce(plan: RestorePlan) -> None:
    where = f"the mailbox {plan.mailbox.top} on {plan.profile.server.host}"
    output.note(f"{counted(plan.messages, 'message')}, {size(plan.bytes)}, of the archive of {_owners(plan)} into {where}:")
    for folder in plan.folders[:NAMED]:
        output.note(f"  {folder.path} into {plan.path(folder)}: {counted(folder.messages, 'message')}, {size(folder.bytes)}")
    if len(plan.folders) > NAMED:
        output.note(f"  and {counted(len(plan.folders) - NAMED, 'more folder')}")
    output.note("What is there already is not put there again.")


def _owners(plan: RestorePlan) -> str:
    return ", ".join(dict.fromkeys(folder.user for folder in plan.folders))


def _told(plan: RestorePlan, done: Restored, dry_run: bool) -> Iterator[str]:
    for problem in done.problems[:NAMED]:
        yield f"! {_problem(problem)}"
    if len(done.problems) > NAMED:
        yield f"! … and {number(len(done.problems) - NAMED)} more; --json has all of them."
    for remark in done.remarks[:NAMED]:
        yield f"Note: {sentence(remark)}"
    if done.created:
        yield f"{'To be made' if dry_run else 'Made'} on the server: {', '.join(done.created)}"
    used = [one for one in done.used if one.messages or one.odd]
    if used:
        yield f"Into the mailbox that {plan.mailbox.login} opens on {plan.profile.server.host}:"
    for one in used[:NAMED]:
        yield f"  {one.sentence()}"
    if len(used) > NAMED:
        yield f"  and {counted(len(used) - NAMED, 'more folder')}; --json has all of them."
    already = f"; {number(done.already)} there already" if done.already else ""
    failed = f"; {number(done.failed)} not restored" if done.failed else ""
    verb = "would be restored" if dry_run else "restored"
    yield f"{counted(done.messages, 'message')}, {size(done.bytes)} {verb} to {plan.mailbox.top}{already}{failed}."


def _problem(problem: Refused) -> str:
    if problem.message is None:
        return f"{problem.folder}: {counted(problem.messages, 'message')} not restored: {problem.reason}"
    return f"{problem.folder}, message {problem.message} ({problem.subject}): {problem.reason}"


def _json(plan: RestorePlan, done: Restored, dry_run: bool) -> dict[str, Any]:
    return {
        "profile": plan.profile.name,
        "mailbox": plan.mailbox.top,
        "login": plan.mailbox.login,
        "server": plan.profile.server.host,
        "user": plan.mailbox.user.name,
        "to": plan.to,
        "dry_run": dry_run,
        "total": done.total,
        "messages": done.messages,
        "bytes": done.bytes,
        "already": done.already,
        "failed": done.failed,
        "created": done.created,
        "folders": [one.as_json() for one in done.used],
        "problems": [one.as_json() for one in done.problems],
        **warned(done.remarks, "remark"),
        **warned(plan.warnings()),
    }
