"""Journal reports as Exchange writes them, for tests."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Sequence


def report(
    inner: bytes,
    lines: Sequence[str],
    *,
    mark: str = "X-MS-Journal-Report: ",
    text_encoding: str = "7bit",
    message_encoding: str = "",
) -> bytes:
    """A report about ``inner``; encodings are those of its two parts."""
    text = "\r\n".join([*lines, ""]).encode()
    if text_encoding == "base64":
        text = base64.encodebytes(text).replace(b"\n", b"\r\n")
    elif text_encoding == "quoted-printable":
        text = quopri.encodestring(text)
    if message_encoding == "base64":
        inner = base64.b64encode(inner)
    head = [
        *("From: Microsoft Exchange <postmaster@example.test>", "To: journal@example.test", mark),
        *("Subject: a report", "MIME-Version: 1.0", 'Content-Type: multipart/mixed;\r\n\tboundary="JB"', "", "--JB"),
        *('Content-Type: text/plain; charset="utf-8"', f"Content-Transfer-Encoding: {text_encoding}", "", ""),
    ]
    encoding = f"Content-Transfer-Encoding: {message_encoding.partition(' ')[0]}\r\n" if message_encoding else ""
    return b"".join(
        [
            "\r\n".join(head).encode(),
            text,
            f"\r\n--JB\r\nContent-Type: message/rfc822\r\n{encoding}\r\n".encode(),
            inner,
            b"\r\n--JB--\r\n",
        ]
    )
