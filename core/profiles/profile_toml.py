"""A profile as a file that ``profile_file`` reads back: for ``profile show``, and to be copied from a terminal."""

from __future__ import annotations

from typing import Any

from core.profiles.catchall import CatchAll, Unknown
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.profile import SLOWEST, Profile
from core.text.format import safe


def as_toml(profile: Profile) -> str:
    """The profile as a file that ``read`` takes, in characters that any terminal can show and a copy keeps."""
    definition = profile.as_json()
    for key in ("larger_than", "smaller_than"):
        definition["filter"][key] = f"{definition['filter'][key]} B" if definition["filter"][key] else ""
    lines = [f"{key} = {toml(definition[key])}" for key in ("name", "kind")]
    # What says nothing but the default is left out, except that nothing is deleted: that is worth being said.
    defaults: dict[str, dict[str, Any]] = {
        "server": {"slowest_bytes_a_second": SLOWEST},
        "filter": Filter().as_json(),
        "delete": {**Deletion().as_json(), "when": None},
        "users": {"sync_directory_first": False},
        "schedule": {"weekdays": [], "automatic": True},
        # Where mail goes is worth being said; by which fields of the header, only when somebody chose them.
        "catchall": {"domains": [], "own_addresses": [], "headers": CatchAll().as_json()["headers"]},
    }
    if profile.catchall is not None and profile.catchall.unknown is Unknown.LEAVE:
        defaults["catchall"]["unknown_folder"] = profile.catchall.unknown_folder
    for section in ("server", "login", "folders", "filter", "delete", "target", "users", "catchall", "schedule"):
        shown = []
        for key, value in definition.get(section, {}).items():
            if (value not in ("", 0) or value is False) and value != defaults.get(section, {}).get(key, ""):
                shown += f"{key} = {toml(value)}".split("\n")
        if shown:
            lines += ["", f"[{section}]", *shown]
    return "\n".join(lines)


def toml(value: Any) -> str:
    """A value as TOML, in characters that any terminal can show."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, list):
        items = [toml(item) for item in value]
        one_line = f"[{', '.join(items)}]"
        return one_line if len(one_line) <= 60 else "\n".join(["[", *(f"  {item}," for item in items), "]"])
    return f'"{"".join(map(_toml_character, value))}"' if isinstance(value, str) else str(value)


def _toml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    # Whatever is not shown as it is would not survive a copy from the terminal.
    if safe(character) != character:
        return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
    return character
