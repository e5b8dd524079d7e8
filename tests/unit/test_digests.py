"""Messages by their SHA-256: found whichever table their keys are in, and never by a look at all of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.catalog import digests, levels
from core.config import Home
from core.db.database import Database, Row
from core.db.migrate import migrate
from tests import homes, mails

#: Few different beginnings, so that several messages have the same key.
DIGESTS = st.tuples(st.sampled_from([b"a" * 8, b"b" * 8, b"\x00" * 8, b"\xff" * 8]), st.binary(min_size=24, max_size=24)).map(
    lambda parts: parts[0] + parts[1]
)
INSERT = (
    "INSERT INTO message (id, sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id, attachments) "
    "VALUES (?, ?, 1, 1, x'', '', '', '', 7, '', 0)"
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few messages fill a table."""
    monkeypatch.setattr(levels, "MOST", (3, 7))


async def _opened(path: Path) -> Database:
    database = await Database.open(path)
    await migrate(database)
    return database


@given(batches=st.lists(st.lists(DIGESTS, max_size=5), max_size=8), gone=st.sets(st.integers(0, 30)))
async def test_a_message_is_found_by_its_digest_as_long_as_it_is_there(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], gone: set[int]
) -> None:
    database = await _opened(tmp_path_factory.mktemp("catalog") / "archive.sqlite")
    there: dict[bytes, int] = {}
    async with database.transaction() as transaction:
        for batch in batches:
            new = [sha256 for sha256 in dict.fromkeys(batch) if sha256 not in there]
            rows = [(sha256, len(there) + number) for number, sha256 in enumerate(new, 1)]
            await transaction.many(INSERT, [(number, sha256) for sha256, number in rows])
            await digests.add(transaction, rows)
            there |= dict(rows)
            assert await digests.ids(transaction, there) == there
        for sha256, number in [one for one in there.items() if one[1] in gone]:
            await transaction.execute("DELETE FROM message WHERE id = ?", (number,))
            await digests.remove(transaction, sha256, number)
            del there[sha256]
    strange = [b"a" * 8 + b"?" * 24, b"c" * 32]
    assert await digests.ids(database, [*there, *strange]) == there
    assert {one.id: one.standing for one in (await digests.find(database, there)).values()} == {n: n for n in there.values()}
    keys = [row for level in digests.TABLES for row in await database.read(f"SELECT key, message_id FROM {level}")]
    assert sorted(keys) == sorted((sha256[:8], number) for sha256, number in there.items())
    await database.close()


async def test_full_tables_are_emptied_into_the_next(tmp_path: Path) -> None:
    database = await _opened(tmp_path / "archive.sqlite")
    async with database.transaction() as transaction:
        for number in range(1, 20):
            sha256 = bytes([number * 13 % 251]) * 32
            await transaction.execute(INSERT, (number, sha256))
            await digests.add(transaction, [(sha256, number)])
    counts = [int(await database.value(f"SELECT count(*) FROM {level}")) for level in digests.TABLES]
    assert counts[0] < 3
    assert counts[1] < 7 + 3
    assert counts[2] > 0
    assert sum(counts) == 19
    await database.close()


async def test_no_look_for_a_digest_reads_all_messages(tmp_path: Path) -> None:
    """The statements use the keys of the tables, whole digests and beginnings alike."""
    home = await _filled(tmp_path / "home")
    asked: list[str] = []

    class Noted(Database):
        async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
            values = list(parameters)
            plan = await super().read(f"EXPLAIN QUERY PLAN {sql}", values)
            asked.extend(row[3] for row in plan if row[3].startswith("SCAN") and "place" not in row[3])
            return await super().read(sql, values)

    database = await Noted.open(home.catalog)
    [(sha256,)] = await database.read("SELECT sha256 FROM message LIMIT 1")
    asked.clear()
    assert list(await digests.find(database, [sha256])) == [sha256]
    assert list(await digests.volumes(database, [sha256])) == [sha256]
    low = sha256[:5]
    sql = f"SELECT sha256 FROM message WHERE {digests.between('?1', '?2')}"
    assert await database.read(sql, (low + bytes(27), low + b"\xff" * 27)) == [(sha256,)]
    assert asked == []
    await database.close()


async def _filled(path: Path) -> Home:
    archive = await homes.begin(path)
    await mails.store(archive, mails.Generator(1).messages(), 30)
    await archive.close()
    return archive.home


async def test_an_archive_with_digests_in_all_tables_is_what_its_ledger_says(tmp_path: Path) -> None:
    home = await _filled(tmp_path / "home")
    before = homes.tables(home)
    archive = await Archive.open(home, follow=False)
    await archive.rebuild()
    await archive.close()
    assert homes.tables(home) == before
    assert [row for row in homes.rows(home.catalog, "SELECT count(*) FROM digest_2") if row[0]]
