"""Archives whose volumes have format 1, as earlier versions wrote them: every command works on them as on new ones."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal, seal_check
from core.archive.proof.verify import verify
from core.archive.registry import users
from core.archive.store.items import EntryItems
from core.archive.store.ledger import compress, decompress
from core.config import Home
from core.db.database import Database
from tests import homes
from tests.command import Archivar

#: A home that an earlier version wrote: twenty volumes of format 1. SEAL is of its last entry.
OLD = Path(__file__).resolve().parents[1] / "format-1.tar.xz"
MESSAGES, VOLUMES = 50, 20
SEAL = "31 330bc427d8083a6809299ed0e7b3ea0c9c32c4896c65eab9f32419c3ece01b2a 2026-11-30T18:31:04.808Z"


def _formats(home: Home) -> list[int]:
    sql = "SELECT value FROM meta WHERE key = 'format'"
    return [homes.rows(home.volume(number), sql)[0][0] for number in home.volume_numbers()]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Archivar]:
    """The commands on a home with volumes of format 1 alone."""
    archivar = Archivar(tmp_path / "box")
    archivar.folder.mkdir()
    with tarfile.open(OLD) as packed:
        packed.extractall(archivar.folder, filter="data")
    (archivar.folder / "format-1").rename(archivar.home)
    home = Home(archivar.home)
    assert _formats(home) == [1] * VOLUMES
    for number in range(1, VOLUMES):
        home.volume(number).chmod(0o400)
    with archivar:
        yield archivar


@pytest.fixture
def new(old: Archivar, tmp_path: Path) -> Iterator[Archivar]:
    """The commands on a home with the same mail in volumes of format 2 alone, some of which are sealed."""
    old("export", "--user", "alice", "--format", "eml", str(old.folder / "mail"))
    archivar = Archivar(tmp_path / "new")
    with archivar:
        archivar("user", "add", "alice", "--email", "alice@example.test")
        with closing(sqlite3.connect(archivar.home / "archive.sqlite")) as connection:
            connection.execute("INSERT INTO setting VALUES ('volume_bytes', '90000')")
            connection.commit()
        for number in (1, 2):
            archivar("import", str(old.folder / "mail"), "--user", "alice", "--folder", f"Copy {number}")
        assert set(_formats(Home(archivar.home))) == {2}
        assert len(_formats(Home(archivar.home))) > 1
        yield archivar


@pytest.fixture(params=["old", "new"])
def archivar(request: pytest.FixtureRequest) -> Archivar:
    found: Archivar = request.getfixturevalue(request.param)
    return found


def test_every_command_works_on_volumes_of_each_format(archivar: Archivar) -> None:
    """Found, shown, exported, imported, verified, sealed, backed up, made anew, repaired."""
    home = Home(archivar.home)
    archivar("index", "--json")
    hits = archivar("search", "barley", "--json").json["messages"]
    assert hits
    for hit in hits[:3]:
        raw = archivar("show", str(hit["id"]), "--raw").raw
        assert b"oats and barley" in raw
        assert archivar("show", str(hit["id"]), "--json").json
    archivar("folders", "alice", "--json")
    for form in ("eml", "mbox", "maildir"):
        archivar("export", "--user", "alice", "--format", form, str(archivar.folder / form))
    files = list((archivar.folder / "eml").rglob("*.eml"))
    assert len(files) >= MESSAGES - 1
    seal = archivar("ledger", "head", "--json").json
    archivar("ledger", "check", f"{seal['seq']} {seal['hash']}")
    archivar("ledger", "check", f"{seal['seq']} {seal['hash']}", "--deep")
    assert archivar("verify", "--json").json["findings"] == []
    fresh = archivar.write("more.eml", "From: a@example.org\r\nSubject: More oats\r\n\r\nText\r\n")
    archivar("import", str(fresh), "--user", "bob" if len(home.volume_numbers()) >= VOLUMES else "alice")
    assert len(archivar("search", "oats", "--json").json["messages"]) > 0
    archivar("rebuild")
    archivar("repair", "--json")
    archivar("ledger", "check", f"{seal['seq']} {seal['hash']}", "--deep")
    archivar("ledger", "show", "--json")
    assert archivar("status", "--json", code=None).json["state"] in ("well", "attention")
    copy = Archivar(archivar.folder / "copy")
    copy.folder.mkdir()
    archivar("backup", str(copy.home))
    archivar("backup", str(copy.home))
    assert copy("verify", "--json").json["findings"] == []
    copy("rebuild")
    assert copy("verify", "--json").json["findings"] == []


def test_the_open_volume_of_an_earlier_version_is_sealed_and_the_next_has_the_present_format(old: Archivar) -> None:
    """Sealed volumes stay as they are, byte for byte; the chain runs on, and the seal of before holds."""
    home = Home(old.home)
    before = {number: home.volume(number).read_bytes() for number in range(1, VOLUMES)}
    [(end,)] = homes.rows(home.volume(VOLUMES), "SELECT max(seq) FROM ledger")
    old("user", "add", "carol", "--email", "carol@example.com")
    assert _formats(home) == [*[1] * VOLUMES, 2]
    assert {number: home.volume(number).read_bytes() for number in range(1, VOLUMES)} == before
    meta = dict(homes.rows(home.volume(VOLUMES + 1), "SELECT key, value FROM meta"))
    assert (meta["previous_seq"], meta["lane"], meta["generation"]) == (end, "", 1)
    assert home.volume(VOLUMES).stat().st_mode & 0o777 == 0o400
    old("ledger", "check", SEAL)
    old("verify")


async def test_an_archive_of_an_earlier_version_is_upgraded_without_reading_it(old: Archivar) -> None:
    """Of the sealed volumes nothing is read; of the open one the beginnings and ends of its tables."""
    home = Home(old.home)
    opened: list[str] = []
    connect = Database.open.__func__  # type: ignore[attr-defined]

    async def noted(cls: type[Database], path: Path, /, **more: Any) -> Database:
        opened.append(path.name)
        found: Database = await connect(cls, path, **more)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "open", classmethod(noted))
        archive = await Archive.open(home)
        await archive.volumes.upgrade()
        await archive.close()
    assert _formats(home) == [*[1] * VOLUMES, 2]
    assert {name for name in opened if name[:1].isdigit()} <= {f"{VOLUMES:06}.sqlite", f"{VOLUMES + 1:06}.sqlite"}


async def test_an_item_can_be_taken_out_and_all_the_rest_holds(tmp_path: Path) -> None:
    """One of 500 messages of an entry: a new catalog places 499, and the chain and every kept seal hold."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: homes.message(number) for number in range(1, 501)})
    await users.add(archive, "bob", ["bob@example.test"])
    kept = [await seal.current(archive)]
    await homes.store(archive, {number: homes.message(number) for number in range(600, 603)})
    kept.append(await seal.current(archive))
    [entry] = [one for one in await homes.entries(archive) if one.kind == "archived" and len(one.digests()) == 500]
    gone = entry.digests()[250]
    await archive.close()
    assert isinstance(entry.content, EntryItems)
    [number] = [at for at, text in enumerate(entry.content.texts) if text is not None and gone.hex().encode() in text]
    row = replace(entry, content=entry.content.without([number])).row()
    homes.change(archive.home.volume(1), f"UPDATE ledger SET payload = X'{row[4].hex()}' WHERE seq = {entry.seq}")
    assert gone.hex().encode() not in decompress(row[4][16 * 501 :])
    await asyncio.to_thread(homes.rebuild, archive.home)
    with closing(sqlite3.connect(archive.home.catalog)) as connection:
        digests = {
            row[0] for row in connection.execute("SELECT m.sha256 FROM placement p JOIN message m ON m.id = p.message_id")
        }
    assert len(digests) == 499 + 3
    assert gone not in digests
    found = await seal_check.check(archive.home, kept)
    assert found.difference == ""
    assert found.messages == 499 + 3
    assert found.erased == 1
    assert "unchanged" not in found.sentence()
    # Nobody said that it may go.
    assert [one.reason.code.word for one in (await verify(archive.home)).findings] == [
        "found-entry-items-erased",
        "found-strange-message",
    ]


async def test_the_payload_of_an_entry_can_be_taken_out(tmp_path: Path) -> None:
    """Its kind, time and actor stay, and a new catalog is made without it."""
    archive = await homes.begin(tmp_path / "home")
    await users.add(archive, "bob", ["bob@example.test"])
    kept = [await seal.current(archive)]
    [entry] = [one for one in await homes.entries(archive) if b"bob" in one.plain]
    await archive.close()
    homes.change(archive.home.volume(1), f"UPDATE ledger SET payload = NULL WHERE seq = {entry.seq}")
    assert await asyncio.to_thread(homes.rebuild, archive.home) > 0
    again = await Archive.open(archive.home)
    assert [user.name for user in await users.all_users(again)] == ["alice"]
    [left] = [one for one in await homes.entries(again) if one.seq == entry.seq]
    assert left.sentence() == "An entry of the kind user.saved, whose content was erased."
    await again.close()
    assert (await seal_check.check(archive.home, kept)).difference == ""


async def test_what_is_written_follows_from_the_format_that_the_manual_describes(tmp_path: Path) -> None:
    """An open volume has no index; a sealed one has both, and the rows are the same."""
    home = await homes.filled(tmp_path / "home", volume_bytes=108_000)
    numbers = home.volume_numbers()
    assert len(numbers) > 1
    for number in numbers:
        indexes = {row[0] for row in homes.rows(home.volume(number), "SELECT name FROM sqlite_schema WHERE type = 'index'")}
        assert indexes == (set() if number == numbers[-1] else {"part_sha256", "message_sha256"})
    before = homes.tables(home)
    await asyncio.to_thread(homes.rebuild, home)
    assert homes.tables(home) == before


def test_reading_an_archive_of_an_earlier_version_changes_nothing(old: Archivar) -> None:
    """Neither an archive nor a backup of one: a command that only reads writes nothing to their volumes."""
    home = Home(old.home)
    before = {path.name: path.read_bytes() for path in home.volumes.iterdir()}
    copy = Archivar(old.folder / "copy")
    copy.folder.mkdir()
    shutil.copytree(home.path, copy.home)
    [archive_id] = homes.rows(home.catalog, "SELECT archive_id FROM applied")[0]
    note = json.dumps({"version": 1, "archive": archive_id, "complete": None})
    (copy.home / Home(copy.home).backup_note.name).write_text(note)
    for archivar in (old, copy):
        # What an archive keeps of a verification or begins for a search is written; a backup is never written to.
        more = [("verify",), ("search", "oats")] if archivar is copy else []
        for words in (("status",), ("show", "1"), ("folders", "alice"), ("ledger", "show"), *more):
            archivar(*words, code=None)
        found = {path.name: path.read_bytes() for path in Home(archivar.home).volumes.iterdir()}
        assert {name: data for name, data in found.items() if not name.endswith("-journal")} == before
    # So that a backup of before is brought up by this version.
    old("backup", str(copy.home))
    old("user", "add", "carol", "--email", "carol@example.com")
    old("backup", str(copy.home))
    assert copy("verify", "--json").json["findings"] == []
    assert _formats(Home(copy.home)) == [*[1] * VOLUMES, 2]


async def test_an_entry_with_items_is_never_taken_for_one_of_the_first_format(tmp_path: Path) -> None:
    """Its digests in the place of a payload without items would have the same SHA-256, and say nothing."""
    archive = await homes.begin(tmp_path / "home")
    kept = [await seal.current(archive)]
    await archive.close()
    path = archive.home.volume(1)
    for seq, digests in homes.rows(path, "SELECT seq, digests FROM ledger"):
        homes.change(path, f"UPDATE ledger SET payload = X'{compress(digests).hex()}', digests = NULL WHERE seq = {seq}")
    assert (await seal_check.check(archive.home, kept)).difference
    assert [one.reason.code.word for one in (await verify(archive.home)).findings]


async def test_a_volume_of_the_first_format_put_back_while_the_archive_is_open_is_not_written_to(old: Archivar) -> None:
    """The next write goes into a volume of the present format."""
    home = Home(old.home)
    good = home.volume(VOLUMES).read_bytes()
    home.volume(VOLUMES).write_bytes(good[:40_000])
    archive = await Archive.open(home)
    assert archive.damage is not None
    home.volume(VOLUMES).write_bytes(good)
    await archive.look_again()
    await users.add(archive, "carol", ["carol@example.com"])
    await archive.close()
    assert _formats(home) == [*[1] * VOLUMES, 2]
    assert [finding.text for finding in (await verify(home)).findings] == []
