"""Styles of the console are parsed once in a process: for all pages, themes and consoles."""

from __future__ import annotations

from typing import Any

import pytest
from textual.css.parse import parse

from tests.screens import shown
from tests.terminal.staged import ordinary
from tui import stylesheets


async def _visited() -> tuple[str, ...]:
    """Some pages in two themes; the colours of a panel's border there, which come from the styles."""
    colours = []
    async with shown(ordinary()) as screen:
        for theme in ("dark", "light", "dark"):
            screen.console.preview_theme(theme)
            await screen.pilot.pause()
            colours.append(str(screen.console.screen.query_one("#profiles-panel").styles.border_top[1]))
        await screen.press("question_mark")
        await screen.until_shown("Keys", "esc  close")
    return tuple(colours)


async def test_what_was_parsed_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second console parses nothing and looks the same; nor does a theme that was shown before."""
    parsed: list[tuple[Any, ...]] = []

    def counted(scope: str, css: str, read_from: Any, variable_tokens: dict[str, Any], **options: Any) -> Any:
        parsed.append((scope, css, read_from, str(variable_tokens), *options.values()))
        return parse(scope, css, read_from, variable_tokens=variable_tokens, **options)

    monkeypatch.setattr("textual.css.stylesheet.parse", counted)
    stylesheets._kept.clear()
    colours = await _visited()
    assert len(set(colours)) == 2
    assert len(parsed) == len(set(parsed)) > 20
    once = len(parsed)
    assert await _visited() == colours
    assert len(parsed) == once
