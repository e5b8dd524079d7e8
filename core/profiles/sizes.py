"""Sizes as administrators write them: ``500 kB``, ``4 GB``; with ``GiB`` and its like by powers of 1024."""

from __future__ import annotations

import re

from core.text.patterns import pattern

_SIZE = pattern(r"\s*(\d{1,12}(?:\.\d{1,3})?)\s*(B|[kMG]i?B)\s*", re.IGNORECASE | re.ASCII)
_UNITS = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
WHAT = "a size such as 500 kB or 10 MB"


def parse(text: str) -> int:
    """The bytes of a size. Raises ``ValueError`` for an invalid or empty text."""
    match = _SIZE.fullmatch(text)
    if match is None or not (count := int(float(match[1]) * _UNITS[match[2].upper()])):
        raise ValueError(f"{text!r} is no size")
    return count


def exact(count: int) -> str:
    """``count`` bytes in the largest unit without a fraction: ``parse`` gives the same bytes again."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        for base, infix in ((1024, "i"), (1000, "")):
            if count and not count % base**power:
                return f"{count // base**power} {unit[0]}{infix}B"
    return f"{count} B"
