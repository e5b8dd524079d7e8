"""``archivar help``: the manual, which the console shows too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from core.cli.answer import Answer, Line, Part, Verbatim
from core.cli.commands import COMMANDS
from core.cli.help import Command
from core.cli.output import output
from core.errors import InputError
from core.manual import pages
from core.problems.usage import NO_TOPIC

#: Columns; longer lines are tiring to read.
_WIDEST = 100
TOPIC = Annotated[str, typer.Argument(metavar="TOPIC", help="A topic, as archivar help lists them.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command("help", cls=Command)(show)


def show(topic: TOPIC = "") -> Answer:
    """Show a page of the manual; without a topic, which pages there are.

    Arguments and options of a command are told by archivar COMMAND --help.
    """
    return _page(_find(topic)) if topic else _list()


def _find(word: str) -> pages.Topic:
    """The topic that ``word`` means. Raises ``InputError`` with similar topics."""
    wanted = word.strip().lower().removesuffix(".md")
    try:
        return pages.find(wanted)
    except LookupError:
        found = pages.near(wanted)
        if wanted in COMMANDS:
            found = [f"archivar {wanted} --help", *(f"archivar help {one}" for one in found)]
        named = " or ".join(found) or "archivar help, which lists all topics"
        raise InputError(NO_TOPIC(word=word[:80], topics=named)) from None


def _list() -> Answer:
    found = pages.topics()
    return Answer(
        json=lambda: {"topics": [{"topic": one.id, "title": one.title, "group": one.group} for one in found]},
        lines=_lines(found),
    )


def _lines(found: Sequence[pages.Topic]) -> Iterator[Part | str]:
    group = ""
    longest = max(len(one.id) for one in found)
    for one in found:
        if one.group != group:
            if group:
                yield ""
            yield one.group
            group = one.group
        yield Line(f"  {one.id:<{longest}}  {one.title}", longest + 4)


def _page(topic: pages.Topic) -> Answer:
    text = pages.text(topic)
    return Answer(json=lambda: {"topic": topic.id, "title": topic.title, "markdown": text}, lines=_read(text))


def _read(text: str) -> Iterator[Verbatim]:
    # A Markdown parser is imported for a page alone.
    from core.manual import layout
    from core.manual.blocks import parse

    for line in layout.lines(parse(text, marked=True), min(output.columns, _WIDEST)):
        yield Verbatim(layout.plain(line))
