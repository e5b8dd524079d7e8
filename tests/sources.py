"""Modules of the program and of its tests as text and syntax trees, read and parsed once for all tests that look at them.

Such tests belong to the xdist group "modules", so that one process parses for all of them.
"""

from __future__ import annotations

import ast
import gc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "tui", "themes")


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A module: its dotted name, its file, its text, and its syntax tree."""

    name: str
    file: Path
    text: str
    tree: ast.Module

    @property
    def path(self) -> str:
        """The file below the root, with slashes."""
        return self.file.relative_to(ROOT).as_posix()


@cache
def modules(package: str) -> tuple[Module, ...]:
    """The modules of one package, in the order of their files."""
    # The trees stay to the end: looking through them for garbage takes as long as making them.
    gc.disable()
    try:
        found = tuple(map(_read, sorted((ROOT / package).rglob("*.py"))))
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
    return found


def _read(file: Path) -> Module:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    text = file.read_text("utf-8")
    return Module(name, file, text, ast.parse(text, filename=str(file)))


def product() -> tuple[Module, ...]:
    """Every module of the product."""
    return tuple(module for package in PACKAGES for module in modules(package))


@cache
def walk(tree: ast.Module) -> tuple[ast.AST, ...]:
    """The nodes of a module as ``ast.walk`` has them."""
    return tuple(ast.walk(tree))
