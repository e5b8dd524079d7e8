"""Line numbers of keys in a TOML file, which tomllib does not give."""

from __future__ import annotations

import re

from core.text.patterns import pattern

_HEADER = pattern(r"\s*+\[++([^\]]++)\]")
_NAME = r"""(?:[\w-]++|"[^"]*+"|'[^']*+')"""
_ASSIGNED = pattern(rf"\s*+({_NAME}(?:\s*+\.\s*+{_NAME})*+)\s*+=")
#: A key of an inline table: server = { host = "a", port = 1 }.
_INLINE = pattern(r"""[{,]\s*+["']?([\w-]++)["']?\s*+=""")


class KeyLines:
    """The lines of a file, to look up keys in. Read once, in time that grows with the text alone."""

    def __init__(self, text: str) -> None:
        self._first: dict[tuple[str, ...], int] = {}
        current: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                current = _names(header[1])
                self._found(number, current)
            elif assigned := _ASSIGNED.match(line):
                path = [*current, *_names(assigned[1])]
                self._found(number, path)
                if len(path) == 1:
                    for inline in _INLINE.finditer(line):
                        self._found(number, [*path, inline[1]])

    def _found(self, number: int, path: list[str]) -> None:
        for length in (1, 2):
            self._first.setdefault(tuple(path[:length]), number)

    def of(self, section: str, key: str) -> int:
        """The line (from 1) of a key, else of its section; 0 when neither is in the file."""
        wanted = tuple(part for part in (section, key) if part)
        return self._first.get(wanted) or self._first.get(wanted[:1] if section else wanted, 0)


def _names(dotted: str) -> list[str]:
    """The first names of a dotted key: ``server . "host"`` is ``["server", "host"]``."""
    found = [match[0].strip("\"'") for match, _ in zip(re.finditer(_NAME, dotted), range(3), strict=False)]
    return found or [dotted.strip()]
