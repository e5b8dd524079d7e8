"""Files that other accounts can read are told, with the command that mends exactly that."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from core.config import Home
from core.system.exposure import exposed


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """As it should be; the blank is for the command."""
    place = Home(tmp_path / "the home")
    for folder in (place.path, place.volumes, place.log.parent):
        folder.mkdir(mode=0o700)
    for file, mode in ((place.volume(1), 0o400), (place.catalog, 0o600), (place.key.path, 0o600), (place.log, 0o600)):
        file.touch(mode)
    return place


def mend(command: str) -> None:
    subprocess.run(shlex.split(command), check=True)


def test_nothing_is_told_of_a_home_as_it_should_be(home: Home) -> None:
    """Nor of a folder that is not there, or of what a group may read on purpose."""
    password = home.path.with_name("password")
    password.touch(0o640)
    assert exposed(home, "/no/backup", [str(password), "", "/no/file"]) == []


@pytest.mark.parametrize("name", ["", "volumes", "volumes/000001.sqlite", "secret.key", "archive.sqlite", "log/service.log"])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o020])
def test_what_others_can_read_is_told_and_mended(home: Home, name: str, mode: int) -> None:
    """Each of them, by its name and mode; whether the folder above keeps others away; the command ends it."""
    path = home.path / name
    path.chmod(path.stat().st_mode | mode)
    [found] = exposed(home)
    assert (found.path, found.more, found.reachable) == (path, 0, name == "")
    assert f"{path} (mode {path.stat().st_mode & 0o7777:04o})" in found.sentence()
    mend(found.command)
    assert exposed(home) == []
    assert home.volume(1).stat().st_mode & 0o777 == 0o400


def test_a_backup_and_a_password_file_are_looked_at_too(home: Home) -> None:
    """Each with its own command; of several files the first is named."""
    copy = Home(home.path.with_name("copy"))
    copy.path.mkdir(mode=0o755)
    copy.key.path.touch(0o644)
    copy.path.joinpath("link").symlink_to("/etc")
    password = home.path.with_name("password")
    password.touch(0o644)
    of_copy, of_password = exposed(home, str(copy.path), [str(password)])
    assert (of_copy.path, of_copy.more, of_copy.reachable) == (copy.path, 1, True)
    assert of_copy.as_json() == {
        "path": str(copy.path),
        "mode": "0755",
        "more": 1,
        "reachable": True,
        "remedy": f"chmod -R go= {copy.path}",
        "code": "files-exposed",
    }
    assert of_password.path == password
    for one in (of_copy, of_password):
        mend(one.command)
    assert exposed(home, str(copy.path), [str(password)]) == []
