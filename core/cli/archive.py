"""``archivar folders``, ``show``: reading archived mail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from core.archive.catalog import twins
from core.archive.read import readable, reading
from core.archive.read.reading import FolderCount, Placed, Stored
from core.archive.registry import users
from core.cli.answer import Answer, Line, Part, Raw, Table
from core.cli.context import context
from core.cli.help import Command
from core.cli.moments import date_or_arrival, iso, minute
from core.message.content import Content
from core.message.octets import chunks
from core.model import User
from core.text.format import counted, number, size
from core.values import dataclass

#: The most columns by which continued lines are indented.
DEEPEST = 30


def register(app: typer.Typer) -> None:
    app.command("folders", cls=Command)(folders)
    app.command("show", cls=Command)(show)


async def folders(user: Annotated[str, typer.Argument(metavar="USER", help="User name or address.")]) -> Answer:
    """List the folders in a user's archive."""
    async with context.archive() as archive:
        owner = await users.find(archive, user, removed=True)
        found = await reading.folders(archive, owner.id)
    rows = [{"folder": one.path, "messages": one.messages, "bytes": one.bytes} for one in found]
    return Answer(json=lambda: {"user": owner.name, "folders": rows}, lines=_folders(owner, found))


def _folders(owner: User, found: Sequence[FolderCount]) -> Iterator[Part | str]:
    if not found:
        yield f"{owner.name} has no mail in the archive yet."
        return
    rows = [(number(one.messages), size(one.bytes), one.path) for one in found]
    yield Table(("MESSAGES", "SIZE", "FOLDER"), rows, right=("MESSAGES", "SIZE"))


async def show(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message's number, or the start of its SHA-256.")],
    raw: Annotated[bool, typer.Option("--raw", help="The whole message, byte for byte, for a file or pipe.")] = False,
) -> Answer:
    """Show a message, where it lies and where it was."""
    async with context.archive() as archive:
        found = await reading.find(archive, message)
        content = await archive.message(found.sha256)
        if raw:
            return Answer(lines=[Raw(chunks(content))])
        places = await reading.places(archive, found.id)
        others = [bytes(row[1]).hex() for row in await twins.of(archive.database, found.id)]
    shown = _Shown(found, await asyncio.to_thread(readable.read, content), places, others)
    return Answer(json=shown.as_json, lines=shown.lines())


@dataclass(frozen=True, slots=True)
class _Shown:
    """A message, its places, and the SHA-256 of those that are the same but for line ends, in hexadecimal."""

    found: Stored
    read: Content
    places: Sequence[Placed]
    twins: Sequence[str]

    @property
    def attachments(self) -> int:
        """The number of attachments, by the catalog or the message itself."""
        return max(self.found.attachments, len(self.read.attachments))

    def as_json(self) -> dict[str, Any]:
        found = self.found
        return {
            "id": found.id,
            "sha256": found.sha256.hex(),
            "subject": found.subject,
            "from": found.sender,
            "to": found.recipients,
            "date": iso(found.date),
            "received": iso(found.arrived),
            "size": found.size,
            "attachments": self.attachments,
            "files": [{"name": one.name, "media_type": one.media_type, "bytes": one.size} for one in self.read.attachments],
            "twins": self.twins,
            "places": [
                {"user": one.user, "folder": one.folder, "since": one.since, "until": one.until or None} for one in self.places
            ],
            "text": readable.text(self.read),
        }

    def lines(self) -> Iterator[Line]:
        """The envelope, the places of the message, its files, and its text."""
        yield from self._envelope()
        for other in self.twins:
            yield Line(f"{'Twin:':<9}{other} (other line ends, the same message)", 9)
        for one in self.places:
            times = [f"{word} {minute(at)}" for word, at in (("since", one.since), ("until", one.until)) if at]
            yield Line(f"{'Place:':<9}{one.user}: {one.folder} ({', '.join(times) or 'its entry cannot be read'})", 9)
        for attached in self.read.attachments:
            yield Line(f"{'File:':<9}{attached.name or '(no name)'} ({size(attached.size)})", 9)
        yield Line("")
        for note in self.read.unread:
            yield Line(f"! {note}", 2)
        for line in readable.text(self.read).splitlines():
            yield Line(line, min(len(line) - len(line.lstrip(" ")), DEEPEST))

    def _envelope(self) -> Iterator[Line]:
        found = self.found
        for label, value in (
            ("Subject", found.subject),
            ("From", found.sender),
            ("To", found.recipients),
            ("Date", date_or_arrival(found.date, found.arrived, self.read.first("date"))),
            ("Size", f"{counted(found.size, 'byte')}, {counted(self.attachments, 'attachment')}"),
            ("SHA-256", found.sha256.hex()),
        ):
            yield Line(f"{label + ':':<9}{value}".rstrip(), 9)
