"""Reading subject, people, date and attachments from any bytes that call themselves a message."""

from __future__ import annotations

import hashlib
from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.message.envelope import Envelope, describe
from core.message.splitter import parts

FIELDS = st.sampled_from([b"Subject", b"From", b"To", b"Cc", b"Date", b"Message-ID", b"Content-Type", b"X-Any"])
CHARSETS = st.sampled_from(
    [b"utf-8", b"us-ascii", b"gb2312", b"utf-7", b"utf-16", b"punycode", b"unicode_escape", b"hex", b"undefined", b"\xe9"]
)
ENCODED_WORDS = st.builds(b"=?%b?%b?%b?=".__mod__, st.tuples(CHARSETS, st.sampled_from([b"B", b"q"]), st.binary()))
HEADERS = st.lists(st.tuples(FIELDS, ENCODED_WORDS | st.binary() | st.text().map(lambda text: text.encode("utf-16"))))
HEADER_LIKE = HEADERS.map(lambda fields: b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\nbody")


def assert_sound(raw: bytes, envelope: Envelope) -> None:
    """Guarantees for the catalog, for any message."""
    texts = (envelope.subject, envelope.sender, envelope.recipients, envelope.message_id)
    for text, longest in zip(texts, (998, 320, 2_000, 998), strict=True):
        text.encode("utf-8")
        assert len(text) <= longest
        assert not set(text) & set("\0\r\n\t")
        assert "  " not in text
    assert envelope.date is None or 0 <= envelope.date < 253_402_300_800
    assert len(envelope.header_sha256) == 32
    assert envelope == describe(raw, parts(raw))


@given(st.binary() | HEADER_LIKE)
def test_any_bytes_have_an_envelope(raw: bytes) -> None:
    """Nothing is raised, and every text is one bounded line in UTF-8."""
    assert_sound(raw, describe(raw))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_encoded_words_are_decoded(text: str) -> None:
    """Texts encoded by the standard library come back, in any number of words."""
    for encoded in (Header(text, "utf-8", header_name="Subject").encode("\r\n").encode(), text.encode()):
        if b"=?" not in text.encode():
            assert describe(b"Subject: " + encoded + b"\r\n\r\n").subject == text


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?q?_an?= alle", "Grüße an alle"),
        (b"=?UTF-8?Q?Verschl=C3?= =?UTF-8?Q?=BCsselt?=", "Verschlüsselt"),
        (b"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        (b"=?utf-8?Q?Really? Yes?=", "Really? Yes"),
        (b"=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", "テスト"),
        (b"=?us-ascii*en?q?hello?=", "hello"),
        (b"=?unknown-8bit?q?caf=E9?=", "café"),
        (b"=?us-ascii?q?caf=C3=A9?=", "café"),
        (b"=?hex?q?abc?=", "abc"),
        (b"=?utf-8?B?A?= stays", "=?utf-8?B?A?= stays"),
        (b"=?utf-7?q?+2AA-?=", "□"),
        (b"caf\xe9", "café"),
        (b"caf\xc3\xa9", "café"),
        (b"a\0b\r\n\t c \x1b[31m\xe2\x80\xae", "ab c \x1b[31m\u202e"),
        (b"\r\n folded", "folded"),
        (b"\r\nSubject: second", "second"),
        (b"x" * 2_000, "x" * 998),
    ],
)
def test_subjects_as_senders_write_them(raw: bytes, subject: str) -> None:
    """Split characters, missing padding, wrong charsets, raw 8-bit, controls: read as well as can be."""
    assert describe(b"Subject: " + raw + b"\r\n\r\n").subject == subject


def test_people_are_header_text() -> None:
    """To and Cc are joined; Sender stands in for a missing From; field names are in any case, also before a blank."""
    raw = b"SENDER: s@example.test\nTO : =?utf-8?q?J=C3=B6rg?= <j@example.test>,\n b@example.test\nCC: c@example.test\n\n"
    envelope = describe(raw)
    assert envelope.sender == "s@example.test"
    assert envelope.recipients == "Jörg <j@example.test>, b@example.test, c@example.test"
    assert describe(b"From: Anna Muster <a@example.test>\n" + raw).sender == "Anna Muster <a@example.test>"


def test_a_hundred_thousand_recipients_are_cut() -> None:
    """A list too long for the catalog is kept as far as it goes, and what follows is still read."""
    raw = b"To: " + "Jörg <j@example.test>,\r\n ".encode() * 100_000 + b"x\r\nSubject: after\r\n\r\n"
    envelope = describe(raw)
    assert envelope.recipients.startswith("Jörg <j@example.test>, Jörg")
    assert 1_990 < len(envelope.recipients) <= 2_000
    assert envelope.subject == "after"


@pytest.mark.parametrize("start", ["", "x"])
def test_a_cut_through_a_character_leaves_the_others_readable(start: str) -> None:
    """Raw UTF-8 longer than what is looked at is still recognised as UTF-8, wherever the cut falls."""
    subject = start + "ö" * 20_000
    assert describe(b"Subject: " + subject.encode() + b"\r\n\r\n").subject == subject[:998]


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        (b"Mon, 3 Feb 2025 10:00:00 +0100", 1_738_573_200),
        (b"3 Feb 2025 09:00 GMT (comment)", 1_738_573_200),
        (b"Mon, 03 Feb 2025 03:30:00 -0530", 1_738_573_200),
        (b"Mon,  3 Feb 25 04:00:00 EST", 1_738_573_200),
        (b"Thu, 1 Jan 1970 00:00:00 +0000", 0),
        (b"Sat, 31 Dec 2016 23:59:60 +0000", 1_483_228_799),
        (b"Sat, 3 Feb 2099 10:00:00 +0000", 4_073_796_000),
        (b"Mon, 31 Jun 2025 10:00:00 +0100", None),
        (b"Fri, 3 Feb 1899 10:00:00 +0000", None),
        (b"Mon, 3 Feb 2025 10:00:00 +9999", None),
        (b"Fri, 31 Dec 9999 23:59:59 -0100", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_dates_are_utc_seconds_or_nothing(date: bytes, seconds: int | None) -> None:
    """Dates that do not exist, lie before 1970 or have an impossible zone are no dates."""
    assert describe(b"Date: " + date + b"\r\n\r\n").date == seconds


@pytest.mark.parametrize(
    "header", [b"A: b\r\n\r\n", b"A: b\n\n", b"A: b\n\r\n", b"\r\n", b"A: b\r\nno empty line", b"A: b\rC: d\r\r"]
)
def test_the_hash_is_of_the_header_as_imap_returns_it(header: bytes) -> None:
    """Up to and including the empty line; the whole message when there is none."""
    body = b"body\n" if header.endswith(b"\n") else b""
    assert describe(header + body).header_sha256 == hashlib.sha256(header).digest()


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        (b"Subject: x\r\n\r\n", True),
        (b"X-Any: x", True),
        (b"junk line\nSubject: x\n\n", True),
        (b"From: a\rSubject: x\r\r", True),
        (b"", False),
        (b"\r\nSubject: x", False),
        (b"no header at all\n\n", False),
        (bytes(range(256)) * 100, False),
    ],
)
def test_a_message_without_any_header_field_is_not_readable(raw: bytes, readable: bool) -> None:
    """Junk lines and bare CR do not make a message unreadable, the lack of any field does."""
    envelope = describe(raw)
    assert envelope.readable is readable
    assert envelope.subject == ("x" if readable and b"Subject" in raw else "")


@pytest.mark.parametrize(
    ("header", "count"),
    [
        (b"Content-Disposition: ATTACHMENT", 1),
        (b"Content-Disposition: inline; filename*0*=utf-8''a", 1),
        (b"Content-Type: image/png;\r\n\tname = a.png", 1),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Disposition: attachment", 1),
        (b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", 1),
        (b"Content-Type: image/png\r\nContent-ID: <logo>", 0),
        (b"Content-Type: text/html; charset=utf-8\r\nX-Name: name=x", 0),
        (b"", 0),
    ],
)
def test_attachments_and_embedded_messages_are_counted(header: bytes, count: int) -> None:
    """Marked as attachment, carrying a name, or an embedded message, which counts once with all that is in it."""
    part = b"--b\r\n" + header + b"\r\n\r\ntext\r\n"
    top = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    text = b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
    assert describe(top + text + part * 2 + b"--b--\r\n").attachments == 2 * count


def test_a_header_full_of_encoded_words_is_read_quickly() -> None:
    """Only as much of a field is decoded as the catalog can hold (the same header keeps other parsers for seconds)."""
    assert describe(b"Subject: " + b"=?utf-8?q?a?= " * 70_000 + b"\n\n").subject == "a" * 998


def test_odd_mail_has_envelopes(odd_mail: list[bytes]) -> None:
    """No odd message raises, and nearly all have fields that can be read."""
    unreadable = 0
    for raw in odd_mail:
        envelope = describe(raw)
        assert_sound(raw, envelope)
        unreadable += not envelope.readable
    assert unreadable <= len(odd_mail) // 15


def test_nearly_all_further_odd_mail_can_be_read(further_odd_mail: list[bytes]) -> None:
    """Of real mail hardly any has no readable field at all."""
    assert sum(not describe(raw).readable for raw in further_odd_mail) < len(further_odd_mail) // 40
