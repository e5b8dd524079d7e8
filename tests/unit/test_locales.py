"""The locale is known by its name, whatever Python made of it."""

from __future__ import annotations

import pytest

from core.system.locales import doubt, named


@pytest.mark.parametrize("name", ["C", "POSIX", "de_DE@euro", "de_DE.ISO-8859-15@euro", "de_DE", "ru_RU.KOI8-R"])
def test_a_locale_without_utf_8_is_told_with_the_remedy(name: str) -> None:
    """In ASCII, so that it can be read where nothing else can."""
    said, remedy = doubt({"LANG": name})
    assert name in said
    assert "C.UTF-8" in remedy
    assert (said + remedy).isascii()


@pytest.mark.parametrize("name", ["C.UTF-8", "C.utf8", "de_DE.UTF-8", "de_DE.utf8@euro", "en_US.UTF-8"])
def test_a_locale_with_utf_8_is_nothing_to_speak_of(name: str) -> None:
    """However it is written."""
    assert doubt({"LC_ALL": name, "LANG": "C"}) == ("", "")


def test_the_variables_count_in_their_order() -> None:
    """An empty one is none; with none it is POSIX."""
    assert named({}) == named({"LANG": ""}) == "POSIX"
    assert named({"LC_ALL": "", "LC_CTYPE": "b", "LANG": "c"}) == "b"
    assert named({"LC_ALL": "a", "LC_CTYPE": "b"}) == "a"
