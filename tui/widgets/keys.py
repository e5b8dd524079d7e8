"""The footer of a place: as many keys as fit, the most important first, and always the one for help."""

from __future__ import annotations

from typing import Protocol

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from tui.desk.present import BLANK, Safe, cell_len, joined, own, text

#: Shown at any width: all others can be found from it.
HELP = ("help", "own_help")


class Labelled(Protocol):
    """A place that may change the label of an action."""

    def label(self, action: str) -> Safe: ...


class KeyBar(Widget):
    """One line. It has only available keys; a click acts as the key."""

    DEFAULT_CSS = "KeyBar { height: 1; dock: bottom; }"
    COMPONENT_CLASSES = {"keys--key", "keys--dim"}  # noqa: RUF012

    def __init__(self, place: Labelled) -> None:
        super().__init__()
        self._place = place
        self._places: list[tuple[int, int, str]] = []
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
        room = self.size.width - 1 - sum(_width(one) for one in helps)
        fitting = []
        for one in rest:
            if _width(one) <= room:
                fitting.append(one)
                room -= _width(one)
        strong = str(self.get_component_rich_style("keys--key", partial=True))
        dim = str(self.get_component_rich_style("keys--dim", partial=True))
        self._places, parts, at = [], [Content(" ")], 1
        for one in [*fitting, *helps]:
            key, label, action, enabled = one
            parts += [
                Content.styled(key, strong if enabled else dim),
                Content.styled(own(" {}  ", label), "" if enabled else dim),
            ]
            self._places.append((at, at + _width(one), action))
            at += _width(one)
        return Content("").join(parts)

    async def on_click(self, event: events.Click) -> None:
        for start, end, action in self._places:
            if start <= event.x < end:
                await self.screen.run_action(action)


def _width(binding: tuple[Safe, Safe, str, bool]) -> int:
    key, label, _, _ = binding
    return cell_len(key) + cell_len(label) + 3
