"""Mail that comes once more while the archive's copy of it is damaged: its bytes are kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.config import Home
from core.errors import DamagedError
from tests import homes
from tests.homes import ALICE, cli, message, rows

FIRST = 1
Harm = Callable[[Path], None]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Several volumes; messages 0 and 1 came from files with LF as well."""
    folder = tmp_path_factory.mktemp("again")
    home = asyncio.run(homes.filled(folder / "home", volume_bytes=108_000, batches=6))
    files = _files(folder / "lf", [0, 1], end=b"\n")
    assert cli(home, "import", str(files), "--user", "alice", "--folder", "Files").returncode == 0
    # What is damaged here is no open volume.
    more = _files(folder / "more", list(range(800, 830)))
    assert cli(home, "import", str(more), "--user", "alice", "--folder", "More").returncode == 0
    assert cli(home, "import", str(_files(folder / "one", [900])), "--user", "alice", "--folder", "More").returncode == 0
    assert homes.findings(home) == []
    return home


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(template.path, tmp_path / "home")))


def _files(folder: Path, numbers: list[int], *, end: bytes = b"\r\n") -> Path:
    folder.mkdir()
    for number in numbers:
        raw = message(number, 20_000 if number % 3 % 2 else 200)
        (folder / f"{number}.eml").write_bytes(raw.replace(b"\r\n", end))
    return folder


def _of(home: Home, number: int) -> list[str]:
    return [row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message WHERE volume = ?", number)]


def _cut(path: Path) -> None:
    os.truncate(path, 100)


def _spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 16384)
        file.write(b"\xaa" * (path.stat().st_size - 3 * 16384))


@pytest.mark.parametrize("folder", [f"{ALICE}/INBOX", "Elsewhere"])
@pytest.mark.parametrize("harm", [_cut, _spoil, Path.unlink])
def test_an_import_stores_anew_what_the_archive_cannot_read(home: Home, tmp_path: Path, harm: Harm, folder: str) -> None:
    """To where it is or elsewhere, it is no answer that the message is there already when its bytes are not."""
    hit = _of(home, FIRST)
    harm(home.volume(FIRST))
    cli(home, "verify")
    broken = [sha256 for sha256 in hit if cli(home, "show", sha256).returncode]
    assert broken
    source = _files(tmp_path / "source", list(range(3)))
    dry = cli(home, "import", str(source), "--user", "alice", "--folder", folder, "--dry-run")
    assert "stored anew" not in dry.stderr
    done = cli(home, "import", str(source), "--user", "alice", "--folder", folder)
    assert done.returncode == 0
    assert "could not read any more: stored anew" in done.stderr
    ours = {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message WHERE volume > ?", FIRST)}
    assert set(hit) & ours
    for sha256 in set(hit) & ours:
        assert cli(home, "show", sha256).returncode == 0
    again = cli(home, "import", str(source), "--user", "alice", "--folder", folder)
    assert "stored anew" not in again.stderr


async def test_what_a_server_sends_again_is_stored_again(home: Home) -> None:
    """A damaged message fetched at another UID is stored, although the catalog lists it."""
    home.volume(FIRST).unlink()
    archive = await Archive.open(home)
    raw = message(0, 200)
    sha256 = hashlib.sha256(raw).digest()
    with pytest.raises(DamagedError):
        await archive.raw(sha256)
    await homes.store(archive, {900: raw, 901: message(901)}, folder="Again", run=2)
    assert await archive.raw(sha256) == raw
    await archive.close()


@pytest.mark.parametrize("harm", [_cut, Path.unlink])
@pytest.mark.parametrize("lost", ["as sent", "with LF"])
def test_repair_makes_a_message_of_one_with_other_line_ends(home: Home, harm: Harm, lost: str) -> None:
    """Bytes are matched with the SHA-256 that was lost, each way round; what cannot be had is named, and no circle is told."""
    [volume] = {row[0] for row in rows(home.catalog, "SELECT volume FROM message WHERE twin_of IS NOT NULL")}
    harm(home.volume(FIRST if lost == "as sent" else volume))
    done = cli(home, "repair")
    assert done.stdout.count("which has other line ends") == 2
    assert done.stdout.count("alice: Files") >= 2
    assert "archivar repair takes over" not in done.stderr.splitlines()[-1]
    assert "archivar rebuild" not in done.stderr
    for number, size in ((0, 200), (1, 20_000)):
        raw = message(number, size)
        for form in (raw, raw.replace(b"\r\n", b"\n")):
            assert cli(home, "show", hashlib.sha256(form).hexdigest()).returncode == 0


def test_repair_says_that_files_may_be_imported_again(home: Home, tmp_path: Path) -> None:
    """A message that came from files alone is not said to have come from a mailbox."""
    alone = _files(tmp_path / "alone", [700])
    assert cli(home, "import", str(alone), "--user", "alice").returncode == 0
    number = max(row[0] for row in rows(home.catalog, "SELECT volume FROM message"))
    for start in range(800, 950, 50):
        more = _files(tmp_path / str(start), list(range(start, start + 30)))
        assert cli(home, "import", str(more), "--user", "alice").returncode == 0
    assert number < home.volume_numbers()[-1]
    _cut(home.volume(number))
    assert "it came from files; importing" in cli(home, "repair").stdout
