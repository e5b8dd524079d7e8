"""The connection test: its steps ticked off one by one; escape ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.desk.present import Tone, blanks, own
from tui.desk.refusals import Refused
from tui.desk.trial import StepRow
from tui.text.format import Line, Span, fit, wrap
from tui.widgets.lines import Lines
from tui.widgets.shown import shown

NAME = 17
Tick = Callable[[StepRow], None]


class TestDialog(ModalScreen[None]):
    """Shows ``steps`` and runs ``test``, which reports each step and the success. Escape ends it."""

    #: Not a class of tests.
    __test__ = False

    DEFAULT_CSS = """
    TestDialog .box { width: 100; }
    TestDialog Lines { height: auto; max-height: 16; }
    TestDialog #said { margin-top: 1; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close", show=False)]

    def __init__(self, steps: Callable[[], Sequence[StepRow]], test: Callable[[Tick], Awaitable[bool]]) -> None:
        super().__init__()
        self._known, self._try = steps, test
        self._steps: dict[str, StepRow] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(own("Connection test"))
            yield Lines(id="steps")
            # Below the steps, so that it is visible however many lines they take.
            yield Static(id="said")
            yield Static(shown(own("esc  stop")), id="close", classes="keys")

    def on_mount(self) -> None:
        self.query_one("#said").display = False
        self.run_worker(self._test(), exit_on_error=False)

    async def _test(self) -> None:
        try:
            self._steps = {step.key: step for step in self._known()}
            self._show()
            good = await self._try(self._tick)
            said = own("✔ All steps went well.") if good else own("✗ Not all steps went well.")
        except Refused as trouble:
            said = own("✗ {} {}", trouble.message, trouble.hint)
        self._show()
        below = self.query_one("#said", Static)
        below.update(shown(said))
        below.display = True
        self.query_one("#close", Static).update(shown(own("esc  close")))

    def _tick(self, step: StepRow) -> None:
        self._steps[step.key] = step
        self._show()

    def on_resize(self, _event: events.Resize) -> None:
        # Only now is the width known.
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        steps = self.query_one("#steps", Lines)
        steps.show(self._lines)
        steps.styles.height = len(self._lines(steps.text_width))

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for step in self._steps.values():
            state = fit(step.state.shown, 10)
            room = max(width - NAME - 10, 10)
            first, *rest = wrap(step.text, room)
            lines.append((Span(fit(step.name, NAME)), Span(state, step.state.tone), Span(first)))
            lines += [(Span(blanks(NAME + 10)), Span(text)) for text in rest]
            if step.hint:
                lines += [(Span(blanks(NAME + 10)), Span(text, Tone.STRONG)) for text in wrap(step.hint, room)]
        return lines

    def action_close(self) -> None:
        self.dismiss(None)
