"""Statements about the archive itself: its creation, runs, verifications, damage, keys, synchronisations of users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Self

from core.archive.store.entries import reading, values
from core.archive.store.entries.reading import Fields, Payload, Row
from core.archive.store.entries.restated import Restated
from core.archive.store.entries.statement import Event, Storing, Unprojected
from core.archive.store.entries.values import Canonical, Head
from core.model import RunStatus
from core.text.format import counted, number
from core.text.format import size as human
from core.values import dataclass

_ENDS = {
    RunStatus.SUCCEEDED: "succeeded",
    RunStatus.WITH_ERRORS: "completed with errors",
    RunStatus.CANCELLED: "was cancelled",
    RunStatus.FAILED: "failed",
}
_SYNCED = ("created", "adopted", "back", "changed", "disabled", "removed")


@dataclass(frozen=True, slots=True)
class ArchiveCreated(Event, Unprojected):
    """The creation of the archive.

    Payload: {archive_id}
    """

    kind: ClassVar[str] = "archive.created"
    title: ClassVar[str] = "the beginning"
    archive_id: str

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.text("archive_id"))

    def payload(self) -> Payload:
        return {"archive_id": self.archive_id}

    def sentence(self) -> str:
        return f"The archive was begun (id {self.archive_id})."


@dataclass(frozen=True, slots=True)
class DirectorySynced(Event, Unprojected):
    """A synchronisation of users with the directory, in numbers.

    Payload: {created, adopted, back, changed, disabled, removed, left, conflicts, unchanged, withheld, asked_by}

    Numbers, but for asked_by: the actor who asked for it.
    """

    kind: ClassVar[str] = "directory.synced"
    title: ClassVar[str] = "users synchronised"
    counts: Mapping[str, int]
    asked_by: str = ""

    @classmethod
    def of(cls, fields: Fields) -> Self:
        counts = fields.counts(*_SYNCED, "conflicts", "withheld")
        counts |= {name: fields.number(name) for name in ("left", "unchanged") if name in fields}
        return cls(counts, fields.text("asked_by", ""))

    def payload(self) -> Payload:
        return {**self.counts, "asked_by": self.asked_by}

    def sentence(self) -> str:
        counts = [f"{number(self.counts[name])} {name}" for name in _SYNCED if self.counts[name]]
        withheld = "; too many would have gone, so none did" if self.counts["withheld"] else ""
        conflicts = f"; {counted(self.counts['conflicts'], 'conflict')}" if self.counts["conflicts"] else ""
        return f"Users were synchronised with the directory: {', '.join(counts) or 'no changes'}{conflicts}{withheld}."


@dataclass(frozen=True, slots=True)
class RunFinished(Event, Unprojected):
    """The end of a run.

    Payload: {run, profile, dry_run, status, totals, problems}

    totals: counts; dry_run is missing in older entries.
    """

    kind: ClassVar[str] = "run.finished"
    title: ClassVar[str] = "runs"
    run: int
    profile: str
    dry_run: bool
    status: RunStatus
    totals: Mapping[str, int]
    problems: int

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(
            fields.number("run"),
            fields.text("profile"),
            fields.flag("dry_run", False),
            RunStatus(fields.text("status")),
            {name: reading.number(value) for name, value in fields.record("totals").items()},
            fields.number("problems"),
        )

    def payload(self) -> Payload:
        said = {"run": self.run, "profile": self.profile, "dry_run": self.dry_run, "status": self.status.value}
        return said | {"totals": dict(self.totals), "problems": self.problems}

    def sentence(self) -> str:
        totals, end = self.totals, _ENDS.get(self.status, self.status.value)
        archived, failed, deleted = (totals.get(name, 0) for name in ("archived", "failed", "deleted"))
        if self.dry_run:
            found = f"{counted(totals.get('found', 0), 'message')} looked at, {number(failed)} failed"
            return f"Dry run {self.run} of {self.profile} {end}: {found}; nothing was archived or deleted."
        counts = [f"{number(archived)} archived", f"{number(failed)} failed"]
        counts += [f"{number(deleted)} deleted at the source"] if deleted else []
        return f"Run {self.run} of {self.profile} {end}: {', '.join(counts)}."


@dataclass(frozen=True, slots=True)
class Verified(Event, Unprojected):
    """A verification.

    Payload: {parts, messages, entries, findings, share, asked_by}

    parts, messages, entries, findings: counts. share: percent of the archive, of a partial one; asked_by: the actor who asked
    the service for it, missing for a scheduled one.
    """

    kind: ClassVar[str] = "verified"
    title: ClassVar[str] = "verifications"
    parts: int
    messages: int
    entries: int
    findings: int
    share: int = 0
    asked_by: str = ""

    @classmethod
    def of(cls, fields: Fields) -> Self:
        counts = fields.counts("parts", "messages", "entries", "findings")
        return cls(**counts, share=fields.number("share", 0), asked_by=fields.text("asked_by", ""))

    def payload(self) -> Payload:
        said: Payload = {"parts": self.parts, "messages": self.messages, "entries": self.entries, "findings": self.findings}
        said |= {"share": self.share} if self.share else {}
        return said | ({"asked_by": self.asked_by} if self.asked_by else {})

    def sentence(self) -> str:
        looked = f"{counted(self.messages, 'message')} and {counted(self.parts, 'part')}"
        looked += f", in shares of {self.share} %" if self.share else ""
        return f"Verified {looked}: {counted(self.findings, 'finding') if self.findings else 'clean'}."


@dataclass(frozen=True, slots=True)
class KeyRotated(Event, Unprojected):
    """A change of the key that passwords are encrypted with.

    Payload: {passwords, unreadable}

    passwords: the number encrypted anew; unreadable: the names of those that could not be decrypted and stay as they were.
    """

    kind: ClassVar[str] = "key.rotated"
    title: ClassVar[str] = "keys rotated"
    passwords: int
    unreadable: tuple[str, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.number("passwords"), fields.texts("unreadable"))

    def payload(self) -> Payload:
        return {"passwords": self.passwords, "unreadable": list(self.unreadable)}

    def sentence(self) -> str:
        unread = f"; {counted(len(self.unreadable), 'other')} could not be read" if self.unreadable else ""
        return f"Key rotated: {counted(self.passwords, 'password')} stored under a new one{unread}."


@dataclass(frozen=True, slots=True)
class AlarmAcknowledged(Event, Unprojected):
    """An alarm that a person knows of and lets stand, or the end of that.

    Payload: {rule, subject, code, about, reason, withdrawn}

    rule, subject, code: of the alarm; about: what else tells it from others of these; reason: of the person.
    """

    kind: ClassVar[str] = "alarm.acknowledged"
    title: ClassVar[str] = "alarms acknowledged"
    rule: str
    subject: str
    code: str
    about: str
    reason: str
    withdrawn: bool = False

    @classmethod
    def of(cls, fields: Fields) -> Self:
        rule, subject, code = fields.text("rule"), fields.text("subject"), fields.text("code")
        return cls(rule, subject, code, fields.text("about"), fields.text("reason"), fields.flag("withdrawn"))

    def payload(self) -> Payload:
        named = {"rule": self.rule, "subject": self.subject, "code": self.code, "about": self.about}
        return named | {"reason": self.reason, "withdrawn": self.withdrawn}

    def sentence(self) -> str:
        which = f"{self.rule}{f' of {self.subject}' if self.subject else ''} ({self.code})"
        if self.withdrawn:
            return f"Alarm {which} is no longer acknowledged."
        return f"Alarm {which} acknowledged: {self.reason}"


@dataclass(frozen=True, slots=True)
class RepairedMessage:
    """A message that was stored anew; ``origin``: the source of the good bytes, for display."""

    sha256: bytes
    size: int
    origin: str

    @classmethod
    def of_row(cls, value: object) -> Self:
        sha256, size, origin = reading.columns(value, 3)
        return cls(reading.digest(sha256), reading.number(size), reading.text(origin))

    def row(self) -> Row:
        return [self.sha256.hex(), self.size, self.origin]


@dataclass(frozen=True, slots=True)
class Repaired(Event, Storing):
    """Messages that were stored anew in this volume, since the copy before is damaged.

    Payload: {messages: [[sha256, size, from]], placed}

    from: the source of the good bytes, for display;
    placed: those that were lost, as in ``Salvaged``; missing when there are none.
    """

    kind: ClassVar[str] = "repaired"
    title: ClassVar[str] = "repairs"
    messages: tuple[RepairedMessage, ...]
    placed: tuple[Restated, ...] = ()

    @classmethod
    def of(cls, fields: Fields) -> Self:
        messages = tuple(map(RepairedMessage.of_row, fields.rows("messages")))
        return cls(messages, tuple(map(Restated.of_row, fields.rows("placed", []))))

    def payload(self) -> Payload:
        placed = {"placed": [one.row() for one in self.placed]} if self.placed else {}
        return {"messages": [message.row() for message in self.messages], **placed}

    def renewed(self) -> Sequence[bytes]:
        return [message.sha256 for message in self.messages]

    def sentence(self) -> str:
        origins = list(dict.fromkeys(message.origin for message in self.messages))
        return f"Repaired {counted(len(self.messages), 'damaged message')}: stored anew from {', '.join(origins[:3])}."


@dataclass(frozen=True, slots=True)
class Salvaged(Event, Storing):
    """A volume that took the place of a damaged one.

    Payload: {volume, kept, seen: [seq, hash], lost, placed, canonical: {sha256: sha256}}

    kept: the last entry taken over from the damaged ledger; seen: the last entry that the catalog had applied. lost: messages
    that were not whole, whose UIDs count as not archived; placed: whole messages whose entries are lost; both as in
    ``restated``. canonical: as in ``Archived``, of the placed ones.
    """

    kind: ClassVar[str] = "salvaged"
    title: ClassVar[str] = "volumes that were salvaged"
    volume: str
    kept: int
    seen: Head
    losses: tuple[Restated, ...] = ()
    placed: tuple[Restated, ...] = ()
    canonical: Canonical = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Fields) -> Self:
        seq, digest = reading.columns(fields.raw("seen"), 2)
        return cls(
            fields.text("volume"),
            fields.number("kept"),
            Head(reading.number(seq), reading.digest(digest)),
            tuple(map(Restated.of_row, fields.rows("lost"))),
            tuple(map(Restated.of_row, fields.rows("placed"))),
            values.canonical(fields),
        )

    def payload(self) -> Payload:
        said: Payload = {"volume": self.volume, "kept": self.kept, "seen": [self.seen.seq, self.seen.hash.hex()]}
        said |= {"lost": [one.row() for one in self.losses], "placed": [one.row() for one in self.placed]}
        return said | ({values.CANONICAL: values.canonical_json(self.canonical)} if self.placed else {})

    def digests(self) -> Sequence[bytes]:
        return [one.sha256 for one in self.placed]

    def lost(self) -> Sequence[bytes]:
        return [one.sha256 for one in self.losses]

    def sentence(self) -> str:
        text = f"Salvaged {self.volume}: its ledger is whole up to entry {self.kept}"
        if self.seen.seq > self.kept:
            text += f", and was known up to entry {self.seen.seq}"
        said = f"{text}; {counted(len(self.losses), 'message')} lost."
        return f"{said} {counted(len(self.placed), 'message')} put back from what the catalog knew." if self.placed else said


@dataclass(frozen=True, slots=True)
class VolumeStored(Event):
    """A sealed volume that was put into a storage outside the home, read back from there, and found to be the same.

    Payload: {volume, key, sha256, size}

    volume: its number as in ``Home.volume``; key: of the object; sha256, size: of the volume's bytes.
    """

    kind: ClassVar[str] = "volume.stored"
    title: ClassVar[str] = "volumes stored"
    volume: int
    key: str
    sha256: bytes
    size: int

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.number("volume"), fields.text("key"), fields.digest("sha256"), fields.number("size"))

    def payload(self) -> Payload:
        return {"volume": self.volume, "key": self.key, "sha256": self.sha256.hex(), "size": self.size}

    def sentence(self) -> str:
        return f"Volume {number(self.volume)} was stored as {self.key} ({human(self.size)}) and read back."


#: Statements about the archive itself.
AnyUpkeep = (
    VolumeStored
    | DirectorySynced
    | RunFinished
    | KeyRotated
    | AlarmAcknowledged
    | Verified
    | Repaired
    | Salvaged
    | ArchiveCreated
)
