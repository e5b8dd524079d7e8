"""Values that several kinds of entries share: folders, messages as a server lists them, and their form in payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, Self

from core.archive.store.entries import reading
from core.archive.store.entries.reading import Fields, Payload, Row, digest, number, text
from core.text.format import counted, size
from core.values import dataclass

#: SHA-256 of CRLF forms, by the SHA-256 of messages that have other line ends.
Canonical = Mapping[bytes, bytes]
CANONICAL = "canonical"
_DIGITS = frozenset("0123456789:,")


class HasSize(Protocol):
    """A value with a size in bytes."""

    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last entry's seq and hash."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder on a server under one UIDVALIDITY.

    ``source`` names the mailbox and its destination (``imap://login@host -> owner/top folder``), ``name`` is the folder's,
    exactly as on the wire.
    """

    source: str
    name: str
    uidvalidity: int

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.text("source"), fields.text("server_folder"), fields.number("uidvalidity"))

    def payload(self) -> Payload:
        return {"source": self.source, "server_folder": self.name, "uidvalidity": self.uidvalidity}

    @property
    def login(self) -> str:
        """The login name of the mailbox."""
        return login_of(self.source)

    def sentence(self) -> str:
        return f'"{self.name}" of {self.login}'


def login_of(source: str) -> str:
    """The login name in ``imap://login@host -> owner/top folder``."""
    return source.partition(" -> ")[0].removeprefix("imap://").rpartition("@")[0]


@dataclass(frozen=True, slots=True)
class OwnedFolder:
    """A folder of the archive: its owner's id and its path."""

    owner: str
    path: str

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.text("owner"), fields.text("folder"))

    @classmethod
    def of_row(cls, value: object) -> Self:
        owner, path = reading.columns(value, 2)
        return cls(reading.text(owner), reading.text(path))

    def payload(self) -> Payload:
        return {"owner": self.owner, "folder": self.path}

    def row(self) -> Row:
        return [self.owner, self.path]


# A tuple, read without calls where possible: one is made for each message that is archived or replayed.
class SourceMessage(NamedTuple):
    """A message as a server lists it. ``uid`` is None when it is not known.

    ``internaldate`` in seconds since 1970, ``flags`` with blanks between.
    """

    sha256: bytes
    uid: int | None
    size: int
    internaldate: int | None
    flags: str

    @classmethod
    def of_row(cls, value: object) -> Self:
        sha256, uid, size, internaldate, flags = reading.columns(value, 5)
        return cls(
            digest(sha256),
            None if uid is None else number(uid),
            number(size),
            None if internaldate is None else number(internaldate),
            text(flags),
        )

    def row(self) -> Row:
        return [self.sha256.hex(), self.uid, self.size, self.internaldate, self.flags]


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """A known message with the numbers that the server lists for it now."""

    uid: int
    size: int
    internaldate: int | None
    flags: str

    @classmethod
    def of_row(cls, value: object) -> Self:
        uid, size, internaldate, flags = reading.columns(value, 4)
        return cls(reading.number(uid), reading.number(size), reading.number_or_none(internaldate), reading.text(flags))

    def row(self) -> Row:
        return [self.uid, self.size, self.internaldate, self.flags]


@dataclass(frozen=True, slots=True)
class ReportHeader:
    """The header of the journal report around a message: its SHA-256 and the report's size in bytes."""

    sha256: bytes
    size: int


def uids(fields: Fields, name: str) -> str:
    """An IMAP sequence set such as ``1:5,9``; not expanded, since it may name any number of UIDs."""
    found = fields.text(name)
    count_of(found)
    return found


def count_of(uids: str) -> int:
    """The number of UIDs in a sequence set, counted without listing them. Raises ``Unreadable``."""
    total = 0
    if not _DIGITS.issuperset(uids):
        raise reading.Unreadable(f"{ascii(uids)[:40]} is no set of UIDs")
    for item in uids.split(",") if uids else ():
        low, colon, high = item.partition(":")
        if not low or (colon and not high) or ":" in high:
            raise reading.Unreadable(f"{ascii(uids)[:40]} is no set of UIDs")
        total += int(high or low) - int(low) + 1
    return total


def messages_in(uids: str) -> str:
    """The number of messages in a sequence set, in words."""
    return counted(count_of(uids), "message")


def canonical(fields: Fields) -> Canonical:
    """The CRLF forms in a payload, for messages that have other line ends; none in older entries."""
    said = fields.record(CANONICAL) if CANONICAL in fields else {}
    return {reading.digest(sha256): reading.digest(form) for sha256, form in said.items()}


def canonical_payload(forms: Canonical) -> Payload:
    """The payload's field of CRLF forms; no field when there are none."""
    return {CANONICAL: canonical_json(forms)} if forms else {}


def canonical_json(forms: Canonical) -> Payload:
    return {sha256.hex(): form.hex() for sha256, form in forms.items()}


def author(run: int) -> str:
    """The author of an entry in words: a run, or the repair after a comparison."""
    return f"run {run}" if run else "a comparison"


def how_many(messages: Sequence[HasSize]) -> str:
    """Count and size in words: ``2 messages (3 kB)``."""
    return f"{counted(len(messages), 'message')} ({size(sum(one.size for one in messages))})"
