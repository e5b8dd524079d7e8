"""Every command on an archive with a volume that is cut, emptied, overwritten or gone: it works, or names one way out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.archive.archive import Archive
from core.cli.main import main
from core.config import Home
from core.service.salvaging import salvage_if_needed
from tests import homes
from tests.homes import message, profile, rows
from tui.desk.desk import open_desk
from tui.desk.refusals import Refused

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


def _overwrite(content: bytes) -> Harm:
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
    "random bytes": _overwrite(hashlib.shake_128(b"x").digest(40_000)),
    "a text file": _overwrite(b"This is no volume.\n" * 100),
    "a folder": _folder,
    "missing": Path.unlink,
}
WHICH = ["first", "middle", "last"]
#: Commands that read, with what they may end: 0 where they have all that they need, 4 where they need the damaged volume.
READING: list[tuple[str, ...]] = [
    ("folders", "alice"),
    ("search", "message"),
    ("status",),
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


def _number(home: Home, which: str) -> int:
    numbers = home.volume_numbers()
    return {"first": 1, "middle": 2, "last": numbers[-1]}[which]


def _messages(home: Home, number: int) -> set[str]:
    return {row[0].hex() for row in rows(home.catalog, "SELECT sha256 FROM message WHERE volume = ?", number)}


def _exported(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.eml")}


def _check_way_out(done: Done, *words: str) -> None:
    """An error names a volume or the catalog, says what to do, and not to do the same again."""
    assert done.code == 4, (words, done)
    assert ".sqlite" in done.err, (words, done)
    said = done.err.strip().splitlines()
    assert "archivar " in said[-1] or "Put " in said[-1] or "Correct " in said[-1], (words, done)
    assert f"archivar {words[0]}" not in said[-1], (words, done)


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("harm", HARMS)
def test_what_does_not_need_the_damaged_volume_goes_on(
    home: Home, template: Home, archivar: Commands, tmp_path: Path, harm: str, which: str
) -> None:
    """All commands that read; every message of the other volumes is shown and exported, byte for byte."""
    number = _number(home, which)
    hit = _messages(home, number)
    others = set().union(*(_messages(home, one) for one in home.volume_numbers())) - hit
    HARMS[harm](home.volume(number))
    for words in READING:
        done = archivar(home, *words)
        if words == ("service", "status"):
            assert done.code == 1
        elif done.code:
            assert words in (("ledger", "head"), ("index", "--problems")), (words, done)
            _check_way_out(done, *words)
    for sha256 in sorted(others)[:3]:
        assert archivar(home, "show", sha256).code == 0
    for sha256 in sorted(hit)[:3]:
        shown = archivar(home, "show", sha256)
        if shown.code:
            _check_way_out(shown, "show")
            assert f"{number:06}" in shown.err
    exported = archivar(home, "export", "--format", "eml", str(tmp_path / "out"))
    got = _exported(tmp_path / "out")
    assert others <= got
    assert got <= others | hit
    assert exported.code == (0 if hit <= got else 4), exported
    proved = archivar(home, "verify")
    assert proved.code in ((0, 4) if harm == "cut by one byte" else (4,)), proved
    if proved.code:
        assert f"{number:06}" in proved.text
    saved = archivar(home, "backup", str(tmp_path / "backup"))
    if saved.code:
        _check_way_out(saved, "backup")
    assert set(Home(tmp_path / "backup").volume_numbers()) >= set(template.volume_numbers()) - {number}


@pytest.mark.parametrize("which", ["middle", "last"])
def test_what_could_not_be_copied_has_a_code(home: Home, archivar: Commands, tmp_path: Path, which: str) -> None:
    """In the JSON of an export and of a backup: each message and volume, and that the ledger has no entry of it."""
    number = _number(home, which)
    hit = rows(home.catalog, "SELECT id FROM message WHERE volume = ?", number)
    _overwrite(b"This is no volume.\n" * 100)(home.volume(number))
    exported = json.loads(archivar(home, "export", "--json", "--format", "eml", str(tmp_path / "out")).out)
    assert {(one["message"],) for one in exported["problems"]} == set(hit)
    places = [f"message {one['message']} in {one['user']}: {one['folder']}: {one['reason']}" for one in exported["problems"]]
    assert exported["damaged"] == places
    saved = json.loads(archivar(home, "backup", "--json", str(tmp_path / "backup")).out)
    assert [one["file"] for one in saved["problems"]] == [home.volume(number).name]
    assert saved["damaged"] == [one["reason"] for one in saved["problems"]]
    told = [*exported["problems"], *saved["problems"], *filter(None, [exported["unnoted"]])]
    assert {one["code"] for one in told} == {"volume-damaged"}
    assert (exported["unnoted"] is None) == (which == "middle")
    assert saved["unnoted"] is None


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
        _check_way_out(done, *words)
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
    number = _number(home, which)
    hit = _messages(home, number)
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
    assert len(_exported(tmp_path / "out")) == len({row for row in rows(home.catalog, "SELECT sha256 FROM message")})
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
    _check_way_out(refused, "user")
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
            if done.code and words not in (("service", "status"), ("index", "--problems")):
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
    hit = _messages(home, last)
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


@pytest.mark.parametrize("harm", ["cut in the fourth page", "random bytes", "missing", "a folder"])
async def test_the_console_tells_the_damage_and_goes_on_when_it_is_repaired(home: Home, template: Home, harm: str) -> None:
    """Home says it, folders and other volumes' messages open, a run is refused; repaired behind its back, all is well."""
    last = home.volume_numbers()[-1]
    good = rows(home.catalog, "SELECT id FROM message WHERE volume = 1")[0][0]
    bad = rows(home.catalog, "SELECT id FROM message WHERE volume = ?", last)[0][0]
    HARMS[harm](home.volume(last))
    desk = await open_desk(home.path)
    try:
        told = [one.text for one in (await desk.home()).attention]
        assert any(f"{last:06}" in text and "DAMAGED" in text for text in told), told
        [owner] = await desk.mail.owners("", 0, 10)
        assert await desk.mail.folders(owner.key)
        assert (await desk.mail.message(good)).subject
        with suppress(Refused):
            await desk.mail.message(bad)
        await desk.activity.entries("", 0, 20)
        # Proof, where Home leads for the remedy, offers it before anything was verified.
        view = await desk.proof.view()
        assert any(f"{last:06}" in text for row in view.findings for text in row.title), view
        assert view.finding_count == len(view.findings)
        with pytest.raises(Refused):
            await desk.start("Test")
        archive = await Archive.open(home)
        try:
            await salvage_if_needed(archive, others=[template], actor="test")
        finally:
            await archive.close()
        told = [one.text for one in (await desk.home()).attention]
        assert not any("DAMAGED" in text for text in told), told
        assert not (await desk.proof.view()).findings
    finally:
        await desk.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
@pytest.mark.parametrize("which", ["middle", "last"])
def test_a_volume_that_may_not_be_read_is_named_and_left_as_it_is(template: Home, archivar: Commands, which: str) -> None:
    """Owner and mode are the remedy: nothing is salvaged or made anew in place of what is whole."""
    commands: list[tuple[str, ...]] = [("folders", "alice"), ("status",), ("verify",), ("rebuild",), ("repair",)]
    commands.append(("user", "add", "bob"))
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        home = Home(Path(shutil.copytree(template.path, Path(folder) / "home")))
        number = _number(home, which)
        others = _messages(home, 1)
        for path in [home.path, *home.path.rglob("*")]:
            os.chown(path, homes.NOBODY, homes.NOBODY)
        # Their modules are loaded in this process, since the other account may not read the program.
        spare = Home(Path(shutil.copytree(template.path, Path(folder) / "spare")))
        for words in (*commands, ("show", min(others))):
            archivar(spare, *words)
        before = home.volume(number).read_bytes()
        home.volume(number).chmod(0)
        told = Path(folder) / "told"
        told.touch()
        told.chmod(0o666)

        def work() -> None:
            codes = [main([*words, "--home", str(home.path)]) for words in (*commands, ("show", min(others)))]
            told.write_text(" ".join(map(str, codes)))

        assert homes.as_nobody(work) == ""
        codes = list(map(int, told.read_text().split()))
        assert codes[:2] == [0, 0]
        assert codes[2:5] == [4, 4, 4]
        assert codes[5] == (4 if which == "last" else 0)
        assert codes[6] == 0
        assert home.volume(number).read_bytes() == before
        assert not list(home.volumes.glob("*.damaged-*"))
        home.volume(number).chmod(0o600)
        assert homes.findings(home) == []


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
        _check_way_out(done, "user")
    assert archivar(home, "repair", "--from", str(template.path)).code == 0
    assert archivar(home, "verify").code == 0
    before = {row[0] for row in rows(template.catalog, "SELECT sha256 FROM message")}
    assert {row[0] for row in rows(home.catalog, "SELECT sha256 FROM message")} == before
