"""Watching a run from the command line: a moving display at a terminal, plain lines elsewhere, nothing beside JSON."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from core.cli.output import output, plain
from core.cli.run_answer import TOLD_LATER, called, event_line, run_state
from core.cli.words import current_folder, mailboxes, progress_line, waits
from core.engine.run import progress_words
from core.engine.visit.progress import Snapshot
from core.errors import ArchivarError, BusyError
from core.model import Run, RunEvent
from core.problems import service
from core.problems.command_line import told as told_with_remedy
from core.service import liveness
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from core.text.format import number, size
from core.text.layout import cells, shortened

if TYPE_CHECKING:
    from core.config import Home

#: Seconds; checking for changes costs 8 µs, drawing is limited to 4 times a second.
TICK_SECONDS = 0.05
DRAW_SECONDS = 0.25
#: Seconds between checks of the service.
LOOK_SECONDS = 1.0
#: Seconds between plain lines, so that a log of a night's run stays readable.
LINE_SECONDS = 5.0
#: Restarts of a dying service after which another one will not help.
RESTARTS = 20


async def watch(home: Home, queue: Queue, run: Run, *, until_stuck: bool = False) -> Run:
    """Show ``run`` of ``queue`` until it has ended. A service that died is started again, and the run continues.

    A stuck service is reported; with ``until_stuck`` it is not waited for (``BusyError``).
    """
    restarts = 0
    view = _Moving() if output.for_person and not output.json_wanted else _Lines()
    seen = 0
    version, drawn = -1, 0.0
    looked, told = time.monotonic(), False
    with view:
        while True:
            if time.monotonic() - looked > LOOK_SECONDS:
                stuck, looked = await liveness.stuck(home), time.monotonic()
                if stuck is not None and until_stuck:
                    raise BusyError(service.CANCELS_LATER(why=stuck, run=run.id))
                if stuck is not None and not told:
                    output.note(f"! {told_with_remedy(stuck)}")
                told = stuck is not None
            if not is_running(home):
                run = await queue.run(run.id)
                if not run.status.final:
                    restarts += 1
                    if restarts > RESTARTS:
                        raise ArchivarError(service.ENDS_AGAIN(log=str(home.log)))
                    await ensure_running(home)
            now = await queue.version()
            if now != version:
                run = await queue.run(run.id)
                if not run.status.final and time.monotonic() - drawn < DRAW_SECONDS:
                    await asyncio.sleep(TICK_SECONDS)
                    continue
                version, drawn = now, time.monotonic()
                events = await queue.events(run.id, after=seen)
                snapshot = await queue.snapshot(run.id)
                several = snapshot is not None and snapshot.mailboxes_total > 1
                for event in events:
                    seen = event.id
                    if event.kind not in TOLD_LATER:
                        view.event(event, several=several)
                view.update(run, snapshot)
                if run.status.final and not events:
                    return run
                if run.status.final:
                    version = -1
                    continue
            await asyncio.sleep(TICK_SECONDS)


class _Lines:
    """Plain lines on stderr, for logs and pipes."""

    def __init__(self) -> None:
        # The first line comes late: a run of seconds needs none.
        self._last = time.monotonic()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: RunEvent, *, several: bool) -> None:
        output.note(event_line(event, several=several))

    def update(self, run: Run, snapshot: Snapshot | None) -> None:
        if run.status.final or time.monotonic() - self._last < LINE_SECONDS:
            return
        self._last = time.monotonic()
        output.note(f"{called(run)}: {progress_line(snapshot) if snapshot else run.status.value}")


class _Moving:
    """Two lines that move, on the terminal's stderr: bar, count, rate and time left; then the folder."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> _Moving:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, event: RunEvent, *, several: bool) -> None:
        from rich.text import Text

        from core.text.format import safe

        self._console.print(Text(safe(event_line(event, several=several))))

    def update(self, run: Run, snapshot: Snapshot | None) -> None:
        from rich.text import Text

        lines = drawing(run, snapshot, self._console.width)
        if not (self._console.encoding or "").lower().startswith("utf"):
            lines = [plain(line) for line in lines]
        text = Text("\n".join(lines), no_wrap=True, overflow="crop")
        text.highlight_regex("^[^ ]+ [^ ]+", "bold")
        text.highlight_regex("[━=]+", "cyan")
        text.highlight_regex("! .*$", "yellow")
        self._live.update(text, refresh=True)


def drawing(run: Run, snapshot: Snapshot | None, width: int) -> list[str]:
    """The lines of the moving display, at most ``width`` columns wide. The least important parts are dropped first."""
    state = "■ cancelling" if run.cancel_requested and not run.status.final else run_state(run)
    if snapshot is None:
        return [shortened(state, width - 1)]
    if snapshot.fraction is None:
        phase = next((line.phase for line in snapshot.moving.values()), "")
        told = " · ".join(filter(None, (waits(snapshot) or phase, progress_words.silence(snapshot))))
        return [shortened(f"{state}  {told}", width - 1)]
    share = f"{snapshot.fraction:4.0%}"
    facts = [f"{number(snapshot.messages_done)} of {number(snapshot.messages_total)}"]
    if rate := progress_words.rate(snapshot):
        facts.append(rate)
    if (left := progress_words.left(snapshot)) and not run.status.final:
        facts.append(left)
    room = width - 1
    rest = " · ".join(facts)
    bar = min(30, room - cells(state) - cells(share) - cells(rest) - 6)
    first = f"{state}  {_bar(snapshot.fraction, bar)}{share}  {rest}"
    second = [f"{size(snapshot.bytes_done)} of {size(snapshot.bytes_total)}"]
    if not run.status.final:
        second += filter(None, (progress_words.silence(snapshot), progress_words.basis(snapshot)))
    if failed := snapshot.totals.get("failed", 0):
        second.append(f"! {number(failed)} failed")
    last = "  " + " · ".join(second)
    folder = waits(snapshot) or mailboxes(snapshot) or current_folder(snapshot)
    if folder and room - cells(last) - 5 >= 12:
        last = f"  {shortened(folder, room - cells(last) - 5)} · {last.strip()}"
    return [shortened(first, room), shortened(last, room)]


def _bar(fraction: float, width: int) -> str:
    if width < 5:
        return ""
    done = round(fraction * width)
    return "━" * done + "·" * (width - done) + " "
