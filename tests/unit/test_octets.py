"""Bytes read block by block: whatever the blocks, the results are those of all bytes at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.message import content, decoding, line_ends, mbox, octets, splitter, transfer_encoding, uuencoded
from core.message.canonical import canonical, with_crlf
from core.message.envelope import describe
from core.message.octets import Octets, Section
from tests.unit.test_content import MAIL_LIKE

ENDS = (b"\n", b"\r\n", b"\r", b"\r\r", b" ", b"x", b"a b\n\n", b"--", b"-- a b", b"begin", b"end", b"====", b"`\n", b"M")
ESCAPES = (b"=", b"==", b"=4", b"=41", b"=\r", b"TWFu", b"TQ==", b"T", b"#86)C")
FILES = (b"begin 644 a\n", b"begin-base64 644 b \n", b"\n\nbegin 644 x")
LINES = st.sampled_from((*ENDS, *ESCAPES, *FILES))
ENCODED = st.lists(LINES | st.binary(max_size=4), max_size=25).map(b"".join)


class Cut(Octets):
    """Bytes in blocks of ``width`` bytes."""

    def __init__(self, data: bytes, width: int) -> None:
        self.data, self._width = data, width

    def __len__(self) -> int:
        return len(self.data)

    def block(self, at: int) -> tuple[int, bytes]:
        start = at - at % self._width
        return start, self.data[start : start + self._width]


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    """Sections, and decoded blocks, of a few bytes."""
    with patch.object(octets, "LARGE", 3), patch.object(decoding, "STEP", 5), patch.object(decoding, "_WINDOW", 11):
        yield


WIDTHS = st.integers(1, 7)


@given(ENCODED, WIDTHS, st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit"]))
@example(b"====" * 300 + b"TWFu" + b"T=" * 1100, 7, "base64")
def test_decoded_text_is_the_same_read_by_blocks(data: bytes, width: int, encoding: str) -> None:
    """All of it, its length, and each range of it."""
    wanted = transfer_encoding.decoded(data, encoding)
    found = decoding.decoded(Cut(data, width), encoding)
    assert (len(found), b"".join(octets.chunks(found))) == (len(wanted), wanted)
    assert [found[at : at + 3] for at in range(len(wanted))] == [wanted[at : at + 3] for at in range(len(wanted))]
    assert found[-2:] == wanted[-2:]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-uuencode"])
def test_decoding_is_the_same_wherever_a_block_ends(encoding: str) -> None:
    """A block may end within an escape, a soft break, padding or a line."""
    data = b"#86)C\r\n=\r\n=3D=\nTWF\nuTQ==\nTWFu=\rno\n==4=41\nTWE=\n\nSome words\n-- \nend"
    wanted = transfer_encoding.decoded(data, encoding)
    for width in range(1, len(data) + 1):
        assert b"".join(octets.chunks(decoding.decoded(Cut(data, width), encoding))) == wanted


@given(ENCODED, WIDTHS)
def test_line_ends_are_the_same_read_by_blocks(data: bytes, width: int) -> None:
    """Bare CRs and doubled ones, judged by the header."""
    found = decoding.with_line_feeds(Cut(data, width))
    assert b"".join(octets.chunks(found)) == line_ends.with_line_feeds(data)


@given(ENCODED, WIDTHS)
@example(b"begin 644 a\nbegin 644 b\n#86)C\n#86)C\n`\nend\nbegin 644 c\n#86)C\n#86)C\n#86)C", 3)
@example(b"begin 644 a\n" + b" " * 5000 + b"\nend\n", 1000)
def test_uuencoded_files_are_the_same_read_by_blocks(data: bytes, width: int) -> None:
    """Files in a text, and the text without them."""
    text, files = uuencoded.taken_out(data)
    rest, found = uuencoded.taken_out_of(Cut(data, width), 10, 100)
    assert rest == text[:10]
    assert [(one.name, one.body[:], one.encoding) for one in found] == [(one.name, one.body, one.encoding) for one in files]


@given(MAIL_LIKE | ENCODED, WIDTHS)
def test_parts_are_the_same_read_by_blocks(data: bytes, width: int) -> None:
    """The splitter's scan."""
    assert splitter.parts(Cut(data, width)) == splitter.parts(data)
    assert splitter.header_end(Cut(data, width)) == splitter.header_end(data)


@given(MAIL_LIKE | ENCODED, WIDTHS)
def test_content_and_attachments_are_the_same_read_by_blocks(data: bytes, width: int) -> None:
    """The whole content, and each attachment."""
    found = content.read(Cut(data, width))
    assert found == content.read(data)
    for one in found.attachments[:5]:
        assert content.attachment(Cut(data, width), one.index)[:] == content.attachment(data, one.index)


def test_the_content_of_odd_mail_is_the_same_read_by_blocks(odd_mail: list[bytes]) -> None:
    """Mail as it was found in the wild."""
    for raw in odd_mail:
        assert content.read(Cut(raw, 1 + len(raw) // 7)) == content.read(raw)


@given(st.binary(max_size=40), st.binary(min_size=1, max_size=3), WIDTHS, st.integers(0, 20), st.integers(0, 40))
def test_a_search_finds_the_same_in_blocks(data: bytes, needle: bytes, width: int, start: int, end: int) -> None:
    """Found where ``bytes`` find it, within a range and within a section."""
    cut = Cut(data + needle + data, width)
    end = min(end, len(cut))
    assert cut.find(needle, start, end) == cut.data.find(needle, start, end)
    pattern = re.compile(re.escape(needle) + rb"(?=[a-z])|[\n0]\Z")
    found = pattern.search(cut.data, start, end)
    assert cut.search(pattern, start, end, len(needle) + 2) == (found.span() if found else None)
    low = min(start, end)
    inner = Section(Section(cut, 0, end), low, end)
    assert (inner[:], inner.find(needle)) == (cut.data[low:end], cut.data[low:end].find(needle))


@given(st.lists(st.sampled_from([b"From ", b">", b"\n", b"F", b"Fro", b"m ", b"x", b"\r\n"])).map(b"".join), WIDTHS)
def test_quoted_lines_are_the_same_read_by_blocks(data: bytes, width: int) -> None:
    """The lines of a message that get one more sign in an mbox file."""
    assert b"".join(mbox.quoted_chunks(Cut(data, width))) == mbox.quoted(data)


@given(MAIL_LIKE | ENCODED, WIDTHS, st.booleans())
def test_the_envelope_and_the_canonical_form_are_the_same_read_by_blocks(data: bytes, width: int, whole: bool) -> None:
    """The facts that the catalog keeps of a message."""
    assert describe(Cut(data, width)) == describe(data)
    assert canonical(Cut(data, width), whole=whole) == canonical(data, whole=whole)


@given(ENCODED, WIDTHS)
def test_a_message_is_compared_with_crlf_alike_read_by_blocks(data: bytes, width: int) -> None:
    """A message as a server keeps it that knows CRLF alone, compared with its bytes."""
    wanted = with_crlf(data)
    assert wanted == data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    found = with_crlf(Cut(data, width))
    assert len(found) == len(wanted)
    assert octets.same(wanted, found)
    assert not octets.same(wanted + b"x", found)
    assert not octets.same(b"x" + wanted[1:], found) or wanted[:1] in (b"x", b"")
