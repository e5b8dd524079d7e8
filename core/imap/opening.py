"""A connection while it is being opened: the thread that does it may wait for a silent server, and must not wait for long."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Opening:
    """A connection being opened, which another thread may end at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = False
        self._socket: socket.socket | None = None

    def begin(self, connected: socket.socket) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            # A handle of our own: TLS takes the other one away.
            self._socket = connected.dup()
            if self._ended:
                self._shut()

    def done(self) -> None:
        """The connection belongs to somebody else now, or it failed."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    def end(self) -> None:
        """Whatever waits for the server fails now."""
        with self._lock:
            self._ended = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
