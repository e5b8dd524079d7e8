"""Statements: what entries of the ledger say, by what follows from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Self

from core.archive.store.entries import change
from core.archive.store.entries.change import Changes, Record
from core.archive.store.entries.reading import Fields, Payload


class Statement(ABC):
    """The content of an entry. ``kind`` is the entry's kind, ``title`` names entries of it in a list of kinds."""

    __slots__ = ()
    kind: ClassVar[str]
    title: ClassVar[str]

    @classmethod
    @abstractmethod
    def of(cls, fields: Fields) -> Self:
        """The statement of a payload, of any version that ever wrote one. Raises ``Unreadable``."""

    @abstractmethod
    def payload(self) -> Payload:
        """The payload, as JSON without its version."""

    @abstractmethod
    def sentence(self) -> str:
        """One plain sentence. Texts from outside are in it as they are. Raises ``Unreadable``."""


class Event(Statement):
    """A statement that changes no record: it tells what was done, with its numbers."""

    __slots__ = ()


class RecordKind(StrEnum):
    """Kinds of records."""

    USER = "user"
    PROFILE = "profile"
    DIRECTORY = "directory"
    ADDRESS = "address"
    SETTING = "setting"
    SEAL_PLACE = "seal place"


@dataclass(frozen=True, slots=True)
class RecordStatement(Statement):
    """A statement that saves or removes a record, and tells which of its fields were changed."""

    record: ClassVar[RecordKind]
    changes: Changes = field(default=None, kw_only=True)

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return replace(cls.of_own(fields), changes=change.of(fields))

    @classmethod
    @abstractmethod
    def of_own(cls, fields: Fields) -> Self:
        """The statement of a payload without its changes. Raises ``Unreadable``."""

    def payload(self) -> Payload:
        return self.own_payload() | change.payload(self.changes)

    @abstractmethod
    def own_payload(self) -> Payload:
        """The payload without the changes."""

    @property
    def renamed(self) -> str:
        """The name of the record until then, if it was another one."""
        return ""

    @property
    @abstractmethod
    def name_key(self) -> str:
        """The name by which the record is known; empty where there is only one."""

    @abstractmethod
    def after(self) -> Record | None:
        """The record as it is from then on; None when it is removed."""

    @abstractmethod
    def saying(self) -> str:
        """The sentence without the changes."""

    def sentence(self) -> str:
        return self.saying() + change.summary(self.changes, renamed=bool(self.renamed))


class Unprojected(Statement):
    """A statement that leaves nothing in the catalog: a payload that cannot be read is in no way of it."""

    __slots__ = ()


class Storing(Statement):
    """A statement that names messages which were stored, or were lost."""

    __slots__ = ()

    def digests(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that were archived."""
        return ()

    def renewed(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that were stored anew, whatever there was of them before."""
        return ()

    def lost(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that were lost with a volume."""
        return ()


@dataclass(frozen=True, slots=True)
class Newer:
    """The statement of an entry whose ``kind`` this version does not know: nothing that could be read."""

    kind: str

    def sentence(self) -> str:
        return f"An entry of the kind {self.kind}, which this version does not know."
