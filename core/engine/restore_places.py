"""Which folder on a server is meant by a path of the archive, and whose it is: decided on what LIST and NAMESPACE tell.

What holds here: folders are made among the user's own ones alone, below the prefix that the server has for these (``INBOX.`` as
Courier, Cyrus and many Dovecots have it). A folder of others, or a shared one, is used only if it is there and was meant: named
by a person, or the very folder where the mail was. A server that does not tell its prefix shows it: it makes no folder beside
INBOX, and all of its folders lie below INBOX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import ProtocolError
from core.format import counted
from core.imap import appending, names
from core.imap.names import Folder
from core.imap.namespaces import Namespaces, Whose
from core.imap.session import Busy, Session

INBOX = "INBOX"
_OF_OTHERS: dict[Whose | None, str] = {Whose.OTHER: ", a folder of another user", Whose.SHARED: ", a shared folder"}


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder on a server: ``path`` for people, ``name`` as on the wire; ``folder`` is None as long as it is not there.

    ``made``: it was not there before. ``whose`` is None where the server does not tell. ``refusal`` says why nothing can be put
    there.
    """

    path: str
    name: str = ""
    folder: Folder | None = None
    whose: Whose | None = None
    refusal: str = ""
    made: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """A folder on the server that a restore used: ``name`` as on the wire, ``wished`` the path that was asked for.

    ``whose`` is None where the server does not tell. ``messages`` were put there, or would be by a dry run, in which a folder
    that is not there yet is ``created`` too. ``folders`` are those of the archive, each with whose it is.
    """

    path: str
    name: str
    wished: str
    whose: Whose | None
    created: bool
    messages: int
    folders: tuple[tuple[str, str], ...]

    @property
    def odd(self) -> bool:
        """Is it another folder than was asked for, or one that others read?"""
        return self.wished != self.path or self.whose in _OF_OTHERS

    def sentence(self) -> str:
        """Where the mail went, for people."""
        whose = _OF_OTHERS.get(self.whose, "")
        instead = f" (for {self.wished})" if self.wished != self.path else ""
        return f"{self.path}{instead}{whose}: {counted(self.messages, 'message')}"

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": self.path,
            "name": self.name,
            "wished": self.wished,
            "whose": self.whose.value if self.whose is not None else None,
            "created": self.created,
            "messages": self.messages,
            "from": [{"user": user, "folder": path} for user, path in self.folders],
        }


class ServerFolders:
    """The folders of a mailbox as its server tells them. ``delimiter`` parts the levels of names."""

    def __init__(self, listed: Sequence[Folder], namespaces: Namespaces | None, delimiter: str) -> None:
        self._namespaces = namespaces
        home = namespaces.home if namespaces is not None else None
        self._root = home.root if home is not None else ""
        # Without a prefix the names are what the server parts when it is asked about all of them.
        self._delimiter = home.delimiter if home is not None and self._root else delimiter
        self._listed = {one.path: one for one in reversed(listed)}
        others = [one.path for one in listed if one.path != INBOX]
        self._below_inbox = all(path.startswith(f"{INBOX}/") for path in others)
        self._prefix_told = namespaces is not None

    @classmethod
    async def read(cls, session: Session) -> ServerFolders:
        """Ask a server. Raises ``ProtocolError``, ``Dropped``."""
        namespaces = await appending.namespaces(session)
        return cls(await session.folders(), namespaces, await appending.delimiter(session))

    def listed(self, path: str) -> Folder | None:
        """The folder of this path that can be opened."""
        found = self._listed.get(path)
        return found if found is not None and found.selectable else None

    def whose(self, name: str) -> Whose | None:
        """Whose the folder ``name`` is; None when the server does not tell."""
        found = self._namespaces.find(name) if self._namespaces is not None else None
        return found[0] if found is not None else None

    def is_foreign(self, folder: Folder) -> bool:
        """Is it a folder of others, or a shared one?"""
        return self.whose(folder.name) in (Whose.OTHER, Whose.SHARED)

    def spot(self, path: str, *, meant: bool) -> Spot:
        """The folder for ``path``; ``meant``: also if it is one of others, since this very one is wanted."""
        there = self.listed(path)
        if there is not None and (meant or not self.is_foreign(there)):
            return self._found(there)
        root = self._readable_root()
        if root and path != INBOX and path != root and not path.startswith(f"{root}/"):
            # Also for what is named like a folder of others: the mail is the user's own.
            path = f"{root}/{path}"
            if (there := self.listed(path)) is not None and not self.is_foreign(there):
                return self._found(there)
        return self._new(path)

    def below_inbox(self, path: str) -> Spot | None:
        """Where ``path`` lies on a server that has all folders below INBOX without telling so; None if it is no such server."""
        if self._prefix_told or not self._below_inbox or not self._delimiter or path.split("/")[0] == INBOX:
            return None
        below = f"{INBOX}/{path}"
        there = self.listed(below)
        return self._found(there) if there is not None else self._new(below)

    def foreseen(self, spot: Spot) -> tuple[Spot, str]:
        """What a restore would use for a spot that is not there, as far as that can be told without trying; and what cannot."""
        below = self.below_inbox(spot.path)
        if below is None or below.refusal:
            return spot, ""
        if below.folder is not None:
            return below, f"{below.path} is meant for {spot.path} if the server makes no folders beside INBOX"
        return spot, f"{spot.path} becomes {below.path} if the server makes no folders beside INBOX"

    def _found(self, folder: Folder) -> Spot:
        return Spot(folder.path, folder.name, folder, self.whose(folder.name))

    def _readable_root(self) -> str:
        """The path below which the user's own folders lie; empty for none."""
        return names.path(self._root.removesuffix(self._delimiter), self._delimiter) if self._root else ""

    def _new(self, path: str) -> Spot:
        name = self._name(path)
        if name is None or names.needs_literal(name):
            refusal = (
                f'The server can have no folder of this name, since it parts levels by "{self._delimiter}".'
                if self._delimiter
                else "The server can have no folder within another one."
            )
            return Spot(path, refusal=f"{refusal} Another one can be named with --to.")
        whose = self.whose(name)
        if whose in (Whose.OTHER, Whose.SHARED):
            what = "a folder of another user" if whose is Whose.OTHER else "a shared folder"
            refusal = f"On this server that would be {what}, which is not made: others would read the mail."
            return Spot(path, name, whose=whose, refusal=f"{refusal} Another one can be named with --to.")
        return Spot(path, name, whose=whose)

    def _name(self, path: str) -> str | None:
        root = self._readable_root()
        if root and path.startswith(f"{root}/"):
            below = names.wire(path.removeprefix(f"{root}/"), self._delimiter)
            return None if below is None else self._root + below
        return names.wire(path, self._delimiter)


async def make(session: Session, server: ServerFolders, spot: Spot, path: str) -> Spot:
    """Make the folder of a spot that is not there; where it is then. ``path`` is what was wished.

    Raises ``ProtocolError`` when the server refuses.
    """
    try:
        await appending.create_folder(session, spot.name)
    except Busy:
        raise
    except ProtocolError:
        below = server.below_inbox(path)
        if below is None or below.refusal:
            raise
        if below.folder is not None:
            return below
        spot = below
        await appending.create_folder(session, spot.name)
    folder = await _settled(session, server, spot)
    return replace(spot, path=folder.path, name=folder.name, folder=folder, whose=server.whose(folder.name), made=True)


async def _settled(session: Session, server: ServerFolders, spot: Spot) -> Folder:
    """The folder that was made, as the server lists it: it may have put it below a prefix by itself."""
    listed = await session.folders()
    if (same := next((one for one in listed if one.name == spot.name), None)) is not None:
        return same
    fresh = [one for one in listed if server.listed(one.path) is None and one.path.endswith(f"/{spot.path}")]
    # What is not listed can be opened all the same, on servers that list what is subscribed.
    return fresh[0] if len(fresh) == 1 else Folder(spot.name, spot.path)
