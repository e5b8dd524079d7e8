"""Passages of a message: its text and those of nested messages, each under its own header, joined for reading. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from core.text.patterns import pattern
from core.values import dataclass

#: Fields shown of a nested message's header, and characters of each.
HEADING, LONGEST_FIELD = ("From", "To", "Cc", "Date", "Subject"), 1_000
#: Columns by which a nested message is indented, and the most levels that are.
STEP, DEEPEST = 4, 6

_WORD = pattern(r"\w+")


@dataclass(frozen=True, slots=True)
class Passage:
    """The text of the message itself (``level`` 0) or of one in it, with header fields as name and decoded value."""

    level: int
    headers: tuple[tuple[str, str], ...]
    text: str

    def values(self, *names: str) -> list[str]:
        """The values of the fields ``names`` (in lower case), in order."""
        return [value for name, value in self.headers if name.lower() in names]


@dataclass(slots=True)
class Gathered:
    """A passage being collected: plain texts, HTML pages, and calendars in words. ``header`` is the raw header block."""

    level: int
    header: bytes
    charset: str = ""
    plain: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def text(self) -> tuple[str, str]:
        """The text, and its source: "text", "html" where there are only pages, or empty."""
        texts = [text for text in self.plain if text.strip()]
        source = "text" if texts or self.told else ""
        known = {word for text in texts for word in _words(text)} if self.pages else set()
        for page in self.pages:
            words = _words(page)
            # An HTML alternative repeats the plain text; a page with more text is shown as well.
            if len(words - known) * 10 > len(words):
                texts.append(page)
                known |= words
                source = source or "html"
        texts += dict.fromkeys(self.told)
        return "\n\n".join(text.rstrip("\n") for text in texts), source


def composed(passages: Sequence[Passage]) -> str:
    """All passages in order, those of nested messages with a rule, their header, and indented by level."""
    texts = [_set_in(passage) if passage.level else passage.text for passage in passages]
    text = "\n\n".join(text for text in texts if text)
    return text + "\n" if text else ""


def _set_in(passage: Passage) -> str:
    indent = " " * (STEP * min(passage.level, DEEPEST))
    deeper = f", level {passage.level}" if passage.level > 1 else ""
    lines = [f"── Attached message{deeper} ──────────", *_heading(passage)]
    if passage.text:
        lines += ["", *passage.text.split("\n")]
    return "\n".join(f"{indent}{line}" if line else "" for line in lines)


def _heading(passage: Passage) -> Iterable[str]:
    for name in HEADING:
        for value in passage.values(name.lower())[:1]:
            if value:
                yield f"{name + ':':<9}{value[:LONGEST_FIELD]}"


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
