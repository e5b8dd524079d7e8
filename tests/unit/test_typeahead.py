"""Keys are handed on one by one, wait for a page that comes, and never prevent leaving."""

from __future__ import annotations

from typing import Any, cast

from textual.app import App
from textual.events import Event, Key

from tui.typeahead import Settled, TypeAhead


class Stage:
    """An application with one screen, which answers when it is told to."""

    is_running = is_attached = True

    def __init__(self) -> None:
        self.focused, self.screen, self.waits = None, self, False
        self.done: list[str] = []
        self.behind: list[Settled] = []
        self.typed = TypeAhead(cast("App[None]", self), self._deliver, lambda: self.waits)

    async def _deliver(self, event: Event) -> None:
        assert isinstance(event, Key)
        self.done.append(event.key)

    def post_message(self, message: Settled) -> bool:
        self.behind.append(message)
        return True

    def call_later(self, callback: Any) -> None:
        raise AssertionError("nothing is late here")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.typed.take(Key(key, None))


async def test_a_key_waits_for_the_one_before_it() -> None:
    """However many are typed; what answers for another key moves nothing."""
    stage = Stage()
    await stage.press("a", "b", "c")
    assert stage.done == ["a"]
    await stage.typed.settled(Settled())
    assert stage.done == ["a"]
    await stage.typed.settled(stage.behind[-1])
    assert stage.done == ["a", "b"]
    await stage.typed.settled(stage.behind[-1])
    await stage.typed.settled(stage.behind[-1])
    assert stage.done == ["a", "b", "c"]


async def test_while_a_page_comes_only_the_key_that_leaves_is_done() -> None:
    """The others are done when it is there, in their order."""
    stage = Stage()
    stage.waits = True
    await stage.press("a", "b", "ctrl+q")
    assert stage.done == ["ctrl+q"]
    stage.waits = False
    await stage.typed.go_on()
    assert stage.done == ["ctrl+q", "a"]
    await stage.typed.settled(stage.behind[-1])
    assert stage.done == ["ctrl+q", "a", "b"]
