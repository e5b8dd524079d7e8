"""``archivar help``: the manual, which the console shows too."""

from __future__ import annotations

from typing import Annotated

import typer

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


def show(topic: TOPIC = "") -> None:
    """Show a page of the manual; without a topic, which pages there are.

    Arguments and options of a command are told by archivar COMMAND --help.
    """
    if topic:
        _page(_find(topic))
    else:
        _list()


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


def _list() -> None:
    if output.json_wanted:
        found = [{"topic": one.id, "title": one.title, "group": one.group} for one in pages.topics()]
        output.json({"topics": found})
        return
    group = ""
    longest = max(len(one.id) for one in pages.topics())
    for one in pages.topics():
        if one.group != group:
            if group:
                output.line()
            output.line(one.group)
            group = one.group
        output.line(f"  {one.id:<{longest}}  {one.title}", indent=longest + 4)


def _page(topic: pages.Topic) -> None:
    text = pages.text(topic)
    if output.json_wanted:
        output.json({"topic": topic.id, "title": topic.title, "markdown": text})
        return
    # A Markdown parser is imported for a page alone.
    from core.manual import layout
    from core.manual.blocks import parse

    for line in layout.lines(parse(text, marked=True), min(output.columns, _WIDEST)):
        output.verbatim(layout.plain(line))
