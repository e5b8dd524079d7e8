"""Journal reports: who got it, and the message byte for byte; what is no report stays whole."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.profiles import journal
from core.profiles.correspondents import Correspondents
from tests.journals import report

INNER = b"From: anna@example.test\r\nTo: team@example.test\r\nSubject: =?utf-8?q?x?=\r\n\r\nbody \xff\x00\r\n--b\r\n\r\nmore"
LINES = (
    "Sender: anna@example.test",
    "Subject: To: nobody@example.test",
    "Message-Id: <1@example.test>",
    "To: bob@example.test, Expanded: team@example.test",
    "Cc: carl@example.test, Forwarded: old.carl@example.test",
    "Bcc: dora@example.test",
    "Recipient: emil@example.test",
    "On-Behalf-Of: boss@example.test",
)
FOUND = Correspondents(
    ("anna@example.test", "boss@example.test"),
    (*("bob@example.test", "carl@example.test", "old.carl@example.test", "dora@example.test", "emil@example.test"),),
)


def test_a_report_names_all_recipients_and_holds_the_message_as_it_is() -> None:
    """Blind copies, members of lists (the list is no recipient), the forwarding user; not one byte of the message changes."""
    found = journal.unwrap(report(INNER, LINES))
    assert found == journal.Report(FOUND, INNER)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_list_of_recipients_is_read(encoding: str) -> None:
    """Servers encode it when names are in other letters."""
    found = journal.unwrap(report(INNER, LINES, text_encoding=encoding))
    assert found is not None
    assert found.found == FOUND


def test_a_message_in_base64_is_decoded_and_one_in_lf_stays_so() -> None:
    """The message itself is archived, in any encoding of the report."""
    lf = INNER.replace(b"\r\n", b"\n")
    for raw, content in (
        (report(INNER, LINES, message_encoding="base64"), INNER),
        (report(lf, LINES), lf),
        (report(INNER, LINES).replace(b"\r\n", b"\n"), lf),
    ):
        assert journal.unwrap(raw) == journal.Report(FOUND, content)


def test_the_older_form_is_read() -> None:
    """The word Recipients, and below it one in each line."""
    lines = (
        "Sender: Anna <anna@example.test>",
        "Message-ID: <1@x>",
        "Recipients:",
        '"Bob" <bob@example.test>',
        " c@example.test",
    )
    found = journal.unwrap(report(INNER, lines, mark="Content-Identifer: ExJournalReport"))
    assert found is not None
    assert found.found == Correspondents(("anna@example.test",), ("bob@example.test", "c@example.test"))


_WHOLE = report(INNER, LINES)


@pytest.mark.parametrize(
    "raw",
    [
        INNER,
        _WHOLE.replace(b"X-MS-Journal-Report: ", b"X-Other: "),
        _WHOLE.replace(b"message/rfc822", b"text/plain"),
        _WHOLE.replace(b"multipart/mixed", b"text/plain"),
        _WHOLE[:-12],
        report(INNER, ("Sender: anna@example.test",)),
        report(b"no header at all", LINES),
        report(b"", LINES),
        report(INNER, LINES, message_encoding="base64").replace(base64.b64encode(INNER)[:8], b"!!!!!!!!"),
        report(quopri.encodestring(INNER), LINES, message_encoding="quoted-printable as is"),
    ],
    ids=["no report", "no mark", "no message", "no parts", "cut off", "nobody", "no header", "empty", "base64", "qp"],
)
def test_a_message_that_cannot_be_read_as_a_report_is_none(raw: bytes) -> None:
    """Then it is archived whole, so nothing of it is lost."""
    assert journal.unwrap(raw) is None


_FOOTER = b"\r\n--JB\r\nContent-Type: text/plain\r\n\r\n-- \r\nscanned\r\n--JB--"
_COPY = b"\r\n--JB\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y\r\n\r\ndecrypted\r\n--JB--"
_HTML = (
    b"<html><head><style>To: no@body.test</style></head><body><table><tr><td>Sender:</td><td>anna@example.test</td></tr>"
    b"<tr><td>Subject:</td><td>To: x@y.test</td></tr><tr><td>To:</td><td><a href='mailto:bob@example.test'>bob@example.test"
    b"</a>, Expanded: team@example.test</td></tr></table><p>Bcc:&nbsp;Carl &lt;carl@example.test&gt;</p></body></html>"
)
_TWO = Correspondents(("anna@example.test",), ("bob@example.test", "carl@example.test"))


@pytest.mark.parametrize("after", [_FOOTER, _COPY, _FOOTER.removesuffix(b"--JB--") + _COPY.lstrip(b"\r\n")])
def test_what_stands_after_the_message_is_no_part_of_it(after: bytes) -> None:
    """Footers of scanners, and the copy that a server decrypted."""
    assert journal.unwrap(_WHOLE.replace(b"\r\n--JB--", after)) == journal.Report(FOUND, INNER)


def test_a_report_within_another_multipart_is_read() -> None:
    """As a server leaves it that appends a footer to the whole."""
    head, _, rest = _WHOLE.partition(b"Content-Type: multipart/mixed")
    outer = head + b"Content-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\nContent-Type: multipart/mixed" + rest
    assert journal.unwrap(outer + b"--X\r\n\r\nfooter\r\n--X--\r\n") == journal.Report(FOUND, INNER)


def test_a_report_in_html_is_read() -> None:
    """Tables and paragraphs are lines; what is hidden is none."""
    raw = report(INNER, ("@",)).replace(b"text/plain", b"text/html").replace(b"@\r\n", _HTML)
    assert journal.unwrap(raw) == journal.Report(_TWO, INNER)


@pytest.mark.parametrize(
    "lines",
    [
        ("Sender: anna@example.test", "To: bob@example.test,", "\tExpanded: team@example.test", "Bcc:", " carl@example.test"),
        ("Sender:", "\tAnna", "  <anna@example.test>", "To: Bob Muster", " <bob@example.test>; carl@example.test"),
        (
            "Absender: anna@example.test",
            "Betreff: x",
            "An: bob@example.test, Erweitert: t@e.test",
            "Blindkopie: carl@example.test",
        ),
        ("Expéditeur : anna@example.test", "Objet : a@b.test", "À : bob@example.test", "Cci : carl@example.test"),
        ("Remitente: anna@example.test", "Asunto: a@b.test", "Para: bob@example.test", "CCO: carl@example.test"),
        ("Mittente: anna@example.test", "Oggetto: a@b.test", "A: bob@example.test", "Ccn: carl@example.test"),
        ("Afzender: anna@example.test", "Onderwerp: a@b.test", "Aan: bob@example.test", "BCC: carl@example.test"),
        ("Odosielateľ: anna@example.test", "ID správy: <1@e.test>", "Komu: bob@example.test", "Skrytá: carl@example.test"),
        ("発信者：anna@example.test", "件名：x", "宛先：bob@example.test", "秘密：carl@example.test"),
        ("  From: anna@example.test", "  Subject: x", "  To: Muster, Bob <bob@example.test>", "  Cc: carl@example.test"),
    ],
    ids=["folded", "folded names", "de", "fr", "es", "it", "nl", "sk", "ja", "indented"],
)
def test_reports_are_read_by_their_form(lines: tuple[str, ...]) -> None:
    """Folded as header fields are, and in any language: what is first is the sender, then come recipients."""
    inner = b"From: anna@example.test\r\nMessage-ID: <1@e.test>\r\n\r\nx"
    found = journal.unwrap(report(inner, lines))
    assert found == journal.Report(_TWO, inner)


@pytest.mark.parametrize("word", ["Subject", "Předmět"])
def test_a_folded_subject_names_nobody(word: str) -> None:
    """A message's author writes its subject too, and could otherwise choose its recipients."""
    inner = b"From: anna@example.test\r\nSubject: Re:\r\n To: evil@example.test\r\n\r\nx"
    lines = (
        "Sender: anna@example.test",
        f"{word}: Re:",
        " To: evil@example.test",
        "To: bob@example.test",
        "Cc: carl@example.test",
    )
    assert journal.unwrap(report(inner, lines)) == journal.Report(_TWO, inner)
    page = b"Sender: anna@example.test<br>Subject: x<br> To: bob@example.test<br> Cc: carl@example.test"
    html = report(INNER, ("@",)).replace(b"text/plain", b"text/html").replace(b"@\r\n", page)
    assert journal.unwrap(html) == journal.Report(_TWO, INNER)


def test_a_message_of_the_newer_type_is_one() -> None:
    """``message/global`` has addresses beyond ASCII."""
    assert journal.unwrap(report(INNER, LINES).replace(b"message/rfc822", b"message/global")) == journal.Report(FOUND, INNER)


def test_a_recipient_that_cannot_be_read_is_named() -> None:
    """A name in a directory, or a broken address: told as it stands, beside the others."""
    lines = ("Sender: anna@example.test", "To: /O=FIRMA/OU=X/CN=BOB, carl@example.test, dora@", "Cc: emil")
    found = journal.unwrap(report(INNER, lines))
    assert found is not None
    assert found.found.recipients == ("carl@example.test",)
    assert found.found.unreadable == ("/O=FIRMA/OU=X/CN=BOB", "dora@", "emil")


@given(raw=st.binary(max_size=300), at=st.integers(0, len(_WHOLE)), cut=st.integers(0, 60))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_read_as_a_journal_report_without_an_error(raw: bytes, at: int, cut: int) -> None:
    """For any bytes, also such as are a report but for some of them."""
    journal.unwrap(raw)
    found = journal.unwrap(_WHOLE[:at] + raw[:20] + _WHOLE[at + cut :])
    assert found is None or found.content
