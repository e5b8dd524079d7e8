"""Files in plain text from before MIME: taken out whole, and nothing that only looks like one."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.message.content import attachment, read
from core.message.uuencoded import taken_out


def encoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"".join(lines) + b"`\nend\n"


DATA = bytes(range(256)) * 2


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("field", [b"", b"Content-Transfer-Encoding: 8bit\n", b"Content-Transfer-Encoding: quoted-printable\n"])
def test_a_file_in_a_text_is_an_attachment(ends: bytes, field: bytes) -> None:
    """Listed by its name, savable, and not in the text; two of them, with text around them."""
    body = b"before\n\nbegin 644 B\xe9richt 1.bin\n" + encoded(DATA) + b"between\nbegin 0755 two\n" + encoded(b"x") + b"after\n"
    if b"quoted" in field:
        body = body.replace(b"=", b"=3D")
    raw = (b"Subject: files\nContent-Type: text/plain; charset=latin1\n" + field + b"\n" + body).replace(b"\n", ends)
    found = read(raw)
    assert found.text.split() == ["before", "between", "after"]
    assert [(one.name, one.size) for one in found.attachments] == [("B\u00e9richt 1.bin", len(DATA)), ("two", 1)]
    assert attachment(raw, 0) == DATA
    assert attachment(raw, 1) == b"x"


def test_base64_of_uuencode_is_a_file_too() -> None:
    """``uuencode -m`` writes it."""
    raw = b"Subject: f\n\nbegin-base64 644 a.bin\n" + base64.encodebytes(DATA) + b"====\nend of text\n"
    assert read(raw).text == "end of text\n"
    assert attachment(raw, 0) == DATA


def test_a_file_that_lost_its_end_is_one() -> None:
    """Mail was cut on its way; a few lines that look like it are text."""
    text, files = taken_out(b"begin 644 a\n" + encoded(DATA)[:-6])
    assert (text, len(files)) == (b"", 1)
    assert taken_out(b"begin 644 a\n#86)C\n")[1] == []


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 times the story\nthat never ends\nend\n",
        b"we begin 644 a\nend\n",
        b"begin  the week\nend\n",
        b"begin 644 a\n#86)C\nno line of it\n`\nend\n",
        b"begin 644 ",
        b"begin 644 a\nbegin 644 b\n",
    ],
)
def test_what_only_looks_like_a_file_stays_text(text: bytes) -> None:
    """Every byte of it."""
    assert taken_out(text) == (text, [])


@given(
    st.lists(
        st.sampled_from([b"begin 644 a\n", b"end\n", b"#86)C\n", b"`\n", b"\r\n", b"begin-base64 644 b\n", b"===="])
        | st.binary(max_size=4),
        max_size=30,
    )
)
def test_no_text_is_lost(pieces: list[bytes]) -> None:
    """Text that is no file stays in order."""
    whole = b"".join(pieces)
    text, files = taken_out(whole)
    assert files or text == whole
