"""Folders on a server for paths of the archive, and their owners, by LIST and NAMESPACE.

Invariant: folders are only made among the user's own, below the server's prefix for these (``INBOX.`` on Courier, Cyrus and
many Dovecots). A folder of another user, or a shared one, is only used if it exists and was meant: named by the user, or the
very folder of the mail. A server that does not tell its prefix reveals it: it makes no folder beside INBOX, and all of its
folders lie below INBOX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.errors import ProtocolError
from core.imap import appending, names
from core.imap.names import Folder
from core.imap.namespaces import Namespaces
from core.imap.session import Busy, Session
from core.problems import restore as problems
from core.problems import warning
from core.problems.code import Reason
from core.profiles.ownership import Standing, Whose
from core.text.format import counted
from core.values import dataclass

INBOX = "INBOX"


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder on a server: ``path`` for display, ``name`` as on the wire; ``folder`` is None until it exists.

    ``made``: it did not exist before. ``remark``: a deviation from the wish, or a doubt. ``whose`` is None where the server
    does not tell. ``refusal``: the reason why nothing can be put there.
    """

    path: str
    name: str = ""
    folder: Folder | None = None
    whose: Whose | None = None
    refusal: Reason | None = None
    made: bool = False
    remark: Reason | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """A folder on the server used by a restore: ``name`` as on the wire, ``wished`` the requested path.

    ``whose`` is None where the server does not tell. ``messages`` were put there, or would be by a dry run, in which a missing
    folder counts as ``created``. ``folders`` are those of the archive, each with its owner.
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
        """True for another folder than requested, or one that others can read."""
        return self.wished != self.path or bool(self.whose and self.whose.foreign)

    def sentence(self) -> str:
        """The destination of the mail, in a sentence."""
        whose = f", {self.whose.reason}" if self.whose and self.whose.foreign else ""
        instead = f" (for {self.wished})" if self.wished != self.path else ""
        return f"{self.path}{instead}{whose}: {counted(self.messages, 'message')}"

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": self.path,
            "name": self.name,
            "wished": self.wished,
            "whose": self.whose.standing.value if self.whose else None,
            "owner": self.whose.owner if self.whose else "",
            "created": self.created,
            "messages": self.messages,
            "from": [{"user": user, "folder": path} for user, path in self.folders],
        }


class ServerFolders:
    """The folders of a mailbox, from its server. ``delimiter`` separates the levels of names."""

    def __init__(self, listed: Sequence[Folder], namespaces: Namespaces | None, delimiter: str) -> None:
        self._namespaces = namespaces
        own = [one for one in namespaces.spaces if one.standing is Standing.OWN] if namespaces is not None else []
        # Without a prefix where possible: the levels of names are separated as LIST "" "" says.
        home = next(iter(own), None) if all(one.prefix for one in own) else None
        self._delimiter = home.delimiter if home is not None else delimiter
        self._root = home.prefix if home is not None else ""
        if self._root and not self._root.endswith(self._delimiter):
            self._root += self._delimiter
        self._listed = {one.path: one for one in reversed(listed)}
        others = [one.path for one in listed if one.path != INBOX]
        self._below_inbox = all(path.startswith(f"{INBOX}/") for path in others)
        self._prefix_told = namespaces is not None

    @classmethod
    async def read(cls, session: Session) -> ServerFolders:
        """Ask a server. Raises ``ProtocolError``, ``Dropped``."""
        # Namespaces are requested together with the list.
        folders = await session.folders()
        return cls(folders, session.namespaces, await appending.delimiter(session))

    def listed(self, path: str) -> Folder | None:
        """The folder of this path, if it can be opened."""
        found = self._listed.get(path)
        return found if found is not None and found.selectable else None

    def whose(self, name: str) -> Whose | None:
        """The owner of the folder ``name``; None when the server does not tell."""
        return self._namespaces.whose(name) if self._namespaces is not None else None

    def is_foreign(self, folder: Folder) -> bool:
        """True for a folder of another user, or a shared one."""
        whose = self.whose(folder.name)
        return whose is not None and whose.foreign

    def spot(self, path: str, *, meant: bool) -> Spot:
        """The folder for ``path``; ``meant``: also one of another user, since this very one is wanted."""
        there = self.listed(path)
        if there is not None and (meant or not self.is_foreign(there)):
            return self._found(there)
        root = self._readable_root()
        if root and path != INBOX and path != root and not path.startswith(f"{root}/"):
            # Also for a name like that of another user's folder: the mail is the user's own.
            path = f"{root}/{path}"
            if (there := self.listed(path)) is not None and not self.is_foreign(there):
                return self._found(there)
        return self._new(path)

    def below_inbox(self, path: str) -> Spot | None:
        """The folder of ``path`` on a server that silently keeps all folders below INBOX; None on any other."""
        if self._prefix_told or not self._below_inbox or not self._delimiter or path.split("/")[0] == INBOX:
            return None
        below = f"{INBOX}/{path}"
        there = self.listed(below)
        return self._found(there) if there is not None else self._new(below)

    def foreseen(self, spot: Spot) -> Spot:
        """The folder that a restore would use or make for a missing one, as far as that can be told without trying."""
        below = self.below_inbox(spot.path)
        if below is None or below.refusal:
            return replace(spot, made=True)
        if below.folder is not None:
            return replace(below, remark=warning.RESTORED_BELOW_INBOX(below=below.path, path=spot.path))
        return replace(spot, made=True, remark=warning.BECOMES_BELOW_INBOX(path=spot.path, below=below.path))

    def _found(self, folder: Folder) -> Spot:
        return Spot(folder.path, folder.name, folder, self.whose(folder.name))

    def _readable_root(self) -> str:
        """The path below which the user's own folders lie; empty for none."""
        return names.path(self._root.removesuffix(self._delimiter), self._delimiter) if self._root else ""

    def _new(self, path: str) -> Spot:
        name = self._name(path)
        if name is None or names.needs_literal(name):
            delimiter = self._delimiter
            return Spot(path, refusal=problems.NO_SUCH_NAME(delimiter=delimiter) if delimiter else problems.NO_LEVELS())
        whose = self.whose(name)
        if whose is not None and whose.foreign:
            return Spot(path, name, whose=whose, refusal=problems.FOREIGN(whose=whose.reason))
        return Spot(path, name, whose=whose)

    def _name(self, path: str) -> str | None:
        root = self._readable_root()
        if root and path.startswith(f"{root}/"):
            below = names.wire(path.removeprefix(f"{root}/"), self._delimiter)
            return None if below is None else self._root + below
        return names.wire(path, self._delimiter)


async def make(session: Session, server: ServerFolders, spot: Spot, path: str) -> Spot:
    """Make the folder of a missing spot, and subscribe to it; its actual place. ``path`` is the requested one.

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
    remark = None
    try:
        await appending.subscribe(session, spot.name)
    except ProtocolError as error:
        remark = warning.MADE_HIDDEN(path=spot.path, why=error.reason)
    return replace(spot, folder=Folder(spot.name, spot.path), made=True, remark=remark)
