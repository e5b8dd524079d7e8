"""``archivar seal``: the places outside the archive that get its seals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.answer import Answer, Note, Part, Table
from core.cli.context import actor, context
from core.cli.help import Command, Group
from core.cli.output import output
from core.errors import InputError
from core.model import now
from core.problems import seal as seal_problems
from core.problems import usage
from core.problems.command_line import sentence
from core.profiles.seal_place import TARGETS, MailAccess, PlaceKind, SealPlace
from core.secrets import Secret
from core.text.format import when

if TYPE_CHECKING:
    from core.archive.proof.seal_places import PlaceState

NAME = Annotated[str, typer.Argument(metavar="NAME", help="The place's name, as archivar seal list shows it.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        cls=Group, help="The archive's seal, and the places outside that it is sent to by itself.", no_args_is_help=True
    )
    group.command("list", cls=Command)(list_places)
    group.command("add", cls=Command)(add)
    group.command("remove", cls=Command)(remove)
    group.command("now", cls=Command)(seal_now)
    group.command("check", cls=Command)(check)
    app.add_typer(group, name="seal")


async def list_places() -> Answer:
    """Show the places, and the last seal that arrived at each; exit code 1 if the last one did not."""
    from core.archive.catalog import settings
    from core.archive.proof import seal_places

    async with context.archive() as archive:
        found = await seal_places.standings(archive)
        often = (await settings.read(archive.database)).seal
    return Answer(
        json=lambda: {"when": often, "places": [one.as_json() for one in found]},
        lines=_listed(found, often),
        notes=_failures(found),
        exit_code=1 if any(one.failure for one in found) else 0,
    )


def _listed(found: list[PlaceState], often: str) -> Iterator[Part | str]:
    if found:
        yield _table(found)
        yield Note(f"When: {often} (archivar settings set seal VALUE).")
    else:
        yield "Seals are sent nowhere. archivar seal add --help tells where they can go."


def _table(found: list[PlaceState]) -> Table:
    rows = []
    for one in found:
        state = "✘ damaged" if one.broken else "! failed" if one.failure else "✔ sent" if one.sent else "○ not yet"
        sent = when(one.sent, now()) if one.sent else ""
        rows.append((one.place.name, one.place.kind.value, state, str(one.seal.seq) if one.seal else "", sent, one.place.where))
    return Table(("NAME", "KIND", "STATE", "ENTRY", "SENT", "WHERE"), rows, right=("ENTRY",))


def _failures(found: list[PlaceState]) -> list[str]:
    notes = [f"! {one.place.name}: {one.failure}" for one in found if one.failure]
    if any(one.broken for one in found):
        notes.append("archivar seal check tells more; archivar seal now --accept goes on from the present state.")
    elif notes:
        notes.append("archivar seal now sends again; with --accept also to a place that lost what was sent to it.")
    return notes


async def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="journal, file, mail or stamp (a time-stamp authority).")],
    target: Annotated[
        str, typer.Argument(metavar="WHERE", help="Of file its full path, of mail the address, of stamp the URL.")
    ] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is called; without it, like its kind.")] = "",
    host: Annotated[str, typer.Option("--host", metavar="H", help="mail: the mail server.")] = "",
    port: Annotated[int, typer.Option("--port", metavar="N", help="mail: its port, if not the usual one.")] = 0,
    access: Annotated[
        str, typer.Option("--access", metavar="A", help="mail: smtp-tls (STARTTLS, the default), smtp-ssl, smtp.")
    ] = "smtp-tls",
    username: Annotated[
        str, typer.Option("--username", metavar="U", help="mail: the login; its password is asked for and kept encrypted.")
    ] = "",
    password_file: Annotated[
        str, typer.Option("--password-file", metavar="FILE", help="mail: the file that holds the password.")
    ] = "",
    password_env: Annotated[
        str, typer.Option("--password-env", metavar="VARIABLE", help="mail: the variable that holds the password now.")
    ] = "",
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="mail: the sender.")] = "",
    ca_file: Annotated[
        str, typer.Option("--ca-file", metavar="PEM", help="stamp: the authority's root; mail: the server's own authority.")
    ] = "",
) -> Answer:
    """Set up a place that seals are sent to, or change the one of that name.

    Every night, and after each run with archivar settings set seal runs, the seal goes to all places. What they hold proves
    later, with archivar ledger check, that nothing was changed by an account with write access to this machine.
    """
    from core.archive.proof import seal_places

    place = SealPlace(
        name or kind,
        _kind(kind),
        target,
        host,
        port,
        _access(access),
        username,
        password_file,
        sender,
        ca_file,
    )
    async with context.archive() as archive:
        before = {one.place.name: one.place.where for one in await seal_places.standings(archive)}
        saved = await seal_places.save(archive, place, _password(place, password_env), actor=actor())
    was = before.get(saved.name, saved.where)
    instead = f", no longer to {was}" if was != saved.where else ""
    told = f"Seals go to {saved.name} ({saved.where}) from now on{instead}. Send one now: archivar seal now"
    return Answer(json=saved.as_json, notes=[told])


def _kind(text: str) -> PlaceKind:
    try:
        return PlaceKind(text)
    except ValueError:
        allowed = "; ".join(f"{one} (WHERE is {TARGETS[one]})" for one in PlaceKind)
        raise InputError(usage.NOT_ALLOWED(option="KIND", given=text[:40], allowed=allowed)) from None


def _access(text: str) -> MailAccess:
    try:
        return MailAccess(text)
    except ValueError:
        raise InputError(usage.NOT_ALLOWED(option="--access", given=text[:40], allowed=", ".join(MailAccess))) from None


def _password(place: SealPlace, variable: str) -> Secret | None:
    """The password to be kept; None when there is none, or the kept one stays."""
    if variable:
        if text := os.environ.get(variable, ""):
            return Secret(text)
        raise InputError(usage.VARIABLE_UNSET(option="--password-env", variable=variable))
    if not place.needs_password:
        return None
    typed = output.ask_password(f"Password of {place.username} at {place.host} (Enter keeps a stored one): ")
    return Secret(typed) if typed else None


async def remove(name: NAME) -> Answer:
    """Send no more seals to a place. What it holds stays there."""
    from core.archive.proof import seal_places

    async with context.archive() as archive:
        removed = await seal_places.remove(archive, name, actor=actor())
    return Answer(json=removed.as_json, notes=[f"No seals go to {removed.name} any more."])


async def seal_now(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only these places.")] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Although the archive has not what was sealed before, as after a restored backup.")
    ] = False,
) -> Answer:
    """Send the present seal to all places now; exit code 1 if it did not arrive everywhere.

    An archive that no longer contains what was sealed before (exit code 4) gets no new seal, unless --accept says so.
    """
    from core.archive.proof import seal_places
    from core.engine.seals import sealing

    async with context.archive() as archive:
        found = await seal_places.standings(archive)
        if names:
            found = [await seal_places.find(archive, name) for name in names]
        if not found:
            raise InputError(seal_problems.NO_PLACE())
        done = await sealing.send(archive, found, accept=accept)
    return Answer(
        json=lambda: {"places": [one.as_json() for one in done]},
        lines=[_table(done)],
        notes=_failures(done),
        exit_code=4 if any(one.broken for one in done) else 1 if any(one.failure for one in done) else 0,
    )


async def check(deep: Annotated[bool, typer.Option("--deep", help="Read and hash every message, too.")] = False) -> Answer:
    """Prove that the archive contains everything up to every seal that can be had here.

    Those are the time stamps in the home, the seals in the files that are places, and the last one that is known to have been
    sent to each place. What a journal or a mailbox holds: archivar ledger check. Exit code 4 if the archive was changed, 1 if a
    file has not what was sent to it, or a time stamp is gone.
    """
    from core.archive.proof import seal, seal_check, seal_places, token_files
    from core.cli import evidence
    from core.engine.seals import seal_delivery

    home = context.find()
    async with context.archive(follow=False) as archive:
        found = await seal_places.standings(archive)
    tokens = token_files.tokens(home)
    stamps = await evidence.stamps(home, tokens, None) if tokens else []
    identity = await seal_check.archive_id(home)
    seals = {one.seal: None for one in found if one.seal is not None}
    gone = False
    for one in found:
        if one.place.kind is PlaceKind.FILE and one.seal is not None:
            try:
                seals |= dict.fromkeys(seal.find(seal.text(one.place.target), identity))
            except InputError as error:
                output.note(f"! {one.place.name}: {error.message}")
        if (lost := seal_delivery.gone(one, identity, home)) is not None:
            gone = True
            output.note(f"! {one.place.name}: {sentence(lost)}")
    if not seals and not stamps:
        raise InputError(seal_problems.NEVER_SENT())
    answer = await evidence.check(home, seals, stamps, deep=deep)
    return replace(answer, exit_code=answer.exit_code or (1 if gone else 0))
