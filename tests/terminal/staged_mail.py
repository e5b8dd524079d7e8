"""An archive in memory for the desk of tests: its mail and its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.archive.read.browsing import FolderEntry, Owner
from core.archive.read.reading import Stored
from core.message.content import Attachment, Content
from tui.desk.archive import archive, message
from tui.desk.archive.archive import ArchiveDesk, ArchiveFolder, FolderSnapshot, OwnerRow
from tui.desk.archive.message import MessageRow, MessageView, PlaceRow, SourceLines, message_view
from tui.desk.jobs import Jobs, JobView
from tui.desk.present import BLANK, Safe, own
from tui.desk.refusals import Refused


class StagedMail(ArchiveDesk):
    """Two people with a few folders, whose messages are made as they are asked for."""

    FOLDERS = (("INBOX", 1204), ("Projects/2024", 88), ("Projects/2025", 311), ("Sent Items", 640))
    SUBJECTS = ("Minutes of Monday", "Re: Angebot für Büromöbel", "Invoice 4711", "見積書", "Holidays")

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    async def owner_count(self, contains: str) -> int:
        return len(await self.owners(contains, 0, 10))

    async def owners(self, contains: str, offset: int, limit: int) -> Sequence[OwnerRow]:
        people = [Owner(name, name, f"{name.title()} Example", f"{name}@example.test", False) for name in ("anna", "bob")]
        return [archive.owner_row(one) for one in people if contains in one.name]

    async def folders(self, owner: str) -> Sequence[ArchiveFolder]:
        return archive.tree(
            [FolderEntry(key, f"{owner}@example.test/{name}", count) for key, (name, count) in enumerate(self.FOLDERS, 1)]
        )

    async def open_folder(self, key: int) -> FolderSnapshot:
        return FolderSnapshot(key, 1, self.FOLDERS[key - 1][1])

    def _made(self, number: int) -> Stored:
        subject = self.SUBJECTS[number % len(self.SUBJECTS)]
        date = int(self.moment_of(number).timestamp())
        return Stored(
            number,
            bytes(32),
            1,
            3000 * number,
            subject,
            "Jörg Müller <joerg@example.test>",
            "anna@example.test",
            date,
            number % 2,
            date,
        )

    def moment_of(self, number: int) -> datetime:
        return self._moment - timedelta(hours=7 * number)

    async def page(self, folder: FolderSnapshot, offset: int, limit: int) -> Sequence[MessageRow]:
        numbers = range(offset + 1, min(offset + limit, folder.total) + 1)
        return [message.message_row(self._made(number), self._moment) for number in numbers]

    async def news(self, folder: FolderSnapshot) -> Safe:
        return own("3 new")

    async def message(self, message: int) -> MessageView:
        stored = self._made(message)
        date = f"{self.moment_of(message):%a, %d %b %Y %H:%M:%S} +0000"
        headers = (("From", stored.sender), ("To", stored.recipients), ("Date", date), ("Subject", stored.subject))
        attached = (Attachment(0, "figures.xlsx", "application/vnd.ms-excel", 48_000),) * stored.attachments
        text = f"Dear Anna,\n\nthis is message {message}.\n\nJörg"
        return message_view(stored, Content(headers, text, "text", attached, ()))

    async def preview(self, message: int) -> MessageView:
        return await self.message(message)

    async def history(self, message: int) -> Sequence[PlaceRow]:
        return [PlaceRow(own("anna: anna@example.test/INBOX"), own("yesterday 18:04"), BLANK)]

    async def source(self, message: int, width: int) -> SourceLines:
        return SourceLines(b"Subject: x\r\n\r\n", width)

    async def save_attachment(self, message: int, index: int, folder: str) -> Safe:
        raise Refused(own("Nothing is saved on this stage."))


class NoJobs(Jobs):
    """Nothing is done behind the pages."""

    def __init__(self) -> None:
        pass

    def all(self) -> Sequence[JobView]:
        return ()

    def view(self, key: int) -> JobView:
        raise Refused(own("There is no job {} on this stage.", key))

    def seen(self, key: int) -> None:
        raise Refused(own("There is no job {} on this stage.", key))

    def stop(self, key: int) -> None:
        raise Refused(own("There is no job {} on this stage.", key))
