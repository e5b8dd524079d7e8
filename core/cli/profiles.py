"""``archivar profile``: what is archived, from where, into whose archive."""

from __future__ import annotations

import os
import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from core.archive import saved_profiles, users
from core.archive.archive import Archive
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.errors import InputError
from core.format import number
from core.profiles import profile as profile_files
from core.profiles.profile import Profile, ProfileFile
from core.secrets import Secret

if TYPE_CHECKING:
    from core.engine.examine import Step

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Profiles: what is archived, from where, into whose archive.", no_args_is_help=True)
    group.command("apply", cls=Command)(apply)
    group.command("list", cls=Command)(list_profiles)
    group.command("show", cls=Command)(show)
    group.command("remove", cls=Command)(remove)
    group.command("test", cls=Command)(test)
    group.command("folders", cls=Command)(folders)
    app.add_typer(group, name="profile")


def apply(file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The profile file.")]) -> None:
    """Save the profile of a file, new or changed. Asks for the password when the file names no source for it."""

    async def work() -> None:
        async with context.archive() as archive:
            await saved_profiles.save(archive, profile, secret, actor=actor())
        if output.json_wanted:
            output.json({"profile": profile.as_json(), "warnings": profile.warnings()})
        output.note(f"Profile {profile.name} saved. Try it: archivar profile test {quote(profile.name)}")
        for warning in profile.warnings():
            output.note(f"Warning: {warning}")

    wanted = profile_files.read(file)
    profile = wanted.profile
    # Not in the coroutine: while somebody is asked there, Ctrl-C would not be heard.
    secret = _password(wanted, stored=run(_look(profile)))
    run(work())


async def _look(profile: Profile) -> bool:
    """Is a password stored for this very login? Raises ``InputError`` for a profile that could not be saved, before we ask."""
    async with context.archive() as archive:
        await users.find(archive, profile.target.user)
        return await _same_login(archive, profile)


def _password(wanted: ProfileFile, *, stored: bool) -> Secret | None:
    """The password to be stored; None when it comes from a file, or the one that is stored already stays."""
    profile = wanted.profile
    if wanted.password_env:
        text = os.environ.get(wanted.password_env, "")
        if not text:
            raise InputError(
                f"login.password_env: the variable {wanted.password_env} is not set, or empty.",
                "Set it for this command and apply again.",
            )
        return Secret(text)
    if profile.login.password_file:
        # Read now, so that an empty or unreadable file is found here and not at night.
        saved_profiles.read_password(Path(profile.login.password_file))
        return None
    keep = " (Enter keeps the stored one)" if stored else ""
    typed = output.ask_password(f"Password of {profile.login.username} on {profile.server.host}{keep}: ")
    if typed:
        return Secret(typed)
    if stored:
        return None
    raise InputError(
        f"No password for {profile.name} was given.",
        "Name login.password_file or login.password_env in the file, or run this at a terminal and type it.",
    )


async def _same_login(archive: Archive, profile: Profile) -> bool:
    """Is a password stored for this profile, and for this very account and server? Never send it anywhere else."""
    for before in await saved_profiles.all_profiles(archive):
        if before.name.casefold() == profile.name.casefold():
            same = before.source == profile.source and before.server.effective_port == profile.server.effective_port
            stored = not before.login.password_file and await saved_profiles.has_password(archive, before)
            return same and stored
    return False


def list_profiles() -> None:
    """List all profiles."""

    async def work() -> None:
        async with context.archive() as archive:
            found = await saved_profiles.all_profiles(archive)
        if output.json_wanted:
            output.json({"profiles": [profile.as_json() for profile in found]})
            return
        if not found:
            output.line("No profiles yet. Save one with archivar profile apply FILE.toml.")
            return
        rows = [
            (profile.name, profile.target.user, profile.login.username, profile.server.access.value, profile.server.host)
            for profile in found
        ]
        output.table(("NAME", "USER", "MAILBOX", "ACCESS", "SERVER"), rows)

    run(work())


def show(name: Name) -> None:
    """Show a profile as a file that can be applied again.

    The password is not shown.
    """

    async def work() -> None:
        async with context.archive() as archive:
            profile = await saved_profiles.find(archive, name)
            stored = await saved_profiles.has_password(archive, profile)
        if output.json_wanted:
            output.json({"profile": profile.as_json(), "password": stored, "warnings": profile.warnings()})
            return
        for line in profile_files.as_toml(profile).splitlines():
            output.verbatim(line)
        if not profile.login.password_file:
            output.note("")
            output.note("The password is kept encrypted." if stored else "No password is stored: apply the profile again.")
        for warning in profile.warnings():
            output.note(f"Warning: {warning}")

    run(work())


def remove(name: Name) -> None:
    """Delete a profile; what it archived stays.

    The stored password is deleted with it.
    """

    async def work() -> None:
        async with context.archive() as archive:
            profile = await saved_profiles.find(archive, name)
            await saved_profiles.remove(archive, profile.name, actor=actor())
        if output.json_wanted:
            output.json({"removed": profile.name})
        output.note(f"Profile {profile.name} deleted. What it archived stays.")

    run(work())


def test(name: Name) -> None:
    """Try the connection, step by step.

    The steps: name lookup, TCP, TLS, certificate, greeting, login, folder list. Exit code 3 when one fails.
    """
    from core.engine.examine import connection_test

    async def work() -> int:
        async with context.archive() as archive:
            profile = await saved_profiles.find(archive, name)
            secret = await saved_profiles.password(archive, profile)
        steps = await connection_test(profile, secret, lambda step: None if output.json_wanted else _show_step(step))
        ok = all(step.ok for step in steps)
        if output.json_wanted:
            output.json({"profile": profile.name, "ok": ok, "steps": [step.as_json() for step in steps]})
        else:
            for step in steps:
                if step.ok is None:
                    _show_step(step)
        for warning in profile.warnings():
            output.note(f"Warning: {warning}")
        return 0 if ok else 3

    raise typer.Exit(run(work()))


def _show_step(step: Step) -> None:
    from core.engine.examine import STEP_NAMES

    state = "· not reached" if step.ok is None else "✔ ok" if step.ok else "✘ failed"
    # The capabilities that many servers put before their greeting are for programs.
    text = re.sub(r"^\[CAPABILITY [^\]]*\] *", "", step.text)
    output.line(f"{STEP_NAMES[step.name]:<15} {state:<8}  {text}".rstrip(), indent=26)
    if step.hint:
        output.line(f"{'':26}{step.hint}", indent=26)


def folders(name: Name) -> None:
    """List the server's folders, and which are archived."""
    from core.engine.examine import folder_tree

    async def work() -> None:
        async with context.archive() as archive:
            profile = await saved_profiles.find(archive, name)
            secret = await saved_profiles.password(archive, profile)
        found = await folder_tree(profile, secret)
        if output.json_wanted:
            output.json({"profile": profile.name, "folders": [folder.as_json() for folder in found]})
            return
        rows = [
            (
                folder.path,
                "" if folder.messages is None else number(folder.messages),
                f"- {folder.excluded}" if folder.excluded else "✔ archived",
            )
            for folder in found
        ]
        output.table(("FOLDER", "MESSAGES", "ARCHIVED"), rows, right=("MESSAGES",))
        output.note("")
        output.note("To change this, name folders in [folders] include or exclude of the profile.")

    run(work())
