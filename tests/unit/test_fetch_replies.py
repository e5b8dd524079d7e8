"""FETCH replies as the protocol reads them: any answer is read as imaplib reads it, in far fewer calls."""

from __future__ import annotations

import imaplib
import io
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from core.imap.pace import Pace
from core.imap.protocol import ORDINARY, Protocol, Slow

LINES = st.sampled_from(
    [
        b'* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4)\r\n',
        b"* 2 FETCH (UID 6 BODY[] {4}\r\nab\r\n)\r\n",
        b"* 2 FETCH (UID 6 BODY[] {0}\r\n)\r\n",
        b"* 3 FETCH (UID 7 BODY[HEADER] {2}\r\n\r\n BODY[] {3}\r\n)\r\n FLAGS ())\r\n",
        b"* 4 FETCH (UID 8 BODY[] ~{2}\r\n{}\r\n",
        b"* 4 FETCH (UID 8 BODY[] {2x}\r\n",
        b"* 4 FETCH (UID 8 BODY[] {9}\r\n",
        b"* 4 FETCH (UID 8 BODY[] {99999999}\r\n",
        b"* 5 FETCH\r\n",
        b"* 5 FETCH \r\n",
        b"* 5 fetch (UID 9)\r\n",
        b"* 23 EXISTS\r\n",
        b"* NO [UNAVAILABLE] not now\r\n",
        b"* BYE [UNAVAILABLE] good night\r\n",
        b"+ go on\r\n",
        b"A1 OK [READ-ONLY] done {3}\r\n",
        b"A1 NO never\r\n",
        b"no reply\r\n",
        b"\n",
        b"* 6 FETCH (",
    ]
)


class _Reading(Protocol):
    """A protocol that reads ``answer``, and counts the lines it was asked for."""

    def __init__(self, answer: bytes) -> None:
        self._mode_ascii()
        self.debug = 0
        self.state = "SELECTED"
        self.untagged_responses: dict[str, list[Any]] = {}
        self.tagged_commands: dict[bytes, Any] = {b"A1": None}
        self.tagre: Any = re.compile(rb"(?P<tag>A\d+) (?P<type>[A-Z]+) ?(?P<data>.*)", re.ASCII)
        self._pace = Pace(0, 60, Slow)
        self._left = ORDINARY
        self._ahead = None
        setattr(self, "_file" if isinstance(getattr(imaplib.IMAP4, "file", None), property) else "file", io.BytesIO(answer))

    def answered(self) -> tuple[Any, dict[str, list[Any]]]:
        """The end of the command, or its error; and the replies before."""
        try:
            told: Any = self._command_complete("UID", b"A1")
        except (imaplib.IMAP4.error, ValueError) as error:
            told = type(error), str(error)
        return told, self.untagged_responses


class _AsImaplib(_Reading):
    _get_response = imaplib.IMAP4._get_response  # type: ignore[attr-defined]


@given(st.lists(LINES, max_size=8), st.booleans())
@example([b"* 2 FETCH (UID 6 BODY[] {4}\r\nab\r\n)\r\n"] * 3, True)
def test_answers_are_read_as_imaplib_reads_them(lines: list[bytes], whole: bool) -> None:
    answer = b"".join(lines) + (b"A1 OK done\r\n" if whole else b"")
    assert _Reading(answer).answered() == _AsImaplib(answer).answered()


def test_a_reply_with_a_message_is_matched_against_few_patterns() -> None:
    reading = _Reading(b"* 2 FETCH (UID 6 BODY[] {4}\r\nab\r\n)\r\n" * 500 + b"A1 OK done\r\n")
    calls = 0
    matched = reading._match

    def match(pattern: Any, text: bytes) -> bool:
        nonlocal calls
        calls += 1
        return bool(matched(pattern, text))

    reading._match = match  # type: ignore[attr-defined]
    told, replies = reading.answered()
    assert told == ("OK", [b"done"])
    assert len(replies["FETCH"]) == 1000
    assert calls < 510
