"""Themes: complete, readable, and still so after a terminal has reduced them to 256 colours."""

from __future__ import annotations

from itertools import combinations

import pytest
from rich._palettes import EIGHT_BIT_PALETTE
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.color_triplet import ColorTriplet
from rich.palette import Palette
from textual.theme import Theme

from tui import palette

THEMES = {theme.name: theme for theme in palette.load()}
COLOURED = sorted(name for name, theme in THEMES.items() if not theme.ansi)
GROUNDS = ("background", "surface", "panel")
TEXTS = ("foreground", "primary", "success", "warning", "error", "tone-muted")
REDUCED: Palette = EIGHT_BIT_PALETTE


def number(colour: str) -> int:
    """The number that is sent to a terminal with 256 colours."""
    reduced = RichColor.parse(colour).downgrade(ColorSystem.EIGHT_BIT).number
    assert reduced is not None
    return reduced


def seen(colour: str) -> ColorTriplet:
    """The colour that such a terminal shows."""
    return REDUCED[number(colour)]


def luminance(colour: ColorTriplet) -> float:
    """Relative luminance (WCAG 2.1)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: ColorTriplet, second: ColorTriplet) -> float:
    """Contrast ratio (WCAG 2.1), from 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def value(theme: Theme, name: str) -> str:
    """The colour that a theme gives to ``name``."""
    found = theme.variables.get(name) or getattr(theme, name)
    assert isinstance(found, str)
    return found


def test_there_is_one_theme_for_every_light() -> None:
    """Dark, light, high contrast, and the terminal's own colours."""
    assert sorted(THEMES) == ["ansi", "dark", "high-contrast", "light"]
    assert palette.DEFAULT in THEMES
    assert THEMES[palette.ANSI].ansi


def test_all_themes_define_the_same() -> None:
    """A variable that one theme names is named by all: none is left to chance."""
    names = {name: set(theme.variables) for name, theme in THEMES.items()}
    for name in COLOURED:
        assert names[name] <= names[palette.ANSI]
        assert names[name] == names[COLOURED[0]]


@pytest.mark.parametrize("name", COLOURED)
def test_colours_are_of_the_palette(name: str) -> None:
    """A terminal with 256 colours shows each colour as it was chosen; light greys are taken for the next one, 10 darker."""
    theme = THEMES[name]
    pairs = [(RichColor.parse(value(theme, key)).get_truecolor(), seen(value(theme, key))) for key in (*GROUNDS, *TEXTS)]
    assert [pair for pair in pairs if max(abs(a - b) for a, b in zip(*pair, strict=True)) > 10] == []


@pytest.mark.parametrize("name", COLOURED)
def test_the_three_grounds_of_a_theme_stay_apart(name: str) -> None:
    """Background, surface and panel are three colours with 256 colours, too."""
    theme = THEMES[name]
    assert all(number(value(theme, a)) != number(value(theme, b)) for a, b in combinations(GROUNDS, 2))


@pytest.mark.parametrize("name", COLOURED)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_is_readable_on_every_ground(name: str, text: str, ground: str) -> None:
    """Every tone has 4.5:1 against everything it can stand on; 7:1 with high contrast."""
    theme = THEMES[name]
    least = 7.0 if name == "high-contrast" else 4.5
    assert contrast(seen(value(theme, text)), seen(value(theme, ground))) >= least


@pytest.mark.parametrize("name", COLOURED)
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("block-cursor-foreground", "block-cursor-background"),
        ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
        ("footer-key-foreground", "footer-background"),
        ("footer-description-foreground", "footer-background"),
    ],
)
def test_the_cursor_and_the_footer_are_readable(name: str, text: str, ground: str) -> None:
    """So is what stands on grounds of its own."""
    least = 7.0 if name == "high-contrast" else 4.5
    assert contrast(seen(value(THEMES[name], text)), seen(value(THEMES[name], ground))) >= least


def test_the_ansi_theme_names_no_colour_of_its_own() -> None:
    """It uses what the terminal's owner has chosen, and of that only the eight that every terminal has."""
    theme = THEMES[palette.ANSI]
    colours = {value(theme, key) for key in ("primary", *GROUNDS, *TEXTS)} | set(theme.variables.values())
    eight = {"default", "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"}
    assert colours <= {f"ansi_{name}" for name in eight}
