"""Statements of what the catalog knows and the ledger lost: messages with their places and sources.

In a payload a message is::

    [sha256, [[owner, folder]], [[source, server_folder, uidvalidity, uid, owner, folder, size, internaldate, flags, fetched,
      gone, ours, report_header, report_size]], subject, sender, date]

owner and folder of a source are null in a catch-all mailbox, ``report_header`` is empty of what lay in no journal report.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import Self

from core.archive.store.entries import reading
from core.archive.store.entries.reading import Row
from core.archive.store.entries.values import OwnedFolder, ReportHeader, ServerMessage, SourceFolder, SourceMessage
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of a message at a source.

    ``fetched`` there; ``gone`` from the server at the last look; ``ours``: deleted by us.
    """

    fetched: bool
    gone: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class RestatedSource:
    """A message on a server, with its ``folder`` in the archive, which is None in a catch-all mailbox."""

    source: SourceFolder
    message: ServerMessage
    folder: OwnedFolder | None
    state: SourceState
    report: ReportHeader | None = None

    @classmethod
    def of_row(cls, value: object) -> Self:
        row = reading.columns(value, 14)
        source, name, uidvalidity, uid, owner, path, *listed = row[:9]
        fetched, gone, ours, report, report_size = row[9:]
        return cls(
            SourceFolder(reading.text(source), reading.text(name), reading.number(uidvalidity)),
            ServerMessage.of_row([uid, *listed]),
            None if path is None else OwnedFolder.of_row([owner, path]),
            SourceState(reading.flag(fetched), reading.flag(gone), reading.flag(ours)),
            ReportHeader(reading.digest(report), reading.number(report_size)) if report else None,
        )

    def row(self) -> Row:
        source, folder, state = self.source, self.folder, self.state
        uid, *listed = self.message.row()
        report = [self.report.sha256.hex().upper(), self.report.size] if self.report else ["", None]
        return [
            *(source.source, source.name, source.uidvalidity, uid),
            *(folder.row() if folder else (None, None)),
            *listed,
            *(int(state.fetched), int(state.gone), int(state.ours)),
            *report,
        ]


@dataclass(frozen=True, slots=True)
class Restated:
    """A message as the catalog knew it; only the SHA-256 for one that it did not know. ``date`` in seconds since 1970."""

    sha256: bytes
    places: tuple[OwnedFolder, ...] = field(default=())
    sources: tuple[RestatedSource, ...] = field(default=())
    subject: str = ""
    sender: str = ""
    date: int | None = None

    @classmethod
    def of_row(cls, value: object) -> Self:
        sha256, places, sources, subject, sender, date = reading.columns(value, 6)
        return cls(
            reading.digest(sha256),
            tuple(map(OwnedFolder.of_row, reading.row(places))),
            tuple(map(RestatedSource.of_row, reading.row(sources))),
            reading.text(subject),
            reading.text(sender),
            reading.number_or_none(date),
        )

    def fetched_from(self, source: SourceFolder, message: SourceMessage, folder: OwnedFolder) -> Restated:
        """The same with one more source, from which it was fetched, and placed in that source's folder.

        The message has a UID there.
        """
        assert message.uid is not None
        listed = ServerMessage(message.uid, message.size, message.internaldate, message.flags)
        there = RestatedSource(source, listed, folder, SourceState(fetched=True, gone=False, ours=False))
        places = self.places if folder in self.places else (*self.places, folder)
        return replace(self, places=places, sources=(*self.sources, there))

    def row(self) -> Row:
        places, sources = [one.row() for one in self.places], [one.row() for one in self.sources]
        return [self.sha256.hex(), places, sources, self.subject, self.sender, self.date]
