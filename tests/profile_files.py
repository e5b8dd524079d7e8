"""Profile files for tests: texts of each kind, and how they are read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from core.errors import InputError
from core.profiles.schema import reading, writing
from core.profiles.schema.profiles import PROFILES

parse = partial(reading.parse, PROFILES)
read = partial(reading.read, PROFILES)
as_toml = partial(writing.as_toml, PROFILES)
MINIMAL = """\
name = "Alice"
kind = "mailbox"
[server]
host = "mail.example.test"
[login]
username = "alice@example.test"
[target]
user = "alice"
"""
SECTIONS = ("server", "login", "folders", "filter", "delete", "target", "schedule")


def having(section: str, line: str) -> str:
    """The minimal file with ``line`` in ``section``, instead of the line for the same key if there is one."""
    key = line.partition("=")[0].strip()
    lines = [one for one in MINIMAL.splitlines() if not one.startswith(f"{key} ")]
    if section == "":
        return "\n".join([line, *lines])
    if f"[{section}]" not in lines:
        lines.append(f"[{section}]")
    lines.insert(lines.index(f"[{section}]") + 1, line)
    return "\n".join(lines)


def line_of(text: str, beginning: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(beginning))


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as refused:
        parse(text, Path("/etc/archivar/alice.toml"))
    assert refused.value.exit_code == 2
    return refused.value


MANY = """\
name = "Staff"
kind = "mailboxes"
[server]
host = "mail.example.test"
[login]
method = "master-user"
username = "archive"
[users]
mode = "all-except"
list = ["anna", "bob@example.test"]
"""
CATCHALL = """\
name = "Journal"
kind = "catchall"
[server]
host = "mail.example.test"
[login]
username = "journal@example.test"
"""
