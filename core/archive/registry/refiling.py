"""Refiling: files archived catch-all mail to users who were unknown when it came. The server is not asked.

Each batch is one entry of the ledger, after which its mail no longer waits: a broken-off refiling continues, and a second one
finds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import field
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.store.entries import everybody
from core.archive.store.entries.everybody import RefiledAddress, RefiledMessage
from core.archive.store.entries.values import OwnedFolder
from core.archive.store.ledger import Draft
from core.profiles import templates
from core.profiles.routing import AddressBook
from core.values import dataclass

#: Messages per entry.
BATCH = 500


@dataclass(slots=True)
class RefileResult:
    """The numbers of messages filed (each once), of those by user name, and by address."""

    messages: int = 0
    users: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {"messages": self.messages, "users": dict(self.users), "addresses": dict(self.addresses)}


async def refile(
    archive: Archive,
    *,
    source: str = "",
    dry_run: bool = False,
    actor: str = "archivar",
    tick: Callable[[RefileResult], None] = lambda done: None,
) -> RefileResult:
    """File mail that waits for addresses which users have by now, as the profile would have filed it when it came.

    ``source``: only mail of this mailbox (``Mailbox.source``). ``tick`` is called after each batch.
    """
    done = RefileResult()
    after, version = 0, ""
    book, known = AddressBook([]), dict[int, str]()
    while True:
        # Users must not change between the look-up of an address and the filing.
        async with nullcontext() if dry_run else archive.changing():
            if (now := await users.version(archive)) != version:
                version, book = now, AddressBook(await users.all_users(archive))
                known = await _known(archive, book)
            batch = await _batch(archive, list(known), source, after)
            if not batch:
                return done
            # Messages that keep waiting are not asked for again in this call.
            after = batch[-1][0]
            draft = _draft(batch, known, book, await _placed(archive, {row[0] for row in batch}), actor, done)
            if not dry_run:
                await archive.append([draft])
        tick(done)


async def _known(archive: Archive, book: AddressBook) -> dict[int, str]:
    """The addresses that mail waits for and that a user has, by id."""
    waiting = await archive.database.read(
        "SELECT id, address FROM unknown_address a WHERE EXISTS "
        "(SELECT 1 FROM unknown_message m WHERE m.address_id = a.id AND m.resolved_seq IS NULL)"
    )
    return {number: address for number, address in waiting if book.owner(address)}


async def _batch(archive: Archive, addresses: Sequence[int], source: str, after: int) -> list[tuple[Any, ...]]:
    """Rows of the next messages after the id ``after``, with all that waits of each."""
    if not addresses:
        return []
    marks = "(SELECT value FROM json_each(?))"
    open_ = f"u.resolved_seq IS NULL AND u.address_id IN {marks} AND (? = '' OR f.source = ?)"
    parameters = (str(list(addresses)), source, source)
    return await archive.database.read(
        "SELECT u.message_id, m.sha256, u.address_id, u.sent, f.incoming, f.outgoing FROM unknown_message u "
        f"JOIN filing f ON f.id = u.filing_id JOIN message m ON m.id = u.message_id WHERE {open_} AND u.message_id IN "
        "(SELECT DISTINCT u.message_id FROM unknown_message u JOIN filing f ON f.id = u.filing_id "
        f"WHERE {open_} AND u.message_id > ? ORDER BY u.message_id LIMIT ?) ORDER BY u.message_id, u.sent DESC, u.address_id",
        (*parameters, *parameters, after, BATCH),
    )


async def _placed(archive: Archive, messages: set[int]) -> dict[str, set[tuple[str, str]]]:
    """(owner, folder) of the messages' present placements, by SHA-256."""
    rows = await archive.database.read(
        "SELECT m.sha256, f.owner, f.path FROM json_each(?) wanted JOIN message m ON m.id = wanted.value "
        "JOIN placement p ON p.message_id = coalesce(m.twin_of, m.id) AND p.until_seq IS NULL "
        "JOIN folder f ON f.id = p.folder_id",
        (str(list(messages)),),
    )
    found: dict[str, set[tuple[str, str]]] = {}
    for sha256, owner, path in rows:
        found.setdefault(bytes(sha256).hex(), set()).add((owner, path))
    return found


def _draft(
    rows: Sequence[tuple[Any, ...]],
    known: dict[int, str],
    book: AddressBook,
    placed: dict[str, set[tuple[str, str]]],
    actor: str,
    done: RefileResult,
) -> Draft:
    places: dict[tuple[str, str], int] = {}
    messages: dict[bytes, list[RefiledAddress]] = {}
    told: set[tuple[str, str]] = set()
    once: dict[tuple[str, str, int], tuple[str, str]] = {}
    for _, sha256, address_id, sent, incoming, outgoing in rows:
        address, digest = known[address_id], bytes(sha256).hex()
        owner = book.owner(address)
        assert owner is not None
        user, spelled = owner
        template = outgoing if sent else incoming
        # Filed once for sender and once for recipient, however many addresses the user has, and under whichever it came.
        paths = [(user.id, templates.place(template, user.addresses[0], one)) for one in (spelled, *user.addresses)]
        there = [place for place in paths if place in placed.get(digest, ())]
        place = once.setdefault((digest, user.id, sent), (there or paths)[0])
        number = places.setdefault(place, len(places))
        messages.setdefault(bytes(sha256), []).append(RefiledAddress(address, bool(sent), number))
        if (digest, user.id) not in told:
            told.add((digest, user.id))
            done.users[user.name] += 1
        done.addresses[address] += 1
    done.messages += len(messages)
    folders = tuple(OwnedFolder(owner, path) for owner, path in places)
    filed = tuple(RefiledMessage(sha256, tuple(addresses)) for sha256, addresses in messages.items())
    return Draft(everybody.Refiled(folders, filed), actor)
