"""Verification by long pages: it finds what a look at each row by itself finds, in a few statements for many messages."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path
from sqlite3 import IntegrityError
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.proof import sound_pages
from core.archive.proof.check_place import CheckPosition, CheckStage
from core.archive.proof.findings import Verdict
from core.archive.proof.ledger_check import ROWS
from core.archive.proof.sound_pages import SoundRows
from core.archive.proof.verify import verify
from core.archive.proof.volume_check import walk
from core.archive.store.volume_format import unpack
from core.config import Home
from tests import homes
from tests.crossings import counted
from tests.homes import change, message, rows

PAGE = 16384
#: Statements against a volume that are harmful in one row or another.
STATEMENTS = (
    "UPDATE part SET data = zeroblob(10) WHERE id = {part}",
    "UPDATE part SET sha256 = zeroblob(32) WHERE id = {part}",
    "UPDATE part SET size = size + 1 WHERE id = {part}",
    "UPDATE part SET id = 1000000 WHERE id = {part}",
    "UPDATE part SET id = 1099511627776 WHERE id = {part}",
    "DELETE FROM part WHERE id = {part}",
    "UPDATE message SET size = size + 1 WHERE rowid_of = {part}",
    "UPDATE message SET recipe = zeroblob(8) WHERE rowid_of = {part}",
    "UPDATE message SET recipe = CAST(X'00000000000000' AS BLOB) WHERE rowid_of = {part}",
    "UPDATE message SET recipe = (SELECT recipe FROM message ORDER BY sha256 LIMIT 1) WHERE rowid_of = {part}",
    "UPDATE message SET sha256 = zeroblob(32) WHERE rowid_of = {part}",
    "DELETE FROM message WHERE rowid_of = {part}",
    "UPDATE message SET recipe = CAST(X'8000000000000001' AS BLOB) WHERE rowid_of = {part}",
    "UPDATE message SET size = -1000000000 WHERE rowid_of = {part}",
    "DELETE FROM ledger WHERE seq = {part}",
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Messages of one part and of several, two of which are shared."""

    async def fill() -> Home:
        archive = await homes.begin(tmp_path_factory.mktemp("sound") / "home")
        try:
            await homes.store(archive, {number: message(number, 20_000 if number % 3 else 200) for number in range(1, 25)})
            shared = message(3, 20_000)
            await homes.store(archive, {50: shared.replace(b"Subject: ", b"Subject: Re: ")})
            await homes.store(archive, {number: message(number, 100) for number in range(100, 140)})
            return archive.home
        finally:
            await archive.close()

    return asyncio.run(fill())


async def _found(home: Home, *, singly: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[int]]:
    """The findings of a look at all volumes, and its counts; ``singly``: row by row."""
    with monkeypatch.context() as patch:
        if singly:

            async def nothing(*args: object) -> None:
                return None

            async def unknown(*args: object) -> bool:
                return False

            patch.setattr(SoundRows, "parts", nothing)
            patch.setattr(SoundRows, "messages", nothing)
            patch.setattr(SoundRows, "are_explained", unknown)
        verdict = Verdict()
        async with aclosing(walk(home, CheckPosition(), verdict, gentle=True)) as steps:
            async for _ in steps:
                pass
    found = [(one.where, one.reason.code.word, one.sha256, one.text, one.content) for one in verdict.findings]
    return found, [verdict.parts, verdict.messages, verdict.entries, verdict.bytes]


def _harm(home: Home, statement: str, part: int) -> None:
    place = f"recipe >= X'{part:016x}' AND recipe < X'{part + 1:016x}'"
    change(home.volume(1), statement.format(part=part).replace(f"rowid_of = {part}", place))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.integers(PAGE, 2**24), st.integers(1, 255)), max_size=3),
    harms=st.lists(st.tuples(st.sampled_from(STATEMENTS), st.integers(1, 80)), max_size=2),
    zeroed=st.one_of(st.none(), st.integers(1, 60)),
)
@example(flips=[], harms=[(STATEMENTS[3], 4)], zeroed=None)
@example(flips=[], harms=[(STATEMENTS[9], 60), (STATEMENTS[10], 70)], zeroed=None)
@example(flips=[], harms=[(STATEMENTS[14], 3)], zeroed=None)
@example(flips=[], harms=[(STATEMENTS[4], 60)], zeroed=None)
@example(flips=[], harms=[(STATEMENTS[12], 60), (STATEMENTS[13], 70)], zeroed=None)
@example(flips=[], harms=[], zeroed=None)
def test_whatever_is_damaged_both_ways_find_the_same(
    template: Home,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    flips: list[tuple[int, int]],
    harms: list[tuple[str, int]],
    zeroed: int | None,
) -> None:
    """Bytes flipped anywhere behind the first page, a page of zeros, rows changed or gone: finding by finding."""
    path = tmp_path_factory.mktemp("harmed") / "home"
    home = Home(Path(shutil.copytree(template.path, path)))
    for statement, part in harms:
        try:
            _harm(home, statement, part)
        except IntegrityError:
            continue
    volume = home.volume(1)
    data = bytearray(volume.read_bytes())
    for place, bits in flips:
        data[PAGE + place % (len(data) - PAGE)] ^= bits
    if zeroed is not None:
        start = PAGE * (1 + zeroed % (len(data) // PAGE - 1))
        data[start : start + PAGE] = bytes(PAGE)
    volume.write_bytes(data)
    old = asyncio.run(_found(home, singly=True, monkeypatch=monkeypatch))
    assert asyncio.run(_found(home, singly=False, monkeypatch=monkeypatch)) == old
    shutil.rmtree(path)


def _lower_a_key(volume: Path) -> int:
    """Lower a key in the root of the tree of parts by one; the id that it had, whose row is then sought in the next page."""
    [(root,)] = rows(volume, "SELECT rootpage FROM sqlite_schema WHERE name = 'part'")
    data = bytearray(volume.read_bytes())
    start = (root - 1) * PAGE
    assert data[start] == 5, "the tree has no inner page"
    # Behind the header of the page stand the places of its cells: the number of a page, and a key of one byte.
    key = start + int.from_bytes(data[start + 12 : start + 14], "big") + 4
    part = int(data[key])
    assert 1 < part < 0x80
    data[key] -= 1
    volume.write_bytes(data)
    return part


async def test_a_part_that_only_a_look_at_all_rows_finds_is_damage(
    template: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message cannot be read, although its bytes are all there and the rows are in order."""
    home = Home(Path(shutil.copytree(template.path, tmp_path / "home")))
    part = _lower_a_key(home.volume(1))
    lost = [row[0].hex() for row in rows(home.volume(1), "SELECT sha256, recipe FROM message") if part in unpack(row[1])]
    assert lost
    found, counts = await _found(home, singly=False, monkeypatch=monkeypatch)
    assert sorted(one[1:3] for one in found) == sorted(
        [("found-part-unfound", ""), *(("found-message-damaged", digest) for digest in lost)]
    )
    assert await _found(home, singly=True, monkeypatch=monkeypatch) == (found, counts)


@pytest.mark.parametrize("wrong", ["sha256 = zeroblob(32)", "size = size + 1", "recipe = X'{turned}'"])
async def test_a_message_of_several_parts_is_joined_and_hashed(
    template: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Its parts are sound, each by itself, and have just been read."""
    home = Home(Path(shutil.copytree(template.path, tmp_path / "home")))
    number, recipe = rows(home.volume(1), "SELECT id, recipe FROM message WHERE length(recipe) > 8 ORDER BY id LIMIT 1")[0]
    turned = (recipe[8:] + recipe[:8]).hex()
    change(home.volume(1), f"UPDATE message SET {wrong.format(turned=turned)} WHERE id = {number}")
    found, counts = await _found(home, singly=False, monkeypatch=monkeypatch)
    assert [one for one in found if one[1].startswith("found-message")]
    assert await _found(home, singly=True, monkeypatch=monkeypatch) == (found, counts)


async def test_a_page_that_takes_long_is_gone_through_to_its_end(
    tmp_path: Path, template: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages that are to be read once more end a page early: the next one begins where it ended."""
    home = Home(Path(shutil.copytree(template.path, tmp_path / "home")))
    [(last,)] = rows(home.volume(1), "SELECT max(id) FROM message")
    assert last > ROWS
    change(home.volume(1), f"UPDATE message SET size = size + 1 WHERE id = {last}")
    monkeypatch.setattr(sound_pages, "UNPROVED_BYTES", 1)
    monkeypatch.setattr(SoundRows, "_proves", lambda *args: False)
    found, counts = await _found(home, singly=False, monkeypatch=monkeypatch)
    assert [one[1] for one in found if one[1].startswith("found-message")] == ["found-message-of-other-size"]
    assert await _found(home, singly=True, monkeypatch=monkeypatch) == (found, counts)


async def test_a_verification_asks_few_statements_for_many_messages(tmp_path: Path) -> None:
    """A look at a row by itself takes one for each message and each part of it, of which most of its time is made."""
    archive = await homes.begin(tmp_path / "home")
    for batch in range(3):
        await homes.store(archive, {batch * 500 + number: message(batch * 500 + number, 100) for number in range(1, 501)})
    await archive.close()
    with counted() as crossings:
        verdict = await verify(archive.home)
    assert (verdict.messages, verdict.findings) == (1500, [])
    assert crossings.jobs < 500


async def test_messages_that_come_while_a_volume_is_looked_at_are_no_strangers(tmp_path: Path) -> None:
    """Their entry is written after the ledger was looked at, and their rows are found all the same."""
    home = await homes.filled(tmp_path / "home")
    archive = await Archive.open(home)
    place, verdict, stored = CheckPosition(), Verdict(), False
    try:
        async for _ in walk(home, place, verdict, gentle=True):
            if place.stage is CheckStage.PARTS and not stored:
                stored = True
                await homes.store(archive, {number: message(number) for number in range(100, 110)})
    finally:
        await archive.close()
    assert stored
    assert verdict.findings == []
    assert verdict.messages == len(rows(home.volume(1), "SELECT 1 FROM message"))
