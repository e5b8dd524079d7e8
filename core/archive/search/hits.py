"""Search results as a list shows them: the catalog's description, and a place of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.archive.archive import Archive
from core.archive.read import browsing
from core.archive.read.reading import Stored
from core.archive.search.query import InFolder, OfUser, QueryError, Where, Within
from core.problems import search as problems
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Hit(Stored):
    """A found message and one place of it: the wanted one, if a user or a folder was asked for.

    ``user`` and ``folder`` are empty when it has no place any more.
    """

    user: str
    folder: str


async def hits(archive: Archive, messages: Sequence[int], wanted: Collection[int] = ()) -> list[Hit]:
    """Messages by their ids, in that order; unknown ids are left out.

    The place of each is one of the folders ``wanted`` (ids), if it lies in one of them.
    """
    places: dict[int, tuple[str, str]] = {}
    for number, user, folder in await archive.database.read(
        "SELECT p.message_id, user.name, folder.path FROM placement p JOIN folder ON folder.id = p.folder_id "
        "JOIN user ON user.id = folder.owner WHERE p.message_id IN (SELECT value FROM json_each(:messages)) "
        "AND p.until_seq IS NULL ORDER BY p.folder_id IN (SELECT value FROM json_each(:wanted)), p.id DESC",
        {"messages": str(list(messages)), "wanted": str(sorted(wanted))},
    ):
        # The last row stays: a wanted folder, and of those the first in which it lay.
        places[number] = (user, folder)
    return [
        Hit(
            one.id,
            one.sha256,
            one.volume,
            one.size,
            one.subject,
            one.sender,
            one.recipients,
            one.date,
            one.attachments,
            one.arrived,
            *places.get(one.id, ("", "")),
        )
        for one in await browsing.stored(archive, list(messages))
    ]


async def meant(archive: Archive, term: Where) -> frozenset[int]:
    """The ids of the folders that a term of a query means. Raises ``QueryError`` for an unknown user or folder."""
    catalog = archive.database
    match term:
        case Within():
            rows = await catalog.read(
                "SELECT id FROM folder WHERE owner = :user "
                "AND (:folder = '' OR path = :folder OR substr(path, 1, length(:folder) + 1) = :folder || '/')",
                {"user": term.user, "folder": term.folder},
            )
            return frozenset(row[0] for row in rows)
        case OfUser():
            owner = await catalog.one(
                "SELECT id FROM user WHERE casefold(name) = :name OR id = (SELECT user_id FROM address WHERE address = :name)",
                {"name": term.name.casefold()},
            )
            if owner is None:
                raise QueryError(problems.NO_USER(user=term.name), term.position)
            return frozenset(row[0] for row in await catalog.read("SELECT id FROM folder WHERE owner = ?", owner))
        case InFolder():
            paths = await catalog.read("SELECT id, path FROM folder")
            ending = term.name if term.prefix else f"{term.name}/"
            found = frozenset(number for number, path in paths if f"/{ending}" in f"/{path.casefold()}/")
            if not found:
                raise QueryError(problems.NO_FOLDER(folder=term.name), term.position)
            return found
