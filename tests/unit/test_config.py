"""The home: found, checked and refused before anything in it is touched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core import config
from core.config import Home, check, default_home, find, find_or_create
from core.errors import HomeError
from tests import homes
from tests.homes import NOBODY, as_nobody

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another account")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other accounts can reach, unlike those of pytest."""
    with TemporaryDirectory(prefix="archivar-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_default_home_is_the_variable_else_where_such_data_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    """ARCHIVAR_HOME, else /var/lib/archivar for root, else the XDG data folder."""
    monkeypatch.setenv("ARCHIVAR_HOME", "/x/y")
    assert default_home() == Path("/x/y")
    monkeypatch.delenv("ARCHIVAR_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_home() == Path("/var/lib/archivar")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_home() == Path("/data/archivar")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_home() == Path.home() / ".local" / "share" / "archivar"


def test_a_home_is_begun_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0700 with any umask and any mode of an empty folder."""
    (tmp_path / "empty").mkdir(mode=0o755)
    for name in ("new/home", "empty"):
        home = find_or_create(tmp_path / name)
        assert home.path.stat().st_mode & 0o777 == 0o700
        assert home.volumes.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "command", [["run", "Test"], ["service", "run"], ["status"], ["verify"], ["rebuild"], ["service", "stop"]]
)
@pytest.mark.parametrize("there", ["empty", "missing", "key only"])
def test_a_home_that_is_not_mounted_does_not_become_a_new_archive(tmp_path: Path, there: str, command: list[str]) -> None:
    """The empty folder below a mount, or none at all: exit 2 with a word about the mount, and nothing is made in it."""
    home = tmp_path / "home"
    if there != "missing":
        home.mkdir()
    if there == "key only":
        (home / "secret.key").write_bytes(b"x")
    before = homes.files(tmp_path)
    result = homes.cli(home, *command)
    assert result.returncode == 2, result.stderr
    assert "mounted" in result.stderr
    assert homes.files(tmp_path) == before


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    """A folder with documents does not become an archive; ``lost+found`` of a fresh disk is no hindrance."""
    (tmp_path / "lost+found").mkdir()
    find_or_create(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("Dear")
    before = homes.files(other)
    result = homes.cli(other, "user", "add", "bob")
    assert result.returncode == 2
    assert "letter.txt" in result.stderr
    assert homes.files(other) == before
    file = other / "letter.txt"
    with pytest.raises(HomeError, match="not a folder"):
        find(file)


@ROOT
@pytest.mark.parametrize("what", ["home", "volumes", "catalog", "volume"])
def test_a_home_that_cannot_be_written_is_found_and_not_touched(shared: Path, what: str) -> None:
    """Folder, catalog or open volume read-only for its owner: what is in it can still be read."""
    home = asyncio.run(homes.filled(shared / "home", batches=1))
    for path in [home.path, *home.path.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    place = {"home": home.path, "volumes": home.volumes, "catalog": home.catalog, "volume": home.volume(1)}[what]
    place.chmod(0o500 if place.is_dir() else 0o400)
    before = homes.files(home.path)
    said = as_nobody(lambda: find(home.path))
    assert said == ""
    assert homes.files(home.path) == before


@ROOT
def test_a_home_of_another_account_is_refused_for_all_but_root(shared: Path) -> None:
    """Not ours: whose it is, and who should run the program."""
    home = asyncio.run(homes.filled(shared / "home", batches=1))
    home.path.chmod(0o755)
    before = homes.files(home.path)
    said = as_nobody(lambda: find(home.path))
    assert "belongs to root" in said
    assert homes.files(home.path) == before


@ROOT
def test_root_continues_as_the_account_that_owns_the_home(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written there belong to the owner, and there is no way back to root."""
    home = shared / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    monkeypatch.setattr(config, "PROGRAM", ())

    def work() -> None:
        asyncio.run(homes.filled(home, batches=1))
        assert (os.getuid(), os.geteuid(), os.getgid()) == (NOBODY,) * 3
        assert 0 not in os.getgroups()
        with pytest.raises(PermissionError):
            os.setuid(0)

    assert as_nobody(work, already=True) == ""
    assert {path.stat().st_uid for path in home.rglob("*")} == {NOBODY}
    assert (home / "volumes" / "000001.sqlite").exists()


@ROOT
def test_an_owner_who_cannot_read_the_program_is_told_so(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed in root's own folder, for a home of another account: one sentence instead of a broken import."""
    home = shared / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    program = shared / "program"
    program.mkdir(mode=0o700)
    monkeypatch.setattr(config, "PROGRAM", (str(program),))
    said = as_nobody(lambda: check(Home(home)), already=True)
    assert "who cannot read the program" in said
