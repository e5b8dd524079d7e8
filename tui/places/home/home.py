"""Home: the saved profiles, their last runs, and what needs attention."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from tui.actions import DIGITS, HOME_ACTIONS
from tui.bindings import bindings
from tui.desk.home import Attention, HomeView, ProfileRow, Remedy
from tui.desk.present import BLANK, Tone, joined, own
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.strip import Fact
from tui.places.archive.searching import SearchPlace
from tui.places.directory.directory import DirectoryPlace
from tui.places.place import BESIDE
from tui.places.profiles.profile import ProfilePlace
from tui.places.profiles.profile_work import ProfileWork
from tui.places.runs.job import JobPlace
from tui.places.runs.run import RunPlace
from tui.text.format import Line, ProfileTable, Span, fit, header, service, wrap
from tui.text.strip import strip_lines
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import shown, tell

NO_PROFILES = (
    own("No profiles yet. A profile says which mailboxes are archived, and where to."),
    BLANK,
    own("    n  makes one: for a mailbox, for all of a server, or a catch-all one"),
    own("    u  shows the users, each with an archive"),
    BLANK,
    own("Nothing is changed on your mail server unless a profile is told to delete."),
)


class HomePlace(ProfileWork):
    """The first place."""

    ACTIONS = HOME_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(HOME_ACTIONS)
    AUTO_FOCUS = "#profiles"
    WITH_PLACES = True

    def __init__(self) -> None:
        super().__init__()
        self._view: HomeView | None = None
        self._usable = ""
        #: The draft being edited, and the profiles before it.
        self._expected: tuple[ProfileDraft, frozenset[str]] | None = None

    def content(self) -> ComposeResult:
        yield Lines(id="strip", can_focus=False)
        with Panel(id="profiles-panel"):
            yield Lines(id="profiles-header", can_focus=False)
            profiles = ChoiceList(id="profiles")
            # Most keys concern the chosen profile, whatever has the focus.
            profiles.keeps_mark = True
            yield profiles
            yield Static(shown(joined("\n", NO_PROFILES)), id="no-profiles")
        with Panel(id="attention-panel"):
            yield ChoiceList(id="attention")

    async def load(self) -> None:
        self.show(await self.console.desk.home())

    def show(self, view: HomeView) -> None:
        """Show ``view``; the chosen profile stays chosen, unless a new one was saved."""
        chosen = self.chosen
        key = self._saved(view) or (chosen.key if chosen else "")
        self._view = view
        self.show_top(
            lambda width, clock: header((own("Archivar"), view.path), own("service {}", service(view).shown), clock, width)
        )
        profiles = self.query_one("#profiles", ChoiceList)
        keys = [row.key for row in view.profiles]
        if key in keys:
            profiles.cursor = keys.index(key)
        profiles.show(lambda width: ProfileTable(view.profiles, width))
        self.query_one("#profiles-header", Lines).show(lambda width: [_headed(ProfileTable(view.profiles, width - 2).header)])
        self.panel("profiles-panel").head(own("Profiles ({})", len(view.profiles)), BLANK if view.strip else view.verified)
        for name in ("#profiles", "#profiles-header"):
            self.query_one(name).display = bool(view.profiles)
        self.query_one("#no-profiles").display = not view.profiles
        self._show_strip(view)
        self._show_attention(view.attention)
        self._see_to_keys()

    def expect(self, draft: ProfileDraft) -> None:
        self._expected = (draft, frozenset(row.key for row in self._view.profiles) if self._view else frozenset())

    def _saved(self, view: HomeView) -> str:
        """The key of the profile made or renamed since Home was in front, or empty."""
        if self._expected is None:
            return ""
        draft, before = self._expected
        name = str(draft.fields.get("name", "")).strip()
        if name not in before and any(row.key == name for row in view.profiles):
            self._expected = None
            return name
        if self.is_current:
            # It was left without saving, or keeps its name.
            self._expected = None
        return ""

    def _show_strip(self, view: HomeView) -> None:
        strip = self.query_one("#strip", Lines)
        verified = (Fact(view.verified),) if view.verified else ()
        facts = (*view.strip, *verified) if view.strip else ()
        strip.styles.height = len(strip_lines(facts, self.size.width - 1))
        strip.display = bool(facts)
        strip.show(lambda width: strip_lines(facts, width))

    def _show_attention(self, found: tuple[Attention, ...]) -> None:
        panel, attention = self.query_one("#attention", ChoiceList), self.panel("attention-panel")
        digits = own("1-{} lead there", min(len(found), DIGITS)) if len(found) > 1 else own("1 leads there") if found else BLANK
        open_ = sum(item.job is None and not item.acknowledged for item in found)
        jobs = sum(item.job is not None for item in found)
        title = own("Needs attention ({})", open_) if open_ else own("Needs attention")
        if not open_ and found:
            title = own("Under way, or just over ({})", jobs) if jobs else own("Acknowledged ({})", len(found))
        attention.head(title, digits)
        panel.can_focus = bool(found)
        panel.show(lambda width: [line for line, _ in attention_lines(found, width)] if found else [_NOTHING])
        height = len(attention_lines(found, max(self.size.width - BESIDE - 2, 10)))
        panel.styles.height = max(min(height, self.size.height // 3), 1)

    def _see_to_keys(self) -> None:
        row = self.chosen
        usable = f"{row is not None} {row and row.last_run is not None}"
        if usable != self._usable:
            self._usable = usable
            self.refresh_bindings()

    def on_choice_list_moved(self) -> None:
        self._see_to_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions on a profile without one, and on a result without a run."""
        row = self.chosen
        if action in ("open", "run_profile", "edit", "automatic", "copy", "delete"):
            return row is not None
        if action == "go":
            return parameters != ("home",)
        return bool(row and row.last_run is not None) if action == "result" else True

    @property
    def restless(self) -> bool:
        return self._view is not None and (self._view.busy > 0 or any(item.job for item in self._view.attention))

    @property
    def chosen(self) -> ProfileRow | None:
        """The profile under the cursor."""
        if self._view is None or not self._view.profiles:
            return None
        return self._view.profiles[min(self.query_one("#profiles", ChoiceList).cursor, len(self._view.profiles) - 1)]

    async def action_open(self) -> None:
        attention = self.query_one("#attention", ChoiceList)
        if attention.has_focus and self._view:
            owners = [index for _, index in attention_lines(self._view.attention, attention.text_width)]
            if attention.cursor < len(owners):
                await self.action_remedy(owners[attention.cursor] + 1)
        elif row := self.chosen:
            await self.app.push_screen(ProfilePlace(row.key))

    async def action_acknowledge(self) -> None:
        """Ask why the item under the cursor of the lower panel may stand; or take back that it was acknowledged."""
        item = self._chosen_item()
        if item is None:
            tell(self, own("Choose what may stand in the lower panel: tab leads there."))
        elif not item.alarms:
            tell(self, own("This cannot be acknowledged: it ends when its cause is mended."))
        elif item.acknowledged:
            self.console.work(self._acknowledge(item, ""))
        else:
            await self.ask_until_taken(own("Why may this stand?"), item.text, partial(self._acknowledge, item))

    async def _acknowledge(self, item: Attention, why: str) -> None:
        await self.console.desk.acknowledge(item, why.strip())
        self.reload()

    def _chosen_item(self) -> Attention | None:
        attention = self.query_one("#attention", ChoiceList)
        if not attention.has_focus or self._view is None:
            return None
        owners = [index for _, index in attention_lines(self._view.attention, attention.text_width)]
        return self._view.attention[owners[attention.cursor]] if attention.cursor < len(owners) else None

    async def action_remedy(self, number: int) -> None:
        """Open the page with the remedy for the attention item of this number (from 1)."""
        if self._view is None or not 1 <= number <= len(self._view.attention):
            return
        item = self._view.attention[number - 1]
        if item.remedy is Remedy.RESULT:
            await self.app.push_screen(RunPlace(int(item.key)))
        elif item.remedy is Remedy.EDIT:
            self.console.work(self._edit(item.key), opens=True)
        elif item.remedy is Remedy.SERVICE:
            self.console.work(self.start_service())
        elif item.remedy is Remedy.DIRECTORY:
            await self.open(DirectoryPlace())
        elif item.remedy is Remedy.JOB:
            await self.open(JobPlace(int(item.key)))
        else:
            await self.console.action_go(item.remedy.value)

    def action_search_archive(self) -> None:
        self.app.push_screen(SearchPlace())

    async def action_quit_console(self) -> None:
        self.console.leave(self._view.busy if self._view else 0)


_NOTHING: Line = (Span(own("✔ "), Tone.GOOD), Span(own("Nothing.")))


#: Glyph and tone of an item, by whether it is critical.
_MARKS = {False: (own("!"), Tone.WARN), True: (own("✗"), Tone.BAD)}


def attention_lines(found: tuple[Attention, ...], width: int) -> list[tuple[Line, int]]:
    """Each item after its digit, wrapped, with its page; beside each line the index of its item (from 0)."""
    lines: list[tuple[Line, int]] = []
    for index, item in enumerate(found):
        key = own("{}", index + 1) if index < DIGITS else own(" ")
        first, *rest = wrap(own("{} → {}", item.text, item.words), max(width - 4, 4))
        glyph, tone = (item.job.glyph, item.job.tone) if item.job else _MARKS[item.critical]
        if item.acknowledged:
            glyph, tone = own("·"), Tone.MUTED
        lines.append(((Span(own("{} ", key), Tone.STRONG), Span(own("{} ", glyph), tone), Span(fit(first, width - 4))), index))
        lines += [((Span(own("    ")), Span(fit(text, width - 4))), index) for text in rest]
    return lines


def _headed(line: Line) -> Line:
    return (Span(own("  ")), *line)
