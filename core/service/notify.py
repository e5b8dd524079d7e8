"""Notifications to systemd by ``sd_notify``: a datagram to the socket in the environment. None without one."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

#: Signs of life per interval in which systemd expects one.
SIGNS = 4


class Notifier:
    """``ready`` once, ``alive`` from the loop as it goes round, ``stopping`` at the end."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._interval = int(microseconds) / 1e6 / SIGNS if ours and microseconds.isdecimal() else 0.0
        self._last = float("-inf")

    def ready(self) -> None:
        """The service has its archive open and takes runs."""
        self._send("READY=1")

    def alive(self, time: float) -> None:
        """The loop is alive; ``time`` in seconds of a monotonic clock. Not every call sends."""
        if self._interval and time - self._last >= self._interval:
            self._last = time
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The service is ending regularly."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A name that begins with @ is no file's (abstract socket).
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # It must never block, and a lost sign is followed by others.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
            one.setblocking(False)
            one.sendto(text.encode(), address)
