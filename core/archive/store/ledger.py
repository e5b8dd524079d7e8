"""Entries of the ledger: what each kind says, how it is encoded, how the chain is computed.

Kinds and payloads (version 1); the actor of an entry is the account that the kernel names, see ``core.system.actor``::

    archive.created   {archive_id}
    user.saved        {user: {id, name, addresses, login, full_name, removed, disabled, directory_id,
                       directory_addresses}}                  the last three only since users come from directories
    profile.saved     {name, definition, renamed}             definition: the profile as JSON, never a password; renamed: what
                       it was called until then, only if it is another name
    profile.removed   {name}
    directory.saved   {definition}                            where users come from, as JSON, never a password
    directory.removed {type, host}
    directory.synced  {created, adopted, back, changed, disabled, removed, left, conflicts, unchanged, withheld,   numbers
                       asked_by}
    settings.saved    {name, value}                           a setting of this machine, as it is written
    seal.place.saved  {definition}                            where seals are sent, as JSON, never a password
    seal.place.removed {name, kind}
    archived          {run, source, owner, folder, server_folder, uidvalidity,
                       messages: [[sha256, uid, size, internaldate, flags]]}
    moved             {run, source, owner, moves: [[from folder, from uidvalidity, from uid, folder, server_folder,
                       uidvalidity, uid, size, internaldate, flags, ours]]}   ours: only of what we deleted and is in the
                       trash now; true when we saw it come there. folder: null in a catch-all mailbox
    linked            {run, source, owner, folder, server_folder, uidvalidity,
                       messages: [[sha256, uid, size, internaldate, flags]]}   archived before, and there as well: nothing was
                       fetched. uid: null for one place more in the archive. folder: null in a catch-all mailbox
    filed             {run, source, server_folder, uidvalidity, incoming, outgoing, places: [[owner, folder]],
                       kept, addresses: [[address, ours]],
                       messages: [[sha256, uid, size, internaldate, flags, places, from, to, report]]}
                       of a catch-all mailbox: each message with all its places (numbers into the list); kept: the place
                       of the catch-all archive, or null; from, to: addresses that no user has (numbers), ours: in one of
                       our domains; report: [sha256 of the header, size] of the journal report it lay in, or null
    left              {run, source, server_folder, uidvalidity, reading, addresses: [[address, ours]],
                       messages: [[uid, addresses, size, internaldate]]}   left in a catch-all mailbox, since no user has
                       any of their addresses; reading: digest of the header fields that were read; ours: false also of
                       what is no stranger; the last two are missing in older entries
    refiled           {places: [[owner, folder]], messages: [[sha256, [[address, sent, place]]]]}   filed to users who
                       have the address by now; messages whose addresses are all filed leave the catch-all archive
    imported          {owner, folder, format, path, messages: [[sha256, size, internaldate, flags]]}   from files at path
    address.ours      {address, ours}   an address, or a domain with @ before it, that is said to be (not) ours
    vanished          {run, source, server_folder, uidvalidity, uids}         uids: an IMAP sequence set such as 1:5,9
    relisted          {run, source, server_folder, uidvalidity, messages: [[uid, size, internaldate, flags]]}   known
                       messages for which the server names other numbers than before; their bytes or headers are the same
    returned          {run, source, server_folder, uidvalidity, uids}         what vanished there before is there again
    deleting          {run, source, server_folder, uidvalidity, uids}         what is about to be deleted on the server
    deleted           {run, source, server_folder, uidvalidity, uids, kept}   what is gone, and what is there in spite of it
    run.finished      {run, profile, dry_run, status, totals, problems}
    exported          {owner, folder, format, messages, already, damaged, complete}   owner: empty when of everybody; the
                       last three are missing in older entries
    restored          {profile, source, owner, folder, server_folder, login, path, whose, uidvalidity, known,
                       messages: [[sha256, uid, size, internaldate, flags]]}   put back on a server; uid: null when it does
                       not tell; known: the mailbox is archived for owner, so that the messages are not new there; whose:
                       own, others, shared or doubtful, null when the server does not tell; login, path (of server_folder, for
                       people) and whose are missing in older entries
    backed_up         {directory, seq, hash, volumes, already, bytes, key}   up to which entry; volumes copied, those
                       unchanged; key: false of one without it, missing in older entries
    key.rotated       {passwords, unreadable}   how many are stored under a new key; under which names those that could not be
                       read stay as they were
    verified          {parts, messages, entries, findings}     of everything; share: percent, of a part; asked_by: the actor who
                       asked the service for it, if that was no schedule
    repaired          {messages: [[sha256, size, from]], placed}   stored anew in this volume, since the copy before is
                       damaged; from: where the good bytes were had, a text for people. placed: those that were lost, as in
                       salvaged; missing when there are none
    salvaged          {volume, kept, seen: [seq, hash], lost, placed}   this volume took the place of a damaged one: of its
                       ledger what goes up to entry kept is here, while the catalog had seen entry seen. lost: messages that
                       were not whole in it, and whose UIDs count as not archived; placed: whole ones whose entries are lost.
                       Both as ``restated`` says

Entries that save or remove something (user, profile, directory, address, settings) have ``changes`` as well: which fields,
from what to what, see ``core.archive.catalog.changes``; they are missing in older entries.

``sha256`` is in hexadecimal digits, ``internaldate`` in seconds since 1970 or null, ``flags`` in one text with blanks between.
``source`` names a mailbox on a server and where it goes (``imap://login@host -> owner/top folder``), ``server_folder`` the
folder's name exactly as on the wire, ``folder`` its path in the owner's archive.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import DamagedError, ProtocolError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

VERSION = 1
ZERO_HASH = bytes(32)
LARGEST_PAYLOAD = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is still to be appended. ``actor``: the channel that it comes through; the volume adds the account."""

    kind: str
    payload: dict[str, Any]
    actor: str = "archivar"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands in a volume; ``plain`` is the payload's JSON, ``actor`` an ``Actor`` as text."""

    seq: int
    at: str
    kind: str
    actor: str
    plain: bytes
    hash: bytes

    def follows(self, before: Head) -> bool:
        """Is this the entry after ``before``, unchanged?"""
        return self.seq == before.seq + 1 and chain(before.hash, self.at, self.kind, self.actor, self.plain) == self.hash

    @property
    def payload(self) -> dict[str, Any]:
        """The payload. Raises ``DamagedError`` when this program cannot read it."""
        try:
            # Nothing but what UTF-8 can hold: the catalog must be able to take any text of the ledger.
            value = json.loads(self.plain.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise DamagedError(f"Ledger entry {self.seq} cannot be read: {error}.") from error
        if not isinstance(value, dict) or value.get("v") != VERSION:
            raise DamagedError(f"Ledger entry {self.seq} has a payload of an unknown version.")
        return value


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last entry's seq and hash."""

    seq: int
    hash: bytes


def encode(payload: dict[str, Any]) -> bytes:
    """The payload as canonical JSON. Raises ``ProtocolError`` on a number that no catalog could hold: it must never get in."""
    _check_numbers(payload)
    return json.dumps({"v": VERSION, **payload}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def _check_numbers(value: Any) -> None:
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ProtocolError(f"{value} is no number that can be true.", "It came from the server.")
    elif not isinstance(value, str) and isinstance(value, Iterable):
        for item in value:
            _check_numbers(item)


def compress(plain: bytes) -> bytes:
    return zstd.compress(plain, 3)


def decompress(stored: bytes) -> bytes:
    """The reverse of ``compress``. Raises ``DamagedError``."""
    try:
        # A damaged frame must not unfold to gigabytes.
        decompressor = zstd.ZstdDecompressor()
        plain = decompressor.decompress(stored, LARGEST_PAYLOAD)
        if not decompressor.eof or decompressor.unused_data:
            raise DamagedError("A ledger payload cannot be decompressed: it does not end where it should.")
        return plain
    except (zstd.ZstdError, TypeError) as error:
        raise DamagedError(f"A ledger payload cannot be decompressed: {error}.") from error


def chain(previous: bytes, at: str, kind: str, actor: str, plain: bytes) -> bytes:
    """The hash of an entry, from the hash of the one before."""
    digest = hashlib.sha256(previous)
    for text in (at, kind, actor):
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    digest.update(hashlib.sha256(plain).digest())
    return digest.digest()
