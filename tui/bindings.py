"""An action, and its keys as the toolkit and as people call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from tui.desk.present import Safe, joined, text


@dataclass(frozen=True, slots=True)
class Action:
    """``name`` is the method ``action_<name>``; the first of ``keys`` is the one in the footer. ``id`` is for rebinding."""

    id: str
    name: str
    keys: tuple[str, ...]
    label: str
    help: str
    footer: bool = True
    #: Goes before what the focused widget does with the key.
    priority: bool = False

    @property
    def shown_keys(self) -> Safe:
        return joined(" or ", (shown_key(key) for key in self.keys))


def shown_key(key: str) -> Safe:
    """A key as people call it: ``?``, ``esc``, ``^p``."""
    names = {"question_mark": "?", "slash": "/", "escape": "esc", "full_stop": ".", "comma": ",", "minus": "-", "plus": "+"}
    return text(names.get(key, f"^{key[5:]}" if key.startswith("ctrl+") else key))


def bindings(actions: Sequence[Action]) -> list[BindingType]:
    """The key bindings of ``actions``."""
    return [
        Binding(
            key,
            action.name,
            action.label,
            show=action.footer and position == 0,
            key_display=shown_key(key),
            # All keys of an action have one id, so that it is given other keys as a whole.
            id=action.id,
            priority=action.priority,
        )
        for action in actions
        for position, key in enumerate(action.keys)
    ]
