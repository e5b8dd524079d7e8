"""Statistics are kept as the catalog changes, and say the same as counting would."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.catalog import tallies
from core.db.migrate import migrations, statements
from core.model import now
from tests import counting, homes, older


@given(st.text(alphabet='ab@.<>,;()" Äé\n', max_size=40))
def test_the_domain_of_a_sender_is_what_stands_after_the_last_at_sign(sender: str) -> None:
    """For any text of a header; the script that counts an older catalog reads it the same."""
    assert tallies.domain(sender) == counting.domain(sender)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE message (size INTEGER, sender TEXT)")
        connection.execute("CREATE TABLE tally (kind, key, messages, bytes)")
        connection.execute("INSERT INTO message VALUES (5, ?)", (sender,))
        [script] = [one.sql for one in migrations() if one.number == 19]
        [count] = [statement for statement in statements(script) if "'domain'" in statement]
        connection.execute(count)
        rows = connection.execute("SELECT * FROM tally").fetchall()
    assert rows == [("domain", tallies.domain(sender), 1, 5)]


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("Anna <anna@Example.TEST>", "example.test"),
        ("anna@example.test", "example.test"),
        ('"bob@home.test via list" <list@lists.test>', "lists.test"),
        ("undisclosed", ""),
        ("", ""),
        ("a@b.test., c", "b.test"),
    ],
)
def test_domains_of_usual_senders(sender: str, domain: str) -> None:
    """The reading by hand, to which that of the catalog is held, is right."""
    assert counting.domain(sender) == domain


async def test_mail_counts_on_the_day_it_came(tmp_path: Path) -> None:
    """The day of the entry in UTC, whatever the mail says of itself; stored once, it counts once."""
    archive = await homes.begin(tmp_path / "home")
    try:
        before = int(now().timestamp()) // 86400
        await homes.store(archive, {1: homes.message(1), 2: homes.message(2)})
        await homes.store(archive, {1: homes.message(1)}, folder="Work")
        rows = await archive.database.read("SELECT day, messages FROM growth")
        days = {before, int(now().timestamp()) // 86400}
        assert sum(count for _, count in rows) == 2
        assert {day for day, _ in rows} <= days
        assert await archive.database.read("SELECT path LIKE '%Work', messages FROM folder ORDER BY id") == [(0, 2), (1, 1)]
    finally:
        await archive.close()


@pytest.mark.parametrize("version", [one for one in older.VERSIONS if one >= 17 or one in (1, 15)])
def test_an_older_catalog_is_counted_when_it_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    """Also the days on which its mail came; making it anew gives the same."""
    home = older.unpacked(tmp_path, version)
    asyncio.run(_opened(home.path))
    tables = homes.tables(home)
    assert tables["growth"]
    homes.rebuild(home)
    assert homes.tables(home) == tables
    assert migrations()[-1].number > version


async def _opened(path: Path) -> None:
    from core.archive.archive import Archive
    from core.config import Home

    archive = await Archive.open(Home(path))
    # As what shows the days does.
    await archive.date_arrivals()
    await archive.close()
