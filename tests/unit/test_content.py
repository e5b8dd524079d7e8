"""Reading text, header fields and attachments out of any bytes that call themselves a message."""

from __future__ import annotations

import base64
import email
import time
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.archive.store.intake import prepare
from core.demo.odd import odd_messages
from core.errors import InputError
from core.message import content, leaves
from core.message.content import attachment, read
from core.message.envelope import describe
from core.message.html_text import read as read_page
from core.message.transfer_encoding import ENCODINGS, decoded, trailer

PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: text/html; charset=utf-7\r\n",
        b"Content-Type: message/rfc822\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: x-uuencode\n",
        b"Content-Disposition: attachment; filename*1*=utf-8''%ff; filename*0=\"\n",
        b"\r\n--b\r\n",
        b"--b--",
        b"\r\n\r\n",
        b"<div><!-- <script <a b='c",
        b"&#xd800;&#0;&amp",
        b"=",
        b"\0\xff",
        b"\r\r",
        b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nDTSTART:2020\n",
        b'Content-Type: application/x; name="a.eml"\n\nFrom: a\n\n',
        b"\n\nbegin 644 a\n#86)C\n`\nend\n",
        b"<pre>\t&#x80;<img alt=",
        b"\n\n--",
    ]
)
MAIL_LIKE = st.lists(PIECES | st.binary(max_size=9), max_size=30).map(b"".join)


def assert_sound(raw: bytes) -> content.Content:
    """Guarantees for preview and index, for any message; listed parts can be read."""
    found = read(raw)
    for text in (found.text, *(part for field in found.headers for part in field), *(a.name for a in found.attachments)):
        text.encode("utf-8")
        assert "\0" not in text
    assert bool(found.text) == bool(found.source)
    for listed in found.attachments[:20]:
        assert len(attachment(raw, listed.index)) == listed.size
    return found


@given(st.binary() | MAIL_LIKE)
@example(b"\r\n" + b"=" * 9)
def test_any_bytes_can_be_read(raw: bytes) -> None:
    """Nothing is raised, all text can be encoded, and every attachment that is listed can be got."""
    assert_sound(raw)


def test_odd_mail_can_be_read(odd_mail: list[bytes]) -> None:
    """Mail as it was found in the wild, and as it was thought up: where nothing is found, another reader finds nothing."""
    for raw in odd_mail:
        found = assert_sound(raw)
        if not found.text and not found.attachments:
            parts = [part for part in email.message_from_bytes(raw).walk() if part.get_content_maintype() == "text"]
            bodies = b"".join(body for part in parts if isinstance(body := part.get_payload(decode=True), bytes))
            assert bodies.strip(b")\r\n\t ") in (b"", b"Epilogue"), raw[:300]


@pytest.mark.parametrize(
    "raw",
    [
        b"This is a simple message\r\nwithout a header.\r\n",
        b"Subject: x\r\nThis is a simple message\r\nX-Odd: without a header.\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n<p>This is a simple message</p>\n\n--x--",
    ],
)
def test_text_without_a_header_is_read(raw: bytes) -> None:
    """Text in place of the header is shown when there is nothing else."""
    assert "This is a simple message" in read(raw).text


def test_all_that_the_catalog_counts_is_listed() -> None:
    """No attachment of the catalog's count is missing in the list."""
    for message in odd_messages(2):
        assert len(read(message.raw).attachments) >= describe(message.raw).attachments, message.name


def mail(body: str = "", page: str = "") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["X-Odd"] = "=?utf-8?q?=C3=A4?="
    if body:
        message.set_content(body)
    if page:
        (message.add_alternative if body else message.set_content)(page, subtype="html")
    return message


def test_header_fields_are_decoded_in_order() -> None:
    """Repeated and folded fields stand as they came."""
    raw = b"Received: a\r\n\tb\r\nreceived: c\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"
    assert read(raw).headers == (("Received", "a b"), ("received", "c"), ("Subject", "Grüße"))


def test_plain_text_is_preferred_to_the_same_in_html() -> None:
    """An alternative is not shown twice; a page that says more than the plain text is shown too."""
    assert read(mail("Hello Anna", "<p>Hello <b>Anna</b></p>").as_bytes()).text == "Hello Anna\n"
    found = read(mail("See the page.", "<p>Long story of many words</p>").as_bytes())
    assert (found.text, found.source) == ("See the page.\n\nLong story of many words\n", "text")


def test_html_becomes_text_without_scripts_and_styles() -> None:
    """Blocks end lines, inline tags do not part words, and neither scripts nor styles nor comments are text."""
    page = (
        "<html><head><title>No</title><style>p{}</style></head><body>\n<h1>Title</h1><p>one\n two<br>three <b>fo</b>ur "
        "&auml;&#8364;</p><!-- no <p> --><script>if (a<b) no()</script><table><tr><td>a</td><td>b</td></tr></table>"
        '<a href="x>y" title=\'">\'>link</a></body>'
    )
    text = read_page(page).text
    assert text == "Title\n\none two\nthree four ä€\n\na b\n\nlink"
    assert (read(mail(page=page).as_bytes()).text, read(mail(page=page).as_bytes()).source) == (text + "\n", "html")


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"\x80 \x93caf\xe9\x94", "€ “café”"),
        ("text/plain; charset=x-nowhere", "café".encode(), "café"),
        ("text/plain; charset=x-nowhere", b"caf\xe9", "café"),
        ("text/plain", "café".encode(), "café"),
        ("text/plain; charset=us-ascii", b"caf\xe9", "café"),
        ("text/plain; charset=utf-16", "tä".encode("utf-16"), "tä"),
        ("text/plain", "tä".encode("utf-16"), "tä"),
        ("text/plain; charset=hex", b"abc", "abc"),
        ("text/html", b'<meta charset="koi8-r">\xd4\xc5\xd3\xd4', "тест"),
        ("text/html; charset=utf-8", '<meta charset="koi8-r">тест'.encode(), "тест"),
        ("; / =;;", b"abc", "abc"),
        ("text/calendar", b"SUMMARY:x", "SUMMARY:x"),
    ],
)
def test_charsets_as_senders_say_them(header: str, body: bytes, text: str) -> None:
    """Declared, wrongly declared, unknown, not declared, declared within the page."""
    assert read(f"Content-Type: {header}\r\n\r\n".encode() + body).text == text + "\n"


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("base64", b"SGVsbG8=\r\nSGVsbG8=", "HelloHello"),
        ("BASE64", b"SGVs!!\xffbG8", "Hello"),
        ("base64", b"SGVsbG8hS", "Hello!"),
        ("quoted-printable", b"a=XY =\r\n=3 100%=", "a=XY =3 100%"),
        ("x-uuencode", b"begin 644 a\r\n%2&5L;&\\ \r\n`\r\nend", "Hello"),
        ("x-rot13", b"Uryyb", "Uryyb"),
    ],
)
def test_transfer_encodings_that_are_broken(encoding: str, body: bytes, text: str) -> None:
    """Decodable parts are decoded; those of no known encoding are shown unchanged, with a note."""
    found = read(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body)
    assert found.text == text + "\n"
    assert bool(found.unread) == (encoding == "x-rot13")


@given(
    encoding=st.sampled_from(sorted(ENCODINGS)),
    body=st.one_of(st.binary(), st.text("AZaz09+/= -\r\n:").map(str.encode)),
)
@example(encoding="base64", body=b"TQ=k")
def test_transfer_encodings_take_any_bytes(encoding: str, body: bytes) -> None:
    """Any bytes are decoded as far as they go, to no more than they were; a uuencoded line is filled up."""
    assert len(decoded(body, encoding)) <= len(body) * (63 if "uu" in encoding else 1)
    trailer(body, encoding)


def test_attachments_have_names_types_and_sizes() -> None:
    """Names in pieces, with charsets, as encoded words; a part without a name has none."""
    message = mail("Text")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Änderung.pdf")
    raw = message.as_bytes()
    assert [(a.index, a.name, a.media_type, a.size) for a in read(raw).attachments] == [
        (0, "Änderung.pdf", "application/pdf", 4)
    ]
    assert attachment(raw, 0) == b"%PDF"
    names = {
        b"filename*0*=utf-8''%C3%84nd; filename*1=er; filename*2*=%2epdf": "Änder.pdf",
        b'filename="=?utf-8?q?=C3=84?= b.pdf"': "Ä b.pdf",
        b'filename="a \\"b\\".pdf"': 'a "b".pdf',
        b"filename=a b.pdf ; size=3": "a b.pdf",
        b'filename="../../x"': "../../x",
        b'filename=""': "",
        b'filename="never closed': "never closed",
    }
    for field, name in names.items():
        part = b"Content-Type: application/x\r\nContent-Disposition: attachment; " + field + b"\r\n\r\nx"
        assert [a.name for a in read(part).attachments] == [name], field


def test_a_message_in_a_message_is_an_attachment_and_read() -> None:
    """Named by its subject, its text is readable, what is attached to it is listed after it; in base64 too."""
    inner = mail("Inner words")
    inner.add_attachment(b"data", maintype="application", subtype="x", filename="deep.bin")
    outer = mail("Outer words")
    outer.add_attachment(inner)
    found = read(outer.as_bytes())
    assert [a.name for a in found.attachments] == ["Grüße.eml", "deep.bin"]
    assert attachment(outer.as_bytes(), 0)[:9] == b"Subject: "
    assert attachment(outer.as_bytes(), 1) == b"data"
    encoded = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
        inner.as_bytes()
    )
    assert [a.name for a in read(encoded).attachments] == ["message.eml", "deep.bin"]
    assert "Inner words" in found.text
    assert "Outer words" in found.text
    assert "Inner words" in read(encoded).text


def test_an_attachment_that_is_not_there_is_refused() -> None:
    """The error names the number."""
    with pytest.raises(InputError, match="no attachment 3"):
        attachment(b"A: b\r\n\r\ntext", 3)


def test_parts_that_are_not_read_are_named() -> None:
    """Limits and formats that are not looked into are named, and the rest is read."""
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    many = read(head + b"--b\r\n\r\nword\r\n" * (leaves.MOST_PARTS + 5))
    assert "word" in many.text
    assert any("parts beyond" in why for why in many.unread)
    assert any("header fields" in why for why in read(b"A: b\r\n" * 3_000 + b"\r\ntext").unread)
    assert any("winmail.dat" in why for why in read(b"Content-Type: application/ms-tnef\r\n\r\nx").unread)
    long = read(b"A: b\r\n\r\n" + b"word " * 1_000_000)
    assert any("beyond 4 MB" in why for why in long.unread)
    assert 4_000_000 < len(long.text) < 4_300_000
    assert any("header" in why for why in read(b"no header").unread)


@pytest.mark.parametrize(
    "page",
    [
        b"<div>",
        b"<a b='",
        b'<a b="',
        b"<!--",
        b"<script",
        b"<script>",
        b"<style></",
        b"<a ",
        b"&#",
        b"<",
        b"<a " + b"b=c " * 50,
        b"\n\n ",
    ],
)
def test_hostile_pages_take_linear_time(page: bytes) -> None:
    """A megabyte of what a parser could choke on is done in a time that only quadratic work would miss by far."""
    begun = time.process_time()
    read(b"Content-Type: text/html\r\n\r\n" + page * (1_000_000 // len(page)))
    assert time.process_time() - begun < 20


def _digits(page: str) -> str:
    return read_page(f"<p>A {page} B</p>").text


@pytest.mark.parametrize(
    "reference",
    ["&#" + "9" * 5000, "&#" + "9" * 5000 + ";", "&#x" + "f" * 5000 + ";", "&#" + "1" * 8 + ";"],
    ids=["digits", "closed", "hexadecimal", "eight"],
)
def test_a_reference_that_no_character_has_is_told_as_one(reference: str) -> None:
    """However many digits it has; what stands around it is read."""
    assert _digits(reference) == "A □ B"
    assert _digits("&#" + "0" * 5000 + "65;") == "A A B"
    assert _digits("&#x" + "0" * 5000 + "41") == "A A B"
    assert _digits("&#0000000228;") == "A ä B"


_BASE = [
    *(one.raw for one in odd_messages(1) if len(one.raw) < 20_000),
    b"From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
]
_SIGNS = st.sampled_from(
    [b"&#", b"9" * 5000, b" " * 3000, b";", b'"', b"\\", b"(", b"<", b"=?utf-8?b?", b"\n\n", b"--b\n", b"\xff", b"\0"]
)


@st.composite
def changed_messages(draw: st.DrawFn) -> bytes:
    """A message with pieces taken out, doubled, exchanged, repeated, or with signs put in that mean something."""
    raw = draw(st.sampled_from(_BASE))[:20_000]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 400)))
        piece = raw[start:end]
        match draw(st.sampled_from(["cut", "double", "repeat", "sign", "move", "fields"])):
            case "cut":
                raw = raw[:start] + raw[end:]
            case "double":
                raw = raw[:end] + piece + raw[end:]
            case "repeat":
                raw = raw[:end] + piece * min(50, 20_000 // max(len(piece), 1)) + raw[end:]
            case "sign":
                raw = raw[:start] + draw(_SIGNS) * draw(st.sampled_from([1, 2, 300])) + raw[end:]
            case "move":
                raw = raw[:start] + raw[end:] + piece
            case _:
                lines = raw.split(b"\n")
                raw = b"\n".join(draw(st.permutations(lines[:8]))) + b"\n" + b"\n".join(lines[8:])
    return raw


@given(raw=changed_messages())
def test_changed_messages_are_read(raw: bytes) -> None:
    """With any change to a message: it is read, described, and split, and its attachments can be had."""
    assert_sound(raw)
    describe(raw)
    assert prepare(raw).raw == raw
