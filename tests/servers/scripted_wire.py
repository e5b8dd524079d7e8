"""One connection to an IMAP server that plays a script: lines and literals."""

from __future__ import annotations

import re
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.scripted import ScriptedServer

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")


class Ended(Exception):
    """The connection is over."""


class Connection:
    """One connection: what the client sends, and what it is sent."""

    def __init__(self, server: ScriptedServer, connection: socket.socket, number: int) -> None:
        self.server = server
        self.script = server.script
        self.socket = connection
        self.number = number
        self.buffer = b""
        self.turn = 0
        self.done = 0
        self.open = False
        self.selected: str | None = None
        self.crowded = False

    def pour(self, verb: str) -> None:
        """The flood of a script, until the client has had enough."""
        if (drop := self.script.flood.get(verb)) is None:
            return
        piece = drop * (65536 // len(drop) + 1)
        while not self.server.stopping.is_set():
            self.socket.sendall(piece)
            with self.server.lock:
                self.server.poured += len(piece)

    # -- lines and literals

    def send(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise Ended
        self.buffer += data

    def line(self) -> bytes:
        if b"\n" not in self.buffer:
            self.turn += 1
        while b"\n" not in self.buffer:
            self.receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def whole_line(self) -> str:
        """A command with its literals put in as quoted strings."""
        line = self.line()
        while found := _LITERAL.search(line):
            size = int(found[1])
            if not found[2]:
                self.send("+ go on")
            while len(self.buffer) < size:
                self.receive()
            literal, self.buffer = self.buffer[:size], self.buffer[size:]
            escaped = literal.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            line = line[: found.start()] + b'"' + escaped + b'"' + self.line()
        return line.decode("utf-8", "surrogateescape")

    def cut(self) -> None:
        if self.script.reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended
