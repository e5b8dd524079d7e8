"""``archivar profile test`` and ``folders``: what the server says to a profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.cli import profile_advice, trial
from core.cli.answer import Answer, Note, Part, Table
from core.cli.context import context
from core.errors import ConnectError, InputError, ProtocolError
from core.problems import command_line
from core.problems import profile as profile_problems
from core.problems.code import Reason
from core.problems.command_line import COMMAND_LINE
from core.problems.deletion import NOT_PROBED
from core.problems.restore import NOT_AMONG_USERS
from core.profiles.mailboxes import Mailbox
from core.profiles.ownership import Whose
from core.profiles.profile import Kind, Profile
from core.profiles.selection import SelectedUsers, select
from core.secrets import Secret
from core.text.format import number

if TYPE_CHECKING:
    from core.engine.examine.examine import ServerFolder
    from core.engine.examine.probe import ProbeResult

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]

Of = Annotated[str | None, typer.Option("--user", metavar="USER", help="Whose mailbox, in a profile for many.")]


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
        more = await profile_advice.warnings(archive, profile, secret, selected)
        steps = await examine.connection_test(profile, mailbox, secret, trial.tell, renamed=RenamedLogins(archive))
    ok = all(step.ok for step in steps)
    deletion: dict[str, Any] = {"error": ""}
    said: list[str] = []
    if ok and probe_deletion:
        verdict, refusal = await _probe(profile, mailbox, secret)
        deletion = verdict.as_json() if verdict else {"error": ""}
        said = verdict.sentences(COMMAND_LINE) if verdict else []
        if refusal is not None:
            ok, said = False, [command_line.told(refusal)]
            deletion = {"error": said[0], **refusal.as_json()}
    value = {"profile": profile.name, "mailbox": mailbox.top, "ok": ok, "steps": [step.as_json() for step in steps]}
    advice = [*profile.advice(), *profile_advice.selection(selected), *profile_advice.told(more)]
    return Answer(
        json=lambda: value | ({"deletion": deletion} if probe_deletion else {}),
        lines=trial.left_out(steps),
        notes=[*said, *advice, *profile_advice.told(profile.warnings())],
        exit_code=0 if ok else 3,
    )


async def _probe(profile: Profile, mailbox: Mailbox, secret: Secret) -> tuple[ProbeResult | None, Reason | None]:
    from core.engine.examine.probe import probe

    try:
        return await probe(profile, mailbox, secret), None
    except (ConnectError, ProtocolError) as error:
        return None, NOT_PROBED(why=error.reason)


async def _selected(archive: Archive, profile: Profile) -> SelectedUsers | None:
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


def _of_whom(whose: Whose) -> str:
    return f", {whose.reason}" if whose.foreign else f" (may be somebody else's: {whose.doubt})" if whose.doubt else ""
