"""Seals: the places outside the archive that get its seal, their last deliveries, and their setup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from tui.actions import SEALS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, own, text
from tui.desk.proof.seals import SealRow, SealsView
from tui.desk.refusals import Refused
from tui.places.confirm import Confirm
from tui.places.page import Page
from tui.places.pick import Pick
from tui.places.place import Place
from tui.places.runs.job import JobPlace
from tui.places.transfer.saving import SavingForm
from tui.text import prose
from tui.text.format import Line, Span, cut, fit, header, wrap
from tui.widgets.fields import Choices, Spec, TextField
from tui.widgets.form import Form
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import shown

KINDS = (
    ("file", own("a file elsewhere: each seal is a line added to it")),
    ("mail", own("a mail address")),
    ("stamp", own("a time-stamp authority (RFC 3161)")),
    ("journal", own("the system's journal or syslog")),
)
OFTEN = (
    ("nightly", own("every night")),
    ("runs", own("every night and after each run")),
    ("off", own("never by themselves")),
)
EMPTY = own(
    "Seals are sent nowhere yet. A seal is a short text that proves later that nothing was changed or taken out up to it: but "
    "only if it lies where nobody can change it who can write to this machine. n sets up such a place."
)
ACCEPT = own(
    "The archive does not contain what was sealed before. If an older state of it was put back on purpose, such as from a "
    "backup, seals go on from here. If not, say no, and find out who changed it: the key c in the ledger (the key a in "
    "Activity) names the difference from a seal that lies elsewhere."
)
LABELS = {
    "host": ("Mail server", "", ""),
    "port": ("Port", "Only if it is not the usual one.", ""),
    "username": ("User name", "Only if the server wants a login.", ""),
    "password": ("Password", "Kept encrypted. Empty: the one that is kept stays.", ""),
    "password_file": ("Password file", "In its place: the path of a file that holds it.", ""),
    "sender": ("Sender", "Empty: archivar at the name of this machine.", ""),
    "ca_file": ("Authority", "A PEM file with its root certificate.", "/etc/ssl/authority.pem"),
}
TARGET_LABELS = {"file": "File", "mail": "Address", "stamp": "URL", "journal": "Socket"}
ACCESS = (("smtp-tls", "STARTTLS"), ("smtp-ssl", "TLS"), ("smtp", "no encryption"))


class SealsPlace(Place):
    """All seal places."""

    ACTIONS = SEALS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(SEALS_ACTIONS)
    AUTO_FOCUS = "#places"

    DEFAULT_CSS = """
    SealsPlace #places-panel { height: 1fr; }
    SealsPlace #places { height: 1fr; }
    SealsPlace #place-panel { height: 6; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: SealsView | None = None

    def content(self) -> ComposeResult:
        with Panel(id="places-panel"):
            yield Lines(id="places-head", can_focus=False)
            yield ChoiceList(id="places")
        with Panel(id="place-panel"):
            yield Lines(id="place", can_focus=False)

    async def load(self) -> None:
        view = await self.console.desk.seals.view()
        before, self._view = self._view, view
        self.show_top(lambda width, clock: header((own("Archivar"), own("Proof"), own("Seals")), BLANK, clock, width))
        self.panel("places-panel").head(own("Seals go to ({})", len(view.rows)), own("sent {}", view.often))
        head, places = self.query_one("#places-head", Lines), self.query_one("#places", ChoiceList)
        head.display = places.can_focus = bool(view.rows)
        head.styles.height = 1
        # Beside the mark of the chosen line.
        titles = (own("Name"), own("State"), own("Entry"), own("Sent"), own("Where"))
        head.show(lambda width: [(Span(own("  ")), *_cells(titles, (Tone.MUTED,) * 5, width - 2))])
        if view.rows:
            places.show(lambda width: [_line(row, width) for row in view.rows])
            if self.focused is None:
                places.focus()
        else:
            places.show(lambda width: prose.paragraph(EMPTY, width))
        self._show_chosen()
        if before is None or bool(before.rows) != bool(view.rows):
            self.refresh_bindings()

    @property
    def _row(self) -> SealRow | None:
        rows = self._view.rows if self._view is not None else ()
        at = self.query_one("#places", ChoiceList).cursor
        return rows[at] if 0 <= at < len(rows) else None

    def on_choice_list_moved(self) -> None:
        self._show_chosen()

    def _show_chosen(self) -> None:
        row = self._row
        self.panel("place-panel").head(row.name if row else BLANK)
        said = [(own("{}: {}", row.kind, row.where), Tone.PLAIN), (row.reason, Tone.WARN)] if row else []
        self.query_one("#place", Lines).show(
            lambda width: [(Span(part, tone),) for text, tone in said for part in wrap(text, max(width, 10))][:4]
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions on a place without one, and changes in a backup."""
        view = self._view
        if action in ("send", "change", "remove", "open") and (view is None or not view.rows):
            return False
        return view is None or view.usable or action not in ("send", "new", "change", "remove", "often")

    # Doing ---------------------------------------------------------------------------------------------------------------

    def action_send(self) -> None:
        rows = self._view.rows if self._view is not None else ()
        if any(row.broken for row in rows):
            question = Confirm(own("Send a seal of a changed archive?"), ACCEPT, own("go on from here"), own("send nothing"))
            self.app.push_screen(question, lambda yes: self.console.work(self._send(accept=True)) if yes else None)
        else:
            self.console.work(self._send())

    async def _send(self, *, accept: bool = False) -> None:
        await self.open(JobPlace(await self.console.desk.seals.send(accept=accept)))

    def action_new(self) -> None:
        self.app.push_screen(Pick(own("Where shall seals go?"), KINDS, "file"), self._picked)

    def _picked(self, kind: str | None) -> None:
        if kind is not None:
            self.app.push_screen(SealForm(kind, {"name": kind}, new=True), self._saved)

    def action_change(self) -> None:
        if (row := self._row) is not None:
            self.console.work(self._change(row))

    async def _change(self, row: SealRow) -> None:
        values = await self.console.desk.seals.values(row.name)
        await self.open(SealForm(row.kind, values, new=False), self._saved)

    def _saved(self, saved: bool | None) -> None:
        if saved:
            self.reload()

    def action_remove(self) -> None:
        if (row := self._row) is not None:
            question = Confirm(
                own("Send no more seals to {}?", row.name),
                own("What it holds stays there, and proves what it proves."),
                own("remove it"),
                own("keep it"),
            )
            self.app.push_screen(question, lambda yes: self.console.work(self._remove(row.name)) if yes else None)

    async def _remove(self, name: str) -> None:
        await self.console.desk.seals.remove(name)
        self.reload()

    def action_often(self) -> None:
        now = next((value for value, text in OFTEN if self._view is not None and text == self._view.often), "nightly")
        self.app.push_screen(Pick(own("When are seals sent?"), OFTEN, now), self._often)

    def _often(self, value: str | None) -> None:
        if value is not None:
            self.console.work(self._set_often(value))

    async def _set_often(self, value: str) -> None:
        await self.console.desk.settings.change("seal", value)
        self.reload()

    async def action_open(self) -> None:
        if (row := self._row) is not None:
            await self.open(Page(row.name, lambda width: prose.named(row.facts, width)))

    def action_back(self) -> None:
        self.app.pop_screen()


class SealForm(SavingForm[bool]):
    """One place in a form; True when it was saved."""

    DEFAULT_CSS = """
    SealForm .box { width: 78; }
    SealForm Form { height: auto; max-height: 15; }
    SealForm .wrong { display: none; height: auto; }
    """
    AUTO_FOCUS = "Form TypingLine"

    def __init__(self, kind: str, values: Mapping[str, str], *, new: bool) -> None:
        super().__init__()
        self._kind, self._new = kind, new
        # Initial values, also of fields that are empty.
        self._values = {name: "" for name in ("name", "target", *LABELS)} | {"access": ACCESS[0][0]} | dict(values)

    def compose(self) -> ComposeResult:
        seals = self.console.desk.seals
        specs: list[Spec] = [TextField("target", TARGET_LABELS[self._kind], f"{seals.target(self._kind).capitalize()}.")]
        if self._new:
            specs.insert(0, TextField("name", "Name"))
        for name in seals.fields(self._kind):
            if name == "access":
                specs.append(Choices("access", "Encryption", ACCESS))
            else:
                label, note, hint = LABELS[name]
                specs.append(TextField(name, label, note, hint, secret=name == "password"))
        with Vertical(classes="box") as box:
            box.border_title = shown(
                own("{}: {}", own("New place") if self._new else text(self._values["name"]), dict(KINDS)[self._kind])
            )
            yield Static(id="wrong", classes="wrong")
            yield Form(specs, {spec.name: self._values[spec.name] for spec in specs})
            yield Static(shown(own("enter  save      tab  next field      esc  leave")), classes="keys")

    @property
    def _typed(self) -> dict[str, str]:
        return {"name": self._values["name"], **{name: str(value) for name, value in self.query_one(Form).values.items()}}

    def on_form_edited(self) -> None:
        self._say(BLANK)

    def action_save(self) -> None:
        self.attempt(lambda: self._save(self._typed))

    async def _save(self, values: Mapping[str, str]) -> bool | None:
        try:
            if problems := await self.console.desk.seals.save(self._kind, values, new=self._new):
                self.query_one(Form).show_errors(problems)
                return None
        except Refused as trouble:
            self._say(own("! {} {}", trouble.message, trouble.hint))
            return None
        return True

    def _say(self, text: Safe) -> None:
        place = self.query_one("#wrong", Static)
        place.display = bool(text)
        place.update(shown(text))

    def action_close(self) -> None:
        """Leave; typed text is only discarded after a question."""
        if all(self._values[name] == value for name, value in self._typed.items()):
            self.dismiss(False)
        else:
            question = Confirm(own("Leave without saving?"), own("What was typed here is lost."), own("leave"), own("go on"))
            self.app.push_screen(question, self._answered)

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.dismiss(False)


def _line(row: SealRow, width: int) -> Line:
    tones = (Tone.STRONG, row.state.tone, Tone.PLAIN, Tone.PLAIN, Tone.MUTED)
    return _cells((row.name, row.state.shown, row.entry, row.sent, row.where), tones, width)


def _cells(texts: tuple[Safe, ...], tones: tuple[Tone, ...], width: int) -> Line:
    name = max(min(width // 6, 20), 8)
    widths = (name, 9, 7, 15)
    spans = [
        Span(own("{}{}", fit(text, size, right=index == 2), own("  ")), tone)
        for index, (text, tone, size) in enumerate(zip(texts[:4], tones[:4], widths, strict=True))
    ]
    return (*spans, Span(cut(texts[4], max(width - sum(widths) - 8, 4)), tones[4]))
