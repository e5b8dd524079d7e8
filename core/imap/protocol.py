"""imaplib on a connected socket, with bounds on slowness and length of a server's answers.

Invariant: an answer takes no more memory than allowed for its command, whatever its form (endless lines, one endless line,
endless literals); unsolicited replies are dropped with the next command; errors keep their kind.
"""

from __future__ import annotations

import imaplib
import io
import re
import socket
from typing import Any

from core.errors import ArchivarError
from core.imap.codes import busy
from core.imap.pace import Pace
from core.imap.words import said
from core.message.octets import chunks
from core.text.patterns import pattern

#: Bytes; SQLite keeps no longer value, and no mail server a longer message.
LONGEST_LITERAL = 2**31 - 1
#: The longest line: FLAGS of a folder with very many keywords, or a short message as a quoted string.
LONGEST_LINE = 16 * 1024 * 1024
#: Bytes of all replies before the login is done, and of the answer to an ordinary command.
BEFORE_LOGIN, ORDINARY = 1024 * 1024, 16 * 1024 * 1024
#: Memory for a line beside its own bytes.
LINE_COST = 64
#: Bytes for the listing of a folder of any size, for each of its messages with many flags, and the most messages.
LISTING, LISTED_COST, MOST_LISTED = 40 * 1024 * 1024, 256, 1_000_000
_BUFFER = 64 * 1024
#: The first line of a FETCH reply.
_FETCHED = pattern(rb"\* (\d+) FETCH (.+)", re.ASCII)


class Ended(imaplib.IMAP4.abort):
    """The server closed the connection."""


class Farewell(imaplib.IMAP4.abort):
    """The server said BYE."""


class Slow(imaplib.IMAP4.abort):
    """An answer came too slowly."""

    def __init__(self) -> None:
        super().__init__("what was on its way hardly moved")


class Unended(imaplib.IMAP4.abort):
    """The ``line`` did not end as lines do."""

    def __init__(self, line: bytes) -> None:
        super().__init__("a line did not end as lines do")
        self.line = line


class Endless(imaplib.IMAP4.abort):
    """The answer was longer than any sensible one."""

    def __init__(self) -> None:
        super().__init__("the answer was far longer than it should be")


class Oversized(imaplib.IMAP4.abort):
    """A literal of ``size`` bytes was announced, more than the answer may still have; ``head`` is the line before it."""

    def __init__(self, size: int, head: bytes) -> None:
        super().__init__(f"{size} bytes were announced where fewer were expected")
        self.size = size
        self.head = head


class Protocol(imaplib.IMAP4):
    """imaplib's side of a connection. ``allow`` sets the bytes of the next answer."""

    def __init__(self, ready: socket.socket, host: str, port: int, pace: Pace) -> None:
        self._ready = ready
        self._pace = pace
        self._left = BEFORE_LOGIN
        self._allowed = ORDINARY
        #: A line that was read and is still to be looked at.
        self._ahead: bytes | None = None
        super().__init__(host, port)

    def allow(self, size: int) -> None:
        """Allow ``size`` bytes for the answer to the next command, lines and literals together."""
        self._allowed = size

    def send(self, data: Any) -> None:
        """Send bytes; a large message as it is read."""
        try:
            for chunk in chunks(data):
                super().send(chunk)
        except ArchivarError as error:
            # In the middle of a literal: the server would take the next command for its rest.
            raise self.abort(f"the message could not be read to its end: {error.message}") from error

    # Called by imaplib ----------------------------------------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port, self.sock = host, port, self._ready
        self.watch()

    def watch(self) -> None:
        """Read from the present socket, also after TLS has begun."""
        raw = _Arrivals(self.sock, self._pace)
        # Newer versions have ``file`` as a property.
        name = "_file" if isinstance(getattr(type(self), "file", None), property) else "file"
        setattr(self, name, io.BufferedReader(raw, _BUFFER))

    @property
    def _stream(self) -> Any:
        # imaplib sets it anew when TLS begins. An attribute that is not there is a command to it, which takes long to refuse.
        own = self.__dict__
        return own.get("_file") or own["file"]

    def _get_capabilities(self) -> None:
        # The first command. imaplib requires a text after OK; some servers leave it out.
        tag: Any = self.tagpre
        self.tagre = re.compile(rb"(?P<tag>" + tag + rb"\d+) (?P<type>[A-Z]+) ?(?P<data>.*)", re.ASCII)
        kind, data = self._simple_command("CAPABILITY")
        if kind != "OK":
            # Not "no IMAP server", as imaplib would call a busy one.
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
            # imaplib does not check for BYE while it waits for a continuation.
            self._check_bye()
            raise

    def begin(self, *, keep: bool = False) -> None:
        """Begin a command; with ``keep`` earlier replies are still to be read."""
        self._pace.answer()
        if self.state in ("NONAUTH", "LOGOUT"):
            # All replies before the login share one bound.
            return
        self._left, self._allowed = self._allowed, ORDINARY
        if keep:
            return
        # Unsolicited replies are of no more use, and together could be large.
        bye = self.untagged_responses.get("BYE")
        self.untagged_responses = {"BYE": bye} if bye else {}

    def _command_complete(self, name: str, tag: bytes) -> tuple[str, list[Any]]:
        # imaplib's own method turns every error into another one, and puts the command before its text.
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
        """A refusal with the code of an untagged NO just before it, which may have the only one."""
        if busy(said(data)):
            return data
        aside = [*self.untagged_responses.pop("NO", []), *self.untagged_responses.pop("BAD", [])]
        told = [line for line in aside if isinstance(line, bytes) and busy(line.decode("latin-1"))]
        return [told[-1] + b", " + b" ".join(part for part in data if isinstance(part, bytes))] if told else data

    def _check_bye(self) -> None:
        if bye := self.untagged_responses.get("BYE"):
            raise Farewell(bye[-1])

    def _get_response(self) -> Any:
        # FETCH replies, of which there may be a million, without imaplib's six looks at each; any other as imaplib reads it.
        while found := _FETCHED.match(line := self._get_line()):
            data = found[1] + b" " + found[2]
            while data.endswith(b"}") and self._match(self.Literal, data):
                self._append_untagged("FETCH", (data, self.read(int(self.mo["size"]))))
                try:
                    data = self._get_line()
                except Unended as error:
                    # The rest of the message, if the literal was too short.
                    self._append_untagged("FETCH", error.line)
                    raise
            self._append_untagged("FETCH", data)
        self._ahead = line
        return super()._get_response()  # type: ignore[misc]

    def _get_line(self) -> bytes:
        if (ahead := self._ahead) is not None:
            self._ahead = None
            return ahead
        # Without imaplib's log of every line.
        line = self.readline()
        if not line.endswith(b"\r\n"):
            raise Unended(line)
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
        """A literal, whole, in one piece of memory: untouched pages of it take none."""
        if size > LONGEST_LITERAL:
            raise self.abort(f"the server announced a message of {size} bytes")
        if size > self._left:
            raise Oversized(size, self.mo.string)
        self._left -= size
        self._pace.literal()
        # Not imaplib's own ``read``: newer versions join pieces, and hold a large message twice.
        data: bytes = self._stream.read(size)
        self._pace.whole()
        if len(data) < size:
            raise Ended("it was closed in the middle of a message")
        return data


class _Arrivals(io.RawIOBase):
    """The bytes of a socket, reporting each arrival to ``pace``."""

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
