"""Statements: the content of ledger entries, and the classes that group their kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import ClassVar, Self

from core.archive.store.entries import change
from core.archive.store.entries.change import Changes, Record
from core.archive.store.entries.reading import Fields, Payload
from core.values import dataclass


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
        """One plain sentence. Texts from outside stand in it unchanged. Raises ``Unreadable``."""


class Event(Statement):
    """A statement that changes no record: it reports an action, in numbers."""

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
    """A statement that saves or removes a record, and lists the changed fields."""

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
        """The record's earlier name; None when the name is unchanged."""
        return ""

    @property
    @abstractmethod
    def name_key(self) -> str:
        """The name by which the record is known; empty where there is only one."""

    @abstractmethod
    def after(self) -> Record | None:
        """The record after the entry; None when it is removed."""

    @abstractmethod
    def saying(self) -> str:
        """The sentence without its changes."""

    def sentence(self) -> str:
        return self.saying() + change.summary(self.changes, renamed=bool(self.renamed))


class Unprojected(Statement):
    """A statement without effect on the catalog: an unreadable payload does not stop the projection."""

    __slots__ = ()


class Storing(Statement):
    """A statement that names stored or lost messages."""

    __slots__ = ()

    def digests(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that were archived."""
        return ()

    def renewed(self) -> Sequence[bytes]:
        """The SHA-256 of the messages stored anew in place of damaged copies."""
        return ()

    def lost(self) -> Sequence[bytes]:
        """The SHA-256 of the messages that were lost with a volume."""
        return ()


@dataclass(frozen=True, slots=True)
class Newer:
    """The statement of an entry whose ``kind`` this version does not know; its payload is not read."""

    kind: str

    def sentence(self) -> str:
        return f"An entry of the kind {self.kind}, which this version does not know."


@dataclass(frozen=True, slots=True)
class Erased:
    """The statement of an entry whose payload was erased; its ``kind`` stays."""

    kind: str

    def sentence(self) -> str:
        return f"An entry of the kind {self.kind}, whose content was erased."
