"""Entries of the ledger as stored in volumes: encoding of payloads, and the hash chain.

What entries say, and the payload of each kind, stands in ``core.archive.store.entries``. The actor of an entry is the account
that the kernel names, see ``core.system.actor``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from core.archive.store import entries
from core.archive.store.entries import AnyEntry
from core.archive.store.entries.change import Change
from core.archive.store.entries.everybody import Filed
from core.archive.store.entries.mail import Archived
from core.archive.store.entries.reading import Unreadable
from core.archive.store.entries.statement import Erased, Newer, RecordStatement, Storing
from core.archive.store.entries.transfers import Imported
from core.archive.store.entries.values import Canonical, Head
from core.archive.store.items import EntryItems
from core.db.database import Row
from core.errors import DamagedError, ProtocolError
from core.problems import ledger as problems
from core.text.patterns import pattern
from core.values import dataclass

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["VERSION", "ZERO_HASH", "Draft", "Entry", "Head", "chain", "compress", "decompress", "digest", "items"]

VERSION = 1
ZERO_HASH = bytes(32)
LARGEST_PAYLOAD = 256 * 1024 * 1024
#: An escaped surrogate, which this program never writes.
_SURROGATE = pattern(rb"\\u[dD][89a-fA-F]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
#: Encodes rows with a line feed after each comma that is not within a text, where there is none.
_ROWS_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",\n", ":"))
#: Something that may be a number of more than 63 bits.
_MANY_DIGITS = pattern(r"[\[:,]-?[0-9]{19}")


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be appended. ``actor``: its channel; the volume adds the account."""

    value: AnyEntry
    actor: str = "archivar"

    def told(self, forms: Canonical) -> Draft:
        """The draft with the SHA-256 of its messages' CRLF forms (``forms``), for messages that have other line ends."""
        value = self.value
        if not forms or not isinstance(value, Archived | Filed | Imported):
            return self
        said = {sha256: forms[sha256] for sha256 in value.digests() if sha256 in forms}
        # A draft of an import may know more forms, since each file was read whole.
        return replace(self, value=replace(value, canonical={**value.canonical, **said})) if said else self


#: The columns of an entry in a volume with items, and in one of format 1, which has none.
COLUMNS, OLD_COLUMNS = "seq, at, kind, actor, payload, hash, digests", "seq, at, kind, actor, payload, hash, NULL"


# Without slots, so that the cached statement is decoded once.
@dataclass(frozen=True)
class Entry:
    """An entry as stored in a volume: its items, or its payload's JSON as format 1 has it. ``actor``: an ``Actor`` as text."""

    seq: int
    at: str
    kind: str
    actor: str
    content: bytes | EntryItems
    hash: bytes

    @classmethod
    def of_row(cls, row: Row) -> Entry:
        """The entry from its columns in a volume (``COLUMNS``). Raises ``DamagedError``."""
        seq, at, kind, actor, payload, stored, digests = row
        content = decompress(payload) if digests is None else EntryItems.of_row(digests, payload, decompress)
        return cls(seq, at, kind, actor, content, stored)

    def row(self) -> Row:
        """Its columns, to be stored."""
        if isinstance(self.content, EntryItems):
            digests, payload = self.content.row(compress)
        else:
            digests, payload = None, compress(self.content)
        return self.seq, self.at, self.kind, self.actor, payload, self.hash, digests

    def follows(self, before: Head) -> bool:
        """True when this is the entry after ``before``, and its hash and the digests of its items are right."""
        if self.seq != before.seq + 1 or chain(before.hash, self.at, self.kind, self.actor, digest(self.content)) != self.hash:
            return False
        return not isinstance(self.content, EntryItems) or self.content.are_sound()

    @property
    def erased(self) -> int:
        """The number of items that were erased."""
        return self.content.erased if isinstance(self.content, EntryItems) else 0

    @property
    def plain(self) -> bytes:
        """The payload's JSON, as far as it was not erased. Raises ``DamagedError``."""
        return self.content if isinstance(self.content, bytes) else _json(self.content.payload(self._decoded))

    @property
    def payload(self) -> dict[str, Any]:
        """The payload as JSON. Raises ``DamagedError`` when this program cannot read it."""
        content = self.content
        value = content.payload(self._decoded) if isinstance(content, EntryItems) else self._decoded(content)
        if not isinstance(value, dict) or value.get("v") != VERSION:
            raise DamagedError(problems.OTHER_VERSION(entry=self.seq, kind=self.kind))
        return value

    def _decoded(self, plain: bytes) -> Any:
        try:
            # Only text that UTF-8 can hold: the catalog must be able to store any text of the ledger.
            value = json.loads(plain.decode("utf-8", "replace"))
            if _SURROGATE.search(plain):
                value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise self._unreadable(str(error)) from error
        return value

    @cached_property
    def value(self) -> AnyEntry | Newer | Erased:
        """The statement of the entry. Raises ``DamagedError`` when the payload is not what its kind says."""
        if self.kind not in entries.KINDS:
            return Newer(self.kind)
        if isinstance(self.content, EntryItems) and self.content.texts[0] is None:
            return Erased(self.kind)
        try:
            return entries.read(self.kind, self.payload)
        except ValueError as error:
            raise self._unreadable(str(error)) from error

    def remember(self, value: AnyEntry) -> None:
        """Take ``value``, which the content was made of, for what would be read from it: a batch has hundreds of rows."""
        self.__dict__["value"] = value

    def digests(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that it says were archived. Raises ``DamagedError``."""
        return storing.digests() if (storing := self._storing()) else ()

    def renewed(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that it says were stored anew, because of damage. Raises ``DamagedError``."""
        return storing.renewed() if (storing := self._storing()) else ()

    def lost(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that it says were lost with a volume. Raises ``DamagedError``."""
        return storing.lost() if (storing := self._storing()) else ()

    def _storing(self) -> Storing | None:
        """The statement if it names messages, else None; the payload of other kinds is not read."""
        if not entries.is_a(self.kind, Storing):
            return None
        return self.value if isinstance(self.value, Storing) else None

    def sentence(self) -> str:
        """One plain sentence, also for an entry that cannot be read. Texts from outside stand in it unchanged."""
        try:
            if isinstance(self.value, Newer) and not self.erased:
                _ = self.payload
            return self.value.sentence()
        except (DamagedError, Unreadable):
            return f"An entry of the kind {self.kind} that cannot be read."

    def changes(self) -> tuple[Change, ...] | None:
        """The changes of the entry; None for an entry without any, of an older version, or unreadable."""
        try:
            return self.value.changes if isinstance(self.value, RecordStatement) else None
        except DamagedError:
            return None

    def _unreadable(self, said: str) -> DamagedError:
        return DamagedError(problems.UNREADABLE(entry=self.seq, kind=self.kind, said=said))


def items(payload: dict[str, Any]) -> EntryItems:
    """The items of a new entry. Raises ``ProtocolError`` for a number that SQLite cannot hold."""
    return EntryItems.of({"v": VERSION, **payload}, _texts)


def _json(value: Any) -> bytes:
    text = _encoded(_ENCODER, value)
    if _MANY_DIGITS.search(text):
        _check_numbers(value)
    return text.encode("utf-8", "surrogatepass")


def _texts(values: Sequence[Any]) -> list[bytes]:
    """The JSON of each of ``values``: of many rows made in one go, as long as no row has two rows side by side within."""
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        text = _encoded(_ROWS_ENCODER, values)[1:-1].replace("],\n[", "]\n[").replace(",\n", ",")
        if _MANY_DIGITS.search(text):
            _check_numbers(values)
        if len(texts := text.encode("utf-8", "surrogatepass").split(b"\n")) == len(values):
            return texts
    return list(map(_json, values))


def _encoded(encoder: json.JSONEncoder, value: Any) -> str:
    try:
        return encoder.encode(value)
    except ValueError:
        # The encoder raises on integers of thousands of digits.
        _check_numbers(value)
        raise


def _check_numbers(value: Any) -> None:
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ProtocolError(problems.NUMBER(number=_shown(value)))
    elif not isinstance(value, str) and isinstance(value, Iterable):
        for item in value:
            _check_numbers(item)


def _shown(value: int) -> str:
    """A number for people. Of one of thousands of digits Python writes none, and these would be of no use."""
    return str(value) if value.bit_length() <= 128 else f"A number of {value.bit_length()} bits"


def compress(plain: bytes) -> bytes:
    return zstd.compress(plain, 3)


def decompress(stored: bytes) -> bytes:
    """The reverse of ``compress``. Raises ``DamagedError``."""
    try:
        # A damaged frame must not expand to gigabytes.
        decompressor = zstd.ZstdDecompressor()
        plain = decompressor.decompress(stored, LARGEST_PAYLOAD)
        if not decompressor.eof or decompressor.unused_data:
            raise DamagedError(problems.PAYLOAD_ENDLESS())
        return plain
    except (zstd.ZstdError, TypeError) as error:
        raise DamagedError(problems.PAYLOAD_COMPRESSION(said=str(error))) from error


def digest(content: bytes | EntryItems) -> bytes:
    """The digest of an entry's content, which the chain covers."""
    return content.digest if isinstance(content, EntryItems) else hashlib.sha256(content).digest()


def chain(previous: bytes, at: str, kind: str, actor: str, content: bytes) -> bytes:
    """The hash of an entry, from the hash of the one before and the digest of its content."""
    found = hashlib.sha256(previous)
    for text in (at, kind, actor):
        data = text.encode("utf-8", "surrogatepass")
        found.update(len(data).to_bytes(4, "big"))
        found.update(data)
    found.update(content)
    return found.digest()
