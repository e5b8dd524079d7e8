"""``archivar directory``: the directory of users, and synchronisation with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.registry import last_attempt, saved_directory, saved_profiles
from core.archive.registry.last_attempt import Outcome
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.cli.passwords import entered
from core.cli.trial import show_step
from core.cli.words import minute
from core.model import timestamp
from core.profiles.directory import Directory
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.reading import SettingsFile, read
from core.profiles.schema.writing import as_toml
from core.secrets import Secret
from core.text.format import counted, number

if TYPE_CHECKING:
    from core.directory.group_notes import GroupNote
    from core.engine.examine.directory_sync import SyncResult

#: Changes and conflicts listed one by one.
NAMED = 50


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="The directory that users come from.", no_args_is_help=True)
    group.command("apply", cls=Command)(apply)
    group.command("show", cls=Command)(show)
    group.command("test", cls=Command)(try_directory)
    group.command("sync", cls=Command)(synchronise)
    group.command("remove", cls=Command)(remove)
    app.add_typer(group, name="directory")


def apply(file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The directory file.")]) -> None:
    """Save the settings of a file, new or changed. Asks for the password when the file names no source for it."""

    async def work() -> None:
        async with context.archive(create=True) as archive:
            await saved_directory.save(archive, directory, secret, actor=actor())

    wanted = read(DIRECTORIES, file)
    directory = wanted.settings
    # Not in the coroutine: during a prompt there, Ctrl-C would not be handled.
    secret = _password(wanted, stored=context.exists() and run(_stored(directory)))
    run(work())
    if output.json_wanted:
        output.json({"directory": directory.as_json(), "warnings": directory.warnings(), "advice": directory.advice()})
    output.note("Directory saved. Try it: archivar directory test; see what would change: archivar directory sync --dry-run")
    _note(directory)


def _note(directory: Directory) -> None:
    for text in directory.advice():
        output.note(text)
    for warning in directory.warnings():
        output.note(f"Warning: {warning}")


async def _stored(directory: Directory) -> bool:
    async with context.archive() as archive:
        return await saved_directory.has_password(archive, directory)


def _password(wanted: SettingsFile[Directory], *, stored: bool) -> Secret | None:
    """The password to be stored; None when none is needed, it comes from a file, or the stored one stays."""
    directory = wanted.settings
    if not (directory.username or wanted.password_env or directory.password_file):
        return None
    return entered(
        wanted.password_env,
        directory.password_file,
        f"Password of {directory.username} on {directory.server.host}",
        stored=stored,
        whose="the directory",
    )


def show() -> None:
    """Show the settings as a file that can be applied again, and the last synchronisation.

    When an attempt after it failed, that is told too. The password is not shown.
    """

    async def work() -> None:
        async with context.archive() as archive:
            directory = await saved_directory.find(archive)
            stored = await saved_directory.has_password(archive, directory)
            last = await saved_directory.last_sync(archive)
            attempt = await last_attempt.last(archive)
        if output.json_wanted:
            value: dict[str, Any] = {"directory": directory.as_json(), "password": stored, "warnings": directory.warnings()}
            value |= {"last_sync": {"at": last[0], **last[1].payload()} if last else None}
            output.json(value | {"last_attempt": attempt.as_json() if attempt else None})
            return
        for line in as_toml(DIRECTORIES, directory).splitlines():
            output.verbatim(line)
        output.note("")
        if not stored:
            output.note("No password is stored: apply the file again.")
        output.note(f"Last synchronised: {minute(last[0])}" if last else "Not synchronised yet: archivar directory sync")
        if attempt is not None and attempt.outcome is not Outcome.DONE:
            what = "failed" if attempt.outcome is Outcome.FAILED else "was done but for those who left"
            who = f", asked for by {attempt.asked_by}" if attempt.asked_by else ""
            output.note(f"The last attempt ({minute(timestamp(attempt.at))}{who}) {what}: {attempt.reason}")
        _note(directory)

    run(work())


def try_directory() -> None:
    """Try the settings, step by step, without changing anything.

    The steps: name lookup, TCP, TLS, certificate, login, search with the number of people found. Exit code 3 when a step
    fails.
    """
    from core.directory.people import connection_test

    async def work() -> int:
        async with context.archive() as archive:
            directory = await saved_directory.find(archive)
            secret = await saved_directory.password(archive, directory)
        tick = (lambda step: None) if output.json_wanted else show_step
        groups: list[GroupNote] = []
        steps, found = await connection_test(directory, secret, tick, groups.append)
        ok = all(step.ok for step in steps)
        if output.json_wanted:
            output.json({"ok": ok, "steps": [step.as_json() for step in steps], "people": len(found)} | _groups(groups))
        else:
            for step in steps:
                if step.ok is None:
                    show_step(step)
        for one in groups:
            output.note(f"Warning: {one.sentence()}")
        for warning in directory.warnings():
            output.note(f"Warning: {warning}")
        return 0 if ok else 3

    raise typer.Exit(run(work()))


def synchronise(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Let more users go at once than users.guard says.")] = False,
) -> None:
    """Bring users in step with the directory.

    Exit code 1 when something was in conflict, 3 when the directory gave no whole answer, or too many users would have been
    disabled or removed: then none of them was, and everything else was done.
    """
    from core.engine.examine import directory_sync

    async def work() -> SyncResult:
        async with context.archive() as archive:
            return await directory_sync.sync(archive, dry_run=dry_run, force=force, asked_by=actor())

    result = run(work())
    found = result.difference
    refusal = result.refusal
    if output.json_wanted:
        output.json(result.as_json())
    output.line(result.sentence() + ("" if result.done else " Nothing was changed (dry run)."))
    _list("", [change.sentence() for change in found.changes])
    _list("! ", [str(conflict) for conflict in found.conflicts])
    changed = {change.after.id for change in found.changes}
    unchanged = [user.name for user in found.left if user.id not in changed]
    if unchanged:
        output.line(f"No longer in the directory, left as they are: {', '.join(unchanged[:NAMED])}", indent=2)
    for note in found.notes:
        output.line(f"  {note}", indent=4)
    for one in result.groups:
        output.note(f"Warning: {one.sentence()}")
    for warning in result.warnings:
        output.note(f"Warning: {warning}")
    if refusal is not None:
        raise refusal
    raise typer.Exit(1 if found.conflicts else 0)


def _groups(notes: list[GroupNote]) -> dict[str, Any]:
    return {"groups": [one.as_json() for one in notes]}


def _list(mark: str, texts: list[str]) -> None:
    for text in texts[:NAMED]:
        output.line(f"  {mark}{text}", indent=4)
    if len(texts) > NAMED:
        output.line(f"  … and {number(len(texts) - NAMED)} more.")


def remove() -> None:
    """Forget the settings and the password; users stay as they are."""

    async def work() -> int:
        async with context.archive() as archive:
            await saved_directory.remove(archive, actor=actor())
            profiles = await saved_profiles.all_profiles(archive)
        return sum(profile.sync_directory_first for profile in profiles)

    still = run(work())
    if output.json_wanted:
        output.json({"removed": True, "profiles": still})
    output.note("Directory removed. Users stay as they are.")
    if still:
        output.note(f"{counted(still, 'profile')} would still synchronise first: set sync_directory_first = false there.")
