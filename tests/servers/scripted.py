"""An IMAP server that plays a script: every behaviour that a real server does not show on demand.

It speaks enough of RFC 3501 to be archived from and deleted on, plus Kerio's master login. Every misbehaviour is an
attribute, which may be changed while the server runs; those that say "once" switch themselves off when they have happened,
so that the next try succeeds. Connections are numbered from 1 in the order in which they were accepted.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.servers.script import HOST, Received, Script, Stored
from tests.servers.scripted_mail import chosen
from tests.servers.scripted_session import Session
from tests.servers.scripted_wire import Ended

__all__ = ["HOST", "Ended", "Received", "Script", "ScriptedServer", "Session", "Stored", "chosen"]


class ScriptedServer:
    """The server, listening while the ``with`` block lasts; every name and password is welcome.

    ``folders`` (name -> messages) may be changed while it runs. ``tls`` makes it speak TLS from the first byte; without
    it a client that tries gets the plain greeting. What it was told is in ``commands``, passwords taken out.
    """

    def __init__(
        self,
        folders: Mapping[str, Iterable[Stored]],
        script: Script | None = None,
        *,
        separator: str = "/",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folders = {name: list(messages) for name, messages in folders.items()}
        self.script = script or Script()
        self.separator = separator
        self.tls = tls
        self.host = HOST
        self.port = 0
        self.commands: list[Received] = []
        self.logins: list[str] = []
        self.bodies = 0  # whole messages sent
        self.connections = 0
        self.poured = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._sessions: list[Session] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopping.set()
        if self._listener is not None:
            # Only a shutdown wakes the thread that waits in accept.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self.lock:
            for session in self._sessions:
                with suppress(OSError):
                    session.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def lines(self, connection: int | None = None) -> list[str]:
        """The commands received, of one connection or of all, without their tags."""
        with self.lock:
            return [received.line.partition(" ")[2] for received in self.commands if connection in (None, received.connection)]

    def round_trips_after_login(self, connection: int) -> int:
        """The number of waits for the client between login and LOGOUT (commands sent at once: one)."""
        with self.lock:
            turns: set[int] = set()
            for received in (one for one in self.commands if one.connection == connection):
                verb = received.line.split(" ")[1].upper() if " " in received.line else ""
                if verb in ("LOGIN", "AUTHENTICATE", "X-SETUSER", "X-MASTERAUTH"):
                    turns.clear()
                elif verb != "LOGOUT":
                    turns.add(received.turn)
            return len(turns)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self.stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            # Small answers at once: a client that waits for each would lose 40 ms every time.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                session = Session(self, accepted, self.connections)
                self._sessions.append(session)
            self._start(session.run)
