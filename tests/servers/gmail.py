"""A scripted Gmail: every label of a message is a folder, one folder has all mail, and ids and labels can be fetched.

Labels in ``hidden`` are not shown to IMAP. The folder of all mail has a localised name and its own UIDs; trash is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.servers.dovecot import modified_utf7
from tests.servers.scripted import Script, ScriptedServer, Stored

ALL = "[Gmail]/Alle Nachrichten"
STARRED = "[Gmail]/Markiert"
SENT = "[Gmail]/Gesendet"
_SYSTEM = {r"\Inbox": "INBOX", r"\Starred": STARRED, r"\Sent": SENT}


@dataclass(slots=True)
class Message:
    """One message and its labels: a folder's name, or ``\\Inbox``, ``\\Starred``, ``\\Sent``, ``\\Important``."""

    raw: bytes
    labels: list[str] = field(default_factory=list)
    internaldate: str = "01-Feb-2024 10:00:00 +0000"


class Gmail:
    """Builds the folders of ``messages``; ``server`` is a ``ScriptedServer``. ``change`` shows other labels from then on."""

    def __init__(self, messages: Iterable[Message], *, hidden: Iterable[str] = (), ids: bool = True, first: int = 1000) -> None:
        self.messages = list(messages)
        self.hidden = set(hidden)
        self.first = first
        self._uids: dict[tuple[str, int], int] = {}
        self._next: dict[str, int] = {}
        self._of: dict[tuple[str, int], int] = {}
        capabilities = ["IMAP4rev1", "UIDPLUS", "SPECIAL-USE", *(["X-GM-EXT-1"] if ids else [])]
        attributes = {ALL: r"\HasNoChildren \All", STARRED: r"\Flagged", SENT: r"\Sent"}
        self.script = Script(capabilities, attributes=attributes, noselect={"[Gmail]"}, items=self._items if ids else _none)
        self.server = ScriptedServer({}, self.script)
        self.change()

    def change(self) -> None:
        """Show what ``messages`` are now: who lost a label is gone from that folder, who got one has a new UID there."""
        folders: dict[str, list[Stored]] = {"INBOX": [], ALL: [], STARRED: [], SENT: []}
        for number, message in enumerate(self.messages):
            for label in [ALL, *message.labels]:
                name = _SYSTEM.get(label, label)
                if label == r"\Important" or label in self.hidden:
                    continue
                if (name, number) not in self._uids:
                    self._uids[name, number] = self._next.setdefault(name, self.first + len(self._next) * 100)
                    self._next[name] += 1
                uid = self._uids[name, number]
                self._of[name, uid] = number
                folders.setdefault(name, []).append(Stored(uid, message.raw, (), message.internaldate))
        for known, number in list(self._uids):
            if known != ALL and not any(_SYSTEM.get(label, label) == known for label in self.messages[number].labels):
                del self._uids[known, number]
        with self.server.lock:
            self.server.folders = {name: sorted(stored, key=lambda one: one.uid) for name, stored in folders.items()}
            self.script.uidnext = dict(self._next)

    def downloads(self) -> int:
        """The number of bodies sent so far."""
        return self.server.bodies

    def _items(self, folder: str, message: Stored, item: str) -> str | None:
        number = self._of[folder, message.uid]
        if item == "X-GM-MSGID":
            return str(1278455344230334865 + number)
        if item == "X-GM-LABELS":
            own = [label for label in self.messages[number].labels if _SYSTEM.get(label, label) != folder]
            return f"({' '.join(_written(label) for label in own)})"
        return None


def _written(label: str) -> str:
    wire = modified_utf7(label)
    if wire.startswith("\\") or wire.isalnum():
        return wire
    escaped = wire.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _none(folder: str, message: Stored, item: str) -> str | None:
    return None
