"""An IMAP server that plays a script: every behaviour that a real server does not show on demand.

It speaks enough of RFC 3501 to be archived from and deleted on, plus Kerio's master login. Every misbehaviour is an
attribute, which may be changed while the server runs; those that say "once" switch themselves off when they have happened,
so that the next try succeeds. Connections are numbered from 1 in the order in which they were accepted.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import struct
import threading
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from tests.servers.dovecot import modified_utf7, quoted

HOST = "127.0.0.1"
CHALLENGE = "<1421969253.42@mail.example.test>"
OPEN = ("CAPABILITY", "NOOP", "LOGOUT", "ID", "LOGIN", "AUTHENTICATE", "STARTTLS", "X-MASTERAUTH")
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\((?:[^()"]|"[^"]*"|\([^()]*\))*\))|([^\s()]+)')


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the server holds it; ``internaldate`` in the form of RFC 3501 (``date-time`` without the quotes)."""

    uid: int
    raw: bytes
    flags: tuple[str, ...] = ()
    internaldate: str = "01-Feb-2024 10:00:00 +0000"


@dataclass(frozen=True, slots=True)
class Received:
    """A command as received; ``turn`` counts how often its connection has waited for the client before it."""

    connection: int
    turn: int
    line: str


@dataclass(slots=True)
class Script:
    """The server's behaviour besides, or instead of, the standard's. Folder names are decoded, UIDs count in any folder."""

    capabilities: list[str] = field(default_factory=lambda: ["IMAP4rev1", "UIDPLUS", "SASL-IR"])
    greeting: str = "* OK ready"  # "* BYE too many connections" ends the session at once
    refuse_logins: int = 0  # so many logins are answered NO
    master_password: str | None = None  # Kerio's X-MASTERAUTH is known when set
    starttls: ssl.SSLContext | None = None
    uidvalidity: dict[str, int] = field(default_factory=dict)
    uidnext: dict[str, int] = field(default_factory=dict)
    highestmodseq: dict[str, int] = field(default_factory=dict)
    noselect: set[str] = field(default_factory=set)
    nonexistent: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    shut: set[str] = field(default_factory=set)  # opening such a folder is answered NO
    exists: dict[str, int] = field(default_factory=dict)  # EXISTS as told when such a folder is opened
    attributes: dict[str, str] = field(default_factory=dict)  # folder -> \Sent and the like
    namespace: str | None = None  # what NAMESPACE is answered; None: all is personal
    rights: dict[str, str] = field(default_factory=dict)  # folder -> what MYRIGHTS tells; NO for others
    product: str = "Scripted"  # the name in the reply to ID
    # More FETCH items: (folder, message, item) -> what stands behind the item's name, or None
    items: Callable[[str, Stored, str], str | None] = lambda folder, message, item: None
    refused_items: dict[str, str] = field(default_factory=dict)  # FETCH item -> the answer to a FETCH with it
    at_once: str = "taken"  # commands sent at once: "taken", "dropped", "refused" (BAD), "closed"

    nil_uids: set[int] = field(default_factory=set)  # BODY[] NIL
    omit_uids: set[int] = field(default_factory=set)  # no FETCH reply at all for a body
    no_uids: set[int] = field(default_factory=set)  # tagged NO for a body FETCH with such a UID in it
    size_lies: dict[int, int] = field(default_factory=dict)  # RFC822.SIZE as told
    expunge_between: set[int] = field(default_factory=set)  # listed, and gone when a body is asked for
    empty_fetch_bad: bool = False  # FETCH on an empty folder is answered BAD

    cut_literal_after: int | None = None  # once: the connection ends after so many bytes of a body
    bye_in_literal: int | None = None  # once: BYE after so many bytes of a body
    reset: bool = False  # connections that are cut end with RST
    drop_after_commands: int | None = None  # once: the connection ends after so many answered commands
    silent_after: int | None = None  # no byte any more after so many answered commands of a connection
    untagged_noise: bool = False
    text_less: bool = False  # response codes without text, tagged ones too
    bare_ok: bool = False  # tagged OK and nothing behind it, not even a blank (imaplib cannot read that)
    throttle: int = 0  # so many commands after the login are answered NO [UNAVAILABLE]
    answers: dict[str, str] = field(default_factory=dict)  # "UID EXPUNGE" -> "NO not today", instead of doing it
    trash: str | None = None  # what is expunged elsewhere goes here

    turn_away: int = 0  # so many connections are closed without a greeting
    bye_to: dict[str, str] = field(default_factory=dict)  # once a verb: BYE with this text instead of an answer
    flood: dict[str, bytes] = field(default_factory=dict)  # verb, or "greeting" -> what comes without end instead of an answer
    drip: float | None = None  # seconds between two bytes of a body, in the folders of ``drips_in``
    drips_in: set[str] = field(default_factory=set)
    size_of_all: int | None = None  # RFC822.SIZE of every message


class ScriptedServer:
    """The server, listening while the ``with`` block lasts; every name and password is welcome.

    ``folders`` (name -> messages) may be changed while it runs. ``tls`` makes it speak TLS from the first byte; without
    it a client that tries gets the plain greeting. What it was told is in ``commands``, passwords taken out.
    """

    def __init__(
        self,
        folders: Mapping[str, Iterable[Stored]],
        script: Script | None = None,
        *,
        separator: str = "/",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folders = {name: list(messages) for name, messages in folders.items()}
        self.script = script or Script()
        self.separator = separator
        self.tls = tls
        self.host = HOST
        self.port = 0
        self.commands: list[Received] = []
        self.logins: list[str] = []
        self.bodies = 0  # whole messages sent
        self.connections = 0
        self.poured = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._sessions: list[_Session] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopping.set()
        if self._listener is not None:
            # Only a shutdown wakes the thread that waits in accept.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self.lock:
            for session in self._sessions:
                with suppress(OSError):
                    session.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def lines(self, connection: int | None = None) -> list[str]:
        """The commands received, of one connection or of all, without their tags."""
        with self.lock:
            return [received.line.partition(" ")[2] for received in self.commands if connection in (None, received.connection)]

    def round_trips_after_login(self, connection: int) -> int:
        """The number of waits for the client between login and LOGOUT (commands sent at once: one)."""
        with self.lock:
            turns: set[int] = set()
            for received in (one for one in self.commands if one.connection == connection):
                verb = received.line.split(" ")[1].upper() if " " in received.line else ""
                if verb in ("LOGIN", "AUTHENTICATE", "X-SETUSER", "X-MASTERAUTH"):
                    turns.clear()
                elif verb != "LOGOUT":
                    turns.add(received.turn)
            return len(turns)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self.stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            # Small answers at once: a client that waits for each would lose 40 ms every time.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                session = _Session(self, accepted, self.connections)
                self._sessions.append(session)
            self._start(session.run)


class _Ended(Exception):
    """The connection is over."""


class _Session:
    """One connection."""

    def __init__(self, server: ScriptedServer, connection: socket.socket, number: int) -> None:
        self.server = server
        self.script = server.script
        self.socket = connection
        self.number = number
        self.buffer = b""
        self.turn = 0
        self.done = 0
        self.open = False
        self.selected: str | None = None
        self.crowded = False

    def pour(self, verb: str) -> None:
        """The flood of a script, until the client has had enough."""
        if (drop := self.script.flood.get(verb)) is None:
            return
        piece = drop * (65536 // len(drop) + 1)
        while not self.server.stopping.is_set():
            self.socket.sendall(piece)
            with self.server.lock:
                self.server.poured += len(piece)

    def run(self) -> None:
        try:
            if self.server.tls is not None:
                self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
            if self.script.turn_away > 0:
                self.script.turn_away -= 1
                self.cut()
            self.pour("greeting")
            self.send(self.script.greeting)
            if not self.script.greeting.startswith("* BYE"):
                while True:
                    self.command()
        except (_Ended, OSError):
            # Over: by our script, or by the client.
            pass
        finally:
            self.socket.close()

    # -- lines and literals

    def send(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise _Ended
        self.buffer += data

    def line(self) -> bytes:
        if b"\n" not in self.buffer:
            self.turn += 1
        while b"\n" not in self.buffer:
            self.receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def whole_line(self) -> str:
        """A command with its literals put in as quoted strings."""
        line = self.line()
        while found := _LITERAL.search(line):
            size = int(found[1])
            if not found[2]:
                self.send("+ go on")
            while len(self.buffer) < size:
                self.receive()
            literal, self.buffer = self.buffer[:size], self.buffer[size:]
            escaped = literal.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            line = line[: found.start()] + b'"' + escaped + b'"' + self.line()
        return line.decode("utf-8", "surrogateescape")

    def cut(self) -> None:
        if self.script.reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Ended

    # -- commands

    def command(self) -> None:
        script = self.script
        if script.silent_after is not None and self.done >= script.silent_after:
            self.server.stopping.wait()
            raise _Ended
        if script.drop_after_commands is not None and self.done >= script.drop_after_commands:
            script.drop_after_commands = None
            self.cut()
        line = self.whole_line()
        crowded, self.crowded = self.crowded, False
        if script.at_once != "taken" and b"\n" in self.buffer:
            if script.at_once == "closed":
                self.cut()
            self.crowded = script.at_once == "refused"
            self.buffer = self.buffer if self.crowded else b""
        tag, _, rest = line.partition(" ")
        words = _words(rest)
        verb = words[0].upper() if words else ""
        if verb == "UID" and len(words) > 1:
            verb, words = f"UID {words[1].upper()}", words[1:]
        with self.server.lock:
            shown = " ".join([tag, verb, words[1], "***"]) if verb == "LOGIN" and len(words) > 1 else line
            shown = " ".join([tag, *words[:2], "***"]) if verb == "AUTHENTICATE" else shown
            self.server.commands.append(Received(self.number, self.turn, shown))
        if verb in script.bye_to:
            self.send(f"* BYE {script.bye_to.pop(verb)}")
            self.cut()
        self.pour(verb)
        answer = "BAD one at a time" if crowded else self.answer(verb, words[1:])
        self.send(f"{tag} {'OK' if script.bare_ok and answer.startswith('OK') else answer}")
        self.done += 1
        if verb == "LOGOUT":
            raise _Ended
        if verb == "STARTTLS" and answer.startswith("OK") and script.starttls is not None:
            self.socket = script.starttls.wrap_socket(self.socket, server_side=True)

    def answer(self, verb: str, arguments: list[str]) -> str:
        """Do a command: untagged replies are sent, the tagged one is what comes back."""
        script = self.script
        if verb in script.answers:
            return script.answers[verb]
        if not self.open and verb not in OPEN:
            return "NO log in first"
        if self.open and verb != "LOGOUT" and script.throttle > 0:
            script.throttle -= 1
            return "NO [UNAVAILABLE] too busy, come back later"
        method = getattr(self, "do_" + verb.lower().replace(" ", "_").replace("-", "_"), None)
        if method is None:
            return f"BAD unknown command {verb}"
        try:
            return str(method(*arguments))
        except (TypeError, ValueError, IndexError) as error:
            return f"BAD {verb}: {error}"

    def do_capability(self) -> str:
        self.send("* CAPABILITY " + " ".join(self.script.capabilities))
        return "OK done"

    def do_noop(self) -> str:
        return "OK done"

    do_check = do_noop

    def do_id(self, *_: str) -> str:
        self.send(f'* ID ("name" "{self.script.product}")')
        return "OK done"

    def do_enable(self, *names: str) -> str:
        self.send("* ENABLED " + " ".join(names))
        return "OK done"

    def do_namespace(self) -> str:
        told = self.script.namespace or f'(("" "{self.server.separator}")) NIL NIL'
        self.send(f"* NAMESPACE {told}")
        return "OK done"

    def do_myrights(self, wire_name: str) -> str:
        name = self.folder(wire_name)
        if name is None or name not in self.script.rights:
            return "NO no such folder"
        self.send(f"* MYRIGHTS {quoted(name)} {self.script.rights[name]}")
        return "OK done"

    def do_logout(self) -> str:
        self.send("* BYE bye")
        return "OK done"

    def do_starttls(self) -> str:
        return "NO not here" if self.script.starttls is None else "OK go on"

    def do_login(self, name: str, _password: str) -> str:
        return self.log_in(name)

    def do_authenticate(self, mechanism: str, initial: str | None = None) -> str:
        if mechanism.upper() != "PLAIN":
            return "NO only PLAIN"
        if initial is None:
            self.send("+ ")
            initial = self.line().decode("ascii")
        authorization, name, _ = b64decode(initial).decode().split("\0")
        return self.log_in(f"{authorization}/{name}" if authorization else name)

    def do_x_masterauth(self) -> str:
        password = self.script.master_password
        if password is None:
            return "BAD unknown command"
        self.send(f"+ {CHALLENGE}")
        wanted = hashlib.md5((CHALLENGE + password).encode(), usedforsecurity=False).hexdigest()
        if self.line().decode("ascii", "replace") != wanted:
            return "NO X-MASTERAUTH failed"
        return self.log_in("master")

    def do_x_setuser(self, name: str) -> str:
        self.server.logins.append(name)
        return "OK X-SETUSER completed"

    def log_in(self, name: str) -> str:
        if self.script.refuse_logins > 0:
            self.script.refuse_logins -= 1
            return "NO [AUTHENTICATIONFAILED] no"
        self.server.logins.append(name)
        self.open = True
        return "OK welcome"

    # -- folders

    def do_list(self, reference: str, pattern: str, *options: str) -> str:
        separator = self.server.separator
        if not pattern:
            self.send(f'* LIST (\\Noselect) "{separator}" ""')
            return "OK done"
        parts = re.split(r"([*%])", reference + pattern)
        wild = {"*": ".*", "%": f"[^{re.escape(separator)}]*"}
        matching = re.compile("".join(wild.get(part, re.escape(part)) for part in parts), re.DOTALL)
        status = re.search(r"STATUS \(([^)]*)\)", " ".join(options))
        for name in sorted({*self.server.folders, *self.script.noselect, *self.script.nonexistent}):
            if not matching.fullmatch(modified_utf7(name)):
                continue
            flags = [self.script.attributes.get(name, "")]
            flags.append(r"\Noselect" if name in self.script.noselect else "")
            flags.append(r"\NonExistent" if name in self.script.nonexistent else "")
            self.send(f'* LIST ({" ".join(filter(None, flags))}) "{separator}" {quoted(name)}')
            if status and name in self.server.folders:
                self.send(self.status(name, status[1]))
            if "MYRIGHTS" in " ".join(options) and name in self.script.rights:
                self.send(f"* MYRIGHTS {quoted(name)} {self.script.rights[name]}")
            self.noise()
        return "OK done"

    def do_status(self, wire_name: str, items: str) -> str:
        name = self.folder(wire_name)
        if name is None:
            return "NO [NONEXISTENT] no such folder"
        self.send(self.status(name, items.strip("()")))
        return "OK done"

    def status(self, name: str, items: str) -> str:
        values = {
            "MESSAGES": len(self.server.folders[name]),
            "RECENT": 0,
            "UNSEEN": sum(r"\Seen" not in message.flags for message in self.server.folders[name]),
            "UIDNEXT": self.uidnext(name),
            "UIDVALIDITY": self.script.uidvalidity.get(name, 1),
            "HIGHESTMODSEQ": self.script.highestmodseq.get(name, 1),
        }
        return f"* STATUS {quoted(name)} ({' '.join(f'{item} {values[item]}' for item in items.upper().split())})"

    def do_select(self, wire_name: str, *_: str) -> str:
        self.selected = name = self.folder(wire_name)
        if name is None:
            return "NO [NONEXISTENT] no such folder"
        if name in self.script.shut:
            self.selected = None
            return "NO not this one"
        text = "" if self.script.text_less else " as it is"
        self.send(
            f"* {self.script.exists.get(name, len(self.server.folders[name]))} EXISTS",
            "* 0 RECENT",
            r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)",
            f"* OK [UIDVALIDITY {self.script.uidvalidity.get(name, 1)}]{text}",
            f"* OK [UIDNEXT {self.uidnext(name)}]{text}",
        )
        if name in self.script.highestmodseq:
            self.send(f"* OK [HIGHESTMODSEQ {self.script.highestmodseq[name]}]{text}")
        return f"OK [{'READ-ONLY' if name in self.script.read_only else 'READ-WRITE'}]{text}"

    do_examine = do_select

    def do_close(self) -> str:
        self.selected = None
        return "OK done"

    do_unselect = do_close

    def do_create(self, wire_name: str) -> str:
        # Only ASCII names are created in tests; others are put into ``folders``.
        self.server.folders.setdefault(wire_name, [])
        return "OK done"

    def folder(self, wire_name: str) -> str | None:
        names = {modified_utf7(name): name for name in self.server.folders}
        wire_name = "INBOX" if wire_name.upper() == "INBOX" else wire_name
        name = names.get(wire_name)
        return None if name in self.script.noselect | self.script.nonexistent else name

    def uidnext(self, name: str) -> int:
        highest = max((message.uid for message in self.server.folders[name]), default=0)
        return self.script.uidnext.get(name, highest + 1)

    # -- messages

    def messages(self) -> list[Stored]:
        if self.selected is None:
            raise ValueError("no folder selected")
        return self.server.folders.get(self.selected, [])

    def noise(self) -> None:
        if self.script.untagged_noise:
            count = len(self.messages()) if self.selected else 0
            self.send(f"* {count + 1} EXISTS", "* 1 RECENT", f"* {count + 1} EXPUNGE", r"* FLAGS (\Seen \Deleted)")
            self.send("* OK still here", *([r"* 1 FETCH (FLAGS (\Seen))"] if count else []))

    def do_uid_search(self, *_: str) -> str:
        self.send("* SEARCH " + " ".join(str(message.uid) for message in self.messages()))
        return "OK done"

    def do_fetch(self, numbers: str, *items: str) -> str:
        return self.fetch(list(_chosen(numbers, range(1, len(self.messages()) + 1))), items)

    def do_uid_fetch(self, uids: str, *items: str) -> str:
        wanted = set(_chosen(uids, [message.uid for message in self.messages()]))
        places = [place for place, message in enumerate(self.messages(), 1) if message.uid in wanted]
        return self.fetch(places, ("UID", *items))

    def fetch(self, places: list[int], items: tuple[str, ...]) -> str:
        names = list(dict.fromkeys(" ".join(item.strip("()") for item in items).upper().split()))
        bodies = any(name.startswith(("BODY", "RFC822")) and name != "RFC822.SIZE" for name in names)
        messages = self.messages()
        if refusal := next((self.script.refused_items[name] for name in names if name in self.script.refused_items), ""):
            return refusal
        if not messages and self.script.empty_fetch_bad:
            return "BAD nothing here"
        chosen = [(place, messages[place - 1]) for place in places]
        if bodies:
            chosen = [(place, one) for place, one in chosen if one.uid not in self.script.expunge_between]
            if any(one.uid in self.script.no_uids for _, one in chosen):
                return "NO some messages cannot be read"
            chosen = [(place, one) for place, one in chosen if one.uid not in self.script.omit_uids]
        for place, message in chosen:
            self.noise()
            self.socket.sendall(f"* {place} FETCH (".encode())
            for number, name in enumerate(names):
                self.socket.sendall(b" " * bool(number))
                self.send_item(message, name)
            self.send(")")
        if bodies and self.selected is not None:
            self.server.folders[self.selected] = [
                message for message in messages if message.uid not in self.script.expunge_between
            ]
        return "OK done"

    def send_item(self, message: Stored, name: str) -> None:
        flags = " ".join(message.flags)
        size = self.script.size_lies.get(message.uid, len(message.raw))
        size = size if self.script.size_of_all is None else self.script.size_of_all
        simple = {
            "UID": f"UID {message.uid}",
            "FLAGS": f"FLAGS ({flags})",
            "INTERNALDATE": f'INTERNALDATE "{message.internaldate}"',
            "RFC822.SIZE": f"RFC822.SIZE {size}",
        }
        if (more := self.script.items(self.selected or "", message, name)) is not None:
            self.socket.sendall(f"{name} {more}".encode())
            return
        if name in simple:
            self.socket.sendall(simple[name].encode())
            return
        found = re.fullmatch(r"BODY(?:\.PEEK)?\[(HEADER|)\](?:<(\d+)\.(\d+)>)?", name)
        if not found:
            raise ValueError(f"cannot fetch {name}")
        section, start, length = found.groups()
        origin = "" if start is None else f"<{start}>"
        if message.uid in self.script.nil_uids:
            self.socket.sendall(f"BODY[{section}]{origin} NIL".encode())
            return
        data = message.raw
        self.server.bodies += not section
        if section:
            data = data[: data.find(b"\r\n\r\n") + 4] if b"\r\n\r\n" in data else data
        if start is not None:
            data = data[int(start) : int(start) + int(length)]
        self.socket.sendall(f"BODY[{section}]{origin} {{{len(data)}}}\r\n".encode())
        self.send_literal(data)

    def send_literal(self, data: bytes) -> None:
        script = self.script
        if script.cut_literal_after is not None and script.cut_literal_after < len(data):
            end, script.cut_literal_after = script.cut_literal_after, None
            self.socket.sendall(data[:end])
            self.cut()
        if script.bye_in_literal is not None and script.bye_in_literal < len(data):
            end, script.bye_in_literal = script.bye_in_literal, None
            self.socket.sendall(data[:end] + b"\r\n* BYE shutting down\r\n")
            self.cut()
        if script.drip is not None and self.selected in script.drips_in:
            for byte in data:
                self.socket.sendall(bytes([byte]))
                if self.server.stopping.wait(script.drip):
                    raise _Ended
            return
        self.socket.sendall(data)

    # -- deleting

    def do_uid_store(self, uids: str, operation: str, flags: str) -> str:
        wanted = set(_chosen(uids, [message.uid for message in self.messages()]))
        named = set(flags.strip("()").split())
        messages = self.messages()
        for place, message in enumerate(messages):
            if message.uid in wanted:
                had = set(message.flags)
                now = had | named if operation.startswith("+") else had - named if operation.startswith("-") else named
                messages[place] = replace(message, flags=tuple(sorted(now)))
                if not operation.upper().endswith(".SILENT"):
                    self.send(f"* {place + 1} FETCH (UID {message.uid} FLAGS ({' '.join(sorted(now))}))")
        return "OK done"

    def do_uid_expunge(self, uids: str) -> str:
        return self.expunge(set(_chosen(uids, [message.uid for message in self.messages()])))

    def do_expunge(self) -> str:
        return self.expunge({message.uid for message in self.messages()})

    def expunge(self, uids: set[int]) -> str:
        messages = self.messages()
        for place in range(len(messages), 0, -1):
            message = messages[place - 1]
            if message.uid in uids and r"\Deleted" in message.flags:
                del messages[place - 1]
                self.send(f"* {place} EXPUNGE")
                self.to_trash(message)
        return "OK done"

    def to_trash(self, message: Stored) -> None:
        trash = self.script.trash
        if trash is not None and trash != self.selected:
            kept = tuple(flag for flag in message.flags if flag != r"\Deleted")
            there = self.server.folders.setdefault(trash, [])
            there.append(replace(message, uid=self.uidnext(trash), flags=kept))


def _words(text: str) -> list[str]:
    """The arguments of a command: quoted strings without quotes, lists with their parentheses."""
    words = []
    for found in _TOKEN.finditer(text):
        string, group, atom = found.groups()
        words.append(re.sub(r"\\(.)", r"\1", string) if string is not None else group or atom)
    return words


def _chosen(numbers: str, present: Iterable[int]) -> Iterator[int]:
    """Those of the ascending numbers ``present`` that a sequence set names (RFC 3501 section 9, ``sequence-set``)."""
    there = list(present)
    last = there[-1] if there else 0
    ranges = []
    for part in numbers.split(","):
        first, _, second = part.partition(":")
        ends = [last if end == "*" else int(end) for end in (first, second or first)]
        ranges.append((min(ends), max(ends)))
    return (number for number in there if any(low <= number <= high for low, high in ranges))
