"""Items of a ledger entry: each with its own salt and digest, so that one can be taken out and the chain of hashes still holds.

The first item is the payload without its lists; then comes an item for each row of the lists that name messages, places or
addresses. The digest of an item is the SHA-256 of its salt and its text. The digest of the entry, which the chain covers, is
the number of its items and the SHA-256 of their digests. An item that was erased has lost salt and text, and keeps its digest:
without the salt nothing can be guessed from that.

Stored, the digests stand in one value and the salts and texts in another: the salts one after the other (zeros of an erased
item), then the texts, a line each (empty of an erased item), compressed. JSON has no line feed between its tokens, and no text
of an item is empty.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any

from core.archive.store.entries.reading import Payload
from core.errors import DamagedError
from core.problems import ledger as problems
from core.values import dataclass

SALT_BYTES = 16
DIGEST_BYTES = 32
#: The fields of a payload whose rows are items, in the order in which they are stored.
ITEMIZED = ("addresses", "canonical", "lost", "messages", "moves", "placed", "places")
_ERASED_SALT = bytes(SALT_BYTES)


@dataclass(frozen=True, slots=True)
class EntryItems:
    """The items of an entry: their ``texts`` as JSON (None where erased), their salts and digests, each joined."""

    texts: tuple[bytes | None, ...]
    salts: bytes
    digests: bytes

    @classmethod
    def of(cls, payload: Payload, encode: Callable[[Sequence[Any]], Sequence[bytes]]) -> EntryItems:
        """The items of a new payload, with new salts. ``encode`` gives the JSON of each of some values, in one line."""
        head = dict(payload)
        texts = [b""]
        for field in ITEMIZED:
            rows = head.get(field)
            if not isinstance(rows, list | dict):
                continue
            several = rows if isinstance(rows, list) else sorted(rows.items())
            head[field] = [len(several)] if isinstance(rows, list) else {"rows": len(several)}
            texts += encode(several)
        [texts[0]] = encode([head])
        salts = os.urandom(SALT_BYTES * len(texts))
        digests = [_digest(salts[at * SALT_BYTES : (at + 1) * SALT_BYTES], text) for at, text in enumerate(texts)]
        return cls(tuple(texts), salts, b"".join(digests))

    @classmethod
    def of_row(cls, digests: bytes, salted: bytes | None, decompress: Callable[[bytes], bytes]) -> EntryItems:
        """The items as stored. Raises ``DamagedError``."""
        count = len(digests) // DIGEST_BYTES if isinstance(digests, bytes) else 0
        if not count or len(digests) % DIGEST_BYTES:
            raise DamagedError(problems.ITEMS_CUT())
        if salted is None:
            return cls((None,) * count, _ERASED_SALT * count, digests)
        end = count * SALT_BYTES
        if not isinstance(salted, bytes) or len(salted) < end:
            raise DamagedError(problems.ITEMS_CUT())
        plain = decompress(salted[end:])
        if (found := plain.count(b"\n") + 1) != count:
            raise DamagedError(problems.ITEMS_COUNT(found=found, count=count))
        texts = plain.split(b"\n")
        return cls(tuple(text or None for text in texts), salted[:end], digests)

    def row(self, compress: Callable[[bytes], bytes]) -> tuple[bytes, bytes | None]:
        """The digests, and salts and texts, to be stored."""
        if not any(self.texts):
            return self.digests, None
        return self.digests, self.salts + compress(b"\n".join(text or b"" for text in self.texts))

    @property
    def digest(self) -> bytes:
        """The digest of the entry, which begins with the number of items: so it is never that of a payload of format 1."""
        return (len(self.digests) // DIGEST_BYTES).to_bytes(4, "big") + hashlib.sha256(self.digests).digest()

    @property
    def erased(self) -> int:
        """The number of items that were erased."""
        return sum(text is None for text in self.texts)

    def is_text(self) -> bool:
        """True when nothing was erased, and all is UTF-8: a lone surrogate is not read as it was written."""
        try:
            return None not in self.texts and bool(b"".join(text or b"" for text in self.texts).decode())
        except UnicodeDecodeError:
            return False

    def are_sound(self) -> bool:
        """True when each item that is there has its digest."""
        for at, text in enumerate(self.texts):
            salt = self.salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
            if text is not None and _digest(salt, text) != self.digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]:
                return False
        return True

    def without(self, erased: Sequence[int]) -> EntryItems:
        """The same entry after some items, by their numbers from 0 on, were erased."""
        texts, salts = list(self.texts), bytearray(self.salts)
        for at in erased:
            texts[at] = None
            salts[at * SALT_BYTES : (at + 1) * SALT_BYTES] = _ERASED_SALT
        return EntryItems(tuple(texts), bytes(salts), self.digests)

    def payload(self, decode: Callable[[bytes], Any]) -> Any:
        """The payload, with null for each erased row; None when what concerns all of it was erased.

        ``decode`` gives the value of a JSON text. Raises ``DamagedError`` when the items do not fit together, and what
        ``decode`` raises.
        """
        head, *rest = decode(b"[" + b",".join(text or b"null" for text in self.texts) + b"]")
        if not isinstance(head, dict):
            return head
        at = 0
        for field in ITEMIZED:
            match head.get(field):
                case [int(count)] if count >= 0:
                    head[field] = rest[at : at + count]
                case {"rows": int(count)} if count >= 0:
                    head[field] = _pairs(rest[at : at + count])
                case list() | dict():
                    raise DamagedError(problems.ITEMS_CUT())
                case _:
                    continue
            at += count
        if at != len(rest):
            raise DamagedError(problems.ITEMS_COUNT(found=len(rest), count=at))
        return head


def _pairs(rows: Sequence[Any]) -> dict[Any, Any]:
    if not all(row is None or (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)) for row in rows):
        raise DamagedError(problems.ITEMS_PAIR())
    return {row[0]: row[1] for row in rows if row is not None}


def _digest(salt: bytes, text: bytes) -> bytes:
    return hashlib.sha256(salt + text).digest()
