"""``archivar user``: the users, owners of archived mail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.registry import users
from core.cli.context import actor, context, run
from core.cli.help import Command, Group
from core.cli.output import output
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
    from core.profiles.users_csv import Fault, UserList

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


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new user's name.")],
    email: Emails = None,
    login: Login = None,
    full_name: FullName = None,
) -> None:
    """Add a user."""

    async def work() -> None:
        async with context.archive(create=True) as archive:
            user, again = await users.add(
                archive, name, email or [], login=login or "", full_name=full_name or "", actor=actor()
            )
        if output.json_wanted:
            output.json({"user": user.as_json()})
        output.note(f"User {user.name} added." + (" The archive kept under this name is theirs again." if again else ""))
        if not user.addresses:
            output.note(f"No e-mail address yet: archivar user edit {quote(user.name)} --email ADDRESS")

    run(work())


def list_users(
    everybody: Annotated[bool, typer.Option("--all", help="Removed users too, whose archive was kept.")] = False,
) -> None:
    """List all users."""

    async def work() -> None:
        async with context.archive() as archive:
            found = await users.all_users(archive, removed=everybody)
        if output.json_wanted:
            output.json({"users": [user.as_json() for user in found]})
            return
        if not found:
            output.line("No users yet. Add one with archivar user add NAME --email ADDRESS.")
            return
        rows = [(f"{user.name}{_state(user)}", user.full_name, user.login, ", ".join(user.addresses)) for user in found]
        output.table(("NAME", "FULL NAME", "LOGIN", "ADDRESSES"), rows)

    run(work())


def _state(user: User) -> str:
    """A user's unusual state, shown after the name."""
    if user.id == CATCHALL:
        return " (mail to unknown addresses)"
    if user.removed:
        return " (removed)"
    return " (disabled)" if user.disabled else ""


def show(name: Name) -> None:
    """Show one user and the size of the archive."""

    async def work() -> None:
        # Imported only here, since the libraries for reading messages are slow to load.
        from core.archive.read import reading

        async with context.archive() as archive:
            user = await users.find(archive, name, removed=True)
            folders = await reading.folders(archive, user.id)
        messages, total = sum(folder.messages for folder in folders), sum(folder.bytes for folder in folders)
        if output.json_wanted:
            output.json({"user": user.as_json(), "folders": len(folders), "messages": messages, "bytes": total})
            return
        kept = " (mail to unknown addresses)" if user.id == CATCHALL else " (removed; the archive is kept)"
        output.line(f"Name        {user.name}" + (kept if user.removed else ""))
        output.line(f"Full name   {user.full_name or '-'}")
        output.line(f"Addresses   {', '.join(user.addresses) or '-'}", indent=12)
        output.line(f"Login       {user.login or '-'}")
        if user.directory_id:
            output.line(f"Directory   {user.directory_id}", indent=12)
        if user.disabled:
            output.line("State       disabled: left the directory; profiles for all users pass the mailbox by", indent=12)
        output.line(f"Archive     {counted(messages, 'message')}, {size(total)}, {counted(len(folders), 'folder')}")

    run(work())


def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="A new name; the archive keeps to it.")] = None,
    email: Emails = None,
    login: Login = None,
    full_name: FullName = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Keep the user by hand: what the directory said is forgotten, disabled is undone.")
    ] = False,
) -> None:
    """Change a user. With --email all addresses are replaced."""

    async def work() -> None:
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
        if output.json_wanted:
            output.json({"user": changed.as_json()})
        output.note(f"User {changed.name} changed.")

    run(work())


def remove(name: Name) -> None:
    """Remove a user; the archive stays.

    It can be read and exported under the name, and adding the user again gives it back.
    """

    async def work() -> None:
        async with context.archive() as archive:
            user = await users.find(archive, name)
            await users.remove(archive, user, actor=actor())
        if output.json_wanted:
            output.json({"removed": user.as_json()})
        output.note(f"User {user.name} removed. The archive is kept: archivar folders {quote(user.name)}")
        if user.directory_id:
            output.note("While the directory has this user, the next synchronisation brings the user back.")

    run(work())


def import_users(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The list: name, email, email2, alias, login, full_name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Add and change many users by a CSV file.

    Its first row names the columns, in English or German; name is required. Columns that it lacks leave what is there, and
    users who are not in it stay as they are. When a row is wrong nothing is changed.
    """

    async def work() -> None:
        # Imported only here, since no other command reads lists.
        from core.archive.registry import user_import
        from core.profiles import users_csv

        found = users_csv.read(_content(file, users_csv.MOST_BYTES))
        for column in found.ignored:
            output.note(f'The column "{column}" means nothing here and is ignored.')
        if found.faults and not context.exists():
            _refuse(found, None)
        async with context.archive(create=not found.faults and not dry_run) as archive:
            planned = await user_import.plan(archive, found.rows)
            if found.faults or planned.conflicts:
                _refuse(found, planned)
            if not dry_run:
                await user_import.carry_out(archive, planned, actor())
        _show_import(found, planned, done=not dry_run)

    run(work())


def _content(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except ValueError as error:
        raise InputError(disk.NO_NAME(path=str(file))) from error
    except OSError as error:
        raise InputError(disk.UNREAD(path=str(file), said=str(error.strerror))) from error


def _refuse(found: UserList, planned: ImportPlan | None) -> None:
    """Report the faults by line. Raises ``InputError``."""
    faults: list[Fault] = sorted((*found.faults, *(planned.conflicts if planned else ())), key=lambda fault: fault.line)
    if output.json_wanted:
        output.json(_counts(planned) | {"imported": False, "faults": [fault.as_json() for fault in faults]})
    for fault in faults[:NAMED]:
        output.note(f"✘ {fault.told(COMMAND_LINE)}")
    if len(faults) > NAMED:
        output.note(f"… and {number(len(faults) - NAMED)} more.")
    raise InputError(LIST_WITH_FAULTS(count=len(faults)))


def _counts(planned: ImportPlan | None) -> dict[str, Any]:
    if planned is None:
        return {}
    counts = {"new": len(planned.new), "back": len(planned.back), "changed": len(planned.changed)}
    return counts | {"unchanged": planned.unchanged}


def _show_import(found: UserList, planned: ImportPlan, *, done: bool) -> None:
    if output.json_wanted:
        changes = [change.as_json() for change in planned.changes]
        output.json(_counts(planned) | {"imported": done, "changes": changes, "ignored": list(found.ignored)})
    new, changed = counted(len(planned.new), "new user"), number(len(planned.changed))
    output.line(
        f"{new}, {changed} changed, {number(planned.unchanged)} unchanged"
        + (f", {number(len(planned.back))} back again" if planned.back else "")
        + ("." if done else "; nothing was imported (dry run).")
    )
    for change in planned.changes[:NAMED]:
        output.line(f"  {change.sentence()}", indent=4)
    if len(planned.changes) > NAMED:
        output.line(f"  … and {number(len(planned.changes) - NAMED)} more.")
