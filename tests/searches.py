"""An archive with an index, for tests of the search."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.search.query import parse
from core.archive.search.search import Order, Search
from core.archive.search.search_index import Index
from core.config import Home
from tests.homes import ALICE, begin, store


def mail(number: int, subject: str = "", body: str = "Text", *headers: str, day: int = 1) -> bytes:
    """A message of the day ``day`` of May 2024."""
    lines = [
        f"From: Sender {number} <sender{number}@example.test>",
        f"To: {ALICE}",
        f"Subject: {subject or f'Number {number}'}",
        f"Date: {day} May 2024 12:{number % 60:02}:00 +0000",
        *headers,
    ]
    if not any(header.lower().startswith("content-type") for header in headers):
        lines.append("Content-Type: text/plain; charset=utf-8")
    return ("\r\n".join(lines) + f"\r\n\r\n{body}\r\n").encode()


MULTIPART = 'Content-Type: multipart/mixed; boundary="b"'
ATTACHED = (
    "--b\r\nContent-Type: text/html\r\n\r\n<p>Quarterly <b>fig</b>ures</p>\r\n"
    '--b\r\nContent-Type: application/pdf; name="Angebot Überblick.pdf"\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--"
)
MAIL = {
    1: mail(1, "Offer for steel", "Müller asks for a price", day=1),
    2: mail(2, "Re: Offer for steel", "We take it for 300", "Cc: carla@example.test", day=2),
    3: mail(3, "Holiday", "Steel and straße", day=3),
    4: mail(4, "Report", ATTACHED, MULTIPART, day=4),
    5: mail(5, "東京タワー", "the offer stands", day=5),
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with five messages of alice, indexed; to be copied and not touched."""

    async def make() -> Home:
        archive = await begin(tmp_path_factory.mktemp("indexed") / "home")
        await store(archive, MAIL)
        await catch_up(archive)
        await archive.close()
        return archive.home

    return asyncio.run(make())


@pytest.fixture
async def archive(indexed: Home, tmp_path: Path) -> AsyncIterator[Archive]:
    """A copy of it, open."""
    archive = await Archive.open(Home(Path(shutil.copytree(indexed.path, tmp_path / "home"))))
    yield archive
    await archive.close()


async def catch_up(archive: Archive) -> None:
    index = await Index.open(archive)
    try:
        while await index.step():
            pass
    finally:
        await index.close()


async def behind(archive: Archive) -> int:
    """Messages that an index that is opened now has not."""
    index = await Index.open(archive)
    try:
        return await index.behind()
    finally:
        await index.close()


async def found(archive: Archive, text: str, *, order: Order = Order.NEWEST) -> list[int]:
    """The numbers of what a query finds, after a look at what the count says."""
    search = await Search.open(archive)
    try:
        query = parse(text)
        page = await search.page(query, order=order, limit=100)
        assert await search.count(query) == len(page.hits)
        assert sorted([number async for number in search.ids(query)]) == sorted(hit.id for hit in page.hits)
        return [hit.id for hit in page.hits]
    finally:
        await search.close()
