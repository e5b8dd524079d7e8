"""Connecting to a server step by step, so that an error names the failed step and the remedy. Blocking.

For every protocol alike: name lookup, TCP, and TLS with the system's authorities, an own one, or none.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

from core.errors import ConnectError
from core.problems import certificate
from core.problems import connection as problems
from core.problems.code import Code, Reason

#: Seconds; the most for connecting, however long the timeout for answers.
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
            # A duplicate handle: TLS replaces the other one.
            self._socket = connected.dup()
            if self._ended:
                self._shut()

    def done(self) -> None:
        """Release the connection to its user, or after a failure."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    def end(self) -> None:
        """End the connection, so that every wait for the server fails now."""
        with self._lock:
            self._ended = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def open_socket(
    host: str, port: int, timeout: float, report: Report = lambda step, text: None, opening: Opening | None = None
) -> socket.socket:
    """A TCP connection; ``report`` gets the steps ``lookup`` and ``tcp``. ``timeout`` in seconds.

    Raises ``ConnectError``.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        said = error.strerror if isinstance(error, socket.gaierror) else "not a host name"
        raise ConnectError("lookup", problems.LOOKUP_FAILED(host=host, said=said or "no reason given")) from error
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    report("lookup", ", ".join(addresses[:3]))
    try:
        connection = socket.create_connection((host, port), timeout=min(timeout, CONNECT_SECONDS))
    except ConnectionRefusedError as error:
        raise ConnectError("tcp", problems.CONNECTION_REFUSED(host=host, port=port), retry=True) from error
    except ConnectionResetError as error:
        # Accepted and closed at once: this is how servers refuse one connection too many.
        raise ConnectError("tcp", problems.CLOSED_AT_ONCE(host=host, port=port), retry=True, busy=True) from error
    except TimeoutError as error:
        raise ConnectError("tcp", problems.NO_ANSWER(host=host, port=port), retry=True) from error
    except OSError as error:
        reason = problems.UNREACHABLE(host=host, port=port, said=str(error.strerror))
        raise ConnectError("tcp", reason, retry=True) from error
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
        raise ConnectError("certificate", certificate.NO_AUTHORITIES(file=ca_file)) from error
    if accept_all:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    return settings


class tls_errors:
    """Translate errors of a TLS handshake; ``no_tls`` is the code for a server that does not speak TLS there."""

    def __init__(self, host: str, port: int, no_tls: Code = problems.NO_TLS) -> None:
        self._host, self._port, self._no_tls = host, port, no_tls

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        host, port = self._host, self._port
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = certificate_problem(error, host)
            raise ConnectError("certificate", reason) from error
        if isinstance(error, TimeoutError):
            raise ConnectError("tls", problems.NO_TLS_ANSWER(host=host, port=port), retry=True) from error
        if isinstance(error, OSError):
            said = str(getattr(error, "reason", None) or getattr(error, "strerror", None) or "connection closed")
            # A connection that just ends may be a starting server; any other answer is no TLS, today and tomorrow.
            ended = not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError)
            code = problems.TLS_ENDED if ended else self._no_tls
            raise ConnectError("tls", code(host=host, port=port, said=said), retry=ended, busy=ended) from error


def report_tls(wrapped: ssl.SSLSocket, report: Report, *, accept_all: bool) -> None:
    """Report the steps ``tls`` and ``certificate``."""
    report("tls", wrapped.version() or "TLS")
    report("certificate", "not checked: all certificates are accepted" if accept_all else "valid for this server")


#: OpenSSL's errors of a certificate (X509_V_ERR_*).
_CERTIFICATES = {
    10: certificate.EXPIRED,
    18: certificate.SELF_SIGNED,
    19: certificate.UNKNOWN_AUTHORITY,
    20: certificate.UNKNOWN_AUTHORITY,
    21: certificate.UNKNOWN_AUTHORITY,
    62: certificate.OTHER_NAME,
    64: certificate.OTHER_ADDRESS,
}


def certificate_problem(error: ssl.SSLCertVerificationError, host: str) -> Reason:
    """The fault of a certificate."""
    if code := _CERTIFICATES.get(error.verify_code):
        return code(host=host)
    return certificate.INVALID(host=host, said=error.verify_message)
