"""Hostile texts for regular expressions, and the measure of how time grows with them."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

from core.text import patterns
from core.text.patterns import Late
from tests import sources

#: Calls of ``re`` that take a pattern first.
CALLS = frozenset(("compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"))
#: A class of characters is tried with those of these that are in it.
CANDIDATES = "\t\n \r0a-Z\\\"<>({[=;:,.@?*&#%/'_\x01\xe4"
#: What no pattern goes on with.
BAD = "\x02"
MANY = 64
SMALL, LARGE = 2_000, 16_000
#: Seconds below which no time is told from noise. The square of the small text takes far longer.
NOISE = 5e-5
#: Eight times the text may take so many times the time: eight is linear, sixty-four is the square.
MOST = 22


@dataclass(slots=True)
class Expression:
    """A regular expression of the product: where it stands, and by which methods it is used."""

    where: str
    pattern: re.Pattern[Any]
    methods: set[str] = field(default_factory=set)


def modules() -> Iterator[tuple[ModuleType, ast.Module]]:
    """Every module of the core and the console, imported, with its syntax tree."""
    for module in (*sources.modules("core"), *sources.modules("tui")):
        if module.file.name != "__main__.py":
            yield importlib.import_module(module.name), module.tree


@cache
def expressions() -> tuple[Expression, ...]:
    """All patterns: those that stand in modules and in tuples and tables there, and all that are given to a call of ``re``."""
    found: dict[tuple[Any, int], Expression] = {}

    def add(where: str, pattern: re.Pattern[Any], methods: set[str]) -> None:
        one = found.setdefault((pattern.pattern, pattern.flags), Expression(where, pattern))
        one.methods |= methods

    for module, tree in modules():
        for name, value in vars(module).items():
            for pattern in _patterns(value):
                add(f"{module.__name__}.{name}", pattern, _methods(tree, name))
        if module is patterns:
            # It compiles those of all others, which are here by their names.
            continue
        for call in sources.walk(tree):
            if method := _called(call):
                assert isinstance(call, ast.Call)
                where = f"{module.__name__}:{call.lineno}"
                add(where, _evaluated(where, call, module), set() if method == "compile" else {method})
    return tuple(found.values())


def _patterns(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, Late):
        yield value.compiled
    elif isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _patterns(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _patterns(one)


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)) if name in CALLS:
            return name
        case ast.Call(func=ast.Name(id="pattern")):
            return "compile"
    return ""


def _methods(tree: ast.Module, name: str) -> set[str]:
    return {method for method, names in _uses(tree) if name in names}


@cache
def _uses(tree: ast.Module) -> tuple[tuple[str, frozenset[str]], ...]:
    """The methods of patterns that a module calls, each with the names in what it is called of."""
    return tuple(
        (node.attr, frozenset(one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)))
        for node in sources.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in CALLS
    )


class _Names(dict[str, Any]):
    """The names of a module; any other stands for a piece of text."""

    def __init__(self, module: ModuleType, sample: str | bytes) -> None:
        super().__init__(vars(module))
        self._sample = sample

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return self._sample


def _evaluated(where: str, call: ast.Call, module: ModuleType) -> re.Pattern[Any]:
    given = {one.arg: one.value for one in call.keywords}
    flags = given.get("flags") or (call.args[1] if _called(call) == "compile" and len(call.args) > 1 else None)
    for sample in ("b", b"b"):
        names = _Names(module, sample)
        try:
            text = eval(compile(ast.Expression(call.args[0]), where, "eval"), {}, names)
            number = int(eval(compile(ast.Expression(flags), where, "eval"), {}, names)) if flags else 0
            return re.compile(text, number)
        except (TypeError, AttributeError):
            continue
    raise AssertionError(f"the pattern at {where} cannot be read")


# Hostile texts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """A text of any length: ``head``, ``unit`` again and again, ``tail``."""

    head: str
    unit: str
    tail: str

    def text(self, size: int) -> str:
        return self.head + self.unit * (size // len(self.unit)) + self.tail


def hostile(pattern: re.Pattern[Any]) -> list[Shape]:
    """Texts that make a pattern begin often, go far, and fail."""
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    tree = _parser.parse(pattern.pattern, flags)
    tails = (BAD, *sorted(_refused(tree))[:3])
    signs = sorted({one for one in _literals(tree) if not one.isalnum()})[:4]
    found = dict.fromkeys(Shape("", one + other, tail) for one in signs for other in signs for tail in tails[:2])
    for before, unit in _units(tree):
        for head, more in (("", unit), (before, unit), ("", before + unit)):
            if more:
                found |= dict.fromkeys(Shape(head, more, tail) for tail in tails)
    return list(found)


def _units(tree: Any) -> Iterator[tuple[str, str]]:
    """Prefixes of a repetition, with the repeated text; and the beginnings of matching texts."""
    whole = _sample(tree)
    for end in range(1, min(len(whole), 40) + 1):
        yield "", whole[:end]
    yield from _repeats(tree, "")


def _repeats(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    for kind, value in tree:
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            _, most, inner = value
            if most >= MANY:
                for unit in _several(inner):
                    yield before, unit
                    yield before, unit + BAD
            yield from _repeats(inner, before)
            before += _sample([(kind, value)])
        elif kind is kinds.SUBPATTERN:
            yield from _repeats(value[3], before)
            before += _sample(value[3])
        elif kind is kinds.ATOMIC_GROUP:
            yield from _repeats(value, before)
            before += _sample(value)
        elif kind is kinds.BRANCH:
            for branch in value[1]:
                yield from _repeats(branch, before)
            for branch in value[1]:
                yield "", before + _sample(branch)
            before += _sample(value[1][0])
        elif kind in (kinds.ASSERT, kinds.ASSERT_NOT):
            yield from _repeats(value[1], before)
        else:
            before += _sample([(kind, value)])


def _literals(tree: Any) -> Iterator[str]:
    """Characters that a pattern names, also in classes."""
    for kind, value in tree:
        if kind in (kinds.LITERAL, kinds.NOT_LITERAL):
            yield chr(value)
        elif kind is kinds.IN:
            yield from _literals([one for one in value if one[0] is kinds.LITERAL])
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            yield from _literals(value[2])
        elif kind is kinds.SUBPATTERN:
            yield from _literals(value[3])
        elif kind is kinds.ATOMIC_GROUP:
            yield from _literals(value)
        elif kind is kinds.BRANCH:
            for branch in value[1]:
                yield from _literals(branch)


def _refused(tree: Any) -> set[str]:
    """Characters that some class of a pattern does not take."""
    found: set[str] = set()
    for kind, value in tree:
        if kind is kinds.NOT_LITERAL:
            found.add(chr(value))
        elif kind is kinds.IN and value[0][0] is kinds.NEGATE:
            found |= {chr(one) for inner, one in value if inner is kinds.LITERAL and one > 32}
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            found |= _refused(value[2])
        elif kind is kinds.SUBPATTERN:
            found |= _refused(value[3])
        elif kind is kinds.ATOMIC_GROUP:
            found |= _refused(value)
        elif kind is kinds.BRANCH:
            found |= {one for branch in value[1] for one in _refused(branch)}
    return found


def _several(tree: Any) -> Iterator[str]:
    """Texts that a repeated piece takes."""
    first = list(tree)
    if len(first) == 1 and first[0][0] in (kinds.IN, kinds.ANY, kinds.NOT_LITERAL):
        yield from [one for one in CANDIDATES if _takes(first[0], one)][:24]
    elif len(first) == 1 and first[0][0] is kinds.BRANCH:
        for branch in first[0][1][1]:
            yield from _several(branch)
    elif len(first) == 1 and first[0][0] is kinds.SUBPATTERN:
        yield from _several(first[0][1][3])
    else:
        yield _sample(tree)
        for kind, value in first:
            if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
                yield _sample(tree) + "".join(list(_several(value[2]))[:3])


def _sample(tree: Any) -> str:
    """The shortest text that a piece of a pattern takes, with every repetition once."""
    found = ""
    for kind, value in tree:
        if kind is kinds.LITERAL:
            found += chr(value)
        elif kind in (kinds.IN, kinds.ANY, kinds.NOT_LITERAL):
            found += next((one for one in CANDIDATES if _takes((kind, value), one)), _first_of(value))
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            found += _sample(value[2]) * max(value[0], 1)
        elif kind is kinds.SUBPATTERN:
            found += _sample(value[3])
        elif kind is kinds.ATOMIC_GROUP:
            found += _sample(value)
        elif kind is kinds.BRANCH:
            found += _sample(value[1][0])
    return found


def _first_of(value: Any) -> str:
    for kind, one in value if isinstance(value, list) else ():
        if kind is kinds.LITERAL:
            return chr(one)
        if kind is kinds.RANGE:
            return chr(one[0])
    return ""


def _takes(node: Any, character: str) -> bool:
    kind, value = node
    if kind is kinds.ANY:
        return True
    if kind is kinds.NOT_LITERAL:
        return bool(ord(character) != value)
    wanted = True
    found = False
    for inner, one in value:
        if inner is kinds.NEGATE:
            wanted = False
        elif inner is kinds.LITERAL:
            found |= one == ord(character)
        elif inner is kinds.RANGE:
            found |= one[0] <= ord(character) <= one[1]
        elif inner is kinds.CATEGORY:
            found |= re.match(_CATEGORIES[one], character) is not None
    return bool(found == wanted)


_CATEGORIES = {
    kinds.CATEGORY_DIGIT: r"\d",
    kinds.CATEGORY_NOT_DIGIT: r"\D",
    kinds.CATEGORY_SPACE: r"\s",
    kinds.CATEGORY_NOT_SPACE: r"\S",
    kinds.CATEGORY_WORD: r"\w",
    kinds.CATEGORY_NOT_WORD: r"\W",
}


# Time --------------------------------------------------------------------------------------------------------------------


def use(one: Expression, method: str) -> Callable[[Any], object]:
    """The pattern, used as the product uses it."""
    if method == "match":
        return one.pattern.match
    if method == "fullmatch":
        return one.pattern.fullmatch
    if method == "search":
        return one.pattern.search
    return lambda text: [None for _ in one.pattern.finditer(text)]


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The least time of the processor that it took."""
    best = float("inf")
    for _ in range(times):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def grows_too_fast(work: Callable[[Any], object], small: Any, large: Any, took: float) -> float:
    """The factor by which the larger text takes too long, whenever it is measured; else 0. It ``took`` so many seconds once."""
    ratio = float("inf")
    for attempt in range(5):
        longer = seconds(lambda: work(large)) if attempt else took
        ratio = min(ratio, longer / max(seconds(lambda: work(small), 3), NOISE))
        if ratio <= MOST or (attempt and ratio > 2 * MOST):
            break
    return ratio if ratio > MOST else 0.0
