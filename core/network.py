"""Connecting to a server step by step, so that a failure can say which step it was and what to do. Blocking.

For every protocol alike: name lookup, TCP, and TLS with the system's authorities, an own one, or none.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

from core.errors import ConnectError

#: Connecting waits no longer than this, however patient one is with a slow server.
CONNECT_SECONDS = 30.0

Report = Callable[[str, str], None]


class Opening:
    """A connection being opened by a thread, which another thread may end at once."""

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


def open_socket(
    host: str, port: int, timeout: float, refused: str, report: Report = lambda step, text: None, opening: Opening | None = None
) -> socket.socket:
    """A TCP connection; ``report`` is told the steps ``lookup`` and ``tcp``, ``refused`` is the hint when nobody listens.

    ``timeout`` in seconds. Raises ``ConnectError``.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "not a host name"
        raise ConnectError(
            "lookup",
            f"The name {host} cannot be found ({reason}).",
            "Check the server name and the DNS of this machine.",
        ) from error
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    report("lookup", ", ".join(addresses[:3]))
    try:
        connection = socket.create_connection((host, port), timeout=min(timeout, CONNECT_SECONDS))
    except ConnectionRefusedError as error:
        raise ConnectError("tcp", f"{host} refused the connection on port {port}.", refused, retry=True) from error
    except ConnectionResetError as error:
        # It was taken, and closed before it was ours: so servers refuse one connection too many.
        raise ConnectError(
            "tcp",
            f"{host} closed the connection on port {port} at once.",
            "It may have too many connections: try again later.",
            retry=True,
            busy=True,
        ) from error
    except TimeoutError as error:
        raise ConnectError(
            "tcp", f"{host} did not answer on port {port}.", "Check the port and the firewall in between.", retry=True
        ) from error
    except OSError as error:
        raise ConnectError(
            "tcp",
            f"{host} cannot be reached on port {port} ({error.strerror}).",
            "Check server name, port and network.",
            retry=True,
        ) from error
    if opening is not None:
        opening.begin(connection)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    report("tcp", f"connected to port {port}")
    return connection


def tls_context(ca_file: str, *, accept_all: bool) -> ssl.SSLContext:
    """TLS with the system's authorities, those of ``ca_file`` (PEM), or with none. Raises ``ConnectError``."""
    try:
        settings = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConnectError(
            "certificate", f"{ca_file} holds no certificate that can be read.", "ca_file must be a PEM file."
        ) from error
    if accept_all:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    return settings


class tls_errors:
    """Translate what goes wrong in a TLS handshake; ``hint`` is for a server that speaks no TLS there."""

    def __init__(self, host: str, port: int, hint: str) -> None:
        self._host, self._port, self._hint = host, port, hint

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        host, port = self._host, self._port
        if isinstance(error, ssl.SSLCertVerificationError):
            raise certificate_error(error, host) from error
        if isinstance(error, TimeoutError):
            raise ConnectError(
                "tls", f"{host} did not answer the TLS handshake on port {port}.", "Check access and port.", retry=True
            ) from error
        if isinstance(error, OSError):
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "connection closed"
            # A connection that just ends may be a server that is starting; any other answer is no TLS, today and tomorrow.
            ended = not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError)
            message = f"{host} does not speak TLS on port {port} ({reason})."
            hint = f"{self._hint} It may also have too many connections." if ended else self._hint
            raise ConnectError("tls", message, hint, retry=ended, busy=ended) from error


def report_tls(wrapped: ssl.SSLSocket, report: Report, *, accept_all: bool) -> None:
    """Tell the steps ``tls`` and ``certificate``."""
    report("tls", wrapped.version() or "TLS")
    report("certificate", "not checked: all certificates are accepted" if accept_all else "valid for this server")


def certificate_error(error: ssl.SSLCertVerificationError, host: str) -> ConnectError:
    """What is wrong with a certificate, and what to do."""
    reasons = {
        10: ("has expired", "Have it renewed on the server"),
        18: ("is self-signed", "Give its authority as ca_file"),
        19: ("is signed by an unknown authority", "Give that authority as ca_file"),
        20: ("is signed by an unknown authority", "Give that authority as ca_file"),
        21: ("is signed by an unknown authority", "Give that authority as ca_file"),
        62: ("is for another name", "Use the name that is in the certificate"),
        64: ("is for another address", "Use the name that is in the certificate"),
    }
    what, remedy = reasons.get(error.verify_code, (f"is not valid ({error.verify_message})", "Have it corrected on the server"))
    return ConnectError(
        "certificate",
        f"The certificate of {host} {what}.",
        f"{remedy}, or set accept_all_certificates = true (then anyone in between can read along).",
    )
