"""Pages of the manual by their topics, in the order of the index.

The index is the page ``README.md``: below ``## Group`` a line ``- [topic](path.md): title`` for each page. Decisions have an
index of the same form.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from core.text.patterns import pattern
from core.values import dataclass

INDEX = "README.md"
#: The group of pages about setting up other systems.
GUIDES = "Guides"
#: Similar topics shown for an unknown one.
_NEAR = 6
_ENTRY = pattern(r"^- \[([a-z-]+)\]\(([a-zA-Z/-]+\.md)\): (.+)$")


@dataclass(frozen=True, slots=True)
class Topic:
    """A page in the index. ``path`` is relative to the folder of the manual, with ``/`` on every system."""

    id: str
    path: str
    title: str
    group: str


def folder() -> Traversable:
    """The folder of the pages: in an installed package beside this module, in a checkout ``docs``."""
    shipped = files("core.manual").joinpath("pages")
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "docs"


@cache
def topics() -> tuple[Topic, ...]:
    """The topics of the index, in order."""
    return _listed(INDEX)


@cache
def decisions() -> tuple[Topic, ...]:
    """The decisions, from their own index."""
    return _listed(f"decisions/{INDEX}")


def _listed(path: str) -> tuple[Topic, ...]:
    found = []
    group = "Decisions"
    for line in _text(path).splitlines():
        if line.startswith("## "):
            group = line[3:]
        elif entry := _ENTRY.match(line):
            found.append(Topic(entry[1], _beside(path, entry[2]), entry[3], group))
    return tuple(found)


def _beside(page: str, path: str) -> str:
    start, slash, _ = page.rpartition("/")
    return start + slash + path


def find(id: str) -> Topic:
    """The topic called ``id``. Raises ``LookupError``; ``near`` finds similar ones."""
    for topic in (*topics(), *decisions()):
        if topic.id == id:
            return topic
    raise LookupError(id)


def near(wanted: str) -> list[str]:
    """Topics spelled similarly to ``wanted``, then those with it as a word in title or headings; at most six."""
    spelled = get_close_matches(wanted, [topic.id for topic in topics()], n=3)
    word = re.compile(rf"^#.*\b{re.escape(wanted)}", re.IGNORECASE | re.MULTILINE)
    about = [topic.id for topic in topics() if word.search(f"# {topic.title}\n{text(topic)}")] if wanted else []
    return list(dict.fromkeys((*spelled, *about)))[:_NEAR]


def text(topic: Topic) -> str:
    """The Markdown of a page."""
    return _text(topic.path)


def _text(path: str) -> str:
    return folder().joinpath(*path.split("/")).read_text(encoding="utf-8")
