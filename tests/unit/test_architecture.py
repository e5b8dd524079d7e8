"""The promises of the architecture: who imports what, who writes to the terminal, and what the lock file holds."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "tui", "themes")

# Each library has one home, where its exceptions are translated and its surprises are known.
HOMES = {
    "aiosqlite": ("core.db",),
    "asn1crypto": ("core.archive",),
    "croniter": ("core.profiles",),
    "imapclient": ("core.imap",),
    "imaplib": ("core.imap", "core.demo"),
    "httpx": ("core.directory",),
    "ldap3": ("core.directory",),
    "pymap": ("core.demo",),
    "textual": ("tui",),
}
WRITERS = {"core.cli.output", "tui.__main__"}
ASKING = {"isatty", "fileno", "encoding"}

PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<marker> ; [^\\]+?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the product: its dotted name and its syntax tree."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), ast.parse(file.read_text("utf-8"), filename=str(file))


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it and also by ``import_module("...")``."""
    for node in ast.walk(tree):
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


def terminal_uses(tree: ast.Module) -> Iterator[int]:
    """The lines on which a module prints or touches standard output or error; asking whether it is a terminal is none."""
    asked = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ASKING}
    streams = {"stdout", "stderr", "__stdout__", "__stderr__"}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in streams and id(node) not in asked:
                yield node.lineno
            case ast.ImportFrom(module="sys", names=names) if streams & {alias.name for alias in names}:
                yield node.lineno


def task_starts(tree: ast.Module) -> Iterator[int]:
    """The lines on which a module starts a bare task; those of a ``TaskGroup`` are awaited and so are none."""
    starters = {"create_task", "ensure_future"}
    for node in ast.walk(tree):
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


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in an interpreter of its own, with the checkout on its path and nothing of pytest."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that ``code`` has loaded when its interpreter ends."""
    report = 'import atexit, json; atexit.register(lambda: sys.stderr.write("\\n" + json.dumps(sorted(sys.modules))))\n'
    result = run_python(report + code, *arguments)
    assert result.returncode == 0, result.stderr
    loaded: list[str] = json.loads(result.stderr.splitlines()[-1])
    return set(loaded)


def top_level(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def requirements() -> list[str]:
    """The lines of the lock file, each requirement on one."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return [re.sub(r"\s+", " ", line).strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pins() -> dict[str, Version]:
    found = [PIN.fullmatch(line) for line in requirements()]
    return {pin["name"]: Version(pin["version"]) for pin in found if pin}


def test_the_import_contracts_are_kept() -> None:
    """import-linter finds every contract of pyproject.toml kept."""
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_core_never_loads_textual() -> None:
    """Every module of core can be imported, and none of them brings Textual or the console with it."""
    loaded = loaded_by(
        "import importlib, pkgutil, core\n"
        "absent = {'core.demo': 'pymap'}\n"
        "def walk(package):\n"
        "    for found in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        if found.name.endswith('.__main__'):\n"
        "            continue\n"
        f"        if found.name == 'core.demo' and not {has('pymap')}:\n"
        "            continue\n"
        "        module = importlib.import_module(found.name)\n"
        "        if found.ispkg:\n"
        "            walk(module)\n"
        "walk(core)\n"
    )
    assert top_level(loaded) & {"textual", "tui"} == set()
    missed = {name for name, _ in modules() if belongs(name, ("core",)) and not name.endswith(".__main__")} - loaded
    assert missed <= {name for name in missed if belongs(name, ("core.demo",)) and not has("pymap")}


def has(distribution: str) -> bool:
    return importlib.util.find_spec(distribution) is not None


def test_the_entry_point_loads_only_the_standard_library() -> None:
    """Importing the command's main function loads neither Textual nor the core nor any other library."""
    before = top_level(loaded_by(""))
    loaded = top_level(loaded_by("from tui.__main__ import main"))
    assert "tui" in loaded
    assert loaded - before - {"tui"} <= sys.stdlib_module_names


def test_the_version_is_told_without_the_console_or_the_command_line() -> None:
    """``archivar --version`` answers without loading Textual, the command line or any library."""
    code = "from tui.__main__ import main; main()"
    result = run_python(code, "--version")
    assert re.fullmatch(r"archivar \d+\.\d+\.\d+\S*\n", result.stdout), result.stderr
    before = top_level(loaded_by(""))
    loaded = loaded_by(code, "--version")
    assert top_level(loaded) - before - {"tui", "core"} <= sys.stdlib_module_names
    assert not any(belongs(name, ("core.cli", "core.service")) for name in loaded)


def test_the_command_line_never_loads_textual() -> None:
    """A command that does its work in the terminal's own lines never pays for the console."""
    code = "from tui.__main__ import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert end.code in (0, None)"
    assert "textual" not in top_level(loaded_by(code, "--help"))


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


def test_one_module_starts_background_tasks() -> None:
    """A bare task, whose failure nobody would hear of, is started nowhere but in core.system.tasks."""
    found = [f"{module}:{line}" for module, tree in modules() if module != "core.system.tasks" for line in task_starts(tree)]
    assert found == []


def test_every_package_says_what_it_is_for() -> None:
    """Every folder with code is a package, and its first lines say what it is for."""
    folders = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    silent = [
        str(folder.relative_to(ROOT))
        for folder in folders
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    ]
    assert silent == []


def test_the_lock_file_pins_everything_and_names_no_place() -> None:
    """Every line of requirements.lock is an exact version with its hashes; none of them is an address, path or option."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert [word for word in ("://", "--index", "--extra-index", "--find-links", "file:", " @ ") if word in text] == []
    assert [line for line in requirements() if not PIN.fullmatch(line)] == []


def test_the_lock_file_follows_pyproject() -> None:
    """Whatever pyproject.toml asks for is in requirements.lock, in a version that it admits."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = declared["project"]
    wanted = [
        *declared["build-system"]["requires"],
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *(line for group in declared["dependency-groups"].values() for line in group),
    ]
    locked = pins()
    lagging = [
        line
        for line in wanted
        if (name := canonicalize_name(Requirement(line).name)) not in locked
        or not Requirement(line).specifier.contains(locked[name], prereleases=True)
    ]
    assert lagging == [], "run: make lock"


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
def test_what_the_rules_look_for_is_found(finder: Callable[[ast.Module], Iterator[int]], guilty: str, innocent: str) -> None:
    """The rules above would see a breach, and do not see one where there is none."""
    assert list(finder(ast.parse(guilty)))
    assert not list(finder(ast.parse(innocent)))
