"""A real Dovecot 2.3 on free loopback ports, with mailboxes that are written and changed on disk, past IMAP.

Facts measured with Dovecot 2.3.19 and Maildir, which ``served_bytes`` reproduces:

- a lone LF in a file is served as CRLF; CRLF stays CRLF; a lone CR stays (``CR CR LF`` stays as well);
- NUL is served as 0x80 by ``FETCH BODY[]``, length unchanged; ``APPEND`` takes a NUL and keeps it in the file;
- ``APPEND`` stores CRLF as LF, so a message comes back with CRLF whatever its line ends were (a lone CR stays,
  of CR CR LF one CR is lost);
- a file of 0 bytes is a message of 0 bytes;
- RFC822.SIZE is always the length of ``BODY[]``.

Folder names: UTF-8 on disk. On disk everything is possible that a path can hold (control characters, quotes, ``%``,
``*``, blanks at either end, trailing dots, 255 bytes a level). Dovecot refuses to open names that begin with ``~`` (it
lists them as ``\\Noselect``) or have a level called ``cur``, ``new``, ``tmp`` or ``..``; CREATE also refuses control
characters.

All that the server writes lives in a folder with a short name: unix socket paths are limited to 108 bytes, and pytest's
own folders cannot be entered by the unprivileged user which Dovecot wants when it is started by root. Configuration,
certificates and log are in the ``root`` that the test gives, so the log can still be read after a failure.
"""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import trustme

from tests import memory
from tests.servers.folder_names import modified_utf7, quoted
from tests.servers.maildirs import Maildirs, served, served_bytes

__all__ = ["Certificate", "Dovecot", "append", "missing", "modified_utf7", "quoted", "served", "served_bytes"]

Certificate = Literal["good", "expired", "wrong-name", "self-signed"]

HOST = "127.0.0.1"
OTHER_HOST = "127.0.0.2"
DEADLINE = 20.0
SPECIAL_USE = {"Sent Items": r"\Sent", "Drafts": r"\Drafts", "Deleted Items": r"\Trash", "Junk E-mail": r"\Junk"}

_PLACES = ("/usr/sbin/dovecot", "/usr/local/sbin/dovecot", "/sbin/dovecot")
_BIND_FAILED = re.compile(r"(?:bind|listen)\(.*\) failed: Address already in use")


def missing() -> str | None:
    """The Debian package without which no server can be started here, or None when all is there."""
    program = _program()
    if program is None:
        return "dovecot-core"
    return None if any(Path(place, "imap-login").exists() for place in _libexec()) else "dovecot-imapd"


class Dovecot(Maildirs):
    """A Dovecot with these users (login -> password), running while the ``with`` block lasts.

    ``plain_port`` offers IMAP with STARTTLS, ``ssl_port`` IMAPS, ``ca_file`` the PEM of the authority that signed the
    certificate (good for ``127.0.0.1`` and ``localhost`` unless ``certificate`` says otherwise). ``master`` is the name
    and password of a master user: log in as ``user*master``, or with SASL PLAIN and an authorization identity.
    ``allow_plain`` False demands TLS before the login (always take ``host`` from the server: it is another one then).
    ``personal`` is what the names of all folders but INBOX begin with, such as ``INBOX.``; it ends with the separator.
    ``shared`` is the prefix of a namespace for what users share with each other (``shared/%%u/``, acl plugin; ``share``
    grants rights), and ``virtual`` adds a namespace of searches (``create_search``).
    ``extra`` is configuration text put at the end. ``stop`` and ``start`` in between restart the server on the same
    mail, on new ports.
    """

    def __init__(
        self,
        root: Path,
        users: Mapping[str, str],
        *,
        separator: str = "/",
        personal: str = "",
        certificate: Certificate = "good",
        allow_plain: bool = True,
        master: tuple[str, str] | None = None,
        extra: str = "",
        shared: str | None = None,
        virtual: bool = False,
    ) -> None:
        self.root = root
        self.users = dict(users)
        self.separator = separator
        self.personal = personal
        self.certificate: Certificate = certificate
        self.allow_plain = allow_plain
        self.master = master
        self.extra = extra
        self.shared = shared
        self.virtual = virtual
        # A client with the server's own address counts as secure; this one is called from 127.0.0.1 and does not.
        self.host = HOST if allow_plain else OTHER_HOST
        self.plain_port = 0
        self.ssl_port = 0
        self.log = root / "dovecot.log"
        self.ca_file = root / "ca.pem"
        self._base: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self._base = Path(tempfile.mkdtemp(prefix="dc", dir=memory.short()))
        try:
            self._base.chmod(0o755)
            self._write_certificates()
            for user in self.users:
                self.create_folder(user, "INBOX")
            self.start()
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._clean()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it greets; a port taken by another process is replaced."""
        program = _program()
        if program is None:
            raise RuntimeError("Dovecot is not installed: apt-get install dovecot-imapd")
        for _ in range(5):
            seen = len(self.log_text())
            self.plain_port, self.ssl_port = _free_ports(self.host, 2)
            configuration = self._write_configuration()
            with (self.root / "dovecot.out").open("ab") as output:
                self._process = subprocess.Popen(
                    [program, "-F", "-c", str(configuration)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            if self._greets():
                return
            self.stop()
            said = self.log_text()[seen:] + (self.root / "dovecot.out").read_text(errors="replace")
            if not _BIND_FAILED.search(said):
                raise RuntimeError(f"Dovecot did not start: {said[-2000:]}")
        raise RuntimeError("Dovecot found no free port")

    def stop(self) -> None:
        """End this very server process and wait for it; the mail stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # -- the log

    def log_text(self) -> str:
        """All that the server has logged since ``reset_log``."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def reset_log(self) -> None:
        """Empty the log; the server holds it open for appending."""
        if self.log.exists():
            os.truncate(self.log, 0)

    # -- the mail over IMAP

    @contextmanager
    def client(self, user: str) -> Iterator[imaplib.IMAP4]:
        """A session of the standard library's client, logged in."""
        with imaplib.IMAP4(self.host, self.plain_port, timeout=DEADLINE) as client:
            if not self.allow_plain:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                client.starttls(context)
            client.login(user, self.users[user])
            yield client

    def append_via_imap(
        self, user: str, folder: str, raw: bytes, flags: Iterable[str] = (), internaldate: datetime | None = None
    ) -> None:
        """Store a message with APPEND; what a command may carry (no NUL) is sent as it is."""
        with self.client(user) as client:
            append(client, folder, raw, flags, internaldate)

    # -- what is shared, and what is searched

    def share(self, owner: str, folder: str, user: str, rights: str) -> None:
        """Grant ``user`` rights in a folder of ``owner``, as an IMAP client does (RFC 4314 SETACL)."""
        with self.client(owner) as client:
            kind, said = client.setacl(quoted(folder), user, rights)
            if kind != "OK":
                raise RuntimeError(f"SETACL for {folder!r} failed: {said!r}")

    def create_search(self, user: str, name: str, definition: str) -> None:
        """Make a folder of the virtual namespace that shows what a search finds (``dovecot-virtual``)."""
        path = self.base / "virtual" / user.lower() / name
        path.mkdir(parents=True, exist_ok=True)
        (path / "dovecot-virtual").write_text(definition)
        self._give(path.parent.parent, path.parent, path, path / "dovecot-virtual")

    # -- inside

    def _clean(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            # Its mail goes with it, so no second is spent on an orderly end; the group holds it and its children only.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._base is not None:
            _remove(self._base)
            self._base = None

    def _greets(self) -> bool:
        process = self._process
        deadline = time.monotonic() + DEADLINE
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection((self.host, self.plain_port), timeout=DEADLINE) as connection:
                    if connection.recv(4) == b"* OK":
                        return True
            except OSError:
                # Not listening yet.
                threading.Event().wait(0.01)
        return False

    def _write_certificates(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        private_key, chain = self.root / "server.key", self.root / "server.pem"
        if self.certificate == "self-signed":
            own = trustme.CA()
            own.cert_pem.write_to_path(str(chain))
            own.private_key_pem.write_to_path(str(private_key))
            return
        names = ("elsewhere.example.test",) if self.certificate == "wrong-name" else (HOST, OTHER_HOST, "localhost")
        if self.certificate == "expired":
            today = datetime.now(UTC)
            leaf = authority.issue_cert(*names, not_before=today - timedelta(days=30), not_after=today - timedelta(days=1))
        else:
            leaf = authority.issue_cert(*names)
        leaf.private_key_pem.write_to_path(str(private_key))
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))

    def _write_configuration(self) -> Path:
        me = pwd.getpwuid(os.getuid())
        owner = pwd.getpwnam("nobody") if me.pw_uid == 0 else me
        passwords = self.base / "users"
        passwords.write_text("".join(f"{user}:{{PLAIN}}{word}::::::\n" for user, word in self.users.items()))
        lines = [
            "protocols = imap",
            f"listen = {self.host}",
            f"base_dir = {self.base}/run",
            f"state_dir = {self.base}/state",
            f"log_path = {self.log}",
            'log_timestamp = "%Y-%m-%d %H:%M:%S "',
            f"mail_location = maildir:{self.base}/mail/%u:LAYOUT=fs:INBOX={self.base}/mail/%u/INBOX:UTF-8",
            "first_valid_uid = 1",
            "mail_fsync = never",
            # Mail is written past the server here, and a cached STATUS would hide that for a second.
            "mailbox_list_index = no",
            "mail_max_userip_connections = 100",
            "auth_mechanisms = plain login",
            "auth_failure_delay = 0",
            f"disable_plaintext_auth = {'no' if self.allow_plain else 'yes'}",
            "ssl = yes",
            f"ssl_cert = <{self.root}/server.pem",
            f"ssl_key = <{self.root}/server.key",
            "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}",
            "service imap-login {",
            f"  inet_listener imap {{\n    port = {self.plain_port}\n  }}",
            f"  inet_listener imaps {{\n    port = {self.ssl_port}\n    ssl = yes\n  }}",
            "}",
            "namespace inbox {",
            "  inbox = yes",
            f"  separator = {self.separator}",
            f"  prefix = {self.personal}",
            *(f'  mailbox "{name}" {{\n    special_use = {use}\n  }}' for name, use in SPECIAL_USE.items()),
            "}",
        ]
        if me.pw_uid != 0:
            # Without root, user and root folder cannot be changed: everything runs as this account.
            group = grp.getgrgid(me.pw_gid).gr_name
            lines += [f"default_internal_user = {me.pw_name}", f"default_login_user = {me.pw_name}"]
            lines += [f"default_internal_group = {group}"]
            lines += [f"service {name} {{\n  chroot =\n}}" for name in ("anvil", "imap-login", "stats")]
        if self.master is not None:
            masters = self.base / "masters"
            masters.write_text(f"{self.master[0]}:{{PLAIN}}{self.master[1]}\n")
            lines += ["auth_master_user_separator = *", "passdb {", "  driver = passwd-file", f"  args = {masters}"]
            lines += ["  master = yes", "  result_success = continue", "}"]
        lines += [f"passdb {{\n  driver = passwd-file\n  args = {passwords}\n}}"]
        fields = f"uid={owner.pw_uid} gid={owner.pw_gid} home={self.base}/mail/%u"
        lines += [f"userdb {{\n  driver = passwd-file\n  args = {passwords}\n  default_fields = {fields}\n}}"]
        lines += [*self._sharing(), *self._searches(), self.extra, ""]
        path = self.root / "dovecot.conf"
        path.write_text("\n".join(lines))
        return path

    def _plugins(self) -> list[str]:
        return [*(["acl"] if self.shared else []), *(["virtual"] if self.virtual else [])]

    def _sharing(self) -> list[str]:
        if self.shared is None:
            return []
        (self.base / "shared").mkdir(exist_ok=True)
        self._give(self.base / "shared")
        return [
            f"mail_plugins = {' '.join(self._plugins())}",
            "protocol imap {\n  mail_plugins = $mail_plugins imap_acl\n}",
            f"plugin {{\n  acl = vfile\n  acl_shared_dict = file:{self.base}/shared/mailboxes.db",
            # A master user sees a mailbox as its owner does.
            "  acl_user = %u\n}",
            "namespace {",
            "  type = shared",
            f"  separator = {self.separator}",
            f"  prefix = {self.shared}",
            f"  location = maildir:{self.base}/mail/%%u:LAYOUT=fs:INBOX={self.base}/mail/%%u/INBOX:UTF-8",
            "  subscriptions = no",
            "  list = children",
            "}",
        ]

    def _searches(self) -> list[str]:
        if not self.virtual:
            return []
        (self.base / "virtual").mkdir(exist_ok=True)
        self._give(self.base / "virtual")
        lines = [] if self.shared else [f"mail_plugins = {' '.join(self._plugins())}"]
        lines += ["namespace {", f"  separator = {self.separator}", f"  prefix = virtual{self.separator}"]
        lines += [f"  location = virtual:{self.base}/virtual/%u", "  mailbox All {\n    special_use = \\All\n  }", "}"]
        return lines


def append(
    client: imaplib.IMAP4, folder: str, raw: bytes, flags: Iterable[str] = (), internaldate: datetime | None = None
) -> None:
    """APPEND byte for byte; ``imaplib``'s own method rewrites every lone CR and LF to CRLF."""
    date = imaplib.Time2Internaldate(internaldate) if internaldate is not None else ""
    setattr(client, "literal", raw)  # noqa: B010 (typeshed has it as text)
    arguments = [quoted(folder), f"({' '.join(flags)})", date]
    kind, said = client._simple_command("APPEND", *filter(None, arguments))
    if kind != "OK":
        raise RuntimeError(f"APPEND to {folder!r} failed: {said!r}")


def _program() -> str | None:
    return shutil.which("dovecot") or next((place for place in _PLACES if Path(place).exists()), None)


def _libexec() -> Iterator[str]:
    yield from ("/usr/lib/dovecot", "/usr/libexec/dovecot", "/usr/local/libexec/dovecot")


def _free_ports(host: str, count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((host, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _remove(folder: Path) -> None:
    # The server's children end shortly after it and may still write an index into a folder that is being removed.
    deadline = time.monotonic() + DEADLINE
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < deadline)
