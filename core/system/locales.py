"""The locale of the program, and faults in it for non-ASCII characters.

Read from the initial environment, since Python replaces the locale ``C``.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from pathlib import Path

#: In order of precedence (POSIX, Base Definitions, 8.2).
VARIABLES = ("LC_ALL", "LC_CTYPE", "LANG")
REMEDY = "Set one that is, such as LC_ALL=C.UTF-8 archivar, or export LANG=C.UTF-8 in the shell; for tmux before it is started."


def first_environment() -> Mapping[str, str]:
    """The initial environment of this process; the present one where the system does not tell."""
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ
    pairs = (part.partition(b"=") for part in raw.split(b"\0") if part)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def named(environment: Mapping[str, str]) -> str:
    """The name of the locale for characters, ``POSIX`` when none is set."""
    return next((environment[name] for name in VARIABLES if environment.get(name)), "POSIX")


def is_utf8(name: str) -> bool:
    """True when the locale of this name has UTF-8: by its name, or by the system's data."""
    plain = name.partition("@")[0]
    codeset = plain.partition(".")[2]
    if codeset:
        return codeset.lower().replace("-", "") == "utf8"
    if plain in ("C", "POSIX"):
        return False
    if locale.setlocale(locale.LC_CTYPE) == name:
        return locale.nl_langinfo(locale.CODESET).lower().replace("-", "") == "utf8"
    return locale.normalize(name).lower().endswith(("utf-8", "utf8"))


def doubt(environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The fault of the locale, and the remedy; empty texts for one with UTF-8."""
    name = named(first_environment() if environment is None else environment)
    if is_utf8(name):
        return "", ""
    return f'The locale "{name}" is not UTF-8: letters and frames may be shown as other characters.', REMEDY
