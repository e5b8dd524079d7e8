"""The core speaks for both faces: only a face's own modules name commands of the command line, or keys of the keyboard."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.sources import modules, walk

pytestmark = pytest.mark.xdist_group("modules")
#: Commands and options, and keys of the keyboard.
COMMAND = re.compile(r"\barchivar [a-z]|(?<![\w-])--[a-z]{2,}")
KEY = re.compile(r"\bthe key [a-zA-Z]\b|(?<!\w)\^[a-z]\b")
#: Modules that are the command line's own words, and those that make something of it.
COMMAND_LINE = ("core/cli/", "core/manual", "core/demo/", "core/problems/command_line.py")
#: What names a command or an option all the same, by module.
EXCEPTIONS = {
    "core/archive/proof/seal.py": "the beginning of a seal's line is a format, not a command",
    "core/engine/seals/seal_delivery.py": "a mail to somebody elsewhere, who has no console",
    "core/service/unit.py": "a systemd unit and the commands that install it",
    "core/service/worker_unit.py": "a systemd unit and the commands that install it",
    "tui/__main__.py": "options with which the console itself is started",
    "tui/app.py": "said to a terminal that cannot show the console",
    "tui/console.py": "how the console is started again, said when it is left",
    "tui/failing.py": "how the console is started again, said when it was closed by a fault",
    "tui/desk/transfer/backups.py": "a backup is proved and restored without a console",
    "tui/desk/face.py": "what no key does",
    "tui/desk/proof/proof.py": "a catalog is made anew while no service runs, which no key can stop",
    "tui/places/home/start.py": "other archives, and the demo, are opened by another start",
    "tui/places/proof/ledger.py": "a list for programs, of what a page cannot show",
    "tui/places/proof/proof.py": "a list for programs, of what a page cannot show",
    "tui/places/proof/seals.py": "the name of a sender",
    "tui/places/runs/run.py": "a list for programs, of what a page cannot show",
}


def texts(tree: ast.Module) -> Iterator[str]:
    """The string constants of a module, but for its docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documented = {node.body[0].value for node in walk(tree) if isinstance(node, owners) and ast.get_docstring(node)}  # type: ignore[attr-defined]
    for node in walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documented:
            yield node.value


def naming(package: str, words: re.Pattern[str]) -> dict[str, list[str]]:
    """The texts of a package that match, by module; without the modules of the command line."""
    found: dict[str, list[str]] = {}
    for module in modules(package):
        if not module.path.startswith(COMMAND_LINE):
            found[module.path] = [text for text in texts(module.tree) if words.search(text)]
    return {name: texts for name, texts in found.items() if texts}


def test_neither_core_nor_console_names_a_command() -> None:
    """A sentence of the core refers to an action, which each face says in its own words; each exception has its reason."""
    found = naming("core", COMMAND) | naming("tui", COMMAND)
    assert {name: texts for name, texts in found.items() if name not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) - set(found) == set()


def test_the_core_names_no_key_of_the_keyboard() -> None:
    """Keys are the console's, and may be changed."""
    assert naming("core", KEY) == {}
