"""Terms of a query that depend on what is indexed: parts of words as the words that have them, and short beginnings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from core.archive.search import beginnings
from core.archive.search import query as language
from core.archive.search.index_row import SHORT_COLUMNS
from core.archive.search.query import Node, QueryError
from core.archive.search.query_terms import Beginning
from core.db.database import Row
from core.problems import search as problems

Read = Callable[[str, Any], Awaitable[list[Row]]]
#: The most words that may contain a part; each of them is sought.
MOST_WORDS = 2_000
#: Messages up to which the lists of all words with a beginning are joined at once, whatever it is.
FEW_MESSAGES = 5_000
#: Messages that are looked at to estimate a share, and the share up to which those lists are short.
SAMPLES, SMALL_SHARE = 256, 0.01
#: Messages of a page, and the time of a look at one when all are looked at by that of a test of one alone, for estimates.
PAGE, LOOK = 50, 0.1


class Terms:
    """The terms of queries as they can be asked of one index, which ``read`` reads."""

    def __init__(self, read: Read) -> None:
        self._read = read

    async def resolved(self, terms: Iterable[Node], *, ranked: bool) -> list[Node]:
        """The terms without parts of words. Raises ``QueryError`` when too many words have a part.

        A beginning that many messages have is a ``Beginning``, unless the results are to be ``ranked`` by their words.
        """
        found = [await self._resolved(term, ranked) for term in terms]
        return found if ranked else await self._with_one_list(found)

    async def _resolved(self, term: Node, ranked: bool) -> Node:
        match term:
            case language.WordPart():
                return await self._words(term)
            case language.Words() if not ranked and _is_short(term):
                return await self._beginning(term)
            case language.Not():
                return language.Not(await self._resolved(term.term, ranked))
            case language.All() | language.Any():
                return type(term)(tuple([await self._resolved(one, ranked) for one in term.terms]))
        return term

    async def _words(self, part: language.WordPart) -> language.Any:
        """The words that contain ``part``, or end with it. Raises ``QueryError`` when these are too many."""
        where = "substr(text, -length(:part)) = :part" if part.ending else "instr(text, :part)"
        rows = await self._read(f"SELECT text FROM word WHERE {where} LIMIT :most", {"part": part.text, "most": MOST_WORDS + 1})
        if len(rows) > MOST_WORDS:
            raise QueryError(problems.TOO_MANY_WORDS(most=MOST_WORDS, part=part.text), part.position)
        # A term not of letters alone is not among those words, and is sought as a word or beginning.
        itself = language.Words((part.text,), part.column, prefix=not part.ending)
        return language.Any((itself, *(language.Words((row[0],), part.column) for row in rows)))

    async def _beginning(self, words: language.Words) -> Node:
        messages = await self._messages()
        if messages <= FEW_MESSAGES:
            return words
        wanted, anywhere = (beginnings.condition(column, ":value", "sample.value") for column in (words.column, ""))
        rows = await self._read(
            f"SELECT count(*), coalesce(sum({wanted}), 0), coalesce(sum({anywhere}), 0) FROM json_each(:sample) sample "
            "WHERE sample.value IN (SELECT message_id FROM beginning)",
            {"value": beginnings.signed(words.words[0]), "sample": str(_sample(messages))},
        )
        looked, have, have_anywhere = rows[0]
        found = Beginning(words.words[0], words.column, have / max(looked, 1))
        # The lists to be joined are those of all columns.
        if have_anywhere <= looked * SMALL_SHARE:
            return words
        return found if have else await self._listed(found)

    async def _with_one_list(self, terms: Sequence[Node]) -> list[Node]:
        """The terms, with the rarest beginning listed where few messages have all of them.

        Then to walk from one message that has them to the next takes longer than to list all that have the one.
        """
        tested = [term for term in terms if isinstance(term, Beginning)]
        share = 1.0
        for one in tested:
            share *= one.share
        rarest = min(tested, key=lambda one: one.share, default=None)
        if rarest is None or rarest.listed is not None:
            return list(terms)
        if share * await self._messages() * max(rarest.share, LOOK) > PAGE:
            return list(terms)
        instead = await self._listed(rarest)
        return [instead if one is rarest else one for one in terms]

    async def _listed(self, one: Beginning) -> Node:
        """A beginning of which all messages are listed: in a short column by its row, else by the lists of words."""
        if one.column not in SHORT_COLUMNS:
            return language.Words((one.text,), one.column, prefix=True)
        sql = beginnings.listed(one.column, ":value")
        rows = await self._read(sql, {"value": beginnings.signed(one.text)})
        return replace(one, listed=tuple(row[0] for row in rows))

    async def _messages(self) -> int:
        """The number of indexed messages, nearly: the last id among them."""
        rows = await self._read("SELECT reached FROM state", ())
        return int(rows[0][0]) if rows else 0


def _is_short(words: language.Words) -> bool:
    return words.prefix and not words.compact and len(words.words) == 1 and beginnings.testable(words.words[0])


def _sample(messages: int) -> list[int]:
    """Message ids, evenly among all."""
    return [messages * number // SAMPLES for number in range(1, SAMPLES + 1)]
