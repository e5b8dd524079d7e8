"""Copies of a catalog, for tests: what they hold, and what is applied to them."""

from __future__ import annotations

from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.config import Home
from core.secrets import Secret
from core.service.queue import Queue
from tests import homes
from tests.homes import ALICE, message


async def filled(path: Path, count: int = 8, volume_bytes: int = 130_000) -> Archive:
    archive = await homes.begin(path, volume_bytes=volume_bytes)
    await saved_profiles.save(archive, homes.profile("mail.example.test", 143), Secret("first"))
    for number in range(1, count + 1):
        await homes.store(archive, {number: message(number, 60_000 if number % 2 else 300)})
    return archive


def inode_of(home: Home) -> int:
    return home.catalog.stat().st_ino


def files_beside(home: Home) -> list[str]:
    return sorted(path.name for path in home.path.iterdir() if path.name.startswith(("archive.sqlite", ".archive")))


async def change_much(archive: Archive) -> None:
    """Changes of every kind: mail, places, people, records, rows of the state that are new, other and gone."""
    owner = (await users.find(archive, "alice")).id
    for number in range(101, 107):
        await homes.store(archive, {number: message(number, 50_000 if number % 2 else 300)})
    move = ["INBOX", 7, 1, f"{ALICE}/Done", "Done", 3, 1, 100, 1_700_000_000, ""]
    await archive.append([homes.draft("moved", {"run": 1, "source": homes.SOURCE, "owner": owner, "moves": [move]})])
    gone = {"run": 1, "source": homes.SOURCE, "server_folder": "INBOX", "uidvalidity": 7, "uids": "2:3"}
    await archive.append([homes.draft("vanished", gone)])
    await users.add(archive, "bob", ["bob@example.test"])
    await saved_profiles.save(archive, homes.profile("other.example.test", 143, name="Second"), Secret("second"))
    await Queue(archive.database).enqueue("Second")
