"""The footer of a place: as many keys as fit, the most important first, and always the one for help.

On Home a second line has the ways to all other places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from tui.desk.present import BLANK, Safe, cell_len, joined, own, text

#: Shown at any width: all others can be found from it.
HELP = ("help", "own_help")
#: How actions begin that lead to a place.
_GO = "go("


#: Key, label, action, and whether it is available now.
_Key: TypeAlias = tuple[Safe, Safe, str, bool]


class Labelled(Protocol):
    """A place that may change the label of an action."""

    def label(self, action: str) -> Safe: ...


class KeyBar(Widget):
    """One line, or two with the ``places`` in the second. It has only available keys; a click acts as the key."""

    DEFAULT_CSS = "KeyBar { height: 1; dock: bottom; }"
    COMPONENT_CLASSES = {"keys--key", "keys--dim"}  # noqa: RUF012

    def __init__(self, place: Labelled, *, places: bool = False) -> None:
        super().__init__()
        self._place = place
        self._with_places = places
        if places:
            self.styles.height = 2
        #: The line of a key, its first cell and the one after its last, and its action.
        self._spots: list[tuple[int, int, int, str]] = []
        self._shown = BLANK
        self._covered = False

    @property
    def covered(self) -> bool:
        """True when a screen in front of the place makes its keys ineffective."""
        return self._covered

    @covered.setter
    def covered(self, covered: bool) -> None:
        if covered != self._covered:
            self._covered = covered
            self.refresh()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        if screen is self.screen and screen.is_attached and self._plain(self._useful()) != self._shown:
            self.refresh()

    def _useful(self) -> list[tuple[Safe, Safe, str, bool]]:
        """(key, label, action, enabled) of the available actions, each once."""
        found: dict[str, tuple[Safe, Safe, str, bool]] = {}
        helps: dict[str, tuple[Safe, Safe, str, bool]] = {}
        for active in self.screen.active_bindings.values():
            binding: Binding = active.binding
            if binding.show and binding.action not in found:
                key = text(self.app.get_key_display(binding))
                label = self._place.label(binding.action) or text(binding.description)
                found[binding.action] = (key, label, binding.action, active.enabled)
            elif binding.action in HELP:
                # Where its first key is typed, another one is shown.
                helps.setdefault(
                    binding.action, (text(self.app.get_key_display(binding)), text(binding.description), binding.action, True)
                )
        if not any(action in found for action in HELP):
            found |= helps
        return list(found.values())

    @staticmethod
    def _plain(bindings: list[tuple[Safe, Safe, str, bool]]) -> Safe:
        return joined("\n", (own("{} {} {}", key, label, enabled) for key, label, _, enabled in bindings))

    def render(self) -> Content:
        bindings = [] if self._covered else self._useful()
        self._shown = self._plain(bindings)
        helps = [one for one in bindings if one[2] in HELP]
        rest = [one for one in bindings if one[2] not in HELP]
        self._spots = []
        if not self._with_places:
            return self._line(0, rest, helps)
        places = [one for one in rest if one[2].startswith(_GO)]
        others = [one for one in rest if one not in places]
        return Content("\n").join((self._line(0, others, helps), self._line(1, places, [])))

    def _line(self, number: int, keys: Sequence[_Key], last: Sequence[_Key]) -> Content:
        """As many of ``keys`` as there is room for beside the ``last``."""
        room = self.size.width - 1 - sum(map(_width, last))
        fitting = []
        for one in keys:
            if _width(one) <= room:
                fitting.append(one)
                room -= _width(one)
        strong = str(self.get_component_rich_style("keys--key", partial=True))
        dim = str(self.get_component_rich_style("keys--dim", partial=True))
        parts, at = [Content(" ")], 1
        for one in [*fitting, *last]:
            key, label, action, enabled = one
            parts += [
                Content.styled(key, strong if enabled else dim),
                Content.styled(own(" {}  ", label), "" if enabled else dim),
            ]
            self._spots.append((number, at, at + _width(one), action))
            at += _width(one)
        return Content("").join(parts)

    async def on_click(self, event: events.Click) -> None:
        for line, start, end, action in self._spots:
            if line == event.y and start <= event.x < end:
                await self.screen.run_action(action)


def _width(binding: _Key) -> int:
    key, label, _, _ = binding
    return cell_len(key) + cell_len(label) + 3
