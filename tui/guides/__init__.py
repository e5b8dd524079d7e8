"""Guides: what is to be set up on mail servers and on this machine. One text file each: its title, an empty line, the text.

How the text is marked is said in ``tui.text.prose.page``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from tui.desk.present import Safe

#: In the order in which they are listed.
IDS = ("kerio-master", "kerio-archive", "kerio-deletion", "other-servers", "directory", "service")


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide as it is read."""

    id: str
    title: Safe
    text: Safe


def load(id: str) -> Guide:
    """One guide by its ``id``, which is one of ``IDS``. Raises ``KeyError`` for any other."""
    if id not in IDS:
        raise KeyError(id)
    title, _, text = files("tui.guides").joinpath(f"{id}.txt").read_text(encoding="utf-8").partition("\n\n")
    return Guide(id, Safe(title.strip()), Safe(text.strip("\n")))


def all_guides() -> tuple[Guide, ...]:
    """All guides, in the order in which they are listed."""
    return tuple(load(id) for id in IDS)
