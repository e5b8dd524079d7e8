"""The commands as their help shows them."""

from __future__ import annotations

from typing import Any

import typer

from core.cli.help import Command, _usage
from core.cli.main import build


def commands() -> dict[str, Any]:
    """Every command by its full name: those that do something, with what Typer knows of them."""
    found: dict[str, Any] = {}

    def collect(command: Any, path: tuple[str, ...]) -> None:
        below = getattr(command, "commands", {})
        if not below or getattr(command, "invoke_without_command", False):
            found[" ".join(path)] = command
        for name, one in below.items():
            collect(one, (*path, name))

    root: Any = typer.main.get_command(build(lambda _home: None))
    for name, command in root.commands.items():
        collect(command, ("archivar", name))
    return found


def usage(name: str, command: Any) -> str:
    """The command with its arguments."""
    return " ".join([name, *(_usage(command, typer.Context(command)) if isinstance(command, Command) else [])])


def test_the_usage_of_a_command_has_no_doubled_brackets() -> None:
    """``[WHERE]`` is what may be left out."""
    assert [found for name, command in commands().items() if "[[" in (found := usage(name, command))] == []
