"""One connection through the Kerio double: what passes between the client and Dovecot, and what is changed on the way."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING, NoReturn

from tests.servers.dovecot import SPECIAL_USE

if TYPE_CHECKING:
    from tests.servers.kerio import Kerio

AT_ONCE = 65536
_USES = {"INBOX": r"\Inbox"} | SPECIAL_USE
LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")
_LISTED = re.compile(rb'(\* LIST \()([^)]*)(\) \S+ )("[^"]*"|[^"\s]+)(.*)', re.DOTALL)
_CODE = re.compile(rb"((?:\* )?(?:OK|NO) )\[(CAPABILITY|APPENDUID|COPYUID|HIGHESTMODSEQ) [^\]]*\] ?")
_COUNT = re.compile(rb"\* (?:(\d+) (EXISTS|EXPUNGE)|VANISHED ([\d:,]+))\r\n")
NEVER = {"IDLE", "STARTTLS"}  # what the front itself cannot do
_CODE_NEEDS = {b"APPENDUID": "UIDPLUS", b"COPYUID": "UIDPLUS", b"HIGHESTMODSEQ": "CONDSTORE"}


class Ended(Exception):
    """The connection is over."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``raw`` is what Dovecot gets behind the tag, ``shown`` the same with quoted strings for literals."""

    tag: bytes
    verb: str
    raw: bytes
    shown: str


class Relay:
    """Passes lines and literals on in both directions; the client sees Kerio."""

    server: socket.socket
    replies: BufferedReader

    def __init__(self, kerio: Kerio, client: socket.socket, number: int, *, refused: bool) -> None:
        self.kerio = kerio
        self.behaviour = kerio.behaviour
        self.client = client
        self.lines = client.makefile("rb")
        self.number = number
        self.refused = refused
        self.challenge = kerio.behaviour.challenge or f"<{number}.{secrets.token_hex(8)}@mail.example.test>"
        self.is_master = False
        self.refusals = 0
        self.exists: int | None = None  # messages in the selected folder
        self.writable: str | None = None  # the selected folder, unless it is read-only
        self.mute = False

    # -- to and from the client

    def say(self, line: str | bytes) -> None:
        self.pass_on((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def end(self, *lines: bytes) -> NoReturn:
        """Say this and close; the client may connect anew as soon as it has read it."""
        self.kerio.release(self)
        for line in lines:
            self.say(line)
        raise Ended

    def pass_on(self, data: bytes) -> None:
        if not self.mute:
            self.client.sendall(data)

    def ask(self, prompt: bytes) -> None:
        """A continuation request: part of the question, so it is sent even when the answer is not."""
        self.client.sendall(prompt + b"\r\n")

    def with_literals(self, line: bytes) -> tuple[bytes, str]:
        """``raw`` and ``shown`` of a command that begins with this line."""
        raw = shown = b""
        while found := LITERAL.search(line):
            if not found[2]:
                self.ask(b"+ go on")
            head, literal = line[: found.start()], self.lines.read(int(found[1]))
            raw += head + b"{%d+}\r\n" % len(literal) + literal
            shown += head + b'"' + re.sub(rb'(["\\])', rb"\\\1", literal) + b'"'
            line = read_line(self.lines)
        return raw + line, (shown + line).decode("utf-8", "surrogateescape")

    def drop_literals(self, line: bytes) -> None:
        """Read what follows a first line that is refused: literals for which the client does not wait to be asked."""
        while (found := LITERAL.search(line)) and found[2]:
            self.lines.read(int(found[1]))
            line = read_line(self.lines)

    def happens(self, knob: str, verb: str) -> bool:
        """True when this once-knob is set to this verb; then it is switched off."""
        with self.kerio.lock:
            if getattr(self.behaviour, knob) != verb:
                return False
            setattr(self.behaviour, knob, None)
            return True

    # -- to and from Dovecot

    def forward(self, command: Command) -> bytes:
        """Have Dovecot do a command; untagged replies are passed on, the tagged answer comes back without its tag."""
        self.server.sendall(command.tag + b" " + command.raw + b"\r\n")
        answer = self.relay(command.tag)
        while answer.startswith(b"+"):
            self.ask(answer)
            self.server.sendall(read_line(self.lines) + b"\r\n")
            answer = self.relay(command.tag)
        return answer

    def own(self, line: str) -> bytes:
        """Have Dovecot do a command of ours: the client sees only what happens to the folder."""
        tag = b"double-" + secrets.token_hex(4).encode()
        self.server.sendall(tag + b" " + line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.relay(tag, own=True)

    def relay(self, tag: bytes, *, own: bool = False) -> bytes:
        """Pass untagged replies on until the tagged answer or a continuation request, which is returned."""
        listing = False
        while True:
            line = read_line(self.replies) + b"\r\n"
            if line.startswith((tag + b" ", b"+")):
                return self.without_codes(line.removeprefix(tag + b" ").removesuffix(b"\r\n"))
            if own and line.startswith((b"* OK [", b"* CAPABILITY ")):
                continue
            if re.match(rb"\* (LIST|\d+ FETCH) ", line):
                if listing and self.behaviour.noise and self.exists is not None:
                    self.pass_on(b"* %d EXISTS\r\n* 0 RECENT\r\n" % self.exists)
                listing = True
            if line.startswith(b"* BYE "):
                self.kerio.release(self)
            self.count(line)
            self.pass_on(self.edited(line))
            while found := LITERAL.search(line.removesuffix(b"\r\n")):
                stream(self.replies, int(found[1]), self.pass_on)
                line = read_line(self.replies) + b"\r\n"
                self.pass_on(line)

    def count(self, line: bytes) -> None:
        found = _COUNT.match(line)
        if not found or self.exists is None:
            return
        number, kind, vanished = found.groups()
        if kind == b"EXISTS":
            self.exists = int(number)
        elif kind == b"EXPUNGE":
            self.exists -= 1
        else:
            ends = [[int(end) for end in part.split(b":")] for part in vanished.split(b",")]
            self.exists -= sum(end[-1] - end[0] + 1 for end in ends)

    def edited(self, line: bytes) -> bytes:
        """A reply as Kerio would send it."""
        if line.startswith(b"* CAPABILITY "):
            shut = {item.encode() for item in self.behaviour.hidden | NEVER}
            return b" ".join(item for item in line.split() if item not in shut) + b"\r\n"
        if line.startswith(b"* OK [PERMANENTFLAGS "):
            return re.sub(rb" ?\\\*", b"", line)
        if found := _LISTED.match(line):
            head, attributes, middle, name, end = found.groups()
            use = _USES.get(name.strip(b'"').decode("ascii", "replace"), "").encode()
            if use not in attributes.split():
                attributes = (attributes + b" " + use).strip()
            return head + attributes + middle + name + end
        return self.without_codes(line)

    def without_codes(self, line: bytes) -> bytes:
        """A status reply without codes that list capabilities or belong to a hidden one."""
        found = _CODE.match(line)
        if found and (found[2] == b"CAPABILITY" or _CODE_NEEDS[found[2]] in self.behaviour.hidden):
            return found[1] + line[found.end() :]
        return line


def read_line(source: BufferedReader) -> bytes:
    line = source.readline()
    if not line.endswith(b"\n"):
        raise Ended
    return line.removesuffix(b"\n").removesuffix(b"\r")


def stream(source: BufferedReader, size: int, sink: Callable[[bytes], object]) -> None:
    while size:
        data = source.read1(min(size, AT_ONCE))
        if not data:
            raise Ended
        size -= len(data)
        sink(data)
