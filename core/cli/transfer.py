"""``archivar export`` and ``import``: mail to files and from files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.archive.archive import Archive
from core.archive.noting import cause
from core.archive.read import reading
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.search.found import found_by
from core.archive.transfer import export as exporting
from core.archive.transfer.export import ExportFormat as As
from core.archive.transfer.export import ExportProgress
from core.archive.transfer.mail_items import ImportFormat
from core.cli.answer import Answer
from core.cli.context import actor, context
from core.cli.help import Command
from core.cli.progress import ProgressLine
from core.errors import InputError
from core.problems import usage
from core.problems.command_line import COMMAND_LINE, coded, sentence
from core.problems.folder import NOT_ARCHIVED
from core.text.format import counted, number, size

if TYPE_CHECKING:
    from core.archive.transfer.importing import ImportProgress
    from core.archive.transfer.store_import import Filled

#: Problems, and folders of a dry run, listed one by one.
NAMED = 50
#: The choices of --format.
FORMATS = [form.value for form in ImportFormat if form not in (ImportFormat.AUTO, ImportFormat.EMLX)]


QUERY = typer.Option("--query", metavar="QUERY", help="Only what archivar search finds by this.")


def register(app: typer.Typer) -> None:
    app.command("export", cls=Command)(export)
    app.command("import", cls=Command)(import_)


async def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")],
    form: Annotated[As, typer.Option("--format", metavar="FORMAT", help="eml, mbox or maildir.")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Whose archive; else everybody's.")] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Only this folder of the archive, and below.")] = "",
    ids: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this message; may be repeated.")] = None,
    query: Annotated[str, QUERY] = "",
) -> Answer:
    """Write messages to files, byte for byte, with a manifest and SHA256SUMS.

    Files that are there already are not written over; the same export again carries on.
    """
    async with context.archive() as archive:
        selection = await selected(archive, user, folder, ids or [], query)
        progress = ProgressLine()
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
    return Answer(
        json=lambda: {"directory": str(directory), "format": form.value} | _exported(done),
        notes=_written(done, directory),
        exit_code=4 if done.damaged else 0,
    )


def _exported(done: ExportProgress) -> dict[str, Any]:
    return {
        **{name: getattr(done, name) for name in ("messages", "bytes", "already")},
        "damaged": [one.told(COMMAND_LINE) for one in done.damaged],
        "problems": [one.as_json() for one in done.damaged],
        "unnoted": coded(cause(done.unnoted)) if done.unnoted else None,
    }


def _written(done: ExportProgress, directory: Path) -> Iterator[str]:
    already = f"; {number(done.already)} there already" if done.already else ""
    yield f"{counted(done.messages, 'message')}, {size(done.bytes)} written to {directory}{already}."
    for one in done.damaged:
        yield f"Damaged: {one.told(COMMAND_LINE)}"
    if done.damaged:
        yield "archivar repair fetches damaged messages again."
    if done.unnoted:
        yield f"! {sentence(done.unnoted)}"


async def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file (zip and tar too), or a folder with all below it.")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Into whose archive.")] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="Into this folder of the archive, and below.")] = "",
    form: Annotated[
        ImportFormat,
        typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}; found out if not given."),
    ] = ImportFormat.AUTO,
    of: Annotated[
        str, typer.Option("--of", metavar="NAME", help="Whose archive or mailbox, when an export or a store holds several.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come, and write nothing.")] = False,
) -> Answer:
    """Put mail from files into a user's archive, byte for byte.

    What an export wrote goes back to its folders, with flags and dates; other mail goes to the folder Imported, unless --folder
    is given. What is there already is not put there again, so it can be repeated, and carries on when it was stopped. The store
    of Kerio Connect, or its backups, go to all users whose mailboxes are in it: --format kerio without --user. Exit code 1 if
    something is no mail or could not be read; it is named.
    """
    if form is ImportFormat.EMLX:
        raise InputError(usage.NOT_ASKED_FOR(option="--format emlx"))
    if not user and form is not ImportFormat.KERIO:
        raise InputError(usage.MISSING(option="--user", instead="--format kerio, which takes the mailboxes of all users"))
    if not user and (folder or of):
        raise InputError(usage.NEEDS_OTHER(option="--folder" if folder else "--of", other="--user"))
    return await (_import_one(path, user, folder, form, of, dry_run) if user else _import_store(path, dry_run))


async def _import_one(path: Path, user: str, folder: str, form: ImportFormat, of: str, dry_run: bool) -> Answer:
    from core.archive.transfer import import_source, importing

    async with context.archive() as archive:
        owner = await users.find(archive, user)
        progress = ProgressLine()
        try:
            done = await importing.import_mail(
                archive,
                import_source.ImportSource(path, form, of),
                import_source.ImportTarget(owner, folder),
                dry_run=dry_run,
                actor=actor(),
                tick=lambda done: progress.messages(done.done, 0, done.bytes, done.folder),
            )
        finally:
            progress.end()
    return Answer(
        json=lambda: {"user": owner.name, "path": str(path), "dry_run": dry_run} | done.as_json(),
        notes=_told(done, owner.name, dry_run),
        exit_code=1 if done.problems else 0,
    )


async def _import_store(path: Path, dry_run: bool) -> Answer:
    from core.archive.transfer.store_import import import_store

    async with context.archive() as archive:
        progress = ProgressLine()
        try:
            filled = await import_store(
                archive,
                path,
                dry_run=dry_run,
                actor=actor(),
                tick=lambda user, done: progress.messages(done.done, 0, done.bytes, f"{user}, {done.folder}"),
            )
        finally:
            progress.end()
    return Answer(
        json=lambda: {"path": str(path), "dry_run": dry_run} | filled.as_json(),
        notes=_filled(filled, dry_run),
        exit_code=0 if filled.complete else 1,
    )


def _filled(filled: Filled, dry_run: bool) -> Iterator[str]:
    for one in filled.problems:
        yield f"! {one.place}: {one.reason}"
    for (user, mailbox), done in filled.imported.items():
        yield f"{mailbox}:"
        yield from _told(done, user, dry_run)
    for unknown in filled.unknown:
        yield f"! {unknown.mailbox}: {counted(unknown.messages, 'message')} left where they are: {unknown.reason}"


def _told(done: ImportProgress, user: str, dry_run: bool) -> Iterator[str]:
    """The result of an import, in sentences."""
    from core.archive.transfer.importing import left_out

    for problem in done.problems[:NAMED]:
        yield f"! {problem.place}: {problem.reason}"
    if len(done.problems) > NAMED:
        yield f"! … and {number(len(done.problems) - NAMED)} more; --json has all of them."
    alike = f", {number(done.twins)} of them with other line ends" if done.twins else ""
    already = f"; {number(done.already)} there already{alike}" if done.already else ""
    failed = f"; {number(len(done.problems))} failed" if done.problems else ""
    what, where = counted(done.messages, "message"), counted(len(done.folders), "folder")
    verb = "would be imported" if dry_run else "imported"
    yield f"{what}, {size(done.bytes)} {verb} into {where} of {user}{already}{failed}."
    if dry_run:
        for folder, count in sorted(done.found.items())[:NAMED]:
            yield f"  {folder}: {counted(count, 'message')}"
    if done.repaired:
        yield f"{counted(done.repaired, 'message')} that the archive could not read any more: stored anew."
    if left := left_out(done):
        yield f"Left out, since it is no mail: {left}."
    if done.strangers:
        names = ", ".join(done.strangers[:5]) + (", …" if len(done.strangers) > 5 else "")
        yield f"No mail, so left alone: {counted(len(done.strangers), 'file')} ({names})"


async def selected(archive: Archive, user: str, folder: str, ids: list[str], query: str = "") -> Selection:
    """The selection of a command's options.

    Raises ``InputError``, also for an empty result of ``query``: it must not select everything.
    """
    owner = (await users.find(archive, user, removed=True)).id if user else ""
    if "\0" in folder or folder != folder.strip("/"):
        raise InputError(NOT_ARCHIVED(folder=folder))
    chosen = tuple({(await reading.find(archive, one)).id for one in ids})
    if query.strip():
        from core.cli.search import bring_up

        # Unindexed messages would be left out silently.
        await bring_up(archive)
    return await found_by(archive, Selection(owner, folder, chosen), query)
