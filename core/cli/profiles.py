"""``archivar profile``: the profiles, their mailboxes and archives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.archive import Archive
from core.archive.registry import saved_directory, saved_profiles, shared_logins, users
from core.cli import trial
from core.cli.answer import Answer, Note, Part, Table, Verbatim
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.output import output
from core.cli.passwords import entered
from core.cli.words import NO_SERVICE, next_start
from core.errors import ConnectError, InputError, ProtocolError
from core.model import User, now, timestamp
from core.problems import profile as profile_problems
from core.problems.restore import NOT_AMONG_USERS
from core.profiles.deleting_more import SENTENCES, More, more
from core.profiles.mailboxes import Mailbox
from core.profiles.ownership import Whose
from core.profiles.profile import Kind, Profile, name_key
from core.profiles.schema.profiles import PROFILES, checked_name
from core.profiles.schema.reading import SettingsFile, read
from core.profiles.schema.writing import as_toml
from core.profiles.selection import Selected, select
from core.secrets import Secret
from core.service.lock import is_running
from core.service.scheduler import next_starts
from core.text.format import counted, number

if TYPE_CHECKING:
    from core.engine.examine.examine import ServerFolder
    from core.engine.examine.probe import Verdict

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]

New = Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]

Of = Annotated[str | None, typer.Option("--user", metavar="USER", help="Whose mailbox, in a profile for many.")]


class Switch(StrEnum):
    """The new state of a schedule."""

    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Profiles: what is archived, from where, into whose archive.", no_args_is_help=True)
    group.command("apply", cls=Command)(apply)
    group.command("list", cls=Command)(list_profiles)
    group.command("show", cls=Command)(show)
    group.command("automatic", cls=Command)(automatic)
    group.command("rename", cls=Command)(rename)
    group.command("copy", cls=Command)(copy)
    group.command("remove", cls=Command)(remove)
    group.command("test", cls=Command)(try_profile)
    group.command("folders", cls=Command)(folders)
    app.add_typer(group, name="profile")


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The profile file.")],
    yes: Annotated[bool, typer.Option("--yes", help="Save what deletes more than before without a question.")] = False,
) -> Answer:
    """Save the profile of a file, new or changed. Asks for the password when the file names no source for it.

    At a terminal it asks before it saves a profile that deletes more on the server than before.
    """
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
        alike = await _alike(archive, profile)
        directory = await saved_directory.load(archive) is not None
    advice = [*profile.advice(), *_doubts(profile, secret), *_about(profile, selected), *alike]
    if profile.sync_directory_first and not directory:
        advice.append("Warning: no directory is set up yet to synchronise with: archivar directory apply FILE.toml")
    saved = f"Profile {profile.name} saved. Try it: archivar profile test {quote(profile.name)}"
    return Answer(
        json=lambda: {"profile": profile.as_json(), "warnings": profile.warnings(), "advice": advice},
        notes=[saved, *_without_service(profile), *advice, *_warnings(profile)],
    )


def _warnings(profile: Profile) -> list[str]:
    return [f"Warning: {warning}" for warning in profile.warnings()]


def _doubts(profile: Profile, secret: Secret | None) -> list[str]:
    if profile.login.password_file:
        secret = saved_profiles.read_password(Path(profile.login.password_file))
    return [f"Warning: {text}" for text in profile.login.doubts(secret)] if secret else []


async def _alike(archive: Archive, profile: Profile) -> list[str]:
    return [f"Warning: {text}" for text in await saved_profiles.case_doubts(archive, profile)]


def _about(profile: Profile, selected: Selected | None) -> list[str]:
    """The result of a profile's selection, in sentences."""
    if selected is None:
        return []
    found = [f"It archives {selected.sentence()}."]
    if selected.without_address:
        found.append(f"Without an e-mail address: {', '.join(user.name for user in selected.without_address)}")
    return found + [f"Warning: {text}" for text in shared_logins.warnings(profile, selected.users)]


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
    value = {"profile": profile.as_json(), "password": stored, "warnings": profile.warnings()}
    return Answer(json=lambda: value | {"advice": profile.advice(), "next_start": _time(start)}, lines=_shown(profile, stored))


def _shown(profile: Profile, stored: bool) -> Iterator[Part]:
    for line in as_toml(PROFILES, profile).splitlines():
        yield Verbatim(line)
    if not profile.login.password_file:
        yield Note("")
        yield Note("The password is kept encrypted." if stored else "No password is stored: apply the profile again.")
    for text in (*profile.advice(), *_warnings(profile)):
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
        notes=[f"{profile.name} starts: {profile.starts()}.", *_without_service(profile)],
    )


def _without_service(profile: Profile) -> list[str]:
    """Note that a schedule needs a running service."""
    return [NO_SERVICE] if profile.automatic and not is_running(context.find()) else []


async def rename(name: Name, new: New) -> Answer:
    """Rename a profile; its password, runs and next start go with it."""
    async with context.archive() as archive:
        before = await saved_profiles.find(archive, name)
        profile = replace(before, name=checked_name(new))
        await saved_profiles.save(archive, profile, actor=actor(), renames=before.name)
    return Answer(
        json=lambda: {"renamed": before.name, "profile": profile.name},
        notes=[f"Profile {before.name} is called {profile.name} now."],
    )


async def copy(name: Name, new: New) -> Answer:
    """Copy a profile, with its stored password.

    A schedule is switched off in the copy.
    """
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


async def try_profile(
    name: Name,
    user: Of = None,
    probe_deletion: Annotated[
        bool, typer.Option("--probe-deletion", help="Try out what the server does with deleted mail, in a folder of its own.")
    ] = False,
) -> Answer:
    """Try the connection, step by step.

    The steps: name lookup, TCP, TLS, certificate, greeting, login, folder list. A profile for many mailboxes is tried with
    one of them. Exit code 3 when a step fails.
    """
    from core.engine.examine import examine
    from core.engine.visit.renamed_logins import RenamedLogins

    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        secret = await saved_profiles.password(archive, profile)
        mailbox = await _one_mailbox(archive, profile, user)
        selected = await _selected(archive, profile)
        alike = await _alike(archive, profile)
        steps = await examine.connection_test(profile, mailbox, secret, trial.tell, renamed=RenamedLogins(archive))
    ok = all(step.ok for step in steps)
    deletion: dict[str, Any] = {"error": ""}
    said: list[str] = []
    if ok and probe_deletion:
        verdict, refusal = await _probe(profile, mailbox, secret)
        deletion, said = (verdict.as_json(), verdict.sentences()) if verdict else ({"error": refusal}, [refusal])
        ok = not refusal
    value = {"profile": profile.name, "mailbox": mailbox.top, "ok": ok, "steps": [step.as_json() for step in steps]}
    advice = [*profile.advice(), *_doubts(profile, secret), *_about(profile, selected), *alike]
    return Answer(
        json=lambda: value | ({"deletion": deletion} if probe_deletion else {}),
        lines=trial.left_out(steps),
        notes=[*said, *advice, *_warnings(profile)],
        exit_code=0 if ok else 3,
    )


async def _probe(profile: Profile, mailbox: Mailbox, secret: Secret) -> tuple[Verdict | None, str]:
    from core.engine.examine.probe import probe

    try:
        return await probe(profile, mailbox, secret), ""
    except (ConnectError, ProtocolError) as error:
        return None, f"What the server does with deleted mail could not be tried out: {error}"


async def _selected(archive: Archive, profile: Profile) -> Selected | None:
    return select(profile.selection, await users.all_users(archive)) if profile.selection else None


async def _one_mailbox(archive: Archive, profile: Profile, user: str | None) -> Mailbox:
    """The mailbox for a test: that of ``user``, else the first one. Raises ``InputError``."""
    from core.engine.visit.roster import roster

    found = (await roster(archive, profile)).mailboxes
    if user is not None:
        wanted = await users.find(archive, user)
        found = tuple(mailbox for mailbox in found if mailbox.user.id == wanted.id)
        if not found:
            raise InputError(NOT_AMONG_USERS(user=wanted.name, profile=profile.name))
    if not found:
        raise InputError(profile_problems.NO_MAILBOX(profile=profile.name))
    return found[0]


def _of_whom(whose: Whose) -> str:
    return f", {whose.reason}" if whose.foreign else f" (may be somebody else's: {whose.doubt})" if whose.doubt else ""


async def folders(name: Name, user: Of = None) -> Answer:
    """List the server's folders, and which are archived.

    Of a profile for many mailboxes those of one of them.
    """
    from core.engine.examine.examine import folder_tree

    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        secret = await saved_profiles.password(archive, profile)
        mailbox = await _one_mailbox(archive, profile, user)
        people = await users.all_users(archive)
    found = await folder_tree(profile, mailbox, secret, people)
    return Answer(
        json=lambda: {
            "profile": profile.name,
            "mailbox": mailbox.top,
            "folders": [folder.as_json() for folder in found],
        },
        lines=_tree(profile, mailbox, found),
    )


def _tree(profile: Profile, mailbox: Mailbox, found: Sequence[ServerFolder]) -> Iterator[Part]:
    rows = [
        (
            folder.path,
            "" if folder.messages is None else number(folder.messages),
            f"- {folder.excluded}" if folder.excluded else f"✔ archived{_of_whom(folder.whose)}",
        )
        for folder in found
    ]
    yield Table(("FOLDER", "MESSAGES", "ARCHIVED"), rows, right=("MESSAGES",))
    yield Note("")
    if profile.kind is Kind.MAILBOXES:
        yield Note(f"These are the folders of {mailbox.top}; --user shows another mailbox.")
    yield Note("To change this, name folders in [folders] include or exclude of the profile.")
