"""``python -m tests.pictures``: draws the pictures of README and manual into the folder that is named, or beside this file."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from core.model import Phase, RunStatus, User
from core.profiles.age import Age
from core.profiles.deletion import Deletion, When
from core.profiles.profile import Access, Login, Method, Profile, Server
from core.profiles.schedule import Schedule
from core.profiles.selection import UserSelection
from tests.screens import Shown
from tests.terminal.staged import StagedDesk, line, problem, profile, result, snapshot
from tui.console import Console
from tui.places import place

#: One winter's evening, wherever and whenever the pictures are drawn.
MOMENT = datetime(2026, 1, 30, 21, 29, tzinfo=UTC)
SIZE = (100, 24)
#: A picture in a page may load nothing from elsewhere.
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Standing(datetime):
    """The clock of the top line."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Standing:
        return cls.fromtimestamp(MOMENT.timestamp(), tz)


def evening() -> StagedDesk:
    """A server's staff are being archived; one mailbox has a schedule, one has problems, one has never run."""
    server = Server("mail.example.test", Access.IMAP_SSL, connections=4)
    staff = Profile(
        "Staff",
        server,
        Login("", "", Method.KERIO_MASTER),
        selection=UserSelection(),
        deletion=Deletion(When.OLDER_THAN, Age(6, "month")),
        schedule=Schedule(daily="21:00"),
    )
    office = replace(profile("Office"), schedule=Schedule(every="15 minutes"))
    desk = StagedDesk(staff, office, profile("Journal", access=Access.IMAP_TLS), profile("Support"), moment=MOMENT)
    desk.people = [User(f"{number}", f"user{number}", (f"user{number}@example.test",)) for number in range(40)]
    working = (("anna", "INBOX", 0.61), ("bob", "Sent Items", 0.34), ("carol", "Projects/2024", 0.87), ("dora", "INBOX", 0.05))
    lines = [line(f"{name}@example.test", folder=folder, done=done) for name, folder, done in working]
    lines += [line(f"{name}@example.test", phase=Phase.DONE, folder="", done=1.0) for name in ("eve", "finn", "greta")]
    lost = (
        problem("Archive/2019", 4711, "The server sent nothing for it."),
        problem("INBOX", 17, "It is longer than the server announces."),
    )
    desk.add_run("Staff", RunStatus.RUNNING, run=7)
    desk.snapshots[7] = snapshot(7, *lines, problems=lost)
    fine = result(found=1240, archived=12, known=1228, bytes=3_400_000)
    desk.add_run("Office", RunStatus.SUCCEEDED, run=5, finished=MOMENT - timedelta(minutes=14), result=fine)
    bad = result(
        [problem(), problem("Junk", 9)], status="completed_with_errors", found=312, archived=310, failed=2, bytes=44_000_000
    )
    desk.add_run("Journal", RunStatus.WITH_ERRORS, run=6, finished=MOMENT - timedelta(days=1), result=bad)
    desk.service_running = True
    return desk


async def draw() -> Mapping[str, str]:
    """The pictures by their file names."""
    desk = evening()

    async def opened() -> StagedDesk:
        return desk

    console = Console(opened)
    async with console.run_test(size=SIZE) as pilot:
        screen = Shown(console, pilot)

        async def picture(*texts: str) -> str:
            await screen.until_shown(*texts)
            await pilot.pause()
            return FONTS.sub("", console.export_screenshot(title="Archivar"))

        home = await picture("Profiles (4)", "▸ Staff", "Needs attention (")
        await pilot.press("r")
        run = await picture("run 7", "Mailboxes (", "Problems (2)", "c Cancel")
        await pilot.press("m")
        await screen.until_shown("Whose mail (2)")
        await pilot.press("enter")
        await screen.until_shown("Folders of anna")
        await pilot.press("enter")
        await screen.until_shown("this is message 1.")
        await pilot.press("space", "down")
        archive = await picture("1 marked", "this is message 2.", "Mark", "Search")
        return {"home.svg": home, "run.svg": run, "archive.svg": archive}


def main(folder: Path) -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.environ.pop("NO_COLOR", None)
    vars(place)["datetime"] = Standing
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = settings
        pictures = asyncio.run(draw())
    for name, text in pictures.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
