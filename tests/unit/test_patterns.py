"""Regular expressions in modules: compiled at their first use, and then as quick as those of the standard library."""

from __future__ import annotations

import re

import pytest

from core.text.patterns import Late, pattern
from tests import growth


def test_a_pattern_is_compiled_at_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    make = re.compile

    def noting(text: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(text)
        return make(text, flags)

    monkeypatch.setattr(re, "compile", noting)

    here = pattern("a+(?P<b>b)", re.IGNORECASE)

    assert compiled == []
    assert [here.sub("", "xAABx"), here.sub("", "y")] == ["xx", "y"]
    assert here.groupindex == {"b": 1}
    assert len(compiled) == 2, "once for each name that is used"


def test_every_pattern_of_the_product_can_be_compiled() -> None:
    """A fault in one would be told at its first use alone."""
    late = [value for module, _ in growth.modules() for value in vars(module).values() if isinstance(value, Late)]
    assert len(late) > 100
    for one in late:
        assert one.compiled.pattern == one.pattern
