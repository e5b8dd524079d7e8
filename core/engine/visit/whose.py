"""Owners of a mailbox's folders: by the server's statements, else by names or by comparison.

Names (Kerio Connect) are used only where the server has named no place for foreign folders; so are other mailboxes that have
the same folder (``lent``). Elsewhere than on Kerio Connect a name is only a doubt; a catch-all mailbox may well be sorted into
folders named after people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.archive.visited import VisitedArchive
from core.engine.visit import lent, user_names
from core.imap.names import Folder, Status
from core.imap.session import Session
from core.model import User
from core.problems import warning
from core.problems.code import Reason
from core.profiles import rules
from core.profiles.ownership import Evidence, Neighbours, Standing, UserNames, Whose
from core.profiles.rules import FolderRules
from core.values import dataclass

#: Folders listed in a warning.
NAMED = 5
#: Warnings about doubtful folders, by the evidence against them.
_DOUBTFUL = {
    Evidence.NAMESPACE: warning.OUTSIDE_NAMESPACE,
    Evidence.RIGHTS: warning.FEWER_RIGHTS,
    Evidence.NAME: warning.NAMED_LIKE_OTHER,
    Evidence.TWIN: warning.SAME_FOLDER,
}


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a mailbox: its user's id, and the login that opens it; ``everybody``: it is a catch-all mailbox.

    ``source`` is the mailbox's name in the ledger.
    """

    user: str
    login: str
    everybody: bool = False
    source: str = ""


async def settled(
    archive: VisitedArchive, holder: Holder, session: Session, folders: Sequence[Folder], statuses: Mapping[str, Status]
) -> list[Folder]:
    """``folders`` of a session with their owners. Raises ``Dropped``."""
    found = _named(await user_names.of(archive), holder, session, folders) if names_count(session) else _public(folders)
    if holder.everybody:
        return found
    # Where nothing else tells it, no comparison is too expensive.
    most = 0 if names_count(session) else lent.CROWD
    return await lent.settled(archive, holder.source, session, found, statuses, most)


def among(people: Iterable[User], holder: Holder, session: Session, folders: Sequence[Folder]) -> list[Folder]:
    """``folders`` of a session with their owners, among these users."""
    return _named(UserNames(people), holder, session, folders) if names_count(session) else _public(folders)


def _public(folders: Sequence[Folder]) -> list[Folder]:
    return [public_by_name(folder) for folder in folders]


def _named(names: UserNames, holder: Holder, session: Session, folders: Sequence[Folder]) -> list[Folder]:
    neighbours = Neighbours.of(holder.user, holder.login, names)
    sure = session.is_kerio and not (session.namespaces and session.namespaces.tells_others)
    return by_name(neighbours, _public(folders), sure=sure, everybody=holder.everybody)


def names_count(session: Session) -> bool:
    """True when names tell the owners of folders.

    Not where the server tells them, except on Kerio Connect, which puts shared folders into the user's own tree.
    """
    return session.is_kerio or session.namespaces is None or not session.namespaces.spaces


def public_by_name(folder: Folder) -> Folder:
    """A folder with its owner, by a name that only public folders have."""
    top = folder.path.removeprefix("INBOX/").split("/", 1)[0]
    if folder.whose.foreign or not rules.is_public(top):
        return folder
    root = folder.path[: folder.path.index(top) + len(top)]
    return replace(folder, whose=Whose(Standing.SHARED, evidence=Evidence.NAME, root=root))


def by_name(
    neighbours: Neighbours,
    folders: Sequence[Folder],
    *,
    sure: bool,
    everybody: bool = False,
) -> list[Folder]:
    """``folders`` with their owners, by the names of top folders, or of those just below INBOX.

    A name is a doubt unless ``sure``: the server shows foreign folders in this way.
    """
    if everybody and not sure:
        return list(folders)
    trees: dict[str, list[Folder]] = {}
    for folder in folders:
        trees.setdefault(_root(folder.path), []).append(folder)
    found = {}
    for root, tree in trees.items():
        if root != "INBOX":
            below, name = "/" in root, root.rsplit("/", 1)[-1]
            found[root] = neighbours.named(name, mailbox=_is_mailbox(root, tree), sure=sure and not everybody and not below)
    settled = []
    for folder in folders:
        named = found.get(_root(folder.path))
        # The same administration rights as in INBOX mean one's own, unless the server is known to lend folders like that.
        granted = folder.whose.evidence is Evidence.RIGHTS and folder.whose.own
        if named is None or named.own or folder.whose.foreign or (granted and not sure):
            settled.append(folder)
        else:
            settled.append(replace(folder, whose=named))
    return settled


def _root(path: str) -> str:
    """The top folder of a path; below INBOX, where some servers keep all folders, with INBOX before it."""
    levels = path.split("/")
    return "/".join(levels[: 2 if levels[0] == "INBOX" else 1])


def _is_mailbox(top: str, tree: Sequence[Folder]) -> bool:
    """True when a tree looks like a mailbox: with the usual folders below it, or any below one that cannot hold mail itself.

    One's own folder with folders below it can hold mail, though it may be empty.
    """
    below = [folder.path.removeprefix(f"{top}/").split("/")[0] for folder in tree if folder.path != top]
    if any(rules.is_usual(name) for name in below):
        return True
    root = next((folder for folder in tree if folder.path == top), None)
    return bool(below) and (root is None or not root.selectable)


def remarks(folders: Sequence[Folder], chosen: FolderRules) -> list[Reason]:
    """Warnings about archived folders that may be another user's."""
    found: dict[Evidence, list[str]] = {}
    for folder in folders:
        archived = not chosen.reason_to_exclude(folder.path, folder.attributes, folder.whose)
        if folder.selectable and folder.whose.doubt and archived:
            found.setdefault(folder.whose.evidence, []).append(folder.path)
    return [_DOUBTFUL[evidence](folders=_names(paths)) for evidence, paths in found.items()]


def _names(paths: Sequence[str]) -> str:
    more = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "")
