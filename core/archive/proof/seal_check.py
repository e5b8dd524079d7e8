"""Check of seals and time stamps: the hash chain from the first entry on, then every message that the ledger names.

Only the volumes are read, so that the catalog need not be trusted: the chain is computed anew from the first entry, and must
yield the hash of each seal. A ledger that was changed and hashed anew yields other hashes. A time stamp covers the line of a
seal, so its entry is found on the way.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import field
from typing import Any

from core.archive.proof import seal as seals
from core.archive.proof.seal import Seal
from core.archive.proof.sealed_lanes import SealedLanes
from core.archive.proof.stamp import Stamp
from core.archive.proof.strangers import KnownDigests, named
from core.archive.proof.verify import ledger_end
from core.archive.store.ledger import ZERO_HASH, Entry, Head
from core.archive.store.message_rows import Record, ScratchError
from core.archive.store.volume import Volume
from core.archive.store.volume_format import unpack
from core.config import Home
from core.errors import DamagedError, InputError, StorageError
from core.model import now
from core.problems import finding
from core.problems import ledger as problems
from core.problems import seal_check as differences
from core.problems.code import Reason
from core.problems.command_line import sentence
from core.problems.seal_line import NOTHING_TO_CHECK
from core.problems.volume import REPLACED
from core.text.format import counted, number, when
from core.values import dataclass

ROWS = 64
#: Missing or damaged messages that are listed; all are counted.
NAMED = 20

#: Called with the number of entries or messages checked, their total (0: unknown yet), and the word for them.
Tell = Callable[[int, int, str], None]


@dataclass(slots=True)
class SealCheck:
    """The result of a check. ``why`` tells what differs, None when nothing does. ``last``: the last entry reached.

    ``messages``: the number named by the entries up to there; ``missing``: those of which no volume has all parts, or, when
    they were ``read``, the right bytes. ``names``: the first of those, SHA-256 in hexadecimal digits. ``stamped``: the entries
    with time stamps, and the stamps.
    """

    why: Reason | None = None
    last: Head = field(default_factory=lambda: Head(0, ZERO_HASH))
    messages: int = 0
    missing: int = 0
    names: list[str] = field(default_factory=list)
    read: bool = False
    stamped: list[tuple[Seal, Stamp]] = field(default_factory=list)
    #: Items of these entries that were erased.
    erased: int = 0

    @property
    def difference(self) -> str:
        """The difference in a sentence of the command line; empty without one."""
        return sentence(self.why) if self.why is not None else ""

    def sentence(self) -> str:
        """The statements that hold when nothing differs, beginning with the extent of the check."""
        how = "each read and hashed" if self.read else "all of them there; their bytes were not read"
        text = f"The archive contains everything up to entry {self.last.seq}, unchanged"
        if self.erased:
            were = "item was" if self.erased == 1 else "items were"
            text = (
                f"The chain holds up to entry {self.last.seq}, but {number(self.erased)} {were} erased from its entries, "
                "and nothing tells what they said"
            )
        return (
            f"{text}: {counted(self.last.seq, 'ledger entry', 'ledger entries')}, {counted(self.messages, 'message')}, {how}."
        )

    def stamps(self) -> list[str]:
        """A sentence about each time stamp."""
        return [
            f"Entry {number(one.seq)} was there on {stamp.at:%Y-%m-%d %H:%M:%S} UTC, as {stamp.authority} has signed."
            for one, stamp in self.stamped
        ]

    def as_json(self) -> dict[str, Any]:
        stamped = [
            {"seal": one.as_json(), "at": f"{stamp.at:%Y-%m-%dT%H:%M:%SZ}", "by": stamp.authority}
            for one, stamp in self.stamped
        ]
        return {
            "ok": not self.difference,
            "difference": self.difference,
            "code": self.why.code.word if self.why is not None else "",
            "values": self.why.as_json()["values"] if self.why is not None else {},
            "reached": {"seq": self.last.seq, "hash": self.last.hash.hex()},
            "messages": {"named": self.messages, "missing": self.missing, "first": self.names, "read": self.read},
            "stamps": stamped,
            "erased": self.erased,
        }


async def archive_id(home: Home) -> str:
    """The id of the archive, from its first readable volume; empty when none can be read."""
    for volume_number in home.volume_numbers():
        try:
            volume = await Volume.open(home.volume(volume_number), read_only=True)
        except (DamagedError, StorageError):
            continue
        await volume.close()
        return volume.meta.archive_id
    return ""


async def check(
    home: Home,
    wanted: Iterable[Seal],
    stamps: Sequence[Stamp] = (),
    *,
    deep: bool = False,
    tell: Tell = lambda done, total, what: None,
) -> SealCheck:
    """Walk the ledger of all volumes from its first entry to the last that is ``wanted``, then look at its messages.

    ``deep`` reads and hashes them. Reads only ``home``'s volumes. Raises ``BusyError`` when one of them is locked,
    ``HomeError`` for a newer one, ``InputError`` when nothing is wanted.
    """
    kept: dict[int, list[Seal]] = {}
    for one in wanted:
        kept.setdefault(one.seq, []).append(one)
    if not kept and not stamps:
        raise InputError(NOTHING_TO_CHECK())
    found = SealCheck(read=deep)
    async with KnownDigests.open() as known:
        found.why = await _walk(home, kept, list(stamps), found, known, tell)
        if found.why is None:
            found.why = await _look_at_messages(home, found, known, tell)
    return found


async def _walk(
    home: Home, kept: dict[int, list[Seal]], stamps: list[Stamp], found: SealCheck, known: KnownDigests, tell: Tell
) -> Reason | None:
    """The first difference in the chain, None if there is none; collects the named messages in ``known``."""
    last = max(kept, default=0)
    identity = await archive_id(home)
    left = {one.imprint: one for one in stamps}
    lanes = SealedLanes(home, identity)
    if left:
        last = max(last, await ledger_end(home))
    try:
        async with aclosing(_entries(home)) as entries:
            async for name, entry in entries:
                if (broken := _broken(name, entry, found.last)) is not None:
                    return broken
                found.last = Head(entry.seq, entry.hash)
                found.erased += entry.erased
                await known.add(named(entry))
                await lanes.go_on(entry, known)
                tell(entry.seq, last, "entry")
                for one in kept.get(entry.seq, ()):
                    if (differs := _compared(one, entry)) is not None:
                        return differs
                if left:
                    here = Seal(entry.seq, entry.hash, entry.at)
                    if (stamp := left.pop(seals.imprint(identity, here), None)) is not None:
                        found.stamped.append((here, stamp))
                if not left and entry.seq >= max(kept, default=0):
                    return None
    except (DamagedError, StorageError, KeyError, TypeError, ValueError) as error:
        why = error.reason if isinstance(error, DamagedError | StorageError) else differences.ENTRY_INCOMPLETE()
        return differences.UNREAD(entry=found.last.seq, why=why)
    if found.last.seq < max(kept, default=0):
        wanted = min(seq for seq in kept if seq > found.last.seq)
        return differences.END_MISSING(end=found.last.seq, entry=wanted)
    [stamp, *more] = left.values()
    at, authority = when(stamp.at, now()), stamp.authority
    if more:
        return differences.NO_ENTRIES(at=at, authority=authority, more=len(more))
    return differences.NO_ENTRY(at=at, authority=authority)


def _broken(name: str, entry: Entry, reached: Head) -> Reason | None:
    if entry.seq > reached.seq + 1:
        return differences.ENTRY_MISSING(file=name, entry=reached.seq + 1)
    if entry.seq <= reached.seq:
        return differences.ENTRY_TWICE(file=name, entry=entry.seq)
    if not entry.follows(reached):
        return finding.ENTRY_CHANGED(file=name, entry=entry.seq, kind=entry.kind)
    return None


def _compared(seal: Seal, entry: Entry) -> Reason | None:
    if entry.hash != seal.hash:
        return differences.OTHER_HASH(entry=seal.seq)
    if seal.at and seal.at != entry.at:
        return differences.OTHER_TIME(entry=seal.seq, at=entry.at, said=seal.at)
    return None


async def _entries(home: Home) -> AsyncGenerator[tuple[str, Entry]]:
    """All entries with the names of their volumes, in the order of the volumes."""
    numbers = home.volume_numbers()
    identity = ""
    for volume_number in range(1, (numbers[-1] if numbers else 0) + 1):
        volume = await Volume.open(home.volume(volume_number), read_only=True)
        try:
            if volume.fault is not None:
                raise volume.fault
            if volume.meta.number != volume_number or volume.meta.archive_id != (identity or volume.meta.archive_id):
                raise DamagedError(REPLACED(file=volume.path.name))
            identity = volume.meta.archive_id
            after = -1
            sql = f"SELECT {volume.columns} FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
            while rows := await volume.database.read(sql, (after, ROWS)):
                for row in rows:
                    seq, at, kind, actor, _, digest, _ = row
                    if not isinstance(digest, bytes) or not all(isinstance(text, str) for text in (at, kind, actor)):
                        raise DamagedError(problems.WRONG_KIND(file=volume.path.name, entry=seq))
                    if seq <= after:
                        raise DamagedError(problems.OUT_OF_ORDER(file=volume.path.name))
                    after = seq
                    yield volume.path.name, Entry.of_row(row)
        finally:
            await volume.close()


# Messages ----------------------------------------------------------------------------------------------------------------


async def _look_at_messages(home: Home, found: SealCheck, known: KnownDigests, tell: Tell) -> Reason | None:
    """Count the messages ``known`` from the ledger, and look for each; the first fault, None if there is none.

    One volume is open at a time: what it has is struck off, and what is left at the end is missing.
    """
    found.messages = left = await known.count()
    for volume_number in reversed(home.all_volume_numbers()):
        if not left:
            break
        try:
            volume = await Volume.open(home.volume(volume_number), read_only=True)
        except (DamagedError, StorageError):
            # Messages of an unreadable volume count as missing.
            continue
        try:
            async with aclosing(known.pages()) as pages:
                async for page in pages:
                    missing = set(await _not_in(volume, page, deep=found.read))
                    await known.strike([sha256 for sha256 in page if sha256 not in missing])
                    left -= len(page) - len(missing)
                    tell(found.messages - left, found.messages, "message")
        finally:
            await volume.close()
    found.missing = left
    async with aclosing(known.pages()) as pages:
        async for page in pages:
            found.names += [sha256.hex() for sha256 in page[: NAMED - len(found.names)]]
    if not found.missing:
        return None
    return differences.MESSAGES_MISSING(
        entry=found.last.seq, missing=found.missing, messages=found.messages, first=found.names[0][:16]
    )


async def _not_in(volume: Volume, digests: Sequence[bytes], *, deep: bool) -> list[bytes]:
    """Those of ``digests`` that the volume does not have whole.

    Whole: all parts, of the right length; with ``deep`` the right bytes.
    """
    try:
        records = await volume.records(digests)
        if deep:
            whole = {sha256 for sha256, record in records.items() if await _is_whole(volume, sha256, record)}
        else:
            whole = await _complete(volume, records)
    except ScratchError:
        raise
    except (DamagedError, StorageError, TypeError):
        return list(digests)
    return [sha256 for sha256 in digests if sha256 not in whole]


async def _is_whole(volume: Volume, sha256: bytes, record: Record) -> bool:
    try:
        await volume.message_of(sha256, record)
    except (DamagedError, StorageError, KeyError, TypeError):
        return False
    return True


async def _complete(volume: Volume, records: Mapping[bytes, Record]) -> set[bytes]:
    recipes: dict[bytes, tuple[int, tuple[int, ...]]] = {}
    for sha256, record in records.items():
        try:
            recipes[sha256] = (record.size, unpack(record.recipe))
        except DamagedError:
            continue
    wanted = list({part for _, parts in recipes.values() for part in parts})
    sizes: dict[int, int] = dict(await volume.database.among("SELECT id, size FROM part WHERE id IN (??)", wanted))
    return {
        sha256
        for sha256, (size, parts) in recipes.items()
        if all(part in sizes for part in parts) and sum(sizes[part] for part in parts) == size
    }
