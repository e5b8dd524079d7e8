"""One look at a folder: what is there now, compared with what the archive knows. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.archive import sources
from core.archive.archive import Archive
from core.archive.sources import Left
from core.engine import plan
from core.engine.link import Link
from core.engine.plan import FolderPlan
from core.errors import ProtocolError
from core.imap.names import Folder, Status
from core.imap.replies import Listed
from core.imap.session import Busy

#: Headers asked for at once.
HEADERS_PER_FETCH = 200


class Changed(ProtocolError):
    """The folder is not the one that was listed any more; what is left waits for the next run."""


@dataclass(slots=True)
class Look:
    """A folder as it was found in this run. ``unlisted`` messages are counted by the server but missing in its list."""

    folder: Folder
    uidvalidity: int
    listed: dict[int, Listed]
    plan: FolderPlan
    status: Status
    unlisted: int = 0
    #: What the same filter left out when this folder was last complete.
    excluded_before: frozenset[int] = frozenset()
    #: What was left here by UIDVALIDITY, since no user had any of the addresses.
    left: Mapping[int, Mapping[int, Left]] = field(default_factory=dict)
    #: Excluded for now: users who come may change that.
    undecided: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    expunged: set[int] = field(default_factory=set)

    @property
    def wanted(self) -> list[int]:
        """New messages that are to be downloaded, ascending."""
        return [uid for uid in self.plan.new if uid not in self.moved and uid not in self.excluded]

    @property
    def vanished(self) -> dict[int, tuple[int, ...]]:
        """UIDs by UIDVALIDITY that are gone of what was known or left here."""
        found = {validity: set(uids) for validity, uids in self.plan.vanished.items()}
        for validity, uids in self.left.items():
            if validity != self.uidvalidity:
                found.setdefault(validity, set()).update(uids)
            elif not self.unlisted:
                found.setdefault(validity, set()).update(uids.keys() - self.listed.keys())
        return {validity: tuple(sorted(uids)) for validity, uids in found.items() if uids}

    @property
    def signature(self) -> str:
        """What must be the same for the folder to be passed over next time; empty when it must be looked at again."""
        if self.failed or self.unlisted or self.expunged:
            return ""
        # STATUS and listing may not be of one moment, and may not be of one mind.
        if self.status.items.get("MESSAGES") != len(self.listed):
            return ""
        # UIDNEXT that is not above every UID tells nothing about what comes.
        return self.status.signature if self.status.items.get("UIDNEXT", 0) > max(self.listed, default=0) else ""


async def look(archive: Archive, link: Link, source: str, folder: Folder, status: Status) -> Look:
    """Open and list ``folder``. Raises ``ProtocolError`` when the server refuses, ``Dropped``."""
    for again in (False, True):
        session, selected = await link.examine(folder, anew=True)
        try:
            # Kerio answers FETCH in an empty folder with BAD.
            listed = await session.listing() if selected.exists else {}
        except Busy:
            raise
        except ProtocolError:
            if again:
                raise
            # Emptied by somebody else just now, perhaps: opening it again tells.
            continue
        if len(listed) >= selected.exists:
            break
    known = {item.uidvalidity: item.uids for item in await sources.known(archive, source, folder.name)}
    unlisted = max(selected.exists - len(listed), 0)
    found = plan.folder_plan(listed, selected.uidvalidity, known, complete=not unlisted)
    left = await sources.left(archive, source, folder.name)
    return Look(folder, selected.uidvalidity, listed, found, status, unlisted, left=left)


async def headers(link: Link, look: Look, uids: Iterable[int]) -> dict[int, bytes | None]:
    """Header blocks of a folder as it was looked at. Raises ``Changed`` when it is another one by now."""
    session, selected = await link.examine(look.folder)
    if selected.uidvalidity != look.uidvalidity:
        raise Changed("the folder was made anew on the server while it was being archived")
    return await session.headers(uids)
