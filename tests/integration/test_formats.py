"""Archives whose volumes have format 1, as earlier versions wrote them: every command works on them as on new ones."""

from __future__ import annotations

import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.config import Home
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
    assert _formats(Home(archivar.home)) == [1] * VOLUMES
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
    archivar("status", "--json")
    copy = Archivar(archivar.folder / "copy")
    copy.folder.mkdir()
    archivar("backup", str(copy.home))
    archivar("backup", str(copy.home))
    assert copy("verify", "--json").json["findings"] == []
    copy("rebuild")
    assert copy("verify", "--json").json["findings"] == []


def test_the_open_volume_of_an_earlier_version_is_sealed_and_the_next_has_the_present_format(old: Archivar) -> None:
    """What was sealed stays as it is, byte for byte; the chain runs on, and the seal of before holds."""
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
