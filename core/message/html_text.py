"""HTML as text, with its invisible but searchable parts: targets of links, descriptions of pictures.

HTML is turned to text by regular expressions that never go back over what they took. A browser's parser was tried
(lexbor): 50,000 nested elements, or as many attributes of one, are 250 kB of mail and take it 5 to 8 seconds, since it is
quadratic there. Here a megabyte of such HTML took under 0.2 s, and nothing is rendered, loaded or run.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from core.message.html_references import unescape
from core.text.codepoints import NO_SIGN
from core.text.patterns import pattern
from core.values import dataclass

#: Characters of one target or description, and of all in a page together.
LONGEST_TARGET, LONGEST_TARGETS = 2_000, 500_000
#: Levels of lists that are indented.
DEEPEST_LIST = 8

#: Comments, non-text elements, tags with quoted values, declarations. Unclosed ones go to the end, as in a browser.
_MARKUP = pattern(
    r"<!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->|\Z)"
    r"|<(script|style|template|title)\b[^>]*+(?:>|\Z)[^<]*+(?:<(?!/\1)[^<]*+)*+(?:</\1[^>]*+(?:>|\Z)|\Z)"
    r"|<(/?)([a-z][a-z0-9]*)(?:[^>=]|=\s*+(?:\"[^\"]*\"|'[^']*')|=)*+(?:>|\Z)"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = pattern(
    r"[\s\"'/](?:(href|src|action|background|cite)|(alt|title))\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"']++))",
    re.IGNORECASE,
)
_LINE_TAGS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body br caption center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 "
        "header hr html li listing main nav ol option p plaintext pre section table tbody textarea tfoot thead tr ul xmp",
    )
)
_KEPT_TAGS = frozenset(("pre", "listing", "xmp", "plaintext", "textarea"))
_CELL_TAGS = frozenset(("td", "th"))
_ROW_TAGS = frozenset(("li", "tr", "dt", "dd", "option"))
_LIST_TAGS = frozenset(("ul", "ol"))
_BLANK_LINES = pattern(r"\n{3,}")
_SURROGATE = pattern("[\ud800-\udfff]")
#: Noncharacters for blanks and line ends that are kept while all others are collapsed.
_KEPT_BLANK, _KEPT_LINE = "\ufdd0", "\ufdd1"
_KEEP = str.maketrans({" ": _KEPT_BLANK, "\u00a0": _KEPT_BLANK, "\n": _KEPT_LINE})


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """The text of a page, the targets of its links and pictures, and their texts (``alt``, ``title``)."""

    text: str
    targets: tuple[str, ...]
    descriptions: tuple[str, ...]


def read(page: str) -> HtmlPage:
    """Convert an HTML page. Never raises; linear in time.

    The text of a page of pictures alone is their descriptions.
    """
    reader = _Reader()
    source = page.replace(_KEPT_BLANK, "").replace(_KEPT_LINE, "")
    done = 0
    for found in _MARKUP.finditer(source):
        reader.text(source[done : found.start()])
        done = found.end()
        if found[1]:
            reader.pieces.append(" ")
        elif found[3]:
            reader.tag(found[3].lower(), bool(found[2]), found[0])
    reader.text(source[done:])
    text = _composed(reader.pieces)
    descriptions = tuple(reader.descriptions)
    return HtmlPage(text or "\n".join(descriptions), tuple(reader.targets), descriptions)


def unescaped(text: str) -> str:
    """``text`` with its character references resolved; invalid ones become boxes. Never raises."""
    if "&" not in text:
        return text
    plain = unescape(text)
    return plain if "\ufffd" in text else plain.replace("\ufffd", NO_SIGN)


class _Reader:
    """The pieces of a page's text, in order, with line ends where its blocks end."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        #: In order, each once.
        self.targets: dict[str, None] = {}
        self.descriptions: dict[str, None] = {}
        self._left = LONGEST_TARGETS
        self._kept = 0
        #: The number of the last item of each open list, None in an unnumbered one.
        self._lists: list[int | None] = []

    def text(self, text: str) -> None:
        if not text:
            return
        if self._kept:
            kept = unescaped(text).replace("\r\n", "\n").replace("\r", "\n").expandtabs()
            self.pieces.append(kept.translate(_KEEP))
            return
        words = " ".join(unescaped(text).split())
        before = " " if text[0].isspace() else ""
        self.pieces.append(f"{before}{words} " if words and text[-1].isspace() else f"{before}{words}")

    def tag(self, name: str, closing: bool, source: str) -> None:
        if "=" in source and not closing and self._left > 0:
            self._attributes(source)
        if name in _KEPT_TAGS:
            self._kept = max(self._kept + (-1 if closing else 1), 0)
        elif name in _LIST_TAGS:
            self._list(name, closing)
        if name in _ROW_TAGS:
            # The next item begins a line, or the end of the list does.
            self.pieces.append(" " if closing else self._item() if name == "li" else "\n")
        elif closing and (name == "table" or name in _LIST_TAGS) and not self._lists:
            self.pieces.append("\n\n")
        elif name in _LINE_TAGS:
            self.pieces.append("\n")
        elif name in _CELL_TAGS or name == "img":
            # A picture or cell separates the words around it.
            self.pieces.append(" ")

    def _list(self, name: str, closing: bool) -> None:
        if not closing:
            self._lists.append(0 if name == "ol" else None)
        elif self._lists:
            self._lists.pop()

    def _item(self) -> str:
        """The mark of a list item, indented by the level of the list."""
        indent = _KEPT_BLANK * (2 * min(max(len(self._lists) - 1, 0), DEEPEST_LIST))
        last = self._lists[-1] if self._lists else None
        if last is None:
            return f"\n{indent}- "
        self._lists[-1] = last + 1
        return f"\n{indent}{last + 1}. "

    def _attributes(self, source: str) -> None:
        for found in _ATTRIBUTE.finditer(source):
            value = " ".join(unescaped((found[3] or found[4] or found[5] or "")[:LONGEST_TARGET]).split())
            value = _SURROGATE.sub(NO_SIGN, value.replace("\0", ""))
            # Pictures within the mail are no targets.
            if not value or (found[1] and value[:5].lower() in ("data:", "cid:")) or value[:4].lower() == "cid:":
                continue
            self._left -= len(value)
            if self._left < 0:
                return
            if found[2]:
                self.descriptions[value] = None
                continue
            self.targets[value] = None
            if "%" in value:
                # The target within a redirecting address is indexed as well.
                self.targets[_SURROGATE.sub(NO_SIGN, unquote(value, errors="ignore").replace("\0", ""))] = None


def _composed(pieces: list[str]) -> str:
    lines = "\n".join(" ".join(line.split()) for line in "".join(pieces).split("\n"))
    text = _BLANK_LINES.sub("\n\n", lines)
    if _KEPT_BLANK in text or _KEPT_LINE in text:
        kept = text.replace(_KEPT_BLANK, " ").replace(_KEPT_LINE, "\n")
        text = "\n".join(line.rstrip() for line in kept.split("\n"))
    return _SURROGATE.sub(NO_SIGN, text).replace("\0", "").strip("\n")
