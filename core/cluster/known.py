"""The archive's knowledge of one mailbox, as values: read from the home's catalog, and put into an empty one of a worker.

A worker asks its own small catalog what a run at home asks the archive's. Messages stand once, by number; folders, UIDs and all
else refer to them. What a visit has learnt beside the ledger (complete folders, the server's ids) comes back the same way.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import digests, records
from core.archive.read import siblings
from core.archive.read.siblings import SAMPLE, Sibling
from core.archive.registry import users
from core.db import kept
from core.db.database import Database, Transaction
from core.model import User

#: Columns that are sent as they are.
_STATE = "name, signature, messages, excluded, listed, uidvalidity, uidnext, modseq"
_MESSAGE = "m.id, m.sha256, m.size, m.header_sha256, m.message_id, m.date, m.attachments"
_UID = "s.uid, s.message_id, folder.path, s.size, s.internaldate, s.flags, s.fetched, s.delete_seq, s.gone_seq"
_REPORT = "s.report_header, s.report_size"

Known = dict[str, Any]


async def of_mailbox(archive: Archive, source: str, owner: str, server: str) -> Known:
    """The rows of the mailbox ``source``, whose mail goes to ``owner``; ``server``: its name in table server."""
    read = archive.database.read
    folders = await read("SELECT id, name, uidvalidity FROM source_folder WHERE source = ? ORDER BY id", (source,))
    messages: dict[int, list[Any]] = {}
    listed: list[list[Any]] = []
    for folder, name, uidvalidity in folders:
        rows = await read(
            f"SELECT {_UID}, {_REPORT}, {_MESSAGE} FROM source_message s JOIN message m ON m.id = s.message_id "
            "LEFT JOIN folder ON folder.id = s.folder_id WHERE s.source_folder_id = ? ORDER BY s.uid",
            (folder,),
        )
        for row in rows:
            messages.setdefault(row[1], [bytes(row[12]).hex(), row[13], bytes(row[14]).hex(), *row[15:]])
        listed.append([name, uidvalidity, [[*row[:9], _hex(row[9]), row[10]] for row in rows]])
    placed = await archive.database.among(
        "SELECT p.message_id, folder.path FROM placement p INDEXED BY placement_message "
        "CROSS JOIN folder ON folder.id = p.folder_id AND folder.owner = ? "
        "WHERE p.until_seq IS NULL AND p.message_id IN (??)",
        list(messages),
        (owner,),
    )
    return {
        "messages": [[number, *row] for number, row in messages.items()],
        "folders": listed,
        "placed": [list(row) for row in placed],
        "states": [list(row) for row in await read(f"SELECT {_STATE} FROM folder_state WHERE source = ?", (source,))],
        "identities": await _identities(archive.database, source),
        "server": [list(row) for row in await read("SELECT * FROM server WHERE name = ?", (server,))],
    }


def _hex(value: Any) -> Any:
    return None if value is None else bytes(value).hex()


async def _identities(database: Database, source: str) -> list[list[Any]]:
    rows = await database.read("SELECT identity, size, sha256 FROM server_identity WHERE source = ?", (source,))
    return [[identity, size, bytes(sha256).hex()] for identity, size, sha256 in rows]


async def all_users(archive: Archive) -> list[dict[str, Any]]:
    """All present users: their names tell whose a folder is."""
    return [user.as_json() for user in await users.all_users(archive)]


async def with_people(people: Sequence[Mapping[str, Any]]) -> Database:
    """A catalog with these users alone, which ends with its connection. Raises ``StorageError``."""
    async with _made() as database:
        await database.script(resources.files("core.db").joinpath("schema.sql").read_text(encoding="utf-8"))
        async with database.transaction() as transaction:
            saved = [User(**{**one, "addresses": tuple(one["addresses"]), **_addresses(one)}) for one in people]
            if not await records.users_saved(transaction, saved, 1):
                for user in saved:
                    await records.user_saved(transaction, 1, user)
        return database


async def copied(people: Database) -> Database:
    """A new catalog with the users of another one. Raises ``StorageError``."""
    async with _made() as database:
        await people.copy_into(database)
        return database


@asynccontextmanager
async def _made() -> AsyncIterator[Database]:
    """Context of a new scratch database, which is closed when that fails."""
    database = await Database.scratch()
    try:
        await database.define("casefold", str.casefold)
        yield database
    except BaseException:
        await database.close()
        raise


async def put(database: Database, known: Mapping[str, Any], source: str, owner: str) -> None:
    """Put what ``of_mailbox`` has read into a catalog that has users alone."""
    async with database.transaction() as transaction:
        await _put_messages(transaction, known["messages"])
        paths = {path for _, path in known["placed"]}
        paths |= {row[2] for _, _, rows in known["folders"] for row in rows if row[2] is not None}
        folders = {path: number for number, path in enumerate(sorted(paths), 1)}
        await transaction.many(
            "INSERT INTO folder (id, owner, path) VALUES (?, ?, ?)", [(number, owner, path) for path, number in folders.items()]
        )
        await transaction.many(
            "INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq, date) VALUES (?, ?, 0, 0)",
            [(message, folders[path]) for message, path in known["placed"]],
        )
        for number, (name, uidvalidity, rows) in enumerate(known["folders"], 1):
            await transaction.execute("INSERT INTO source_folder VALUES (?, ?, ?, ?)", (number, source, name, uidvalidity))
            await transaction.many(
                "INSERT INTO source_message (source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched, "
                "delete_seq, gone_seq, report_header, report_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (number, uid, message, folders.get(path), *rest, header and bytes.fromhex(header), size)
                    for uid, message, path, *rest, header, size in rows
                ],
            )
        await _put_states(transaction, source, known["states"])
        await _put_identities(transaction, source, known["identities"])
        await transaction.many("INSERT INTO server VALUES (?, ?, ?, ?, ?)", known["server"])


def _addresses(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"directory_addresses": tuple(one["directory_addresses"])}


async def _put_messages(transaction: Transaction, messages: Iterable[Sequence[Any]]) -> None:
    rows = [
        (number, bytes.fromhex(sha256), size, bytes.fromhex(header), message_id, date, attachments)
        for number, sha256, size, header, message_id, date, attachments in messages
    ]
    await transaction.many(
        "INSERT INTO message (id, sha256, volume, size, header_sha256, subject, sender, recipients, message_id, date, "
        "attachments) VALUES (?, ?, 0, ?, ?, '', '', '', ?, ?, ?)",
        rows,
    )
    await digests.add(transaction, [(row[1], row[0]) for row in rows])


async def _put_states(transaction: Transaction, source: str, states: Iterable[Sequence[Any]]) -> None:
    await transaction.many(
        f"INSERT OR REPLACE INTO folder_state (source, {_STATE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(source, *row) for row in states],
    )


async def _put_identities(transaction: Transaction, source: str, identities: Iterable[Sequence[Any]]) -> None:
    await transaction.many(
        "INSERT OR REPLACE INTO server_identity (source, identity, size, sha256) VALUES (?, ?, ?, ?)",
        [(source, identity, size, bytes.fromhex(sha256)) for identity, size, sha256 in identities],
    )


async def neighbours(archive: Archive, source: str, validities: Sequence[int]) -> list[list[Any]]:
    """The folders of other mailboxes on the same server with these UIDVALIDITYs, as ``put_neighbours`` takes them."""
    return [
        [one.source, one.name, one.uidvalidity, one.messages, {str(uid): header.hex() for uid, header in one.headers.items()}]
        for one in await siblings.siblings(archive, source, validities)
    ]


async def put_neighbours(database: Database, others: Iterable[Sibling]) -> None:
    """Put folders of other mailboxes into a worker's catalog, as far as a comparison asks for them."""
    async with database.transaction() as transaction:
        for one in others:
            if await transaction.one(
                "SELECT 1 FROM source_folder WHERE source = ? AND name = ? AND uidvalidity = ?",
                (one.source, one.name, one.uidvalidity),
            ):
                continue
            folder = await transaction.insert(
                "INSERT INTO source_folder (source, name, uidvalidity) VALUES (?, ?, ?)",
                (one.source, one.name, one.uidvalidity),
            )
            # Of messages their headers alone are known: the rest of the number is made up, and in no sample of the newest.
            rows = list(one.headers.items())
            first = int(await transaction.value("SELECT coalesce(max(id), 0) + 1 FROM message"))
            await transaction.many(
                "INSERT INTO message (id, sha256, volume, size, header_sha256, subject, sender, recipients, message_id, "
                "attachments) VALUES (?, ?, 0, 0, ?, '', '', '', '', 0)",
                [(first + at, b"", header) for at, (_, header) in enumerate(rows)],
            )
            there = min(len(rows), one.messages)
            await transaction.many(
                "INSERT INTO source_message (source_folder_id, uid, message_id, size, flags, fetched, gone_seq) "
                "VALUES (?, ?, ?, 0, '', 0, ?)",
                [(folder, uid, first + at, None if at < there else 1) for at, (uid, _) in enumerate(rows)],
            )
            # More than a sample need not be counted exactly.
            await _fill(transaction, folder, min(one.messages - there, SAMPLE + 1))


async def _fill(transaction: Transaction, folder: int, missing: int) -> None:
    """Count ``missing`` further messages in a folder of another mailbox, with UIDs below all others and no header."""
    message = await transaction.value("SELECT message_id FROM source_message WHERE source_folder_id = ? LIMIT 1", (folder,))
    await transaction.many(
        "INSERT INTO source_message (source_folder_id, uid, message_id, size, flags, fetched) VALUES (?, ?, ?, 0, '', 0)",
        [(folder, -number, message) for number in range(1, missing + 1)],
    )


async def learnt(database: Database, source: str) -> Known:
    """The knowledge that a visit has put into a worker's catalog, and that no ledger entry tells."""
    return {
        "states": [list(row) for row in await database.read(f"SELECT {_STATE} FROM folder_state WHERE source = ?", (source,))],
        "identities": await _identities(database, source),
        "server": [list(row) for row in await database.read("SELECT * FROM server")],
    }


async def take_over(archive: Archive, source: str, learned: Mapping[str, Any]) -> None:
    """Keep in the home's catalog what a visit has learnt, once its entries are applied. Raises ``StorageError``."""
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM folder_state WHERE source = ?", (source,))
        await _put_states(transaction, source, learned["states"])
        await _put_identities(transaction, source, learned["identities"])
        for name, product, vendor, certificates, inexact in learned["server"]:
            # Several mailboxes of a server come back in any order: what one has found out stays.
            before = await transaction.one("SELECT certificates, inexact FROM server WHERE name = ?", (name,))
            known = json.loads(before[0]) if before else []
            both = [*known, *(one for one in json.loads(certificates) if one not in known)][-8:]
            worst = int(bool(inexact) or bool(before and before[1]))
            await transaction.execute(
                "INSERT OR REPLACE INTO server VALUES (?, ?, ?, ?, ?)", (name, product, vendor, json.dumps(both), worst)
            )
        await kept.keep(transaction, f"seen:{source}", "")


async def forget_states(archive: Archive, source: str) -> None:
    """Forget when the folders of a mailbox were complete: a visit that may be broken off begins."""
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM folder_state WHERE source = ?", (source,))
