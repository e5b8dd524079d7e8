"""Loaded modules: none that a command, the service or the entry point has no use for."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import homes
from tests.sources import ROOT, product

pytestmark = pytest.mark.xdist_group("modules")
#: What of the core the help of all commands may load.
HELP = {
    *("core", "core.cli", "core.cli.answer", "core.cli.commands", "core.cli.context", "core.cli.help", "core.cli.main"),
    "core.cli.output",
    *("core.errors", "core.problems", "core.problems.code", "core.problems.command_line", "core.problems.unnamed"),
    "core.problems.usage",
    *("core.system", "core.system.guard", "core.system.locales"),
    *("core.text", "core.text.codepoints", "core.text.format", "core.text.layout", "core.text.patterns"),
    "core.values",
}
#: What frequent commands have no use for, and must not wait for.
READING = ("core.message.content", "core.message.html_text", "core.archive.search.index_document")
SENDING = (
    "core.imap",
    "core.directory",
    "core.engine.seals.sealing",
    "http.client",
    "smtplib",
    "cryptography",
    "ldap3",
    "httpx",
)
UNUSED = {
    "status": (*READING, *SENDING, "core.archive.transfer.backup", "core.service.unit", "core.archive.search.query"),
    "search x": (*READING, *SENDING, "core.engine", "core.profiles.profile", "core.archive.transfer", "zoneinfo"),
}
#: What commands that read an archive have no use for: what changes one, all settings files, all codes.
CHANGING = (
    *("core.archive.store.writer", "core.archive.store.offload", "core.archive.store.preparing"),
    *("core.archive.catalog.catalog", "core.archive.catalog.mail", "core.archive.catalog.projection"),
    *("core.archive.store.intake", "core.problems.subjects", "core.profiles.schema"),
)
#: What a service without a run needs neither.
IDLE = (
    *READING,
    "core.cli",
    "core.directory",
    "core.engine.seals.seal_delivery",
    "core.archive.transfer.importing",
    "core.demo",
)
IDLE_LIBRARIES = ("typer", "rich", "textual", "httpx", "ldap3", "cryptography", "smtplib", "http", "zoneinfo", "cronsim")


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the product: its dotted name and its syntax tree."""
    return ((module.name, module.tree) for module in product())


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


def test_the_help_loads_no_command_and_no_archive() -> None:
    """``archivar --help`` and a word that is no command load Typer, the table of commands, and what writes: nothing else."""
    code = "from tui.__main__ import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert end.code in (0, 2)"
    for word in ("--help", "serach"):
        loaded = loaded_by(code, word)
        assert {name for name in loaded if belongs(name, ("core",))} <= HELP, word
        assert top_level(loaded - loaded_by("import typer")) - {"core", "tui", "typer"} <= sys.stdlib_module_names, word
        assert "asyncio" not in loaded, word


@pytest.mark.parametrize("command", sorted(UNUSED))
def test_frequent_commands_load_nothing_that_they_do_not_use(command: str, tmp_path: Path) -> None:
    """The help and the load of a command need no archive, so none is opened here."""
    code = "from tui.__main__ import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert end.code == 2"
    loaded = loaded_by(code, "--home", str(tmp_path), *command.split())
    assert {"core.archive.archive", f"core.cli.{command.split()[0]}"} <= loaded
    assert sorted(name for name in loaded if belongs(name, UNUSED[command])) == []


@pytest.mark.parametrize("command", ["status", "user list", "profile list", "search message", "show 1", "ledger show"])
async def test_commands_that_read_an_archive_load_nothing_that_changes_one(command: str, tmp_path: Path) -> None:
    home = await homes.filled(tmp_path / "home", batches=1)
    code = "from tui.__main__ import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code"
    loaded = loaded_by(code, "--home", str(home.path), *command.split())
    assert {"core.archive.archive", "core.archive.store.volume"} <= loaded
    assert sorted(name for name in loaded if belongs(name, CHANGING)) == []


def test_the_service_loads_nothing_that_it_may_never_use() -> None:
    """It is started for each run on its own, which waits for it."""
    loaded = loaded_by("import core.service.worker")
    assert sorted(name for name in loaded if belongs(name, IDLE + IDLE_LIBRARIES)) == []
