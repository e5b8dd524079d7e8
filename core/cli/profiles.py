"""``archivar profile``: the profiles, their mailboxes and archives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from shlex import quote
from typing import Annotated

import typer

from core.archive.registry import saved_profiles, users
from core.cli import profile_advice, profile_files, profile_trial
from core.cli.answer import Answer, Note, Part, Table, Verbatim
from core.cli.context import actor, context
from core.cli.help import Command, Group
from core.cli.words import NO_SERVICE, next_start
from core.model import User, timestamp
from core.problems.table import warned
from core.profiles.profile import Profile
from core.profiles.selection import select
from core.service.lock import is_running
from core.service.scheduler import next_starts
from core.text.format import counted

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]

New = Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]


class Switch(StrEnum):
    """The new state of a schedule."""

    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Profiles: what is archived, from where, into whose archive.", no_args_is_help=True)
    group.command("apply", cls=Command)(profile_files.apply)
    group.command("list", cls=Command)(list_profiles)
    group.command("show", cls=Command)(show)
    group.command("automatic", cls=Command)(automatic)
    group.command("rename", cls=Command)(rename)
    group.command("copy", cls=Command)(copy)
    group.command("remove", cls=Command)(remove)
    group.command("test", cls=Command)(profile_trial.try_profile)
    group.command("folders", cls=Command)(profile_trial.folders)
    app.add_typer(group, name="profile")


async def list_profiles() -> Answer:
    """List all profiles."""
    async with context.archive() as archive:
        found = await saved_profiles.all_profiles(archive)
        people = await users.all_users(archive)
        starts = await next_starts(archive)
        running = is_running(archive.home)
    return Answer(
        json=lambda: {"profiles": [profile.as_json() | {"next_start": _time(starts.get(profile.name))} for profile in found]},
        lines=_listed(found, people, starts, running),
    )


def _listed(
    found: Sequence[Profile], people: Sequence[User], starts: Mapping[str, datetime], running: bool
) -> Iterator[Part | str]:
    if not found:
        yield "No profiles yet. Save one with archivar profile apply FILE.toml."
        return
    rows = [
        (
            profile.name,
            *_whose(profile, people),
            profile.server.access.value,
            profile.server.host,
            profile.starts(),
            next_start(profile, starts, running),
        )
        for profile in found
    ]
    yield Table(("NAME", "USER", "MAILBOX", "ACCESS", "SERVER", "STARTS", "NEXT"), rows)
    if starts and not running:
        yield Note("")
        yield Note(NO_SERVICE)


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _whose(profile: Profile, people: Sequence[User]) -> tuple[str, str]:
    """User and mailbox of a profile, or their number."""
    if profile.target is not None:
        return profile.target.user, profile.login.username
    if profile.catchall is not None:
        return "everybody", profile.login.username
    assert profile.selection is not None
    count = len(select(profile.selection, people).users)
    return profile.selection.mode.value, counted(count, "mailbox", "mailboxes")


async def show(name: Name) -> Answer:
    """Show a profile as a file that can be applied again.

    The password is not shown.
    """
    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        stored = await saved_profiles.has_password(archive, profile)
        start = (await next_starts(archive)).get(profile.name)
    value = {"profile": profile.as_json(), "password": stored, **warned(profile.warnings())}
    return Answer(json=lambda: value | {"advice": profile.advice(), "next_start": _time(start)}, lines=_shown(profile, stored))


def _shown(profile: Profile, stored: bool) -> Iterator[Part]:
    # The description of all keys of settings files: only commands that read or write a file need it.
    from core.profiles.schema.profiles import PROFILES
    from core.profiles.schema.writing import as_toml

    for line in as_toml(PROFILES, profile).splitlines():
        yield Verbatim(line)
    if not profile.login.password_file:
        yield Note("")
        yield Note("The password is kept encrypted." if stored else "No password is stored: apply the profile again.")
    for text in (*profile.advice(), *profile_advice.told(profile.warnings())):
        yield Note(text)


async def automatic(
    name: Name,
    switch: Annotated[Switch, typer.Argument(metavar="on|off", help="Whether its schedule starts it.")],
) -> Answer:
    """Switch the schedule of a profile on or off.

    Switched off, the profile is run by hand alone, and the schedule is kept. Switched on, it counts from now.
    """
    async with context.archive() as archive:
        profile = await saved_profiles.set_automatic(archive, name, switch is Switch.ON, actor=actor())
        start = (await next_starts(archive)).get(profile.name)
    return Answer(
        json=lambda: {"profile": profile.name, "automatic": profile.automatic, "next_start": _time(start)},
        notes=[f"{profile.name} starts: {profile.starts()}.", *profile_advice.without_service(profile)],
    )


async def rename(name: Name, new: New) -> Answer:
    """Rename a profile; its password, runs and next start go with it."""
    from core.profiles.schema.profiles import checked_name

    async with context.archive() as archive:
        before = await saved_profiles.find(archive, name)
        profile = replace(before, name=checked_name(new))
        await saved_profiles.save(archive, profile, actor=actor(), edited=saved_profiles.Edited(before.name))
    return Answer(
        json=lambda: {"renamed": before.name, "profile": profile.name},
        notes=[f"Profile {before.name} is called {profile.name} now."],
    )


async def copy(name: Name, new: New) -> Answer:
    """Copy a profile, with its stored password.

    A schedule is switched off in the copy.
    """
    from core.profiles.schema.profiles import checked_name

    async with context.archive() as archive:
        profile = await saved_profiles.copy(archive, name, checked_name(new), actor=actor())
    notes = [f"Profile {profile.name} saved, a copy of {name}. See it: archivar profile show {quote(profile.name)}"]
    if profile.schedule is not None:
        notes.append(f"Its schedule is off. Switch it on: archivar profile automatic {quote(profile.name)} on")
    return Answer(json=lambda: {"copied": name, "profile": profile.as_json()}, notes=notes)


async def remove(name: Name) -> Answer:
    """Delete a profile; what it archived stays.

    The stored password is deleted with it.
    """
    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        await saved_profiles.remove(archive, profile.name, actor=actor())
    return Answer(json=lambda: {"removed": profile.name}, notes=[f"Profile {profile.name} deleted. What it archived stays."])
