"""``archivar folders``, ``show``: reading back."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from core.archive.registry import users
from core.cli import words
from core.cli.context import context, run
from core.cli.help import Command
from core.cli.output import output
from core.cli.words import iso, minute
from core.text.format import counted, number, size

#: Columns by which the rest of a broken line is set in, at most.
DEEPEST = 30


def register(app: typer.Typer) -> None:
    app.command("folders", cls=Command)(folders)
    app.command("show", cls=Command)(show)


def folders(user: Annotated[str, typer.Argument(metavar="USER", help="User name or address.")]) -> None:
    """List the folders in a user's archive."""
    from core.archive.read import reading

    async def work() -> None:
        async with context.archive() as archive:
            owner = await users.find(archive, user, removed=True)
            found = await reading.folders(archive, owner.id)
        if output.json_wanted:
            rows = [{"folder": one.path, "messages": one.messages, "bytes": one.bytes} for one in found]
            output.json({"user": owner.name, "folders": rows})
            return
        if not found:
            output.line(f"{owner.name} has no mail in the archive yet.")
            return
        rows_ = [(number(one.messages), size(one.bytes), one.path) for one in found]
        output.table(("MESSAGES", "SIZE", "FOLDER"), rows_, right=("MESSAGES", "SIZE"))

    run(work())


def show(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message's number, or the start of its SHA-256.")],
    raw: Annotated[bool, typer.Option("--raw", help="The whole message, byte for byte, for a file or pipe.")] = False,
) -> None:
    """Show a message, where it lies and where it was."""
    from core.archive.catalog import twins
    from core.archive.read import reading

    async def work() -> None:
        async with context.archive() as archive:
            found = await reading.find(archive, message)
            content = await archive.raw(found.sha256)
            if raw:
                output.raw(content)
                return
            places = await reading.places(archive, found.id)
            others = [bytes(row[1]).hex() for row in await twins.of(archive.database, found.id)]
        read = await asyncio.to_thread(reading.read, content)
        text = reading.text(read)
        attachments = max(found.attachments, len(read.attachments))
        if output.json_wanted:
            output.json(
                {
                    "id": found.id,
                    "sha256": found.sha256.hex(),
                    "subject": found.subject,
                    "from": found.sender,
                    "to": found.recipients,
                    "date": iso(found.date),
                    "received": iso(found.arrived),
                    "size": found.size,
                    "attachments": attachments,
                    "files": [{"name": one.name, "media_type": one.media_type, "bytes": one.size} for one in read.attachments],
                    "twins": others,
                    "places": [
                        {"user": one.user, "folder": one.folder, "since": one.since, "until": one.until or None}
                        for one in places
                    ],
                    "text": text,
                }
            )
            return
        for label, value in (
            ("Subject", found.subject),
            ("From", found.sender),
            ("To", found.recipients),
            ("Date", words.date_or_arrival(found.date, found.arrived, read.first("date"))),
            ("Size", f"{counted(found.size, 'byte')}, {counted(attachments, 'attachment')}"),
            ("SHA-256", found.sha256.hex()),
        ):
            output.line(f"{label + ':':<9}{value}".rstrip(), indent=9)
        for other in others:
            output.line(f"{'Twin:':<9}{other} (other line ends, the same message)", indent=9)
        for one in places:
            times = [f"{word} {minute(at)}" for word, at in (("since", one.since), ("until", one.until)) if at]
            output.line(f"{'Place:':<9}{one.user}: {one.folder} ({', '.join(times) or 'its entry cannot be read'})", indent=9)
        for attached in read.attachments:
            output.line(f"{'File:':<9}{attached.name or '(no name)'} ({size(attached.size)})", indent=9)
        output.line()
        for note in read.unread:
            output.line(f"! {note}", indent=2)
        for line in text.splitlines():
            output.line(line, indent=min(len(line) - len(line.lstrip(" ")), DEEPEST))

    run(work())
