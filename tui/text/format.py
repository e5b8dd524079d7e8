"""Views as lines of a given width: cells, columns, bars. Pure functions; a width is always counted in terminal cells.

Nothing here can make a line wider than asked for, whatever the text: characters on whose width terminals disagree are
replaced first (``steady``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.desk.home import HomeView, ProfileRow
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, blanks, cell_len, joined, layout, own, sentence
from tui.desk.runs.run_mailboxes import ProblemRow, RunMailboxes

GAP = 2
GAP_BETWEEN = blanks(GAP)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line in one tone."""

    text: Safe
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


def fit(text: Safe, width: int, *, right: bool = False) -> Safe:
    """``text`` in exactly ``width`` cells: filled with blanks, or cut with an ellipsis."""
    room = width - cell_len(text)
    if room < 0:
        text = cut(text, width)
        room = width - cell_len(text)
    return Safe(" " * room + text if right else text + " " * room)


def cut(text: Safe, width: int) -> Safe:
    """``text`` in at most ``width`` cells; an ellipsis marks what is missing."""
    return Safe(layout.cut(text, width))


def join(texts: Sequence[Safe], width: int, separator: Safe = GAP_BETWEEN) -> Safe:
    """As many of ``texts`` as fit, in order; only if the first does not fit is it cut."""
    line = BLANK
    for text in texts:
        longer = Safe(line + separator + text) if line else text
        if cell_len(longer) > width:
            return line or cut(text, width)
        line = longer
    return line


def wrap(text: Safe, width: int) -> list[Safe]:
    """``text`` in lines of at most ``width`` cells, broken between words where possible."""
    return [Safe(line) for line in layout.wrapped(" ".join(text.split()), max(width, 2))]


def percent(fraction: float | None) -> Safe:
    """``61 %`` in five cells; 100 only when nothing is left."""
    if fraction is None:
        return own("    –")
    return own("{:3} %", int(min(max(fraction, 0.0), 1.0) * 100))


def bar(fraction: float | None, width: int) -> Safe:
    """A bar of block characters in ``width`` cells; one that is not full leaves its last cell."""
    share = min(max(fraction or 0.0, 0.0), 1.0)
    full = int(share * width)
    return own("{}{}", Safe("█" * full), Safe("░" * (width - full)))


def shared(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths of columns that together take ``width``: the widest gives way first, the last one takes the rest."""
    widths = list(natural)
    excess = sum(widths) + GAP * (len(widths) - 1) - width
    while excess > 0:
        index = max(range(len(widths)), key=lambda column: widths[column] - least[column])
        if widths[index] <= least[index]:
            break
        widths[index] -= 1
        excess -= 1
    widths[-1] += -excess
    return widths


def arranged(columns: Mapping[str, tuple[int, int]], width: int, leaving: Sequence[str]) -> dict[str, int]:
    """Widths, by title, of the columns that there is room for. ``columns`` has their natural and least widths.

    Columns in ``leaving`` are dropped whole, in order, until the least widths of the others fit.
    """
    shown = dict(columns)
    for title in leaving:
        if sum(least for _, least in shown.values()) + GAP * (len(shown) - 1) <= width:
            break
        shown.pop(title, None)
    natural, least = [size for size, _ in shown.values()], [size for _, size in shown.values()]
    return dict(zip(shown, shared(natural, least, width), strict=True))


class ProfileTable:
    """The profiles of Home as lines; columns without room are left out, the least informative first."""

    LAST = "Last run"
    #: Cells of a text that are visible before a column is dropped for it.
    LEAST = {"Profile": 24, "Mailbox": 12, "Schedule": 24}  # noqa: RUF012
    #: Dropped first is the least informative.
    LEAVING = ("Server", "Next", "Mailbox", "Schedule", LAST)

    def __init__(self, rows: Sequence[ProfileRow], width: int) -> None:
        self._rows = rows
        columns: dict[str, list[Safe]] = {
            "Profile": [row.name for row in rows],
            "Mailbox": [row.mailbox for row in rows],
            "Server": [row.server for row in rows],
            "Schedule": [row.schedule for row in rows],
            "Next": [row.next_start for row in rows],
            "State": [row.state.shown for row in rows],
            self.LAST: [joined("  ", row.facts) for row in rows],
        }
        if not any(columns["Next"]):
            del columns["Next"]
        natural = {title: max(cell_len(text) for text in (title, *texts)) for title, texts in columns.items()}
        wanted = {title: (size, min(size, self.LEAST.get(title, size))) for title, size in natural.items()}
        # Without the present runs, so that columns do not come and go with every run.
        when = max([cell_len("since 14:02"), *(cell_len(row.facts[0]) for row in rows if row.facts and not row.active)])
        wanted[self.LAST] = (max(natural[self.LAST], when), when)
        self._columns = arranged(wanted, width, self.LEAVING)
        wanted = {title: wanted[title] for title in self._columns}
        if self.LAST in wanted:
            # Mailboxes give way to the remaining time.
            spare = width - sum(least for _, least in wanted.values()) - GAP * (len(wanted) - 1)
            size = wanted[self.LAST][0]
            wanted[self.LAST] = (size, min(size, when + max(spare, 0), max(cell_len("61 %  3 min 20 s left"), when)))
            self._columns = arranged(wanted, width, ())
        while self._idle and any(size < natural[title] for title, size in self._columns.items() if title != self.LAST):
            # Facts are left out whole; the free space is for cut ones.
            size = self._columns[self.LAST] - self._idle
            wanted[self.LAST] = (size, min(size, when))
            self._columns = arranged(wanted, width, ())

    @property
    def _idle(self) -> int:
        """Cells of the last column that no line needs."""
        if (width := self._columns.get(self.LAST)) is None:
            return 0
        return width - max(cell_len(text) for text in (self.LAST, *(join(row.facts, width) for row in self._rows)))

    @property
    def header(self) -> Line:
        return _spaced([Span(fit(sentence(title), width), Tone.MUTED) for title, width in self._columns.items()])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Line:
        row = self._rows[index]
        texts = {
            "Profile": (row.name, Tone.STRONG),
            "Mailbox": (row.mailbox, Tone.PLAIN),
            "Server": (row.server, Tone.MUTED),
            "Schedule": (row.schedule, Tone.MUTED),
            "Next": (row.next_start, Tone.MUTED),
            "State": (row.state.shown, row.state.tone),
            self.LAST: (join(row.facts, self._columns.get(self.LAST, 0)), Tone.PLAIN),
        }
        return _spaced([Span(fit(texts[title][0], width), texts[title][1]) for title, width in self._columns.items()])


class MailboxTable:
    """The mailboxes of a run as lines: one each where there is room, else, for few, with the folder below.

    ``per_item`` is the number of lines of each.
    """

    WIDE = 96
    FEW = 3
    STATE = 13

    def __init__(self, rows: RunMailboxes[Any], width: int) -> None:
        self._rows = rows
        self._wide = width >= self.WIDE
        one_line = self._wide or len(rows) > self.FEW or not any(row.folder for row in rows)
        self.per_item = 1 if one_line else 2
        self._bar = 12 if self._wide else 8
        messages, size = rows.longest
        self._messages, self._size = max(8, messages), max(4, size)
        rest = max(width - (self.STATE + self._bar + 6 + self._messages + self._size + 4 * GAP), 8)
        self._mailbox = (rest - GAP) // 2 if self._wide else rest
        self._folder = rest - GAP - self._mailbox if self._wide else width - self.STATE - GAP

    @property
    def header(self) -> Line:
        titles = [
            fit(own("State"), self.STATE),
            fit(own("Mailbox"), self._mailbox),
            fit(own("Done"), self._bar + 6),
            fit(own("Messages"), self._messages, right=True),
            fit(own("Size"), self._size, right=True),
        ]
        if self._wide:
            titles.append(fit(own("Folder"), self._folder))
        return _spaced([Span(title, Tone.MUTED) for title in titles])

    def __len__(self) -> int:
        return len(self._rows) * self.per_item

    def __getitem__(self, index: int) -> Line:
        row = self._rows[index // self.per_item]
        if index % self.per_item:
            return (Span(blanks(self.STATE + GAP)), Span(fit(row.folder, self._folder), Tone.MUTED))
        spans = [
            Span(fit(row.state.shown, self.STATE), row.state.tone),
            Span(fit(row.mailbox, self._mailbox)),
            Span(own("{} {}", bar(row.fraction, self._bar), percent(row.fraction)), Tone.BUSY if row.rank == 0 else Tone.PLAIN),
            Span(fit(row.messages, self._messages, right=True)),
            Span(fit(row.size, self._size, right=True)),
        ]
        if self._wide:
            spans.append(Span(fit(row.folder, self._folder), Tone.MUTED))
        return _spaced(spans)


class ProblemTable:
    """Warnings, then problems, in two lines each: the place and the beginning of the reason. The details have all of it."""

    per_item = 2

    def __init__(self, problems: Sequence[ProblemRow], notes: Sequence[Safe], width: int) -> None:
        self._problems, self._notes, self._width = problems, notes, width - 2

    def __len__(self) -> int:
        return (len(self._notes) + len(self._problems)) * self.per_item

    def __getitem__(self, index: int) -> Line:
        item, part = divmod(index, self.per_item)
        if item < len(self._notes):
            first, *rest = wrap(self._notes[item], self._width)
            # Cut within the rest, so that the ellipsis shows it.
            text = joined(" ", rest) if part else first
            return (Span(own("  ") if part else own("! "), Tone.WARN), Span(fit(text, self._width)))
        problem = self._problems[item - len(self._notes)]
        if part:
            return (Span(own("  ")), Span(fit(problem.reason, self._width)))
        return (Span(own("✗ "), Tone.BAD), Span(fit(join(problem.place, self._width, own(" · ")), self._width), Tone.STRONG))


def bullets(texts: Sequence[Safe], width: int) -> list[Line]:
    """Each text after a ``!``, wrapped."""
    lines: list[Line] = []
    for text in texts:
        first, *rest = wrap(text, width - 2)
        lines.append((Span(own("! "), Tone.WARN), Span(fit(first, width - 2))))
        lines += [(Span(own("  ")), Span(fit(part, width - 2))) for part in rest]
    return lines


def header(left: Sequence[Safe], state: Safe, clock: Safe, width: int) -> Safe:
    """The top line: ``left``, cut at its end if need be, and at the right the state and the time."""
    right = own("  {}  {} ", state, clock)
    return own("{}{}", fit(own(" {}", joined(" · ", left)), width - cell_len(right)), right)


def service(view: HomeView) -> Badge:
    """The service in the header: it need not run while there is nothing to do."""
    if view.service_stuck:
        return badge("!", "stopped", Tone.BAD)
    if view.service_running:
        return badge("●", "running", Tone.GOOD)
    return badge("!", "not running", Tone.WARN) if view.busy else badge("○", "idle", Tone.MUTED)


def _spaced(spans: Sequence[Span]) -> Line:
    """Columns with gaps between them. A gap takes the tone before it: every change of tone costs 25 bytes."""
    line: list[Span] = []
    for span in spans:
        line += [Span(blanks(GAP), line[-1].tone), span] if line else [span]
    return tuple(line)
