"""Texts on the screen: safe ones have a type of their own, and the type checker refuses every other text."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.sources import ROOT, modules, walk
from tui.desk.present import own, text

pytestmark = pytest.mark.xdist_group("modules")
#: Modules in which ``Safe`` is made of a text by hand, and of what: all others have ``text``, ``own`` and ``joined``.
MAKERS = {
    "tui.desk.manual": "pages of the manual, which are files of the program",
    "tui.desk.present": "the functions that all others use",
    "tui.text.format": "safe texts that are cut, filled and broken",
    "tui.text.mail": "safe texts without blanks at an end",
    "tui.widgets.lines": "a line that is drawn already",
}
#: Modules that hand no text to the toolkit themselves.
SCREENS = ("tui.places", "tui.console", "tui.failing")
SNIPPET = """\
from tui.desk.archive.message import AttachmentRow
from tui.desk.present import Badge, Tone, joined, own, text
from tui.text.format import Span, cut
from tui.widgets.shown import shown
name: str = input()
Badge(own("!"), text(name), Tone.WARN), Span(own("{}: {}", text(name), 3)), shown(joined(", ", [text(name)]))
Badge(own("!"), name, Tone.WARN)
Span(f"{text(name)}")
Span(own("{}", name))
shown(text(name) + name)
cut(name, 3)
AttachmentRow(0, name, text(name), text(name))
"""


def calls(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    """Calls of functions of these names, by themselves or as attributes."""
    for node in walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names:
                yield node


def console() -> Iterator[tuple[str, ast.Module]]:
    """The modules of the console: name and syntax tree."""
    return ((module.name, module.tree) for module in modules("tui"))


def unproved(tree: ast.Module) -> list[int]:
    """The lines on which ``own``, ``joined`` or ``badge`` get words that are no literal."""
    literal = {"own": 1, "joined": 1, "badge": 2}
    return [
        one.lineno
        for name, many in literal.items()
        for one in calls(tree, name)
        if len(one.args) < many or not all(isinstance(word, ast.Constant) for word in one.args[:many])
    ]


@pytest.mark.slow
def test_a_raw_text_in_a_view_fails_the_type_checker(tmp_path: Path) -> None:
    """In a view, in a line, in the program's own words and on the way to the toolkit; safe texts pass at each."""
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPET, "utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(file)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    errors = [line.partition("snippet.py:")[2] for line in result.stdout.splitlines() if "error:" in line]
    assert [int(one.partition(":")[0]) for one in errors] == [7, 8, 9, 10, 11, 12], result.stdout + result.stderr
    assert all("expected" in one and "Safe" in one for one in errors), result.stdout


def test_safe_texts_are_made_in_few_places() -> None:
    """Nothing else says of a text that it is safe, so that nothing from outside can be taken for one."""
    found = {name for name, tree in console() if list(calls(tree, "Safe"))}
    assert found == set(MAKERS)
    casts = [name for name, tree in console() for one in calls(tree, "cast") if "Safe" in ast.unparse(one.args[0])]
    assert casts == []


def test_the_programs_own_words_are_literals() -> None:
    """The program's words in ``own`` and ``joined`` are literals: the type checker cannot see that."""
    makers = {"tui.desk.present"}
    assert [(name, line) for name, tree in console() if name not in makers for line in unproved(tree)] == []
    assert sorted(
        unproved(ast.parse('own(name)\nown(f"{name}")\njoined(name, [])\nown("x {}", name)\nbadge("x", name, tone)'))
    ) == [1, 2, 3, 5]


def handed(tree: ast.Module) -> list[int]:
    """The lines on which a text goes to the toolkit without ``shown`` or ``tell``, which take safe texts alone."""
    lines = [one.lineno for one in calls(tree, "Content", "styled", "notify", "from_markup")]
    given = [one.args[0] for one in calls(tree, "Static", "Label", "update") if one.args]
    for node in walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(("border_title", "border_subtitle")):
            given.append(node.value)
    return lines + [one.lineno for one in given if not (isinstance(one, ast.Call) and ast.unparse(one.func) == "shown")]


def test_places_hand_no_text_to_the_toolkit_themselves() -> None:
    """They have widgets and ``shown`` and ``tell`` for that, which take safe texts alone."""
    found = [(name, line) for name, tree in console() if name.startswith(SCREENS) for line in handed(tree)]
    assert found == []
    source = ('Static("x")', "box.border_title = name", 'line.update(f"{name}")', "Static(shown(x))", 'Static(id="x")')
    assert sorted(handed(ast.parse("\n".join(source)))) == [1, 2, 3]


@given(st.text(max_size=400), st.integers(1, 400))
@example("\x1b[31m[b]x", 5)
@example("e" + "\u0301" * 9, 4)
def test_what_is_safe_stays_as_it_is(value: str, limit: int) -> None:
    """A text may pass twice, as one does that is part of a sentence."""
    once = text(value, limit)
    assert text(once, limit) == once
    assert own("{}", once) == once
