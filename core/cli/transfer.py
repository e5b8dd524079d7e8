"""``archivar export`` and ``import``: mail as files, out of the archive and into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.archive import export as exporting
from core.archive import mail_files, reading, users
from core.archive.archive import Archive
from core.archive.export import Exported, Format
from core.archive.selection import Selection, found_by
from core.cli.context import actor, context, run
from core.cli.help import Command
from core.cli.output import output
from core.cli.progress import Progress
from core.errors import InputError
from core.format import counted, number, size

#: Problems that are named one by one.
NAMED = 50


QUERY = typer.Option("--query", metavar="QUERY", help="Only what archivar search finds by this.")


def register(app: typer.Typer) -> None:
    app.command("export", cls=Command)(export)
    app.command("import", cls=Command)(import_)


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")],
    form: Annotated[Format, typer.Option("--format", metavar="FORMAT", help="eml, mbox or maildir.")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Whose archive; else everybody's.")] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Only this folder of the archive, and below.")] = "",
    ids: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this message; may be repeated.")] = None,
    query: Annotated[str, QUERY] = "",
) -> None:
    """Write messages to files, byte for byte, with a manifest and SHA256SUMS.

    Files that are there already are not written over; the same export again carries on.
    """

    async def work() -> int:
        async with context.archive() as archive:
            selection = await selected(archive, user, folder, ids or [], query)
            progress = Progress()
            try:
                done = await exporting.export(
                    archive,
                    selection,
                    directory,
                    form,
                    actor=actor(),
                    tick=lambda done: progress.messages(done.done, done.total, done.bytes, done.folder),
                )
            finally:
                progress.end()
        _show(done, directory, form)
        return 4 if done.damaged else 0

    raise typer.Exit(run(work()))


def _show(done: Exported, directory: Path, form: Format) -> None:
    if output.json_wanted:
        names = ("messages", "bytes", "already", "damaged")
        value = {"directory": str(directory), "format": form.value} | {name: getattr(done, name) for name in names}
        output.json(value)
    already = f"; {number(done.already)} there already" if done.already else ""
    output.note(f"{counted(done.messages, 'message')}, {size(done.bytes)} written to {directory}{already}.")
    for name in done.damaged:
        output.note(f"Damaged: {name}")


def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder with all that is below it.")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Into whose archive.")],
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Into this folder of the archive, and below.")] = "",
    form: Annotated[
        mail_files.Format,
        typer.Option("--format", metavar="FORMAT", help="eml, mbox (mboxrd), mboxo or maildir; found out if not given."),
    ] = mail_files.Format.AUTO,
    of: Annotated[str, typer.Option("--of", metavar="NAME", help="Whose archive, when an export holds those of several.")] = "",
) -> None:
    """Put mail from files into a user's archive, byte for byte.

    What an export wrote goes back to its folders, with flags and dates; other mail goes to the folder Imported, unless --folder
    is given. What is there already is not put there again, so it can be repeated, and carries on when it was stopped.
    """
    from core.archive import importing

    async def work() -> int:
        async with context.archive() as archive:
            owner = await users.find(archive, user)
            progress = Progress()
            try:
                done = await importing.import_mail(
                    archive,
                    owner,
                    path,
                    folder=folder,
                    form=form,
                    of=of,
                    actor=actor(),
                    tick=lambda done: progress.messages(done.done, 0, done.bytes, done.folder),
                )
            finally:
                progress.end()
        if output.json_wanted:
            output.json({"user": owner.name, "path": str(path)} | done.as_json())
        for problem in done.problems[:NAMED]:
            output.note(f"! {problem.name}: {problem.reason}")
        if len(done.problems) > NAMED:
            output.note(f"! … and {number(len(done.problems) - NAMED)} more; --json has all of them.")
        already = f"; {number(done.already)} there already" if done.already else ""
        failed = f"; {number(len(done.problems))} failed" if done.problems else ""
        what, where = counted(done.messages, "message"), counted(len(done.folders), "folder")
        output.note(f"{what}, {size(done.bytes)} imported into {where} of {owner.name}{already}{failed}.")
        if done.strangers:
            names = ", ".join(done.strangers[:5]) + (", …" if len(done.strangers) > 5 else "")
            output.note(f"No mail, so left alone: {counted(len(done.strangers), 'file')} ({names})")
        return 1 if done.problems else 0

    raise typer.Exit(run(work()))


async def selected(archive: Archive, user: str, folder: str, ids: list[str], query: str = "") -> Selection:
    """What the options of a command select. Raises ``InputError``, also when ``query`` finds nothing: nothing is not all."""
    owner = (await users.find(archive, user, removed=True)).id if user else ""
    if "\0" in folder or folder != folder.strip("/"):
        raise InputError(f'"{folder}" is no folder of the archive.', "archivar folders USER shows the folders.")
    chosen = tuple({(await reading.find(archive, one)).id for one in ids})
    if query.strip():
        from core.cli.search import bring_up

        # What is not indexed yet would be left out without a word.
        await bring_up(archive)
    return await found_by(archive, Selection(owner, folder, chosen), query)
