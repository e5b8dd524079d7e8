"""imaplib on a socket that is connected, with bounds on how slowly and how much a server may answer.

What holds here: an answer takes no more memory than was allowed for its command, whatever is in it (lines without end, one
line without end, literals without end); what was said unasked is forgotten with the next command; an error keeps the kind
that it was raised with.
"""

from __future__ import annotations

import imaplib
import io
import re
import socket
from typing import Any

from core.imap.codes import busy
from core.imap.pace import Pace
from core.imap.words import said

#: SQLite keeps no value that is longer, and no mail server a message.
LONGEST_LITERAL = 2**31 - 1
#: The longest line: FLAGS of a folder with very many keywords, or a short message as a quoted string.
LONGEST_LINE = 16 * 1024 * 1024
#: All that is said until the login is done, and the answer to a command that does not ask for much.
BEFORE_LOGIN, ORDINARY = 1024 * 1024, 16 * 1024 * 1024
#: What a line costs in memory beside its own bytes.
LINE_COST = 64
#: The listing of a folder, whatever number of messages it names; each of these, with many flags; and the most of them.
LISTING, LISTED_COST, MOST_LISTED = 40 * 1024 * 1024, 256, 1_000_000
_BUFFER = 64 * 1024


class Ended(imaplib.IMAP4.abort):
    """The other side closed the connection."""


class Farewell(imaplib.IMAP4.abort):
    """The other side said BYE."""


class Slow(imaplib.IMAP4.abort):
    """An answer came too slowly."""

    def __init__(self) -> None:
        super().__init__("what was on its way hardly moved")


class Endless(imaplib.IMAP4.abort):
    """The answer was longer than any that would make sense."""

    def __init__(self) -> None:
        super().__init__("the answer was far longer than it should be")


class Oversized(imaplib.IMAP4.abort):
    """A literal of ``size`` bytes was announced, more than was left for the answer; ``head`` is the line before it."""

    def __init__(self, size: int, head: bytes) -> None:
        super().__init__(f"{size} bytes were announced where fewer were expected")
        self.size = size
        self.head = head


class Protocol(imaplib.IMAP4):
    """imaplib's side of a connection. ``allow`` says how many bytes the answer to the next command may take."""

    def __init__(self, ready: socket.socket, host: str, port: int, pace: Pace) -> None:
        self._ready = ready
        self._pace = pace
        self._left = BEFORE_LOGIN
        self._allowed = ORDINARY
        super().__init__(host, port)

    def allow(self, size: int) -> None:
        """The answer to the next command may take ``size`` bytes, in lines and literals together."""
        self._allowed = size

    # What imaplib calls --------------------------------------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port, self.sock = host, port, self._ready
        self.watch()

    def watch(self) -> None:
        """Read from the socket as it is now, after TLS has begun too."""
        raw = _Arrivals(self.sock, self._pace)
        # Newer versions have ``file`` as a property.
        name = "_file" if isinstance(getattr(type(self), "file", None), property) else "file"
        setattr(self, name, io.BufferedReader(raw, _BUFFER))

    @property
    def _stream(self) -> Any:
        return self._file if hasattr(self, "_file") else self.file

    def _get_capabilities(self) -> None:
        # The first command. imaplib wants a text after OK; servers exist that leave it out.
        tag: Any = self.tagpre
        self.tagre = re.compile(rb"(?P<tag>" + tag + rb"\d+) (?P<type>[A-Z]+) ?(?P<data>.*)", re.ASCII)
        kind, data = self._simple_command("CAPABILITY")
        if kind != "OK":
            # Not "no IMAP server", as imaplib would call one that has too much to do.
            raise self.error(data[-1])
        told = self.untagged_responses.pop("CAPABILITY", [b""])[-1]
        if not isinstance(told, bytes) or not told:
            raise self.error("no CAPABILITY response from server")
        self.capabilities = tuple(told.decode("latin-1").upper().split())

    def _command(self, name: str, *arguments: Any) -> Any:
        self.begin()
        try:
            return super()._command(name, *arguments)  # type: ignore[misc]
        except Ended:
            # While it waits to be asked for more, imaplib does not look whether leave was taken.
            self._check_bye()
            raise

    def begin(self, *, keep: bool = False) -> None:
        """A command is about to be sent; with ``keep`` what came before is still to be read."""
        self._pace.answer()
        if self.state in ("NONAUTH", "LOGOUT"):
            # What is said until the login is done has one bound in all.
            return
        self._left, self._allowed = self._allowed, ORDINARY
        if keep:
            return
        # Nothing of what came unasked is of use any more, and together it could be much.
        bye = self.untagged_responses.get("BYE")
        self.untagged_responses = {"BYE": bye} if bye else {}

    def _command_complete(self, name: str, tag: bytes) -> tuple[str, list[Any]]:
        # imaplib's own turns every error into another one, and puts the command before its text.
        if name != "LOGOUT":
            self._check_bye()
        kind, data = self._get_tagged_response(tag, expect_bye=name == "LOGOUT")
        if name != "LOGOUT":
            self._check_bye()
        if kind != "OK":
            data = self._with_reason(data)
        if kind == "BAD":
            raise self.error(f"{name} command error: {kind} {data}")
        return kind, data

    def _with_reason(self, data: list[Any]) -> list[Any]:
        """A refusal, with what was said just before it for programs: the code may stand in an untagged NO alone."""
        if busy(said(data)):
            return data
        aside = [*self.untagged_responses.pop("NO", []), *self.untagged_responses.pop("BAD", [])]
        told = [line for line in aside if isinstance(line, bytes) and busy(line.decode("latin-1"))]
        return [told[-1] + b", " + b" ".join(part for part in data if isinstance(part, bytes))] if told else data

    def _check_bye(self) -> None:
        if bye := self.untagged_responses.get("BYE"):
            raise Farewell(bye[-1])

    def _get_line(self) -> bytes:
        # Without imaplib's log of every line.
        line = self.readline()
        if not line.endswith(b"\r\n"):
            raise self.abort("a line did not end as lines do")
        return line[:-2]

    def readline(self) -> bytes:
        """A line with its end."""
        pace, left = self._pace, self._left
        if left < 0:
            raise Endless
        most = min(LONGEST_LINE, left)
        pace.line()
        line: bytes = self._stream.readline(most + 1)
        pace.whole()
        if not line.endswith(b"\n"):
            if len(line) > most:
                raise Endless
            raise Ended("it was closed in the middle of a line" if line else "it was closed")
        self._left = left - len(line) - LINE_COST
        return line

    def read(self, size: int) -> bytes:
        """A literal, whole, in one piece of memory: pages of it that nothing was written to yet take none."""
        if size > LONGEST_LITERAL:
            raise self.abort(f"the server announced a message of {size} bytes")
        if size > self._left:
            raise Oversized(size, self.mo.string)
        self._left -= size
        self._pace.literal()
        # Not imaplib's own ``read``: newer ones gather pieces and join them, and hold a large message twice.
        data: bytes = self._stream.read(size)
        self._pace.whole()
        if len(data) < size:
            raise Ended("it was closed in the middle of a message")
        return data


class _Arrivals(io.RawIOBase):
    """The bytes of a socket, with a word to ``pace`` for each arrival."""

    def __init__(self, source: socket.socket, pace: Pace) -> None:
        self._receive = source.recv_into
        self._arrived = pace.arrived

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._receive(buffer)
        if count:
            self._arrived(count)
        return count
