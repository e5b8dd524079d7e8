"""What can be done in a place: one table from which come its keys, its footer, its help and the command palette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.binding import Binding, BindingType


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
    def shown_keys(self) -> str:
        return " or ".join(shown_key(key) for key in self.keys)


def shown_key(key: str) -> str:
    """A key as people call it: ``?``, ``esc``, ``^p``."""
    names = {"question_mark": "?", "slash": "/", "escape": "esc", "full_stop": ".", "comma": ",", "minus": "-", "plus": "+"}
    return names.get(key, f"^{key[5:]}" if key.startswith("ctrl+") else key)


#: Valid in every place.
EVERYWHERE = (
    Action("help", "help", ("question_mark", "f1"), "Help", "The keys of this place"),
    Action("commands", "command_palette", ("ctrl+p",), "Commands", "Everything that can be done here, by name", priority=True),
)

#: The places, with the same keys wherever one is. None stands at the foot: Home has them in its own footer.
PLACES = (
    Action("go-home", "go('home')", ("h",), "Home", "Go to Home: profiles, and what needs attention", footer=False),
    Action("go-users", "go('users')", ("u",), "Users", "Go to Users: whose mail is archived", footer=False),
    Action(
        "go-archive", "go('archive')", ("m",), "Archive", "Go to Archive: the mail itself, to read and to find", footer=False
    ),
    Action("go-activity", "go('activity')", ("y",), "Activity", "Go to Activity: past runs, and the ledger", footer=False),
    Action(
        "go-unknown", "go('unknown')", ("w",), "Unknown addresses", "Go to Unknown addresses: nobody has them yet", footer=False
    ),
    Action("go-settings", "go('settings')", ("s",), "Settings", "Go to Settings", footer=False),
)

MOVING = (
    ("↑ ↓ or k j", "Choose a line, or scroll"),
    ("page up, page down", "One page"),
    ("home, end", "To the beginning, to the end"),
    ("tab", "To the next panel, or the next field of a form"),
    ("← → in a form", "Choose one of several. Space ticks a box; it changes no such choice"),
)


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
