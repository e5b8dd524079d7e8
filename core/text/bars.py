"""Numbers as bars and curves of text, which read without colour. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_HEIGHTS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(value: float, most: float, width: int) -> str:
    """A bar of ``value``, as long as ``width`` for ``most``; never empty for a value above zero."""
    if value <= 0 or most <= 0 or width <= 0:
        return ""
    eighths = max(round(min(value / most, 1.0) * width * 8), 1)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def curve(values: Sequence[float]) -> str:
    """A character for each value, by its share of the greatest; a zero is a dot, so that it is seen as nothing."""
    most = max(values, default=0)
    return "".join(_HEIGHTS[round(value / most * 7)] if value > 0 else "·" for value in values)


def columns(values: Sequence[float], height: int, wide: int = 1) -> list[str]:
    """Lines from the top down in which each value is a column of up to ``height``, and ``wide`` characters wide.

    A value above zero is seen; a zero is a dot at the bottom.
    """
    most = max(values, default=0)
    eighths = [max(round(value / most * height * 8), 1) if value > 0 else 0 for value in values]
    lines = []
    for level in reversed(range(height)):
        line = ""
        for one in eighths:
            here = one - level * 8
            sign = "█" if here >= 8 else _HEIGHTS[here - 1] if here > 0 else "·" if one == level == 0 else " "
            line += sign * wide
        lines.append(line)
    return lines
