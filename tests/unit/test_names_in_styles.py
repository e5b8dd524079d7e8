"""Names by which the toolkit finds classes: in styles, in queries and in handlers, where no type checker sees them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from textual.dom import DOMNode
from textual.message import Message

import tui
from tests.sources import modules, walk

pytestmark = pytest.mark.xdist_group("modules")
T = TypeVar("T")
ROOT = Path(tui.__file__).parent
#: A handler of a message of a class, and no method that the toolkit itself calls by a fixed name.
HANDLER = re.compile(r"on_[a-z]\w*")
QUERIES = ("query", "query_one", "query_exactly_one", "query_children")


def below(base: type[T]) -> Iterator[type[T]]:
    """All classes that are derived from ``base``."""
    for one in base.__subclasses__():
        yield one
        yield from below(one)


def load() -> None:
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_styles_and_queries_name_classes_that_exist() -> None:
    """A class that was renamed keeps its styles."""
    load()
    known = {one.__name__ for one in below(DOMNode)}
    named: dict[str, str] = {}
    for one in below(DOMNode):
        if one.__module__.startswith("tui."):
            for css in (one.__dict__.get("DEFAULT_CSS", ""), one.__dict__.get("CSS", "")):
                named.update(dict.fromkeys(_types(css), one.__module__))
    for path in sorted(ROOT.rglob("*.tcss")):
        named.update(dict.fromkeys(_types(path.read_text()), path.name))
    for module in modules("tui"):
        for node in walk(module.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in QUERIES
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                named.update(dict.fromkeys(_types(node.args[0].value + " {}"), module.name))
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                target = node.targets[0]
                if isinstance(target, ast.Name) and target.id == "AUTO_FOCUS":
                    named.update(dict.fromkeys(_types(node.value.value + " {}"), module.name))
    assert len(named) > 30
    assert {name: where for name, where in named.items() if name not in known} == {}


def test_handlers_name_messages_that_exist() -> None:
    """A message whose class was renamed is still heard."""
    load()
    known = {one.handler_name for one in below(Message)}
    found = {
        node.name: module.name
        for module in modules("tui")
        for node in walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and HANDLER.fullmatch(node.name)
    }
    assert len(found) > 20
    assert {name: where for name, where in found.items() if name not in known | {"on_event", "on_exit"}} == {}


#: Comments, and declarations between braces.
_OTHERS = re.compile(r"/\*.*?\*/|\{[^{}]*\}", re.S)
_TYPE = re.compile(r"(?<![\w.#:$&-])[A-Z]\w*")


def _types(css: str) -> list[str]:
    """The names of classes in the selectors of ``css``."""
    return _TYPE.findall(_OTHERS.sub(" ", css))
