"""An action, and the names of its keys for the toolkit and for display."""

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
    #: Takes precedence over the focused widget.
    priority: bool = False

    @property
    def shown_keys(self) -> Safe:
        return joined(" or ", (shown_key(key) for key in self.keys))


def shown_key(key: str) -> Safe:
    """A key for display: ``?``, ``esc``, ``^p``."""
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
            # All keys of an action share one id, so that they are rebound as a whole.
            id=action.id,
            priority=action.priority,
        )
        for action in actions
        for position, key in enumerate(action.keys)
    ]
