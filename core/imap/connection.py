"""Connecting and logging in, step by step, so that an error names the failed step and the remedy.

Blocking; a session runs it in its thread.
"""

from __future__ import annotations

import imaplib
import socket
import ssl
from dataclasses import replace
from typing import Any

import imapclient
from imapclient.exceptions import CapabilityError, IMAPClientAbortError, IMAPClientError

from core.errors import ConnectError
from core.imap import tls
from core.imap.codes import busy
from core.imap.login import Credentials, Shorten, log_in
from core.imap.pace import Pace
from core.imap.protocol import Ended, Farewell, Protocol, Slow
from core.imap.words import LOOKED_AT, words
from core.masking import masked
from core.network import Opening, Report, open_socket, report_tls
from core.problems import connection as problems
from core.problems import login
from core.profiles.profile import Access, Method, Server

_STEPS = {
    Access.IMAP: ("lookup", "tcp", "greeting"),
    Access.IMAP_TLS: ("lookup", "tcp", "greeting", "tls", "certificate"),
    Access.IMAP_SSL: ("lookup", "tcp", "tls", "certificate", "greeting"),
}


def steps(server: Server, method: Method) -> tuple[str, ...]:
    """The steps of a connection in the order in which they come."""
    return (*_STEPS[server.access], "login", *(("mailbox",) if method is Method.KERIO_MASTER else ()), "folders")


class Client(imapclient.IMAPClient):  # type: ignore[misc]
    """imapclient on a connected socket, without its log of every byte."""

    def __init__(self, ready: socket.socket, host: str, port: int, pace: Pace) -> None:
        self._ready = ready
        self.pace = pace
        super().__init__(host, port, ssl=False)
        self.quiet()

    def _create_IMAP4(self) -> Protocol:
        return Protocol(self._ready, self.host, self.port, self.pace)

    def quiet(self) -> None:
        """Turn off imaplib's debug output, which imapclient sets to 5: it halves the speed, and shows passwords."""
        self._imap.debug = 0
        self._imap._mesg = lambda *_: None

    @property
    def protocol(self) -> Any:
        return self._imap


def connect(
    server: Server,
    credentials: Credentials,
    report: Report = lambda step, text: None,
    opening: Opening | None = None,
) -> Client:
    """A logged-in connection. ``report(step, text)`` is called after each successful step. Raises ``ConnectError``."""
    opening = opening or Opening()
    try:
        try:
            return _connect(server, credentials, report, opening)
        except Shorten:
            # Confirmed only by success; other mailboxes are being opened at the same time.
            attempt = replace(credentials, known=replace(credentials.known, shortened=True))
        client = _connect(server, attempt, report, opening)
        credentials.known.shortened = True
        return client
    finally:
        opening.done()


def _connect(server: Server, credentials: Credentials, report: Report, opening: Opening) -> Client:
    port = server.effective_port
    ready = _open_socket(server, port, report, opening)
    try:
        if server.access is Access.IMAP_SSL:
            ready = _wrap(ready, server, port, report)
        client = _greet(ready, server, port, report)
    except BaseException:
        ready.close()
        raise
    try:
        if server.access is Access.IMAP_TLS:
            _starttls(client, server, port, report)
        client.socket().settimeout(server.timeout)
        log_in(client, server, credentials, report)
    except (ValueError, LookupError, TypeError) as error:
        _drop(client)
        raise ConnectError("login", login.UNREADABLE(host=server.host, kind=type(error).__name__)) from None
    except BaseException:
        _drop(client)
        raise
    return client


def _drop(client: Client) -> None:
    try:
        client.shutdown()
    except OSError:
        # Closed already, as wanted.
        return


def _open_socket(server: Server, port: int, report: Report, opening: Opening) -> socket.socket:
    return open_socket(server.host, port, server.timeout, report, opening)


def _wrap(plain: socket.socket, server: Server, port: int, report: Report) -> ssl.SSLSocket:
    with tls.errors(server, port):
        wrapped = tls.context(server).wrap_socket(plain, server_hostname=server.host)
    report_tls(wrapped, report, accept_all=server.accept_all_certificates)
    return wrapped


def _greet(ready: socket.socket, server: Server, port: int, report: Report) -> Client:
    try:
        client = Client(ready, server.host, port, Pace(server.slowest_bytes_a_second, server.timeout, Slow))
    except TimeoutError as error:
        raise ConnectError("greeting", problems.NO_GREETING(host=server.host, port=port), retry=True) from error
    except (imaplib.IMAP4.error, IMAPClientError, OSError) as error:
        raise _no_greeting(error, server, port) from error
    welcome = client.protocol.welcome or b""
    report("greeting", masked(welcome.decode("utf-8", "replace").removeprefix("* OK").strip()[:LOOKED_AT]))
    return client


def _no_greeting(error: Exception, server: Server, port: int) -> ConnectError:
    text, said = words(error), error.args[0] if error.args else ""
    # Closed, or BYE: a server's answers to one connection too many, and while it starts or stops.
    turned_away = isinstance(error, Ended | Farewell | ConnectionError) or busy(text)
    turned_away |= isinstance(said, bytes) and said[:5].upper() == b"* BYE"
    if isinstance(error, Ended | ConnectionError):
        reason = problems.CLOSED_UNGREETED(host=server.host, port=port)
    elif turned_away:
        reason = problems.TURNED_AWAY(host=server.host, said=text)
    else:
        reason = problems.NO_IMAP_GREETING(host=server.host, port=port, said=text)
    return ConnectError("greeting", reason, retry=True, busy=turned_away)


def _starttls(client: Client, server: Server, port: int, report: Report) -> None:
    try:
        with tls.errors(server, port):
            client.starttls(tls.context(server))
    except (Ended, Farewell, Slow) as error:
        reason = problems.ENDED_BEFORE_TLS(host=server.host, said=words(error))
        raise ConnectError("tls", reason, retry=True, busy=True) from error
    except (CapabilityError, IMAPClientAbortError, imaplib.IMAP4.error) as error:
        if busy(words(error)):
            raise ConnectError("tls", problems.TLS_LATER(host=server.host, said=words(error)), retry=True, busy=True) from error
        raise ConnectError("tls", problems.NO_STARTTLS(host=server.host, port=port)) from error
    client.quiet()
    client.protocol.watch()
    report_tls(client.socket(), report, accept_all=server.accept_all_certificates)
