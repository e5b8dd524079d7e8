"""Login: to a mailbox with its own password, or to any mailbox with one password, in three ways.

Invariant: never CRAM-MD5 or DIGEST-MD5, even when announced, since accounts mapped from a directory fail with the right
password; at most two tries a connection; the server's text is shown without any form of the password; the error says if it
concerns this mailbox or the master login of all mailboxes.
"""

from __future__ import annotations

import base64
import hashlib
import imaplib
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from core.errors import ConnectError
from core.imap.codes import busy
from core.imap.words import LOOKED_AT, words
from core.masking import masked
from core.problems import login as problems
from core.profiles.profile import KERIO_CHARACTERS, Access, Method, Server
from core.secrets import Secret
from core.values import dataclass

#: Challenges in one login after which a server would ask for ever.
MOST_CHALLENGES = 3


@dataclass(slots=True)
class ServerKnowledge:
    """A session's knowledge of the server, for the next one. ``shortened``: only the beginning of the master password counts.

    ``one_by_one``: it does not take pipelined commands. ``refused``: commands that it announces but refuses. ``product`` and
    ``vendor`` are from its reply to ID; the first is None while it has not been asked.
    """

    shortened: bool = False
    one_by_one: bool = False
    refused: set[str] = field(default_factory=set)
    product: str | None = None
    vendor: str = ""

    def learn(self, told: Mapping[str, str]) -> None:
        """Take the fields of a reply to ID."""
        self.product, self.vendor = told.get("name", ""), told.get("vendor", "")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of ``mailbox`` (a login name): its own password, or that of ``username``. A profile's share ``known``."""

    method: Method
    mailbox: str
    password: Secret
    username: str = ""
    known: ServerKnowledge = field(default_factory=ServerKnowledge)

    @property
    def shorter(self) -> Secret | None:
        """The beginning of a master password too long for old versions of Kerio Connect; None when it is short enough."""
        text = self.password.reveal()
        return Secret(text[:KERIO_CHARACTERS]) if len(text) > KERIO_CHARACTERS else None


class Shorten(Exception):
    """The server ended the connection over the whole master password; its beginning is tried on another one."""


def log_in(client: Any, server: Server, credentials: Credentials, report: Callable[[str, str], None]) -> None:
    """Log in on a connected ``client``; ``report(step, text)`` gets each success. Raises ``ConnectError``, ``Shorten``."""
    if re.search(r"[\r\n\0]", credentials.mailbox + credentials.username):
        raise ConnectError("login", problems.LINE_BREAK_IN_NAME())
    if re.search(r"[\r\n\0]", credentials.password.reveal()):
        raise ConnectError("login", problems.LINE_BREAK_IN_PASSWORD())
    match credentials.method:
        case Method.KERIO_MASTER:
            _kerio_master(client.protocol, server, credentials)
            report("login", "master login accepted")
            _set_user(client.protocol, server, credentials)
            report("mailbox", f"open: {credentials.mailbox}")
        case Method.PLAIN_AUTHZID:
            _plain(client, server, credentials)
            report("login", f"logged in as {credentials.username} for {credentials.mailbox}")
        case Method.MASTER_USER:
            _password(client, server, credentials, f"{credentials.mailbox}*{credentials.username}")
            report("login", f"logged in as {credentials.mailbox}*{credentials.username}")
        case _:
            _password(client, server, credentials, credentials.mailbox)
            report("login", f"logged in as {credentials.mailbox}")


def _password(client: Any, server: Server, credentials: Credentials, name: str) -> None:
    if client.has_capability("LOGINDISABLED"):
        raise ConnectError("login", problems.NO_PASSWORD_WITHOUT_TLS(host=server.host))
    password, protocol = credentials.password.reveal(), client.protocol
    plain = client.has_capability("AUTH=PLAIN")
    try:
        if plain:
            _authenticate(protocol, f"\0{name}\0{password}")
        else:
            # RFC 3501 knows only ASCII here; other servers take UTF-8. imaplib quotes the password but not the name.
            protocol._encoding = "utf-8"
            protocol.login(protocol._quote(name), password)
    except (imaplib.IMAP4.error, OSError) as error:
        # Not chained: the server's text may repeat the password.
        raise _refused(error, server, credentials) from None


def _plain(client: Any, server: Server, credentials: Credentials) -> None:
    """SASL PLAIN with an authorisation identity (RFC 4616 section 2)."""
    if not client.has_capability("AUTH=PLAIN"):
        code = problems.NO_PLAIN if server.access is not Access.IMAP else problems.NO_PLAIN_WITHOUT_TLS
        raise ConnectError("login", code(host=server.host))
    response = f"{credentials.mailbox}\0{credentials.username}\0{credentials.password.reveal()}"
    try:
        _authenticate(client.protocol, response)
    except (imaplib.IMAP4.error, OSError) as error:
        raise _refused(error, server, credentials) from None


class _Plain:
    """The answers to the challenges of AUTHENTICATE PLAIN; at a second one it cancels (RFC 3501 section 6.2.2)."""

    def __init__(self, response: str) -> None:
        self._answers = [b"*", base64.b64encode(response.encode())]

    def answer(self, _challenge: bytes) -> bytes:
        if not self._answers:
            raise imaplib.IMAP4.abort("it asked again and again")
        return self._answers.pop()


def _authenticate(protocol: Any, response: str) -> None:
    """AUTHENTICATE PLAIN. imaplib's own method requires base64 from servers that send plain words."""
    protocol.literal = _Plain(response).answer
    try:
        kind, data = protocol._simple_command("AUTHENTICATE", "PLAIN")
    finally:
        protocol.literal = None
    if kind != "OK":
        raise imaplib.IMAP4.error(data[-1])
    protocol.state = "AUTH"


def _refused(error: imaplib.IMAP4.error | OSError, server: Server, credentials: Credentials) -> ConnectError:
    text = words(error)
    if isinstance(error, imaplib.IMAP4.abort | OSError) or busy(text):
        return _broken_off(server, text)
    host, login, master = server.host, credentials.mailbox, credentials.username
    match credentials.method:
        case Method.PASSWORD:
            reason = problems.REFUSED(host=host, login=login, said=text)
        case Method.MASTER_USER:
            reason = problems.MASTER_USER_REFUSED(host=host, master=master, login=login, said=text)
        case _:
            reason = problems.ACCOUNT_REFUSED(host=host, master=master, login=login, said=text)
    return ConnectError("login", reason)


def _broken_off(server: Server, text: str) -> ConnectError:
    return ConnectError("login", problems.BROKEN_OFF(host=server.host, said=text), retry=True, busy=True)


class _Digest:
    """The answer to Kerio's challenge, as the bound method that imaplib needs."""

    def __init__(self, password: Secret) -> None:
        self._password = password
        #: With its challenge a digest can be attacked: it must not be shown either.
        self.sent: tuple[Secret, ...] = ()

    def answer(self, challenge: bytes) -> bytes:
        if len(self.sent) >= MOST_CHALLENGES:
            raise imaplib.IMAP4.abort("it asked again and again")
        text = digest(challenge, self._password)
        self.sent = (*self.sent, Secret(text))
        return text.encode()


def digest(challenge: bytes, password: Secret) -> str:
    """MD5 of challenge and password in hexadecimal digits."""
    return hashlib.md5(challenge + password.reveal().encode(), usedforsecurity=False).hexdigest()


def _kerio_master(protocol: Any, server: Server, credentials: Credentials) -> None:
    """X-MASTERAUTH: a bare command, not announced, so it is simply tried."""
    shorter = credentials.shorter
    if shorter is not None and credentials.known.shortened:
        forms = [shorter]
    else:
        forms = [credentials.password] + ([shorter] if shorter else [])
    said = ""
    for number, password in enumerate(forms):
        answer = _Digest(password)
        try:
            kind, said = _ask(protocol, "X-MASTERAUTH", digest=answer)
        except (imaplib.IMAP4.abort, OSError) as error:
            said = words(error)
            if not protocol.untagged_responses.get("BYE") or busy(said):
                # The connection ended, or the server fell silent: that says nothing about the password.
                raise _broken_off(server, said) from None
            if number + 1 < len(forms):
                raise Shorten from None
            raise _no_master(server, said) from None
        if kind == "OK":
            credentials.known.shortened = password is shorter
            break
        if busy(said):
            raise _broken_off(server, said)
        if kind == "BAD":
            raise _no_master(server, said, unknown=True)
    else:
        raise _no_master(server, said)


def _set_user(protocol: Any, server: Server, credentials: Credentials) -> None:
    escaped = credentials.mailbox.replace("\\", "\\\\").replace('"', '\\"')
    try:
        kind, said = _ask(protocol, "X-SETUSER", f'"{escaped}"'.encode())
    except (imaplib.IMAP4.abort, OSError) as error:
        raise _broken_off(server, words(error)) from None
    if kind != "OK":
        if busy(said):
            raise _broken_off(server, said)
        raise ConnectError("mailbox", problems.MAILBOX_REFUSED(host=server.host, login=credentials.mailbox, said=said))
    protocol.state = "AUTH"


def _ask(protocol: Any, name: str, *arguments: bytes, digest: _Digest | None = None) -> tuple[str, str]:
    """A command that imaplib does not know: OK, NO or BAD, and the server's text."""
    imaplib.Commands.setdefault(name, ("NONAUTH",))
    if digest is not None:
        protocol.literal = digest.answer
    try:
        kind, data = protocol._simple_command(name, *arguments)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        return "BAD", words(error)
    finally:
        protocol.literal = None
    return kind, masked(
        b" ".join(part for part in data if isinstance(part, bytes)).decode("utf-8", "replace")[:LOOKED_AT]
    ).rstrip(".")


def _no_master(server: Server, text: str, *, unknown: bool = False) -> ConnectError:
    code = problems.MASTER_UNKNOWN if unknown else problems.MASTER_REFUSED
    return ConnectError("login", code(host=server.host, said=text), master=True)
