"""Parsed styles, kept for as long as the program runs.

Textual forgets them with each change of the theme, and each start has one: everything was parsed twice.
"""

from __future__ import annotations

from typing import Any

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

#: The rules of each source, by all that they depend on; enough for all sources in several themes.
_kept: LRUCache[tuple[Any, ...], list[RuleSet]] = LRUCache(512)
_parse = Stylesheet._parse_rules


def keep() -> None:
    """Let all stylesheets of the process share what any of them has parsed."""
    Stylesheet._parse_rules = _parsed  # type: ignore[method-assign]


def _parsed(
    self: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    source = (css, read_from, is_default_rules, tie_breaker, scope)
    key = (*source, frozenset(self._variables.items()))
    rules = _kept.get(key)
    if rules is None:
        rules = _kept[key] = _parse(self, *source)
    return rules
