"""``python -m tests.benchmarks.searching``: searches for what most messages have, beside the full-text index by itself.

The messages are made in the catalog and the index, without volumes: a search reads none. ``--messages 1000000`` takes a quarter
of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.search import index_rows, query
from core.archive.search.index_document import split
from core.archive.search.index_row import COLUMNS, Batch, Document, rowid
from core.archive.search.search import Search
from core.archive.search.search_index import Index
from tests import homes
from tests.benchmarks.console import Row, verdict

SEED = 5
BRIEF, BATCH = 100_000, 10_000
PAGE_SECONDS = 0.1
BEGINNING, GAP = 1_300_000_000, 300
WORDS, DRAWN = 50_000, 600_000
#: The first letters of words, as frequent as in a language, and the letters that follow.
FIRST = "tttttttttaaaaaaaaasssssssooooooiiiiiiwwwwwccccbbbbppppmmmmffffdddrrrhhhlleeengguvyjkqxz"
LETTERS = "etaoinshrdlu" * 2 + "cmfwypvbgkjqxz"
#: Folders: of one message in 10,000, of the oldest twentieth, and all others.
SMALL, OLD, FOLDERS = 1, 2, 120
#: Of so many messages one has each rare word.
RARE = 20_000
_FTS = (
    "SELECT text.rowid, doc.message_id FROM text CROSS JOIN doc ON doc.id = text.rowid WHERE text MATCH ? "
    "ORDER BY text.rowid DESC LIMIT 51"
)


class Texts:
    """Texts cut from a long one, of words as frequent as in a language; ``words`` are all, the most frequent first."""

    def __init__(self) -> None:
        self.random = Random(SEED)
        made = (self.random.choice(FIRST) + "".join(self.random.choices(LETTERS, k=self._length())) for _ in range(WORDS))
        self.words = list(dict.fromkeys(made))
        self.random.shuffle(self.words)
        shares = [1 / (rank + 3) for rank in range(len(self.words))]
        self._text = " ".join(self.random.choices(self.words, shares, k=DRAWN))

    def _length(self) -> int:
        return self.random.randint(1, 9)

    def cut(self, least: int, most: int) -> str:
        """About so many characters."""
        size = self.random.randint(least, most)
        at = self._text.index(" ", self.random.randrange(len(self._text) - size - 100)) + 1
        return self._text[at : self._text.index(" ", at + size)]

    def document(self, number: int) -> Document:
        person = number % 997
        columns = {
            "subject": self.cut(15, 50),
            "sender": f"{self.words[person]} person{person} example test",
            "recipients": "alice example test",
            "copies": f"carl{number % 50} example test" if number % 10 == 0 else "",
            "body": f"{self.cut(1200, 2600)} rare{number % RARE}",
            "files": "" if number % 7 else f"report{number % 100} pdf",
            "ids": f"{number} {self.random.getrandbits(40):x} example test",
        }
        texts = tuple(columns.get(name, "") for name in COLUMNS)
        return Document(number, number, rowid(_date(number), number), 2300, int(number % 7 == 0), texts, None)


def _date(number: int) -> int:
    return BEGINNING + number * GAP


def measure(folder: Path, messages: int = BRIEF) -> Iterator[Row]:
    """All rows, with so many messages."""
    yield from asyncio.run(_measured(folder, messages))


async def _measured(folder: Path, messages: int) -> list[Row]:
    archive = await homes.begin(folder)
    texts = Texts()
    await _fill(archive, texts, messages)
    search = await Search.open(archive)
    rows = [await _row(search, text, direct, messages) for text, direct in _queries(texts.words).items()]
    await search.close()
    await archive.close()
    shutil.rmtree(folder)
    return rows


async def _row(search: Search, text: str, direct: str, messages: int) -> Row:
    asked = query.parse(text)
    # Read into memory before: a disk is not what is measured.
    await search.page(asked)
    begun = time.perf_counter()
    await search.page(asked)
    ours = time.perf_counter() - begun
    begun = time.perf_counter()
    if direct:
        await search.index.database.read(_FTS, (direct,))
    bare = time.perf_counter() - begun
    begun = time.perf_counter()
    total = await search.total(asked)
    counted = f"; {'' if total.exact else 'at least '}{total.number:,} in {(time.perf_counter() - begun) * 1000:.0f} ms"
    return (
        f"search, first page, {messages:,} messages: {text}",
        f"{ours * 1000:.1f} ms{counted}",
        f"index alone {bare * 1000:.1f} ms" if direct else "",
        f"{ours / bare:.2f}" if direct else "",
        f"under {PAGE_SECONDS * 1000:.0f} ms",
        verdict(ours < PAGE_SECONDS),
    )


def _queries(words: list[str]) -> dict[str, str]:
    """Queries, and what the full-text index is asked for the same; empty where it cannot be asked alone."""
    one, two, three, four, *_ = words
    return {
        "a*": "a*",
        "x*": "x*",
        "th*": "th*",
        "zq*": "zq*",
        "subject:a*": "subject : a*",
        "from:b*": "sender : b*",
        "from:th*": "sender : th*",
        one: one,
        f"{one}*": f"{one}*",
        f"{one} {two} {three} {four}": f"{one} AND {two} AND {three} AND {four}",
        "a* b* s*": "a* AND b* AND s*",
        "a* rare7": "a* AND rare7",
        "a* OR rare7": "a* OR rare7",
        "a* folder:Small": "",
        "a* folder:Old": "",
        f"{one} folder:Small": "",
        f"{one} folder:Old": "",
        "a* user:alice": "",
        f"-{one}": "",
        f"rare7 -{one}": f"rare7 NOT {one}",
        f"{four} -th*": f"{four} NOT th*",
        f'"{one} {two}"': f'"{one} {two}"',
        f'"{one} th"*': f'"{one} th" *',
        f'"{one} a"*': f'"{one} a" *',
    }


async def _fill(archive: Archive, texts: Texts, messages: int) -> None:
    database = archive.database
    owner = (await users.find(archive, "alice")).id
    names = {SMALL: "Small", OLD: "Old"}
    async with database.transaction() as transaction:
        await transaction.many(
            "INSERT INTO folder (id, owner, path) VALUES (?, ?, ?)",
            [(number, owner, f"alice@example.test/{names.get(number, number)}") for number in range(1, FOLDERS + 1)],
        )
    index = await Index.open(archive)
    for first in range(1, messages + 1, BATCH):
        numbers = range(first, min(first + BATCH, messages + 1))
        made, words = split(texts.document(number) for number in numbers)
        batch = Batch()
        batch.add(made, words)
        async with index.database.transaction() as transaction:
            await index_rows.insert(transaction, batch)
            await transaction.execute("UPDATE state SET reached = ?", (numbers[-1],))
        async with database.transaction() as transaction:
            await transaction.many(_MESSAGE, [_message(one) for one in made])
            await transaction.many(_PLACEMENT, [(one.message, _folder(one.message, messages), one.message) for one in made])
    await index.close()


_MESSAGE = (
    "INSERT INTO message (id, sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id, attachments) "
    "VALUES (?, ?, 1, 2300, x'00', ?, ?, ?, ?, '', ?)"
)
_PLACEMENT = f"INSERT INTO placement (message_id, folder_id, since_seq, date) VALUES (?, ?, 1, {BEGINNING} + {GAP} * ?)"


def _message(one: Document) -> tuple[object, ...]:
    sha256 = one.digest.to_bytes(7, "big").ljust(32, b"\0")
    return (one.message, sha256, *one.columns[:3], _date(one.message), one.attachments)


def _folder(number: int, messages: int) -> int:
    if number % 10_000 == 0:
        return SMALL
    return OLD if number < messages / 20 else OLD + 1 + number % (FOLDERS - OLD)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.searching")
    parser.add_argument("--messages", type=int, default=BRIEF, help="messages of the archive")
    options = parser.parse_args()
    table = Table("what", "figure", "reference", "ratio", "bar", "", title="Searches for what is common, in one run")
    folder = Path(tempfile.mkdtemp(prefix="archivar-searching-"))
    try:
        for row in measure(folder / "home", options.messages):
            table.add_row(*row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    Console(width=170).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
