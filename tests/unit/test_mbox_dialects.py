"""mbox as programs write it: which lines part messages, which are text, and what date a message has."""

from __future__ import annotations

import io
import time

import pytest

from core.message import arrival, mbox, separators
from core.message.mbox import Before, MboxMessage


def _letter(number: int, *, end: str = "\n", extra: str = "", body: str = "") -> str:
    lines = [
        *([extra] if extra else []),
        "From: Bob <bob@partner.test>",
        "To: anna@example.test",
        f"Subject: Letter {number}",
        f"Date: Tue, 01 Apr 2025 12:00:{number:02} +0200",
        f"Message-ID: <letter{number}@partner.test>",
        "",
        body or f"Text number {number}.",
        "",
    ]
    return end.join(lines)


def _found(data: str | bytes) -> list[MboxMessage]:
    raw = data.encode() if isinstance(data, str) else data
    return [one for one in mbox.scan(io.BytesIO(raw)) if isinstance(one, MboxMessage)]


def _texts(data: str | bytes) -> list[bytes]:
    raw = data.encode() if isinstance(data, str) else data
    return [raw[one.start : one.end] for one in _found(raw)]


LINES = [
    "From bob@partner.test Tue Apr  1 12:00:00 2025",
    "From bob@partner.test Tue Apr 01 12:00:00 2025",
    "From bob@partner.test Tue Apr  1 12:00 2025",
    "From bob@partner.test Tue Apr  1 12:00:00 CEST 2025",
    "From 1829@xxx Tue Apr 01 12:00:00 +0000 2025",
    "From bob@partner.test Tue Apr  1 12:00:00 2025 +0200",
    "From bob@partner.test Tue, 1 Apr 2025 12:00:00 +0200",
    "From bob@partner.test 2025-04-01 12:00:00",
    "From bob@partner.test 2025-04-01T12:00:00Z",
    "From bob@partner.test Di Apr  1 12:00:00 2025",
    "From bob@partner.test Mi Mrz  5 12:00:00 2025",
    "From bob Tue Apr  1 12:00:00 2025 remote from relay",
    "From - Tue Apr 01 12:00:00 2025",
    "From MAILER-DAEMON Tue Apr  1 12:00:00 2025",
    "From bob@partner.test ",
    "From bob@partner.test",
    "From -",
    "From ???@???",
    "From ",
    "From",
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize("line", LINES)
def test_messages_are_parted_by_every_form_of_the_line(line: str, blank: bool, end: str) -> None:
    """With and without an empty line, a date, an address; each message is what it was, without the line that parts it."""
    letters = [_letter(number, end=end) for number in range(4)]
    data = "".join(f"{line}{end}{letter}{end if blank else ''}" for letter in letters)
    assert _texts(data) == [letter.encode() for letter in letters]


def test_a_file_of_several_dialects_is_read_whole() -> None:
    """Dated lines, then bare ones, LF and CRLF, with and without empty lines, a byte order mark and empty lines first."""
    letters = [_letter(0), _letter(1), _letter(2, end="\r\n", extra="X-Mozilla-Status: 0001"), _letter(3)]
    data = (
        f"\ufeff\n\n{LINES[0]}\n{letters[0]}\nFrom \n{letters[1]}From - Tue Apr 01 12:00:00 2025\r\n{letters[2]}"
        f"From anna@example.test\n{letters[3]}\n"
    )
    assert _texts(data) == [letter.encode() for letter in letters]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("line", [LINES[0], "From - Tue Apr 01 12:00:00 2025"])
def test_a_message_without_a_header_is_not_hidden_in_the_one_before(line: str, end: str) -> None:
    """A line in the exact form of programs, after an empty one, separates messages whatever follows."""
    letters = [_letter(0, end=end), f"No header at all.{end}", _letter(1, end=end), f"//{end}{end}two", _letter(2, end=end)]
    data = "".join(f"{line}{end}{letter.rstrip(end)}{end}{end}" for letter in letters)
    assert [one.rstrip() for one in _texts(data)] == [letter.rstrip().encode() for letter in letters]


TEXTS = [
    "From here on we should talk.",
    "From then to now: nothing.",
    "From Monday",
    "From 2019 on all was well, at 12:30 too.",
    "From bob@partner.test we heard nothing.",
    "From: Bob",
    "Fromage",
    ">From bob@partner.test Tue Apr  1 12:00:00 2025",
    " From bob@partner.test Tue Apr  1 12:00:00 2025\nFrom: Bob",
    "From bob@partner.test Tue Apr  1 12:00:00 2025 he wrote to us:",
    "From x Thu Jan  1 00:00:00 1970 we counted\nNote: in seconds",
    "From now\nNote: this is text\nAnd so is this",
]


@pytest.mark.parametrize("before", ["", "\n"])
@pytest.mark.parametrize("text", TEXTS)
def test_lines_of_text_part_nothing(text: str, before: str) -> None:
    """A sentence that begins with From, after an empty line or not, with any other lines in the file."""
    for line in (LINES[0], "From ", "From -"):
        letters = [_letter(0, body=f"So:\n{before}{text}\n{before}Yours"), _letter(1)]
        assert len(_texts("".join(f"{line}\n{letter}\n" for letter in letters))) == 2, line


def test_a_told_length_holds_a_message_together() -> None:
    """mboxcl: a message with lines that would part others is one, in a file whose lengths lead from one to the next."""
    inner = f"Forwarded:\n\n{LINES[0]}\n{_letter(9)}\n"
    bodies = [b"Text.\n", inner.encode(), b"More.\n"]
    messages = [b"Subject: a\nFrom: b@c.test\nContent-Length: %d\n\n%s" % (len(body), body) for body in bodies]
    data = b"".join(LINES[0].encode() + b"\n" + message + b"\n" for message in messages)
    found = _found(data)
    assert [data[one.start : one.end] for one in found] == messages
    assert [one.plain for one in found] == [False, True, False]


def test_a_wrong_length_swallows_nothing() -> None:
    """Too short, too long, beyond the end, of a file without lengths: every message is found."""
    for length in (1, 40, 999, 10**11):
        letters = [_letter(0), _letter(1, extra=f"Content-Length: {length}"), _letter(2)]
        data = "".join(f"{LINES[0]}\n{letter}\n" for letter in letters)
        assert len(_texts(data)) == 3, length
        assert len(_texts(data.partition("\nFrom ")[2].join(("From ", "")))) == 2, length


def test_what_stands_before_the_first_message_is_told() -> None:
    """It belongs to no message, and must not go without a word."""
    data = f"some junk\n\n{LINES[0]}\n{_letter(0)}\n".encode()
    assert next(iter(mbox.scan(io.BytesIO(data)))) == Before(len(b"some junk\n\n"))
    assert len(_found(data)) == 1


def test_an_mbox_begins_with_a_separator_and_a_header() -> None:
    """The line must be followed by a header, or be just as programs write it."""
    assert mbox.begins(f"\ufeff\n{LINES[0]}\n{_letter(0)}".encode())
    assert mbox.begins(f"From \n{_letter(0)}".encode())
    assert mbox.begins(mbox.separator(0) + b"\n")
    for text in ("From here on\nall is text\n", "From: Bob\nTo: Anna\n\n", "", "From\n\nTo\n"):
        assert not mbox.begins(text.encode()), text


def test_a_large_file_is_gone_through_in_one_pass() -> None:
    """Separators at every distance from the ends of the blocks that are read; nothing is found twice or passed over."""
    letters = [_letter(number % 60, body="x" * (number * 37 % 4000)) for number in range(3000)]
    data = "".join(f"{LINES[0]}\n{letter}\n" for letter in letters)
    assert _texts(data) == [letter.encode() for letter in letters]


@pytest.mark.parametrize(
    "part",
    [
        "From \n",
        "From a@b.test Tue Apr  1 12:00:00 2025\n",
        "From \nx\n",
        "From " + "x" * 490 + "\n",
        "Status:" + " " * 4000 + "x\n",
    ],
)
def test_time_grows_with_the_size(part: str) -> None:
    """Lines that look like separators, and fields with many blanks: twice the file, twice the time, not four times."""
    times = []
    for count in (1, 4):
        data = f"{LINES[0]}\n{_letter(0)}".encode() + part.encode() * (count * 400_000 // len(part))
        begun = time.process_time()
        _found(data)
        mbox.flags(data)
        times.append(time.process_time() - begun)
    assert times[1] < 10 * times[0] + 0.5


def test_the_date_of_a_line_is_read_with_its_zone() -> None:
    """In each form; one that is no date is none."""
    for line, wanted in (
        (LINES[0], 1743508800),
        (LINES[5], 1743501600),
        (LINES[6], 1743501600),
        (LINES[7], 1743508800),
        (LINES[8], 1743508800),
        ("From a@b.test Mon Feb 31 12:00:00 2025", None),
        ("From a@b.test", None),
    ):
        told = separators.read(line.encode())
        assert told is not None
        assert told.date == wanted, line


RECEIVED = b"Received: from a by b\r\n\twith ESMTP; Wed, 02 Apr 2025 08:00:00 +0000\r\n"
DATED = b"Date: Tue, 01 Apr 2025 12:00:00 +0200\r\n"


def test_when_a_message_came_is_what_can_be_trusted() -> None:
    """The newest Received field before Date; no time that lies ahead; a line "From -" is in local time, 1970 is none."""
    header, rest = RECEIVED + b"Received: x; Mon, 31 Mar 2025 08:00:00 +0000\r\n" + DATED, b"\r\ntext"
    assert arrival.arrived(header + rest) == 1743580800
    assert arrival.arrived(DATED + rest) == 1743501600
    assert arrival.arrived(b"Received: from a by b; no date\r\n" + DATED + rest) == 1743501600
    assert arrival.arrived(b"Received: a; Tue, 01 Apr 2199 12:00:00 +0200\r\n" + DATED + rest) == 1743501600
    assert arrival.arrived(b"Subject: a\r\n\r\nDate: Tue, 01 Apr 2025 12:00:00 +0200\r\n") is None
    assert arrival.arrived(b"") is None
    assert arrival.of_separator(0, b"MAILER-DAEMON", header + rest) is None
    assert arrival.of_separator(1743508800, b"bob@partner.test", header + rest) == 1743508800
    assert arrival.of_separator(1790000000, b"-", header + rest) == 1743580800
    assert arrival.of_separator(1790000000, b"MAILER-DAEMON", header + rest) is None


def test_a_maildir_file_tells_when_a_message_came_unless_it_was_copied() -> None:
    """The time is that of the message when a server set it: not later than the delivery in the name, or older than the file."""
    assert arrival.of_file("1743580800.M1P2.host:2,S", 1743580801) == 1743580801
    assert arrival.of_file("1743580800.M1P2.host:2,S", 1600000000) == 1600000000
    assert arrival.of_file("1743580800.M1P2.host:2,S", 1790000000) is None
    assert arrival.of_file("msg:2,S", 1790000000, 1790000000) is None
    assert arrival.of_file("msg:2,S", 1600000000, 1790000000) == 1600000000
    assert arrival.of_file("msg:2,S", None) is None
    header = RECEIVED + DATED + b"\r\n"
    assert arrival.of_copy(1743580900, header) == 1743580900
    assert arrival.of_copy(1600000000, header) == 1600000000
    assert arrival.of_copy(1790000000, header) == arrival.of_copy(None, header) == 1743580800
    assert arrival.of_copy(1790000000, b"Subject: a\r\n\r\n") == 1790000000
