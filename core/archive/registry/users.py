"""Users, the owners of archived mail. Kept in the ledger, listed from the catalog."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from core.archive.archive import Archive
from core.archive.catalog.records import USERS_CHANGED
from core.archive.store.entries.records import UserSaved
from core.archive.store.ledger import Draft
from core.archive.visited import VisitedArchive
from core.db import kept
from core.db.database import Row
from core.errors import InputError
from core.model import User
from core.problems import user as problems
from core.profiles import addresses, people
from core.profiles.people import CATCHALL
from core.profiles.selection import NAMED, Chosen, SelectionMode, UserSelection

_COLUMNS = "id, name, login, full_name, removed, disabled, directory_id, directory_addresses"
_NOT_ASCII = "length({0}) <> length(CAST({0} AS BLOB))"
#: SQL: true when a column contains a text. LIKE ignores the case of ASCII only, and is quick; other letters are compared by our
#: function.
_HAS = f"CASE WHEN {_NOT_ASCII} THEN instr(casefold({{0}}), ?) > 0 ELSE {{0}} LIKE ? ESCAPE '\\' END"
#: With more users without an address than this, they are counted without being listed.
MANY = 1000


#: The owner of mail for unknown users. It counts as removed: it is in no list of users, has no address, and is not edited.
NOBODY = User(CATCHALL, CATCHALL, removed=True)


async def nobody(archive: Archive, *, actor: str = "archivar") -> User:
    """The owner of mail for unknown users; made when first needed."""
    if await archive.database.one("SELECT 1 FROM user WHERE id = ?", (CATCHALL,)) is None:
        await _save(archive, NOBODY, actor)
    return NOBODY


async def all_users(archive: VisitedArchive, *, removed: bool = False) -> list[User]:
    """All users by name; with ``removed`` also those of whom only the archive is left."""
    condition = "" if removed else "WHERE NOT removed"
    rows = await archive.database.read(f"SELECT {_COLUMNS} FROM user {condition} ORDER BY name")
    emails: dict[str, list[str]] = {}
    for user_id, address in await archive.database.read("SELECT user_id, address FROM address ORDER BY user_id, position"):
        emails.setdefault(user_id, []).append(address)
    return [_of_row(row, emails) for row in rows]


async def page(archive: Archive, *, contains: str = "", offset: int, limit: int) -> list[User]:
    """Users by name, from the one at ``offset`` on (0 is the first).

    With ``contains`` only those whose name, full name, login or any address has that text, without regard to case.
    """
    condition, values = _containing(contains)
    rows = await archive.database.read(
        f"SELECT {_COLUMNS} FROM user WHERE {condition} ORDER BY name LIMIT ? OFFSET ?", (*values, limit, offset)
    )
    return await _users(archive, rows)


async def count(archive: Archive, *, contains: str = "", before: str = "") -> int:
    """The number of users, all or with that text as in ``page``; with ``before`` only those whose names sort before it."""
    condition, values = _containing(contains)
    if before:
        condition, values = f"{condition} AND name < ?", [*values, before]
    return int(await archive.database.value(f"SELECT count(*) FROM user WHERE {condition}", values))


async def without_address(archive: Archive, limit: int) -> tuple[int, list[str]]:
    """The number of users without an address, and the names of the first ``limit``; disabled users are left out."""
    return await _without_address(archive, await count(archive) - len(await _disabled(archive)), set(), limit)


async def chosen(archive: Archive, selection: UserSelection) -> Chosen:
    """The result of ``selection``, counted in the catalog: as ``core.profiles.selection.select`` of all users."""
    keys = [name.strip().casefold() for name in selection.names]
    by_name = await _by_name(archive, keys)
    by_address = await _by_address(archive, [key for key in keys if key not in by_name])
    ids = [by_name.get(key) or by_address.get(key) for key in keys]
    unknown = tuple(name for name, found in zip(selection.names, ids, strict=True) if found is None)
    named = {found for found in ids if found is not None}
    sql = "SELECT DISTINCT user_id FROM address WHERE user_id IN (SELECT value FROM json_each(?))"
    named_with = {row[0] for row in await archive.database.read(sql, (_list(named),))} if named else set()
    rest = named - named_with
    of = await count(archive)
    if selection.mode is SelectionMode.ONLY:
        return Chosen(len(named_with), of, len(rest), tuple(await _names(archive, rest, NAMED)), unknown)
    off = await _disabled(archive)
    without, names = await _without_address(archive, of - len(off), rest - off, NAMED)
    return Chosen(of - len(off) - without - len(named - off), of, without, tuple(names), unknown)


async def _disabled(archive: Archive) -> set[str]:
    """The ids of disabled users, who left the directory."""
    return {row[0] for row in await archive.database.read("SELECT id FROM user WHERE disabled AND NOT removed")}


async def version(archive: VisitedArchive) -> str:
    """A text that changes with any change of any user; cheap to read, to know if a count is outdated."""
    return str(await kept.value(archive.database, USERS_CHANGED))


async def _without_address(archive: Archive, of: int, but: set[str], limit: int) -> tuple[int, list[str]]:
    """The number of users without an address among ``of``, apart from the ids ``but``; and the first names.

    Disabled users are left out.
    """
    # Merging two sorted lists of ids is quicker than looking each one up.
    sql = "SELECT id FROM user WHERE NOT removed AND NOT disabled EXCEPT SELECT user_id FROM address ORDER BY 1 LIMIT ?"
    ids = {row[0] for row in await archive.database.read(sql, (MANY + 1,))}
    if len(ids) <= MANY:
        return len(ids - but), await _names(archive, ids - but, limit)
    # A removed user has no address.
    having = int(await archive.database.value("SELECT count(DISTINCT user_id) FROM address"))
    sql = "SELECT count(*) FROM user WHERE disabled AND NOT removed AND id IN (SELECT user_id FROM address)"
    having -= int(await archive.database.value(sql))
    # With so many of them, the first by name are soon found.
    sql = (
        "SELECT name FROM user WHERE NOT removed AND NOT disabled "
        "AND NOT EXISTS (SELECT 1 FROM address WHERE user_id = user.id) "
        "AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?"
    )
    return of - having - len(but), [row[0] for row in await archive.database.read(sql, (_list(but), limit))]


async def _names(archive: Archive, ids: Collection[str], limit: int) -> list[str]:
    """The first ``limit`` names of the users with these ids."""
    sql = "SELECT name FROM user WHERE id IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?"
    return [row[0] for row in await archive.database.read(sql, (_list(ids), limit))] if ids else []


def _containing(text: str) -> tuple[str, list[str]]:
    if not text:
        return "NOT removed", []
    folded = text.casefold()
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", folded) + "%"
    columns = " OR ".join(_HAS.format(column) for column in ("name", "full_name", "login"))
    owners = f"id IN (SELECT user_id FROM address WHERE {_HAS.format('address')})"
    return f"NOT removed AND ({columns} OR {owners})", [folded, pattern] * 4


def _list(values: Collection[str]) -> str:
    return json.dumps(list(values))


async def _by_name(archive: Archive, keys: Collection[str], *, removed: bool = False) -> dict[str, str]:
    """The ids of users by these casefolded names; unknown names are left out."""
    condition = "" if removed else "AND NOT removed"
    return await _matching(archive, f"SELECT name, id FROM user WHERE {{}} {condition}", "name", keys)


async def _by_address(archive: Archive, keys: Collection[str]) -> dict[str, str]:
    """The ids of users by these casefolded addresses; unknown addresses are left out."""
    return await _matching(archive, "SELECT address, user_id FROM address WHERE {}", "address", keys)


async def _matching(archive: Archive, sql: str, column: str, keys: Collection[str]) -> dict[str, str]:
    wanted = {key for key in keys if key}
    if not wanted:
        return {}
    # The index ignores the case of ASCII only.
    rows = await archive.database.read(sql.format(f"{column} IN (SELECT value FROM json_each(?))"), (_list(wanted),))
    if len(rows) < len(wanted):
        rows += await archive.database.read(sql.format(_NOT_ASCII.format(column)))
    return {key: row[1] for row in rows if (key := row[0].casefold()) in wanted}


async def find(archive: Archive, name: str, *, removed: bool = False) -> User:
    """The user called ``name``, or with that address. Raises ``InputError``."""
    wanted = name.casefold()
    found = await _by_name(archive, [wanted], removed=removed) or await _by_address(archive, [wanted])
    if found:
        return await of_id(archive, found[wanted])
    if wanted == CATCHALL:
        raise InputError(problems.NO_USER(user=CATCHALL))
    if not removed and await _by_name(archive, [wanted], removed=True):
        raise InputError(problems.REMOVED(user=name))
    condition = "" if removed else "WHERE NOT removed"
    rows = await archive.database.read(f"SELECT name FROM user {condition} ORDER BY name LIMIT 10")
    names = ", ".join(row[0] for row in rows) or "none yet"
    raise InputError(problems.UNKNOWN(user=name, there=names))


async def of_id(archive: Archive, user_id: str) -> User:
    """The user with this id, removed or not."""
    rows = await archive.database.read(f"SELECT {_COLUMNS} FROM user WHERE id = ?", (user_id,))
    return (await _users(archive, rows))[0]


async def _users(archive: Archive, rows: Sequence[Row]) -> list[User]:
    """The users of rows of table ``user``, with their addresses."""
    sql = "SELECT user_id, address FROM address WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id, position"
    emails: dict[str, list[str]] = {}
    for user_id, address in await archive.database.read(sql, (_list([row[0] for row in rows]),)):
        emails.setdefault(user_id, []).append(address)
    return [_of_row(row, emails) for row in rows]


def _of_row(row: Row, emails: Mapping[str, Sequence[str]]) -> User:
    """The user of a row with ``_COLUMNS``; ``emails`` are addresses by the user's id."""
    own = tuple(emails.get(row[0], ()))
    return User(row[0], row[1], own, row[2], row[3], bool(row[4]), bool(row[5]), row[6], tuple(json.loads(row[7])))


async def add(
    archive: Archive, name: str, emails: Sequence[str], *, login: str = "", full_name: str = "", actor: str = "archivar"
) -> tuple[User, bool]:
    """Add a user; also True when a removed one of that name gets its archive back. Raises ``InputError``."""
    async with archive.changing():
        return await _add(archive, name, emails, login, full_name, actor)


async def _add(archive: Archive, name: str, emails: Sequence[str], login: str, full_name: str, actor: str) -> tuple[User, bool]:
    found = await _by_name(archive, [name.strip().casefold()], removed=True)
    before = await of_id(archive, next(iter(found.values()))) if found else None
    if before is not None and not before.removed:
        raise InputError(problems.THERE(user=before.name))
    # Loaded for something new alone: it asks much about the machine.
    import uuid

    user_id = before.id if before else uuid.uuid4().hex[:12]
    user = await _checked(archive, User(user_id, name.strip(), tuple(emails), login.strip(), full_name.strip()))
    await _save(archive, user, actor)
    return user, before is not None


async def edit(archive: Archive, user: User, *, actor: str = "archivar") -> User:
    """Save a changed user; an unchanged one leaves no trace in the ledger. Raises ``InputError``."""
    async with archive.changing():
        user = await _checked(archive, user)
        if user != await of_id(archive, user.id):
            await _save(archive, user, actor)
    return user


async def remove(archive: Archive, user: User, *, actor: str = "archivar") -> None:
    """Remove a user. Archived mail stays, readable under the name."""
    async with archive.changing():
        await _save(archive, replace(user, removed=True), actor)


async def _save(archive: Archive, user: User, actor: str) -> None:
    await archive.append([Draft(UserSaved(user), actor)])


async def _checked(archive: Archive, user: User) -> User:
    user = replace(user, addresses=people.checked(user))
    same = await _by_name(archive, [user.name.casefold()], removed=True)
    if any(user_id != user.id for user_id in same.values()):
        other = await of_id(archive, next(iter(same.values())))
        raise InputError(problems.THERE(user=other.name))
    for address, user_id in (await _by_address(archive, [address.casefold() for address in user.addresses])).items():
        if user_id != user.id:
            other = await of_id(archive, user_id)
            raise InputError(problems.ADDRESS_TAKEN(address=address, user=other.name))
    await _refuse_other_spelling(archive, user)
    return user


async def _refuse_other_spelling(archive: Archive, user: User) -> None:
    """Raise ``InputError`` when another user has an address in its other spelling: umlauts, or punycode."""
    wanted = {addresses.key(address): address for address in user.addresses}
    wanted = {key: address for key, address in wanted.items() if not key.isascii()}
    if not wanted:
        return
    sql = f"SELECT address, user_id FROM address WHERE user_id <> ? AND (address LIKE '%xn--%' OR {_NOT_ASCII})"
    for address, user_id in await archive.database.read(sql.format("address"), (user.id,)):
        if same := wanted.get(addresses.key(address)):
            other = await of_id(archive, user_id)
            raise InputError(problems.SPELLING_TAKEN(address=same, user=other.name, other=address))
