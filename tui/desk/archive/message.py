"""Messages in lists, and one message to read: its text, headers, attachments, places and raw source."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from core.archive.read.reading import Placed, Stored
from core.message.content import Content
from core.message.octets import Bytes, chunks
from core.model import moment, now
from core.text import format as texts
from tui.desk import present
from tui.desk.present import BLANK, Safe


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message in a list. ``day`` is short, ``date`` has the time; ``where`` is user and folder, if shown.

    ``arrival``: it has no date of its own, so that is the time of receipt.
    """

    id: int
    day: Safe
    date: Safe
    sender: Safe
    subject: Safe
    size: Safe
    attachments: int
    where: Safe = BLANK
    arrival: bool = False


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """An attachment. ``index`` is its number in the message, from 0."""

    index: int
    name: Safe
    kind: Safe
    size: Safe


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message to read: ``brief`` and ``headers`` are names with values, ``text`` its lines, of which ``more`` are left out.

    ``notes``: unreadable parts, with the reason. ``size`` is that of all its bytes.
    """

    id: int
    subject: Safe
    size: Safe
    brief: tuple[tuple[Safe, Safe], ...]
    headers: tuple[tuple[Safe, Safe], ...]
    text: tuple[Safe, ...]
    more: int
    from_html: bool
    attachments: tuple[AttachmentRow, ...]
    notes: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place of a message; ``until`` is empty while it is there."""

    where: Safe
    since: Safe
    until: Safe


#: Lines of a text that are shown, and characters of one line.
LINES, LINE = 3000, 2000
#: Headers that are shown, and characters of each.
HEADERS, HEADER = 500, 4000
#: Attachments that are listed.
ATTACHMENTS = 1000
BRIEF = ("From", "To", "Cc", "Date", "Subject")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def message_row(stored: Stored, today: datetime, where: Safe = present.BLANK) -> MessageRow:
    """A message in a list."""
    day, date = dates(stored.moment, today)
    return MessageRow(
        stored.id,
        present.sentence(day),
        present.sentence(date),
        present.text(_name(stored.sender), 200) or present.own("(no sender)"),
        present.text(stored.subject) or present.own("(no subject)"),
        present.sentence(texts.size(stored.size)),
        stored.attachments,
        where,
        arrival=stored.date is None and stored.arrived is not None,
    )


def _name(sender: str) -> str:
    """The sender, shortened: the name, or the address without one."""
    name, bracket, address = sender.partition("<")
    return name.strip(' "') or address.strip(" <>") if bracket else sender


def dates(seconds: int | None, today: datetime) -> tuple[str, str]:
    """The day (or the time, if it is today), and day with time, in local time."""
    try:
        local = (_EPOCH + timedelta(seconds=seconds or 0)).astimezone()
    except (OverflowError, ValueError, OSError):
        return "no date", "no date"
    if seconds is None:
        return "no date", "no date"
    same = local.date() == today.astimezone().date()
    return f"{local:%H:%M}" if same else _ymd(local), f"{_ymd(local)} {local:%H:%M}"


def _ymd(local: datetime) -> str:
    return f"{local.year:04}-{local:%m-%d}"


def message_view(stored: Stored, read: Content) -> MessageView:
    """A message to read, limited to the part that can be shown."""
    lines = read.text.splitlines()
    headers = tuple((present.text(name, 100), present.text(value, HEADER)) for name, value in read.headers[:HEADERS])
    brief: list[tuple[str, str]] = []
    for name in BRIEF:
        found = [value for one, value in read.headers if one.lower() == name.lower()]
        if found and found[0].strip():
            brief.append((name, present.text(found[0], 1000)))
        if name == "Date" and stored.date is None:
            brief.append(("Received", _arrival(stored, bool(brief) and brief[-1][0] == "Date")))
    return MessageView(
        id=stored.id,
        subject=present.text(stored.subject) or present.own("(no subject)"),
        size=present.sentence(texts.size(stored.size)),
        brief=present.named(brief),
        headers=headers,
        text=tuple(present.text(line, LINE) for line in lines[:LINES]),
        more=max(len(lines) - LINES, 0),
        from_html=read.source == "html",
        attachments=tuple(
            AttachmentRow(
                one.index,
                present.text(one.name) or present.own("(no name)"),
                present.text(one.media_type, 100),
                present.sentence(texts.size(one.size)),
            )
            for one in read.attachments[:ATTACHMENTS]
        ),
        notes=tuple(present.text(one, 500) for one in read.unread[:20]),
    )


def _arrival(stored: Stored, dated: bool) -> str:
    """The time of receipt of a message without a usable date, marked with the reason."""
    why = "its own date cannot be used" if dated else "it has no date of its own"
    return f"{dates(stored.arrived, now())[1]} ({why})" if stored.arrived is not None else f"unknown ({why})"


def unread_view(stored: Stored, why: str) -> MessageView:
    """A message of which only the catalog's columns are known."""
    row = message_row(stored, now())
    sender, recipients = present.text(stored.sender, 1000), present.text(stored.recipients, 1000)
    brief = (("From", sender), ("To", recipients), ("Received" if row.arrival else "Date", row.date), ("Subject", row.subject))
    known = present.named((name, value) for name, value in brief if value)
    return MessageView(
        stored.id,
        row.subject,
        row.size,
        known,
        known,
        (),
        0,
        False,
        (),
        (present.text(why, 500),),
    )


def place_row(placed: Placed, today: datetime) -> PlaceRow:
    times = [_when(one, today) for one in (placed.since, placed.until)]
    return PlaceRow(present.sentence(f"{present.text(placed.user, 100)}: {present.text(placed.folder)}"), *times)


def _when(at: str, today: datetime) -> Safe:
    try:
        return present.sentence(texts.when(moment(at), today)) if at else present.sentence(present.BLANK)
    except ValueError:
        return present.text(at, 40)


#: Of so many lines of a raw source the start of one is kept.
STRIDE = 64


class SourceLines:
    """The bytes of a message as lines, each made on access: only the starts of some lines are kept beside its bytes.

    Lines are broken after ``width`` bytes, since no text is wider than its bytes.
    """

    def __init__(self, raw: Bytes, width: int) -> None:
        self._raw = raw
        self._width = width
        self._starts = array("Q", [0])
        self._lines = base = 0
        data = b""
        for chunk in chain(chunks(raw), (b"",)):
            data += chunk
            end = 0
            for end in _line_ends(data, width, last=not chunk):
                self._lines += 1
                if self._lines % STRIDE == 0:
                    self._starts.append(base + end)
            base, data = base + end, data[end:]

    def __len__(self) -> int:
        return self._lines

    def __getitem__(self, index: int) -> Safe:
        before, start = index % STRIDE, self._starts[index // STRIDE]
        data = self._raw[start : start + (before + 2) * (self._width + 2)]
        ends = [0, *islice(_line_ends(data, self._width, last=True), before + 1)]
        return present.text(data[ends[before] : ends[before + 1]].rstrip(b"\r\n").decode("utf-8", "replace"))


def _line_ends(data: bytes, width: int, *, last: bool) -> Iterator[int]:
    """Yield the offsets at which lines end; without ``last`` only those that do not depend on more bytes."""
    start, limit = 0, len(data) - (0 if last else width + 2)
    while start < limit:
        end = data.find(b"\n", start, start + width + 2)
        start = end + 1 if end >= 0 else _broken(data, start + width)
        yield start


def _broken(data: bytes, end: int) -> int:
    """The break of a line that is too long, at most at ``end``: not within a character."""
    for before in range(min(3, len(data) - end)):
        if data[end - before] & 0xC0 != 0x80:
            return end - before
    return min(end, len(data))
