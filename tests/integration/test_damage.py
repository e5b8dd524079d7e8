"""Changes behind the archive's back: verify finds and names each."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import FOLDER, Verdict, verify
from core.config import Home
from core.errors import ArchivarError, BusyError, DamagedError, StorageError
from tests import homes
from tests.homes import change, findings, message, rows
from tests.reasons import said

CASES = 150


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A small clean archive, to be copied."""
    home = asyncio.run(homes.filled(tmp_path_factory.mktemp("template") / "home"))
    assert findings(home) == []
    return home


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    """A copy of the small archive, to be damaged."""
    return Home(Path(shutil.copytree(template.path, tmp_path / "home")))


@pytest.fixture
def volumes(volumes_template: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(volumes_template.path, tmp_path / "volumes")))


def _refused(home: Home) -> str:
    """The reason why an archive is open for reading only."""

    async def look() -> str:
        archive = await Archive.open(home)
        try:
            with pytest.raises(DamagedError):
                await homes.store(archive, {901: message(901)})
            return str(archive.damage)
        finally:
            await archive.close()

    return asyncio.run(look())


def _named(found: list[str], *words: str) -> bool:
    """Does one finding hold all ``words``?"""
    return any(all(word in text for word in words) for text in found)


def test_a_flipped_byte_in_a_part_is_found_with_the_messages_that_need_it(home: Home) -> None:
    """The part is named by number and volume, and so is every message that is made of it."""
    number, data = rows(home.volume(1), "SELECT id, data FROM part ORDER BY size DESC LIMIT 1")[0]
    whole = home.volume(1).read_bytes()
    place = whole.index(data[200:260]) + 30
    home.volume(1).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    found = findings(home)
    assert _named(found, "000001.sqlite", f"Part {number} "), found
    assert _named(found, "000001.sqlite", "Message", f"(part {number})"), found


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE ledger SET payload = (SELECT payload FROM ledger WHERE seq = 5) WHERE seq = 4", ("entry 4", "changed")),
        ("UPDATE ledger SET payload = zeroblob(20) WHERE seq = 4", ("entry 4", "cannot be read")),
        ("UPDATE ledger SET at = '2001-01-01T00:00:00.000Z' WHERE seq = 4", ("entry 4", "changed")),
        ("UPDATE ledger SET actor = 'nobody' WHERE seq = 4", ("entry 4", "changed")),
        ("UPDATE ledger SET hash = zeroblob(32) WHERE seq = 4", ("entry 4", "changed")),
        ("DELETE FROM ledger WHERE seq = 4", ("entry 4 missing before entry 5",)),
        ("DELETE FROM ledger WHERE seq IN (4, 5)", ("entries 4 to 5 missing before entry 6",)),
        ("DELETE FROM ledger WHERE seq = 8", ("ends with entry 7", "seen entry 8")),
        (
            "INSERT INTO ledger SELECT 0, at, kind, actor, payload, hash, digests FROM ledger WHERE seq = 4",
            ("1 entries", "before"),
        ),
        ("UPDATE meta SET value = 2 WHERE key = 'number'", ("000001.sqlite", "volume 2, not 1")),
        ("DELETE FROM meta WHERE key = 'previous_seq'", ("000001.sqlite", "what it is")),
        ("UPDATE meta SET value = 'x' WHERE key = 'format'", ("000001.sqlite", "what it is")),
        ("DROP TABLE meta", ("000001.sqlite", "damaged")),
        ("DROP TABLE part", ("000001.sqlite", "damaged")),
    ],
)
def test_a_change_in_the_ledger_or_the_volume_is_found_and_named(home: Home, statement: str, words: tuple[str, ...]) -> None:
    """Payload, time, actor, hash changed; entries deleted in the middle or at the end; the volume's own data changed."""
    change(home.volume(1), statement)
    found = findings(home)
    assert _named(found, *words), found


def test_an_edited_time_is_one_finding_and_not_a_cascade(home: Home) -> None:
    """The entry that was changed is named, and no other."""
    change(home.volume(1), "UPDATE ledger SET at = '2001-01-01T00:00:00.000Z' WHERE seq = 4")
    assert len(findings(home)) == 1


def test_a_swapped_pair_of_ledger_rows_is_found_and_both_are_named(home: Home) -> None:
    """Two entries that changed places."""
    change(
        home.volume(1),
        "UPDATE ledger SET seq = 100 WHERE seq = 4",
        "UPDATE ledger SET seq = 4 WHERE seq = 5",
        "UPDATE ledger SET seq = 5 WHERE seq = 100",
    )
    found = findings(home)
    assert _named(found, "entry 4 "), found
    assert _named(found, "entry 5 "), found


def test_a_damaged_recipe_is_found_and_the_message_is_named(home: Home) -> None:
    """A recipe that names other parts, a missing part, or is cut short."""
    digests = [row[0] for row in rows(home.volume(1), "SELECT sha256 FROM message ORDER BY sha256 LIMIT 3")]
    for digest, recipe in zip(digests, ("zeroblob(8)", "X'0000000000000001' || X'0000000000000002'", "X'000000'"), strict=True):
        change(home.volume(1), f"UPDATE message SET recipe = CAST({recipe} AS BLOB) WHERE sha256 = X'{digest.hex()}'")
    found = findings(home)
    for digest in digests:
        assert _named(found, f"Message {digest.hex()[:16]} cannot be read"), found


def test_a_deleted_part_and_a_deleted_message_are_found(home: Home) -> None:
    """The messages that need the part, and the message that the ledger names but no volume has."""
    part = rows(home.volume(1), "SELECT id FROM part ORDER BY size DESC LIMIT 1")[0][0]
    digest = rows(home.volume(1), "SELECT sha256 FROM message ORDER BY sha256 DESC LIMIT 1")[0][0]
    change(home.volume(1), f"DELETE FROM part WHERE id = {part}", f"DELETE FROM message WHERE sha256 = X'{digest.hex()}'")
    found = findings(home)
    assert _named(found, "Message", f"Part {part} is missing"), found
    assert _named(found, f"Message {digest.hex()[:16]} is in the ledger, but in no volume"), found


def test_a_volume_replaced_by_an_older_copy_is_found(volumes: Home, home: Home, tmp_path: Path) -> None:
    """In the middle the next volume does not continue it; at the end the catalog has seen more: nothing is added then."""
    older = tmp_path / "older.sqlite"
    shutil.copy(volumes.volume(2), older)
    last = rows(older, "SELECT max(seq) FROM ledger")[0][0]
    change(older, f"DELETE FROM ledger WHERE seq = {last}", "DELETE FROM meta WHERE key = 'sealed'")
    volumes.volume(2).unlink()
    shutil.copy(older, volumes.volume(2))
    found = findings(volumes)
    assert _named(found, "000003.sqlite", f"continues after entry {last}"), found
    assert _named(found, "000002.sqlite", "not sealed"), found

    change(home.volume(1), "DELETE FROM ledger WHERE seq > 6")
    assert _named(findings(home), "ends with entry 6"), findings(home)
    assert "lost or replaced" in _refused(home)


@pytest.mark.parametrize("number", [1, 2])
async def test_a_missing_volume_is_found_and_named_and_the_others_are_used(volumes: Home, number: int) -> None:
    """First or middle: verify and the open archive name it; mail goes on to be archived, and nothing else is changed."""
    volumes.volume(number).unlink()
    found = [f"{one.where}: {one.text}" for one in (await verify(volumes)).findings]
    assert _named(found, f"{number:06}.sqlite is missing"), found
    before = homes.files(volumes.volumes)
    last = f"{volumes.volume_numbers()[-1]:06}.sqlite"
    archive = await Archive.open(volumes)
    try:
        assert any(f"{number:06}" in notice for notice in archive.notices)
        assert archive.refusal is None
        await homes.store(archive, {900: message(900)})
        assert hashlib.sha256(message(900)).hexdigest() in {
            bytes(row[0]).hex() for row in await archive.database.read("SELECT sha256 FROM message")
        }
    finally:
        await archive.close()
    after = homes.files(volumes.volumes)
    assert {name for name in before if before[name] != after[name]} <= {last, f"{last}-journal", "."}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE message SET subject = 'forged' WHERE id = 2", ("catalog", "message 2", "not in the ledger")),
        ("DELETE FROM placement WHERE id = 2", ("catalog", "placement 2", "missing")),
        ("INSERT INTO folder (owner, path) VALUES ('x', 'y')", ("catalog", "folder", "not in the ledger")),
        ("UPDATE user SET name = 'ALICE'", ("catalog", "user", "ALICE")),
        ("UPDATE source_message SET gone_seq = NULL", ("catalog", "source_message", "not in the ledger")),
        ("UPDATE applied SET hash = zeroblob(32)", ("ledger", "not the one that the catalog has seen")),
        ("DELETE FROM address", ("catalog", "address", "missing")),
    ],
)
def test_a_change_in_the_catalog_is_found_and_rebuild_mends_it(home: Home, statement: str, words: tuple[str, ...]) -> None:
    """A row changed, removed or added is named with its table; after rebuild the catalog is as it was."""
    before = homes.tables(home)
    change(home.catalog, statement)
    assert _named(findings(home), *words), findings(home)
    assert homes.cli(home, "verify").returncode == 4
    assert homes.rows(home.catalog, "SELECT 1 FROM damage")
    assert homes.cli(home, "rebuild").returncode == 0
    assert homes.rows(home.catalog, "SELECT * FROM damage WHERE place = 'catalog'") == []
    assert homes.tables(home) == before
    assert findings(home) == []


@pytest.mark.parametrize("how", ["tables", "file", "bytes"])
def test_rebuild_makes_the_same_catalog_from_the_volumes_alone(volumes: Home, how: str) -> None:
    """Its tables were emptied, archive.sqlite was deleted, or it is no database any more: every row comes back (P8)."""
    before = homes.tables(volumes)
    assert all(
        before[name] for name in ("user", "address", "message", "folder", "placement", "source_folder", "source_message")
    )
    if how == "tables":
        change(volumes.catalog, *(f"DELETE FROM {name}" for name in before))
    elif how == "file":
        for path in volumes.path.glob("archive.sqlite*"):
            path.unlink()
    else:
        content = volumes.catalog.read_bytes()
        volumes.catalog.write_bytes(content[:4096] + bytes(len(content) - 4096))
        assert homes.cli(volumes, "status").returncode == 4
        assert "archivar rebuild makes the catalog anew" in homes.cli(volumes, "verify").stderr
    result = homes.cli(volumes, "rebuild", "--json")
    assert result.returncode == 0, result.stderr
    assert [path.name for path in volumes.path.glob("*.damaged-*")] == ["archive.sqlite.damaged-1"] * (how == "bytes")
    assert homes.tables(volumes) == before
    assert findings(volumes) == []


def test_the_command_line_says_damaged_with_code_4_and_names_mailbox_and_subject(home: Home) -> None:
    """``verify --json``: ok, counts, the chain's end, findings with where, text and messages; a clean one is in the ledger."""
    clean = homes.cli(home, "verify", "--json")
    assert clean.returncode == 0, clean.stderr
    value = json.loads(clean.stdout)
    assert (value["ok"], value["findings"], value["messages"], value["entries"]) == (True, [], 12, 8)
    assert rows(home.volume(1), "SELECT kind FROM ledger ORDER BY seq DESC LIMIT 1") == [("verified",)]

    digest, recipe = rows(home.volume(1), "SELECT sha256, recipe FROM message ORDER BY length(recipe) DESC LIMIT 1")[0]
    change(home.volume(1), f"UPDATE message SET recipe = X'{recipe[:8].hex()}' WHERE sha256 = X'{digest.hex()}'")
    damaged = homes.cli(home, "verify", "--json")
    assert damaged.returncode == 4
    value = json.loads(damaged.stdout)
    assert value["ok"] is False
    assert set(value) == {
        "ok",
        "volumes",
        "parts",
        "messages",
        "entries",
        "bytes",
        "head",
        "findings",
        "repaired",
        "backup",
        "unanchored",
        "away",
    }
    assert set(value["head"]) == {"seq", "hash"}
    (finding,) = value["findings"]
    assert set(finding) == {"where", "text", "code", "messages"}
    assert finding["code"] == "found-message-unread"
    assert finding["where"] == "000001.sqlite"
    assert digest.hex()[:16] in finding["text"]
    assert "alice: alice@example.test/" in finding["messages"]
    assert "message" in finding["messages"]
    text = homes.cli(home, "verify")
    assert text.returncode == 4
    assert "damaged" in text.stdout
    assert digest.hex()[:16] in text.stdout


def test_bytes_flipped_anywhere_in_a_volume_are_found_or_harmless(template: Home, tmp_path: Path) -> None:
    """Random damage, 150 times: where verify says clean, all messages read back and the ledger is unchanged; it never fails."""

    async def state(home: Home) -> tuple[dict[str, bytes], list[object]]:
        archive = await Archive.open(home, follow=False)
        try:
            return await homes.raws(archive), [*await homes.entries(archive)]
        finally:
            await archive.close()

    async def fuzz() -> tuple[int, int]:
        whole = template.volume(1).read_bytes()
        expected = await state(template)
        home = Home(Path(shutil.copytree(template.path, tmp_path / "home")))
        used = [place for place, byte in enumerate(whole) if byte]
        clean = found = 0
        for case in range(CASES):
            random = Random(f"flip {case}")
            data = bytearray(whole)
            # Most of so small a volume is empty space: two thirds of the cases go where something is.
            places = random.choices(used if case % 3 else range(len(data)), k=random.choice((1, 1, 2, 8)))
            for place in places:
                data[place] ^= 1 << random.randrange(8)
            home.volume(1).write_bytes(data)
            Path(f"{home.volume(1)}-journal").unlink(missing_ok=True)
            verdict = await verify(home)
            if verdict.findings:
                found += 1
                assert all(one.where and one.text for one in verdict.findings)
            else:
                clean += 1
                assert await state(home) == expected, f"case {case}: bytes {places} changed unseen"
        return clean, found

    clean, found = asyncio.run(fuzz())
    assert clean + found == CASES
    assert found > CASES / 3


async def test_verify_while_messages_are_archived_finds_nothing_false(tmp_path: Path) -> None:
    """Volumes are filled, sealed and begun while verify reads them, again and again: always clean."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=300_000)
    stop = asyncio.Event()

    async def fill() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await homes.store(archive, {number * 10 + index: message(number * 10 + index, 20_000) for index in range(4)})
        return number

    filling = asyncio.ensure_future(fill())  # noqa: TID251 (awaited below)
    verdicts: list[Verdict] = []
    try:
        while len(verdicts) < 3 or verdicts[-1].volumes < 4:
            verdicts.append(await verify(archive.home))
            assert [one.text for one in verdicts[-1].findings] == []
    finally:
        stop.set()
        batches = await filling
        await archive.close()
    assert verdicts[0].messages < verdicts[-1].messages <= batches * 4


async def test_an_archive_that_is_only_busy_or_out_of_space_is_not_called_damaged(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign lock or a full disk ends verify with that error, not with a finding."""
    errors: list[ArchivarError] = [StorageError(said("full")), BusyError(said("locked"))]
    for error in errors:

        async def refuse(*_: object, error: ArchivarError = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("core.archive.proof.verify._replay", refuse)
            with pytest.raises(type(error)):
                await verify(home)
    assert not list(home.path.glob(f"{FOLDER}*"))


async def test_what_a_killed_verify_left_behind_is_removed(home: Home) -> None:
    """A folder that no living verify holds goes with the next verify."""
    left = home.path / f"{FOLDER}left"
    left.mkdir()
    (left / "replayed.sqlite").write_bytes(b"x" * 1000)
    assert (await verify(home)).findings == []
    assert not list(home.path.glob(f"{FOLDER}*"))


async def test_a_damaged_message_keeps_its_line_and_the_others_stay_readable(home: Home) -> None:
    """Rebuilt over a damaged part, the catalog still lists the message, and reading it says what is wrong."""
    digest, recipe = rows(home.volume(1), "SELECT sha256, recipe FROM message ORDER BY length(recipe) DESC LIMIT 1")[0]
    part = int.from_bytes(recipe[8:16], "big")
    change(home.volume(1), f"UPDATE part SET data = zeroblob(10) WHERE id = {part}")
    archive = await Archive.open(home)
    try:
        await archive.rebuild()
        assert (await archive.database.value("SELECT count(*) FROM message")) == 12
        with pytest.raises(DamagedError, match=f"Part {part}"):
            await archive.raw(digest)
        read: Callable[[bytes], object] = archive.raw
        others = [row[0] for row in await archive.database.read("SELECT sha256 FROM message WHERE sha256 <> ?", (digest,))]
        assert len([await read(other) for other in others]) == 11  # type: ignore[misc]
    finally:
        await archive.close()
