"""Exposure of an archive's files to accounts other than its owner, present or prevented only by a folder above. Blocking."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.config import Home
from core.problems.code import Reason
from core.problems.command_line import told
from core.problems.warning import EXPOSED, EXPOSED_MORE, SHELTERED, SHELTERED_MORE
from core.values import dataclass

_OTHERS, _ALL_OTHERS = 0o077, 0o007
#: The most levels of folders below a home or a backup.
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Exposure:
    """A file or folder with its mode, the number of others like it, and the command that corrects all of them.

    ``reachable``: others can reach it; else a folder above prevents that, until it is copied or moved.
    """

    path: Path
    mode: int
    more: int
    reachable: bool
    command: str

    @property
    def reason(self) -> Reason:
        """The fault, with the command that corrects it."""
        values: dict[str, str | int] = {"path": str(self.path), "mode": f"{self.mode:04o}", "command": self.command}
        if self.more:
            return (EXPOSED_MORE if self.reachable else SHELTERED_MORE)(**values, more=self.more)
        return (EXPOSED if self.reachable else SHELTERED)(**values)

    def sentence(self) -> str:
        """The fault and the command that corrects it."""
        return told(self.reason)

    def as_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "mode": f"{self.mode:04o}",
            "more": self.more,
            "reachable": self.reachable,
            "remedy": self.command,
            "code": self.reason.code.word,
        }


def exposed(home: Home, backup: str = "", password_files: Iterable[str] = ()) -> list[Exposure]:
    """The exposed files of a home, of its last ``backup`` (a folder) and of files with passwords."""
    found = [_below(home.path)]
    if backup and Path(backup) != home.path:
        found.append(_below(Path(backup)))
    found += [_password_file(Path(name)) for name in dict.fromkeys(password_files) if name]
    return [one for one in found if one is not None]


def _below(top: Path) -> Exposure | None:
    open_ = [(path, facts) for path, facts in _all(top, _LEVELS) if facts.st_mode & _OTHERS]
    if not open_:
        return None
    path, facts = open_[0]
    reachable = path == top or bool(_mode(top) & _OTHERS)
    return Exposure(path, stat.S_IMODE(facts.st_mode), len(open_) - 1, reachable, f"chmod -R go= {shlex.quote(str(top))}")


def _all(path: Path, levels: int) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield a folder and its content, as far as readable; links are left out."""
    with suppress(OSError):
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            return
        yield path, facts
        if stat.S_ISDIR(facts.st_mode) and levels:
            for name in sorted(os.listdir(path)):
                if name != "lost+found":
                    yield from _all(path / name, levels - 1)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _password_file(path: Path) -> Exposure | None:
    """The exposure of a password file. A group may be allowed to read it: that of the service's account."""
    if not (mode := stat.S_IMODE(_mode(path))) & _ALL_OTHERS:
        return None
    return Exposure(path, mode, 0, True, f"chmod o= {shlex.quote(str(path))}")
