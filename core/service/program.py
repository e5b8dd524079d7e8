"""The call of this program and the account of a file, as a systemd unit names them."""

from __future__ import annotations

import grp
import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import core


def command() -> tuple[list[str], str]:
    """The command that calls this program, and the path that Python needs for it; empty where it needs none."""
    script = next((path for path in _scripts() if os.access(path, os.X_OK) and path.is_file()), None)
    return ([str(script)], "") if script else ([sys.executable, "-P", "-m", "tui"], str(_source()))


def parts(called: Sequence[str]) -> list[Path]:
    """The files and folders that the program is made of, when it is ``called`` so."""
    return [Path(called[0]), Path(called[0]).resolve(), _source(), Path(sys.prefix), Path(sys.base_prefix)]


def account_of(path: Path) -> tuple[str, str]:
    """The account and the group that a file belongs to, by name or by number."""
    status = path.stat()
    try:
        owner = pwd.getpwuid(status.st_uid)
        user, gid = owner.pw_name, owner.pw_gid
    except KeyError:
        user, gid = str(status.st_uid), status.st_gid
    try:
        return user, grp.getgrgid(gid).gr_name
    except KeyError:
        return user, str(gid)


def _source() -> Path:
    return Path(core.__file__).resolve().parent.parent


def _scripts() -> Iterator[Path]:
    """Yield paths where the command may be: as called, and beside the interpreter."""
    called = Path(sys.argv[0])
    if called.name == "archivar":
        yield called.absolute()
    yield Path(sys.executable).absolute().with_name("archivar")
