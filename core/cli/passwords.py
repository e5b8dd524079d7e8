"""Passwords for settings to be saved: from the environment, from a file, or from a prompt."""

from __future__ import annotations

import os
from pathlib import Path

from core.archive.registry import saved_profiles
from core.cli.output import output
from core.errors import InputError
from core.problems.usage import NO_PASSWORD, VARIABLE_UNSET
from core.secrets import Secret


def entered(variable: str, file: str, prompt: str, *, stored: bool, whose: str) -> Secret | None:
    """The password to be stored; None when it comes from ``file``, or the ``stored`` one stays.

    ``variable`` names the environment variable, empty for none. Raises ``InputError`` that names ``whose`` it is when none was
    given.
    """
    if variable:
        # Removed, so that child processes do not get it.
        if text := os.environ.pop(variable, ""):
            return Secret(text)
        raise InputError(VARIABLE_UNSET(option="login.password_env", variable=variable))
    if file:
        # Read now, so that an empty or unreadable file is found here and not at night.
        saved_profiles.read_password(Path(file))
        return None
    if typed := output.ask_password(f"{prompt}{' (Enter keeps the stored one)' if stored else ''}: "):
        return Secret(typed)
    if stored:
        return None
    raise InputError(NO_PASSWORD(whose=whose, settings="login.password_file or login.password_env"))
