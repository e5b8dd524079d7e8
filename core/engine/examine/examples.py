"""Examples for a draft profile: destinations of real messages of a catch-all mailbox. Changes nothing."""

from __future__ import annotations

from core.archive.archive import Archive
from core.archive.registry import users
from core.engine.visit import catchall
from core.engine.visit.catchall import Sorting
from core.engine.visit.plan import batches
from core.engine.visit.roster import credentials
from core.imap.login import ServerKnowledge
from core.imap.names import Folder
from core.imap.session import Session
from core.message.envelope import describe
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.secrets import Secret
from core.values import dataclass

#: Bytes; a larger message is no example.
LARGEST = 4 * 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExamplePlace:
    """A destination: a user's name (``@catchall``: the catch-all archive), and the folder there."""

    user: str
    folder: str


@dataclass(frozen=True, slots=True)
class Example:
    """A message and its places. ``date`` in seconds since 1970 or None; ``journal``: it came in a journal report.

    ``unknown``: addresses in our domains that no user has. ``left``: it would stay in the mailbox.
    """

    subject: str
    sender: str
    date: int | None
    places: tuple[ExamplePlace, ...]
    unknown: tuple[str, ...]
    journal: bool

    @property
    def left(self) -> bool:
        return not self.places


async def examples(profile: Profile, archive: Archive, mailbox: Mailbox, password: Secret, count: int = 3) -> list[Example]:
    """Up to ``count`` messages of the archived folder with the most messages, the latest ones.

    Raises ``ConnectError``, ``ProtocolError``, ``InputError`` (the user whose archive gets unknown mail is no more).
    """
    sorting = await catchall.sorting(archive, profile)
    names = {user.id: user.name for user in await users.all_users(archive, removed=True)}
    session = await Session.open(profile.server, credentials(profile, mailbox, password, ServerKnowledge()))
    try:
        folder = await _fullest(session, profile)
        raws = await _last(session, folder, count) if folder else []
    finally:
        await session.close()
    return [_example(raw, sorting, names) for raw in raws]


async def _fullest(session: Session, profile: Profile) -> Folder | None:
    folders, statuses, _ = await session.folders_with_status()
    counts = {
        folder: statuses[folder.name].items.get("MESSAGES", 0)
        for folder in folders
        if folder.selectable
        and folder.name in statuses
        and not profile.folders.reason_to_exclude(folder.path, folder.attributes, folder.whose)
    }
    return max(counts, key=lambda folder: counts[folder]) if any(counts.values()) else None


async def _last(session: Session, folder: Folder, count: int) -> list[bytes]:
    selected = await session.examine(folder)
    listed = (await session.listing()).messages if selected.exists else {}
    wanted = sorted((uid for uid, item in listed.items() if item.size <= LARGEST), reverse=True)[:count]
    found: dict[int, bytes] = {}
    for batch in batches([(uid, listed[uid].size) for uid in wanted], max_bytes=BATCH_BYTES, max_messages=count):
        fetched = await session.bodies(batch)
        found |= {uid: body for uid, body in fetched.bodies.items() if body}
    return [found[uid] for uid in wanted if uid in found]


def _example(raw: bytes, sorting: Sorting, names: dict[str, str]) -> Example:
    one = sorting.sort(raw)
    envelope = describe(one.content)
    places = tuple(ExamplePlace(names.get(owner, owner), folder) for owner, folder in sorting.places(one.route))
    unknown = dict.fromkeys(who.address for who in one.route.strangers if who.ours and not who.ignored)
    return Example(envelope.subject, envelope.sender, envelope.date, places, tuple(unknown), one.report is not None)
