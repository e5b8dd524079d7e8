"""Where a key stands in a TOML file: tomllib does not tell, and an administrator wants to go there."""

from __future__ import annotations

import re


class Lines:
    """The lines of a file, to look up keys in."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def of(self, section: str, key: str) -> int:
        """The line (from 1) of a key, else of its section; 0 when neither is in the file."""
        current: list[str] = []
        nearest = 0
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*+\[++([^\]]++)\]", line):
                current = _names(header[1])
                path = current
            elif assigned := re.match(
                r"""\s*+((?:[\w-]++|"[^"]*"|'[^']*')(?:\s*+\.\s*+(?:[\w-]++|"[^"]*"|'[^']*'))*+)\s*+=""", line
            ):
                path = [*current, *_names(assigned[1])]
                # server = { host = "a", port = 1 }: the keys are in the line of their table.
                if path == [section] and key and re.search(rf"""[{{,]\s*["']?{re.escape(key)}["']?\s*=""", line):
                    return number
            else:
                continue
            wanted = [part for part in (section, key) if part]
            if path[: len(wanted)] == wanted:
                return number
            if not nearest and section and path[0] == section:
                nearest = number
        return nearest


def _names(dotted: str) -> list[str]:
    """The names of a dotted key: ``server . "host"`` is ``["server", "host"]``."""
    found = re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted)
    return [name.strip("\"'") for name in found] or [dotted.strip()]
