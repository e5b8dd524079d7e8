"""The promises of the architecture: imports, the only writer to the terminal, lengths, words, and the lock file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests import sources
from tests.sources import ROOT, product, walk
from tui.console import Console
from tui.shell import Shell

pytestmark = pytest.mark.xdist_group("modules")

# Each library has one home, where its exceptions are translated and its surprises are known.
HOMES = {
    "aiosqlite": ("core.db",),
    "asn1crypto": ("core.archive",),
    "cronsim": ("core.profiles",),
    "imapclient": ("core.imap",),
    "imaplib": ("core.imap", "core.demo"),
    "httpx": ("core.directory",),
    "ldap3": ("core.directory",),
    "markdown_it": ("core.manual",),
    "botocore": ("core.storage.client", "core.storage.parts"),
    "procrastinate": ("core.cluster",),
    "psycopg": ("core.cluster",),
    "psycopg_pool": ("core.cluster",),
    "pymap": ("core.demo",),
    "textual": ("tui",),
}
#: Groups of modules that import each other in a circle, at most; the aim is none.
CIRCLES = {"core": 0, "tui": 0}
#: Lines of a file and of a function, and values that an object is made of.
LINES, FUNCTION_LINES, VALUES = 400, 60, 6
#: What is longer for good, each with its reason: at most ten rows.
EXCEPTIONS: dict[str, str] = {}
#: Uses of ``output`` that write, or ask in which form; questions and progress are none.
TELLING = {"line", "note", "verbatim", "table", "json", "raw", "show", "tell", "error", "json_wanted"}
#: Modules of the command line that write for all commands.
MACHINERY = {"core.cli.output", "core.cli.main", "core.cli.context", "core.cli.trial", "core.cli.watching"}
#: What is told before a command ends, and why it cannot be part of the answer.
TOLD_BEFORE_THE_END = {
    "core.cli.demo.demo()": "beside JSON the console is not opened",
    "core.cli.demo.show_demo()": "the result is shown before the console opens on it",
    "core.cli.missing.missing()": "a comparison takes hours: that it waits, or where it was left",
    "core.cli.missing._warn()": "a comparison takes hours: a warning is told when it arises",
    "core.cli.missing._Told()": "a comparison takes hours: how far it is",
    "core.cli.profile_files._ask_to_delete()": "what a question is about stands before it",
    "core.cli.proof.verify()": "that it is a backup is known before hours of reading; what was not noted, whatever comes then",
    "core.cli.proof.repair()": "that it would be salvaged first is known before the search for copies",
    "core.cli.proof._rebuilt()": "what was done to the home holds, even if the rest fails",
    "core.cli.restore.restore()": "warnings stand before the question whether to restore",
    "core.cli.storage.tell_away()": "that much is fetched is known before hours of it",
    "core.cli.restore._announce()": "what a question is about stands before it",
    "core.cli.runs.run_profile()": "that it runs already is told before the run is watched",
    "core.cli.waiting.short()": "whoever leaves is told that the run goes on",
    "core.cli.following.watched()": "whoever leaves is told that the run goes on",
    "core.cli.search.search()": "JSON has the number of all results, text as far as it is known at once",
    "core.cli.seal.check()": "what is wrong with a place is told, even if the archive cannot be checked then",
    "core.cli.search._problems()": "pages are written as they are read: a list of all is held for JSON alone",
    "core.cli.cluster._ready()": "the worker ends with its process",
    "core.cli.service.run_service()": "the service ends with its process",
}
WRITERS = {"core.cli.output", "tui.__main__"}
ASKING = {"isatty", "fileno", "encoding"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the product: its dotted name and its syntax tree."""
    return ((module.name, module.tree) for module in product())


@cache
def imports(tree: ast.Module) -> tuple[str, ...]:
    """The dotted names that a module imports, wherever in it and also by ``import_module("...")``."""
    return tuple(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def import_graph(package: str) -> dict[str, set[str]]:
    """The modules of a package with those of it that each imports, in functions and for types alone as well."""
    trees = {name: tree for name, tree in modules() if belongs(name, (package,))}
    graph: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        found = set(imports(tree))
        for node in walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        # ``from package import module`` needs the module; what the package itself has is in its own file.
        whole = {one for one in found if one in trees}
        graph[name] = {one for one in whole if not any(other.startswith(f"{one}.") for other in whole)} - {name}
    return graph


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module (Kosaraju's algorithm)."""
    order: list[str] = []
    seen: set[str] = set()
    for start in graph:
        walk = [(start, iter(sorted(graph[start])))] if start not in seen else []
        seen.add(start)
        while walk:
            name, rest = walk[-1]
            following = next((one for one in rest if one not in seen), None)
            if following is None:
                order.append(walk.pop()[0])
            else:
                seen.add(following)
                walk.append((following, iter(sorted(graph[following]))))
    above: dict[str, set[str]] = {name: set() for name in graph}
    for name, targets in graph.items():
        for one in targets:
            above[one].add(name)
    found: list[set[str]] = []
    left = set(graph)
    for start in reversed(order):
        group, edge = set(), {start} & left
        while edge:
            group |= edge
            left -= edge
            edge = {one for name in edge for one in above[name]} & left
        if len(group) > 1:
            found.append(group)
    return found


def too_long(module: str, tree: ast.Module, lines: int) -> Iterator[str]:
    """The parts of a module above their limits: the module itself, functions, and functions and objects of too many values."""
    if lines > LINES:
        yield module
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            values = len(names) - (names[:1] in (["self"], ["cls"]))
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES or (values > VALUES and not is_command(node)):
                yield f"{module}.{node.name}()"
        elif isinstance(node, ast.ClassDef) and needed(node) > VALUES:
            yield f"{module}.{node.name}()"


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True for a command of the command line: its values are its options."""
    values = (*function.args.args, *function.args.kwonlyargs)
    return any(each.annotation is not None and "typer." in ast.unparse(each.annotation) for each in values)


def needed(node: ast.ClassDef) -> int:
    """The number of values without which a dataclass that changes cannot be made; 0 for other classes and frozen records."""
    decorators = [ast.unparse(each) for each in node.decorator_list]
    if not any("dataclass" in each and "frozen=True" not in each for each in decorators):
        return 0
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation)]
    return sum(each.value is None for each in fields)


def terminal_uses(tree: ast.Module) -> Iterator[int]:
    """The lines on which a module prints or touches standard output or error; asking whether it is a terminal is none."""
    asked = {id(node.value) for node in walk(tree) if isinstance(node, ast.Attribute) and node.attr in ASKING}
    streams = {"stdout", "stderr", "__stdout__", "__stderr__"}
    for node in walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in streams and id(node) not in asked:
                yield node.lineno
            case ast.ImportFrom(module="sys", names=names) if streams & {alias.name for alias in names}:
                yield node.lineno


def tellings(module: str, tree: ast.Module) -> Iterator[str]:
    """The functions of a module of the command line that write by themselves, or ask in which form: ``module.function()``."""
    for function in tree.body:
        for node in ast.walk(function):
            match node:
                case ast.Attribute(value=ast.Name(id="output"), attr=name) if name in TELLING:
                    yield f"{module}.{getattr(function, 'name', '')}()"


def task_starts(tree: ast.Module) -> Iterator[int]:
    """The lines on which a module starts a bare task; those of a ``TaskGroup`` are awaited and so are none."""
    starters = {"create_task", "ensure_future"}
    for node in walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="asyncio" | "loop" | "_loop"), attr=name) if name in starters:
                yield node.lineno
            case ast.Attribute(value=ast.Attribute(attr="loop" | "_loop"), attr=name) if name in starters:
                yield node.lineno
            case ast.Attribute(
                value=ast.Call(
                    func=ast.Attribute(attr="get_running_loop" | "get_event_loop")
                    | ast.Name(id="get_running_loop" | "get_event_loop")
                ),
                attr=name,
            ) if name in starters:
                yield node.lineno
            case ast.ImportFrom(module="asyncio", names=names) if starters & {alias.name for alias in names}:
                yield node.lineno


def belongs(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(home + ".") for home in homes)


def test_the_import_contracts_are_kept() -> None:
    """import-linter finds every contract of pyproject.toml kept."""
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_imported_in_its_home_alone(library: str) -> None:
    """A library with surprises is imported by the one package that knows them."""
    strangers = [
        module
        for module, tree in modules()
        if not belongs(module, HOMES[library])
        and any(name == library or name.startswith(library + ".") for name in imports(tree))
    ]
    assert strangers == []


def test_one_module_writes_to_the_terminal() -> None:
    """Nothing prints, or touches standard output or error, but the command line's output module and the entry point."""
    found = [f"{module}:{line}" for module, tree in modules() if module not in WRITERS for line in terminal_uses(tree)]
    assert found == []


def test_commands_answer_and_do_not_write() -> None:
    """A command returns what it says; only what must be told before its end is written by itself, as the table says why."""
    trees = {name: tree for name, tree in modules() if belongs(name, ("core.cli",)) and name not in MACHINERY}
    found = {one for name, tree in trees.items() for one in tellings(name, tree)}
    assert found - set(TOLD_BEFORE_THE_END) == set()
    assert set(TOLD_BEFORE_THE_END) - found == set(), "these write nothing any more: take them out of their table"


def test_a_command_that_writes_by_itself_is_found() -> None:
    """A line, an object, a note, and asking whether JSON is wanted; an answer and a question are none."""
    for used in ('output.line("a")', "output.json({})", 'output.note("a")', "if output.json_wanted: ..."):
        assert list(tellings("m", ast.parse(f"async def f():\n    def g():\n        {used}"))) == ["m.f()"]
    assert list(tellings("m", ast.parse('async def f():\n    output.ask("a")\n    return Answer(lines=["a"])'))) == []


def test_one_module_starts_background_tasks() -> None:
    """A bare task, whose failure would go unnoticed, is started nowhere but in core.system.tasks."""
    found = [f"{module}:{line}" for module, tree in modules() if module != "core.system.tasks" for line in task_starts(tree)]
    assert found == []


@pytest.mark.parametrize("package", sorted(CIRCLES))
def test_modules_do_not_import_each_other_in_circles(package: str) -> None:
    """A module can be read with what it imports alone; imports within functions and for types count as well."""
    found = circles(import_graph(package))
    assert len(found) <= CIRCLES[package], found


def test_imports_name_their_module_from_the_top() -> None:
    """A relative import would be seen by none of the rules on imports here."""
    relative = [
        f"{module}:{node.lineno}"
        for module, tree in modules()
        for node in walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_console_is_what_its_places_need() -> None:
    """Places know the console by a protocol, which it fulfils: the type checker says so, and the names are there."""
    shell: type[Shell] = Console
    assert {name for name in vars(Shell) if not name.startswith("_")} <= set(dir(shell))


def test_circles_of_imports_are_found() -> None:
    """Two modules that import each other, and a longer way round, are one group each; a line of imports is none."""
    graph = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c", "f"}, "f": set()}
    assert sorted(map(sorted, circles(graph))) == [["a", "b"], ["c", "d", "e"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_files_functions_and_constructors_are_short() -> None:
    """No file over 400 lines, of tests too, no function over 60, none and no object of over six values, but for the table."""
    found = {one for each in product() for one in too_long(each.name, each.tree, len(each.text.splitlines()))}
    found |= {each.name for each in sources.modules("tests") if len(each.text.splitlines()) > LINES}
    assert found - set(EXCEPTIONS) == set()
    assert set(EXCEPTIONS) - found == set(), "these are short now: take them out of their table"
    assert len(EXCEPTIONS) <= 10


def test_long_files_functions_and_constructors_are_found() -> None:
    """A file, a function, a constructor and a dataclass beyond the limits are named; at the limits they are not."""
    values = ", ".join(f"v{number}" for number in range(VALUES))
    for more, names in (("", []), (", w", ["m.__init__()"])):
        tree = ast.parse(f"class A:\n    def __init__(self, {values}{more}): ...")
        assert list(too_long("m", tree, LINES)) == names
        options = ", ".join(f"v{number}: Annotated[str, typer.Option()]" for number in range(VALUES + 1))
        tree = ast.parse(f"def a({options}): ...\ndef b({values}{more}): ...")
        assert list(too_long("m", tree, LINES)) == [name.replace("__init__", "b") for name in names]
    fields = "".join(f"    v{number}: int\n" for number in range(VALUES)) + "    w: int = 0\n"
    for decorator, more, names in (("", "", []), ("", "    x: int\n", ["m.A()"]), ("(frozen=True)", "    x: int\n", [])):
        tree = ast.parse(f"@dataclass{decorator}\nclass A:\n{fields}{more}")
        assert list(too_long("m", tree, LINES)) == names
    assert list(too_long("m", ast.parse("def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)), LINES)) == []
    assert list(too_long("m", ast.parse("def f():\n" + "    x = 1\n" * FUNCTION_LINES), LINES + 1)) == ["m", "m.f()"]


def test_every_package_says_what_it_is_for() -> None:
    """Every folder with code is a package, and its first lines say what it is for."""
    packages = {each.file.parent: ast.get_docstring(each.tree) for each in product() if each.file.name == "__init__.py"}
    folders = {each.file.parent for each in product()}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not packages.get(folder)] == []


@pytest.mark.parametrize(
    ("finder", "guilty", "innocent"),
    [
        (terminal_uses, "print('x')", "console.print('x')"),
        (terminal_uses, "import sys\nsys.stdout.write('x')", "import sys\nsys.stdout.isatty()"),
        (terminal_uses, "from sys import stderr", "from sys import argv"),
        (task_starts, "import asyncio\nasyncio.create_task(work())", "group.create_task(work())"),
        (task_starts, "asyncio.get_running_loop().create_task(work())", "spawn(work())"),
        (task_starts, "self._loop.create_task(work())", "self.group.create_task(work())"),
        (task_starts, "from asyncio import ensure_future", "from asyncio import gather"),
    ],
)
def test_a_breach_of_each_rule_is_found(finder: Callable[[ast.Module], Iterator[int]], guilty: str, innocent: str) -> None:
    """The rules above would see a breach, and do not see one where there is none."""
    assert list(finder(ast.parse(guilty)))
    assert not list(finder(ast.parse(innocent)))


def test_scripts_of_the_schema_are_numbered_without_a_gap() -> None:
    """Two with one number, as they come from two branches, would make two schemas of it."""
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "core/db/migrations").glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
