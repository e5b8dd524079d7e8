"""A session with an IMAP server that plays a script: its commands, logins and folders."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode

from tests.servers.dovecot import modified_utf7, quoted
from tests.servers.script import Received
from tests.servers.scripted_mail import Mail
from tests.servers.scripted_wire import Ended

CHALLENGE = "<1421969253.42@mail.example.test>"
OPEN = ("CAPABILITY", "NOOP", "LOGOUT", "ID", "LOGIN", "AUTHENTICATE", "STARTTLS", "X-MASTERAUTH")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\((?:[^()"]|"[^"]*"|\([^()]*\))*\))|([^\s()]+)')


class Session(Mail):
    """One connection, from greeting to end."""

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
        except (Ended, OSError):
            # Over: by our script, or by the client.
            pass
        finally:
            self.socket.close()

    # -- commands

    def command(self) -> None:
        script = self.script
        if script.silent_after is not None and self.done >= script.silent_after:
            self.server.stopping.wait()
            raise Ended
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
            raise Ended
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


def _words(text: str) -> list[str]:
    """The arguments of a command: quoted strings without quotes, lists with their parentheses."""
    words = []
    for found in _TOKEN.finditer(text):
        string, group, atom = found.groups()
        words.append(re.sub(r"\\(.)", r"\1", string) if string is not None else group or atom)
    return words
