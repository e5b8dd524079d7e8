"""Odd mail that breaks mail programs, built in code: cases seen in practice, one message each."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from core.demo.mail import SampleMessage

CRLF = b"\r\n"
FIRST_DATE = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
EXACT_SIZE = 5_000
LONG_SUBJECT = 10_000
LONG_HEADER = 1_000_000
MANY_PARTS = 1_000
DEEP = 60

_FROM = b"From: Odd Sender <odd@example.test>"
_DATE = b"Date: Thu, 29 Feb 2024 13:00:00 +0100"
_PART = b"--b\r\nContent-Type: text/plain\r\n\r\npart\r\n"
_MIXED = b'multipart/mixed; boundary="b"'
_PLAIN = (b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=us-ascii")


def odd_messages(seed: int) -> list[SampleMessage]:
    """All odd messages, in the folders INBOX and ``Odd``; the seed changes only meaningless parts (ids, padding)."""
    random = Random(f"odd/{seed}")
    messages = []
    for number, (name, raw) in enumerate(pair for group in _GROUPS for pair in group(random)):
        messages.append(
            SampleMessage(
                raw=raw,
                folder="Odd" if number % 3 else "INBOX",
                flags=(r"\Seen",) if number % 2 else (),
                internaldate=FIRST_DATE + timedelta(hours=number),
                appendable=bool(raw) and b"\0" not in raw,
                name=name,
            )
        )
    return messages


def _message(
    random: Random,
    subject: bytes,
    *headers: bytes,
    body: bytes = b"Text.\r\n",
    date: bytes | None = _DATE,
    message_id: bytes | None = None,
) -> bytes:
    """A message with the usual header lines and the given ones; an empty ``message_id`` leaves the line out."""
    own = b"<%020x@example.test>" % random.getrandbits(80) if message_id is None else message_id
    lines = [_FROM, b"To: alice@example.test", b"Subject: " + subject]
    if own:
        lines.append(b"Message-ID: " + own)
    if date is not None:
        lines.append(date)
    return CRLF.join([*lines, *headers, b"", body])


def _multipart(random: Random, subject: bytes, body: bytes, content_type: bytes) -> bytes:
    return _message(random, subject, b"MIME-Version: 1.0", b"Content-Type: " + content_type, body=body)


def _bytes_of_bytes(random: Random) -> Iterator[tuple[str, bytes]]:
    yield "NUL in body", _message(random, b"NUL in body", *_PLAIN, body=b"before\0after\0\0\r\n")
    yield "NUL in header", _message(random, b"NUL\0 in header", *_PLAIN)
    yield "empty message", b""
    yield "raw Latin-1 header", _message(random, "Größe".encode("iso-8859-1"), b"Comments: \xc4\xd6\xdc\xdf")
    yield "raw UTF-8 header", _message(random, "Größe 📦 Änderung".encode())
    yield "raw bytes in From", _message(random, b"raw sender").replace(b"Odd Sender", b"\xff\xfe\x80 Sender")
    yield "8-bit body as US-ASCII", _message(random, b"8bit", *_PLAIN, body=bytes(range(128, 256)) + CRLF)
    control = bytes(byte for byte in range(1, 32) if byte not in b"\r\n")
    yield "control characters", _message(random, b"controls", *_PLAIN, body=control + b"\x7f\r\n")
    yield "bare LF", _message(random, b"bare LF", *_PLAIN, body=b"one\ntwo\n\nthree\n").replace(CRLF, b"\n")
    yield "mixed line ends", _message(random, b"mixed", *_PLAIN, body=b"one\r\ntwo\nthree\rfour\r\r\nfive\n\r")
    yield "bare CR", _message(random, b"bare CR", *_PLAIN, body=b"one\rtwo\rthree")
    yield "bare CR in header", _message(random, b"first\rsecond", *_PLAIN)
    yield "line of 20,000 bytes", _message(random, b"long line", *_PLAIN, body=b"x" * 20_000 + CRLF)
    yield "no line end at the end", _message(random, b"no end", *_PLAIN, body=b"cut here")
    yield "dots", _message(random, b"dots", *_PLAIN, body=b".\r\n..\r\n\r\n.\r\n.hidden\r\nQUIT\r\n")
    yield (
        "From lines",
        _message(
            random, b"From lines", *_PLAIN, body=b"From here on\r\n>From there\r\n\r\nFrom a@b Mon Jan  1 00:00:00 2024\r\n"
        ),
    )
    yield "mbox line first", b"From odd@example.test Thu Feb 29 12:00:00 2024\r\n" + _message(random, b"mbox line")
    yield (
        "UTF-16 body",
        _message(random, b"UTF-16", b"Content-Type: text/plain; charset=utf-16", body="\ufeff漢字かな".encode("utf-16-be")),
    )
    yield "byte order mark first", b"\xef\xbb\xbf" + _message(random, b"BOM before the header")
    yield "IMAP in body", _message(random, b"IMAP", *_PLAIN, body=b"* 1 FETCH (BODY[] {9}\r\nA001 OK done\r\n)\r\n")


def _shapes(random: Random) -> Iterator[tuple[str, bytes]]:
    yield "no header at all", b"Just text, and nothing that looks like a header line\r\n\r\nmore text\r\n"
    yield "blank line first", b"\r\n" + _message(random, b"after a blank line")
    yield "header only", _message(random, b"header only", body=b"").removesuffix(CRLF)
    yield "header only, cut off", _message(random, b"cut off", body=b"").removesuffix(CRLF + CRLF)
    yield "no body", _message(random, b"no body", body=b"")
    yield "only a line end", CRLF
    yield "one byte", b"x"
    yield "no From, To, Date or Subject", b"X-Nothing: here\r\n\r\nbody\r\n"
    yield "header line without colon", _message(random, b"no colon", b"This is no header line", b"X-After: yes")
    yield "folded first line", b" folded: before anything\r\n" + _message(random, b"folded")
    yield "same header twice", _message(random, b"one", b"Subject: two", b"From: other@example.test", b"Date: never")
    filling = random.choices(b"abcdefghijklmnopqrstuvwxyz", k=EXACT_SIZE)
    short = _message(random, b"exactly 5,000 bytes", *_PLAIN, body=b"")
    yield "exactly 5,000 bytes", short + bytes(filling)[: EXACT_SIZE - len(short)]
    yield "header of 1 MB", _message(random, b"1 MB header", b"X-Long: " + b"y" * LONG_HEADER)
    folded = b"X-Folded: a" + b"\r\n folded line of a long header" * 5_000
    yield "header of 5,000 folds", _message(random, b"folds", folded)
    people = b",\r\n ".join(b"p%d@example.test" % number for number in range(5_000))
    yield "5,000 recipients", _message(random, b"many recipients", b"Cc: " + people)


def _identities(random: Random) -> Iterator[tuple[str, bytes]]:
    yield "no Message-ID", _message(random, b"no Message-ID", message_id=b"")
    yield "empty Message-ID", _message(random, b"empty Message-ID", b"Message-ID: ", message_id=b"")
    yield "no Message-ID again", _message(random, b"no Message-ID", message_id=b"", body=b"Other text.\r\n")
    twin = b"<twin@example.test>"
    yield "twin, draft", _message(random, b"twin", message_id=twin, body=b"First version.\r\n")
    yield "twin, sent", _message(random, b"twin", message_id=twin, body=b"Second version!\r\n")
    yield "Message-ID without brackets", _message(random, b"bad id", message_id=b"not an id at all")
    same = _message(random, b"the same twice", message_id=b"<same@example.test>")
    yield "same bytes, first", same
    yield "same bytes, second", same


def _dates(random: Random) -> Iterator[tuple[str, bytes]]:
    yield "no Date", _message(random, b"no Date", date=None)
    for name, date in (
        ("31 June", b"Mon, 31 Jun 2024 10:00:00 +0200"),
        ("year 1899", b"Sun, 31 Dec 1899 23:59:59 +0000"),
        ("year 2099", b"Thu, 31 Dec 2099 23:59:59 +0000"),
        ("zone +9999", b"Mon, 01 Jan 2024 00:00:00 +9999"),
        ("year 0", b"Sat, 01 Jan 0000 00:00:00 +0000"),
        ("year 99999", b"Fri, 01 Jan 99999 00:00:00 +0000"),
        ("German date", b"Montag, 1. Januar 2024 um 10 Uhr"),
        ("second 60", b"Sat, 31 Dec 2016 23:59:60 +0000"),
    ):
        yield name, _message(random, name.encode(), date=b"Date: " + date)


def _subjects(random: Random) -> Iterator[tuple[str, bytes]]:
    yield "empty subject", _message(random, b"")
    yield "long subject", _message(random, b"long " * (LONG_SUBJECT // 5))
    for name, subject in (
        ("CSI escape", b"\x1b[31mred\x1b[0m \x1b[2J\x1b[H cleared"),
        ("OSC title", b"\x1b]0;owned\x07 title \x1b]52;c;b3duZWQ=\x07"),
        ("C1 controls", "csi \x9b31m osc \x9d0;owned\x9c".encode()),
        ("raw C1 byte", b"csi \x9b31m raw"),
        ("BEL and backspace", b"bell\x07\x07 back\x08\x08\x08 over\x0b\x0c"),
        ("markup", b"[/b] [red]red[/red] [link=https://example.test]x[/link] [@click=app.quit]quit[/] [bold"),
        ("right-to-left override", "invoice \u202egpj.exe\u202c \u2066isolated\u2069".encode()),
        ("zero width", "a\u200bb\u200dc\ufeffd\u00ade\u2060".encode()),
        ("combining", ("Z" + "\u0335\u0300\u0301" * 60 + "algo").encode()),
        ("wide and emoji", "漢字かな 👩‍👩‍👧‍👦 🇩🇪 ｆｕｌｌ".encode()),
        ("escape in encoded word", b"=?utf-8?q?=1B=5D0=3Bowned=07_=1B[31m?= =?utf-8?b?G1syShtbSA==?="),
        ("line end in encoded word", b"=?utf-8?q?first=0D=0ABcc:_evil@example.test?="),
        ("unknown charset in subject", b"=?x-nowhere?q?caf=E9?= =?utf-8?q?=FF=FE?="),
        ("broken encoded word", b"=?utf-8?b?!!!not base64!!!?= =?utf-8?q?never closed"),
        ("lone surrogate", b"=?utf-8?b?7aCA?= =?utf-7?q?+2AA-?="),
        ("formula and SQL", b"=cmd|' /C calc'!A0 '; DROP TABLE messages; -- \" NEAR( * ^"),
    ):
        yield name, _message(random, subject)


def _multiparts(random: Random) -> Iterator[tuple[str, bytes]]:
    part, mixed = _PART, _MIXED
    yield "unknown charset", _message(random, b"charset", b"Content-Type: text/plain; charset=x-nowhere", body=b"caf\xe9\r\n")
    yield "missing boundary", _multipart(random, b"missing boundary", part + b"--b--\r\n", b"multipart/mixed")
    yield "wrong boundary", _multipart(random, b"wrong boundary", part + b"--b--\r\n", b'multipart/mixed; boundary="c"')
    yield "repeated boundary", _multipart(random, b"repeated", b"--b\r\n" * 5 + part + b"--b--\r\n" * 2 + part, mixed)
    yield "boundary never closed", _multipart(random, b"never closed", part + part, mixed)
    yield (
        "boundary same as inner",
        _multipart(
            random, b"same boundary", b"--b\r\nContent-Type: " + mixed + b"\r\n\r\n" + part + b"--b--\r\n--b--\r\n", mixed
        ),
    )
    yield (
        "multipart in base64",
        _message(random, b"multipart in base64", b"Content-Type: " + mixed, b"Content-Transfer-Encoding: base64", body=part),
    )
    yield "multipart without part", _multipart(random, b"no part", b"--b--\r\n", mixed)
    yield "1,000 parts", _multipart(random, b"1,000 parts", part * MANY_PARTS + b"--b--\r\n", mixed)
    yield "60 levels", _multipart(random, b"60 levels", _nested(DEEP), b'multipart/mixed; boundary="level0"')
    yield (
        "forwarded message",
        _multipart(
            random,
            b"forwarded",
            part + b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + _message(random, b"inner \x1b[1m") + b"\r\n--b--\r\n",
            mixed,
        ),
    )
    inner = _message(random, b"innermost")
    for _ in range(20):
        inner = _message(random, b"wrapped", b"Content-Type: message/rfc822", body=inner)
    yield "20 messages in one another", inner


def _attachments(random: Random) -> Iterator[tuple[str, bytes]]:
    attached = b"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; "
    for name, field in (
        ("path traversal", b'filename="../../../../etc/cron.d/owned"'),
        ("absolute path", b'filename="C:\\\\Windows\\\\system32\\\\owned.dll"'),
        ("name of escapes", b'filename="\x1b]0;owned\x07[red].pdf"'),
        ("RFC 2231 name", b"filename*0*=utf-8''%2e%2e%2f%c3%84nder; filename*1*=ung%00.pdf"),
        ("name of 2,000 characters", b'filename="' + b"n" * 2_000 + b'.txt"'),
        ("empty name", b'filename=""'),
    ):
        yield f"attachment, {name}", _multipart(random, name.encode(), attached + field + b"\r\n\r\ndata\r\n--b--\r\n", _MIXED)


def _encodings(random: Random) -> Iterator[tuple[str, bytes]]:
    garbage = encodebytes(random.randbytes(600))[:-3].replace(b"\n", b"\r\n") + b"!!\xff=garbage=\r\n====\r\n"
    base64 = b"Content-Transfer-Encoding: base64"
    yield "base64 with garbage", _message(random, b"garbage", *_PLAIN, base64, body=garbage)
    yield (
        "broken quoted-printable",
        _message(random, b"qp", *_PLAIN, b"Content-Transfer-Encoding: quoted-printable", body=b"=XY =\r\n=3 100%=\r\n="),
    )
    yield "unknown transfer encoding", _message(random, b"cte", *_PLAIN, b"Content-Transfer-Encoding: x-rot13")
    tnef = b"\x78\x9f\x3e\x22" + random.randbytes(900)
    yield (
        "winmail.dat",
        _multipart(
            random,
            b"tnef",
            _PART
            + b'--b\r\nContent-Type: application/ms-tnef; name="winmail.dat"\r\n'
            + base64
            + b"\r\n\r\n"
            + encodebytes(tnef).replace(b"\n", b"\r\n")
            + b"--b--\r\n",
            _MIXED,
        ),
    )
    yield "odd content type", _message(random, b"odd type", b"Content-Type: ; / =;;charset", b"Content-Type: text")
    page = b"<html><script>alert(1)</script><style>p{</style><p>open <b>never <i>closed" + b"<div>" * 2_000
    yield "broken HTML", _message(random, b"HTML", b"Content-Type: text/html; charset=utf-8", body=page + CRLF)


def _nested(levels: int) -> bytes:
    opening = b"".join(
        b'--level%d\r\nContent-Type: multipart/mixed; boundary="level%d"\r\n\r\n' % (level, level + 1)
        for level in range(levels)
    )
    leaf = b"--level%d\r\nContent-Type: text/plain\r\n\r\ndeep down\r\n" % levels
    return opening + leaf + b"".join(b"--level%d--\r\n" % level for level in range(levels, -1, -1))


_GROUPS: tuple[Callable[[Random], Iterator[tuple[str, bytes]]], ...] = (
    _bytes_of_bytes,
    _shapes,
    _identities,
    _dates,
    _subjects,
    _multiparts,
    _attachments,
    _encodings,
)
