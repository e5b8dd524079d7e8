"""A Kerio double: a front before a real Dovecot that behaves like Kerio Connect on the wire.

Mail passes through byte for byte. Commands of one connection are done one after the other; those that a client sends at
once wait in its buffer. Every behaviour is an attribute of ``Behaviour``, which may be changed while the double runs; those
that say "once" switch themselves off when they have happened, so that the next try succeeds.

Confirmed by public sources: the greeting, with and without version, and the name in the reply to ID; X-MASTERAUTH with its
continuation, its raw answer and both tagged replies, X-SETUSER, that neither is announced, that old versions look at 24
characters of the password only, the allowed addresses; special-use attributes and ``\\Inbox`` in a plain LIST;
PERMANENTFLAGS without ``\\*``; EXISTS and RECENT in the middle of LIST and FETCH replies; "SELECT completed" for EXAMINE; a
limit of connections per address; that deleted mail goes to Deleted Items and that deletion there is final; what
AutoExpungeOnDelete switches.

Assumed: whether the move happens at STORE or at EXPUNGE (``moves_at``; what others have flagged moves at EXPUNGE in either
case), that it keeps flags and INTERNALDATE and takes ``\\Deleted`` off, that CLOSE moves as EXPUNGE does and that only the
top folder Deleted Items is final; which capabilities are announced, that what is not announced is answered BAD, and that ID
hides the version when the greeting does; one challenge a connection; BYE after the second refusal, the wording of that and
of all other BYEs; NO for an unknown login and for X-SETUSER before X-MASTERAUTH. Dovecot still stores keywords, which a
Kerio need not do.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from tests.servers.dovecot import Dovecot
from tests.servers.kerio_relay import AT_ONCE, LITERAL, NEVER, Command, Ended, Relay, read_line, stream

HOST = "127.0.0.1"
TRASH = "Deleted Items"
_STRING = r'"((?:[^"\\]|\\.)*)"'
_VERB = re.compile(rb"(?:UID +)?[^\s{(\"]+")
_NAME = re.compile(rf"\S+ +(?:{_STRING}|(\S+))")
_SECRET = re.compile(r'(?is)^(LOGIN +(?:"(?:[^"\\]|\\.)*"|\S+)|AUTHENTICATE +\S+|X-MASTERAUTH) .*')
_DELETES = re.compile(r"(?i)(UID +)?STORE +(\S+) .*FLAGS.*\\Deleted")
# Commands and options that belong to a capability by another name than the verb's.
_COMMAND_NEEDS = {
    "UIDPLUS": r"UID +EXPUNGE",
    "SASL-IR": r"AUTHENTICATE +\S+ +\S",
    "QRESYNC": r"ENABLE .*QRESYNC|(SELECT|EXAMINE) .*\(QRESYNC",
    "CONDSTORE": r"(ENABLE|SELECT|EXAMINE|STATUS|(UID +)?(FETCH|STORE|SEARCH)) .*"
    r"[ (](CONDSTORE|HIGHESTMODSEQ|MODSEQ|(UN)?CHANGEDSINCE)",
    "ESEARCH": r"(UID +)?SEARCH +RETURN",
    "LIST-EXTENDED": r"LIST +\(|LIST .* RETURN \(",
    "LIST-STATUS": r"LIST .* RETURN \(.*STATUS",
    "SPECIAL-USE": r"LIST .*SPECIAL-USE",
}


@dataclass(slots=True)
class Behaviour:
    """The behaviour of this Kerio. A verb is upper case and includes UID: ``"UID STORE"``."""

    version: str | None = "9.4.2"  # None: hidden
    hidden: set[str] = field(default_factory=set)  # capabilities: not announced, their commands BAD, their codes left out
    unknown: set[str] = field(default_factory=set)  # verbs that are answered BAD
    max_connections: int | None = None
    noise: bool = False  # EXISTS and RECENT between the untagged replies to LIST and FETCH

    challenge: str | None = None  # None: a fresh one for each connection
    master_answer: Literal["ok", "no", "bad", "bye"] = "ok"  # "ok" for the right digest; "bad": X-MASTERAUTH is unknown
    first_24: bool = False  # only so many characters of the master password count
    ip_refused: bool = False  # our address is not in the allowed group
    refuse_users: set[str] = field(default_factory=set)  # logins that X-SETUSER does not open

    auto_expunge: Literal[0, 1] = 1  # AutoExpungeOnDelete: 1 moves to Deleted Items, 0 is the IMAP standard
    moves_at: Literal["store", "expunge"] = "store"

    before: dict[str, Callable[[], object]] = field(default_factory=dict)  # once: verb -> called when it has arrived
    drop_at: str | None = None  # once: the connection ends at this verb, which is not done
    drop_after: str | None = None  # once: this verb is done, the connection ends without a byte of its answer
    silent_at: str | None = None  # once: from this verb on, which is not done, no byte any more
    answers: dict[str, str] = field(default_factory=dict)  # once: "UID EXPUNGE" -> "NO not today", instead of doing it


class Kerio:
    """The double, listening on ``host``:``port`` while the ``with`` block lasts; ``dovecot`` needs a ``master`` user.

    ``tls`` makes it speak TLS from the first byte. Seen so far: ``connections`` (refused ones too), ``most`` that were open
    at once, ``refused`` for being too many, ``logins`` opened with X-SETUSER, and ``commands`` as pairs of a connection's
    number (from 1) and a line without tag and secrets, short literals in it as quoted strings. A connection counts as open
    until BYE is said or its end is noticed.
    """

    def __init__(
        self,
        dovecot: Dovecot,
        behaviour: Behaviour | None = None,
        *,
        master_password: str = "kerio master",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if dovecot.master is None:
            raise ValueError("X-SETUSER needs a Dovecot with a master user")
        self.dovecot = dovecot
        self.master = dovecot.master
        self.behaviour = behaviour or Behaviour()
        self.master_password = master_password
        self.tls = tls
        self.host = HOST
        self.port = 0
        self.connections = 0
        self.most = 0
        self.refused = 0
        self.logins: list[str] = []
        self.commands: list[tuple[int, str]] = []
        self.lock = threading.Lock()
        self._open: set[Relay] = set()
        self._sessions: list[_Session] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._listener is not None
        # Only a shutdown wakes the thread that waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for session in self._sessions:
            # Not the method of an SSLSocket, which would take the TLS state away from a thread that still reads.
            with suppress(OSError):
                socket.socket.shutdown(session.client, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    @property
    def open(self) -> int:
        """The number of open connections."""
        with self.lock:
            return len(self._open)

    def lines(self, connection: int | None = None) -> list[str]:
        """The commands received, of one connection or of all."""
        with self.lock:
            return [line for number, line in self.commands if connection in (None, number)]

    def release(self, session: Relay) -> None:
        """Count this connection as closed."""
        with self.lock:
            self._open.discard(session)

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
            with self.lock:
                self.connections += 1
                limit = self.behaviour.max_connections
                refused = limit is not None and len(self._open) >= limit
                session = _Session(self, client, self.connections, refused=refused)
                if refused:
                    self.refused += 1
                else:
                    self._open.add(session)
                    self.most = max(self.most, len(self._open))
            self._sessions.append(session)
            self._threads.append(threading.Thread(target=session.run, daemon=True))
            self._threads[-1].start()


class _Session(Relay):
    """One connection."""

    def run(self) -> None:
        try:
            if isinstance(self.client, ssl.SSLSocket):
                self.client.do_handshake()
            if self.refused:
                self.end(b"* BYE too many connections from your address")
            with (
                socket.create_connection((self.kerio.dovecot.host, self.kerio.dovecot.plain_port)) as self.server,
                self.server.makefile("rb") as self.replies,
            ):
                self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                read_line(self.replies)
                version = self.behaviour.version
                self.say(f"* OK {f'Kerio Connect {version} ' if version else ''}IMAP4rev1 server ready")
                while True:
                    self.take()
        except (Ended, OSError):
            # Over: by our own doing, by the client or by Dovecot.
            pass
        finally:
            self.kerio.release(self)
            self.lines.close()
            self.client.close()

    def take(self) -> None:
        """Take one command and answer it."""
        tag, _, first = read_line(self.lines).partition(b" ")
        found = _VERB.match(first)
        if not found:
            self.say(b"* BAD no command")
            return
        verb = " ".join(found[0].decode("ascii", "replace").upper().split())
        # APPEND alone carries literals of any size; they pass without being kept.
        raw, shown = (first, first.decode("utf-8", "surrogateescape")) if verb == "APPEND" else self.with_literals(first)
        command = Command(tag, verb, raw, shown)
        with self.kerio.lock:
            self.kerio.commands.append((self.number, _SECRET.sub(r"\1 ***", shown)))
        hook = self.behaviour.before.pop(verb, None)
        if hook is not None:
            hook()
        if self.happens("drop_at", verb):
            raise Ended
        if self.happens("silent_at", verb):
            while self.lines.read1(AT_ONCE):
                pass
            raise Ended
        dropping = self.mute = self.happens("drop_after", verb)
        answer = self.answer(command)
        if dropping:
            raise Ended
        self.say(tag + b" " + answer)
        if verb == "LOGOUT":
            raise Ended

    # -- commands

    def answer(self, command: Command) -> bytes:
        """Do a command: untagged replies are sent, the tagged answer is what comes back."""
        behaviour, verb = self.behaviour, command.verb
        needs = {name for name, pattern in _COMMAND_NEEDS.items() if re.match(rf"(?is)(?:{pattern})", command.shown)}
        missing = (needs | {verb.removeprefix("UID ")}) & (behaviour.hidden | NEVER)
        known = verb not in behaviour.unknown and not missing
        refusal = behaviour.answers.pop(verb, None if known else "BAD unknown command")
        if refusal is not None:
            if verb == "APPEND":
                self.drop_literals(command.raw)
            return refusal.encode()
        match verb:
            case "ID":
                version = f' "version" "{behaviour.version}"' if behaviour.version else ""
                self.say(f'* ID ("name" "Kerio Connect"{version})')
                return b"OK ID completed"
            case "X-MASTERAUTH":
                return self.master_auth(command)
            case "X-SETUSER":
                return self.set_user(command)
            case "SELECT" | "EXAMINE":
                return self.select(command)
            case "CLOSE" | "UNSELECT":
                return self.close(command)
            case "APPEND":
                return self.append(command)
            case "STORE" | "UID STORE":
                return self.store(command)
            case "EXPUNGE" | "UID EXPUNGE":
                return self.expunge(command)
        return self.forward(command)

    def master_auth(self, command: Command) -> bytes:
        behaviour = self.behaviour
        if behaviour.master_answer == "bad":
            return b"BAD unknown command"
        self.ask(b"+ " + self.challenge.encode())
        digest = read_line(self.lines).decode("ascii", "replace")
        if behaviour.master_answer == "bye":
            self.end(b"* BYE not for you")
        password = self.kerio.master_password[: 24 if behaviour.first_24 else None]
        right = hashlib.md5((self.challenge + password).encode(), usedforsecurity=False).hexdigest()
        if behaviour.master_answer == "no" or behaviour.ip_refused or digest != right:
            self.refusals += 1
            if self.refusals == 2:
                self.end(command.tag + b" NO X-MASTERAUTH failed", b"* BYE too many failed logins")
            return b"NO X-MASTERAUTH failed"
        self.is_master = True
        return b"OK X-MASTERAUTH Welcome to server, master"

    def set_user(self, command: Command) -> bytes:
        found = _NAME.fullmatch(command.shown)
        if not found or found[1] is None:
            return b"BAD X-SETUSER takes one string"
        login = _unescaped(found[1])
        if not self.is_master or login.lower() in {user.lower() for user in self.behaviour.refuse_users}:
            return b"NO X-SETUSER failed"
        name, password = self.kerio.master
        response = b64encode(f"\0{login}*{name}\0{password}".encode("utf-8", "surrogateescape")).decode()
        if not self.own(f"AUTHENTICATE PLAIN {response}").startswith(b"OK"):
            return b"NO X-SETUSER failed"
        with self.kerio.lock:
            self.kerio.logins.append(login)
        return b"OK X-SETUSER completed"

    def select(self, command: Command) -> bytes:
        self.exists, self.writable = 0, None
        answer = self.forward(command)
        if not answer.startswith(b"OK"):
            self.exists = None
            return answer
        found = _NAME.match(command.shown)
        if found and b"[READ-WRITE]" in answer:
            self.writable = found[2] or _unescaped(found[1])
        return re.sub(rb"^(OK (?:\[[^]]*\] )?).*", rb"\1SELECT completed", answer)

    def close(self, command: Command) -> bytes:
        if command.verb == "CLOSE" and self.moves():
            before, self.mute = self.mute, True
            self.own("NOOP")
            # CLOSE itself would remove messages that others flag since.
            answer = self.to_trash("DELETED") or self.own("UNSELECT")
            self.mute = before
        else:
            answer = self.forward(command)
        if answer.startswith(b"OK"):
            self.exists = self.writable = None
        return answer

    def append(self, command: Command) -> bytes:
        line = command.raw
        self.server.sendall(command.tag + b" " + line + b"\r\n")
        while found := LITERAL.search(line):
            if not found[2]:
                answer = self.relay(command.tag)
                if not answer.startswith(b"+"):
                    return answer
                self.ask(answer)
            stream(self.lines, int(found[1]), self.server.sendall)
            line = read_line(self.lines)
            self.server.sendall(line + b"\r\n")
        return self.relay(command.tag)

    def store(self, command: Command) -> bytes:
        answer = self.forward(command)
        found = _DELETES.match(command.shown)
        if found and answer.startswith(b"OK") and self.moves() and self.behaviour.moves_at == "store":
            return self.to_trash(f"{found[1] or ''}{found[2]} DELETED") or answer
        return answer

    def expunge(self, command: Command) -> bytes:
        # Dovecot would leave what others have flagged since the last command; a server may as well expunge it.
        self.own("NOOP")
        if not self.moves():
            return self.forward(command)
        chosen = command.shown.split()[2:]
        return self.to_trash(f"UID {chosen[0]} DELETED" if chosen else "DELETED") or b"OK EXPUNGE completed"

    def moves(self) -> bool:
        """True when deleted messages of the selected folder go to Deleted Items."""
        return self.behaviour.auto_expunge == 1 and self.writable not in (None, TRASH)

    def to_trash(self, chosen: str) -> bytes | None:
        """Move the messages that a search finds; what comes back is Dovecot's answer if it does not want to."""
        # A SEARCH by sequence numbers shows no EXPUNGE that would shift them, and Dovecot saves its result as UIDs.
        search, flag, trash = f"SEARCH RETURN (SAVE) {chosen}", r"UID STORE $ -FLAGS.SILENT (\Deleted)", f'"{TRASH}"'
        for line in (search, f"CREATE {trash}", flag, f"UID MOVE $ {trash}"):
            answer = self.own(line)
            if not answer.startswith((b"OK", b"NO [ALREADYEXISTS]")):
                return answer
        return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
