"""Business mail in German and English, made up from a seed: the same bytes on every machine, with CRLF line ends.

Attachments are shared as in real offices: the numbered circulars of a seed reach several people, each copy with headers
of its own but the same encoded attachment. Across three mailboxes 35 to 40 % of all attachment bytes are such copies.
"""

from __future__ import annotations

import binascii
from base64 import encodebytes
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.header import Header
from email.utils import format_datetime
from itertools import count as count_from
from math import log
from random import Random

from core.demo.documents import SampleDocument, document
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """A message and its folder. Folder levels are parted by ``/``, ``internaldate`` is aware UTC.

    ``appendable`` is False for messages that APPEND cannot carry: with NUL bytes (RFC 3501 section 9, CHAR8), or empty.
    ``name`` is the name of its oddity.
    """

    raw: bytes
    folder: str
    flags: tuple[str, ...]
    internaldate: datetime
    appendable: bool = True
    name: str = ""


FOLDERS = {
    "INBOX": 48,
    "Sent Items": 20,
    "INBOX/Projekte/Änderungen": 9,
    "Archive 2024": 11,
    "Drafts": 2,
    "Deleted Items": 5,
    "Junk E-mail": 5,
}

_START = datetime(2024, 1, 2, 7, 30, tzinfo=UTC)
_SPAN = timedelta(days=880)
_ZONES = (timezone(timedelta(hours=1)), timezone(timedelta(hours=2)), UTC)
_WITH_ATTACHMENT = 0.3
_FROM_A_CIRCULAR = 0.62
_REACHES = 0.9
_NEWSLETTERS = {"Junk E-mail": 1.0, "INBOX": 0.12}

_PEOPLE = (
    ("Erika Muster", "erika.muster@example.test"),
    ("Jörg Beispiel", "joerg.beispiel@nord.example.test"),
    ("Accounts Payable", "accounts@supplier.example.test"),
    ("Sam Sample", "sam.sample@example.test"),
    ("Vertrieb Süd", "vertrieb@sued.example.test"),
    ("Änne Probe", "aenne.probe@example.test"),
    ("Support Desk", "support@tools.example.test"),
    ("Einkauf", "einkauf@werk.example.test"),
)
_TOPICS = {
    "de": (
        "Rechnung Nr. {n}",
        "Angebot {n} über Büromöbel",
        "Protokoll der Besprechung vom {d}.",
        "Rückfrage zur Lieferung {n}",
        "Änderungen am Projektplan",
        "Urlaubsübergabe KW {d}",
        "Terminvorschlag für die Prüfung",
    ),
    "en": (
        "Invoice {n}",
        "Quote {n} for your request",
        "Minutes of our meeting",
        "Question about order {n}",
        "Draft contract, version {d}",
        "Maintenance window on the {d}th",
        "Travel plans for next week",
    ),
}
_SENTENCES = {
    "de": (
        "anbei erhalten Sie die gewünschten Unterlagen zum Vorgang {n}.",
        "Die Lieferung der {n} Stück verschiebt sich um etwa {d} Werktage.",
        "Könnten Sie die Änderungen bitte bis zum {d}. des Monats prüfen?",
        "Für Rückfragen stehe ich Ihnen gern unter der Durchwahl {d} zur Verfügung.",
        "Der Gesamtbetrag von {n},00 € ist innerhalb von {d} Tagen zahlbar.",
        "Wir haben die Maße überprüft, die Abweichung liegt unter {d} mm.",
        "Das Treffen findet wie besprochen im großen Sitzungszimmer statt.",
    ),
    "en": (
        "please find attached the documents for case {n}.",
        "Delivery of the {n} items will be about {d} working days late.",
        "Could you have a look at the changes before the {d}th?",
        "I am happy to answer any question on extension {d}.",
        "The total of EUR {n}.00 is due within {d} days.",
        "We have checked the measurements, the deviation is below {d} mm.",
        "The meeting will take place in the large room as agreed.",
    ),
}
_GREETINGS = {"de": ("Guten Tag,", "Mit freundlichen Grüßen"), "en": ("Hello,", "Kind regards")}
_REPLY = {"de": "AW: ", "en": "Re: "}
_FORWARD = {"de": "WG: ", "en": "Fw: "}


@dataclass(frozen=True, slots=True)
class _Letter:
    """A sender's letter, the same for all recipients."""

    language: str
    subject: str
    text: str
    sender: tuple[str, str]
    attachment: SampleDocument | None = None
    references: tuple[str, ...] = ()


def sample_mailbox(owner: str, count: int, *, seed: int, average_size: int = 45_000) -> Iterator[SampleMessage]:
    """Make ``count`` messages of ``owner`` (an address), oldest first, of ``average_size`` bytes on average.

    Mailboxes made with the same ``seed`` and ``average_size`` have attachments in common.
    """
    random = Random(f"{seed}/{owner}")
    circulars = count_from()
    earlier: deque[tuple[str, _Letter]] = deque(maxlen=40)
    total = 0
    for number in range(count):
        moment = _START + _SPAN * ((number + random.random()) / count)
        folder = random.choices(tuple(FOLDERS), tuple(FOLDERS.values()))[0]
        outgoing = folder in ("Sent Items", "Drafts")
        sender = (_display_name(owner), owner) if outgoing else random.choice(_PEOPLE)
        if random.random() < _WITH_ATTACHMENT and _attachment_size(average_size) > 0:
            if random.random() < _FROM_A_CIRCULAR:
                letter = _circular(seed, _next_circular(random, circulars), average_size)
                if outgoing:
                    letter = replace(letter, sender=sender, subject=_FORWARD[letter.language] + letter.subject)
            else:
                letter = _letter(random, sender, _document(random, average_size, _balance(total, number, average_size)))
        elif earlier and random.random() < 0.4:
            letter = _reply(random, sender, *random.choice(earlier))
        else:
            letter = _letter(random, sender)
        message_id = f"<{random.getrandbits(80):020x}@{letter.sender[1].partition('@')[2]}>"
        newsletter = letter.attachment is None and random.random() < _NEWSLETTERS.get(folder, 0.0)
        recipient = random.choice(_PEOPLE) if outgoing else (_display_name(owner), owner)
        head = _head(random, letter, recipient, message_id, moment, received=not outgoing)
        raw = head + (_newsletter(random, letter) if newsletter else _content(random, letter))
        total += len(raw)
        earlier.append((message_id, letter))
        yield SampleMessage(raw, folder, _flags(random, folder), moment.replace(microsecond=0))


def _attachment_size(average: int) -> int:
    # The rest beside text (about 4,000 bytes) goes to the messages with an attachment, in base64.
    return int((average - 4_000) / _WITH_ATTACHMENT / 1.37)


def _balance(total: int, number: int, average: int) -> float:
    if number < 10:
        return 1.0
    return min(2.5, max(0.3, average * number / max(total, 1)) ** 2)


def _document(random: Random, average: int, factor: float = 1.0) -> SampleDocument:
    mean = _attachment_size(average)
    size = random.lognormvariate(log(mean) - 0.18, 0.6) * factor
    return document(random, int(min(max(size, 500), mean * 12)))


def _next_circular(random: Random, circulars: Iterator[int]) -> int:
    return next(number for number in circulars if random.random() < _REACHES)


def _circular(seed: int, number: int, average: int) -> _Letter:
    random = Random(f"{seed}/circular/{number}")
    return _letter(random, random.choice(_PEOPLE), _document(random, average))


def _letter(random: Random, sender: tuple[str, str], attachment: SampleDocument | None = None) -> _Letter:
    language = random.choice(("de", "de", "en"))
    subject = random.choice(_TOPICS[language]).format(n=random.randrange(10_000, 99_999), d=random.randrange(1, 29))
    return _Letter(language, subject, _text(random, language, sender[0]), sender, attachment)


def _reply(random: Random, sender: tuple[str, str], answered_id: str, answered: _Letter) -> _Letter:
    language = answered.language
    prefix = _REPLY[language]
    subject = answered.subject if answered.subject.startswith(prefix) else prefix + answered.subject
    quoted = "\r\n".join(f"> {line}" for line in answered.text.splitlines()[:60])
    wrote = f"Am Vortag schrieb {answered.sender[0]}:" if language == "de" else f"{answered.sender[0]} wrote:"
    text = f"{_text(random, language, sender[0])}\r\n\r\n{wrote}\r\n{quoted}\r\n"
    return _Letter(language, subject, text, sender, None, (*answered.references[-8:], answered_id))


def _text(random: Random, language: str, name: str) -> str:
    greeting, closing = _GREETINGS[language]
    paragraphs: list[str] = []
    for _ in range(random.randrange(1, 9)):
        paragraphs += [_sentences(random, language, 1) for _ in range(random.randrange(1, 5))]
        paragraphs.append("")
    return "\r\n".join([greeting, "", *paragraphs, closing, name, "-- ", "Beispiel GmbH, Musterweg 1", ""])


def _sentences(random: Random, language: str, count: int) -> str:
    chosen = random.choices(_SENTENCES[language], k=count)
    return " ".join(one.format(n=random.randrange(100, 99_999), d=random.randrange(2, 28)) for one in chosen)


def _head(
    random: Random,
    letter: _Letter,
    recipient: tuple[str, str],
    message_id: str,
    moment: datetime,
    *,
    received: bool,
) -> bytes:
    date = format_datetime(moment.astimezone(random.choice(_ZONES)))
    domain = letter.sender[1].partition("@")[2]
    lines: list[str] = []
    if received:
        lines += [
            f"Return-Path: <{letter.sender[1]}>",
            f"Delivered-To: {recipient[1]}",
            f"Received: from relay.{domain} (relay.{domain} [192.0.2.{random.randrange(1, 255)}])",
            f"\tby mail.example.test with ESMTPS id {random.getrandbits(40):010x}",
            f"\tfor <{recipient[1]}>; {date}",
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=sample;",
            "\th=from:to:subject:date:message-id;",
            f"\tb={_base64(random.randbytes(48))}",
            f"\t {_base64(random.randbytes(48))}",
        ]
    lines += [
        f"From: {_address(letter.sender)}",
        f"To: {_address(recipient)}",
        f"Subject: {_encoded(letter.subject)}",
        f"Date: {date}",
        f"Message-ID: {message_id}",
    ]
    if letter.references:
        lines.append(f"In-Reply-To: {letter.references[-1]}")
        lines.append("References: " + "\r\n\t".join(letter.references))
    lines += ["MIME-Version: 1.0", ""]
    return "\r\n".join(lines).encode("ascii")


def _content(random: Random, letter: _Letter) -> bytes:
    text = _text_part(random, letter)
    if letter.attachment is None:
        return text
    boundary = f"=_{random.getrandbits(96):024x}".encode()
    return b"".join(
        (
            b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary,
            b"--%s\r\n" % boundary,
            text,
            b"\r\n--%s\r\n" % boundary,
            _attached(letter.attachment),
            b"--%s--\r\n" % boundary,
        )
    )


def _attached(attachment: SampleDocument) -> bytes:
    name = attachment.name.encode("ascii")
    head = (
        b'Content-Type: %s; name="%s"\r\nContent-Disposition: attachment; filename="%s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" % (attachment.media_type.encode(), name, name)
    )
    return head + encodebytes(attachment.content).replace(b"\n", b"\r\n")


def _text_part(random: Random, letter: _Letter) -> bytes:
    if letter.text.isascii():
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + letter.text.encode()
    way = random.choice(("8bit", "quoted-printable", "quoted-printable"))
    charset = random.choice(("utf-8", "utf-8", "iso-8859-15"))
    encoded = letter.text.encode(charset)
    if way == "quoted-printable":
        encoded = binascii.b2a_qp(encoded, istext=True)
    head = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {way}\r\n\r\n"
    return head.encode() + encoded


def _newsletter(random: Random, letter: _Letter) -> bytes:
    language = letter.language
    rows = "".join(
        f'<tr><td class="c{row % 3}"><img src="https://img.example.test/{random.getrandbits(32):08x}.png" alt=""></td>'
        f"<td><h2>{_sentences(random, language, 1)}</h2><p>{_sentences(random, language, 4)}</p></td></tr>\r\n"
        for row in range(random.randrange(8, 40))
    )
    page = (
        "<!DOCTYPE html>\r\n<html><head><style>td { font: 14px sans-serif; padding: 4px }</style></head>\r\n"
        f"<body><h1>{letter.subject}</h1>\r\n<table>\r\n{rows}</table>\r\n"
        '<p><a href="https://news.example.test/unsubscribe">Abmelden / unsubscribe</a></p></body></html>\r\n'
    )
    boundary = f"b{random.getrandbits(96):024x}".encode()
    return b"".join(
        (
            b'Content-Type: multipart/alternative;\r\n\tboundary="%s"\r\n\r\n--%s\r\n' % (boundary, boundary),
            _text_part(random, letter),
            b"\r\n--%s\r\nContent-Type: text/html; charset=utf-8\r\n" % boundary,
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            binascii.b2a_qp(page.encode(), istext=True),
            b"\r\n--%s--\r\n" % boundary,
        )
    )


def _flags(random: Random, folder: str) -> tuple[str, ...]:
    if folder == "Drafts":
        return (r"\Draft", r"\Seen")
    flags = []
    if folder != "Junk E-mail" and random.random() < 0.85:
        flags.append(r"\Seen")
        if folder == "INBOX" and random.random() < 0.3:
            flags.append(r"\Answered")
    if random.random() < 0.04:
        flags.append(r"\Flagged")
    return tuple(flags)


def _display_name(address: str) -> str:
    return address.partition("@")[0].replace(".", " ").title()


def _address(person: tuple[str, str]) -> str:
    return f"{_encoded(person[0])} <{person[1]}>"


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode(maxlinelen=70, linesep="\r\n")


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
