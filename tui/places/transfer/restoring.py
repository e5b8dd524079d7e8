"""Restore into a mailbox: profile and folder, the plan, a look at the server, a question, and a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import LOOK, RESTORE_ACTIONS
from tui.bindings import bindings
from tui.desk.archive.archive import MailSelection
from tui.desk.present import BLANK, Safe, Tone, joined, own
from tui.desk.refusals import Refused
from tui.desk.transfer.restores import Looking, LookView, RestoreView, RestoreWish
from tui.desk.users.users import UserRow
from tui.places.ask import Ask
from tui.places.confirm import Confirm
from tui.places.pick import Pick
from tui.places.place import Place
from tui.places.runs.job import JobPlace
from tui.places.users.pick_user import PickUser
from tui.text import prose
from tui.text.format import Line, Span, bar, bullets, cut, fit, header, percent
from tui.text.mail import messages
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import tell

FOLDER = own(
    "Into which folder on the server? With / between its levels, such as Restored/2024; it is made if it is not there. "
    "Empty: to the folders where the mail was."
)
WHERE_IT_WAS = own("where the mail was")
PROFILE, MAILBOX, INTO = range(3)
#: The lines with the invalid parts.
SPOTS = {"profile": PROFILE, "mailbox": MAILBOX, "folder": INTO}
LABEL = 18
COUNT, SIZE = 9, 10
#: Warnings repeated in the question, and cells of each.
WARNINGS, WARNING = 3, 180


class RestorePlace(Place):
    """The restore of ``selection``."""

    ACTIONS = RESTORE_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(RESTORE_ACTIONS)
    AUTO_FOCUS = "#wish"

    DEFAULT_CSS = """
    RestorePlace #wish { height: 3; }
    RestorePlace #plan-panel { height: 1fr; }
    RestorePlace #plan { height: 1fr; }
    """

    def __init__(self, selection: MailSelection) -> None:
        super().__init__()
        self._selection = selection
        self._wish: RestoreWish | None = None
        self._view: RestoreView | None = None
        self._look: LookView | None = None
        self._looking: Looking | None = None
        self._trouble = BLANK
        self._busy = False

    def content(self) -> ComposeResult:
        with Panel(id="wish-panel"):
            yield ChoiceList(id="wish")
        with Panel(id="plan-panel"):
            yield Lines(id="plan")

    def on_mount(self) -> None:
        super().on_mount()
        self._do(self._prepare())

    async def load(self) -> None:
        self.show_top(lambda width, clock: header((own("Archive"), own("Restore")), BLANK, clock, width))
        self._show()

    # Requests to the desk ------------------------------------------------------------------------------------------------

    def _do(self, job: object) -> None:
        """Run one action at a time; a later one replaces it."""
        self.run_worker(job, group="restore", exclusive=True, exit_on_error=False)  # type: ignore[arg-type]

    def _tell(self, looking: Looking) -> None:
        self._looking = looking
        if self.is_there:
            self._show()

    async def _prepare(self) -> None:
        with self._at_work():
            await self._plan(await self.console.desk.restores.prepare(self._selection, self._tell))

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Busy while the block lasts; a refusal in it is shown."""
        self._busy = True
        try:
            yield
        except Refused as trouble:
            self._trouble = own("{} {}", trouble.message, trouble.hint)
        finally:
            self._busy, self._looking = False, None
            if self.is_there:
                self._show()

    async def _plan(self, wish: RestoreWish) -> None:
        """Show the plan of this wish; the result of a look for another one is dropped."""
        view = await self.console.desk.restores.plan(wish)
        if wish != self._wish or view != self._view:
            self._look, self._trouble = None, BLANK
        self._wish, self._view = wish, view

    async def _replan(self, wish: RestoreWish) -> None:
        try:
            await self._plan(wish)
        except Refused as trouble:
            self._trouble = own("{} {}", trouble.message, trouble.hint)
        if self.is_there:
            self._show()

    async def _look_there(self, wish: RestoreWish, *, restore: bool) -> None:
        with self._at_work():
            self._look, self._trouble, self._looking = None, BLANK, Looking(None, own("Looking …"))
            self._show()
            self._look = await self.console.desk.restores.look(wish, self._tell)
        if restore and self.is_there:
            self._ask()

    # Showing -------------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        view = self._view
        self.panel("wish-panel").head(own("Restore {}", self._selection.words) if self._selection.words else own("Restore"))
        self.query_one("#wish", ChoiceList).show(lambda width: wish_lines(view, width) if view else [])
        self.panel("plan-panel").head(own("What will happen"))
        hint = own("{} looks how much of it is missing there.", self.console.key(LOOK))
        self.query_one("#plan", Lines).show(
            lambda width: plan_lines(view, self._look, self._looking, self._trouble, hint, width)
        )
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable a look and a restore that are not possible."""
        if action == "change":
            return self._view is not None
        if action in ("look", "restore"):
            possible = self._view is not None and not self._view.trouble
            return (None if self._busy else True) if possible else False
        return True

    # Changing ------------------------------------------------------------------------------------------------------------

    def action_change(self) -> None:
        if (wish := self._wish) is None or (view := self._view) is None:
            return
        line = self.query_one("#wish", ChoiceList).cursor
        if line == PROFILE:
            self.console.work(self._pick_profile(wish), opens=True)
        elif line == MAILBOX and view.many:
            self.app.push_screen(PickUser(own("Into whose mailbox")), self._picked)
        elif line == MAILBOX:
            tell(self, own("{} is for this mailbox alone. Another profile leads to another mailbox.", view.profile))
        else:
            self._ask_folder(wish.to)

    async def _pick_profile(self, wish: RestoreWish) -> None:
        options = list(await self.console.desk.restores.profiles(wish))

        def answered(profile: str | None) -> None:
            if profile is not None:
                self._do(self._replan(replace(wish, profile=profile)))

        await self.open(Pick(own("Through which profile"), options, wish.profile), answered)

    def _picked(self, user: UserRow | None) -> None:
        if user is not None and self._wish is not None:
            self._do(self._replan(replace(self._wish, user=user.key)))

    def _ask_folder(self, to: str, wrong: Safe = BLANK) -> None:
        def answered(to: str | None) -> None:
            if to is not None and self._wish is not None:
                self._do(self._into(replace(self._wish, to=to.strip())))

        self.app.push_screen(Ask(own("Into the folder"), own("{}{}", wrong, FOLDER), to), answered)

    async def _into(self, wish: RestoreWish) -> None:
        view = await self.console.desk.restores.plan(wish)
        if wish.to and view.at == "folder":
            # The typed text stays, for correction.
            self._ask_folder(wish.to, own("! {}\n\n", view.trouble))
        else:
            await self._replan(wish)

    # Doing ---------------------------------------------------------------------------------------------------------------

    def action_look(self) -> None:
        if self._wish is not None:
            self._do(self._look_there(self._wish, restore=False))

    def action_restore(self) -> None:
        if self._wish is None:
            return
        if self._look is None:
            self._do(self._look_there(self._wish, restore=True))
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask before anything is put there; without missing messages there is no question."""
        wish, view, look = self._wish, self._view, self._look
        if wish is None or view is None or look is None:
            return
        if not look.missing:
            tell(self, own("There is nothing to restore."))
            return
        where = own("{} of {}", view.to, view.mailbox) if view.to else view.mailbox
        made = (
            own(" {:,} {} will be made there.", look.created, own("folder") if look.created == 1 else own("folders"))
            if look.created
            else BLANK
        )
        # All warnings are on the page behind; a question must fit the screen.
        warnings = joined("", (own("\n\n! {}", cut(warning, WARNING)) for warning in view.warnings[:WARNINGS]))
        text = own(
            "Into {}, by the profile {}.\n\n{}{}{}", cut(where, WARNING), view.profile, look.sentences[0], made, warnings
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(self._begin(wish))

        if self.app.screen is self:
            self.app.push_screen(
                Confirm(own("Restore {}?", messages(look.missing)), text, own("restore"), own("leave it")), answered
            )

    async def _begin(self, wish: RestoreWish) -> None:
        try:
            job = await self.console.desk.restores.begin(wish)
        except Refused as trouble:
            self._look, self._trouble = None, own("{} {}", trouble.message, trouble.hint)
            self._show()
        else:
            self.close_place()
            await self.app.push_screen(JobPlace(job))

    def action_back(self) -> None:
        self.app.pop_screen()

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self._show)


def wish_lines(view: RestoreView, width: int) -> list[Line]:
    """Profile, mailbox and folder; parts that must be changed are marked."""
    values = (
        (own("Profile"), view.profile),
        (own("Mailbox"), view.mailbox if view.many else own("{} (the profile's)", view.mailbox)),
        (own("Into the folder"), view.to or WHERE_IT_WAS),
    )
    wrong = SPOTS.get(view.at)
    return [
        (
            Span(
                fit(own("{} {}", own("!") if index == wrong else own(" "), label), LABEL),
                Tone.BAD if index == wrong else Tone.MUTED,
            ),
            Span(fit(value, max(width - LABEL, 1)), Tone.STRONG),
        )
        for index, (label, value) in enumerate(values)
    ]


def plan_lines(
    view: RestoreView | None, look: LookView | None, looking: Looking | None, trouble: Safe, hint: Safe, width: int
) -> list[Line]:
    """The plan: sentences, the result of a look, warnings, and a line for each folder."""
    lines: list[Line] = []

    def say(text: Safe, tone: Tone = Tone.PLAIN) -> None:
        lines.extend(prose.paragraph(text, width, tone))

    if view is None or view.trouble:
        if wrong := trouble or (view.trouble if view else BLANK):
            say(own("! {}", wrong), Tone.BAD)
        else:
            say(looking.words if looking else own("Looking what that is …"), Tone.MUTED)
        return lines
    for sentence in view.sentences:
        say(sentence, Tone.STRONG if sentence == view.sentences[0] else Tone.PLAIN)
    lines.append(())
    if trouble:
        say(own("! {}", trouble), Tone.BAD)
    elif looking is not None:
        share = percent(looking.fraction) if looking.fraction is not None else BLANK
        lines.append((Span(bar(looking.fraction, max(width - 6, 1)), Tone.BUSY), Span(fit(share, 6, right=True), Tone.STRONG)))
        lines.append((Span(fit(looking.words, width), Tone.MUTED),))
    elif look is not None:
        say(own("✔ {}", look.sentences[0]), Tone.GOOD)
        for sentence in look.sentences[1:]:
            say(sentence)
        lines.extend(bullets(look.problems, width))
    else:
        say(hint, Tone.MUTED)
    for warning in view.warnings:
        say(own("! {}", warning), Tone.WARN)
    lines.append(())
    # Back in the former folders the names are the same at both ends; else the destination is the same for all.
    heading = own("From the archive") if view.to else own("Into the folder")
    lines.append(_folder_line(heading, own("Messages"), own("Size"), width, Tone.MUTED))
    lines.extend(_folder_line(one.path if view.to else one.into, one.messages, one.size, width) for one in view.folders)
    return lines


def _folder_line(name: Safe, count: Safe, size: Safe, width: int, tone: Tone = Tone.PLAIN) -> Line:
    room = max(width - COUNT - SIZE - 4, 8)
    return (
        Span(own("{}  ", fit(name, room)), tone),
        Span(own("{}  {}", fit(count, COUNT, right=True), fit(size, SIZE, right=True)), tone),
    )
