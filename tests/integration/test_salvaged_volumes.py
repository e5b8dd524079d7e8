"""Archives with a damaged volume go on: salvaged, completed from elsewhere, with a catalog made anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.config import Home
from tests import homes, volume_harms
from tests.homes import message, rows
from tests.volume_harms import HARMS, READING, Commands, check_way_out, exported_from, messages_in, number_of

archivar = volume_harms.archivar
template = volume_harms.template
home = volume_harms.home


@pytest.mark.parametrize("harm", HARMS)
def test_nothing_is_added_to_a_damaged_open_volume_until_it_is_salvaged(
    home: Home, template: Home, archivar: Commands, tmp_path: Path, harm: str
) -> None:
    """A run, a new user and an import are refused with the remedy; that works; a good copy elsewhere makes all well again."""
    last = home.volume_numbers()[-1]
    whole = {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message")}
    people = rows(home.catalog, "SELECT name FROM user")
    places = homes.tables(home)["placement"]
    HARMS[harm](home.volume(last))
    before = home.volume(last).read_bytes() if home.volume(last).is_file() else b""
    (tmp_path / "new.eml").write_bytes(message(5000))
    first = archivar(home, "user", "add", "bob")
    refused = (
        [("user", "add", "bob"), ("run", "Test"), ("import", str(tmp_path / "new.eml"), "--user", "alice")]
        if first.code
        else []
    )
    if not refused:
        # Nothing of it shows without a look at every page, which a verification takes.
        assert "zeroed" in harm
        assert archivar(home, "verify").code == 4
    for words in refused:
        done = archivar(home, *words)
        check_way_out(done, *words)
        assert f"{last:06}" in done.err
        assert "archivar repair" in done.err
        assert not before or home.volume(last).read_bytes() == before
    mended = archivar(home, "repair")
    assert mended.code in (0, 4), mended
    if refused:
        assert "was salvaged" in mended.out, mended
        if harm != "missing":
            aside = home.volumes / f"{home.volume(last).name}.damaged-1"
            assert aside.is_dir() if harm == "a folder" else aside.read_bytes() == before
    lost = {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM damage WHERE sha256 IS NOT NULL")}
    listed = {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message")}
    assert listed | lost >= whole
    assert set(people) <= set(rows(home.catalog, "SELECT name FROM user"))
    assert rows(home.catalog, "SELECT name FROM profile") == [("Test",)]
    proved = archivar(home, "verify")
    assert proved.code == (4 if lost else 0), proved
    # By name: digits of a SHA-256 tell a person nothing.
    assert all("(alice: " in line for line in proved.out.splitlines() if " was lost with " in line), proved.out
    assert not list(home.volumes.glob("*.salvaged*"))
    assert archivar(home, "repair", "--from", str(template.path)).code == 0
    assert archivar(home, "verify").code == 0
    assert {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message")} == whole
    now = homes.tables(home)["placement"]
    assert len([row for row in now if row[4] is None]) == len([row for row in places if row[4] is None])
    assert archivar(home, "user", "add", "carol").code == 0
    kept = homes.tables(home)
    assert archivar(home, "rebuild").code == 0
    assert homes.tables(home) == kept
    assert archivar(home, "verify").code == 0


@pytest.mark.parametrize("which", ["first", "middle"])
def test_messages_of_a_missing_sealed_volume_come_again_from_elsewhere(
    home: Home, template: Home, archivar: Commands, tmp_path: Path, which: str
) -> None:
    """Repair stores them anew; the volume stays named as missing, and rebuild does not make them unlisted."""
    number = number_of(home, which)
    hit = messages_in(home, number)
    home.volume(number).rename(tmp_path / "kept.sqlite")
    refused = archivar(home, "rebuild")
    assert refused.code == 4
    assert f"{number:06}" in refused.err
    assert "archivar repair" in refused.err
    done = archivar(home, "repair", "--from", str(template.path))
    assert done.code == 4
    assert f"{number:06}.sqlite is missing" in done.text
    for sha256 in hit:
        assert archivar(home, "show", sha256).code == 0
    exported = archivar(home, "export", "--format", "eml", str(tmp_path / "out"))
    assert exported.code == 0
    assert len(exported_from(tmp_path / "out")) == len({row for row in rows(home.catalog, "SELECT sha256 FROM message")})
    # Put back, all is as if nothing had been.
    (tmp_path / "kept.sqlite").rename(home.volume(number))
    assert archivar(home, "verify").code == 0
    assert archivar(home, "rebuild").code == 0


def test_an_older_copy_of_the_open_volume_is_gone_on_from(home: Home, archivar: Commands, template: Home) -> None:
    """Put back from a backup, it has less than the catalog has seen: repair names what is lost, and the archive goes on."""
    last = home.volume_numbers()[-1]
    end = rows(home.volume(last), "SELECT max(seq) FROM ledger")[0][0]
    digests = [row[0] for row in rows(home.volume(last), "SELECT sha256 FROM message")]
    homes.change(
        home.volume(last),
        f"DELETE FROM ledger WHERE seq > {end - 2}",
        f"DELETE FROM message WHERE sha256 = X'{digests[0].hex()}'",
        f"DELETE FROM part WHERE sha256 = X'{digests[0].hex()}'",
    )
    refused = archivar(home, "user", "add", "bob")
    check_way_out(refused, "user")
    done = archivar(home, "repair")
    assert done.code == 4
    assert digests[0].hex()[:16] in done.out
    assert archivar(home, "user", "add", "bob").code == 0
    assert archivar(home, "repair", "--from", str(template.path)).code == 0
    assert archivar(home, "verify").code == 0


@pytest.mark.parametrize("harm", ["missing", "random bytes", "cut to nothing", "cut after the first page"])
def test_a_damaged_catalog_is_made_anew_and_a_damaged_index_as_well(home: Home, archivar: Commands, harm: str) -> None:
    """Each command says so or does it; none ends in anything but an error of ours, and all mail is there afterwards."""
    before = homes.tables(home)
    for path in (home.search, home.catalog):
        HARMS[harm](path)
        for words in (*READING, ("show", "1"), ("verify",), ("export", "--format", "eml", str(home.path.parent / "out"))):
            done = archivar(home, *words)
            if done.code and words not in (("service", "status"), ("status",), ("index", "--problems")):
                assert path == home.catalog, (words, done)
                assert done.code == 4
                assert "archivar rebuild" in done.text, (words, done)
        if path == home.catalog:
            assert archivar(home, "rebuild").code == 0
        assert archivar(home, "verify").code == 0
        assert "not indexed" in archivar(home, "search", "message").err or archivar(home, "search", "message").out
    assert homes.tables(home) == before


def test_catalog_and_open_volume_are_damaged_at_once(home: Home, template: Home, archivar: Commands) -> None:
    """Rebuild leads to repair, and repair to an archive that is whole but for what is lost."""
    last = home.volume_numbers()[-1]
    hit = messages_in(home, last)
    HARMS["cut in the fourth page"](home.volume(last))
    HARMS["random bytes"](home.catalog)
    assert "archivar rebuild" in archivar(home, "status").err
    told = archivar(home, "rebuild")
    assert told.code == 4
    assert "archivar repair" in told.err
    assert archivar(home, "repair").code in (0, 4)
    assert archivar(home, "user", "add", "bob").code == 0
    assert archivar(home, "repair", "--from", str(template.path)).code == 0
    assert archivar(home, "folders", "alice").code == 0
    for sha256 in hit & {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message")}:
        assert archivar(home, "show", sha256).code == 0


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_a_transaction_that_a_crash_left_in_the_open_volume_is_rolled_back_first(
    home: Home, template: Home, archivar: Commands, share: float
) -> None:
    """The file with its hot journal, whole or cut beside: nothing of the transaction stays, and all is well in the end."""
    volume = home.volume(home.volume_numbers()[-1])
    journal = volume.with_name(f"{volume.name}-journal")
    size = volume.stat().st_size
    with closing(sqlite3.connect(volume, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM ledger WHERE seq > 10")
        connection.execute("UPDATE part SET data = zeroblob(length(data))")
        torn, hot = volume.read_bytes(), journal.read_bytes()
        connection.execute("ROLLBACK")
    assert hot
    volume.write_bytes(torn[: int(size * share)])
    journal.write_bytes(hot)
    done = archivar(home, "user", "add", "bob")
    if share == 1.0:
        assert done.code == 0
    elif done.code:
        check_way_out(done, "user")
    assert archivar(home, "repair", "--from", str(template.path)).code == 0
    assert archivar(home, "verify").code == 0
    before = {row[0] for row in rows(template.catalog, "SELECT sha256 FROM message")}
    assert {row[0] for row in rows(home.catalog, "SELECT sha256 FROM message")} == before
