"""Homes with a catalog of any earlier version: each command may be the first one, and tells what it tells of one of today."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.cli.context import context
from core.cli.main import main
from core.config import Home
from core.db.migrate import migrations
from core.problems import archive as problems
from core.problems import finding as found
from tests import homes, older
from tui.desk.desk import Desk

Said = Callable[..., tuple[int, str, str]]
#: OUT is an empty folder, SEAL a file with a seal of the archive.
READING = """
verify
verify --json
status
stats
stats --json
search message
show 1
folders alice
runs
user list
profile list
directory show
unknown list
settings
storage show
ledger show
ledger head
seal list
seal check
ledger check SEAL
doctor
service status
cluster status
export --user alice --format eml OUT/mail
export --user alice --format mbox OUT/mbox
backup OUT/backup
index
rebuild
""".strip().splitlines()
#: Exit codes where there is no service, no Kerio Connect and no directory.
CODES = {"service status": 1, "directory show": 2, "seal check": 2, "cluster status": 2}
#: Of the last entry, by the name of the home.
SEALS = {
    "catalog-1": "12 f6200a75c8abe79e9889c6276987b369e9c36dcd18b6cce770554b3fb25f0768 2026-12-01T03:12:57.419Z\n",
    "format-1": "31 330bc427d8083a6809299ed0e7b3ea0c9c32c4896c65eab9f32419c3ece01b2a 2026-11-30T18:31:04.808Z\n",
}
NEWEST = migrations()[-1].number


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """A command in this process: exit code, stdout, stderr, without paths, times and sizes on disk."""
    monkeypatch.setattr(context, "home", None)

    def say(home: Home, line: str) -> tuple[int, str, str]:
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        capsys.readouterr()
        names = {"SEAL": str(tmp_path / "seal")}
        code = main([*(names.get(word, word.replace("OUT", str(out))) for word in line.split()), "--home", str(home.path)])
        told = capsys.readouterr()
        return code, _plain(told.out, home), _plain(told.err, home)

    return say


def _plain(text: str, home: Home) -> str:
    text = text.replace(str(home.path), "HOME")
    # The files themselves differ.
    text = re.sub(r'^(On disk|Free) .*$|"space": \{[^}]*\}', "-", text, flags=re.MULTILINE)
    return re.sub(r"[\d.]+ [kM]?B (?=on disk|are free|of )|\d\d:\d\d(:\d\d)?|[\d.]+ m?s\b|and \d+ more", "-", text)


def _copy(home: Home, place: Path) -> Home:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(home.path, place, copy_function=shutil.copy2)
    return Home(place)


@pytest.mark.parametrize("version", older.VERSIONS)
def test_every_command_is_the_first_one_on_a_catalog_of_an_older_version(version: int, said: Said, tmp_path: Path) -> None:
    home = older.unpacked(tmp_path, version)
    assert homes.rows(home.catalog, "PRAGMA user_version") == [(version,)]
    present = _copy(home, tmp_path / "present")
    (tmp_path / "seal").write_text(SEALS[home.path.name])
    # 1: something needs attention, as a profile without TLS.
    assert said(present, "status")[0] in (0, 1)
    assert homes.rows(present.catalog, "PRAGMA user_version") == [(NEWEST,)]
    for line in READING:
        wanted = said(_copy(present, tmp_path / "there"), line)
        assert said(_copy(home, tmp_path / "here"), line) == wanted, line
        code = wanted[0] if line == "status" else CODES.get(line, 0)
        assert (wanted[0], line) == (code, line)


@pytest.mark.parametrize("version", older.VERSIONS)
def test_the_console_opens_a_catalog_of_an_older_version(version: int, tmp_path: Path) -> None:
    """Home and the page of proofs, as of one that was brought up to date before."""

    async def look(home: Home) -> tuple[object, ...]:
        archive = await Archive.open(home)
        try:
            desk = Desk(archive)
            view = await desk.home()
            return view.attention, await desk.proof.view()
        finally:
            await archive.close()

    home = older.unpacked(tmp_path, version)
    first = asyncio.run(look(home))
    assert asyncio.run(look(home)) == first


@pytest.mark.parametrize("version", older.VERSIONS)
def test_a_verification_changes_no_catalog_of_an_older_version(version: int, tmp_path: Path) -> None:
    """By itself it only reads: not even the copy that it compares is left."""
    home = older.unpacked(tmp_path, version)
    before = homes.files(home.path)
    assert homes.findings(home) == []
    after = homes.files(home.path)
    # SQLite makes an empty log where a catalog has none.
    beside = {f"{home.catalog.name}-shm", f"{home.catalog.name}-wal"}
    assert {name: kept[1] for name, kept in after.items() if name not in beside} == {
        name: kept[1] for name, kept in before.items()
    }


@pytest.mark.parametrize("version", older.VERSIONS)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE message SET subject = subject || '.' WHERE id = 7",
        "UPDATE message SET date = coalesce(date, 0) + 1 WHERE id = 7",
        "UPDATE source_message SET flags = 'x' WHERE uid = (SELECT max(uid) FROM source_message)",
        "DELETE FROM placement WHERE id = 9",
        "UPDATE folder SET path = upper(path)",
        "UPDATE user SET full_name = 'x'",
        "INSERT INTO profile VALUES ('strange', '{}')",
        "UPDATE address SET address = upper(address)",
    ],
)
def test_a_verification_finds_what_was_changed_in_a_catalog_of_an_older_version(
    version: int, change: str, tmp_path: Path
) -> None:
    home = older.unpacked(tmp_path, version)
    homes.change(home.catalog, change)
    codes = {one.reason.code for one in homes.verdict(home).findings}
    assert codes
    assert codes <= {found.ROW_ADDED, found.ROW_MISSING}


@pytest.mark.parametrize("version", [1, 11])
def test_a_verification_finds_what_bringing_up_to_date_would_mend(version: int, tmp_path: Path) -> None:
    """These versions have an index that is left out when its table is written anew: it is looked at before."""
    home = older.unpacked(tmp_path, version)
    ((digest,),) = homes.rows(home.catalog, "SELECT sha256 FROM message WHERE id = 7")
    content = home.catalog.read_bytes()
    places = [match.start() for match in re.finditer(re.escape(bytes(digest)), content)]
    assert len(places) == 2
    for place in places:
        changed = bytearray(content)
        changed[place + 20] ^= 1
        home.catalog.write_bytes(changed)
        assert [one.reason.code for one in homes.verdict(home).findings] == [found.CATALOG_PAGES], place


@pytest.mark.parametrize(
    ("version", "change"),
    [
        (
            11,
            "INSERT INTO run (profile, status, requested, result) VALUES ('Test', 'succeeded', '2026-01-01T00:00:00Z', '{')",
        ),
        (1, "UPDATE run_progress SET snapshot = '{'"),
    ],
)
def test_rows_that_no_script_can_bring_up_to_date_are_damage(version: int, change: str, said: Said, tmp_path: Path) -> None:
    """Every command says so, and rebuild makes the catalog anew."""
    home = older.unpacked(tmp_path, version)
    homes.change(
        home.catalog,
        "INSERT INTO run (profile, status, requested) VALUES ('Other', 'running', '2026-01-01T00:00:00Z')",
        "INSERT INTO run_progress (run, at, snapshot) SELECT id, requested, '{}' FROM run",
        change,
    )
    code, out, _ = said(home, "verify --json")
    assert (code, [one["code"] for one in json.loads(out)["findings"]]) == (4, [problems.CATALOG_DAMAGED.word])
    code, out, err = said(home, "status")
    assert (code, out) == (4, "")
    assert "rebuild" in err
    assert said(home, "rebuild")[0] == 0
    assert said(home, "verify")[0] == 0


def test_a_value_that_a_table_of_today_does_not_take_is_damage(said: Said, tmp_path: Path) -> None:
    """NULL where none may be, as a changed byte makes it, is met when the table is written anew."""
    home = older.unpacked(tmp_path, 11)
    there, anything = "'subject TEXT NOT NULL'", "'subject TEXT'"
    for before, after in ((there, anything), (anything, there)):
        homes.change(
            home.catalog,
            "PRAGMA writable_schema = ON",
            f"UPDATE sqlite_schema SET sql = replace(sql, {before}, {after}) WHERE name = 'message'",
        )
        if after == anything:
            homes.change(home.catalog, "UPDATE message SET subject = NULL WHERE id = 7")
    assert [one.reason.code for one in homes.verdict(home).findings] == [found.CATALOG_PAGES]
    code, _, err = said(home, "status")
    assert (code, "rebuild" in err) == (4, True), err
    assert said(home, "rebuild")[0] == 0
    assert said(home, "verify")[0] == 0
