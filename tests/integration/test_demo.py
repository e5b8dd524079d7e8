"""The demo: sample mailboxes on an embedded server, archived by real runs, without any setup."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Archivar, Typed

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pymap") is None, reason="needs the extra demo")

NEXT = "What to try next:"


def test_the_demo_archives_three_mailboxes_and_says_what_to_try(tmp_path: Path) -> None:
    """In a fresh home every mailbox is archived; a second time there is nothing new; each suggested command works."""
    with Archivar(tmp_path) as archivar:
        home = ["--home", str(archivar.home)]
        first = archivar("demo", "--headless", *home)
        assert first.out.count("✔ succeeded") == 3
        assert "Attachments sent to several people are kept once." in first.out
        assert not (tmp_path / ".local").exists()
        second = archivar("demo", *home, "--headless")
        assert second.out.count(" 0 archived, ") == 3
        told = second.err[second.err.index(NEXT) :].splitlines()[1:]
        commands = [line.split() for line in told if line.startswith("  archivar --home")]
        assert len(commands) >= 4
        for words in commands:
            assert words[2] == str(archivar.home)
            exporting = "export" in words
            answer = archivar(*words[3:-1], str(tmp_path / "sales")) if exporting else archivar(*words[3:])
            assert answer.text.strip()


def test_what_to_try_can_be_called_as_it_stands_from_a_checkout(tmp_path: Path) -> None:
    """With the program in no PATH, as after make demo, the suggestions name it by its path."""
    program = Path(sys.executable).with_name("archivar")
    with Archivar(tmp_path) as archivar:
        options = archivar.options(PATH="/nowhere")
        words = [str(program), "demo", "--headless", "--home", str(archivar.home)]
        told = subprocess.run(words, **options, capture_output=True, text=True, check=True).stderr
    assert f"\n  {program} --home {archivar.home} verify\n" in told
    assert f"\n  {program} demo\n" in told


def test_the_demo_as_json_is_one_object(tmp_path: Path) -> None:
    """With --json the demo prints one object with the result of each run, and opens no console even at a terminal."""
    with Archivar(tmp_path) as archivar:
        home = ["--home", str(archivar.home)]
        answer = archivar("demo", "--json", *home)
        value = answer.json
        assert set(value) == {"home", "messages", "bytes", "disk", "runs"}
        assert [run["status"] for run in value["runs"]] == ["succeeded"] * 3
        assert value["messages"] > 400
        assert sum(run["totals"]["archived"] for run in value["runs"]) >= value["messages"]
        assert NEXT in answer.err
        with Typed(archivar, "demo", *home, "--json") as terminal:
            assert terminal.end() == 0
            assert '"status": "succeeded"' in terminal.text


def test_the_demo_has_a_home_of_its_own(tmp_path: Path) -> None:
    """Without --home the demo keeps to its own folder, whatever ARCHIVAR_HOME is, and refuses a real archive."""
    with Archivar(tmp_path) as archivar:
        archivar("user", "add", "alice", "--email", "alice@example.test")
        head = archivar("ledger", "head").out
        value = archivar("demo", "--json", XDG_DATA_HOME=str(tmp_path / "data")).json
        archivar("service", "stop", "--home", value["home"])
        assert value["home"] == str(tmp_path / "data" / "archivar-demo")
        assert [path.name for path in (tmp_path / "data").iterdir()] == ["archivar-demo"]
        refused = archivar("demo", "--home", str(archivar.home), code=2).err
        assert "holds an archive that is not the demo's" in refused
        assert archivar("ledger", "head").out == head


def test_without_its_package_the_demo_says_what_to_install(tmp_path: Path) -> None:
    """Without pymap, one sentence names it and the extra that brings it; no archive is begun."""
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['pymap'] = None\n")
    with Archivar(tmp_path) as archivar:
        path = f"{blocked}:{archivar.environment()['PYTHONPATH']}"
        error = archivar("demo", "--headless", "--home", str(archivar.home), code=2, PYTHONPATH=path).err
        assert error.splitlines()[0].startswith("archivar: The demo needs the package pymap")
        assert "pipx install --force '.[demo]'" in error
        assert not archivar.home.exists()
