"""``archivar directory``: the directory of users, and synchronisation with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.archive.registry import last_attempt, saved_directory, saved_profiles
from core.archive.registry.last_attempt import Attempt, AttemptOutcome
from core.cli import trial
from core.cli.answer import Answer, Line, Note, Part, Verbatim
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.moments import minute
from core.cli.passwords import entered
from core.model import timestamp
from core.problems.command_line import COMMAND_LINE, sentence, told
from core.problems.table import warned
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


def apply(file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The directory file.")]) -> Answer:
    """Save the settings of a file, new or changed. Asks for the password when the file names no source for it."""
    wanted = read(DIRECTORIES, file)
    directory = wanted.settings
    # Not in the coroutine: during a prompt there, Ctrl-C would not be handled.
    secret = _password(wanted, stored=context.exists() and run(_stored(directory)))
    run(_save(directory, secret))
    return Answer(
        json=lambda: {"directory": directory.as_json(), **warned(directory.warnings()), "advice": directory.advice()},
        notes=[
            "Directory saved. Try it: archivar directory test; see what would change: archivar directory sync --dry-run",
            *_notes(directory),
        ],
    )


async def _save(directory: Directory, secret: Secret | None) -> None:
    async with context.archive(create=True) as archive:
        await saved_directory.save(archive, directory, secret, actor=actor())


def _notes(directory: Directory) -> list[str]:
    return [*directory.advice(), *_warnings(directory)]


def _warnings(directory: Directory) -> list[str]:
    return [f"Warning: {told(warning)}" for warning in directory.warnings()]


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


async def show() -> Answer:
    """Show the settings as a file that can be applied again, and the last synchronisation.

    When an attempt after it failed, that is told too. The password is not shown.
    """
    async with context.archive() as archive:
        directory = await saved_directory.find(archive)
        stored = await saved_directory.has_password(archive, directory)
        last = await saved_directory.last_sync(archive)
        attempt = await last_attempt.last(archive)
    value = {
        "directory": directory.as_json(),
        "password": stored,
        **warned(directory.warnings()),
        "last_sync": {"at": last[0], **last[1].payload()} if last else None,
        "last_attempt": attempt.as_json() if attempt else None,
    }
    return Answer(json=lambda: value, lines=_shown(directory, stored, last[0] if last else "", attempt))


def _shown(directory: Directory, stored: bool, last: str, attempt: Attempt | None) -> Iterator[Part]:
    """The file, and notes; ``last`` is when it was last synchronised, empty for never."""
    for line in as_toml(DIRECTORIES, directory).splitlines():
        yield Verbatim(line)
    yield Note("")
    if not stored:
        yield Note("No password is stored: apply the file again.")
    yield Note(f"Last synchronised: {minute(last)}" if last else "Not synchronised yet: archivar directory sync")
    if attempt is not None and attempt.outcome is not AttemptOutcome.DONE:
        what = "failed" if attempt.outcome is AttemptOutcome.FAILED else "was done but for those who left"
        who = f", asked for by {attempt.asked_by}" if attempt.asked_by else ""
        yield Note(f"The last attempt ({minute(timestamp(attempt.at))}{who}) {what}: {attempt.reason}")
    yield from map(Note, _notes(directory))


async def try_directory() -> Answer:
    """Try the settings, step by step, without changing anything.

    The steps: name lookup, TCP, TLS, certificate, login, search with the number of people found. Exit code 3 when a step
    fails.
    """
    from core.directory.people import connection_test

    async with context.archive() as archive:
        directory = await saved_directory.find(archive)
        secret = await saved_directory.password(archive, directory)
    groups: list[GroupNote] = []
    steps, found = await connection_test(directory, secret, trial.tell, groups.append)
    ok = all(step.ok for step in steps)
    value = {"ok": ok, "steps": [step.as_json() for step in steps], "people": len(found)}
    return Answer(
        json=lambda: value | {"groups": [one.as_json() for one in groups]},
        lines=trial.left_out(steps),
        notes=[*(f"Warning: {one.sentence()}" for one in groups), *_warnings(directory)],
        exit_code=0 if ok else 3,
    )


async def synchronise(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Let more users go at once than users.guard says.")] = False,
) -> Answer:
    """Bring users in step with the directory.

    Exit code 1 when something was in conflict, 3 when the directory gave no whole answer, or too many users would have been
    disabled or removed: then none of them was, and everything else was done.
    """
    from core.engine.examine import directory_sync

    async with context.archive() as archive:
        result = await directory_sync.sync(archive, dry_run=dry_run, agreed=None if force else frozenset(), asked_by=actor())
    return Answer(
        json=result.as_json,
        notes=_synchronised(result),
        exit_code=1 if result.difference.conflicts else 0,
        error=result.refusal,
    )


def _synchronised(result: SyncResult) -> Iterator[Part | str]:
    found = result.difference
    yield Line(result.sentence() + ("" if result.done else " Nothing was changed (dry run)."))
    yield from _named("", [change.sentence() for change in found.changes])
    yield from _named("! ", [conflict.told(COMMAND_LINE) for conflict in found.conflicts])
    changed = {change.after.id for change in found.changes}
    unchanged = [user.name for user in found.left if user.id not in changed]
    if unchanged:
        yield Line(f"No longer in the directory, left as they are: {', '.join(unchanged[:NAMED])}", 2)
    for note in found.notes:
        yield Line(f"  {sentence(note)}", 4)
    for one in result.groups:
        yield f"Warning: {one.sentence()}"
    for warning in result.warnings:
        yield f"Warning: {warning}"


def _named(mark: str, texts: Sequence[str]) -> Iterator[Line]:
    for text in texts[:NAMED]:
        yield Line(f"  {mark}{text}", 4)
    if len(texts) > NAMED:
        yield Line(f"  … and {number(len(texts) - NAMED)} more.")


async def remove() -> Answer:
    """Forget the settings and the password; users stay as they are."""
    async with context.archive() as archive:
        await saved_directory.remove(archive, actor=actor())
        profiles = await saved_profiles.all_profiles(archive)
    still = sum(profile.sync_directory_first for profile in profiles)
    would = f"{counted(still, 'profile')} would still synchronise first: set sync_directory_first = false there."
    return Answer(
        json=lambda: {"removed": True, "profiles": still},
        notes=["Directory removed. Users stay as they are.", *([would] if still else [])],
    )
