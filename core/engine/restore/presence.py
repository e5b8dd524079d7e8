"""Messages present in a server's folder, and the search among them for an archived one: by size, header, and bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from core.engine.visit.looking import HEADERS_PER_FETCH
from core.imap.replies import Listed
from core.imap.session import Busy, Session
from core.message.splitter import header_end
from core.problems.folder import BUSY


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

    async def read_headers(self, session: Session, raws: Iterable[bytes]) -> None:
        """Read the headers of all messages with one of these sizes, many at once."""
        taken = set(self.present.values())
        sizes = {len(form) for raw in raws for form in _forms(raw)}
        likely = [uid for length in sizes for uid in self._by_size.get(length, ()) if uid not in taken]
        likely = sorted(uid for uid in likely if uid not in self._headers)
        for start in range(0, len(likely), HEADERS_PER_FETCH):
            found = await session.headers(likely[start : start + HEADERS_PER_FETCH])
            self._headers |= {uid: hashlib.sha256(header).digest() for uid, header in found.items() if header is not None}

    async def find(self, session: Session, raw: bytes) -> int | None:
        """The UID of the message equal in size, header and bytes; None without one. Its header was read before."""
        taken = set(self.present.values())
        for form in _forms(raw):
            header = hashlib.sha256(form[: header_end(form)]).digest()
            for uid in self._by_size.get(len(form), ()):
                if uid in taken or self._headers.get(uid) != header:
                    continue
                fetched = await session.bodies([uid])
                if fetched.busy:
                    raise Busy(BUSY(said=fetched.refusal))
                if fetched.bodies.get(uid) == form:
                    return uid
        return None


def _forms(raw: bytes) -> list[bytes]:
    """A message unchanged, and with all line ends CRLF, as some servers keep it."""
    whole = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if b"\n" in raw else raw
    return [raw] if whole == raw else [raw, whole]
