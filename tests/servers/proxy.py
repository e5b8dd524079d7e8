"""A TCP proxy before a real server that counts what passes and can cut or hold it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
_AT_ONCE = 65536


class Proxy:
    """Passes connections on to ``host``:``port`` while the ``with`` block lasts; itself listens on ``self.port``.

    Counters (all connections together, ``reset_counters`` starts anew): ``connections``, ``bytes_to_server``,
    ``bytes_to_client`` and ``turns``, the number of times the client spoke after the server had, that is, round
    trips; commands that are sent while replies still come in are counted too, so it is an upper bound.

    ``drop_after_bytes`` ends the connection when so many bytes have gone to the client since the counters were reset, with
    RST if ``reset`` is set; it switches itself off. ``stall_after_bytes`` lets none through after so many; set to None it
    lets the rest pass. ``refuse`` closes new connections at once. All may be set while the proxy runs.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.host = HOST
        self.port = 0
        self.connections = 0
        self.bytes_to_server = 0
        self.bytes_to_client = 0
        self.turns = 0
        self.drop_after_bytes: int | None = None
        self.reset = False
        self.refuse = False
        self._stall_after_bytes: int | None = None
        self._changed = threading.Condition(threading.RLock())
        self._stopping = False
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._pairs: list[_Pair] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._listener is not None:
            # Only a shutdown wakes the thread that waits in accept.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    @property
    def stall_after_bytes(self) -> int | None:
        return self._stall_after_bytes

    @stall_after_bytes.setter
    def stall_after_bytes(self, value: int | None) -> None:
        with self._changed:
            self._stall_after_bytes = value
            self._changed.notify_all()

    def reset_counters(self) -> None:
        with self._changed:
            self.connections = self.bytes_to_server = self.bytes_to_client = self.turns = 0

    def cut(self) -> None:
        """End all connections that are open now."""
        with self._changed:
            for pair in self._pairs:
                pair.end(reset=self.reset)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                if self.refuse or self._stopping:
                    client.close()
                    continue
                try:
                    pair = _Pair(client, socket.create_connection(self.target))
                except OSError:
                    # The server is down: so it seems to the client.
                    client.close()
                    continue
                # Small pieces at once: whoever waits for each of them would lose 40 ms every time.
                for one in (pair.client, pair.server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs.append(pair)
            self._start(partial(self._pass, pair, to_client=False))
            self._start(partial(self._pass, pair, to_client=True))

    def _pass(self, pair: _Pair, *, to_client: bool) -> None:
        source, target = (pair.server, pair.client) if to_client else (pair.client, pair.server)
        try:
            while data := source.recv(_AT_ONCE):
                allowed = self._count(pair, data, to_client=to_client)
                target.sendall(data[:allowed])
                if allowed < len(data):
                    break
        except OSError:
            # One side is gone; the other one is told below.
            pass
        pair.half_done(reset=self.reset)

    def _count(self, pair: _Pair, data: bytes, *, to_client: bool) -> int:
        """The number of these bytes that may pass; waits while they are held back."""
        with self._changed:
            if not to_client:
                self.turns += pair.server_spoke
                pair.server_spoke = False
                self.bytes_to_server += len(data)
                return len(data)
            pair.server_spoke = True
            self._changed.wait_for(lambda: self._stopping or not self._stalls(len(data)))
            allowed = len(data)
            if self.drop_after_bytes is not None and self.bytes_to_client + len(data) > self.drop_after_bytes:
                allowed = max(0, self.drop_after_bytes - self.bytes_to_client)
                self.drop_after_bytes = None
            self.bytes_to_client += allowed
            return allowed

    def _stalls(self, size: int) -> bool:
        return self._stall_after_bytes is not None and self.bytes_to_client + size > self._stall_after_bytes


class _Pair:
    """The two sockets of one connection; closed when both directions have ended."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.server_spoke = False
        self._lock = threading.Lock()
        self._ended = 0

    def end(self, *, reset: bool) -> None:
        with self._lock:
            if self._ended < 2:
                if reset:
                    # With SO_LINGER 0 the close that follows sends RST; a shutdown would send FIN before it.
                    self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    with suppress(OSError):
                        self.client.shutdown(socket.SHUT_RD)
                else:
                    with suppress(OSError):
                        self.client.shutdown(socket.SHUT_RDWR)
                with suppress(OSError):
                    self.server.shutdown(socket.SHUT_RDWR)

    def half_done(self, *, reset: bool) -> None:
        self.end(reset=reset)
        with self._lock:
            self._ended += 1
            if self._ended == 2:
                self.client.close()
                self.server.close()
