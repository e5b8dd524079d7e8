"""Looks at the messages of one volume: each is what its SHA-256 says, and is found as a reader finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from core.archive.catalog.proven_details import ProvenDetails
from core.archive.proof.check_place import CheckPosition
from core.archive.proof.findings import Verdict
from core.archive.proof.ledger_check import ROWS
from core.archive.proof.message_order import Key, MessageOrder, records
from core.archive.proof.sound_pages import SoundRows, wrong_message
from core.archive.store import row_order
from core.archive.store.volume import Volume
from core.archive.store.volume_format import unpack
from core.db.database import Row
from core.errors import DamagedError, StorageError
from core.message.envelope import Envelope, describe
from core.message.octets import Bytes
from core.problems import finding as problems
from core.problems.code import Reason


class MessageCheck:
    """The messages of ``volume`` from ``place`` on. ``sound`` has read its parts; ``proven`` is given what it has not."""

    def __init__(
        self, volume: Volume, place: CheckPosition, verdict: Verdict, sound: SoundRows, proven: ProvenDetails | None
    ) -> None:
        self._volume = volume
        self._place = place
        self._verdict = verdict
        self._sound = sound
        self._proven = proven
        self._order = MessageOrder(volume.meta)

    async def steps(self) -> AsyncIterator[None]:
        """Join and hash every message, but those of one part that was hashed."""
        place = self._place
        while page := await self._sound.messages(self._volume, self._order.of(place.after), place.last_part):
            if not page.rows:
                return
            await self._unproved(page.unproved)
            place.after = self._order.kept(page.rows[-1][0])
            self._verdict.messages += len(page.rows)
            yield
        async for _ in self._single_messages():
            yield

    async def _unproved(self, rows: Sequence[Row]) -> None:
        """Join and hash the messages of ``rows``, in the order of their parts."""
        faults: dict[Key, Reason | None] = {}
        left = [row for row in rows if not self._has_broken_part(row[3])]
        while left:
            # A second row of a message is read by itself.
            some = {row[1]: row for row in reversed(left)}
            left = [row for row in left if some[row[1]] is not row]
            ordered = sorted(some.values(), key=lambda row: row[3] if isinstance(row[3], bytes) else b"")
            faults |= {some[sha256][0]: reason for sha256, reason in (await self._read_again(ordered)).items()}
        for key, sha256, _, recipe in rows:
            if reason := faults[key] if key in faults else self._broken_part(sha256, recipe):
                self._place.messages[sha256.hex()] = reason

    async def _read_again(self, rows: Sequence[Row]) -> dict[bytes, Reason | None]:
        """The findings on messages, by SHA-256, each of which has one of the ``rows``."""
        found, faults = records(rows), dict[bytes, Reason | None]()
        work = _described if self._proven is not None else _sized
        async with aclosing(row_order.read(self._volume, list(found), work, records=found)) as pages:
            async for page in pages:
                for one in page:
                    size, envelope = one.result if isinstance(one.result, tuple) else (one.result, None)
                    reason = faults[one.sha256] = wrong_message(one.sha256, found[one.sha256].size, size)
                    if self._proven is not None and reason is None and isinstance(size, int) and envelope is not None:
                        self._proven.add(one.sha256, size, envelope)
        return faults

    async def _single_messages(self) -> AsyncIterator[None]:
        """The same row by row up to what is not in order."""
        place = self._place
        while True:
            after = self._order.of(place.after)
            try:
                rows = await self._volume.database.read(self._order.page, (after, ROWS))
            except (DamagedError, StorageError) as error:
                name = after.hex()[:16] if isinstance(after, bytes) else str(after)
                rest = problems.MESSAGES_UNREAD(message=name, why=error.reason)
                place.faults.append(rest if after else problems.NO_MESSAGE_READ(why=error.reason))
                return
            for row in rows:
                key, sha256 = row[:2]
                if not isinstance(sha256, bytes):
                    place.faults.append(problems.MESSAGE_NAME(found=f"{sha256!a:.40}"))
                    return
                if key <= after:
                    place.faults.append(problems.MESSAGE_ORDER(message=sha256.hex()[:16]))
                    return
                if reason := await self._message_fault(row):
                    place.messages[sha256.hex()] = reason
                after = key
            if not rows:
                return
            place.after = self._order.kept(after)
            self._verdict.messages += len(rows)
            yield

    async def _message_fault(self, row: Row) -> Reason | None:
        key, sha256, size, recipe = row
        if reason := self._broken_part(sha256, recipe):
            return reason
        try:
            # By its key alone, as a reader of one message finds it.
            if not self._order.is_old and not await self._volume.database.read(self._order.lookup, (key,)):
                return problems.MESSAGE_ABSENT(message=sha256.hex()[:16])
            if self._volume.rows.indexed and not await self._volume.lists(sha256):
                return problems.MESSAGE_ABSENT(message=sha256.hex()[:16])
            return wrong_message(sha256, size, len(await self._volume.message_of(sha256, records([row])[sha256])))
        except (DamagedError, StorageError, KeyError) as error:
            return wrong_message(sha256, size, error)

    def _has_broken_part(self, recipe: bytes) -> bool:
        try:
            return any(part in self._place.parts for part in unpack(recipe))
        except DamagedError:
            return True

    def _broken_part(self, sha256: bytes, recipe: bytes) -> Reason | None:
        """The finding on a message whose recipe cannot be read, or that needs damaged parts, which are noted."""
        name = sha256.hex()[:16]
        try:
            broken = [part for part in unpack(recipe) if part in self._place.parts]
        except DamagedError as error:
            return problems.MESSAGE_UNREAD(message=name, why=error.reason)
        for part in broken:
            self._place.needs.setdefault(part, []).append(sha256.hex())
        return problems.MESSAGE_DAMAGED(message=name, part=broken[0]) if broken else None


def _sized(raw: Bytes) -> tuple[int, Envelope | None]:
    return len(raw), None


def _described(raw: Bytes) -> tuple[int, Envelope | None]:
    return len(raw), describe(raw)
