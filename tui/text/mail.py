"""Mail as lines: folders, messages in a list, and one message to read. Pure functions; nothing exceeds the given width."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tui.desk.archive.archive import ArchiveFolder, OwnerRow
from tui.desk.archive.message import AttachmentRow, MessageRow, MessageView, PlaceRow
from tui.desk.present import BLANK, Safe, Tone, blanks, cell_len, joined, own
from tui.text import prose
from tui.text.format import Line, Span, cut, fit, wrap

#: Columns from which a list has room for the time, and for more of a name.
WIDE = 96
SIZE = 7
#: Cells by which a subfolder is indented.
STEP = 2
COUNT = 9


def owner_line(row: OwnerRow, width: int) -> Line:
    """An owner of mail."""
    name, state = min(24, width // 3), own("removed user") if row.removed else row.full_name
    rest = max(width - name - 2, 4)
    address = rest // 2
    return (
        Span(fit(row.name, name), Tone.STRONG),
        Span(own("  {}", fit(row.address, address))),
        Span(own("  {}", fit(state, max(rest - address - 2, 1))), Tone.MUTED),
    )


def unfolded(tree: Sequence[ArchiveFolder], closed: Collection[str]) -> list[ArchiveFolder]:
    """The folders that are visible while those in ``closed`` hide their content."""
    seen: list[ArchiveFolder] = []
    hidden = ""
    for row in tree:
        if hidden and row.path.startswith(hidden):
            continue
        hidden = f"{row.path}/" if row.path in closed else ""
        seen.append(row)
    return seen


def folder_line(row: ArchiveFolder, closed: bool, width: int) -> Line:
    """A folder in the tree; a closed one with the count of all below it."""
    sign = own("+ ") if closed else own("- ") if row.inner else own("  ")
    # Deep trees must not push their names out of sight.
    indent = blanks(min(row.depth * STEP, width // 3))
    number = row.all_messages if closed else row.messages
    count = own("{:,}", number) if row.key or closed else BLANK
    tone = Tone.PLAIN if row.key else Tone.MUTED
    if not count:
        return (Span(fit(own("{}{}{}", indent, sign, row.name), width), tone),)
    name = fit(own("{}{}{}", indent, sign, row.name), max(width - COUNT - 1, 4))
    return (Span(name, tone), Span(own(" {}", fit(count, COUNT, right=True)), Tone.MUTED))


def messages(count: int) -> Safe:
    """``1 message``, ``1,204 messages``."""
    return own("{:,} {}", count, own("message") if count == 1 else own("messages"))


def message_heading(width: int, *, where: bool = False) -> Line:
    """The titles of the columns in a list of messages."""
    texts = {
        "date": own("Date"),
        "who": own("From"),
        "subject": own("Subject"),
        "where": own("Where"),
        "size": own("Size"),
        "more": own("+"),
    }
    return tuple(Span(span.text, Tone.MUTED) for span in _columns(texts, width, where, Tone.MUTED))


def message_line(row: MessageRow, width: int, *, marked: bool = False, where: bool = False) -> Line:
    """A message in a list. ``+`` stands for attachments, ``*`` for a mark."""
    texts = {
        "date": row.date if width >= WIDE else row.day,
        "who": row.sender,
        "subject": row.subject,
        "where": row.where,
        "size": row.size,
        "more": own("{}{}", own("*") if marked else own(" "), own("+") if row.attachments else own(" ")),
    }
    return _columns(texts, width, where, Tone.STRONG if marked else Tone.PLAIN)


def _columns(texts: dict[str, Safe], width: int, where: bool, tone: Tone) -> Line:
    date = 16 if width >= WIDE else 10
    rest = max(width - date - SIZE - 8, 12)
    who = min(28, rest // 3)
    place = min(30, (rest - who) // 3) if where and width >= WIDE else 0
    subject = rest - who - (place + 2 if place else 0) - 1
    spans = [
        Span(fit(texts["date"], date), Tone.MUTED),
        Span(own("  {}", fit(texts["who"], who)), tone),
        Span(own("  {}", fit(texts["subject"], subject)), tone),
    ]
    if place:
        spans.append(Span(own("  {}", fit(texts["where"], place)), Tone.MUTED))
    spans.append(Span(own("  {}{}", fit(texts["size"], SIZE, right=True), fit(texts["more"], 3, right=True)), Tone.MUTED))
    return tuple(spans)


def as_written(text: Safe, width: int) -> list[Safe]:
    """A line of a text in as many lines as needed; leading blanks are kept, and a long word is broken."""
    if cell_len(text) <= width:
        return [Safe(text.rstrip())]
    words = text.lstrip(" ")
    indent = blanks(min(len(text) - len(words), width // 2))
    return [joined("", (indent, part)) for part in wrap(Safe(words), width - len(indent))]


def message_lines(view: MessageView, width: int, *, full: bool = False) -> list[Line]:
    """A message to read: its headers, its attachments by name, unreadable parts, then the text."""
    values = [*(view.headers if full else view.brief)]
    if view.attachments:
        names = joined(", ", (own("{} ({})", one.name, one.size) for one in view.attachments[:5]))
        more = own(" and {:,} more", len(view.attachments) - 5) if len(view.attachments) > 5 else BLANK
        values.append((own("Files"), joined("", (names, more))))
    lines = prose.named(values, width)
    for note in view.notes:
        lines += prose.paragraph(own("! {}", note), width, Tone.WARN)
    lines.append(())
    if not view.text and not view.notes:
        lines += prose.paragraph(own("(no text)"), width, Tone.MUTED)
    lines += [(Span(part),) for text in view.text for part in as_written(text, width)]
    if view.more:
        lines += [(), *prose.paragraph(own("… and {:,} lines more, in the raw source", view.more), width, Tone.MUTED)]
    return lines


def preview_lines(view: MessageView, width: int, height: int) -> list[Line]:
    """The beginning of a message in ``height`` lines: sender and recipients, attachments, text without empty lines."""
    lines = [line for one in view.notes for line in prose.paragraph(own("! {}", one), width, Tone.WARN)]
    people = [(name, value) for name, value in view.brief if name in ("From", "To")]
    lines += [(Span(fit(name, 6), Tone.MUTED), Span(cut(value, max(width - 6, 4)))) for name, value in people]
    if view.attachments:
        names = joined(", ", (own("{} ({})", one.name, one.size) for one in view.attachments[:20]))
        lines.append((Span(own("Files "), Tone.MUTED), Span(cut(names, max(width - 6, 4)))))
    for text in view.text:
        if len(lines) >= height:
            break
        if text.strip():
            lines += [(Span(part),) for part in as_written(text, width)]
    return lines[:height]


def attachment_line(row: AttachmentRow, width: int) -> Line:
    """An attachment in the list."""
    kind = min(28, width // 3)
    name = max(width - kind - 12, 6)
    return (
        Span(fit(row.name, name), Tone.STRONG),
        Span(own("  {}", fit(row.kind, kind)), Tone.MUTED),
        Span(own("  {}", fit(row.size, 8, right=True))),
    )


def history_lines(rows: Sequence[PlaceRow], width: int) -> list[Line]:
    """The places of a message, present and past, with their times."""
    lines: list[Line] = []
    for row in rows:
        lines += prose.paragraph(row.where, width, Tone.PLAIN if row.until else Tone.STRONG)
        until = own("until {}", row.until) if row.until else own("still there")
        lines += [*prose.paragraph(own("since {}, {}", row.since or own("unknown"), until), width, Tone.MUTED), ()]
    return lines[:-1] or [(Span(own("It lies in no folder."), Tone.MUTED),)]
