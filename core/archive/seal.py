"""A seal: number, hash and time of a ledger entry, kept elsewhere. It stands for that entry and for all before it.

Checked against the volumes alone, so that neither a catalog nor whoever wrote it need be trusted: the chain is computed anew
from the first entry, and must come to the very hash of the seal. Whoever changes an entry and computes all later hashes anew
comes to another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.ledger import ZERO_HASH, Entry, Head, decompress
from core.archive.volume import LAST_SEQ, Volume
from core.config import Home
from core.errors import DamagedError, InputError, StorageError
from core.model import moment

#: More than any seal has, with all the line breaks and quote marks that mail programs put in.
LONGEST = 4096
ROWS = 64
_WRONG = "Paste the whole line of archivar ledger head: number, hash of 64 digits, time."
_TEXT = re.compile(r"(?P<seq>[0-9]{1,19})\s+(?P<hash>[0-9a-fA-F](?:\s*[0-9a-fA-F]){63})(?:\s+(?P<at>[0-9]\S*)?)?")


@dataclass(frozen=True, slots=True)
class Seal:
    """The entry ``seq``, its hash, and its time as it stands in the ledger (empty: not said)."""

    seq: int
    hash: bytes
    at: str

    def __str__(self) -> str:
        return f"{self.seq} {self.hash.hex()} {self.at}".rstrip()

    def as_json(self) -> dict[str, Any]:
        return {"seq": self.seq, "hash": self.hash.hex(), "at": self.at or None}


@dataclass(frozen=True, slots=True)
class Check:
    """What a seal was found to be: ``difference`` is a sentence, empty when all is as it was. ``last``: what was reached."""

    seal: Seal
    difference: str
    last: Head


async def current(archive: Archive) -> Seal:
    """The seal of all that there is now."""
    head = await archive.head()
    return Seal(head.seq, head.hash, (await archive.entry_times({head.seq})).get(head.seq, ""))


def text(given: str) -> str:
    """The seal itself, out of a file if ``given`` is the path of one. Raises ``InputError``."""
    if given[:1].isdigit() or given.startswith("{"):
        return given
    try:
        with Path(given).expanduser().open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST + 1)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no file name"
        raise InputError(f"{given[:100]} is no seal, and no file with one: {reason}.", _WRONG) from error


def parse(text: str) -> Seal:
    """A seal as it was pasted: broken over lines, quoted with ``>``, or the object of ``--json``. Raises ``InputError``."""
    if len(text) > LONGEST:
        raise InputError("The seal is too long to be one.", _WRONG)
    cleaned = re.sub(r"(?m)^[>|\s]+", "", text).strip().strip("\"'")
    if cleaned.startswith("{"):
        cleaned = _of_json(cleaned)
    match = _TEXT.fullmatch(cleaned)
    if match is None:
        raise InputError("This is no seal.", _WRONG)
    seq, at = int(match["seq"]), match["at"] or ""
    if not 0 < seq <= LAST_SEQ:
        raise InputError(f"The seal's number {seq} is that of no entry: they begin with 1.", _WRONG)
    if at:
        try:
            moment(at)
        except ValueError:
            raise InputError(f'The seal\'s time "{at[:40]}" is no time.', _WRONG) from None
    return Seal(seq, bytes.fromhex(re.sub(r"\s", "", match["hash"])), at)


def _of_json(text: str) -> str:
    try:
        value = json.loads(text)
        return f"{value['seq']} {value['hash']} {value.get('at') or ''}".strip()
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError("This is no seal.", _WRONG) from None


async def check(home: Home, seal: Seal, tell: Callable[[int], None] = lambda reached: None) -> Check:
    """Walk the ledger of all volumes from its first entry to that of the seal; the first difference, if there is one.

    ``tell`` gets the number of each entry that was reached. Reads ``home``'s volumes and nothing else. Raises ``BusyError``
    when one of them is locked, ``HomeError`` for a newer one.
    """
    reached = Head(0, ZERO_HASH)
    try:
        async with aclosing(_entries(home)) as entries:
            async for name, entry in entries:
                if entry.seq != reached.seq + 1:
                    gap = f"entry {reached.seq + 1} is missing" if entry.seq > reached.seq else f"entry {entry.seq} comes twice"
                    return Check(seal, f"{name}: {gap}.", reached)
                if not entry.follows(reached):
                    said = f"{name}: entry {entry.seq} ({entry.kind}) does not follow from the entry before: it was changed."
                    return Check(seal, said, reached)
                reached = Head(entry.seq, entry.hash)
                tell(entry.seq)
                if entry.seq == seal.seq:
                    return Check(seal, _compared(seal, entry), reached)
    except (DamagedError, StorageError) as error:
        return Check(seal, f"After entry {reached.seq} the ledger cannot be read: {error.message}", reached)
    return Check(
        seal, f"The ledger ends with entry {reached.seq}, before entry {seal.seq} of the seal: the end is missing.", reached
    )


def _compared(seal: Seal, entry: Entry) -> str:
    if entry.hash != seal.hash:
        return (
            f"Entry {seal.seq} has another hash than the seal: "
            "it or one before it was changed, and the chain computed anew; or the seal is of another archive."
        )
    if seal.at and seal.at != entry.at:
        return f"Entry {seal.seq} is of {entry.at}, but the seal says {seal.at}: the seal was changed."
    return ""


async def _entries(home: Home) -> AsyncGenerator[tuple[str, Entry]]:
    """All entries with the names of their volumes, in the order of the volumes."""
    numbers = home.volume_numbers()
    sql = "SELECT seq, at, kind, actor, payload, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
    for number in range(1, (numbers[-1] if numbers else 0) + 1):
        volume = await Volume.open(home.volume(number), read_only=True)
        try:
            after = -1
            while rows := await volume.database.read(sql, (after, ROWS)):
                for seq, at, kind, actor, payload, digest in rows:
                    if not isinstance(digest, bytes) or not all(isinstance(text, str) for text in (at, kind, actor)):
                        raise DamagedError(f"{volume.path.name}: entry {seq} has a value of a wrong kind.")
                    if seq <= after:
                        raise DamagedError(f"{volume.path.name}: the ledger's table is out of order.")
                    after = seq
                    yield volume.path.name, Entry(seq, at, kind, actor, decompress(payload), digest)
        finally:
            await volume.close()
