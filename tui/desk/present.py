"""Presentation of values: safe texts, tones, and numbers with their words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from core.model import moment
from core.text import format as texts
from core.text import layout as layout

# Importing it also corrects Rich and Textual, so that they measure columns as terminals do.
from core.text.cells import cell_len as cell_len
from core.text.cells import chop_cells as chop_cells

#: A text safe to show: it does not act on a terminal, and is no markup.
Safe = NewType("Safe", str)
BLANK = Safe("")
#: Characters of a sentence that are shown.
LONGEST = 10_000


class Tone(StrEnum):
    """The tone of a text; themes give it a colour. Never the only sign of anything: there is always a glyph or a word too."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    BUSY = "busy"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as a glyph, a word and a tone."""

    glyph: Safe
    word: Safe
    tone: Tone

    @property
    def shown(self) -> Safe:
        """Glyph and word."""
        return own("{} {}", self.glyph, self.word)

    def __str__(self) -> str:
        return self.shown


#: ``1 mailbox``, ``1,204 mailboxes``.
count = texts.counted


def text(value: str, limit: int = 300) -> Safe:
    """Text from outside, made safe: one line without control effects, shifts or markup."""
    return Safe(steady(texts.safe(value, limit)))


def sentence(value: str) -> Safe:
    """A sentence of the core or of the desk in full, up to ``LONGEST`` characters."""
    return text(value, LONGEST)


def sentences(values: Iterable[str]) -> tuple[Safe, ...]:
    """Each of ``values`` as a ``sentence``."""
    return tuple(map(sentence, values))


def named(values: Iterable[tuple[str, str]]) -> tuple[tuple[Safe, Safe], ...]:
    """Names with their values, each as a ``sentence``."""
    return tuple((sentence(name), sentence(value)) for name, value in values)


def own(template: str, *values: Safe | int) -> Safe:
    """The program's own words. ``template`` is a literal, with ``{}`` for each of ``values``."""
    return Safe(template.format(*values) if values else template)


def badge(glyph: str, word: str, tone: Tone) -> Badge:
    """A state in the program's own words: ``glyph`` and ``word`` are literals."""
    return Badge(own(glyph), own(word), tone)


def blanks(number: int) -> Safe:
    """``count`` blanks."""
    return Safe(" " * number)


def joined(separator: str, parts: Iterable[Safe]) -> Safe:
    """``parts`` with a literal between them."""
    return Safe(separator.join(parts))


def since(time: str) -> str:
    """A time of the ledger as a day: ``today``, ``Monday``, ``2026-01-31``."""
    day, today = moment(time).astimezone().date(), datetime.now().astimezone().date()
    ago = (today - day).days
    if ago < 1:
        return "today"
    return "yesterday" if ago == 1 else f"{day:%A}" if ago < 7 else f"{day:%Y-%m-%d}"


#: Terminals give these one or two columns, depending on their version of Unicode: a line would shift.
_DISPUTED = re.compile(
    "[\u2630-\u2637\u268a-\u268f\u302e\u302f\u3248-\u324f\u4dc0-\u4dff\U0001d300-\U0001d37f\U00016ff0-\U00016ff1]"
)


def steady(text: str) -> str:
    """``text`` without characters on whose width terminals disagree."""
    return text if text.isascii() else _DISPUTED.sub("□", text)
