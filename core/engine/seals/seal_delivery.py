"""Delivery of a seal to one place: a line in a journal or file, a mail, a time stamp. Blocking, in a thread.

Each arrives or raises ``ArchivarError`` with the reason: silence never counts as success.
"""

from __future__ import annotations

import base64
import email.policy
import errno
import hashlib
import http.client
import os
import smtplib
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from urllib.parse import urlsplit

from core import files
from core.archive.proof import seal as seals
from core.archive.proof import stamp
from core.archive.proof.seal import Seal
from core.archive.proof.seal_places import PlaceState
from core.archive.proof.token_files import FOLDER, tokens
from core.config import Home
from core.errors import ArchivarError, StorageError
from core.masking import masked
from core.network import certificate_problem, tls_context
from core.problems import disk
from core.problems import seal as problems
from core.problems.code import Reason
from core.profiles.seal_place import PORTS, MailAccess, PlaceKind, SealPlace
from core.secrets import Secret
from core.system.open_folder import OpenFolder
from core.values import dataclass

#: Seconds for one answer of a server, and for a whole delivery.
ANSWER_SECONDS, ALL_SECONDS = 20.0, 90.0
#: The socket of the system log: systemd's journal and every syslog daemon.
LOG_SOCKET = "/dev/log"
#: Facility daemon, severity notice (RFC 5424 section 6.2.1).
_PRIORITY = 3 * 8 + 5
_TYPE = "application/timestamp-query"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery: the seal, the archive's id, and its home."""

    seal: Seal
    archive_id: str
    home: Home

    @property
    def line(self) -> str:
        return seals.line(self.archive_id, self.seal)


def deliver(place: SealPlace, parcel: Parcel, password: Secret) -> None:
    """Send a seal to a place. Raises ``ArchivarError``; it may be sent again then."""
    _WAYS[place.kind](place, parcel, password)


# Journal and file --------------------------------------------------------------------------------------------------------


def _to_journal(place: SealPlace, parcel: Parcel, password: Secret) -> None:
    path = place.target or LOG_SOCKET
    text = f"<{_PRIORITY}>archivar[{os.getpid()}]: {parcel.line}".encode()
    try:
        for kind, ending in ((socket.SOCK_DGRAM, b""), (socket.SOCK_STREAM, b"\n")):
            try:
                with socket.socket(socket.AF_UNIX, kind) as connection:
                    connection.settimeout(ANSWER_SECONDS)
                    connection.connect(path)
                    connection.sendall(text + ending)
                return
            except OSError as error:
                # The socket may be of the other type.
                if kind == socket.SOCK_STREAM or error.errno != errno.EPROTOTYPE:
                    raise
    except OSError as error:
        raise ArchivarError(problems.LOG_UNWRITTEN(path=path, said=error.strerror or "it does not take it")) from error


def _to_file(place: SealPlace, parcel: Parcel, password: Secret) -> None:
    path = Path(place.target)
    new = not path.exists()
    try:
        with _appending(path) as (descriptor, glued):
            data = (b"\n" if glued else b"") + parcel.line.encode() + b"\n"
            if os.write(descriptor, data) != len(data):
                raise StorageError(problems.FILE_IN_PART(path=str(path)))
            os.fsync(descriptor)
        if new:
            files.durable(path.parent)
    except OSError as error:
        raise StorageError(problems.FILE_UNWRITTEN(path=str(path), said=str(error.strerror))) from error


@contextmanager
def _appending(path: Path) -> Iterator[tuple[int, bool]]:
    """Context of a descriptor that appends to the file at ``path``, made if missing; True if its last line has no end."""
    flags = os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    except PermissionError:
        # A file that this account may only append to.
        descriptor = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        there = os.fstat(descriptor)
        if not stat.S_ISREG(there.st_mode):
            raise StorageError(problems.NO_FILE(path=str(path)))
        try:
            glued = bool(there.st_size) and os.pread(descriptor, 1, there.st_size - 1) != b"\n"
        except OSError:
            glued = False
        yield descriptor, glued
    finally:
        os.close(descriptor)


def last_in_file(place: SealPlace, archive_id: str) -> Seal | None:
    """The last seal of this archive in a place's file; None when there is none, or the file is unreadable."""
    try:
        with open(_read_from(place), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - seals.LONGEST * 16, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if f" {archive_id} " in line]
    try:
        return seals.find(lines[-1], archive_id)[-1] if lines else None
    except ArchivarError:
        return None


def gone(one: PlaceState, archive_id: str, home: Home) -> Reason | None:
    """The reason why a file, or the home's stamps, lack the last seal sent; None when they have it.

    A new seal would hide that.
    """
    if one.seal is None:
        return None
    if one.place.kind is PlaceKind.FILE and not _holds(one.place, archive_id, one.seal):
        return problems.FILE_LOST_SEAL(path=one.place.target)
    if one.place.kind is PlaceKind.STAMP and not any(path.name.startswith(f"{one.seal.seq:012}-") for path in tokens(home)):
        return problems.STAMP_LOST(entry=one.seal.seq, folder=str(home.path / FOLDER))
    return None


def _holds(place: SealPlace, archive_id: str, seal: Seal) -> bool:
    """True when a place's file still has this seal. An append-only file that cannot be read is trusted."""
    if last_in_file(place, archive_id) == seal:
        return True
    wanted = seals.line(archive_id, seal)
    try:
        with open(_read_from(place), encoding="utf-8", errors="replace") as file:
            return any(wanted in line for line in iter(lambda: file.readline(seals.LONGEST), ""))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _read_from(place: SealPlace) -> int:
    return os.open(place.target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


# Mail --------------------------------------------------------------------------------------------------------------------


def _by_mail(place: SealPlace, parcel: Parcel, password: Secret) -> None:
    port = place.port or PORTS[place.access]
    with _translated(place.host, port):
        context = tls_context(place.ca_file, accept_all=False) if place.access is not MailAccess.PLAIN else None
        server: smtplib.SMTP
        if place.access is MailAccess.SSL:
            server = smtplib.SMTP_SSL(place.host, port, timeout=ANSWER_SECONDS, context=context)
        else:
            server = smtplib.SMTP(place.host, port, timeout=ANSWER_SECONDS)
        with closing(server):
            if place.access is MailAccess.TLS:
                server.ehlo_or_helo_if_needed()
                if not server.has_extn("starttls"):
                    raise ArchivarError(problems.NO_STARTTLS(host=place.host, port=port))
                server.starttls(context=context)
            if place.username:
                _log_in(server, place, password)
            server.send_message(_mail(place, parcel))
            # The mail was accepted, however the connection ends.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()


def _log_in(server: smtplib.SMTP, place: SealPlace, password: Secret) -> None:
    """Log in to the mail server. Raises ``ArchivarError``, ``smtplib.SMTPException``."""
    server.ehlo_or_helo_if_needed()
    offered = set(server.esmtp_features.get("auth", "").upper().split())
    name, text = place.username, password.reveal()
    # The library's other methods are ASCII only; PLAIN is in UTF-8 (RFC 4616).
    usable = {"PLAIN", "LOGIN", "CRAM-MD5"} if (plain := (name + text).isascii()) else {"PLAIN"}
    if not offered & usable:
        needed = " or ".join(sorted(usable))
        if not offered:
            raise ArchivarError(problems.NO_LOGIN_OFFERED(host=place.host, needed=needed))
        unusable = problems.NO_USABLE_LOGIN if plain else problems.NO_LOGIN_BEYOND_ASCII
        raise ArchivarError(unusable(host=place.host, offered=tuple(sorted(offered)), needed=needed))
    if plain:
        server.login(name, text)
        return
    token = base64.b64encode(f"\0{name}\0{text}".encode("utf-8", "surrogateescape")).decode()
    code, answer = server.docmd("AUTH", f"PLAIN {token}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, answer)


def _mail(place: SealPlace, parcel: Parcel) -> EmailMessage:
    sender = place.sender or f"archivar@{socket.getfqdn()}"
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = sender
    mail["To"] = place.target
    mail["Subject"] = f"Seal of the mail archive at entry {parcel.seal.seq}"
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        "Keep this mail. With the next line one can prove that nothing was taken out of the archive or changed up to there:\n"
        f"\n{parcel.seal}\n\n"
        f"Archive {parcel.archive_id}\n"
        "To check it: save this mail as a file, then archivar ledger check FILE\n",
        # Otherwise the line of the seal would be wrapped.
        cte="7bit",
    )
    return mail


@contextmanager
def _translated(host: str, port: int) -> Iterator[None]:
    """Context that turns a server's errors into ``ArchivarError``, without the password that it may repeat."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ArchivarError(problems.CERTIFICATE(why=certificate_problem(error, host))) from error
    except smtplib.SMTPAuthenticationError as error:
        raise ArchivarError(problems.LOGIN_REFUSED(host=host, said=_said(error.smtp_error))) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise ArchivarError(problems.ADDRESS_REFUSED(host=host, status=code, said=_said(text))) from error
    except smtplib.SMTPResponseException as error:
        raise ArchivarError(problems.MAIL_REFUSED(host=host, status=error.smtp_code, said=_said(error.smtp_error))) from error
    except (smtplib.SMTPException, http.client.HTTPException) as error:
        raise ArchivarError(problems.UNREADABLE(host=host, port=port, kind=type(error).__name__)) from error
    except TimeoutError as error:
        raise ArchivarError(problems.NO_ANSWER(host=host, port=port)) from error
    except (OSError, UnicodeError) as error:
        said = getattr(error, "reason", None) or getattr(error, "strerror", None) or "the connection ended"
        raise ArchivarError(problems.UNREACHABLE(host=host, port=port, said=str(said))) from error


def _said(text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(masked(plain).split())[:200]


# Time stamps -------------------------------------------------------------------------------------------------------------


def _by_authority(place: SealPlace, parcel: Parcel, password: Secret) -> None:
    imprint = seals.imprint(parcel.archive_id, parcel.seal)
    trusted = stamp.roots(Path(place.ca_file))
    asked = stamp.request(imprint)
    answer = _posted(place, asked.data)
    try:
        got = stamp.check(answer, trusted, asked.nonce)
    except stamp.StampError as error:
        raise ArchivarError(problems.PROVES_NOTHING(place=place.target, why=error.reason)) from error
    if got.imprint != imprint:
        raise ArchivarError(problems.OTHER_IMPRINT(place=place.target))
    keep_token(parcel, answer)


def _posted(place: SealPlace, data: bytes) -> bytes:
    url = urlsplit(place.target)
    assert url.hostname is not None
    port = url.port or (443 if url.scheme == "https" else 80)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    with _translated(url.hostname, port):
        connection = http.client.HTTPConnection(url.hostname, port, timeout=ANSWER_SECONDS)
        if url.scheme == "https":
            context = tls_context("", accept_all=False)
            context.load_verify_locations(place.ca_file)
            connection = http.client.HTTPSConnection(url.hostname, port, timeout=ANSWER_SECONDS, context=context)
        try:
            connection.request("POST", path, data, {"Content-Type": _TYPE, "Accept": "application/timestamp-reply"})
            # One that ends the connection owns its socket.
            with connection.getresponse() as response:
                if response.status != 200:
                    said = _said(response.reason)
                    raise ArchivarError(problems.NOT_ANSWERED(host=url.hostname, status=response.status, said=said))
                return _read(response, url.hostname)
        finally:
            connection.close()


def _read(response: http.client.HTTPResponse, host: str) -> bytes:
    """The body, bounded in size and time."""
    deadline = time.monotonic() + ALL_SECONDS
    found = b""
    while piece := response.read1(64 * 1024):
        found += piece
        if len(found) > stamp.LARGEST or time.monotonic() > deadline:
            raise ArchivarError(problems.ENDLESS(host=host))
    return found


def keep_token(parcel: Parcel, token: bytes) -> Path:
    """Keep a token in the home, under an unused name, whole and synced or not at all; its path."""
    folder = parcel.home.path / FOLDER
    name = f"{parcel.seal.seq:012}-{hashlib.sha256(token).hexdigest()[:16]}.tsr"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with OpenFolder.itself(folder) as into, into.replacing(name) as file:
            file.write(token)
        files.durable(parcel.home.path)
    except OSError as error:
        raise StorageError(disk.UNWRITTEN(path=str(folder), said=str(error.strerror))) from error
    return folder / name


_WAYS: dict[PlaceKind, Callable[[SealPlace, Parcel, Secret], None]] = {
    PlaceKind.JOURNAL: _to_journal,
    PlaceKind.FILE: _to_file,
    PlaceKind.MAIL: _by_mail,
    PlaceKind.STAMP: _by_authority,
}
