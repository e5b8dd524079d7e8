"""Keymap files: known actions, checks of a file's entries, and a file to begin with."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from textual.keys import Keys, _character_to_key

from tui.actions import EVERYWHERE, TABLES
from tui.bindings import Action

#: Lists and forms take these first: an action with one of these keys would have no effect.
MOVING = ("up", "down", "k", "j", "pageup", "pagedown", "home", "end", "g", "G", "tab", "shift+tab", "left", "right")
#: Common names of keys that have other names here.
CALLED = {"esc": "escape", "return": "enter", "del": "delete", "page up": "pageup", "page down": "pagedown"}
#: Names of keys that type a sign: slash, question_mark.
SIGNS = {_character_to_key(chr(code)) for code in (*range(0x20, 0x7F), *range(0xA1, 0x100))}
#: Keys that text fields take, beside typed text.
EDITING = ("backspace", "delete", *(f"ctrl+{letter}" for letter in "acdefkuvw"))
#: Actions used while typing.
WHILE_TYPING = (
    "wizard-next",
    "wizard-back",
    "wizard-test",
    "wizard-examples",
    "wizard-preview",
    "wizard-probe",
    "wizard-guide",
    "wizard-help",
    "wizard-leave",
    "directory-save",
    "directory-test",
    "directory-preview",
    "directory-sync",
    "directory-guide",
    "directory-forget",
    "directory-back",
    "directory-help",
    "search-syntax",
    "search-order",
    "search-widen",
)
HEAD = """\
# Keys of the console. Take the # away and write other keys; several with commas between them.
# Names: a letter (A is another one than a), ctrl+t, f5, enter, escape, space, delete, slash, question_mark ...
# Read when the console starts. Arrows, page up and down, home, end, tab, g, G, j and k belong to lists.
"""


@dataclass(frozen=True, slots=True)
class Keymap:
    """Keys by the ids of their actions, and the faults of the file."""

    keys: Mapping[str, tuple[str, ...]]
    troubles: tuple[str, ...] = ()


def read(text: str) -> Keymap:
    """The keymap of a file; an invalid entry is left out and reported."""
    try:
        entries = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Keymap({}, (f"keymap.toml cannot be read: {_shown(str(error))}.",))
    places = TABLES
    known = {action.id for actions in places.values() for action in actions}
    keys: dict[str, tuple[str, ...]] = {}
    troubles: list[str] = []
    for name, value in entries.items():
        if name not in known:
            troubles.append(f"keymap.toml: there is no action {_shown(name)}.")
        elif isinstance(found := _keys(value), str):
            troubles.append(f"keymap.toml: {name}: {found}")
        elif name in WHILE_TYPING and (taken := [key for key in found if key in EDITING or key in SIGNS or len(key) == 1]):
            troubles.append(f"keymap.toml: {name}: {_shown(taken[0])} is typed, or edits what is typed, where this is needed.")
        else:
            keys[name] = found
    for name, trouble in _clashes(places, keys).items():
        del keys[name]
        troubles.append(trouble)
    return Keymap(keys, tuple(troubles))


def _keys(value: object) -> tuple[str, ...] | str:
    """The keys of an entry, or its fault."""
    if not isinstance(value, str) or not value.strip():
        return 'write its keys as "x" or "x, ctrl+t".'
    keys = [_key(part.strip()) for part in value.split(",")]
    for part, key in zip(value.split(","), keys, strict=True):
        if not key:
            return f"{_shown(part.strip())} is no key."
        if key in MOVING:
            return f"{_shown(part.strip())} belongs to lists and forms."
    return tuple(dict.fromkeys(key for key in keys if key))


def _key(text: str) -> str:
    """The name under which a key is reported; empty for an unknown key."""
    text = CALLED.get(text, text)
    if len(text) == 1:
        return _character_to_key(text) if text.isprintable() and not text.isspace() else ""
    name = re.sub(r"^\^(?=.$)", "ctrl+", text).lower()
    known = name in SIGNS or (name in {key.value for key in Keys} and not name.startswith("<"))
    return name if known else ""


def _clashes(places: Mapping[str, Sequence[Action]], keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Entries that would give a key to two actions of one place, with their fault."""
    found: dict[str, str] = {}
    for place, actions in places.items():
        taken: dict[str, str] = {}
        # Actions with unchanged keys come first, so that the file's entry gives way.
        own = {action.id: action for action in (*actions, *EVERYWHERE)}
        for action in sorted(own.values(), key=lambda action: action.id in keys):
            if action.id in found:
                continue
            for key in keys.get(action.id, action.keys):
                other = taken.setdefault(key, action.id)
                # A key that the program itself gives twice is intended: the place takes it before the console.
                meant = key in action.keys and key in own[other].keys
                if other != action.id and action.id in keys and not meant:
                    found[action.id] = f"keymap.toml: {action.id}: in {place}, {key} is the key of {other} already."
                    break
    return found


def template(keys: Mapping[str, tuple[str, ...]]) -> str:
    """A keymap file with all actions and their present keys, all of it commented out."""
    lines = [HEAD]
    seen: set[str] = set()
    for place, actions in TABLES.items():
        new = [action for action in actions if action.id not in seen]
        if new:
            lines.append(f"# -- {place}")
            lines += [f'# {action.id} = "{_list(keys.get(action.id, action.keys))}"  # {action.help}' for action in new]
            lines.append("")
        seen.update(action.id for action in actions)
    return "\n".join(lines)


def _list(keys: Iterable[str]) -> str:
    return ", ".join(keys)


def _shown(text: str) -> str:
    return f'"{text[:60]}"'
