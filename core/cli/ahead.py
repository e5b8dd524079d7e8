"""The plain form of ``archivar run``, understood before the command line is loaded; any other form is left to that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.service import starting
from core.system.homes import default_home

if TYPE_CHECKING:
    from core.service.ahead import QueuedAhead

_FLAGS = {"--dry-run", "--detach", "--json"}


def queue(arguments: Sequence[str]) -> QueuedAhead | None:
    """The run that ``arguments`` ask for, queued; None when they ask for anything else, or in doubt."""
    if "run" not in arguments or len(arguments) > 8:
        return None
    home: str | None = None
    words: list[str] = []
    flags: set[str] = set()
    rest = iter(arguments)
    for word in rest:
        if word == "--home" or word.startswith("--home="):
            home = next(rest, "") if word == "--home" else word.removeprefix("--home=")
            if not home:
                return None
        elif word in _FLAGS:
            if not words and word != "--json":
                # An option of the command, which nothing knows before its name.
                return None
            flags.add(word)
        else:
            words.append(word)
    match words:
        case ["run", name] if name and not name.startswith("-"):
            return _queued(os.path.abspath(home or default_home()), name, dry_run="--dry-run" in flags)
    return None


def _queued(home: str, name: str, *, dry_run: bool) -> QueuedAhead | None:
    # Before the database is loaded, so that both load at the same time.
    service = starting.start(home)
    from core.service import ahead

    return ahead.queue(home, name, dry_run=dry_run, service=service)
