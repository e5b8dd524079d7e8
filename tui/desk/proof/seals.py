"""Seal places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.opening import refuse_backup
from core.archive.proof import seal_places
from core.archive.proof.seal_places import PlaceState
from core.engine.seals import sealing
from core.model import now
from core.profiles.seal_place import FIELDS, TARGETS, MailAccess, PlaceError, PlaceKind, SealPlace
from core.secrets import Secret
from core.text import format as texts
from tui.desk import face, present
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Badge, Safe, Tone
from tui.desk.refusals import translated


@dataclass(frozen=True, slots=True)
class SealRow:
    """A place: its name and kind, its state, the entry and time of the last delivered seal, its destination.

    ``reason`` is that of the last failure, empty without one; ``broken``: the archive does not match the seal there.
    """

    name: Safe
    kind: Safe
    state: Badge
    entry: Safe
    sent: Safe
    where: Safe
    reason: Safe
    broken: bool
    facts: tuple[tuple[Safe, Safe], ...]


@dataclass(frozen=True, slots=True)
class SealsView:
    """All places, and the times of sending, in words. ``usable``: False for a backup, where nothing can be changed."""

    rows: Sequence[SealRow]
    often: Safe
    usable: bool


_WHO = "console"
AGAIN = "What arrived is there; sending again carries on."
_OFTEN = {
    "off": "never by themselves",
    "nightly": "every night",
    "runs": "every night and after each run",
}


class SealDesk:
    """The seal places. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    async def view(self) -> SealsView:
        """The present state of all places."""
        with translated():
            found = await seal_places.standings(self._archive)
            often = (await settings.read(self._archive.database)).seal
        return SealsView([seal_row(one) for one in found], present.sentence(_OFTEN[often]), not self._archive.home.is_backup)

    def fields(self, kind: str) -> Sequence[str]:
        """The fields of a place of this kind, beside its name and target, in order."""
        fields = list(FIELDS[PlaceKind(kind)])
        if "username" in fields:
            fields.insert(fields.index("username") + 1, "password")
        return fields

    def target(self, kind: str) -> str:
        """The meaning of the target for this kind of place, in words."""
        return TARGETS[PlaceKind(kind)]

    async def values(self, name: str) -> Mapping[str, str]:
        """The fields of a place for editing."""
        with translated():
            place = (await seal_places.find(self._archive, name)).place
        return {key: str(value or "") for key, value in place.as_json().items()}

    async def save(self, kind: str, values: Mapping[str, str], *, new: bool) -> Mapping[str, Safe]:
        """Save a place, a ``new`` one under an unused name; the faults by field, with which nothing is saved."""
        password = values.get("password", "")
        port = values.get("port", "").strip()
        if port and not (port.isascii() and port.isdigit() and len(port) < 6):
            return {"port": present.own("Allowed: a number from 1 to 65535; nothing for the usual one.")}
        place = SealPlace(
            values["name"],
            PlaceKind(kind),
            values["target"],
            port=int(port or 0),
            access=MailAccess(values.get("access") or MailAccess.TLS),
            **{name: values.get(name, "") for name in ("host", "username", "password_file", "sender", "ca_file")},
        )
        with translated():
            refuse_backup(self._archive.home)
            try:
                await seal_places.save(self._archive, place, Secret(password) if password else None, actor=_WHO, new=new)
            except PlaceError as error:
                return {error.field: present.text(f"{face.sentence(error.why)} {face.remedy(error.why)}", 400)}
        return {}

    async def remove(self, name: str) -> None:
        """Remove a place: it gets no more seals."""
        with translated():
            refuse_backup(self._archive.home)
            await seal_places.remove(self._archive, name, actor=_WHO)

    async def send(self, *, accept: bool = False) -> int:
        """Send the present seal everywhere; the number of the job."""
        with translated():
            refuse_backup(self._archive.home)

        async def work(archive: Archive, job: Job) -> JobOutcome:
            found = await seal_places.standings(archive)
            done = 0

            def tell(name: str) -> None:
                nonlocal done
                job.stage = Stage(done, len(found), where=name, unit="place")
                done += 1

            return sent(await sealing.send(archive, found, accept=accept, tell=tell))

        return self._jobs.start("Seal", "The archive's seal, to all places", AGAIN, work)


def sent(done: Sequence[PlaceState]) -> JobOutcome:
    """The result of sending: deliveries, and failures with their reasons."""
    good = [one for one in done if not one.failure]
    names = ", ".join(present.text(one.place.name, 60) for one in good)
    sentences = (f"The seal is at {present.count(len(good), 'place')}: {names}." if good else "The seal arrived nowhere.",)
    problems = tuple(f"{present.text(one.place.name, 60)}: {present.text(face.told(one.why), 500)}" for one in done if one.why)
    return JobOutcome(sentences, problems, bad=any(one.broken for one in done))


def seal_row(one: PlaceState) -> SealRow:
    """A place in the list, and the sentences about it."""
    place, moment = one.place, now()
    state = present.badge("○", "not yet", Tone.MUTED)
    if one.broken:
        state = present.badge("✗", "DAMAGED", Tone.BAD)
    elif one.failure:
        state = present.badge("!", "failed", Tone.WARN)
    elif one.sent is not None:
        state = present.badge("✔", "sent", Tone.GOOD)
    when = texts.when(one.sent, moment) if one.sent else present.BLANK
    facts: list[tuple[str, str]] = [
        ("Kind", place.kind.value),
        ("Where", present.text(place.where, 300)),
        ("State", str(state)),
    ]
    why = face.told(one.why) if one.why is not None else ""
    if why:
        facts.append(("Reason", present.text(why, 600)))
    if one.at is not None:
        facts.append(("Last tried", texts.when(one.at, moment)))
    if one.seal is not None:
        facts += [("Last arrived", when), ("Seal", present.text(str(one.seal), 200))]
    if place.ca_file:
        facts.append(("Authority", present.text(place.ca_file, 300)))
    entry = texts.number(one.seal.seq) if one.seal is not None else present.BLANK
    where = present.text(place.where, 200)
    name, reason = present.text(place.name, 60), present.text(why, 600)
    return SealRow(
        name,
        present.sentence(place.kind.value),
        state,
        present.sentence(entry),
        present.sentence(when),
        where,
        reason,
        one.broken,
        present.named(facts),
    )
