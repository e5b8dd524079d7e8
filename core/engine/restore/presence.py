"""Messages present in a server's folder, and the search among them for an archived one: by size, header, and bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import field

from core.archive.archive import Archive
from core.engine.visit.looking import HEADERS_PER_FETCH
from core.errors import DamagedError, StorageError
from core.imap.replies import Listed
from core.imap.session import Busy, Session
from core.message.canonical import with_crlf
from core.message.envelope import header_sha256
from core.message.octets import Bytes, same
from core.problems.code import Reason
from core.problems.folder import BUSY
from core.problems.restore import NOT_ARCHIVED
from core.values import dataclass

#: Errors of a message that cannot be read from the archive; another one may be readable.
UNREADABLE = (DamagedError, StorageError)


class There:
    """Messages of one folder as ``listed``, by UID.

    ``present``: the UIDs of known messages by SHA-256; None when unknown. Known messages match no other.
    """

    def __init__(self, listed: Mapping[int, Listed]) -> None:
        self.listed: dict[int, Listed] = {}
        self.present: dict[bytes, int | None] = {}
        self._by_size: dict[int, list[int]] = {}
        self._headers: dict[int, bytes] = {}
        self.add(listed)

    def add(self, listed: Mapping[int, Listed]) -> None:
        """Add newly listed messages."""
        for uid, item in listed.items():
            if uid not in self.listed:
                self.listed[uid] = item
                self._by_size.setdefault(item.size, []).append(uid)

    async def read_headers(self, session: Session, sizes: Iterable[int]) -> None:
        """Read the headers of all messages with one of these sizes, many at once."""
        taken = set(self.present.values())
        likely = [uid for length in set(sizes) for uid in self._by_size.get(length, ()) if uid not in taken]
        likely = sorted(uid for uid in likely if uid not in self._headers)
        for start in range(0, len(likely), HEADERS_PER_FETCH):
            found = await session.headers(likely[start : start + HEADERS_PER_FETCH])
            self._headers |= {uid: hashlib.sha256(header).digest() for uid, header in found.items() if header is not None}

    async def find(self, session: Session, raw: Bytes) -> int | None:
        """The UID of the message equal in size, header and bytes; None without one. Its header was read before.

        Raises ``UNREADABLE`` where ``raw`` is read from the archive.
        """
        taken = set(self.present.values())
        for form, header in await _forms(raw):
            for uid in self._by_size.get(len(form), ()):
                if uid in taken or self._headers.get(uid) != header:
                    continue
                fetched = await session.bodies([uid])
                if fetched.busy:
                    raise Busy(BUSY(said=fetched.refusal))
                body = fetched.bodies.get(uid)
                if body is not None and await asyncio.to_thread(same, body, form):
                    return uid
        return None


@dataclass(frozen=True, slots=True)
class ReadMessages:
    """Messages of the archive by SHA-256: the readable ones, the sizes that a server may list for them, and the others."""

    raws: dict[bytes, Bytes] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)
    unreadable: dict[bytes, Reason] = field(default_factory=dict)


async def read(archive: Archive, messages: Iterable[bytes]) -> ReadMessages:
    """Read messages by their SHA-256."""
    found = ReadMessages()
    for sha256 in messages:
        try:
            raw = await archive.message(sha256)
            # A large message is read here.
            found.sizes.update([len(form) for form, _ in await _forms(raw)])
            found.raws[sha256] = raw
        except KeyError:
            found.unreadable[sha256] = NOT_ARCHIVED()
        except UNREADABLE as error:
            found.unreadable[sha256] = error.reason
    return found


async def _forms(raw: Bytes) -> list[tuple[Bytes, bytes]]:
    """A message unchanged, and with all line ends CRLF, as some servers keep it; each with the SHA-256 of its header."""
    return _made(raw) if isinstance(raw, bytes) else await asyncio.to_thread(_made, raw)


def _made(raw: Bytes) -> list[tuple[Bytes, bytes]]:
    whole = with_crlf(raw)
    return [(form, header_sha256(form)) for form in ((raw,) if whole is raw else (raw, whole))]
