"""Directory settings as a file that ``directory_file`` reads back: for ``directory show``, and to be copied."""

from __future__ import annotations

from core.profiles.directory import Directory
from core.profiles.profile_toml import toml


def as_toml(directory: Directory) -> str:
    """The settings as a file that ``read`` takes; what is as usual is left out, but not what becomes of who left."""
    definition = directory.as_json()
    usual = {"timeout": 30.0, "accept_all_certificates": False, "include_disabled": True}
    lines = [f"type = {toml(definition['type'])}"]
    for section in ("server", "login", "search", "attributes", "users"):
        shown = []
        for key, value in definition.get(section, {}).items():
            if value not in ("", 0, []) and value != usual.get(key):
                shown += f"{key} = {toml(value)}".split("\n")
            elif value is False and key == "include_disabled":
                shown.append(f"{key} = false")
        if shown:
            lines += ["", f"[{section}]", *shown]
    return "\n".join(lines)
