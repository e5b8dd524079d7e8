"""A page of the manual as a page for ``man``: roff with the macros of man(7), in ASCII alone."""

from __future__ import annotations

from collections.abc import Sequence

from core.manual.blocks import Block, CodeBlock, Heading, Items, Paragraph, Style, TableBlock, Text, TextRun

#: Escapes of characters that have a meaning in roff, or look different.
_ESCAPES = {"\\": "\\(rs", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga", "'": "\\(aq", '"': "\\(dq"}
#: Exceptions in prose: a hyphen, an apostrophe.
_PROSE = {"-": "-", "'": "\\(cq"}
#: A possible line break, without a hyphen.
_BREAK = "\\:"


def heading(name: str, section: int, version: str) -> list[str]:
    """The first lines of a page. It has no date, so that the same sources make the same page."""
    return [f'.TH {_escaped(name.upper())} {section} "" "Archivar {_escaped(version)}" "Archivar"', ".nh", ".ad l"]


def section(title: str, body: Sequence[Block] | str) -> list[str]:
    """A section with the given title, of blocks or of one line of roff."""
    return [f".SH {_escaped(title.upper(), _PROSE)}", *([body] if isinstance(body, str) else blocks(body))]


def blocks(found: Sequence[Block]) -> list[str]:
    """The lines of ``found``. Headings of level 2 begin sections, deeper ones parts of them; the title is left out."""
    lines: list[str] = []
    for block in found:
        lines += _block(block)
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case Heading(level=1):
            return []
        case Heading(level=2):
            return [f".SH {_text(block.text).upper() if not _coded(block.text) else _text(block.text)}"]
        case Heading():
            return [f".SS {_text(block.text)}"]
        case Paragraph():
            return [".PP", _line(block.text)]
        case CodeBlock():
            return [".PP", ".RS 4", ".nf", *(_code_line(line) for line in block.lines), ".fi", ".RE"]
        case Items():
            return _items(block)
        case TableBlock():
            return _table(block)


def _items(items: Items) -> list[str]:
    lines: list[str] = []
    for mark, item in zip(items.marks(), items.items, strict=True):
        lines.append(f'.IP "{_escaped(mark) if items.start is not None else chr(92) + "(bu"}" 4')
        first, *rest = item
        lines += [_line(first.text)] if isinstance(first, Paragraph) else _block(first)
        if rest:
            lines += [".RS 4", *blocks(rest), ".RE"]
    return lines


def _table(table: TableBlock) -> list[str]:
    """The first cell as a tag, the others below it, with the names of their columns where there are several."""
    lines: list[str] = []
    for first, *others in table.rows:
        lines += [".TP", _line(first)]
        told = [(name, cell) for name, cell in zip(table.head[1:], others, strict=True) if cell]
        for number, (name, cell) in enumerate(told):
            lines += [".br"] if number else []
            lines.append(_line((*name, TextRun(": "), *cell) if name and len(others) > 1 else cell))
    return lines


def _coded(text: Text) -> bool:
    return any(run.style is Style.CODE for run in text)


def _line(text: Text) -> str:
    line = _text(text)
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _code_line(line: str) -> str:
    escaped = _escaped(line)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) or not escaped else escaped


def _text(text: Text) -> str:
    return "".join(_run(run) for run in text)


def _run(run: TextRun) -> str:
    outside = f" ({run.target})" if "://" in run.target and run.target != run.text else ""
    if run.style is Style.PLAIN:
        return _escaped(run.text + outside, _PROSE)
    # A filter of many parentheses is longer than a line.
    text = _escaped(run.text).replace(")(", f"){_BREAK}(")
    return f"\\fB{text}\\fP{_escaped(outside)}"


def _escaped(text: str, instead: dict[str, str] | None = None) -> str:
    known = {**_ESCAPES, **(instead or {})}
    return "".join(known.get(sign) or (sign if sign.isascii() else f"\\[u{ord(sign):04X}]") for sign in text)
