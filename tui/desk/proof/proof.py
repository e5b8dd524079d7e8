"""Proof that the archive is undamaged: verifications, findings, and repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.archive.archive import Archive
from core.archive.proof import damage, last_verification, losses, verification
from core.archive.proof.damage import KnownFinding, NamedMessage
from core.archive.proof.findings import Finding
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.salvage import check_home
from core.archive.proof.verification import Round
from core.archive.transfer import last_backup
from core.config import Home
from core.engine.restore import repair as mending
from core.engine.restore.repair import Repair
from core.model import now
from core.profiles.rhythm import Often
from core.service import verifications
from core.service.alarms.watch import ProofState
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.salvaging import salvage_if_needed
from core.service.verifications import VerificationOutcome as End
from core.service.verifications import VerificationState
from core.text import format as texts
from tui.desk import face, present, typed
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Badge, Safe, Tone
from tui.desk.refusals import translated


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A queued or active verification. ``fraction`` is of everything, None before its beginning.

    ``share``: it covers only a share.
    """

    state: Badge
    fraction: float | None
    sentence: Safe
    share: bool


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A standing finding: ``title`` is its subject, beginning with the most important, ``reason`` the fault.

    ``facts`` are all details, in labels and values; ``remedy`` is the advice.
    """

    title: tuple[Safe, ...]
    reason: Safe
    facts: tuple[tuple[Safe, Safe], ...]
    remedy: Safe


@dataclass(frozen=True, slots=True)
class ProofView:
    """The whole state. ``facts`` are sentences by label, beside ``last``, the last verification of everything.

    ``findings`` are the first of ``finding_count``, with ``message_count`` messages among them. ``repair`` is the number of the
    repairing job, if any. ``schedule`` is the setting; ``usable``: False for a backup, where nothing can be changed.
    """

    last: tuple[Badge, Safe]
    under_way: UnderWay | None
    facts: tuple[tuple[Safe, Safe], ...]
    findings: Sequence[FindingRow]
    finding_count: int
    message_count: int
    repair: int | None
    schedule: str
    usable: bool


_WHO = "console"
#: Findings listed; all are counted.
LISTED = 500
#: Repaired messages listed in the result of a repair.
NAMED = 6
AGAIN = "What was repaired stays so; repairing again carries on."
_FETCH = present.own("r looks for a good copy in the other volumes and on the mail server. f looks in a backup too.")
_VOLUME = (
    "r repairs the messages that cannot be read. What then is still named is mended with a copy of this volume from a backup, "
    "put in its place while no service runs."
)
_CATALOG = "Stop the service (archivar service stop), then archivar rebuild makes the catalog anew from the volumes."
_LEDGER = "Put back the volumes from a backup. The key c in the ledger tells whether a seal kept elsewhere still fits."


class ProofDesk:
    """Verifying and repairing the archive. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs, see_to_service: Callable[[], None]) -> None:
        self._archive = archive
        self._home = archive.home
        self._jobs = jobs
        self._see_to_service = see_to_service
        self._repair = 0
        self._rows: tuple[tuple[KnownFinding, ...], Sequence[FindingRow]] = ((), ())
        self._opened = now()

    async def view(self) -> ProofView:
        """The whole state; starts a service if a verification waits for one."""
        with translated():
            await self._archive.look_again()
            standing = await verifications.standing(self._archive)
            last = await last_verification.last(self._archive)
            count, messages = await damage.count(self._archive)
            known = sorted(await damage.known(self._archive), key=lambda one: not one.finding.sha256)
            if unproved := self._of_the_open_volume(known):
                known, count = [unproved, *known], count + 1
            round_ = await verification.present_round(self._archive)
            busy = len(await Queue(self._archive.database).active())
            rows = await self._findings(tuple(known[:LISTED]))
        running = self._see_to(standing)
        moment = now()
        repairing = self._repair if any(job.key == self._repair and job.active for job in self._jobs.all()) else None
        return ProofView(
            last=last_sentence(last, count, moment),
            under_way=under_way(standing, running, busy),
            facts=present.named(_facts(standing, round_, running, moment)),
            findings=rows,
            finding_count=count,
            message_count=messages,
            repair=repairing,
            schedule=str(standing.rhythm),
            usable=not self._home.is_backup,
        )

    def _of_the_open_volume(self, known: Sequence[KnownFinding]) -> KnownFinding | None:
        """Damage seen when the archive was opened, before any verification found it."""
        name = self._home.volume(self._archive.last_volume).name
        if self._archive.damage is None or any(one.finding.where in (name, "ledger") for one in known):
            return None
        return KnownFinding(Finding(name, self._archive.damage.reason), self._opened)

    def brief(self, state: ProofState) -> Safe:
        """The last verification, or the progress of one, in a few words; starts a service if a requested one waits for it."""
        self._see_to(state.standing)
        return present.sentence(short(state.standing, state.last, state.findings, now()))

    def _see_to(self, standing: VerificationState) -> bool:
        """True when a service is running. One is started if a user's request waits for it."""
        running = is_running(self._home)
        if standing.request is not None and not standing.request.automatic and not running:
            self._see_to_service()
        return running

    async def _findings(self, known: tuple[KnownFinding, ...]) -> Sequence[FindingRow]:
        """The findings with descriptions from catalog and ledger, which are read again only after changes."""
        if known != self._rows[0]:
            digests = [bytes.fromhex(one.finding.sha256) for one in known if one.finding.sha256]
            named = await losses.names(self._archive, digests)
            self._rows = (known, [finding_row(one, named.get(bytes.fromhex(one.finding.sha256))) for one in known])
        return self._rows[1]

    async def verify(self) -> None:
        """Have the service verify everything."""
        with translated():
            await verifications.ask(self._archive, actor=_WHO)
            await ensure_running(self._home)

    async def cancel(self) -> None:
        """End the active verification; its findings are kept."""
        with translated():
            await verifications.cancel(self._archive)

    async def backup(self) -> str:
        """The folder of the last backup, or empty."""
        with translated():
            last = await last_backup.last(self._archive)
        return present.text(last.directory) if last else ""

    async def repair(self, folder: str = "") -> int:
        """Repair the damage, also from the home or backup in ``folder``; the number of the job."""
        others: list[Home] = []
        if folder:
            with translated():
                others = [Home(typed.folder(folder))]
                check_home(self._archive, others[0])

        async def work(archive: Archive, job: Job) -> JobOutcome:
            def tell(done: int, total: int, text: str) -> None:
                job.stage = Stage(done, total, where=text)

            await salvage_if_needed(archive, others=others, actor=_WHO, tell=lambda text: tell(0, 0, text))
            return repaired(await mending.repair(archive, others=others, actor=_WHO, tell=tell))

        title = f"Damaged messages, also from {folder}" if folder else "Damaged messages"
        self._repair = self._jobs.start("Repair", title, AGAIN, work)
        return self._repair


# Words ---------------------------------------------------------------------------------------------------------------


def last_sentence(last: LastVerification | None, damaged: int, moment: datetime) -> tuple[Badge, Safe]:
    """The result of the last verification of everything, and the state now: ``damaged`` findings stand."""
    if last is None:
        state = present.badge("✗", "DAMAGED", Tone.BAD) if damaged else present.badge("○", "never verified", Tone.MUTED)
        return (state, present.sentence(f"{present.count(damaged, 'finding')} so far") if damaged else present.BLANK)
    looked = f"{present.count(last.messages, 'message')}, {texts.size(last.bytes)}"
    sentence = f"{texts.when(last.at, moment)}: {looked}"
    if damaged:
        found = present.count(last.findings, "finding") if last.findings else "clean then"
        left = "none mended yet" if damaged == last.findings else f"{texts.number(damaged)} not mended yet"
        return (present.badge("✗", "DAMAGED", Tone.BAD), present.sentence(f"{sentence}; {found}, {left}"))
    if last.ok:
        return (
            present.badge("✔", "clean", Tone.GOOD),
            present.sentence(sentence),
        )
    return (
        present.badge("✔", "repaired", Tone.GOOD),
        present.sentence(f"{sentence}; {present.count(last.findings, 'finding')}, all mended"),
    )


def under_way(standing: VerificationState, running: bool, busy: int) -> UnderWay | None:
    """The queued or active verification; ``busy`` runs are active."""
    request, progress = standing.request, standing.progress
    if request is None:
        return None
    share = f"{request.percent} % of everything" if request.percent else ""
    if not running:
        said = "no service is running yet" if not request.automatic else "it goes on when a service runs"
        return UnderWay(present.badge("○", "waiting", Tone.BUSY), None, present.sentence(said), bool(share))
    if progress is None:
        said = "it begins when no run is under way, or a long one has been for 10 minutes" if busy else "it is about to begin"
        return UnderWay(present.badge("○", "waiting", Tone.BUSY), None, present.sentence(said), bool(share))
    said = " · ".join(filter(None, (share, progress.sentence(), "resting beside a run" if busy else "")))
    return UnderWay(present.badge("●", "verifying", Tone.BUSY), progress.done, present.sentence(said), bool(share))


def _facts(standing: VerificationState, round_: Round | None, running: bool, moment: datetime) -> Iterator[tuple[str, str]]:
    ended, due = standing.ended, standing.due
    if ended is not None and standing.request is None and ended.outcome in (End.CANCELLED, End.FAILED):
        glyph = "✗" if ended.outcome is End.FAILED else "■"
        reason = f": {present.text(face.told(ended.why))}" if ended.why is not None else ""
        yield "Ended", f"{glyph} {ended.outcome}, {texts.when(ended.at, moment)}{reason}"
    if round_ is not None:
        found = f"; {present.count(round_.findings, 'finding')} so far" if round_.findings else "; clean so far"
        yield "Shares", f"{round_.done * 100:.0f} % of everything since {texts.when(round_.began, moment)}{found}"
    if standing.rhythm.often is Often.OFF:
        yield "Next", "○ never by itself"
    elif due is None:
        yield "Next", f"{standing.rhythm.sentence()}, once there is mail"
    elif due > moment:
        served = "" if running else ", if a service runs"
        yield "Next", f"{texts.soon(due, moment)}{served} ({standing.rhythm.sentence()})"
    elif running:
        yield "Next", f"due ({standing.rhythm.sentence()}); done by a service that stays"
    else:
        yield "Next", f"! due since {texts.when(due, moment)} ({standing.rhythm.sentence()}), and no service is running"


def short(standing: VerificationState, last: LastVerification | None, damaged: int, moment: datetime) -> str:
    """The whole state in a few words, for Home."""
    if standing.request is not None and standing.progress is not None:
        return f"● verifying {standing.progress.done * 100:.0f} %"
    if damaged or last is None:
        return ""
    return f"✔ verified {texts.when(last.at, moment)}"


# Findings ------------------------------------------------------------------------------------------------------------


def finding_row(one: KnownFinding, named: NamedMessage | None) -> FindingRow:
    """A finding with its message, as the catalog knows it."""
    finding = one.finding
    where, reason = present.text(finding.where, 60), present.text(finding.text, 500)
    found = ("Found", texts.when(one.found, now()))
    if named is None:
        place = where if where in ("ledger", "catalog") else f"volume {where}"
        remedy = {"ledger": _LEDGER, "catalog": _CATALOG}.get(where, _VOLUME)
        return FindingRow(
            (present.sentence(place),),
            reason,
            present.named((("Where", place), found)),
            present.sentence(remedy),
        )
    places = tuple(f"{present.text(user, 60)}: {present.text(folder, 200)}" for user, folder in named.places)
    subject, sender, date = present.text(named.subject), present.text(named.sender), _date(named.date)
    # A message without a subject, or unknown to the catalog, is named by its hash.
    called = subject or f"message {finding.sha256[:16]}"
    facts = (
        ("Subject", subject),
        ("From", sender),
        ("Date", date),
        *(("Place", place) for place in places),
        ("Volume", where),
        ("SHA-256", finding.sha256),
        found,
    )
    title = tuple(filter(None, (called, places[0] if places else "", date)))
    return FindingRow(
        present.sentences(title),
        present.sentence(f"{where}: {reason}"),
        present.named((label, value) for label, value in facts if value),
        _FETCH,
    )


def _date(seconds: int | None) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M}" if seconds is not None else ""
    except (ValueError, OverflowError, OSError):
        return ""


def repaired(done: Repair) -> JobOutcome:
    """The result of a repair: repaired messages with their sources, and those still damaged, with the reason."""
    sentences = [f"{present.count(len(done.repaired), 'message')} repaired." if done.repaired else "Nothing was repaired."]
    sentences += [f"✔ {_name(one.message)}: from {one.origin}" for one in done.repaired[:NAMED]]
    if (more := len(done.repaired) - NAMED) > 0:
        sentences.append(f"and {texts.number(more)} more, in the ledger")
    problems = [f"{_name(one.message)}: {face.sentence(one.why)}" for one in done.lost if one.why]
    problems += [f"{text} A copy of the volume from a backup mends it." for text in done.standing]
    if done.lost:
        sentences.append("What is left may be in a backup: f on the page before.")
    elif not problems:
        sentences.append("Nothing that is damaged is known any more. v on the page before verifies everything anew.")
    return JobOutcome(tuple(sentences), tuple(problems))


def _name(message: NamedMessage) -> str:
    return message.sentence() or f"message {message.sha256.hex()[:16]}"
