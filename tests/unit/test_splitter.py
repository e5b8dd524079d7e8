"""Cutting raw messages so that shared attachments are stored once, for any bytes.

That time is linear is not tested by the clock, but by counting the searches made over the message.
"""

from __future__ import annotations

import base64
import random
from mmap import mmap
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.message import splitter
from core.message.splitter import header_end, parts, split

ATTACHMENT = base64.encodebytes(random.Random(7).randbytes(30_000)).replace(b"\n", b"\r\n")

MIME_WORDS = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b'Content-Type: multipart/alternative;\n\tboundary="b"\n',
        b"Content-Type: multipart/mixed; boundary*0=b\r\n",
        b"Content-Type: message/rfc822\n",
        b"Content-Transfer-Encoding: base64\n",
        b"\r\n--b\r\n",
        b"\n--b\n",
        b"--b--",
        b"--b",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b'"',
        b"text",
    ]
)
MIME_LIKE = st.lists(MIME_WORDS | st.binary(max_size=6), max_size=40).map(b"".join)


def message(attachment: bytes, *, boundary: str = "=_b1", header: str = "Subject: one", eol: bytes = b"\r\n") -> bytes:
    """A text and an attachment in a multipart/mixed."""
    lines = [
        header.encode(),
        f'Content-Type: multipart/mixed;\n\tboundary="{boundary}"'.encode(),
        b"",
        b"preamble",
        f"--{boundary}".encode(),
        b"Content-Type: text/plain",
        b"",
        b"Hello",
        f"--{boundary}".encode(),
        b'Content-Type: application/pdf; name="a.pdf"',
        b"Content-Transfer-Encoding: base64",
        b"",
        attachment,
        f"--{boundary}--".encode(),
        b"",
    ]
    return eol.join(lines)


def pieces(raw: bytes, threshold: int = 16 * 1024) -> list[bytes]:
    return [raw[start:end] for start, end in split(raw, threshold=threshold)]


def assert_covered(raw: bytes, segments: list[splitter.Segment]) -> None:
    assert b"".join(raw[start:end] for start, end in segments) == raw
    assert all(start < end for start, end in segments)


@given(st.binary(max_size=400) | MIME_LIKE, st.integers(0, 60), st.integers(1, 100))
def test_segments_cover_any_bytes_exactly(raw: bytes, threshold: int, longest: int) -> None:
    """Joined segments equal the message, none is empty and none is too long, for any message."""
    segments = split(raw, threshold=threshold, longest=longest)
    assert_covered(raw, segments)
    assert all(end - start <= longest for start, end in segments)


@given(MIME_LIKE)
@example(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b--")
def test_parts_lie_within_the_message_in_order(raw: bytes) -> None:
    """Header before body before end; leaves do not overlap."""
    done = 0
    for part in parts(raw):
        assert done <= part.head <= part.body <= part.end <= len(raw)
        done = part.end if part.leaf else part.body


@given(MIME_LIKE)
def test_a_memoryview_is_cut_like_bytes(raw: bytes) -> None:
    """The way a message is held in memory does not change where it is cut."""
    assert split(memoryview(raw), threshold=5) == split(raw, threshold=5)
    assert split(raw, threshold=5, scan=parts(raw)) == split(raw, threshold=5)


def test_a_mapped_file_is_cut_like_bytes(tmp_path: Path) -> None:
    """A message in a mapped file is cut without being read as a whole first."""
    path = tmp_path / "message"
    path.write_bytes(message(ATTACHMENT))
    with path.open("r+b") as file, mmap(file.fileno(), 0) as mapped:
        assert split(mapped) == split(message(ATTACHMENT))


def test_an_empty_message_has_no_segments() -> None:
    """Nothing is cut into nothing."""
    assert split(b"") == []


def test_a_small_message_is_one_segment() -> None:
    """Under the threshold nothing is looked at."""
    assert split(b"Subject: x\r\n\r\nHello\r\n") == [(0, 21)]


@given(
    st.text("abcXYZ0189'()+_,-./:=?", min_size=1, max_size=70),
    st.text("abcXYZ0189'()+_,-./:=?", min_size=1, max_size=70),
    st.binary(min_size=50, max_size=200).map(base64.b64encode),
)
def test_the_same_attachment_gives_the_same_segment(one: str, other: str, attachment: bytes) -> None:
    """Two messages with other headers and boundaries share the segment of their attachment."""
    first = pieces(message(attachment, boundary=one), threshold=50)
    second = pieces(message(attachment, boundary=other, header="Received: x\nSubject: two"), threshold=50)
    assert attachment in first
    assert attachment in second


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_the_line_end_before_a_delimiter_belongs_to_the_delimiter(eol: bytes) -> None:
    """A leaf ends before the CRLF or LF of the next boundary line (RFC 2046 5.1.1)."""
    raw = message(ATTACHMENT.strip(), eol=eol)
    assert pieces(raw)[1] == ATTACHMENT.strip()
    assert len(pieces(raw)) == 3


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/mixed; boundary=a=b",
        b'MULTIPART/Mixed;\r\n charset=x;\r\n\tBoundary="a=b"',
        b'multipart/mixed; boundary = "a=b" ; x=y',
        b'multipart/mixed; boundary="a\\=b"',
        b"multipart/mixed boundary=a=b",
    ],
)
def test_the_boundary_is_found_however_it_is_written(content_type: bytes) -> None:
    """Quoted or not, folded, escaped, in any case of letters."""
    body = b"\r\n\r\n--a=b \t\r\nContent-Type: a/b\r\n\r\n" + ATTACHMENT + b"\r\n--a=b--"
    assert ATTACHMENT in pieces(b"Content-Type: " + content_type + body)


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/mixed",
        b'multipart/mixed; boundary=""',
        b"multipart/mixed; boundary*0=a; boundary*1==b",
        b"multipart/mixed; boundary=A=B",
        b"text/plain; boundary=a=b",
        b"multipart/mixed; boundary=" + b"a" * 5_000,
    ],
)
def test_in_doubt_the_body_stays_whole(content_type: bytes) -> None:
    """A boundary that is missing, empty, in RFC 2231 pieces, of other case or absurdly long cuts nothing."""
    body = b"--a=b\r\n\r\n" + ATTACHMENT + b"\r\n--a=b--"
    assert pieces(b"Content-Type: " + content_type + b"\r\n\r\n" + body)[1:] == [body]


def test_a_delimiter_is_a_whole_line() -> None:
    """Text that begins like a boundary, or has it within a line, does not end a part."""
    text = ATTACHMENT + b"\r\n--=_b1x\r\nsee --=_b1\r\n --=_b1\r\n--=_b1 -- x"
    assert text in pieces(message(text))


def test_nested_parts_are_cut() -> None:
    """An attachment is found at any depth, also when the inner multipart is not closed."""
    inner = message(ATTACHMENT, boundary="=_b1-inner").rpartition(b"\r\n--")[0]
    raw = message(b"x").replace(b"Content-Type: text/plain\r\n\r\nHello", inner)
    assert ATTACHMENT in pieces(raw)


def test_parts_after_a_repeated_boundary_are_cut() -> None:
    """A nested multipart that closes its parent's boundary does not hide what follows."""
    raw = message(b"x").replace(b"Hello", b"Hello\r\n--=_b1--\r\n") + message(ATTACHMENT).partition(b"Hello\r\n")[2]
    assert ATTACHMENT in pieces(raw)


def test_a_forwarded_attachment_equals_the_original() -> None:
    """An embedded message is looked into; an encoded one is a leaf."""
    inner = message(ATTACHMENT)
    start = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n"
    assert ATTACHMENT in pieces(start + b"\r\n" + inner + b"\r\n--o--\r\n")
    encoded = base64.encodebytes(inner)
    raw = start + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded + b"\r\n--o--\r\n"
    assert encoded in pieces(raw)


def test_long_leaves_are_cut_from_their_own_start() -> None:
    """Equal leaves give equal pieces wherever they begin."""
    cut = [
        {raw[start:end] for start, end in split(raw, longest=10_000)}
        for raw in (message(ATTACHMENT), message(ATTACHMENT, header="X: " + "y" * 77))
    ]
    assert {ATTACHMENT[at : at + 10_000] for at in range(0, len(ATTACHMENT), 10_000)} <= cut[0] & cut[1]


def test_a_piece_needs_a_length() -> None:
    """A longest of zero is a programming error, not a message's."""
    with pytest.raises(ValueError, match="longest"):
        split(b"x", longest=0)


def test_ten_thousand_parts_and_a_hundred_levels() -> None:
    """Many parts are all found; nesting beyond the limit is left as one leaf."""
    part = b"--b\nContent-Type: text/plain\n\nhi\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 10_000 + b"--b--\n"
    assert len(parts(raw)) == 10_000
    levels = (b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(100))
    raw = b"".join(levels) + b"\n" + ATTACHMENT
    assert [part.end for part in parts(raw)] == [len(raw)]
    assert_covered(raw, split(raw))
    assert len(parts(b"Content-Type: message/rfc822\n\n" * 1_000)) == splitter.DEEPEST + 1


def test_a_header_of_a_megabyte_is_one_segment() -> None:
    """A long header is kept together and its body still cut."""
    header = b"X: " + b"y" * 1_000_000 + b"\r\n" + b"To: a\r\n" * 10_000 + b"\r\n"
    assert pieces(header + ATTACHMENT) == [header, ATTACHMENT]


def test_the_number_of_boundary_lines_looked_at_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many boundary lines there are, no more than the limit are looked at, and the rest is one leaf."""
    searches = 0

    def counting_finder(raw: bytes) -> object:
        def find(needle: bytes, start: int, end: int) -> int:
            nonlocal searches
            searches += 1
            return raw.find(needle, start, end)

        return find

    monkeypatch.setattr(splitter, "_finder", counting_finder)
    monkeypatch.setattr(splitter, "MOST_BOUNDARY_LINES", 1_000)
    for line in (b"--b\n", b"--bx\n"):
        searches = 0
        raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + line * 20_000
        assert_covered(raw, split(raw, threshold=10))
        assert searches <= 1_002


@pytest.mark.parametrize(
    ("raw", "end"),
    [(b"", 0), (b"A: b", 4), (b"A: b\r\n\r\nx", 8), (b"A: b\n\nx", 6), (b"A: b\n\r\nx", 7), (b"\r\nx", 2), (b"\nx\n\n", 1)],
)
def test_the_header_block_ends_with_the_empty_line(raw: bytes, end: int) -> None:
    """With any line ends, and at the end of the data when there is no empty line."""
    assert header_end(raw) == end


def test_odd_mail_is_covered_exactly(odd_mail: list[bytes]) -> None:
    """Odd messages, cut finely and coarsely, join to what they were."""
    cut = 0
    for raw in odd_mail:
        for threshold, longest in ((16 * 1024, 8 * 1024 * 1024), (1, 1_000)):
            assert_covered(raw, split(raw, threshold=threshold, longest=longest))
        cut += len(split(raw)) > 1
    assert cut > len(odd_mail) // 100


@given(
    st.lists(st.sampled_from([b"\n--b", b"\n--b--", b"-", b"\n", b"\n--", b"a" * 700, b"Qk" * 1500, b"- " * 900]), max_size=12),
    st.integers(0, 3000),
    st.integers(0, 3000),
)
@example([b"a" * (splitter.WINDOW - 2), b"\n--b"], 0, 0)
@example([b"a" * (splitter.WINDOW - 1), b"\n--b"], 0, 0)
@example([b"a" * splitter.WINDOW, b"\n--b", b"a" * splitter.WINDOW], 0, 0)
def test_a_delimiter_is_found_where_any_search_finds_it(pieces: list[bytes], start: int, less: int) -> None:
    raw = b"".join(pieces)
    end = max(start, len(raw) - less)
    assert splitter.find_delimiter(raw, b"\n--b", start, end) == raw.find(b"\n--b", start, end)
