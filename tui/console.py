"""The console as an application: themes, commands, polling of the archive, and handling of failures."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any, ClassVar

from rich.text import Text
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import Event, Key, Paste
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES, Theme
from textual.widget import Widget
from textual.widgets import Input, Static

from tui import keymap, palette, stylesheets
from tui.actions import EVERYWHERE
from tui.bindings import Action, bindings, shown_key
from tui.desk.desk import Desk
from tui.desk.present import BLANK, Safe, joined, own, text
from tui.desk.refusals import Refused
from tui.desk.settings import SettingsView
from tui.desk.start import DEFAULTS, Start
from tui.failing import GONE, Failing
from tui.keymap import Keymap
from tui.places.archive.archive import ArchivePlace
from tui.places.confirm import Confirm
from tui.places.directory.directory import DirectoryPlace
from tui.places.directory.synchronising import SyncPlace
from tui.places.guide import Guides
from tui.places.help import Help
from tui.places.home.home import HomePlace
from tui.places.home.start import StartPlace
from tui.places.place import Place
from tui.places.proof.proof import ProofPlace
from tui.places.proof.seals import SealsPlace
from tui.places.runs.activity import ActivityPlace
from tui.places.settings.backups import BackupsPlace
from tui.places.settings.settings import SettingsPlace
from tui.places.statistics.statistics import StatisticsPlace
from tui.places.transfer.saving import SavingForm
from tui.places.users.unknown import UnknownPlace
from tui.places.users.users import UsersPlace
from tui.reloading import Reloading
from tui.terminal import TerminalDriver
from tui.typeahead import Settled, TypeAhead
from tui.widgets.shown import shown, tell

#: Seconds between two checks of the archive's version, which costs microseconds.
TICK = 0.25
#: Seconds between two checks for an archive that does not exist yet.
AGAIN = 2.0


class Console(Failing):
    """The console. ``open_desk`` opens the archive and may raise ``Refused``; ``begin`` makes a missing one.

    ``note`` logs the place of a fault in the program.
    """

    TITLE = "Archivar"
    CSS_PATH = "console.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(EVERYWHERE)

    def __init__(
        self,
        open_desk: Callable[[], Awaitable[Desk]],
        begin: Callable[[], Awaitable[None]] | None = None,
        *,
        few_colours: bool = False,
        start: Start = DEFAULTS,
        note: Callable[[str], None] = lambda text: None,
        driver: type[Driver] | None = None,
    ) -> None:
        stylesheets.keep()
        # Colour filters are made in App.__init__, so it must know at once.
        super().__init__(note, driver_class=driver, ansi_color=True if few_colours else None)
        self._doubt = start.doubt
        self._open_desk = open_desk
        self.begin = begin
        self.few_colours = few_colours
        self._desk: Desk | None = None
        self._wake = asyncio.Event()
        self._opening = 0
        self._typed = TypeAhead(self, super().on_event, self._page_comes)
        self._reloading = Reloading(start.refresh)
        self._mouse = start.mouse
        self._keymap_read = keymap.read(start.keymap) if start.keymap is not None else Keymap({})
        themes = palette.load()
        for theme in themes:
            if theme.ansi or not few_colours:
                self.register_theme(theme)
        known = start.theme if start.theme in {theme.name for theme in themes} else palette.DEFAULT
        self.theme = palette.ANSI if few_colours else known
        self._kept_theme = self._previewed = self.theme
        for name in BUILTIN_THEMES:
            self.unregister_theme(name)

    def bound(self, action: Action) -> Action:
        """``action`` with its present keys."""
        return replace(action, keys=keys) if (keys := self._keymap_read.keys.get(action.id)) else action

    def key(self, action: Action) -> Safe:
        """The key of an action, for display."""
        return shown_key(self.bound(action).keys[0])

    def get_key_display(self, binding: Binding) -> str:
        return shown_key(binding.key)

    @property
    def desk(self) -> Desk:
        """The door to the archive; places exist only while it is open."""
        if self._desk is None:
            raise Refused(own("The archive is not open."))
        return self._desk

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"tone-muted": "ansi_default"}

    def get_loading_widget(self) -> Widget:
        # Textual's own indicator moves, and sends 47 kB a second for it.
        return Static(shown(own("Loading …")))

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.set_keymap({name: ",".join(keys) for name, keys in self._keymap_read.keys.items()})
        if troubles := self.keymap_troubles:
            more = own(" {} more in Settings.", len(troubles) - 1) if len(troubles) > 1 else BLANK
            tell(self, own("{}{}", troubles[0], more), severity="warning", timeout=20)
        if self._doubt:
            tell(self, self._doubt, severity="warning", timeout=60)
        self.run_worker(self._watch(), name="watch", exit_on_error=False)

    # Looks --------------------------------------------------------------------------------------------------------------

    def _theme_changed(self, theme: Theme) -> None:
        """Save a theme chosen in the palette; a preview is no choice."""
        if not self.few_colours and theme.name not in (self._previewed, self._kept_theme):
            self.end_preview(theme.name)

    def preview_theme(self, name: str) -> None:
        """Show a theme without saving it."""
        self._previewed = name
        self.theme = name

    def end_preview(self, name: str | None) -> None:
        """Save the theme ``name``, or go back to the one before."""
        if name is not None and name != self._kept_theme:
            self._kept_theme = name
            self.run_worker(self._keep_theme(name), exit_on_error=False)
        self._previewed = self._kept_theme
        self.theme = self._kept_theme

    async def _keep_theme(self, name: str) -> None:
        try:
            await self.desk.settings.change("theme", name)
        except Refused as trouble:
            tell(self, own("This theme is for now only: {} {}", trouble.message, trouble.hint))

    def follow(self, view: SettingsView) -> None:
        """Apply settings, as far as they are the console's. A theme chosen elsewhere counts from the next start."""
        self._reloading.pace = float(view.value("refresh"))
        mouse = view.value("mouse") == "on"
        if mouse != self._mouse:
            self._mouse = mouse
            if not self._take_mouse(mouse):
                tell(self, own("The mouse is taken or left from the next start on."))

    def _take_mouse(self, on: bool) -> bool:
        if not isinstance(self._driver, TerminalDriver):
            return False
        self._driver.take_mouse(on)
        return True

    # Keys ---------------------------------------------------------------------------------------------------------------

    async def on_event(self, event: Event) -> None:
        """Deliver keys one by one; all other events as they come."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self._typed.take(event)
        else:
            await super().on_event(event)

    async def on_settled(self, message: Settled) -> None:
        # After the key's effects, such as a moved focus.
        self.call_later(self._typed.settled, message)

    def _page_comes(self) -> bool:
        """True while a page is on its way, for which keys are meant. A question before it takes its own answer."""
        if self._opening or self.place is None:
            return True
        return isinstance(self.screen, Place | SavingForm) and self.screen.opening

    def opened(self) -> None:
        """Deliver the keys typed for a page that is now open, once it has the focus."""
        self.call_later(self._typed.go_on)

    @property
    def keymap_troubles(self) -> tuple[Safe, ...]:
        """The faults of the keymap file."""
        return tuple(text(one) for one in self._keymap_read.troubles)

    def keymap_template(self) -> str:
        """A keymap file with the present keys."""
        return keymap.template(self._keymap_read.keys)

    # Watching ------------------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Load the present place soon."""
        self._wake.set()

    async def _watch(self) -> None:
        while True:
            woken = await self._tick_or_wake(TICK if self._desk else AGAIN)
            if self._desk is None:
                await self._open()
            elif place := self.place:
                try:
                    changed = await self._desk.changed()
                except Refused as trouble:
                    place.say(own("! {} {}", trouble.message, trouble.hint))
                    continue
                # A place without widgets, before its first load or after its end, has nothing to tell of itself.
                restless = place.is_mounted and place.is_there and place.restless
                if self._reloading.is_due(changed=changed, restless=restless) or woken:
                    with self._reloading.loading():
                        await place.load_or_say()

    def watch_again(self) -> None:
        self.set_timer(AGAIN, lambda: self.run_worker(self._watch(), name="watch", exit_on_error=False))

    async def _tick_or_wake(self, seconds: float) -> bool:
        if self._desk is None and self.place is None:
            return True
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    @property
    def place(self) -> Place | None:
        """The place in front, or behind a question."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Place)), None)

    async def _open(self) -> None:
        start = self.place
        try:
            self._desk = await self._open_desk()
        except Refused as trouble:
            if isinstance(start, StartPlace):
                start.show(trouble)
            else:
                await self.push_screen(StartPlace(trouble))
                self.opened()
            return
        if isinstance(start, StartPlace):
            await self.switch_screen(HomePlace())
        else:
            await self.push_screen(HomePlace())
            self.opened()

    async def on_unmount(self) -> None:
        if self._desk:
            await self._desk.close()

    # Doing ---------------------------------------------------------------------------------------------------------------

    def work(self, job: Coroutine[Any, Any, None], *, opens: bool = False) -> None:
        """Run ``job`` in the background; a ``Refused`` is shown.

        With ``opens`` it opens a page: keys typed before are kept for that page.
        """
        self._opening += opens
        self.run_worker(self._work(job, self.place, opens), exit_on_error=False)

    async def _work(self, job: Coroutine[Any, Any, None], place: Place | None, opens: bool) -> None:
        try:
            await job
        except GONE:
            # A place closed before the job was done needs no result.
            if place is None or place.is_there:
                raise
        finally:
            self._opening -= opens
            if opens:
                self.opened()

    def leave(self, busy: int) -> None:
        """Close the console, reporting work that continues; asks first when jobs would stop."""
        jobs = [job for job in self._desk.jobs.all() if job.active] if self._desk else []
        if not jobs:
            self._leave(busy)
        elif not isinstance(self.screen, Confirm):
            text = joined("\n\n", (own("{}: {}\n{}", job.kind, job.title, job.again) for job in jobs))
            stops = own("{} stops", jobs[0].kind) if len(jobs) == 1 else own("{} jobs stop", len(jobs))
            question = own("Leave? {} then.", stops)
            self.push_screen(Confirm(question, text, own("leave"), own("stay")), lambda yes: self._leave(busy) if yes else None)

    def _leave(self, busy: int) -> None:
        message = ""
        if busy:
            message = f"{'A run goes' if busy == 1 else f'{busy} runs go'} on without the console; archivar shows it again."
        self.exit(message=Text(message) if message else None)

    async def action_go(self, name: str) -> None:
        """Go to a place; Home stays below all of them, so escape leads there."""
        kind = places().get(name)
        if self._desk is None or (kind is not None and type(self.screen) is kind):
            return
        while len(self.screen_stack) > 2:
            await self.pop_screen()
        if kind is not None:
            await self.push_screen(kind())

    def end(self, number: int) -> None:
        """Close after a signal, and restore the terminal."""
        word = signal.Signals(number).name
        self.exit(return_code=128 + number, message=Text(f"The console was ended ({word}). Runs go on without it."))

    async def action_quit(self) -> None:
        self.leave(0)

    def action_help_quit(self) -> None:
        tell(self, own("q leaves the console, from Home. Runs go on without it."))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable ``?`` as help where it is typed; another key is for help there."""
        return not (action == "help" and (place := self.place) is not None and place.OWN_HELP)

    def action_help(self) -> None:
        # A box over the place shows its own keys.
        if isinstance(self.screen, Place):
            useful = [action for action in self.screen.ACTIONS if self._useful(self.screen, action)]
            everywhere = [action for action in EVERYWHERE if self.check_action(action.name, ())]
            self.push_screen(Help([self.bound(action) for action in (*useful, *everywhere)]))

    def action_guides(self) -> None:
        self.push_screen(Guides())

    async def action_directory(self) -> None:
        await self.push_screen(DirectoryPlace())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The available actions of the present place, the ways to other places, and the themes."""
        if isinstance(screen, Place):
            useful = [action for action in screen.ACTIONS if self._useful(screen, action)]
            here = next((name for name, kind in {"home": HomePlace, **places()}.items() if type(screen) is kind), "")
            for action in (one for one in useful if one.name != f"go('{here}')"):
                yield SystemCommand(action.label, action.help, self._command(screen, action.name))
            # Not over itself, and not twice where a key opens it.
            inside = isinstance(screen, DirectoryPlace | SyncPlace) or "directory" in {action.name for action in useful}
            if self._desk is not None and not inside:
                yield SystemCommand("Directory", "The directory that users come from", self.action_directory)
            if self._desk is not None and not isinstance(screen, ProofPlace | SettingsPlace):
                yield SystemCommand("Proof", "Verify the archive, and repair it", lambda: self.action_go("proof"))
            if not screen.OWN_HELP:
                yield SystemCommand("Help", "The keys of this place", self.action_help)
        yield SystemCommand("Guides", "What to set up on mail servers and on this machine; the manual", self.action_guides)
        if not self.few_colours:
            yield SystemCommand("Theme", "Dark, light or high contrast; kept for the next time", self.action_change_theme)

    @staticmethod
    def _useful(screen: Place, action: Action) -> bool:
        """True when the action is available here now, and listed."""
        name, _, rest = action.name.partition("(")
        parameters = tuple(part.strip(" '") for part in rest.rstrip(")").split(",")) if rest else ()
        return bool(action.help) and screen.check_action(name, parameters) is not False

    def on_command_palette_opened(self) -> None:
        # A blinking cursor sends bytes for ever.
        for field in self.screen.query(Input):
            field.cursor_blink = False

    def _command(self, screen: Place, name: str) -> Callable[[], Awaitable[Any]]:
        return lambda: screen.run_action(name)


def places() -> dict[str, type[Place]]:
    """The places above Home, by the names in actions."""
    return {
        "users": UsersPlace,
        "archive": ArchivePlace,
        "activity": ActivityPlace,
        "unknown": UnknownPlace,
        "statistics": StatisticsPlace,
        "settings": SettingsPlace,
        "proof": ProofPlace,
        "backups": BackupsPlace,
        "seals": SealsPlace,
    }
