"""Proof: the last verification, the progress of an active one, findings, and repair."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import PROOF_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, blanks, cell_len, own, text
from tui.desk.proof.proof import FindingRow, ProofView
from tui.places.confirm import Confirm
from tui.places.page import Page
from tui.places.pick import Pick
from tui.places.place import BESIDE, Place
from tui.places.proof.seals import SealsPlace
from tui.places.runs.job import JobPlace
from tui.text import prose
from tui.text.format import Line, Span, bar, fit, header, join, percent, wrap
from tui.text.mail import messages
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel

LABEL = 8
RHYTHMS = (
    ("monthly", own("everything, once a month")),
    ("weekly", own("everything, once a week")),
    ("10%", own("10 % a day: everything in 10 days")),
    ("5%", own("5 % a day: everything in 20 days")),
    ("2%", own("2 % a day: everything in 50 days")),
    ("1%", own("1 % a day: everything in 100 days")),
    ("off", own("never by itself")),
)
REPAIR = own(
    "Good copies are looked for in the other volumes, and on the mail server that the messages came from. What has the "
    "right SHA-256 is stored anew. Nothing is changed on a server, and the damaged copies stay where they are."
)
FOLDER = own(
    "In which folder on this machine is a backup of this archive, or another archive with the same mail? What is missing there "
    "is looked for in the other volumes and on the mail server. Good copies are stored anew; nothing is written to that folder."
)


class ProofPlace(Place):
    """Verifying and repairing."""

    ACTIONS = PROOF_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(PROOF_ACTIONS)
    AUTO_FOCUS = "#findings"

    DEFAULT_CSS = """
    ProofPlace #proof { height: 3; }
    ProofPlace #findings-panel { height: 1fr; }
    ProofPlace #findings { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: ProofView | None = None

    def content(self) -> ComposeResult:
        with Panel(id="proof-panel"):
            yield Lines(id="proof", can_focus=False)
        with Panel(id="findings-panel"):
            yield ChoiceList(id="findings")

    @property
    def restless(self) -> bool:
        return self._view is not None and (self._view.under_way is not None or self._view.repair is not None)

    async def load(self) -> None:
        view = await self.console.desk.proof.view()
        before, self._view = self._view, view
        self.show_top(lambda width, clock: header((own("Archivar"), own("Proof")), view.last[0].shown, clock, width))
        going = view.under_way is not None and view.usable
        self.panel("proof-panel").head(own("Verification"), own("goes on without this window") if going else BLANK)
        proof = self.query_one("#proof", Lines)
        proof.styles.height = len(proof_lines(view, max(self.size.width - BESIDE, 10)))
        proof.show(lambda width: proof_lines(view, width))
        findings = self.query_one("#findings", ChoiceList)
        more = view.finding_count - len(view.findings)
        rest = own("and {:,} more: archivar verify --json", more) if more > 0 else BLANK
        self.panel("findings-panel").head(_found(view), rest)
        findings.can_focus = bool(view.findings)
        if view.findings:
            findings.show(lambda width: FindingTable(view, width))
            if self.focused is None:
                findings.focus()
        else:
            findings.show(lambda width: [_nothing(view)])
        if before is None or _keys(before) != _keys(view):
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions by the state of verification, repair and findings."""
        view = self._view
        if action not in ("verify", "cancel", "repair", "repair_from", "details", "schedule"):
            return True
        if view is None:
            return False
        if action == "details":
            return bool(view.findings)
        if action == "verify":
            return view.usable and (view.under_way is None or view.under_way.share)
        if action == "cancel":
            return view.usable and view.under_way is not None
        return view.usable and (action == "schedule" or bool(view.findings) or view.repair is not None)

    # Verifying -----------------------------------------------------------------------------------------------------------

    def action_verify(self) -> None:
        self.console.work(self._verify())

    async def _verify(self) -> None:
        await self.console.desk.proof.verify()
        self.reload()

    def action_cancel(self) -> None:
        text = own("What it found so far is kept. The next verification of everything begins anew.")
        question = Confirm(own("Cancel the verification?"), text, own("cancel it"), own("let it go on"))
        self.app.push_screen(question, lambda yes: self.console.work(self._cancel()) if yes else None)

    async def _cancel(self) -> None:
        await self.console.desk.proof.cancel()
        self.reload()

    def action_schedule(self) -> None:
        if self._view is None:
            return
        value = self._view.schedule
        other = [] if value in dict(RHYTHMS) else [(value, text(f"{value} a day"))]
        self.app.push_screen(Pick(own("How often the archive verifies itself"), [*other, *RHYTHMS], value), self._chosen)

    def _chosen(self, value: str | None) -> None:
        if value is not None:
            self.console.work(self._set_schedule(value))

    async def _set_schedule(self, value: str) -> None:
        await self.console.desk.settings.change("verify", value)
        self.reload()

    async def action_seals(self) -> None:
        await self.open(SealsPlace())

    # Findings ------------------------------------------------------------------------------------------------------------

    async def action_details(self) -> None:
        view = self._view
        if view is None or not view.findings:
            return
        row = view.findings[self.query_one("#findings", ChoiceList).cursor]
        await self.app.push_screen(Page(row.title[0], lambda width: finding_lines(row, width)))

    # Repairing -----------------------------------------------------------------------------------------------------------

    async def action_repair(self) -> None:
        view = self._view
        if view is None:
            return
        if view.repair is not None:
            await self.open(JobPlace(view.repair))
            return
        question = own("Repair {}?", messages(view.message_count)) if view.message_count else own("Repair what is damaged?")
        confirm = Confirm(question, REPAIR, own("repair"), own("leave it as it is"))
        await self.open(confirm, lambda yes: self.console.work(self._repair()) if yes else None)

    async def _repair(self) -> None:
        await self.open(JobPlace(await self.console.desk.proof.repair()))

    async def action_repair_from(self) -> None:
        if self._view is not None and self._view.repair is not None:
            await self.open(JobPlace(self._view.repair))
        else:
            self.console.work(self._ask_for_folder(), opens=True)

    async def _ask_for_folder(self) -> None:
        proof = self.console.desk.proof

        async def begin(folder: str) -> None:
            await self.open(JobPlace(await proof.repair(folder.strip())))

        await self.ask_until_taken(own("Repair from a backup"), FOLDER, begin, await proof.backup())

    def action_back(self) -> None:
        self.app.pop_screen()


def _keys(view: ProofView) -> tuple[object, ...]:
    """The state that the available keys depend on."""
    share = view.under_way is not None and view.under_way.share
    return view.under_way is not None, share, bool(view.findings), view.repair is not None, view.usable


def _found(view: ProofView) -> Safe:
    """The number of findings, in words."""
    if not view.finding_count:
        return own("Damaged")
    what = own("{}, ", messages(view.message_count)) if view.message_count else BLANK
    return own("Damaged: {}{:,} {}", what, view.finding_count, own("finding") if view.finding_count == 1 else own("findings"))


def _nothing(view: ProofView) -> Line:
    state, sentence = view.last
    if not sentence:
        return (Span(own("○ "), Tone.MUTED), Span(own("Nobody has looked yet: v verifies everything.")))
    return (Span(own("✔ "), state.tone), Span(own("Nothing that is damaged is known.")))


def proof_lines(view: ProofView, width: int) -> list[Line]:
    """The last verification, the active one, and the next one."""
    state, sentence = view.last
    lines = _labelled(own("Last"), sentence, width, state)
    if going := view.under_way:
        lines += _labelled(own("Now"), going.sentence, width, going.state)
        if going.fraction is not None:
            share = fit(percent(going.fraction), 6, right=True)
            lines.append((Span(blanks(LABEL)), Span(bar(going.fraction, max(width - LABEL - 6, 4)), Tone.BUSY), Span(share)))
    for label, fact in view.facts:
        lines += _labelled(label, fact, width)
    if view.repair is not None:
        lines += _labelled(own("Repair"), own("r shows it"), width, badge("●", "working", Tone.BUSY))
    if not view.usable:
        lines += _labelled(own("Backup"), own("This is a backup, which is only read. archivar verify proves it."), width)
    return lines


def _labelled(label: Safe, text: Safe, width: int, state: Badge | None = None) -> list[Line]:
    """A state and a text after their label; a text without room beside the state begins below it."""
    head, room = Span(fit(label, LABEL), Tone.MUTED), max(width - LABEL, 10)
    if state is not None and cell_len(f"{state}  {text}") <= room:
        return [(head, Span(state.shown, state.tone), Span(own("  {}", text)))]
    tone = Tone.WARN if text[:1] in ("!", "✗") else Tone.PLAIN
    parts = [Span(part, tone) for part in wrap(text, room)]
    first, *rest = parts if state is None else [Span(state.shown, state.tone), *parts]
    return [(head, first), *((Span(blanks(LABEL)), part) for part in rest)]


class FindingTable:
    """Findings in two lines each: subject and fault."""

    per_item = 2

    def __init__(self, view: ProofView, width: int) -> None:
        self._rows, self._width = view.findings, max(width - 2, 4)

    def __len__(self) -> int:
        return len(self._rows) * self.per_item

    def __getitem__(self, index: int) -> Line:
        item, part = divmod(index, self.per_item)
        row = self._rows[item]
        if part:
            return (Span(own("  ")), Span(fit(row.reason, self._width), Tone.MUTED))
        return (Span(own("✗ "), Tone.BAD), Span(fit(join(row.title, self._width, own(" · ")), self._width), Tone.STRONG))


def finding_lines(row: FindingRow, width: int) -> list[Line]:
    """The details of a finding, and the remedy."""
    return [
        *prose.named(row.facts, width),
        (),
        *prose.paragraph(own("What is wrong"), width, Tone.STRONG),
        *prose.paragraph(row.reason, width),
        (),
        *prose.paragraph(own("What to do"), width, Tone.STRONG),
        *prose.paragraph(row.remedy, width),
    ]
