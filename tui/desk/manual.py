"""The manual: its pages by topic, and their lines with tones."""

from __future__ import annotations

from functools import lru_cache

from core.manual import pages
from core.manual.pages import GUIDES, Topic, decisions, topics
from tui.desk.present import Safe, Tone

__all__ = ("GUIDES", "Topic", "decisions", "lines", "title", "topics")


def title(topic: Topic) -> Safe:
    """The title of a page."""
    return Safe(topic.title)


@lru_cache(maxsize=8)
def lines(topic: Topic, width: int) -> list[list[tuple[Safe, Tone]]]:
    """The page ``topic`` without its title, in lines of at most ``width`` cells: pieces, each with its tone."""
    # A Markdown parser is imported when a page is read.
    from core.manual import layout
    from core.manual.blocks import Style, parse

    found = layout.lines(parse(pages.text(topic))[1:], width)
    return [[(Safe(text), Tone.PLAIN if style is Style.PLAIN else Tone.STRONG) for text, style in line] for line in found]
