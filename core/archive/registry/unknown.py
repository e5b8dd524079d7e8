"""Unknown addresses: those that no user had when mail from or for them came to a catch-all mailbox, and their later state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog.catchall import COUNTS
from core.archive.registry import users
from core.archive.store.entries.records import AddressOurs
from core.archive.store.entry_numbers import BITS
from core.archive.store.ledger import Draft
from core.errors import InputError
from core.model import User
from core.problems import user as problems
from core.profiles import addresses
from core.values import dataclass


class AddressState(StrEnum):
    """The state of an unknown address. ``WAITING``: a user has it by now, but mail is still to be filed (``refile``)."""

    OPEN = "open"
    WAITING = "to be filed"
    DONE = "known"
    NOT_OURS = "not ours"


@dataclass(frozen=True, slots=True)
class ListedAddress:
    """An unknown address: ``messages`` that came with it, ``open`` of them not filed; times as in the ledger.

    ``user`` has it by now; ``ignored_by`` is the entry that marks it as not ours: the address, or its domain with ``@`` before
    it.
    """

    address: str
    state: AddressState
    first_seen: str
    last_seen: str
    messages: int
    open: int
    user: str = ""
    ignored_by: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "state": self.state.value,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "messages": self.messages,
            "open": self.open,
            "user": self.user,
            "ignored_by": self.ignored_by,
        }


_IGNORED = "(SELECT max(n.pattern) FROM not_ours n WHERE n.pattern IN (a.address, '@' || a.domain))"
_OPEN = (
    "((SELECT count(DISTINCT m.message_id) FROM unknown_message m WHERE m.address_id = a.id AND m.resolved_seq IS NULL)"
    " + (SELECT count(*) FROM left_address l WHERE l.address_id = a.id))"
)
_STATE = (
    f"CASE WHEN user.name IS NOT NULL THEN CASE WHEN {_OPEN} THEN 'to be filed' ELSE 'known' END "
    f"WHEN {_IGNORED} IS NOT NULL THEN 'not ours' WHEN {_OPEN} THEN 'open' ELSE 'known' END"
)
# Addresses are compared as in the list of users: without regard to the case of ASCII.
_FROM = "FROM unknown_address a LEFT JOIN address u ON u.address = a.address LEFT JOIN user ON user.id = u.user_id WHERE a.ours"
ALL = tuple(AddressState)


async def page(
    archive: Archive, *, states: Iterable[AddressState] = ALL, contains: str = "", offset: int = 0, limit: int = 100
) -> list[ListedAddress]:
    """Addresses in one of our domains, those with the most waiting messages first, then by name."""
    condition, values = _condition(states, contains)
    rows = await archive.database.read(
        f"SELECT a.address, {_STATE} AS state, a.first_seq, a.last_seq, a.messages, {_OPEN} AS waiting, "
        f"coalesce(user.name, ''), coalesce({_IGNORED}, '') {_FROM} AND {condition} "
        "ORDER BY waiting DESC, a.address LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    times = await archive.volumes.entry_times({seq for row in rows for seq in row[2:4]})
    return [ListedAddress(row[0], AddressState(row[1]), times.get(row[2], ""), times.get(row[3], ""), *row[4:]) for row in rows]


async def count(archive: Archive, *, states: Iterable[AddressState] = ALL, contains: str = "") -> int:
    """The number of addresses that ``page`` lists."""
    condition, values = _condition(states, contains)
    return int(await archive.database.value(f"SELECT count(*) {_FROM} AND {condition}", values))


async def position(archive: Archive, address: str, *, states: Iterable[AddressState] = ALL, contains: str = "") -> int:
    """The number of addresses that ``page`` lists before ``address``; 0 when it is not listed."""
    condition, values = _condition(states, contains)
    listed = f"listed AS MATERIALIZED (SELECT a.address AS address, {_OPEN} AS waiting {_FROM} AND {condition})"
    return int(
        await archive.database.value(
            f"WITH {listed} SELECT count(*) FROM listed one JOIN listed other ON other.waiting > one.waiting "
            "OR (other.waiting = one.waiting AND other.address < one.address) WHERE one.address = ?",
            (*values, address),
        )
    )


async def open_since(archive: Archive) -> tuple[int, str]:
    """The number of open addresses, and the ledger time of the earliest; empty for none."""
    # Only this state is asked for, so open messages need not be counted.
    open_ = (
        f"FROM unknown_address a WHERE {COUNTS} AND NOT EXISTS (SELECT 1 FROM address u WHERE u.address = a.address) AND "
        "(EXISTS (SELECT 1 FROM unknown_message m WHERE m.address_id = a.id AND m.resolved_seq IS NULL) "
        "OR EXISTS (SELECT 1 FROM left_address l WHERE l.address_id = a.id))"
    )
    # Numbers of entries tell what was earlier within a lane alone.
    rows = await archive.database.read(f"SELECT count(*), min(a.first_seq) {open_} GROUP BY a.first_seq >> {BITS}")
    times = await archive.volumes.entry_times([first for _, first in rows])
    return sum(count for count, _ in rows), min(times.values(), default="")


async def to_be_filed(archive: Archive) -> int:
    """The number of messages that wait for an address which a user has by now."""
    return int(
        await archive.database.value(
            "SELECT count(DISTINCT m.message_id) FROM unknown_address a JOIN unknown_message m ON m.address_id = a.id "
            "AND m.resolved_seq IS NULL WHERE EXISTS (SELECT 1 FROM address u WHERE u.address = a.address)"
        )
    )


def _condition(states: Iterable[AddressState], contains: str) -> tuple[str, list[Any]]:
    wanted = [state.value for state in states]
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", contains.casefold()) + "%"
    condition = f"{_STATE} IN ({','.join('?' * len(wanted))})" if set(wanted) != set(ALL) else "1"
    values: list[Any] = wanted if condition != "1" else []
    return f"{condition} AND a.address LIKE ? ESCAPE '\\'", [*values, pattern]


async def ignored(archive: Archive) -> list[str]:
    """All entries marked as not ours: addresses, and domains with ``@`` before them."""
    return [row[0] for row in await archive.database.read("SELECT pattern FROM not_ours ORDER BY pattern")]


async def set_ours(archive: Archive, text: str, ours: bool, *, actor: str = "archivar") -> str:
    """Mark an address, or a domain (``example.test`` or ``@example.test``), as ours or not; the marked entry.

    Its mail stays as it is. Raises ``InputError`` when it is neither, or marked so already.
    """
    pattern = text if await _listed(archive, text) else _pattern(text)
    async with archive.changing():
        there = pattern in await ignored(archive)
        if there is not ours:
            raise InputError((problems.NOT_SAID if ours else problems.SAID_ALREADY)(address=pattern))
        if not ours and (owner := await _owner(archive, pattern)):
            raise InputError(problems.ADDRESS_OF_USER(address=pattern, user=owner))
        await archive.append([Draft(AddressOurs(pattern, ours), actor)])
    return pattern


async def users_in(archive: Archive, domain: str) -> int:
    """The number of users with an address in a domain, given as in a key."""
    rows = await archive.database.read("SELECT user_id, address FROM address")
    return len({user_id for user_id, address in rows if addresses.domain_of(addresses.key(address)) == domain})


async def _owner(archive: Archive, pattern: str) -> str:
    sql = "SELECT user.name FROM address JOIN user ON user.id = address.user_id WHERE address.address = ?"
    return str(await archive.database.value(sql, (pattern,)) or "")


async def _listed(archive: Archive, text: str) -> bool:
    """True for a listed address with exactly this spelling; some cannot be parsed."""
    return await archive.database.one("SELECT 1 FROM unknown_address WHERE address = ?", (text,)) is not None


def _pattern(text: str) -> str:
    text = text.strip()
    local, sign, domain = text.rpartition("@")
    if not local.startswith('"'):
        addresses.check(text if local else f"x@{domain}")
    key = addresses.key(text if sign else f"@{text}")
    return key if local else f"@{addresses.domain_of(key)}"


async def make_alias(archive: Archive, address: str, name: str, *, actor: str = "archivar") -> User:
    """Give the address to the user ``name``; mail with it is filed by ``refile``. Raises ``InputError``."""
    user = await users.find(archive, name)
    return await users.edit(archive, replace(user, addresses=(*user.addresses, address)), actor=actor)


async def make_user(archive: Archive, address: str, name: str, *, full_name: str = "", actor: str = "archivar") -> User:
    """Add the user ``name`` with this address; mail with it is filed by ``refile``. Raises ``InputError``."""
    return (await users.add(archive, name, [address], full_name=full_name, actor=actor))[0]
