"""Readable content of a message: nested messages under their own headers, with their charset and line ends."""

from __future__ import annotations

import base64

import pytest

from core.message.content import Content, attachment, read
from core.message.envelope import describe, describe_header
from core.profiles import correspondents

INNER = (
    b"From: Fraud <huber@ext.test>\r\nTo: boss@firma.test\r\nSubject: Inner subject\r\n"
    b"Date: Mon, 01 Jun 2020 10:00:00 +0200\r\n\r\nPlease pay 9,000 at once.\r\n"
)


def with_parts(*parts: bytes, head: bytes = b"Subject: Forwarded\r\n") -> bytes:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body + b"--b--\r\n"


def as_part(kind: bytes, body: bytes) -> bytes:
    return b"Content-Type: " + kind + b"\r\n\r\n" + body


BASE64 = b"\r\nContent-Transfer-Encoding: base64"
TEXT = as_part(b"text/plain", b"For your information.")


@pytest.mark.parametrize(
    "part",
    [
        as_part(b"message/rfc822", INNER),
        as_part(b"message/global", INNER),
        as_part(b"message/rfc822" + BASE64, base64.encodebytes(INNER)),
        as_part(b'application/octet-stream; name="Re: x.EML"' + BASE64, base64.encodebytes(INNER)),
        as_part(b"application/octet-stream; name=x.eml", INNER),
    ],
)
def test_an_attached_message_stands_under_its_own_header(part: bytes) -> None:
    """Ruled off, set in, below the text that it came with; however it is attached."""
    found = read(with_parts(TEXT, part))
    assert found.text.splitlines() == [
        "For your information.",
        "",
        "    ── Attached message ──────────",
        "    From:    Fraud <huber@ext.test>",
        "    To:      boss@firma.test",
        "    Date:    Mon, 01 Jun 2020 10:00:00 +0200",
        "    Subject: Inner subject",
        "",
        "    Please pay 9,000 at once.",
    ]
    assert [passage.values("from") for passage in found.passages] == [[], ["Fraud <huber@ext.test>"]]
    assert [passage.values("subject") for passage in found.passages] == [["Forwarded"], ["Inner subject"]]
    assert len(found.attachments) == 1


def test_what_is_called_a_message_and_is_none_is_a_file() -> None:
    """A name alone makes no message."""
    found = read(with_parts(TEXT, as_part(b"application/octet-stream; name=x.eml", b"\0\1\2 binary")))
    assert found.text == "For your information.\n"
    assert len(found.passages) == 1


def test_messages_in_messages_are_set_in_by_their_level() -> None:
    """Each text belongs to the message that it is in, also where others follow; siblings stand on one level."""
    deepest = as_part(b"message/rfc822", b"Subject: third\r\n\r\nthree")
    second = as_part(
        b"message/rfc822",
        with_parts(as_part(b"text/plain", b"two"), deepest, head=b"Subject: second\r\n")
        .replace(b"b\r\n", b"c\r\n")
        .replace(b"--b--", b"--c--")
        .replace(b"=b", b"=c"),
    )
    found = read(with_parts(second, as_part(b"message/rfc822", b"Subject: sibling\r\n\r\nfour"), TEXT))
    assert [(passage.level, passage.values("subject"), passage.text) for passage in found.passages] == [
        (0, ["Forwarded"], "For your information."),
        (1, ["second"], "two"),
        (2, ["third"], "three"),
        (1, ["sibling"], "four"),
    ]
    assert "        ── Attached message, level 2 ──────────\n        Subject: third\n\n        three\n" in found.text


def test_an_alternative_is_one_for_its_own_message_alone() -> None:
    """The text of the outer message hides no page of the inner one that says the same."""
    page = as_part(b"text/html", b"<p>For your information.</p>")
    found = read(with_parts(TEXT, as_part(b"message/rfc822", b"Subject: in\r\n" + page)))
    assert found.text.count("For your information.") == 2


CALENDAR = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Budget\r\n"
    b"DTSTART:20200601T080000Z\r\nEND:VEVENT\r\nEND:VCALENDAR"
)


def test_an_invitation_is_told_once_and_not_as_source() -> None:
    """Beside the text, and once although it is attached as a file as well, which can be saved."""
    file = as_part(b"application/ics; name=invite.ics" + BASE64, base64.encodebytes(CALENDAR))
    found = read(with_parts(TEXT, as_part(b"text/calendar; method=REQUEST", CALENDAR), file))
    assert found.text.splitlines() == [
        "For your information.",
        "",
        "Invitation",
        "What:       Budget",
        "When:       Monday 2020-06-01, 08:00 (UTC)",
    ]
    assert [one.name for one in found.attachments] == ["invite.ics"]
    assert found.source == "text"


@pytest.mark.parametrize(
    "kind", ["text/x-vcalendar", "application/octet-stream; name=Termin.ICS", "text/plain; name=a.ics", "text/plain"]
)
def test_a_calendar_is_known_whatever_type_it_was_given(kind: str) -> None:
    """By the name of its file, or by how it begins; and what a list put below it is read."""
    for raw in (as_part(kind.encode(), CALENDAR), with_parts(TEXT, as_part(kind.encode(), CALENDAR))):
        text = read(raw).text
        assert "What:       Budget" in text
        assert "VCALENDAR" not in text
    assert read(as_part(b"text/plain", CALENDAR + b"\r\nList of X\r\n")).text.startswith("List of X")


@pytest.mark.parametrize("end", [b"\r", b"\r\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\r\n"])
def test_the_catalog_reads_odd_line_ends_as_the_reader_does(end: bytes, last: bytes) -> None:
    """Bare CRs with a line end of another kind behind them, which servers put there, and lines converted twice."""
    raw = b"From: a@b.test\nTo: c@d.test\nSubject: Hello\n\nTo: no@field.test\nText\n".replace(b"\n", end) + last
    assert read(raw).text == "To: no@field.test\nText\n"
    for one in (describe(raw), describe_header(raw)):
        assert (one.sender, one.recipients, one.subject) == ("a@b.test", "c@d.test", "Hello")
    assert correspondents.find(raw).recipients == ("c@d.test",)


def test_bare_carriage_returns_are_line_ends() -> None:
    """A message of an old Macintosh has fields, text and attachments; the catalog takes no field out of its text."""
    raw = with_parts(TEXT, as_part(b"application/x; name=a.bin" + BASE64, b"AAAA")).replace(b"\r\n", b"\r")
    found = read(raw)
    assert found.first("subject") == "Forwarded"
    assert found.text == "For your information.\n"
    assert attachment(raw, 0) == bytes(3)
    assert read(b"Subject: a\rTo: b\r\rone\rtwo\nthree").text == "one\ntwo\nthree\n"
    assert describe(b"Subject: a\r\rText\rDate: Mon, 01 Jun 2020 10:00:00 +0200\r").date is None


def test_headers_without_a_label_have_the_charset_of_the_text() -> None:
    """That of the message itself or of its first text; UTF-8 is recognised."""
    for kind in (b"text/plain; charset=koi8-r", b'text/html; charset="KOI8-R"'):
        raw = (
            b"Subject: " + "Привет".encode("koi8-r") + b"\r\nFrom: " + "Мир".encode() + b" <a@b.test>\r\n" + as_part(kind, b"x")
        )
        assert read(raw).first("subject") == describe(raw).subject == "Привет"
        assert read(raw).first("from") == describe(raw).sender == "Мир <a@b.test>"
    raw = with_parts(as_part(b"text/plain; charset=koi8-r", b"x"), head=b"Subject: " + "Привет".encode("koi8-r") + b"\r\n")
    assert read(raw).first("subject") == describe(raw).subject == "Привет"
    file = as_part(b'application/x; name="' + "Привет".encode("koi8-r") + b'"', b"x")
    assert read(with_parts(as_part(b"text/plain; charset=koi8-r", b"x"), file)).attachments[0].name == "Привет"
    japanese = "日本語".encode("iso2022_jp")
    assert describe(b"Subject: " + japanese + b"\r\n\r\n").subject == "日本語"
    assert read(b"Subject: x\r\n\r\n" + japanese).text == "日本語\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Grüße aus Köln für ".encode() + b"\xe9t\xe9" + " — schön".encode(), "Grüße aus Köln für été — schön"),
        ("Überweisung ".encode() + b"\x80 5", "Überweisung € 5"),
        (b"caf\xe9", "café"),
        (b"caf\xe9 \xfcber", "café über"),
        (b"=?utf-8?q?" + b"Gr=C3=BC=DFe_f=C3=BCr?=", "Grüße für"),
        (b"=?utf-8?q?caf=E9_ol=E9?=", "café olé"),
        ("\x93so\x94 \x81x".encode(), "“so” □x"),
    ],
)
def test_one_wrong_byte_spoils_itself_alone(value: bytes, text: str) -> None:
    """Valid UTF-8 stays so, around an invalid byte; without any UTF-8, the whole has another charset."""
    assert describe(b"Subject: " + value + b"\r\n\r\n").subject == text
    if text.startswith("Grüße aus"):
        # Nor does the charset of the text, in which all bytes are letters.
        assert describe(b"Subject: " + value + b"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n").subject == text
    assert read(b"Subject: " + value + b"\r\n\r\nx").first("subject") == text


@pytest.mark.parametrize("text", [b"Some words here", b"Some words her"])
def test_a_footer_below_base64_is_text(text: bytes) -> None:
    """Lists put it there; it is read as what it is, and no file has it in it."""
    below = b"\r\n-------------------------\r\nThis list is for all of us\r\n"
    raw = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(text).replace(b"\n", b"\r\n") + below
    assert read(raw).text == f"{text.decode()}\n\n-------------------------\nThis list is for all of us\n"
    assert attachment(raw.replace(b"Content", b"Content-Type: application/x\r\nContent", 1), 0) == text
    twice = base64.encodebytes(b"one of them") + base64.encodebytes(b" and another")
    assert read(b"Content-Transfer-Encoding: base64\r\n\r\n" + twice).text == "one of them and another\n"


def test_content_made_by_hand_has_no_passages() -> None:
    """Parts that are only searched are empty, and a missing field too."""
    assert Content((("Subject", ""), ("subject", "x")), "", "", (), ()).first("Subject") == "x"
    assert Content((), "", "", (), ()).first("Date") == ""
