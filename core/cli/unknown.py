"""``archivar unknown`` and ``archivar refile``: addresses that no user has, and the mail that waits for their owners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Annotated

import typer

from core.archive.registry import refiling, saved_profiles, unknown, users
from core.archive.registry.refiling import RefileResult
from core.archive.registry.unknown import AddressState, ListedAddress
from core.cli.answer import Answer, Line, Note, Part, Table
from core.cli.context import actor, context
from core.cli.help import Command, Group
from core.cli.moments import minute
from core.errors import InputError
from core.model import User
from core.problems.profile import NO_CATCH_ALL
from core.profiles.mailboxes import of_everybody
from core.text.format import counted, number

#: Users listed one by one.
NAMED = 50

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="One of the addresses that archivar unknown list shows.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        cls=Group, help="Addresses in our domains that no user has, seen in catch-all mailboxes.", no_args_is_help=True
    )
    group.command("list", cls=Command)(list_addresses)
    group.command("alias", cls=Command)(alias)
    group.command("user", cls=Command)(new_user)
    group.command("ignore", cls=Command)(ignore)
    app.add_typer(group, name="unknown")
    app.command("refile", cls=Command)(refile)


async def list_addresses(
    everything: Annotated[bool, typer.Option("--all", help="Also those that have a user by now, or are not ours.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 1000,
) -> Answer:
    """List addresses in our domains that no user has, those with the most mail first."""
    states = unknown.ALL if everything else (AddressState.OPEN, AddressState.WAITING)
    async with context.archive() as archive:
        found = await unknown.page(archive, states=states, limit=limit)
        total = await unknown.count(archive, states=states)
        ignored = await unknown.ignored(archive)
    value = {"total": total, "not_ours": ignored}
    lines = _listed(found, total, ignored if everything else ())
    return Answer(json=lambda: {"addresses": [one.as_json() for one in found], **value}, lines=lines)


def _listed(found: Sequence[ListedAddress], total: int, ignored: Sequence[str]) -> Iterator[Part | str]:
    """The addresses, and notes; ``total`` is how many there are, ``ignored`` which are not ours."""
    if not found:
        yield "No unknown addresses."
    else:
        rows = [
            (
                number(one.open),
                number(one.messages),
                minute(one.first_seen),
                minute(one.last_seen),
                f"{one.state.value}{f': {one.user}' if one.user else ''}",
                one.address,
            )
            for one in found
        ]
        yield Table(("WAIT", "MESSAGES", "FIRST SEEN", "LAST SEEN", "STATE", "ADDRESS"), rows, right=("WAIT", "MESSAGES"))
    if total > len(found):
        yield Note(f"{number(total - len(found))} more; --limit shows them.")
    if ignored:
        yield Note(f"Not ours: {', '.join(ignored)}")
    if any(one.state is AddressState.OPEN for one in found):
        yield Note("archivar unknown alias ADDRESS USER | user ADDRESS NAME | ignore ADDRESS or DOMAIN")
    if any(one.state is AddressState.WAITING for one in found):
        yield Note("archivar refile files what is to be filed.")


async def alias(
    address: Address,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user who is to have it: name or address.")],
) -> Answer:
    """Give an address to a user, who has others."""
    async with context.archive() as archive:
        changed = await unknown.make_alias(archive, address, user, actor=actor())
    return _told(changed, address)


async def new_user(
    address: Address,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new user's name.")],
    full_name: Annotated[str, typer.Option("--full-name", metavar="NAME", help="The person's name.")] = "",
) -> Answer:
    """Add a user with an address."""
    async with context.archive() as archive:
        added = await unknown.make_user(archive, address, name, full_name=full_name, actor=actor())
    return _told(added, address)


def _told(user: User, address: str) -> Answer:
    return Answer(
        json=lambda: {"user": user.as_json()},
        notes=[f"{address} belongs to {user.name} now. File the mail that came before: archivar refile"],
    )


async def ignore(
    address: Annotated[str, typer.Argument(metavar="ADDRESS|DOMAIN", help="An address, or a whole domain.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
) -> Answer:
    """Mark an address or a domain as not ours: no user waits for its mail.

    What came with it stays where it is.
    """
    async with context.archive() as archive:
        pattern = await unknown.set_ours(archive, address, undo, actor=actor())
        there = await unknown.users_in(archive, pattern[1:]) if pattern.startswith("@") and not undo else 0
    notes = [f"{pattern} is ours again." if undo else f"{pattern} is not ours. Take it back with --undo."]
    if there:
        what = counted(there, "user")
        notes.append(f"With addresses there: {what}. Mail to anybody else there waits for nobody now, and may be deleted.")
    return Answer(json=lambda: {"address": pattern, "ours": undo}, notes=notes)


async def refile(
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="Only mail that came by this profile.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be filed.")] = False,
) -> Answer:
    """File mail that is archived already to users who were not known when it came.

    The server is not needed. Broken off, it goes on where it was; what is filed once is not filed again.
    """
    async with context.archive() as archive:
        source = ""
        if profile:
            wanted = await saved_profiles.find(archive, profile)
            if wanted.catchall is None:
                raise InputError(NO_CATCH_ALL(profile=wanted.name))
            source = of_everybody(wanted, users.NOBODY).source(wanted.server)
        done = await refiling.refile(archive, source=source, dry_run=dry_run, actor=actor())
        open_, _ = await unknown.open_since(archive)
    return Answer(
        json=lambda: done.as_json() | {"dry_run": dry_run, "open_addresses": open_}, lines=_filed(done, open_, dry_run)
    )


def _filed(done: RefileResult, still_open: int, dry_run: bool) -> Iterator[Part | str]:
    if not done.messages:
        yield "Nothing is to be filed."
    else:
        what = counted(done.messages, "message")
        yield f"{what} would be filed (dry run)." if dry_run else f"{what} filed."
    for name, count in done.users.most_common(NAMED):
        yield Line(f"  {quote(name)}: {counted(count, 'message')}", 4)
    if len(done.users) > NAMED:
        yield f"  … and {counted(len(done.users) - NAMED, 'more user', 'more users')}."
    if still_open:
        yield Note(f"{counted(still_open, 'address', 'addresses')} still unknown: archivar unknown list")
