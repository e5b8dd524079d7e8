"""Markdown of the manual as a tree of blocks: headings, paragraphs, lists, tables, and verbatim lines.

Comments and pictures are left out. Anything else that Markdown has (quotations, HTML, rules) is refused, so that a page looks
alike wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from core.values import dataclass


class Style(Enum):
    """Styles of a piece of text."""

    PLAIN = auto()
    STRONG = auto()
    CODE = auto()


@dataclass(frozen=True, slots=True)
class TextRun:
    """A piece of text in one style; ``target`` is a link's, empty for other text."""

    text: str
    style: Style = Style.PLAIN
    target: str = ""


Text = tuple[TextRun, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` 1 is the title of the page."""

    level: int
    text: Text


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text that is wrapped to the width."""

    text: Text


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Verbatim lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list; numbered from ``start`` on, or with dashes where that is None. Each item holds blocks."""

    items: tuple[tuple[Block, ...], ...]
    start: int | None = None

    def marks(self) -> list[str]:
        """The mark before each item."""
        return [f"{self.start + number}." if self.start is not None else "-" for number in range(len(self.items))]


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table: rows with as many cells as ``head``, whose texts may all be empty."""

    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


Block = Heading | Paragraph | CodeBlock | Items | TableBlock

_PARSER = MarkdownIt("commonmark").enable("table")


def parse(markdown: str, *, marked: bool = False) -> tuple[Block, ...]:
    """Parse a page. With ``marked`` headings, code and names of other pages keep marks as in Markdown.

    Raises ``ValueError`` with the line of unsupported Markdown.
    """
    tokens = _PARSER.parse(markdown)
    if marked:
        _mark(tokens)
    return _blocks(SyntaxTreeNode(tokens).children)


def _mark(tokens: Sequence[Token]) -> None:
    """Put the marks back into the text, for a terminal without styles."""
    for before, token in pairwise(tokens):
        for beside, child in pairwise([token, *(token.children or ())]):
            if child.type == "code_inline":
                child.content = f"`{child.content}`"
            elif beside.type == "link_open" and child.type == "text" and _is_page(beside.attrGet("href")):
                child.content = f"[{child.content}]"
        if before.type == "heading_open" and token.children:
            token.children.insert(0, Token("text", "", 0, content="#" * int(before.tag[1]) + " "))


def _is_page(target: object) -> bool:
    """True when a link leads to a page of the manual."""
    return str(target).endswith(".md")


def _blocks(nodes: Sequence[SyntaxTreeNode]) -> tuple[Block, ...]:
    return tuple(block for node in nodes if (block := _block(node)) is not None)


def _block(node: SyntaxTreeNode) -> Block | None:
    match node.type:
        case "heading":
            return Heading(int(node.tag[1]), _inline(node))
        case "paragraph":
            text = _inline(node)
            return Paragraph(text) if text else None
        case "fence" | "code_block":
            return CodeBlock(tuple(node.content.rstrip("\n").split("\n")))
        case "bullet_list":
            return Items(tuple(_blocks(item.children) for item in node.children))
        case "ordered_list":
            start = node.attrs.get("start", 1)
            return Items(tuple(_blocks(item.children) for item in node.children), int(start))
        case "table":
            head, *rows = (tuple(_inline(cell) for cell in row.children) for part in node.children for row in part.children)
            return TableBlock(head, tuple(rows))
        case "html_block" if node.content.startswith("<!--"):
            return None
    raise ValueError(f"line {node.map[0] + 1 if node.map else '?'}: {node.type} cannot stand in the manual")


def _inline(node: SyntaxTreeNode) -> Text:
    """The text of a block with inline content."""
    children = [child for part in node.children for child in part.children]
    return _joined([run for child in children for run in _runs(child, Style.PLAIN, "")])


def _runs(node: SyntaxTreeNode, style: Style, target: str) -> list[TextRun]:
    match node.type:
        case "text":
            return [TextRun(node.content, style, target)]
        case "softbreak":
            return [TextRun(" ", style, target)]
        case "code_inline":
            return [TextRun(node.content, Style.CODE, target)]
        case "strong" | "em":
            return [run for child in node.children for run in _runs(child, Style.STRONG, target)]
        case "link":
            target = str(node.attrs["href"])
            style = Style.STRONG if _is_page(target) else style
            return [run for child in node.children for run in _runs(child, style, target)]
        case "image":
            return []
    raise ValueError(f"{node.type} cannot stand in the manual")


def _joined(runs: list[TextRun]) -> Text:
    """Neighbours of one style and target merged into one run; blanks around the whole removed."""
    found: list[TextRun] = []
    for run in runs:
        if found and (found[-1].style, found[-1].target) == (run.style, run.target):
            found[-1] = TextRun(found[-1].text + run.text, run.style, run.target)
        elif run.text:
            found.append(run)
    return tuple(run for run in found if run.text.strip() or len(found) > 1)
