"""The messages of an IMAP server that plays a script: told, sent, marked and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from tests.servers.script import Stored
from tests.servers.scripted_wire import Connection, Ended


class Mail(Connection):
    """A connection that reads, marks and deletes messages of the folder that is open."""

    def messages(self) -> list[Stored]:
        if self.selected is None:
            raise ValueError("no folder selected")
        return self.server.folders.get(self.selected, [])

    def noise(self) -> None:
        if self.script.untagged_noise:
            count = len(self.messages()) if self.selected else 0
            self.send(f"* {count + 1} EXISTS", "* 1 RECENT", f"* {count + 1} EXPUNGE", r"* FLAGS (\Seen \Deleted)")
            self.send("* OK still here", *([r"* 1 FETCH (FLAGS (\Seen))"] if count else []))

    def uidnext(self, name: str) -> int:
        highest = max((message.uid for message in self.server.folders[name]), default=0)
        return self.script.uidnext.get(name, highest + 1)

    def do_uid_search(self, *_: str) -> str:
        self.send("* SEARCH " + " ".join(str(message.uid) for message in self.messages()))
        return "OK done"

    def do_fetch(self, numbers: str, *items: str) -> str:
        return self.fetch(list(chosen(numbers, range(1, len(self.messages()) + 1))), items)

    def do_uid_fetch(self, uids: str, *items: str) -> str:
        wanted = set(chosen(uids, [message.uid for message in self.messages()]))
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
            self.socket.sendall(f"{name.replace('.PEEK', '')} {more}".encode())
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
                    raise Ended
            return
        self.socket.sendall(data)

    # -- deleting

    def do_uid_store(self, uids: str, operation: str, flags: str) -> str:
        wanted = set(chosen(uids, [message.uid for message in self.messages()]))
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
        return self.expunge(set(chosen(uids, [message.uid for message in self.messages()])))

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


def chosen(numbers: str, present: Iterable[int]) -> Iterator[int]:
    """Those of the ascending numbers ``present`` that a sequence set names (RFC 3501 section 9, ``sequence-set``)."""
    there = list(present)
    last = there[-1] if there else 0
    ranges = []
    for part in numbers.split(","):
        first, _, second = part.partition(":")
        ends = [last if end == "*" else int(end) for end in (first, second or first)]
        ranges.append((min(ends), max(ends)))
    return (number for number in there if any(low <= number <= high for low, high in ranges))
