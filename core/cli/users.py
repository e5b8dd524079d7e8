"""``archivar user``: the users, owners of archived mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.registry import users
from core.cli.answer import Answer, Line, Part, Table
from core.cli.context import actor, context
from core.cli.help import Command, Group
from core.errors import InputError
from core.model import User
from core.problems import disk
from core.problems.command_line import COMMAND_LINE
from core.problems.usage import NOTHING_TO_CHANGE
from core.problems.user import LIST_WITH_FAULTS
from core.profiles.people import CATCHALL
from core.text.format import counted, number, size

if TYPE_CHECKING:
    from core.archive.registry.user_import import ImportPlan
    from core.profiles.users_csv import RowFault, UserList

#: Changes and faults listed one by one.
NAMED = 50

Name = Annotated[str, typer.Argument(metavar="NAME", help="User name, or one of the user's addresses.")]
Emails = Annotated[
    list[str] | None,
    typer.Option("--email", metavar="ADDRESS", help="E-mail address; repeat it for more, the primary one first."),
]
Login = Annotated[str | None, typer.Option("--login", metavar="LOGIN", help="Name on the mail server, if not the address.")]
FullName = Annotated[str | None, typer.Option("--full-name", metavar="NAME", help="The person's name.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="Users: whose mail is archived.", no_args_is_help=True)
    group.command("add", cls=Command)(add)
    group.command("list", cls=Command)(list_users)
    group.command("show", cls=Command)(show)
    group.command("edit", cls=Command)(edit)
    group.command("remove", cls=Command)(remove)
    group.command("import", cls=Command)(import_users)
    app.add_typer(group, name="user")


async def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new user's name.")],
    email: Emails = None,
    login: Login = None,
    full_name: FullName = None,
) -> Answer:
    """Add a user."""
    async with context.archive(create=True) as archive:
        user, again = await users.add(archive, name, email or [], login=login or "", full_name=full_name or "", actor=actor())
    notes = [f"User {user.name} added." + (" The archive kept under this name is theirs again." if again else "")]
    if not user.addresses:
        notes.append(f"No e-mail address yet: archivar user edit {quote(user.name)} --email ADDRESS")
    return Answer(json=lambda: {"user": user.as_json()}, notes=notes)


async def list_users(
    everybody: Annotated[bool, typer.Option("--all", help="Removed users too, whose archive was kept.")] = False,
) -> Answer:
    """List all users."""
    async with context.archive() as archive:
        found = await users.all_users(archive, removed=everybody)
    return Answer(json=lambda: {"users": [user.as_json() for user in found]}, lines=_listed(found))


def _listed(found: Sequence[User]) -> Iterator[Part | str]:
    if not found:
        yield "No users yet. Add one with archivar user add NAME --email ADDRESS."
        return
    rows = [(f"{user.name}{_state(user)}", user.full_name, user.login, ", ".join(user.addresses)) for user in found]
    yield Table(("NAME", "FULL NAME", "LOGIN", "ADDRESSES"), rows)


def _state(user: User) -> str:
    """A user's unusual state, shown after the name."""
    if user.id == CATCHALL:
        return " (mail to unknown addresses)"
    if user.removed:
        return " (removed)"
    return " (disabled)" if user.disabled else ""


async def show(name: Name) -> Answer:
    """Show one user and the size of the archive."""
    # Imported only here, since the libraries for reading messages are slow to load.
    from core.archive.read import reading

    async with context.archive() as archive:
        user = await users.find(archive, name, removed=True)
        folders = await reading.folders(archive, user.id)
    sums = {
        "folders": len(folders),
        "messages": sum(one.messages for one in folders),
        "bytes": sum(one.bytes for one in folders),
    }
    return Answer(json=lambda: {"user": user.as_json(), **sums}, lines=_shown(user, **sums))


def _shown(user: User, folders: int, messages: int, bytes: int) -> Iterator[Part | str]:
    kept = " (mail to unknown addresses)" if user.id == CATCHALL else " (removed; the archive is kept)"
    yield f"Name        {user.name}" + (kept if user.removed else "")
    yield f"Full name   {user.full_name or '-'}"
    yield Line(f"Addresses   {', '.join(user.addresses) or '-'}", 12)
    yield f"Login       {user.login or '-'}"
    if user.directory_id:
        yield Line(f"Directory   {user.directory_id}", 12)
    if user.disabled:
        yield Line("State       disabled: left the directory; profiles for all users pass the mailbox by", 12)
    yield f"Archive     {counted(messages, 'message')}, {size(bytes)}, {counted(folders, 'folder')}"


async def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="A new name; the archive keeps to it.")] = None,
    email: Emails = None,
    login: Login = None,
    full_name: FullName = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Keep the user by hand: what the directory said is forgotten, disabled is undone.")
    ] = False,
) -> Answer:
    """Change a user. With --email all addresses are replaced."""
    if new_name is None and email is None and login is None and full_name is None and not by_hand:
        raise InputError(NOTHING_TO_CHANGE(options="--name, --email, --login, --full-name or --by-hand"))
    async with context.archive() as archive:
        user = await users.find(archive, name)
        changed = replace(
            user.by_hand() if by_hand else user,
            name=user.name if new_name is None else new_name.strip(),
            addresses=user.addresses if email is None else tuple(filter(None, email)),
            login=user.login if login is None else login.strip(),
            full_name=user.full_name if full_name is None else full_name.strip(),
        )
        changed = await users.edit(archive, changed, actor=actor())
    return Answer(json=lambda: {"user": changed.as_json()}, notes=[f"User {changed.name} changed."])


async def remove(name: Name) -> Answer:
    """Remove a user; the archive stays.

    It can be read and exported under the name, and adding the user again gives it back.
    """
    async with context.archive() as archive:
        user = await users.find(archive, name)
        await users.remove(archive, user, actor=actor())
    notes = [f"User {user.name} removed. The archive is kept: archivar folders {quote(user.name)}"]
    if user.directory_id:
        notes.append("While the directory has this user, the next synchronisation brings the user back.")
    return Answer(json=lambda: {"removed": user.as_json()}, notes=notes)


async def import_users(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The list: name, email, email2, alias, login, full_name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> Answer:
    """Add and change many users by a CSV file.

    Its first row names the columns, in English or German; name is required. Columns that it lacks leave what is there, and
    users who are not in it stay as they are. When a row is wrong nothing is changed.
    """
    # Imported only here, since no other command reads lists.
    from core.archive.registry import user_import
    from core.profiles import users_csv

    found = users_csv.read(_content(file, users_csv.MOST_BYTES))
    if found.faults and not context.exists():
        return _refused(found, None)
    async with context.archive(create=not found.faults and not dry_run) as archive:
        planned = await user_import.plan(archive, found.rows)
        if found.faults or planned.conflicts:
            return _refused(found, planned)
        if not dry_run:
            await user_import.carry_out(archive, planned, actor())
    done = not dry_run
    value = {"imported": done, "changes": [change.as_json() for change in planned.changes], "ignored": list(found.ignored)}
    return Answer(json=lambda: _counts(planned) | value, notes=[*_ignored(found), *_imported(planned, done=done)])


def _ignored(found: UserList) -> Iterator[str]:
    for column in found.ignored:
        yield f'The column "{column}" means nothing here and is ignored.'


def _content(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except ValueError as error:
        raise InputError(disk.NO_NAME(path=str(file))) from error
    except OSError as error:
        raise InputError(disk.UNREAD(path=str(file), said=str(error.strerror))) from error


def _refused(found: UserList, planned: ImportPlan | None) -> Answer:
    """Report the faults by line; nothing is imported."""
    faults: list[RowFault] = sorted((*found.faults, *(planned.conflicts if planned else ())), key=lambda fault: fault.line)
    more = [f"… and {number(len(faults) - NAMED)} more."] if len(faults) > NAMED else []
    return Answer(
        json=lambda: _counts(planned) | {"imported": False, "faults": [fault.as_json() for fault in faults]},
        notes=[*_ignored(found), *(f"✘ {fault.told(COMMAND_LINE)}" for fault in faults[:NAMED]), *more],
        error=InputError(LIST_WITH_FAULTS(count=len(faults))),
    )


def _counts(planned: ImportPlan | None) -> dict[str, Any]:
    if planned is None:
        return {}
    counts = {"new": len(planned.new), "back": len(planned.back), "changed": len(planned.changed)}
    return counts | {"unchanged": planned.unchanged}


def _imported(planned: ImportPlan, *, done: bool) -> Iterator[Line]:
    new, changed = counted(len(planned.new), "new user"), number(len(planned.changed))
    yield Line(
        f"{new}, {changed} changed, {number(planned.unchanged)} unchanged"
        + (f", {number(len(planned.back))} back again" if planned.back else "")
        + ("." if done else "; nothing was imported (dry run).")
    )
    for change in planned.changes[:NAMED]:
        yield Line(f"  {change.sentence()}", 4)
    if len(planned.changes) > NAMED:
        yield Line(f"  … and {number(len(planned.changes) - NAMED)} more.")
