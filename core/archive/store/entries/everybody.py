"""Statements about catch-all mailboxes: mail filed to its users, left on the server, or filed later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar, Self

from core.archive.store.entries import reading, values
from core.archive.store.entries.reading import Fields, NumberedList, Payload, Row
from core.archive.store.entries.statement import Event, Storing
from core.archive.store.entries.values import Canonical, OwnedFolder, ReportHeader, SourceFolder, SourceMessage
from core.text.format import counted, number
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class UnknownAddress:
    """An address that no user has; ``ours``: in one of our domains."""

    address: str
    ours: bool

    @classmethod
    def of_row(cls, value: object) -> Self:
        address, ours = reading.columns(value, 2)
        return cls(reading.text(address), reading.flag(ours))

    def row(self) -> Row:
        return [self.address, self.ours]


@dataclass(frozen=True, slots=True)
class FiledMessage:
    """A message with its places and the addresses of its sender and recipients that no user has, all as numbers into lists."""

    message: SourceMessage
    places: tuple[int, ...]
    senders: tuple[int, ...] = ()
    recipients: tuple[int, ...] = ()
    report: ReportHeader | None = None

    @classmethod
    def of_row(cls, value: object, places: NumberedList[OwnedFolder], addresses: NumberedList[UnknownAddress]) -> Self:
        """Raises ``Unreadable``."""
        row = reading.columns(value, 9)
        *listed, into, senders, recipients, report = row
        header = None
        if report:
            sha256, size = reading.columns(report, 2)
            header = ReportHeader(reading.digest(sha256), reading.number(size))
        return cls(
            SourceMessage.of_row(listed),
            places.numbers(into),
            addresses.numbers(senders),
            addresses.numbers(recipients),
            header,
        )

    def row(self) -> Row:
        report = [self.report.sha256.hex(), self.report.size] if self.report else None
        return [*self.message.row(), list(self.places), list(self.senders), list(self.recipients), report]


@dataclass(frozen=True, slots=True)
class FilingScheme:
    """The templates by which mail was filed, and the folders that resulted; ``kept``: the folder of the catch-all archive."""

    incoming: str
    outgoing: str
    places: tuple[OwnedFolder, ...]
    kept: int | None


@dataclass(frozen=True, slots=True)
class Filed(Event, Storing):
    """Messages of a catch-all mailbox, each with all its places.

    Payload: {run, source, server_folder, uidvalidity, incoming, outgoing, places: [[owner, folder]], kept,
    addresses: [[address, ours]], messages: [[sha256, uid, size, internaldate, flags, places, from, to, report]],
    canonical: {sha256: sha256}}

    places of a message: numbers into the list; kept: the place of the catch-all
    archive, or null; from, to: addresses that no user has (numbers), ours: in one of our domains; report: [sha256 of the
    header, size] of the journal report around it, or null; canonical: as in ``Archived``.
    """

    kind: ClassVar[str] = "filed"
    title: ClassVar[str] = "archived mail of everybody"
    run: int
    source: SourceFolder
    filing: FilingScheme
    addresses: tuple[UnknownAddress, ...]
    messages: tuple[FiledMessage, ...]
    canonical: Canonical = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Fields) -> Self:
        places = fields.numbered("places", OwnedFolder.of_row)
        addresses = fields.numbered("addresses", UnknownAddress.of_row)
        kept = fields.number_or_none("kept")
        [kept] = (places.numbers([kept]) if kept is not None else ()) or (None,)
        return cls(
            fields.number("run"),
            SourceFolder.of(fields),
            FilingScheme(fields.text("incoming"), fields.text("outgoing"), places.values, kept),
            addresses.values,
            tuple(FiledMessage.of_row(row, places, addresses) for row in fields.rows("messages")),
            values.canonical(fields),
        )

    def payload(self) -> Payload:
        filing = self.filing
        said = {"run": self.run, **self.source.payload(), "incoming": filing.incoming, "outgoing": filing.outgoing}
        said |= {"places": [place.row() for place in filing.places], "kept": filing.kept}
        said |= {"addresses": [one.row() for one in self.addresses]}
        said |= {"messages": [message.row() for message in self.messages]}
        return said | values.canonical_payload(self.canonical)

    def digests(self) -> Sequence[bytes]:
        return [one.message.sha256 for one in self.messages]

    def sentence(self) -> str:
        what = values.how_many([one.message for one in self.messages])
        people = len({place.owner for place in self.filing.places})
        unknown = sum(one.ours for one in self.addresses)
        addresses = "1 unknown address" if unknown == 1 else f"{number(unknown)} unknown addresses"
        more = f", with {addresses}" if unknown else ""
        into = counted(people, "archive")
        return f"Archived {what} from {self.source.login} into {into}{more}, by {values.author(self.run)}."


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """A message that was left; ``addresses`` are numbers into the list. Older entries do not tell the last two."""

    uid: int
    addresses: tuple[int, ...]
    size: int | None = None
    internaldate: int | None = None

    @classmethod
    def of_row(cls, value: object, addresses: NumberedList[UnknownAddress]) -> Self:
        """Raises ``Unreadable``."""
        uid, named, *listed = reading.columns(value, 2, 4)
        size, internaldate = listed or (None, None)
        return cls(
            reading.number(uid),
            addresses.numbers(named),
            reading.number_or_none(size),
            reading.number_or_none(internaldate),
        )

    def row(self) -> Row:
        return [self.uid, list(self.addresses), self.size, self.internaldate]


@dataclass(frozen=True, slots=True)
class Left(Event):
    """Messages that stay in a catch-all mailbox, since no user has any of their addresses.

    Payload: {run, source, server_folder, uidvalidity, reading, addresses: [[address, ours]],
    messages: [[uid, addresses, size, internaldate]]}

    reading: digest of the header fields that were
    read; ours: false also for addresses that are not foreign; the last two of a message are missing in older entries.
    """

    kind: ClassVar[str] = "left"
    title: ClassVar[str] = "mail left on a server"
    run: int
    source: SourceFolder
    reading: str
    addresses: tuple[UnknownAddress, ...]
    messages: tuple[LeftMessage, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        addresses = fields.numbered("addresses", UnknownAddress.of_row)
        messages = tuple(LeftMessage.of_row(row, addresses) for row in fields.rows("messages"))
        return cls(fields.number("run"), SourceFolder.of(fields), fields.text("reading"), addresses.values, messages)

    def payload(self) -> Payload:
        said = {"run": self.run, **self.source.payload(), "reading": self.reading}
        said |= {"addresses": [one.row() for one in self.addresses]}
        return said | {"messages": [message.row() for message in self.messages]}

    def sentence(self) -> str:
        what = f"{counted(len(self.messages), 'message')} left in {self.source.sentence()}"
        return f"{what}, since no user has any of their addresses, by {values.author(self.run)}."


@dataclass(frozen=True, slots=True)
class RefiledAddress:
    """An address that has found its user: ``sent``: the message came from it; ``place``: number of the place in the list."""

    address: str
    sent: bool
    place: int

    @classmethod
    def of_rows(cls, value: object, places: NumberedList[OwnedFolder]) -> list[Self]:
        """The addresses of a row, without those whose place was erased. Raises ``Unreadable``."""
        found = []
        for row in reading.row(value):
            address, sent, place = reading.columns(row, 3)
            found += [cls(reading.text(address), reading.flag(sent), there) for there in places.numbers([place])]
        return found

    def row(self) -> Row:
        return [self.address, int(self.sent), self.place]


@dataclass(frozen=True, slots=True)
class RefiledMessage:
    """A message with the addresses under which it is filed now."""

    sha256: bytes
    addresses: tuple[RefiledAddress, ...]

    @classmethod
    def of_row(cls, value: object, places: NumberedList[OwnedFolder]) -> Self:
        """Raises ``Unreadable``."""
        sha256, addresses = reading.columns(value, 2)
        return cls(reading.digest(sha256), tuple(RefiledAddress.of_rows(addresses, places)))

    def row(self) -> Row:
        return [self.sha256.hex(), [one.row() for one in self.addresses]]


@dataclass(frozen=True, slots=True)
class Refiled(Event):
    """Messages filed to users who have been given their addresses since.

    Payload: {places: [[owner, folder]], messages: [[sha256, [[address, sent, place]]]]}
    """

    kind: ClassVar[str] = "refiled"
    title: ClassVar[str] = "mail filed later"
    places: tuple[OwnedFolder, ...]
    messages: tuple[RefiledMessage, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        places = fields.numbered("places", OwnedFolder.of_row)
        return cls(places.values, tuple(RefiledMessage.of_row(row, places) for row in fields.rows("messages")))

    def payload(self) -> Payload:
        places = [place.row() for place in self.places]
        return {"places": places, "messages": [message.row() for message in self.messages]}

    def sentence(self) -> str:
        people = len({place.owner for place in self.places})
        whom = "the user who has the address" if people == 1 else f"{number(people)} users who have the addresses"
        return f"Filed {counted(len(self.messages), 'message')} to {whom} by now."


#: Statements about catch-all mailboxes.
AnyFiling = Filed | Left | Refiled
