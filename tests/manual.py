"""Pages of the manual for tests: their blocks, their sections, what is said in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from core.manual import pages
from core.manual.blocks import Block, Heading, Items, Paragraph, TableBlock, Text, parse

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOPICS = (*pages.topics(), *pages.decisions())
IDS = [topic.id for topic in TOPICS]
#: What is read as Markdown outside the manual.
BESIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")


@cache
def page(id: str) -> tuple[Block, ...]:
    return parse(pages.text(pages.find(id)))


def walk(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """All blocks, those in lists too."""
    for block in blocks:
        yield block
        if isinstance(block, Items):
            for item in block.items:
                yield from walk(item)


def texts(block: Block) -> Iterator[Text]:
    match block:
        case Heading() | Paragraph():
            yield block.text
        case TableBlock():
            # Where a table becomes a list the name of its first column is not needed.
            yield from itertools.chain(block.head[1:], *block.rows)


def said(text: Text) -> str:
    return "".join(run.text for run in text)


def sections(blocks: tuple[Block, ...]) -> dict[str, list[Block]]:
    """The blocks below each heading, by what it says."""
    found: dict[str, list[Block]] = {}
    for block in blocks:
        if isinstance(block, Heading):
            found[said(block.text)] = []
        elif found:
            found[next(reversed(found))].append(block)
    return found
