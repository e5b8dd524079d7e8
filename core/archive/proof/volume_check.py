"""Looks at volumes one after the other: pages, ledger, parts, messages. In small steps, so that it can stop after any of them.

Where it stands is a ``Place``, which with the ``Verdict`` so far is all that another process needs to carry on. Nothing is held
between two steps, so whoever archives meanwhile waits for one page of rows at most; only ``integrity_check`` of a volume holds
SQLite's lock on it for as long as it takes, which is why ``gentle`` leaves it out for the volume that is being written.

A damaged message of which a good copy was stored since (ledger: ``repaired``) is no finding any more; nor is what else is
damaged in its volume, once every message that the volume's ledger names can be read from somewhere and that ledger is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from core.archive.proof.findings import Finding, Verdict, lost_text
from core.archive.proof.strangers import Strangers, named
from core.archive.store.entries.upkeep import Repaired, Salvaged
from core.archive.store.ledger import Entry, Head, decompress
from core.archive.store.volume import Volume
from core.archive.store.volume_format import LAST_SEQ, META_KEYS, plain, refuse_strange, unpack
from core.config import Home
from core.db.database import Row
from core.errors import DamagedError, StorageError

#: Parts of 8 MiB at most, so many at once; a damaged page costs no more than this many rows of detail.
PARTS = 16
ROWS = 64
#: SHA-256 that are looked up at once.
CHUNK = 500
#: Strange keys of table meta that are named.
MOST_KEYS = 10


class Stage(StrEnum):
    """What of a volume comes next."""

    BEGIN = "begin"
    LEDGER = "ledger"
    PARTS = "parts"
    MESSAGES = "messages"


@dataclass(slots=True)
class Place:
    """Where a verification stands: in ``volume`` at ``stage``, after the part or message ``after``.

    The rest is about that volume: damaged parts with their reasons and the messages that need them, damaged messages with
    theirs (SHA-256 in hexadecimal digits), what else is wrong in it, and how many findings about the ledger there were before.
    ``archive_id`` is of the volume before, empty if that could not be read; ``last_part`` the largest id of a part.
    """

    volume: int = 1
    stage: Stage = Stage.BEGIN
    after: int | str = 0
    archive_id: str = ""
    last_part: int = 0
    parts: dict[int, str] = field(default_factory=dict)
    needs: dict[int, list[str]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    of_ledger: int = 0

    def next_volume(self, archive_id: str) -> None:
        fresh = Place(self.volume + 1, archive_id=archive_id)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    @property
    def share(self) -> float:
        """How much of the volume was looked at, from 0 to 1: half for the parts, half for the messages, by their hashes."""
        if self.stage is Stage.PARTS:
            return 0.5 * min(int(self.after) / max(self.last_part, 1), 1.0)
        if self.stage is Stage.MESSAGES:
            return 0.5 + 0.5 * int(str(self.after)[:4].ljust(4, "0"), 16) / 0x10000
        return 0.0

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Place:
        """The reverse of ``as_json``. Raises ``KeyError``, ``TypeError``, ``ValueError`` for anything else."""
        found = cls(**{name: value[name] for name in cls.__slots__})
        found.stage = Stage(found.stage)
        found.parts = {int(part): str(reason) for part, reason in found.parts.items()}
        found.needs = {int(part): list(messages) for part, messages in found.needs.items()}
        return found


async def walk(home: Home, place: Place, verdict: Verdict, *, gentle: bool = False) -> AsyncGenerator[None]:
    """Look at everything from ``place`` to the end of the last volume; yields after every step, with both up to date."""
    while place.volume <= (home.volume_numbers() or [0])[-1]:
        name = home.volume(place.volume).name
        try:
            volume = await Volume.open(home.volume(place.volume), read_only=True)
        except (DamagedError, StorageError) as error:
            verdict.add(name, error.message)
            place.next_volume("")
            yield
            continue
        try:
            async with aclosing(_Check(home, volume, place, verdict, gentle).steps()) as steps:
                async for _ in steps:
                    yield
        finally:
            await volume.close()
        place.next_volume(volume.meta.archive_id)
        yield


async def check_volume(home: Home, number: int) -> Verdict:
    """Look at one volume by itself; its ledger goes on from what it says of the one before."""
    place, verdict = Place(number), Verdict()
    async with aclosing(walk(home, place, verdict)) as steps:
        async for _ in steps:
            if place.volume != number:
                break
    return verdict


async def so_far(home: Home, place: Place, verdict: Verdict) -> Verdict:
    """``verdict`` with what is known to be damaged in the volume at ``place``, of which not all was looked at yet."""
    place, verdict = deepcopy(place), deepcopy(verdict)
    if place.parts or place.messages or place.faults:
        try:
            volume = await Volume.open(home.volume(place.volume), read_only=True)
        except (DamagedError, StorageError):
            # That is named when it is gone on with.
            return verdict
        try:
            await _Check(home, volume, place, verdict, True).foretell()
        finally:
            await volume.close()
    return verdict


class _Check:
    """One volume."""

    def __init__(self, home: Home, volume: Volume, place: Place, verdict: Verdict, gentle: bool) -> None:
        self._home = home
        self._volume = volume
        self._name = volume.path.name
        self._place = place
        self._verdict = verdict
        self._gentle = gentle
        self._lost: dict[bytes, None] = {}

    async def steps(self) -> AsyncGenerator[None]:
        place = self._place
        if place.stage is Stage.BEGIN:
            async for _ in self._end_of_last():
                yield
            self._verdict.volumes += 1
            place.of_ledger = self._ledger_findings()
            await self._schema()
            await self._meta()
            self._joint()
            await self._pages()
            await self._find_last_part()
            place.stage = Stage.LEDGER
            yield
        if place.stage is Stage.LEDGER:
            # Before the messages: what is archived meanwhile is then among them.
            async for _ in self._ledger():
                yield
            place.stage = Stage.PARTS
        if place.stage is Stage.PARTS:
            async for _ in self._parts():
                yield
            place.stage, place.after = Stage.MESSAGES, ""
        async for _ in self._messages():
            yield
        await self._conclude()
        # What a backup that was broken off copied ahead of its entries is none.
        if not self._home.is_backup or await self._volume.is_sealed():
            strangers = Strangers(self._home, self._volume)
            await strangers.look()
            self._tell_of_strangers(strangers)

    def _ledger_findings(self) -> int:
        return sum(one.where == "ledger" for one in self._verdict.findings)

    async def _schema(self) -> None:
        """Nothing makes up for what somebody put into the schema: it would be run by whoever writes to the file."""
        try:
            refuse_strange(self._volume.path, await self._volume.database.shape())
            keys = {row[0] for row in await self._volume.database.read("SELECT key FROM meta")}
        except (DamagedError, StorageError) as error:
            self._verdict.add(self._name, error.message)
            return
        for key in sorted(keys - META_KEYS, key=repr)[:MOST_KEYS]:
            self._verdict.add(self._name, f"It says {key!a:.40} of itself, which no volume does.")

    def _tell_of_strangers(self, strangers: Strangers) -> None:
        # Without the message's SHA-256 as a value of its own, since a repair would store it anew.
        for sha256 in strangers.messages:
            text = f"Message {sha256.hex() or 'with an empty SHA-256'} is named by no entry of the ledger: nobody archived it."
            self._verdict.add(self._name, text, content=True)
        # Parts that no message has may be those of one whose own record is damaged, in a way that is mended or not.
        known = (*self._verdict.findings, *self._verdict.mended)
        explained = any(one.where == self._name and one.sha256 for one in known)
        for part in () if explained else strangers.parts:
            self._verdict.add(self._name, f"Part {part} belongs to no message: nobody archived it.", content=True)
        more_parts = 0 if explained else strangers.more_parts
        for more, what in ((strangers.more_messages, "messages"), (more_parts, "parts")):
            if more:
                self._verdict.add(self._name, f"And {more} more {what} that nobody archived.", content=True)

    async def _meta(self) -> None:
        meta, numbers = self._volume.meta, self._home.volume_numbers()
        if meta.number != self._place.volume:
            self._verdict.add(self._name, f"It is volume {meta.number}, not {self._place.volume}.")
        try:
            if self._place.volume != numbers[-1] and not await self._volume.is_sealed():
                self._verdict.add(self._name, "It is not sealed, but another volume follows.")
            sql = "SELECT count(*) FROM ledger WHERE seq <= ?"
            if count := await self._volume.database.value(sql, (meta.previous.seq,)):
                self._verdict.add("ledger", f"{self._name}: {count} entries stand before the volume's first.")
        except (DamagedError, StorageError) as error:
            self._place.faults.append(error.message)

    def _joint(self) -> None:
        meta, expected = self._volume.meta, self._verdict.head
        if not self._place.archive_id and meta.number != 1:
            # What came before could not be read: the chain goes on from what this volume says of it.
            self._verdict.head = meta.previous
            return
        if self._place.archive_id and self._place.archive_id != meta.archive_id:
            self._verdict.add(self._name, "It belongs to another archive than the volume before.")
        if meta.previous != expected:
            self._verdict.add(
                self._name,
                f"It continues after entry {meta.previous.seq}, but the ledger before it ends with entry {expected.seq}"
                + (" of another hash." if meta.previous.seq == expected.seq else "."),
            )
            self._verdict.head = meta.previous

    async def _pages(self) -> None:
        try:
            if self._gentle and not await self._volume.is_sealed():
                return
            rows = await self._volume.database.read("PRAGMA integrity_check(20)")
        except (DamagedError, StorageError) as error:
            self._place.faults.append(error.message)
            return
        self._place.faults += [f"SQLite finds: {row[0]}" for row in rows if row[0] != "ok"]

    async def _find_last_part(self) -> None:
        try:
            self._place.last_part = int(await self._volume.database.value("SELECT max(id) FROM part") or 0)
        except (DamagedError, StorageError, ValueError, TypeError) as error:
            self._place.faults.append(f"Its parts cannot be counted: {error}")

    # The ledger ------------------------------------------------------------------------------------------------------------

    async def _end_of_last(self) -> AsyncIterator[None]:
        """What was written to the volume before after its ledger was looked at: it was the open one then, and is sealed now."""
        number = self._place.volume - 1
        name = self._home.volume(number).name
        if not self._place.archive_id or any(
            one.where == "ledger" and one.text.startswith(f"{name}: ") for one in self._verdict.findings
        ):
            return
        try:
            volume = await Volume.open(self._home.volume(number), read_only=True)
        except (DamagedError, StorageError):
            # It was there a moment ago; what is missing of it shows where the two join.
            return
        try:
            async for _ in _Check(self._home, volume, Place(number), self._verdict, self._gentle)._ledger():
                yield
        finally:
            await volume.close()

    async def _ledger(self) -> AsyncIterator[None]:
        sql = "SELECT seq, at, kind, actor, payload, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
        async for rows in self._rows(sql, "ledger entries", self._verdict.head.seq, ROWS):
            named: dict[bytes, None] = {}
            for row in rows:
                named.update(dict.fromkeys(self._entry(row)))
            missing = await self._in_no_volume([*named, *self._lost])
            # What a salvage named as lost is a finding where it is named.
            said = await _named_as_lost(self._home) if missing else set()
            for sha256 in missing:
                if sha256 in self._lost:
                    self._verdict.add(self._name, lost_text(sha256.hex()), sha256.hex(), content=True)
                elif sha256 not in said:
                    text = f"Message {sha256.hex()[:16]} is in the ledger, but in no volume."
                    self._verdict.add("ledger", text, sha256.hex())
            self._lost.clear()
            yield

    def _entry(self, row: Row) -> list[bytes]:
        """Look at one entry; the SHA-256 of the messages that it names."""
        seq, at, kind, actor, payload, stored = row
        verdict = self._verdict
        verdict.entries += 1
        name = f"{self._name}: entry {seq}"
        if not all(isinstance(text, str) for text in (at, kind, actor)) or not isinstance(stored, bytes):
            verdict.add("ledger", f"{name} cannot be read: a value is of a wrong kind")
            verdict.head = Head(seq, stored if isinstance(stored, bytes) else b"")
            return []
        before, verdict.head = verdict.head, Head(seq, stored)
        if seq != before.seq + 1:
            gap = f"entry {before.seq + 1}" if seq == before.seq + 2 else f"entries {before.seq + 1} to {seq - 1}"
            verdict.add("ledger", f"{self._name}: {gap} missing before entry {seq}.")
        try:
            entry = Entry(seq, at, kind, actor, decompress(payload), stored)
            if seq == before.seq + 1 and not entry.follows(before):
                verdict.add("ledger", f"{name} ({kind}) does not follow from the entry before: it was changed.")
            self._lost |= dict.fromkeys(entry.lost())
            return named(entry)
        except DamagedError as error:
            verdict.add("ledger", f"{name} cannot be read: {error}")
            return []

    async def _in_no_volume(self, digests: list[bytes]) -> list[bytes]:
        """Those of ``digests`` that no volume lists: this one first, then the others, since a message is kept once."""
        missing = await _not_listed(self._volume, digests)
        numbers = [number for number in reversed(self._home.volume_numbers()) if number != self._place.volume]
        for number in numbers:
            if not missing:
                break
            try:
                volume = await Volume.open(self._home.volume(number), read_only=True)
            except (DamagedError, StorageError):
                # It is named when its turn comes.
                continue
            try:
                missing = await _not_listed(volume, missing)
            finally:
                await volume.close()
        return missing

    # Content ---------------------------------------------------------------------------------------------------------------

    async def _parts(self) -> AsyncIterator[None]:
        """Re-hash every part."""
        sql = "SELECT id, sha256, codec, size, data FROM part WHERE id > ? ORDER BY id LIMIT ?"
        async for rows in self._rows(sql, "parts", int(self._place.after), PARTS):
            self._place.parts |= await asyncio.to_thread(_wrong_parts, rows)
            self._place.after = rows[-1][0]
            self._verdict.parts += len(rows)
            self._verdict.bytes += sum(row[3] for row in rows if isinstance(row[3], int))
            yield

    async def _messages(self) -> AsyncIterator[None]:
        """Put every message together and re-hash it."""
        place = self._place
        sql = "SELECT sha256, size, recipe FROM message WHERE sha256 > ? ORDER BY sha256 LIMIT ?"
        while True:
            after = bytes.fromhex(str(place.after))
            try:
                rows = await self._volume.database.read(sql, (after, ROWS))
            except (DamagedError, StorageError) as error:
                place.faults.append(f"Messages after {after.hex()[:16] or 'the first'} cannot be read: {error.message}")
                return
            for sha256, size, recipe in rows:
                if not isinstance(sha256, bytes):
                    place.faults.append(f"A message has {sha256!a:.40} for its SHA-256.")
                    return
                if sha256 <= after:
                    place.faults.append(f"Message {sha256.hex()[:16]} is out of order: the table is damaged.")
                    return
                if reason := await self._message_fault(sha256, size, recipe):
                    place.messages[sha256.hex()] = reason
                after = sha256
            if not rows:
                return
            place.after = after.hex()
            self._verdict.messages += len(rows)
            yield

    async def _message_fault(self, sha256: bytes, size: int, recipe: bytes) -> str:
        try:
            if broken := [part for part in unpack(recipe) if part in self._place.parts]:
                for part in broken:
                    self._place.needs.setdefault(part, []).append(sha256.hex())
                return f"is damaged (part {broken[0]})"
            raw = await self._volume.raw(sha256)
        except KeyError:
            return "is listed, but cannot be found"
        except (DamagedError, StorageError) as error:
            return f"cannot be read: {error.message}".rstrip(".")
        return "" if len(raw) == size else f"has {len(raw)} bytes instead of {size}"

    async def _rows(self, sql: str, what: str, after: int, size: int) -> AsyncIterator[list[Row]]:
        """Rows by ascending first column, a page at a time; where a page cannot be read, row by row around the damage."""
        while True:
            try:
                rows = await self._volume.database.read(sql, (after, size))
            except (DamagedError, StorageError) as error:
                if size > 1:
                    size = 1
                    continue
                self._fault(what, f"The {what} after number {after} cannot be read: {error.message}")
                return
            if not rows:
                return
            if rows[0][0] <= after or any(one[0] >= other[0] for one, other in pairwise(rows)):
                self._fault(what, f"The {what} after number {after} are out of order: the table is damaged.")
                return
            yield rows
            after = rows[-1][0]

    def _fault(self, what: str, text: str) -> None:
        if what == "parts":
            self._place.faults.append(text)
        else:
            # Nothing makes up for a ledger that cannot be read.
            self._verdict.add("ledger", f"{self._name}: {text}")

    # What it comes to --------------------------------------------------------------------------------------------------------

    async def _conclude(self) -> None:
        """Say what is damaged, and what of it was mended since."""
        place = self._place
        if not place.parts and not place.messages and not place.faults:
            return
        later = await mended_later(self._home, place.volume)
        for part, reason in place.parts.items():
            needed = place.needs.get(part, [])
            self._say(bool(needed) and all(digest in later for digest in needed), f"Part {part} {reason}", content=True)
        for digest, reason in place.messages.items():
            self._say(digest in later, f"Message {digest[:16]} {reason}", digest, content=True)
        if place.faults:
            rescued = place.of_ledger == self._ledger_findings() and await self._all_rescued(later)
            for text in place.faults:
                self._say(rescued, text.rstrip("."))

    async def foretell(self) -> None:
        """Conclude before all was looked at. Which messages need the damaged parts is asked of the table."""
        place = self._place
        after = bytes.fromhex(str(place.after)) if place.stage is Stage.MESSAGES else b""
        try:
            while place.parts:
                sql = "SELECT sha256, recipe FROM message WHERE sha256 > ? ORDER BY sha256 LIMIT ?"
                rows = await self._volume.database.read(sql, (after, CHUNK))
                for sha256, recipe in rows:
                    if broken := [part for part in unpack(recipe) if part in place.parts]:
                        self._spoilt(sha256, broken)
                if not rows or rows[-1][0] <= after:
                    break
                after = rows[-1][0]
        except (DamagedError, StorageError, TypeError, AttributeError):
            # What cannot be read is named when its turn comes.
            pass
        await self._conclude()

    def _spoilt(self, sha256: bytes, broken: list[int]) -> None:
        """A message that needs damaged parts."""
        for part in broken:
            self._place.needs.setdefault(part, []).append(sha256.hex())
        self._place.messages[sha256.hex()] = f"is damaged (part {broken[0]})"

    def _say(self, mended: bool, text: str, sha256: str = "", *, content: bool = False) -> None:
        if mended:
            said = f"{text}; repaired: good copies stand in a later volume."
            self._verdict.mended.append(Finding(self._name, said, sha256, content))
        else:
            self._verdict.add(self._name, f"{text}.", sha256, content=content)

    async def _all_rescued(self, later: Iterable[str]) -> bool:
        """Can every message that this volume's ledger names be read: here, or from a copy that was made since?"""
        good = set(later)
        try:
            async for entry in self._volume.entries():
                for sha256 in entry.digests():
                    if sha256.hex() in good or sha256 in await _not_listed(self._volume, [sha256]):
                        # Listed elsewhere, or it has been named as missing.
                        continue
                    await self._volume.raw(sha256)
                    good.add(sha256.hex())
        except (DamagedError, StorageError, KeyError):
            return False
        return True


def _wrong_parts(rows: list[Row]) -> dict[int, str]:
    wrong = {}
    for part, sha256, codec, size, data in rows:
        try:
            content = plain(codec, size, data)
        except DamagedError as error:
            wrong[part] = error.message
            continue
        if len(content) != size or hashlib.sha256(content).digest() != sha256:
            wrong[part] = "does not match its SHA-256"
    return wrong


async def _not_listed(volume: Volume, digests: list[bytes]) -> list[bytes]:
    """Those of ``digests`` that the volume's table does not have, as far as it can be read."""
    found: set[bytes] = set()
    for start in range(0, len(digests), CHUNK):
        chunk = digests[start : start + CHUNK]
        try:
            marks = ",".join("?" * len(chunk))
            rows = await volume.database.read(f"SELECT sha256 FROM message WHERE sha256 IN ({marks})", chunk)
        except (DamagedError, StorageError):
            continue
        found.update(row[0] for row in rows)
    return [sha256 for sha256 in digests if sha256 not in found]


async def _named_as_lost(home: Home) -> set[bytes]:
    """The SHA-256 of messages of which an entry of any volume says that they are lost."""
    found: set[bytes] = set()
    for number in home.volume_numbers():
        try:
            opened = await Volume.open(home.volume(number), read_only=True)
            try:
                for entry in await opened.entries_before(None, LAST_SEQ, Salvaged.kind):
                    found.update(entry.lost())
            finally:
                await opened.close()
        except (DamagedError, StorageError):
            # It is named when its turn comes.
            continue
    return found


async def mended_later(home: Home, volume: int) -> set[str]:
    """The SHA-256 of messages of which a later volume has a copy that was made because of damage."""
    found: set[str] = set()
    for number in home.volume_numbers():
        if number <= volume:
            continue
        try:
            opened = await Volume.open(home.volume(number), read_only=True)
            try:
                for entry in await opened.entries_before(None, LAST_SEQ, Repaired.kind):
                    found.update(sha256.hex() for sha256 in entry.renewed())
            finally:
                await opened.close()
        except (DamagedError, StorageError):
            # It is named when its turn comes, and mends nothing.
            continue
    return found
