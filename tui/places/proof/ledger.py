"""The ledger for audits: every entry in a sentence, the newest first, and each one in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import FILTER_KIND, LEDGER_ACTIONS
from tui.bindings import bindings
from tui.desk.present import Safe, Tone, own
from tui.desk.runs.activity import EntryRow, EntryView, SealView
from tui.places.listing import ListingPlace, cells
from tui.places.page import Page
from tui.places.pick import Pick
from tui.places.runs.job import JobPlace
from tui.text import prose
from tui.text.format import Line, Span, cut

SEAL = own(
    "Keep this elsewhere: on paper, or in a mail to somebody else. With it one can prove later that nothing up to this entry "
    "was taken out or changed."
)
CHECK = own(
    "The seal as it was kept: number, hash and time in one line; or the path of a file on this machine that holds it. The "
    "whole ledger is walked from the volumes, without the catalog."
)


class LedgerPlace(ListingPlace[EntryRow]):
    """All entries."""

    ACTIONS = LEDGER_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(LEDGER_ACTIONS)
    EMPTY = own("There is no entry of this kind. Everything that is archived, moved, deleted or changed will stand here.")
    NEEDING = ("open",)

    def __init__(self) -> None:
        super().__init__()
        self._kind, self._kind_name = "", own("all entries")

    def words(self) -> Sequence[Safe]:
        return (own("Activity"), own("Ledger"))

    def titles(self, total: int) -> tuple[Safe, Safe]:
        return (own("Ledger ({:,})", total), self.filter_words((FILTER_KIND, self._kind_name)))

    async def count(self) -> int:
        return await self.console.desk.activity.entry_count(self._kind)

    async def page(self, offset: int, limit: int) -> Sequence[EntryRow]:
        return await self.console.desk.activity.entries(self._kind, offset, limit)

    async def position(self, row: EntryRow) -> int:
        return await self.console.desk.activity.entry_position(self._kind, row.seq)

    def heading(self, width: int) -> Line:
        return self._cells((own("Entry"), own("When"), own("By"), own("What")), (Tone.MUTED,) * 4, width)

    def line(self, row: EntryRow, width: int) -> Line:
        tones = (Tone.PLAIN, Tone.PLAIN, Tone.MUTED, Tone.PLAIN)
        return self._cells((own("{}", row.seq), row.when, row.actor, row.sentence), tones, width)

    def _cells(self, texts: Sequence[Safe], tones: Sequence[Tone], width: int) -> Line:
        widths = (7, 16, 18 if width >= 90 else 13, 0)
        widths = (*widths[:3], max(width - sum(widths) - 6, 8))
        return cells([(text, tone, size, size == 7) for text, tone, size in zip(texts, tones, widths, strict=True)])

    def sentences(self, row: EntryRow) -> Sequence[Safe]:
        return (row.sentence,)

    def action_open(self) -> None:
        if row := self.rows.chosen:
            self.console.work(self._open(row.seq), opens=True)

    async def _open(self, seq: int) -> None:
        view = await self.console.desk.activity.entry(seq)
        await self.app.push_screen(Page(own("Entry {} of the ledger", seq), lambda width: entry_lines(view, width)))

    def action_seal(self) -> None:
        self.console.work(self._seal(), opens=True)

    async def _seal(self) -> None:
        view = await self.console.desk.activity.seal()
        await self.open(Page(own("The seal of all up to here"), lambda width: seal_lines(view, width)))

    async def action_check(self) -> None:
        async def check(text: str) -> None:
            await self.open(JobPlace(await self.console.desk.activity.check_seal(text)))

        await self.ask_until_taken(own("Check a seal"), CHECK, check)

    def action_pick_kind(self) -> None:
        kinds = {one.key: one.name for one in self.console.desk.activity.kinds()}

        def taken(key: str | None) -> None:
            if key is not None:
                self._kind, self._kind_name = key, kinds[key]
                self.look_anew(key)

        self.app.push_screen(Pick(own("Entries of the ledger"), list(kinds.items()), self._kind), taken)


def seal_lines(view: SealView, width: int) -> list[Line]:
    """The purpose of the seal, then number, hash and time; and the way by which it leaves this machine."""
    lines = prose.paragraph(SEAL, width)
    lines += [(), *prose.named(((own("Entry"), view.seq), (own("Hash"), view.hash), (own("Time"), view.at)), width), ()]
    return [
        *lines,
        *prose.paragraph(
            own("Seals (the key l in Proof) sends it to a file, a mail address, a journal or an authority."),
            width,
        ),
    ]


def entry_lines(view: EntryView, width: int) -> list[Line]:
    """Values with their names, then the changes, then the payload, line by line."""
    lines = [*prose.named(view.facts, width), ()]
    if view.changes:
        lines += prose.paragraph(own("Changes"), width, Tone.STRONG)
        lines += [line for text in view.changes for line in prose.paragraph(text, width)]
        lines += [(), *prose.paragraph(own("As it stands in the ledger"), width, Tone.STRONG)]
    lines += [(Span(cut(text, width)),) for text in view.payload]
    if view.more:
        lines.append((Span(cut(own("… and {:,} lines more: archivar ledger show --json", view.more), width), Tone.MUTED),))
    return lines
