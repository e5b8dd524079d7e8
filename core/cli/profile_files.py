"""``archivar profile apply``: the profile of a file, saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from core.archive.registry import saved_directory, saved_profiles
from core.cli import profile_advice
from core.cli.answer import Answer
from core.cli.context import actor, context, run
from core.cli.output import output
from core.cli.passwords import entered
from core.errors import InputError
from core.model import now
from core.problems import profile as profile_problems
from core.problems.table import warned
from core.profiles.deleting_more import SENTENCES, More, more
from core.profiles.profile import Profile, name_key
from core.secrets import Secret

if TYPE_CHECKING:
    from core.profiles.schema.reading import SettingsFile


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The profile file.")],
    yes: Annotated[bool, typer.Option("--yes", help="Save what deletes more than before without a question.")] = False,
) -> Answer:
    """Save the profile of a file, new or changed. Asks for the password when the file names no source for it.

    At a terminal it asks before it saves a profile that deletes more on the server than before.
    """
    # The description of all keys of settings files: only commands that read or write a file need it.
    from core.profiles.schema.profiles import PROFILES
    from core.profiles.schema.reading import read

    wanted = read(PROFILES, file)
    profile = wanted.settings
    # Not in the coroutine: during a prompt there, Ctrl-C would not be handled.
    stored, wider = run(_look(profile))
    if wider and not yes:
        _ask_to_delete(profile, wider)
    secret = _password(wanted, stored=stored)
    return run(_apply(profile, secret))


async def _apply(profile: Profile, secret: Secret | None) -> Answer:
    async with context.archive() as archive:
        await saved_profiles.save(archive, profile, secret, actor=actor())
        selected = await saved_profiles.check(archive, profile)
        more = await profile_advice.warnings(archive, profile, secret, selected)
        directory = await saved_directory.load(archive) is not None
    advice = [*profile.advice(), *profile_advice.selection(selected), *profile_advice.told(more)]
    if profile.sync_directory_first and not directory:
        advice.append("Warning: no directory is set up yet to synchronise with: archivar directory apply FILE.toml")
    saved = f"Profile {profile.name} saved. Try it: archivar profile test {quote(profile.name)}"
    return Answer(
        json=lambda: {"profile": profile.as_json(), **warned([*profile.warnings(), *more]), "advice": advice},
        notes=[saved, *profile_advice.without_service(profile), *advice, *profile_advice.told(profile.warnings())],
    )


def _ask_to_delete(profile: Profile, wider: Sequence[More]) -> None:
    """Show wider deletions, and ask for confirmation at a terminal. Raises ``InputError`` for a no."""
    for one in wider:
        output.note(f"! {SENTENCES[one]}")
    output.note(f"! {profile.deletion.sentence()}")
    answer = output.ask("Save it? [y/N] ")
    if answer is not None and answer.strip().lower() not in ("y", "yes"):
        raise InputError(profile_problems.NOT_CONFIRMED())


async def _look(profile: Profile) -> tuple[bool, Sequence[More]]:
    """True when a password is stored for this very login; and the wider deletions of the profile.

    Raises ``InputError`` for a profile that could not be saved, before the prompt.
    """
    async with context.archive() as archive:
        await saved_profiles.check(archive, profile)
        known = {name_key(one.name): one for one in await saved_profiles.all_profiles(archive)}
        wider = more(known.get(name_key(profile.name)), profile, now())
        return await saved_profiles.password_fits(archive, profile, profile.name), wider


def _password(wanted: SettingsFile[Profile], *, stored: bool) -> Secret | None:
    """The password to be stored; None when it comes from a file, or the stored one stays."""
    profile = wanted.settings
    return entered(
        wanted.password_env,
        profile.login.password_file,
        f"Password of {profile.account} on {profile.server.host}",
        stored=stored,
        whose=profile.name,
    )
