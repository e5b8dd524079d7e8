"""Tampering with an archive's files: its detection by opening, verify, a seal and a time stamp, case by case as documented."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal, seal_check, seal_places
from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Verdict
from core.archive.proof.ledger_check import LedgerCheck
from core.archive.proof.seal import Seal
from core.archive.proof.seal_check import SealCheck
from core.archive.proof.stamp import Stamp
from core.archive.registry import saved_settings
from core.archive.search.search_index import Index
from core.archive.store.volume import Volume
from core.archive.store.volume_format import SCHEMA
from core.config import Home
from core.db.database import Database
from core.db.shape import made_by
from core.engine.seals import sealing
from core.errors import DamagedError
from core.model import now
from core.problems import finding
from core.profiles.seal_place import PlaceKind, SealPlace
from tests import homes
from tests.homes import change, message
from tests.tampering import ACTS, TRIGGER, Act, smuggle

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"


@dataclass(frozen=True, slots=True)
class Sealed:
    """An archive with its seal and stamp, how it was before its last entries, and another archive."""

    home: Home
    older: Home
    other: Home
    seal: Seal
    stamp: Stamp


@pytest.fixture(scope="module")
def template(volumes_template: Home, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    folder = tmp_path_factory.mktemp("sealed")
    home = Home(Path(shutil.copytree(volumes_template.path, folder / "home")))

    async def more() -> tuple[Seal, str]:
        archive = await Archive.open(home)
        try:
            await homes.store(archive, {90: message(90)})
            return await seal.current(archive), archive.archive_id
        finally:
            await archive.close()

    kept, identity = asyncio.run(more())
    other = asyncio.run(homes.filled(folder / "other", batches=1))
    return Sealed(home, volumes_template, other, kept, Stamp(seal.imprint(identity, kept), now(), "CN=Authority", 1))


@pytest.fixture
def sealed(template: Sealed, tmp_path: Path) -> Sealed:
    home = Home(Path(shutil.copytree(template.home.path, tmp_path / "sealed")))
    return Sealed(home, template.older, template.other, template.seal, template.stamp)


async def _opening(home: Home) -> str:
    """The error when the archive is opened for writing, or for the console."""
    archive = await Archive.open(home)
    try:
        return "" if archive.damage is None else archive.damage.message
    finally:
        await archive.close()


def _check(sealed: Sealed, *, deep: bool = False) -> SealCheck:
    return asyncio.run(seal_check.check(sealed.home, [sealed.seal], deep=deep))


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_what_is_done_to_the_files_is_found_as_the_format_says(sealed: Sealed, act: Act) -> None:
    """By who opens it, by verify, with a seal, with a time stamp; where nothing can find it, nothing is said."""
    act.do(sealed.home, sealed.older, sealed.other)
    stamped = asyncio.run(seal_check.check(sealed.home, [], [sealed.stamp])).difference
    said = (asyncio.run(_opening(sealed.home)), "\n".join(homes.findings(sealed.home)), _check(sealed).difference, stamped)
    for text, expected in zip(said, (act.opening, act.verify, act.seal, act.stamp), strict=True):
        assert expected in text if expected else text == ""


def test_the_format_has_the_same_table() -> None:
    """Every act stands in docs/format.md, with the same columns in which it is found."""
    rows = re.findall(r"^\| (an?|the) (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", FORMAT.read_text("utf-8"), re.MULTILINE)
    told = {f"{article} {what}": tuple(not cell.startswith("no") for cell in cells) for article, what, *cells in rows}
    assert told == {act.name: tuple(map(bool, (act.opening, act.verify, act.seal, act.stamp))) for act in ACTS}


def test_an_untouched_archive_has_all_that_was_sealed_and_stamped(sealed: Sealed) -> None:
    """Entries and messages are counted, bytes are read when asked for, and the stamp's entry is named."""
    found = _check(sealed)
    assert (found.difference, found.missing, found.messages, found.last.seq) == ("", 0, 13, sealed.seal.seq)
    assert "13 messages, all of them there; their bytes were not read" in found.sentence()
    assert "each read and hashed" in _check(sealed, deep=True).sentence()
    stamped = asyncio.run(seal_check.check(sealed.home, [sealed.seal], [sealed.stamp]))
    assert [one for one, _ in stamped.stamped] == [sealed.seal]
    assert "as CN=Authority has signed" in stamped.stamps()[0]


def test_bytes_that_were_changed_are_found_when_they_are_read(sealed: Sealed) -> None:
    """With parts of the right length the cheap check is content; --deep names the messages."""
    change(sealed.home.volume(1), "UPDATE part SET data = zeroblob(length(data)), codec = 0, size = length(data) WHERE id = 1")
    change(sealed.home.volume(1), "UPDATE message SET size = size WHERE 1")
    assert "missing or not whole" in _check(sealed, deep=True).difference


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("codec = 9", "Its codec 9 is unknown."),
        ("codec = 1, data = zeroblob(20)", "It cannot be decompressed: "),
        ("codec = 1, data = x'28b52ffd200109000061', size = 7", "It unfolds to 1 bytes instead of 7."),
    ],
)
def test_a_damaged_part_is_told_in_a_sentence(sealed: Sealed, how: str, said: str) -> None:
    """By its number, with the reason behind it."""
    change(sealed.home.volume(1), f"UPDATE part SET {how} WHERE id = 1")
    assert any(f"Part 1 is damaged: {said}" in one for one in homes.findings(sealed.home))


def test_an_entry_that_cannot_be_read_is_told_without_the_advice_to_verify(sealed: Sealed) -> None:
    """That is what was just done."""
    change(sealed.home.volume(1), "UPDATE ledger SET payload = zeroblob(40) WHERE seq = 2")
    [found] = [one for one in homes.findings(sealed.home) if "A ledger payload cannot be decompressed" in one]
    assert "verify" not in found


@pytest.mark.parametrize(("file", "again"), [("000001.sqlite", False), ("000002.sqlite", True)])
async def test_the_end_of_a_ledger_that_cannot_be_read_is_not_read_again(sealed: Sealed, file: str, again: bool) -> None:
    """From the next volume on, it is read for what was written meanwhile, unless a finding is about its file."""
    verdict = Verdict()
    verdict.add("ledger", finding.LEDGER_UNREAD(file=file, why=finding.TABLE_ORDER(what="ledger entries", after=0)))
    volume = await Volume.open(sealed.home.volume(1), read_only=True)
    try:
        place = CheckPosition(2, archive_id=volume.meta.archive_id)
        async for _ in LedgerCheck(sealed.home, volume, place, verdict).end_of_last():
            pass
    finally:
        await volume.close()
    assert (verdict.entries > 0) is again


@pytest.mark.parametrize("part", ["DELETE FROM part WHERE id = 1", "UPDATE message SET recipe = x'00'"])
def test_a_message_without_its_parts_is_missing(sealed: Sealed, part: str) -> None:
    """Existence is looked at by recipe and length, not by the message's row alone."""
    change(sealed.home.volume(1), part)
    assert "missing or not whole" in _check(sealed).difference


# Schemas ---------------------------------------------------------------------------------------------------------------------

STRANGE = {
    "trigger": (TRIGGER, "trigger quiet on ledger does not belong there"),
    "view": ("CREATE VIEW more AS SELECT * FROM ledger", "view more does not belong there"),
    "table": ("CREATE TABLE more (a)", "table more does not belong there"),
    "index": ("CREATE INDEX more ON ledger (kind)", "index more on ledger does not belong there"),
    "column": ("ALTER TABLE ledger ADD COLUMN more TEXT AS (kind) VIRTUAL", "table ledger was changed"),
    "missing": ("DROP TABLE part", "table part is missing"),
    "application": ("PRAGMA application_id = 1", "its application_id is 1"),
    "version": ("PRAGMA user_version = 9", "its user_version is 9"),
}


@pytest.mark.parametrize(("statement", "said"), STRANGE.values(), ids=STRANGE)
async def test_a_volume_with_a_strange_schema_is_damaged_and_not_written(sealed: Sealed, statement: str, said: str) -> None:
    """It is refused with exit code 4, and stays byte for byte as it is."""
    path = sealed.home.volume(sealed.home.volume_numbers()[-1])
    change(path, statement)
    before = homes.files(sealed.home.volumes)
    with pytest.raises(DamagedError, match=re.escape(said)) as caught:
        await Volume.open(path)
    assert caught.value.exit_code == 4
    archive = await Archive.open(sealed.home)
    try:
        assert archive.damage is not None
        with pytest.raises(DamagedError):
            await archive.append([homes.draft("verified", {"parts": 0, "messages": 0, "entries": 0, "findings": 0})])
    finally:
        await archive.close()
    assert homes.files(sealed.home.volumes) == before
    # Attached to no table, it is found by the file alone.
    assert [one for one in (await _findings(sealed.home)) if said in one]


async def _findings(home: Home) -> list[str]:
    return await asyncio.to_thread(homes.findings, home)


async def test_a_view_in_a_tables_place_is_never_read(sealed: Sealed) -> None:
    """Not even for a salvage: an endless view would hold the reader for ever."""
    path = sealed.home.volume(sealed.home.volume_numbers()[-1])
    endless = "CREATE VIEW message AS WITH RECURSIVE n(sha256) AS (VALUES (1) UNION ALL SELECT 1 FROM n) SELECT * FROM n"
    change(path, "ALTER TABLE message RENAME TO hidden", endless)
    with pytest.raises(DamagedError, match="view message does not belong there"):
        await Volume.open(path, read_only=True)


async def test_a_trigger_put_in_while_the_archive_is_open_never_runs(sealed: Sealed) -> None:
    """The next transaction sees the changed schema before its first statement; nothing of it is written."""
    archive = await Archive.open(sealed.home)
    path = sealed.home.volume(archive.last_volume)
    try:
        await homes.store(archive, {91: message(91)})
        change(path, TRIGGER, TRIGGER.replace("quiet", "sealed").replace("ON ledger", "ON meta").replace("new.seq", "1"))
        with pytest.raises(DamagedError, match="does not belong there"):
            await homes.store(archive, {92: message(92)})
        volume = await archive.volumes.at(archive.last_volume)
        with pytest.raises(DamagedError, match="does not belong there"):
            await volume.seal()
    finally:
        await archive.close()
    assert homes.rows(path, "SELECT key FROM meta WHERE key IN ('ran', 'sealed')") == []


async def test_a_trigger_in_the_catalog_never_runs_and_a_rebuild_leaves_it_behind(sealed: Sealed) -> None:
    """When it opens, and when one is inserted while it is open."""
    script = "CREATE TRIGGER quiet AFTER INSERT ON setting BEGIN DELETE FROM placement; END"
    archive = await Archive.open(sealed.home)
    try:
        change(sealed.home.catalog, script)
        with pytest.raises(DamagedError, match="trigger quiet on setting does not belong there"):
            await saved_settings.change(archive, "runs", "3")
    finally:
        await archive.close()
    with pytest.raises(DamagedError, match="is damaged: in its schema trigger quiet"):
        await Archive.open(sealed.home)
    assert any("trigger quiet on setting" in one for one in await _findings(sealed.home))
    done = await asyncio.to_thread(homes.cli, sealed.home, "rebuild")
    assert done.returncode == 0, done.stderr
    assert await _findings(sealed.home) == []


@pytest.mark.parametrize(
    "hidden",
    [
        '"--" INTEGER GENERATED ALWAYS AS (NULL) NOT NULL ON CONFLICT IGNORE,\n',
        "/*\n*/ x INTEGER NOT NULL ON CONFLICT IGNORE, --\n",
        "[--] INTEGER NOT NULL ON CONFLICT IGNORE,\n",
        "`--` INTEGER NOT NULL ON CONFLICT IGNORE,\n",
        "-- \x0b\x1c\u2028\n x INTEGER NOT NULL ON CONFLICT IGNORE,",
    ],
)
def test_no_column_hides_behind_what_looks_like_a_comment(hidden: str) -> None:
    """It would have SQLite take in mail and drop it, without a word and without a trigger."""
    strange = made_by(SCHEMA.replace("message (id INTEGER PRIMARY KEY, ", f"message (id INTEGER PRIMARY KEY, {hidden}"))
    assert strange.differences(made_by(SCHEMA)) == "table message was changed"


def test_comments_blanks_and_needless_quotes_make_no_other_schema() -> None:
    """Releases of SQLite and of the program write them differently; marks within a name or text are no comment."""
    same = SCHEMA.replace("message (id", '"message" -- mail;\n/* of all */\n(  "id"')
    assert made_by(same).differences(made_by(SCHEMA)) == ""


async def test_no_trigger_goes_by_the_name_of_statistics(sealed: Sealed) -> None:
    """The tables of ANALYZE are allowed in a catalog, and nothing else that is called like them."""
    change(sealed.home.catalog, "ANALYZE")
    await (await Archive.open(sealed.home)).close()
    script = "CREATE TRIGGER sqlite_stat1 AFTER INSERT ON setting BEGIN DELETE FROM placement; END"
    row = f"INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_stat1', 'setting', 0, '{script}')"
    change(sealed.home.catalog, "PRAGMA writable_schema = ON", row, "PRAGMA schema_version = 4711")
    with pytest.raises(DamagedError, match="trigger sqlite_stat1 on setting does not belong there"):
        await Archive.open(sealed.home)


async def test_a_search_index_with_a_trigger_is_made_anew(sealed: Sealed) -> None:
    """Nothing in it is the only copy."""
    archive = await Archive.open(sealed.home)
    try:
        await (await Index.open(archive)).close()
        change(sealed.home.search, "CREATE TRIGGER quiet AFTER UPDATE ON state BEGIN DELETE FROM doc; END")
        index = await Index.open(archive)
        assert await index.database.value("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'") == 0
        await index.close()
    finally:
        await archive.close()


async def test_functions_of_a_schema_are_not_trusted(tmp_path: Path) -> None:
    """No connection lets a view or a default use what is not harmless."""
    database = await Database.open(tmp_path / "a.sqlite")
    try:
        assert await database.value("PRAGMA trusted_schema") == 0
    finally:
        await database.close()


async def test_a_file_that_lost_the_seal_sent_to_it_is_a_failure_until_somebody_says_so(sealed: Sealed, tmp_path: Path) -> None:
    """A new one would hide that, and "sent" would be untrue of a file without one."""
    file = tmp_path / "seals.txt"
    archive = await Archive.open(sealed.home)
    try:
        await seal_places.save(archive, SealPlace("file", PlaceKind.FILE, str(file)))
        [one] = await sealing.send(archive, await seal_places.standings(archive))
        assert not one.failure
        file.write_text("")
        for _ in range(2):
            [one] = await sealing.send(archive, await seal_places.standings(archive))
            assert "has not the seal any more that was sent there" in one.failure
            assert file.read_text() == ""
        [one] = await sealing.send(archive, [one], accept=True)
        assert (one.failure, str(one.seal) in file.read_text()) == ("", True)
    finally:
        await archive.close()


# Strangers -------------------------------------------------------------------------------------------------------------------


def test_rows_that_nobody_archived_are_named(sealed: Sealed) -> None:
    """A message by its SHA-256, a part by its number, and what a volume should not say of itself."""
    path = sealed.home.volume(sealed.home.volume_numbers()[-1])
    digest, part = smuggle(path)
    change(
        path, "INSERT INTO part (sha256, codec, size, data) VALUES (x'00', 0, 0, x'')", "INSERT INTO meta VALUES ('more', 1)"
    )
    found = homes.findings(sealed.home)
    assert any(f"Message {digest} is named by no entry of the ledger" in one for one in found)
    assert any(f"Part {part + 1} belongs to no message" in one for one in found)
    assert not any(f"Part {part} belongs" in one for one in found)
    assert any("It says 'more' of itself" in one for one in found)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("INSERT INTO message VALUES (90, x'', 5, x'01')", "Message with an empty SHA-256 is named by no entry"),
        ("INSERT INTO message VALUES (0, x'0011', 5, x'ff')", "Message 0011 is named by no entry"),
        ("INSERT INTO part VALUES (-7, x'', 0, 0, x'')", "Part -7 belongs to no message"),
    ],
)
def test_no_row_hides_from_the_search_for_strangers(sealed: Sealed, row: str, said: str) -> None:
    """Neither by an empty hash, nor behind a recipe that cannot be read."""
    change(sealed.home.volume(sealed.home.volume_numbers()[-1]), row)
    assert [one for one in homes.findings(sealed.home) if said in one]


async def test_a_smuggled_message_is_no_stranger_once_it_is_archived(sealed: Sealed) -> None:
    """The ledger names it then, as it names every other; a repair never takes it for a message to be saved."""
    smuggle(sealed.home.volume(sealed.home.volume_numbers()[-1]))
    assert not [one.sha256 for one in (await asyncio.to_thread(homes.verdict, sealed.home)).findings if one.sha256]
    archive = await Archive.open(sealed.home)
    try:
        await homes.store(archive, {4711: message(4711)})
    finally:
        await archive.close()
    assert await _findings(sealed.home) == []
