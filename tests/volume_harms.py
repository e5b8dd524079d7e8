"""Harms done to volumes, and an archive of several volumes with the commands that are tried on it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.cli.main import main
from core.config import Home
from tests import homes
from tests.homes import message, profile, rows

PAGE = 16384
Harm = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a command in this process: any error that is not ours would have ended the test."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Commands:
    """The command line on one home, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, home: Home, *words: str) -> Done:
        self._capsys.readouterr()
        code = main([*words, "--home", str(home.path)])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return Done(code, out, err)


@pytest.fixture
def archivar(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


async def _fill(path: Path) -> Home:
    home = await homes.filled(path, volume_bytes=108_000, batches=6)
    archive = await Archive.open(home)
    try:
        async with archive.database.transaction() as transaction:
            await transaction.execute("UPDATE setting SET value = '1000000' WHERE name = 'volume_bytes'")
        for number in range(1000, 1030, 10):
            await homes.store(archive, {number + index: message(number + index, 3000 + 15_000 * index) for index in range(2)})
    finally:
        await archive.close()
    return home


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three volumes or more with messages in each, a profile whose server does not answer, a search index."""
    home = asyncio.run(_fill(tmp_path_factory.mktemp("broken") / "home"))

    async def add_profile() -> None:
        from core.archive.registry import saved_profiles
        from core.archive.search.search_index import bring_up
        from core.secrets import Secret

        archive = await Archive.open(home)
        try:
            await saved_profiles.save(archive, profile("127.0.0.1", 9), Secret("secret"))
            await bring_up(archive)
        finally:
            await archive.close()

    asyncio.run(add_profile())
    assert homes.findings(home) == []
    assert len(home.volume_numbers()) >= 3
    assert all(rows(home.volume(number), "SELECT 1 FROM message") for number in home.volume_numbers())
    return home


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(template.path, tmp_path / "home")))


def _cut(size: int) -> Harm:
    """To ``size`` bytes; a negative number is taken from the end."""

    def harm(path: Path) -> None:
        there = path.stat().st_size
        os.truncate(path, size if size >= 0 else there + size)

    return harm


def _zero(page: int, pages: int = 1) -> Harm:
    def harm(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(page * PAGE)
            file.write(bytes(min(pages * PAGE, path.stat().st_size - page * PAGE)))

    return harm


def overwrite(content: bytes) -> Harm:
    def harm(path: Path) -> None:
        path.write_bytes(content)

    return harm


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, Harm] = {
    "cut to nothing": _cut(0),
    "cut in the file header": _cut(60),
    "cut in the first page": _cut(5000),
    "cut after the first page": _cut(PAGE),
    "cut in the fourth page": _cut(3 * PAGE + 700),
    "cut after the fifth page": _cut(5 * PAGE),
    "cut by a page": _cut(-PAGE),
    "cut by one byte": _cut(-1),
    "first page zeroed": _zero(0),
    "second page zeroed": _zero(1),
    "third page zeroed": _zero(2),
    "pages in the middle zeroed": _zero(3, 3),
    "all but the first page zeroed": _zero(1, 1000),
    "random bytes": overwrite(hashlib.shake_128(b"x").digest(40_000)),
    "a text file": overwrite(b"This is no volume.\n" * 100),
    "a folder": _folder,
    "missing": Path.unlink,
}
#: Commands that read, with what they may end: 0 where they have all that they need, 4 where they need the damaged volume.
READING: list[tuple[str, ...]] = [
    ("folders", "alice"),
    ("search", "message"),
    ("status",),
    ("stats",),
    ("runs",),
    ("user", "list"),
    ("user", "show", "alice"),
    ("profile", "list"),
    ("profile", "show", "Test"),
    ("ledger", "show"),
    ("ledger", "head"),
    ("settings",),
    ("unknown", "list"),
    ("index", "--problems"),
    ("service", "status"),
    ("service", "stop"),
    ("service", "unit"),
]


def number_of(home: Home, which: str) -> int:
    numbers = home.volume_numbers()
    return {"first": 1, "middle": 2, "last": numbers[-1]}[which]


def messages_in(home: Home, number: int) -> set[str]:
    return {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message WHERE volume = ?", number)}


def exported_from(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.eml")}


def check_way_out(done: Done, *words: str) -> None:
    """An error names a volume or the catalog, says what to do, and not to do the same again."""
    assert done.code == 4, (words, done)
    assert ".sqlite" in done.err, (words, done)
    said = done.err.strip().splitlines()
    assert "archivar " in said[-1] or "Put " in said[-1] or "Correct " in said[-1], (words, done)
    assert f"archivar {words[0]}" not in said[-1], (words, done)
