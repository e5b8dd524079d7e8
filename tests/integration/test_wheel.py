"""The built wheel, in an environment with only the wheel and its requirements."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from core.manual import sheets

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("core", "tui", "themes")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def run(folder: Path, *command: str | Path) -> str:
    """Run a command in ``folder``, with no other way to the checkout, and return what it wrote to standard output."""
    result = subprocess.run(
        command, cwd=folder, env=surroundings(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def data_files() -> dict[str, Path]:
    """The files of the product that are not code, by their paths in the wheel."""
    found = {
        file.relative_to(ROOT).as_posix(): file
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    return found | {f"core/manual/pages/{file.relative_to(DOCS).as_posix()}": file for file in DOCS.rglob("*.md")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(folder, sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment in which the wheel and its demo extra are installed, in the locked versions."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=True)
    interpreter = folder / "venv" / "bin" / "python"
    pinned = re.findall(r"^[a-z0-9.-]+==[^\\\n]*", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pinned) + "\n", "utf-8")
    run(folder, interpreter, "-m", "pip", "install", "--quiet", "--no-compile", "-c", constraints, f"{wheel}[demo]")
    return interpreter


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    """The three packages with themes, migrations and manual, and the pages for man; no tests and no stray files."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == set(PACKAGES)
    assert sorted(name.partition(".data/data/")[2] for name in names if ".data/" in name) == sorted(
        f"share/{sheet.place}" for sheet in sheets.SHEETS
    )
    assert {name for name in names if name.endswith(".py")} == {
        file.relative_to(ROOT).as_posix() for package in PACKAGES for file in (ROOT / package).rglob("*.py")
    }
    assert {
        name for name in names if name.startswith(tuple(f"{package}/" for package in PACKAGES)) and not name.endswith(".py")
    } == set(data_files())
    assert any(re.fullmatch(r"themes/[^/]+\.toml", name) for name in names)
    assert any(re.fullmatch(r"core/db/migrations/[^/]+\.sql", name) for name in names)


def test_the_installed_command_tells_its_version(python: Path, tmp_path: Path) -> None:
    """The installed script answers ``--version`` from any folder, with the version that its metadata has."""
    told = run(tmp_path, python.with_name("archivar"), "--version")
    installed = run(tmp_path, python, "-c", "from importlib.metadata import version; print(version('archivar'))")
    assert told == f"archivar {installed}"
    assert re.fullmatch(r"archivar \d+\.\d+\.\d+\S*\n", told)


def test_the_installed_command_line_works(python: Path, tmp_path: Path) -> None:
    """The installed script shows its help, so nothing that it imports is missing from the wheel's dependencies."""
    assert "profile" in run(tmp_path, python.with_name("archivar"), "--help")


def test_the_installed_manual_is_shown_by_the_command_line_and_the_console(python: Path, tmp_path: Path) -> None:
    """The same page from the installed files, far from the checkout; a topic that is not there is named with those that are."""
    command = python.with_name("archivar")
    assert run(tmp_path, command, "help", "deleting").startswith("# Deleting on the server\n\nNothing is deleted")
    code = "from tui.places.guide import load; print(load('deleting').lines(75)[0][0].text)"
    assert run(tmp_path, python, "-c", code).startswith("Nothing is deleted on a server")
    wrong = subprocess.run(
        [command, "help", "delete"], cwd=tmp_path, env=surroundings(), capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Try deleting" in wrong.stderr


def test_the_installed_pages_for_man_are_those_of_the_manual(python: Path, tmp_path: Path) -> None:
    """They lie where man looks for pages beside the installed command."""
    for sheet in sheets.SHEETS:
        assert (python.parents[1] / "share" / sheet.place).read_text("ascii") == sheets.text(sheet)


def test_every_module_of_the_wheel_can_be_imported(python: Path, tmp_path: Path) -> None:
    """No module of the installed product, the console included, needs a library that the wheel does not ask for."""
    code = (
        "import importlib, pkgutil, core, tui, themes\n"
        "for package in (core, tui, themes):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not module.name.endswith('.__main__'):\n"
        "            importlib.import_module(module.name)\n"
    )
    run(tmp_path, python, "-c", code)


def test_the_installed_data_files_can_be_read(python: Path, tmp_path: Path) -> None:
    """Themes, migrations and the manual are read from the installed packages byte for byte as they are in the checkout."""
    code = (
        "import hashlib, json, sys\n"
        "from importlib import resources\n"
        "def digest(name):\n"
        "    package, *path = name.split('/')\n"
        "    return hashlib.sha256(resources.files(package).joinpath(*path).read_bytes()).hexdigest()\n"
        "print(json.dumps({name: digest(name) for name in sys.argv[1:]}))\n"
    )
    wanted = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in data_files().items()}
    assert json.loads(run(tmp_path, python, "-c", code, *wanted)) == wanted


def test_the_installed_dependencies_agree(python: Path, tmp_path: Path) -> None:
    """``pip check`` finds nothing missing and nothing in conflict."""
    assert "No broken requirements" in run(tmp_path, python, "-m", "pip", "check")
