"""Words of the source: docstrings name the thing in the field's terms, and comments say why in plain English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.sources import Module, modules, walk

pytestmark = pytest.mark.xdist_group("modules")
#: A first line that begins so asks a question, or speaks of people, in place of naming the thing.
BEGINS = re.compile(r"(?:What|Who|Whom|Whose|Where|Why|How|Whether|Which|Whatever|Whoever|Nobody|Somebody|Everybody)\b")
#: Subjects that are nowhere in the code.
RIDDLE = re.compile(r"\b(?:nobody|somebody|whoever|meanwhile)\b", re.IGNORECASE)

#: Names of classes in two modules, each with its reason.
SHARED = {
    "Projection": "the catalog's projection, and what the writer needs of it: a port and its implementation",
    "Session": "the session with a mail server, and what reading folders needs of it: a port and its implementation",
    "Refused": "of a restore and of the console: the module of restores is at its greatest length",
    "Restored": "a restore's progress and its ledger entry: as Refused",
    "Spot": "a place of mail on a server, before a restore and in the ledger: as Refused",
    "Target": "where a mailbox goes, in an archive and on a server: as Refused",
}


def sources(*packages: str) -> Iterator[Module]:
    """Every module of these packages."""
    return (module for package in packages for module in modules(package))


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The docstrings of a module and all in it, each with its line."""
    for node in walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if doc := ast.get_docstring(node):
            yield node.body[0].lineno, doc


def comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments of a module, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def questions(tree: ast.Module) -> list[int]:
    """The lines of docstrings that begin with a question, or with people."""
    return [line for line, doc in docstrings(tree) if BEGINS.match(doc)]


def riddles(text: str, tree: ast.Module) -> list[int]:
    """The lines of docstrings and comments with a subject that is not in the code."""
    if not RIDDLE.search(text):
        return []
    return [line for line, words in (*docstrings(tree), *comments(text)) if RIDDLE.search(words)]


def test_docstrings_name_the_thing() -> None:
    """A docstring begins with the thing, its unit or shape, or with a verb; never with a question."""
    assert [f"{one.path}:{line}" for one in sources("core", "tui", "tests") for line in questions(one.tree)] == []


def test_docstrings_and_comments_have_no_subject_from_outside_the_code() -> None:
    """Users, clients, servers, processes and other tasks have names of their own."""
    assert [f"{one.path}:{line}" for one in sources("core", "tui") for line in riddles(one.text, one.tree)] == []


def test_a_class_name_stands_for_one_thing() -> None:
    """No two modules have a public class of the same name; functions go by the name of their module (``users.find``)."""
    places: dict[str, list[str]] = {}
    for module in sources("core", "tui"):
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module.path)
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED} == {}
    assert [name for name in SHARED if len(places.get(name, [])) < 2] == []


@pytest.mark.parametrize(
    ("guilty", "innocent"),
    [
        ('def f():\n    """What is kept."""', 'def f():\n    """The kept text. What it means is its caller\'s."""'),
        ('"""Who gets it."""', '"""Whole messages."""'),
        ("# Nobody waits for it.\n", "# No caller waits for it.\n"),
        ('class A:\n    """A lock. Whoever holds it, writes."""', 'class A:\n    """A lock. Its holder writes."""'),
    ],
)
def test_questions_and_riddles_are_found(guilty: str, innocent: str) -> None:
    """In modules, classes, functions and comments; plain sentences pass."""
    found = [[*questions(ast.parse(text)), *riddles(text, ast.parse(text))] for text in (guilty, innocent)]
    assert [len(lines) for lines in found] == [1, 0]
