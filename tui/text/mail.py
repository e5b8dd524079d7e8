"""Mail as lines: folders, messages in a list, and one message to read. Pure functions; nothing is wider than asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tui.desk.archive import ArchiveFolder, OwnerRow
from tui.desk.message import AttachmentRow, MessageRow, MessageView, PlaceRow
from tui.desk.present import Tone, cell_len
from tui.text import prose
from tui.text.format import Line, Span, cut, fit, wrap

#: From here on a list has room for the time, and for more of a name.
WIDE = 96
SIZE = 7
#: Cells by which a folder stands to the right of the one that it lies in.
STEP = 2
COUNT = 9


def owner_line(row: OwnerRow, width: int) -> Line:
    """Somebody who has mail."""
    name, state = min(24, width // 3), "removed user" if row.removed else row.full_name
    rest = max(width - name - 2, 4)
    address = rest // 2
    return (
        Span(fit(row.name, name), Tone.STRONG),
        Span(f"  {fit(row.address, address)}"),
        Span(f"  {fit(state, max(rest - address - 2, 1))}", Tone.MUTED),
    )


def unfolded(tree: Sequence[ArchiveFolder], closed: Collection[str]) -> list[ArchiveFolder]:
    """The folders that are seen while those of ``closed`` hide what lies in them."""
    seen: list[ArchiveFolder] = []
    hidden = ""
    for row in tree:
        if hidden and row.path.startswith(hidden):
            continue
        hidden = f"{row.path}/" if row.path in closed else ""
        seen.append(row)
    return seen


def folder_line(row: ArchiveFolder, closed: bool, width: int) -> Line:
    """A folder in the tree; a closed one has the count of all that lies in it and below."""
    sign = ("+ " if closed else "- ") if row.inner else "  "
    # Deep trees must not push their names out of sight.
    indent = " " * min(row.depth * STEP, width // 3)
    number = row.all_messages if closed else row.messages
    count = f"{number:,}" if row.key or closed else ""
    tone = Tone.PLAIN if row.key else Tone.MUTED
    if not count:
        return (Span(fit(f"{indent}{sign}{row.name}", width), tone),)
    name = fit(f"{indent}{sign}{row.name}", max(width - COUNT - 1, 4))
    return (Span(name, tone), Span(f" {fit(count, COUNT, right=True)}", Tone.MUTED))


def messages(count: int) -> str:
    """``1 message``, ``1,204 messages``."""
    return f"{count:,} {'message' if count == 1 else 'messages'}"


def message_heading(width: int, *, where: bool = False) -> Line:
    """What the columns of a list of messages are."""
    texts = {"date": "Date", "who": "From", "subject": "Subject", "where": "Where", "size": "Size", "more": "+"}
    return tuple(Span(span.text, Tone.MUTED) for span in _columns(texts, width, where, Tone.MUTED))


def message_line(row: MessageRow, width: int, *, marked: bool = False, where: bool = False) -> Line:
    """A message in a list. ``+`` stands for attachments, ``*`` for a mark."""
    texts = {
        "date": row.date if width >= WIDE else row.day,
        "who": row.sender,
        "subject": row.subject,
        "where": row.where,
        "size": row.size,
        "more": f"{'*' if marked else ' '}{'+' if row.attachments else ' '}",
    }
    return _columns(texts, width, where, Tone.STRONG if marked else Tone.PLAIN)


def _columns(texts: dict[str, str], width: int, where: bool, tone: Tone) -> Line:
    date = 16 if width >= WIDE else 10
    rest = max(width - date - SIZE - 8, 12)
    who = min(28, rest // 3)
    place = min(30, (rest - who) // 3) if where and width >= WIDE else 0
    subject = rest - who - (place + 2 if place else 0) - 1
    spans = [
        Span(fit(texts["date"], date), Tone.MUTED),
        Span(f"  {fit(texts['who'], who)}", tone),
        Span(f"  {fit(texts['subject'], subject)}", tone),
    ]
    if place:
        spans.append(Span(f"  {fit(texts['where'], place)}", Tone.MUTED))
    spans.append(Span(f"  {fit(texts['size'], SIZE, right=True)}{fit(texts['more'], 3, right=True)}", Tone.MUTED))
    return tuple(spans)


def as_written(text: str, width: int) -> list[str]:
    """A line of a text in as many as it takes; what begins with blanks keeps them, and a long word is broken."""
    if cell_len(text) <= width:
        return [text.rstrip()]
    words = text.lstrip(" ")
    indent = " " * min(len(text) - len(words), width // 2)
    return [indent + part for part in wrap(words, width - len(indent))]


def message_lines(view: MessageView, width: int, *, full: bool = False) -> list[Line]:
    """A message to read: its headers, its attachments by name, what could not be read, then the text."""
    values = [*(view.headers if full else view.brief)]
    if view.attachments:
        names = ", ".join(f"{one.name} ({one.size})" for one in view.attachments[:5])
        more = f" and {len(view.attachments) - 5:,} more" if len(view.attachments) > 5 else ""
        values.append(("Files", f"{names}{more}"))
    lines = prose.named(values, width)
    for note in view.notes:
        lines += prose.paragraph(f"! {note}", width, Tone.WARN)
    lines.append(())
    if not view.text and not view.notes:
        lines += prose.paragraph("(no text)", width, Tone.MUTED)
    lines += [(Span(part),) for text in view.text for part in as_written(text, width)]
    if view.more:
        lines += [(), *prose.paragraph(f"… and {view.more:,} lines more, in the raw source", width, Tone.MUTED)]
    return lines


def preview_lines(view: MessageView, width: int, height: int) -> list[Line]:
    """The beginning of a message in ``height`` lines: from and to whom, its attachments, its text without empty lines."""
    lines = [line for one in view.notes for line in prose.paragraph(f"! {one}", width, Tone.WARN)]
    people = [(name, value) for name, value in view.brief if name in ("From", "To")]
    lines += [(Span(fit(name, 6), Tone.MUTED), Span(cut(value, max(width - 6, 4)))) for name, value in people]
    if view.attachments:
        names = ", ".join(f"{one.name} ({one.size})" for one in view.attachments[:20])
        lines.append((Span("Files ", Tone.MUTED), Span(cut(names, max(width - 6, 4)))))
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
        Span(f"  {fit(row.kind, kind)}", Tone.MUTED),
        Span(f"  {fit(row.size, 8, right=True)}"),
    )


def history_lines(rows: Sequence[PlaceRow], width: int) -> list[Line]:
    """Where a message is and was, and from when to when."""
    lines: list[Line] = []
    for row in rows:
        lines += prose.paragraph(row.where, width, Tone.PLAIN if row.until else Tone.STRONG)
        until = f"until {row.until}" if row.until else "still there"
        lines += [*prose.paragraph(f"since {row.since or 'unknown'}, {until}", width, Tone.MUTED), ()]
    return lines[:-1] or [(Span("It lies in no folder.", Tone.MUTED),)]
