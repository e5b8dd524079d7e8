"""Replies to NAMESPACE (RFC 2342) and MYRIGHTS (RFC 4314), and the owners of folders by them. Pure.

The longest prefix counts, INBOX is always the mailbox's own, and an unreadable reply tells nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.imap import names, tokens
from core.imap.names import Folder, Reply
from core.profiles.ownership import OWN, Evidence, Standing, Whose
from core.values import dataclass

_KINDS = (Standing.OWN, Standing.OTHERS, Standing.SHARED)
#: Rights of an owner that a borrower does not have, all of them: administer, insert, delete, expunge.
_TELLING = frozenset("aite")
#: Rights of RFC 2086, in which one letter stood for several.
_OLD = {"d": "te", "c": "kx"}
#: The namespace of a server's own searches, in lower case; its folders are views.
_VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace: ``prefix`` as on the wire; ``delimiter`` is empty where names have no levels."""

    standing: Standing
    prefix: str
    delimiter: str

    @property
    def path(self) -> str:
        """The prefix as a path for display, without a trailing delimiter."""
        return names.path(self.prefix.removesuffix(self.delimiter) if self.delimiter else self.prefix, self.delimiter)

    def rest(self, name: str) -> str | None:
        """The part of a folder's name after the prefix; None for a folder of another namespace."""
        prefix, delimiter = _with_inbox(self.prefix, self.delimiter), self.delimiter
        name = _with_inbox(name, delimiter)
        if delimiter and name + delimiter == prefix:
            return ""
        if not name.startswith(prefix):
            return None
        rest = name[len(prefix) :]
        if not delimiter or not prefix or prefix.endswith(delimiter) or rest.startswith(delimiter) or not rest:
            return rest.removeprefix(delimiter) if delimiter else rest
        # "Other" is no prefix of "Others"; "~" is one of "~bob".
        return None if prefix[-1].isalnum() else rest


@dataclass(frozen=True, slots=True)
class Namespaces:
    """All namespaces of a server."""

    spaces: tuple[Namespace, ...] = ()

    @property
    def tells_others(self) -> bool:
        """True when the server names a place for foreign folders."""
        own = {space.prefix for space in self.spaces if space.standing is Standing.OWN}
        return any(space.standing is not Standing.OWN and space.prefix not in own for space in self.spaces)

    def _of(self, name: str) -> tuple[Namespace, str] | None:
        """The namespace with the longest prefix that fits, and the rest of the name; the mailbox's own first."""
        found = [(space, rest) for space in self.spaces if (rest := space.rest(name)) is not None]
        return min(found, key=lambda one: (-len(one[0].prefix), _KINDS.index(one[0].standing))) if found else None

    def whose(self, name: str) -> Whose:
        """The owner of the folder ``name`` (as on the wire)."""
        if name.upper() == "INBOX":
            return OWN
        found = self._of(name)
        if found is None:
            # A server without a namespace for own folders has not said that this folder is foreign.
            tells_own = any(space.standing is Standing.OWN for space in self.spaces)
            return Whose(Standing.DOUBTFUL, evidence=Evidence.NAMESPACE) if tells_own else OWN
        space, rest = found
        if space.standing is Standing.OWN:
            return Whose(evidence=Evidence.NAMESPACE)
        owner = ""
        if space.standing is Standing.OTHERS:
            level = rest.split(space.delimiter)[0] if space.delimiter else rest
            owner = names.path(level, "")
        return Whose(space.standing, owner, Evidence.NAMESPACE, space.path)

    def is_virtual(self, name: str) -> bool:
        """True for a folder in a namespace of the server's own searches."""
        found = self._of(name)
        return found is not None and found[0].path.rsplit("/", 1)[-1].lower() == _VIRTUAL


def parse(replies: Iterable[Reply]) -> Namespaces | None:
    """The namespaces of a reply to NAMESPACE; None when it cannot be read."""
    waiting = tokens.tokens(replies)
    try:
        lists = [tokens.value(waiting) for _ in _KINDS]
    except (ValueError, IndexError):
        return None
    found = []
    for standing, spaces in zip(_KINDS, lists, strict=True):
        for space in spaces if isinstance(spaces, list) else []:
            # Extensions follow the delimiter; they are not needed here.
            if not isinstance(space, list) or len(space) < 2 or not isinstance(space[0], bytes):
                return None
            delimiter = space[1] if isinstance(space[1], bytes) else b""
            found.append(Namespace(standing, space[0].decode("latin-1"), delimiter.decode("latin-1")))
    return Namespaces(tuple(found))


def rights(replies: Iterable[Reply]) -> dict[str, frozenset[str]]:
    """Our rights by the folder's name as on the wire, in the letters of RFC 4314."""
    found = {}
    for name, rest in names.named(replies):
        letters = rest.strip().strip(b'"').decode("latin-1")
        if re.fullmatch(r"[a-z0-9]*", letters):
            # Beside new letters, an old one grants only a part of its former meaning.
            old = {} if set("kxte") & set(letters) else _OLD
            found[name] = frozenset("".join(old.get(letter, "") + letter for letter in letters))
    return found


def annotated(
    folders: Sequence[Folder], spaces: Namespaces | None, granted: Mapping[str, frozenset[str]] | None = None
) -> list[Folder]:
    """``folders`` with their owners, by namespaces (None: the server does not tell) and rights.

    Rights are compared with those in INBOX: a login for another user's mailbox may have fewer everywhere, which tells nothing.
    """
    granted = granted or {}
    inbox = next((given for name, given in granted.items() if name.upper() == "INBOX"), frozenset[str]())
    wanted = inbox & _TELLING
    found = []
    for folder in folders:
        whose = spaces.whose(folder.name) if spaces else OWN
        if whose.own and folder.name.upper() != "INBOX" and folder.selectable and folder.name in granted:
            if wanted - granted[folder.name]:
                whose = Whose(Standing.DOUBTFUL, evidence=Evidence.RIGHTS)
            elif "a" in wanted:
                whose = Whose(evidence=Evidence.RIGHTS)
        view = folder.view or (spaces is not None and spaces.is_virtual(folder.name))
        found.append(replace(folder, whose=whose, view=view))
    return found


def _with_inbox(name: str, delimiter: str) -> str:
    """``name`` with INBOX in capitals at its beginning, where case does not count (RFC 3501 section 5.1)."""
    top = name[:5]
    return "INBOX" + name[5:] if top.upper() == "INBOX" and (len(name) == 5 or name[5] == delimiter) else name
