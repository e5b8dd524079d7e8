"""Documents of the index by the batch: few statements for many messages, and the same words as of each by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.search import folding, index_rows, search_index
from core.archive.search.index_document import LONGEST_WORD, SHORTEST_WORD, split
from core.archive.search.index_row import COLUMNS, Document
from core.archive.search.search_index import bring_up
from tests import homes
from tests.crossings import counted
from tests.homes import message, rows

TEXTS = st.text("abeo09 _-\n.äß漢", max_size=40)


def _document(text: str) -> Document:
    return Document(1, 1, 1, 1, 0, (text, *("",) * (len(COLUMNS) - 1)), None)


@given(st.lists(TEXTS, max_size=5))
def test_the_words_of_a_batch_are_those_of_its_texts(texts: list[str]) -> None:
    """Of letters alone, from four on, whether the texts are plain or not."""
    words = {word for text in texts for word in re.findall(r"[^\W_]+", text)}
    expected = {word for word in words if SHORTEST_WORD <= len(word) <= LONGEST_WORD and word.isalpha()}
    _, found = split([_document(text) for text in texts])
    assert set(found) == expected
    assert len(found) == len(expected)


@given(st.lists(st.sampled_from(["a" * 63, "b" * 64, "c" * 65, "d1" * 40, " ", "-", "_", "ß" * 40, "\n"]), max_size=6))
def test_a_word_that_is_too_long_is_cut_wherever_it_stands(pieces: list[str]) -> None:
    """Behind another one, a hyphen, or at the beginning: no word of a folded text is longer than one can be."""
    folded = folding.folded("".join(pieces))
    assert max(map(len, re.findall(r"[^\W_]+", folded)), default=0) <= folding.LONGEST_WORD


async def test_many_messages_are_indexed_in_few_statements_and_one_transaction(tmp_path: Path) -> None:
    """Each transaction writes one run of texts, however many messages it has."""
    archive = await homes.begin(tmp_path / "home")
    for batch in range(3):
        await homes.store(archive, {batch * 500 + number: message(batch * 500 + number, 100) for number in range(1, 501)})
    with counted() as crossings:
        assert await bring_up(archive) == 1500
    assert crossings.jobs < 150
    segments = rows(archive.home.search, "SELECT count(DISTINCT segid) FROM text_idx")[0][0]
    assert segments == 1
    await archive.close()


async def test_runs_of_texts_are_merged_late_while_much_is_to_be_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge writes all texts once more: it comes with the small batches that follow, in pieces."""
    monkeypatch.setattr(index_rows, "LONG_RUN", 20)
    monkeypatch.setattr(search_index, "MOST_MESSAGES", 20)
    archive = await homes.begin(tmp_path / "home")
    try:
        await homes.store(archive, {number: message(number, 100) for number in range(1, 601)})
        index = await search_index.Index.open(archive)
        while await index.step(20):
            pass
        runs = rows(archive.home.search, "SELECT count(DISTINCT segid) FROM text_idx")[0][0]
        assert runs == 30
        for number in range(601, 640):
            await homes.store(archive, {number: message(number, 100)})
            assert await index.step(20) == 1
        assert rows(archive.home.search, "SELECT count(DISTINCT segid) FROM text_idx")[0][0] < runs
        await index.close()
    finally:
        await archive.close()
