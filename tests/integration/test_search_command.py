"""Searching from the command line, and the service that indexes behind the runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import config
from core.archive.archive import Archive
from core.archive.search import search_index
from core.config import Home
from tests import homes
from tests.command import Archivar
from tests.homes import message, wait_for


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """An archive with five messages, of which none is indexed."""
    with Archivar(tmp_path / "work") as archivar:
        asyncio.run(fill(archivar.home, 1, 5))
        yield archivar


async def fill(home: Path, first: int, last: int) -> None:
    archive = await homes.begin(home) if first == 1 else await Archive.open(config.find(home))
    await homes.store(archive, {number: text(number) for number in range(first, last + 1)})
    await archive.close()


def text(number: int) -> bytes:
    return message(number) + f"Grüße, die Straße Nummer N{number}N\r\n".encode()


async def behind(home: Home) -> int:
    archive = await Archive.open(home, follow=False)
    try:
        return (await search_index.glance(archive)).behind
    finally:
        await archive.close()


def test_what_is_not_indexed_is_said_and_found_afterwards(archivar: Archivar) -> None:
    """A search says what it does not know of; index brings it up, and umlauts may be written in any way."""
    first = archivar("search", "strasse", "--json").json
    assert (first["total"], first["behind"], first["messages"]) == (0, 5, [])
    assert archivar("status", "--json").json["search"]["behind"] == 5
    assert archivar("index", "--json").json["indexed"] == 5
    found = archivar("search", "gruesse strasse n3n", "--json").json
    assert (found["total"], found["behind"]) == (1, 0)
    [hit] = found["messages"]
    assert hit["user"] == "alice"
    assert hit["date"] == archivar("show", str(hit["id"]), "--json").json["date"]
    assert hit["date"] is None or datetime.fromisoformat(hit["date"]).tzinfo == UTC
    assert archivar("index", "--problems").code == 0


def test_an_error_in_a_query_points_at_its_place(archivar: Archivar) -> None:
    """The query with a caret below, what would do instead, and exit code 2."""
    wrong = archivar("search", "holiday subjct:x", code=2)
    assert "  holiday subjct:x\n          ^\n" in wrong.err
    assert "subject:" in wrong.err


def test_what_a_query_finds_is_exported(archivar: Archivar) -> None:
    """The index is brought up before; a query that finds nothing is no export of everything."""
    target = archivar.folder / "out"
    archivar("export", "--query", "n2n OR n4n", "--format", "eml", str(target))
    assert len(list(target.rglob("*.eml"))) == 2
    none = archivar("export", "--query", "nowhere", "--format", "eml", str(archivar.folder / "none"), code=2)
    assert "Nothing is found" in none.err
    assert not (archivar.folder / "none").exists()


def test_the_service_indexes_what_there_is(archivar: Archivar) -> None:
    """Its process comes up by itself; killed at any moment it comes again with the next service."""
    home = config.find(archivar.home)
    for number in range(2):
        asyncio.run(fill(archivar.home, 6 + number, 6 + number))
        process = homes.start_service(home)
        try:
            wait_for(lambda: asyncio.run(behind(home)) == 0, "the index")
        finally:
            homes.end(process)
    assert archivar("search", "n7n", "--json").json["total"] == 1


def test_the_index_is_made_anew(archivar: Archivar) -> None:
    """By itself when its file is no database any more; by rebuild with the catalog."""
    home = config.find(archivar.home)
    archivar("index")
    home.search.write_bytes(b"this is no database" * 1000)
    assert archivar("search", "n5n", "--json").json["behind"] == 5
    assert archivar("rebuild", "--json").json["indexed"] == 5
    assert archivar("search", "n5n", "--json").json["total"] == 1
