"""Mail as lines: for any message, no line exceeds the width, and columns stand below each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.read.browsing import FolderEntry
from core.archive.read.reading import Stored
from core.message.content import read
from core.model import now
from core.text.cells import cell_len
from tests.terminal.staged import HOSTILE
from tests.unit.test_octets import Cut
from tui.desk.archive.archive import OwnerRow, tree
from tui.desk.archive.message import AttachmentRow, MessageView, SourceLines, _line_ends, message_row, message_view
from tui.desk.present import BLANK, Safe, own
from tui.desk.present import text as shown
from tui.text import mail
from tui.text.format import Line

SUBJECTS = (
    HOSTILE,
    "שלום עולם" * 30,
    "漢字" * 2500,
    "x" * 5000,
    "👨‍👩‍👧 ❤️ 👍🏽 🇩🇪",
    "नमस्कार தமிழ் বাংলা မြန်မာ ที่นี่ ☰",
    "",
    "\u202egnp.exe",
)
WIDTHS = (40, 72, 73, 100, 140)


def stored(
    subject: str, sender: str = "A <a@example.test>", date: int | None = 1_700_000_000, arrived: int | None = None
) -> Stored:
    return Stored(1, bytes(32), 1, 123_456_789, subject, sender, "b@example.test", date, 2, arrived)


def width_of(line: Line) -> int:
    return sum(cell_len(span.text) for span in line)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("where", [True, False])
def test_columns_stand_below_each_other(width: int, where: bool) -> None:
    """The same cells for every subject and sender, and for the heading."""
    heading = mail.message_heading(width, where=where)
    expected = [cell_len(span.text) for span in heading]
    for subject in SUBJECTS:
        for marked in (True, False):
            row = message_row(stored(subject, subject), now(), shown(subject))
            line = mail.message_line(row, width, marked=marked, where=where)
            assert [cell_len(span.text) for span in line] == expected
    assert sum(expected) == width


@given(st.text(max_size=400), st.integers(10, 120))
def test_no_text_is_wider_than_the_screen(text: str, width: int) -> None:
    """A line of a message is broken into as many as it takes, and nothing of it is lost but blanks."""
    lines = mail.as_written(shown(text, 2000), width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(shown(text, 2000).split())


def test_what_is_set_in_keeps_its_place() -> None:
    """Quoted program text stays readable."""
    assert mail.as_written(own("    two words"), 40) == ["    two words"]
    assert mail.as_written(Safe("    " + "word " * 5), 14) == ["    word word", "    word word", "    word"]


@pytest.mark.parametrize("seconds", [None, 0, -1, -62_135_596_800, 253_402_300_799, 9_223_372_036_854_775_807])
def test_any_date_can_be_shown(seconds: int | None) -> None:
    """Years that no calendar has are no date."""
    row = message_row(stored("x", date=seconds), now())
    assert row.day == "no date" or len(row.day) in (5, 10)
    assert "-0001" not in row.date


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"Subject: x\r\n\r\n", "it has no date of its own"),
        (b"Date: 31 Jun 2020 10:00:00\r\n\r\n", "its own date cannot be used"),
    ],
)
def test_a_message_without_a_date_has_that_of_its_arrival(header: bytes, why: str) -> None:
    """In a list, and in a message with the reason; also where no server told when that was."""
    undated = stored("x", date=None, arrived=1_700_000_000)
    row = message_row(undated, now())
    assert (row.day, row.arrival) == (message_row(stored("x"), now()).day, True)
    brief = dict(message_view(undated, read(header)).brief)
    assert brief[own("Received")] == f"{row.date} ({why})"
    assert dict(message_view(stored("x", date=None), read(header)).brief)[own("Received")] == f"unknown ({why})"
    assert "Received" not in dict(message_view(stored("x"), read(header)).brief)


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("A B <a@b.test>", "A B"),
        ('"B, A" <a@b.test>', "B, A"),
        ("<a@b.test>", "a@b.test"),
        ("a@b.test", "a@b.test"),
        ("", "(no sender)"),
    ],
)
def test_senders_are_called_by_their_names(sender: str, name: str) -> None:
    """Or by their addresses, if they have none."""
    assert message_row(stored("x", sender), now()).sender == name


def test_a_tree_has_what_is_only_part_of_a_path() -> None:
    """With the counts of all that lies below, and folded as one wishes."""
    rows = tree([FolderEntry(1, "a@b/INBOX", 3), FolderEntry(2, "a@b/P/x", 4), FolderEntry(3, "a@b/P/x/y", 5)])
    assert [(row.key, row.depth, row.name, row.messages, row.all_messages, row.inner) for row in rows] == [
        (0, 0, "a@b", 0, 12, True),
        (1, 1, "INBOX", 3, 3, False),
        (0, 1, "P", 0, 9, True),
        (2, 2, "x", 4, 9, True),
        (3, 3, "y", 5, 5, False),
    ]
    assert [row.name for row in mail.unfolded(rows, {"a@b/P"})] == ["a@b", "INBOX", "P"]
    assert [row.name for row in mail.unfolded(rows, {"a@b"})] == ["a@b"]
    assert all(
        width_of(mail.folder_line(row, closed, width)) == width for row in rows for closed in (True, False) for width in WIDTHS
    )


def test_a_raw_source_shows_every_byte_in_lines_that_fit() -> None:
    """Long lines are broken, not within a character; what is no text is shown as such."""
    raw = b"Subject: a\r\n\r\n" + "ü".encode() * 200 + b"\n" + b"\xff\x80" * 100 + b"\x1b]2;x\x07\nlast"
    lines = [*SourceLines(raw, 76)]  # type: ignore[misc]
    assert lines[:2] == ["Subject: a", ""]
    assert "".join(lines).count("ü") == 200
    assert lines[-1] == "last"
    assert not any(set(line) & set("\x1b\x07") for line in lines)
    assert all(cell_len(line) <= 76 for line in lines)
    assert list(SourceLines(b"", 76)) == []  # type: ignore[call-overload]


@given(st.binary(max_size=2000))
def test_the_lines_of_a_raw_source_are_all_of_it(raw: bytes) -> None:
    """For any bytes, each of them is in exactly one line."""
    ends = [0, *_line_ends(raw, 76, last=True)]
    assert ends[-1] == len(raw)
    assert all(0 < after - before <= 76 + 2 for before, after in pairwise(ends))


PIECES = st.sampled_from([b"a" * 9, b"\xc3\xbc" * 5, b"\n", b"\r\n", b"x"])


@given(st.lists(PIECES, max_size=400).map(b"".join), st.integers(1, 700))
def test_the_lines_of_a_large_source(raw: bytes, width: int) -> None:
    """The same whatever the blocks in which it is read, and each found by its number."""
    found = SourceLines(Cut(raw, width), 20)
    ends = [0, *_line_ends(raw, 20, last=True)]
    assert len(found) == len(ends) - 1
    wanted = [raw[start:end].rstrip(b"\r\n").decode(errors="replace") for start, end in pairwise(ends)]
    assert [found[number] for number in range(len(found))] == wanted


@pytest.mark.parametrize("width", WIDTHS)
def test_a_message_is_never_wider_than_its_page(width: int) -> None:
    """Headers, names of attachments, notes and text of an attacker of the terminal."""
    hostile = shown(HOSTILE, 4000)
    view = MessageView(
        id=1,
        subject=hostile,
        size=own("1 kB"),
        brief=((own("From"), hostile), (own("To"), hostile)),
        headers=((shown(HOSTILE, 100), hostile),) * 3,
        text=(hostile, BLANK, Safe("x" * 3000)),
        more=7,
        from_html=False,
        attachments=(AttachmentRow(0, hostile, hostile, own("3 MB")),) * 7,
        notes=(hostile,),
    )
    lines = [*mail.message_lines(view, width), *mail.message_lines(view, width, full=True)]
    lines += [*mail.preview_lines(view, width, 6), mail.attachment_line(view.attachments[0], width)]
    lines.append(mail.owner_line(OwnerRow("1", hostile, hostile, hostile, False), width))
    assert all(width_of(line) <= width for line in lines)
    assert len(mail.preview_lines(view, width, 6)) == 6
