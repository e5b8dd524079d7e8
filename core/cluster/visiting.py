"""One mailbox as a worker visits it: made from a job's values, with the home asked where the archive itself is needed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.archive.catalog.settings import Settings
from core.archive.read.siblings import Sibling
from core.cluster import known, protocol, worker_key
from core.cluster.lane_archive import LaneArchive, LaneHand
from core.cluster.postgres import Postgres
from core.cluster.run_values import KnownRuns
from core.cluster.session import Claimed, WorkerSession
from core.cluster.waking import Bell
from core.db.database import Database
from core.engine.run.mailbox import archive_mailbox
from core.engine.run.run import rules_of
from core.engine.visit.filing import Destination, OwnFiling
from core.engine.visit.limits import Budget
from core.engine.visit.link import Link
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.roster import credentials
from core.engine.visit.server import KnownServer
from core.engine.visit.story import Story
from core.engine.visit.visit import Visit
from core.errors import ArchivarError, ConnectError
from core.imap.login import ServerKnowledge
from core.imap.session import Session
from core.model import EventKind, MailboxResult, Phase, Problem, RunStatus, Told, User, now, timestamp
from core.problems.cluster import WORKER_FAULT
from core.problems.code import Reason
from core.profiles.deletion import Deletion
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile, from_json
from core.secrets import Secret
from core.values import dataclass

#: Seconds between two looks for an answer of the home, and for a free connection to the server.
ANSWER_SECONDS, FREE_SECONDS = 0.1, 0.3
#: Messages whose copies are proved in one question.
PROVED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class MailboxValues:
    """The values of a job. ``common`` is of all jobs of the run, ``known`` what the catalog has (``known``)."""

    profile: Profile
    mailbox: Mailbox
    shared: bool
    early: bool
    known: Mapping[str, Any]
    common: Mapping[str, Any]

    @classmethod
    def of(cls, claimed: Claimed, common: Mapping[str, Any]) -> MailboxValues:
        """The values of a claimed job. Raises ``ValueError``, ``KeyError`` for what no home of this protocol writes."""
        value = protocol.unpacked(claimed.values)
        user = value["user"]
        lists = {name: tuple(user[name]) for name in ("addresses", "directory_addresses")}
        mailbox = Mailbox(User(**{**user, **lists}), value["login"], value["top"])
        return cls(from_json(common["profile"]), mailbox, value["shared"], value["early"], value["known"], common)


class Telling:
    """The events of a visit, until they are reported (``story.Listener``)."""

    def __init__(self) -> None:
        self._events: list[tuple[str, EventKind, str, Told]] = []

    def tell(self, kind: EventKind, mailbox: str, told: Told) -> None:
        self._events.append((timestamp(now()), kind, mailbox, told))

    def warn(self, mailbox: str, reason: Reason) -> None:
        self.tell(EventKind.WARNING, mailbox, Told(reason))

    def take(self) -> list[tuple[str, EventKind, str, Told]]:
        """The events since the last call."""
        taken, self._events = self._events, []
        return taken


@dataclass(frozen=True, slots=True)
class HomeAsked:
    """The home as one visit asks it, by questions in PostgreSQL (``lane_archive.AskedHome``).

    ``secured`` waits until all that was written is part of the archive; ``bell`` rings when there is an answer.
    """

    database: Postgres
    session: WorkerSession
    job: int
    secured: Callable[[], Awaitable[None]]
    bell: Bell

    async def secure(self) -> None:
        await self.secured()

    async def prove(self, messages: Sequence[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        for start in range(0, len(messages), PROVED_AT_ONCE):
            some = [one.hex() for one in messages[start : start + PROVED_AT_ONCE]]
            found |= {bytes.fromhex(one) for one in await self._ask("prove", some)}
        return found & set(messages)

    async def neighbours(self, database: Database, source: str, validities: Sequence[int]) -> None:
        rows = await self._ask("neighbours", [source, list(validities)]) if validities else []
        others = [
            Sibling(0, where, name, uidvalidity, messages, {int(uid): bytes.fromhex(one) for uid, one in headers.items()})
            for where, name, uidvalidity, messages, headers in rows
        ]
        await known.put_neighbours(database, others)

    async def _ask(self, kind: str, value: Any) -> Any:
        lasting = self.database.lasting
        question = await lasting(lambda: self.session.ask(self.job, kind, value))
        while True:
            rings = self.bell.rings
            if (answer := await lasting(lambda: self.session.answer(question))) is not None:
                return protocol.unpacked(answer)
            await self.bell.wait(ANSWER_SECONDS, rings)


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """The line of a worker to the mail server of one mailbox (``link.ServerLine``)."""

    asked: HomeAsked
    values: MailboxValues
    password: Secret
    server: KnownServer
    story: Story
    worked_before: list[bool]

    async def connect(self) -> Session:
        profile, asked = self.values.profile, self.asked
        name = profile.server.source("").rpartition("@")[2]
        most = int(self.values.common["settings"]["connections"])
        free = False
        while not free:
            free = await asked.database.lasting(lambda: asked.session.connect(asked.job, name, most))
            await asyncio.sleep(0 if free else FREE_SECONDS)
        login = credentials(profile, self.values.mailbox, self.password, ServerKnowledge())
        session = await Session.open(profile.server, login)
        session.hear(self.story.progress.hear)
        self.worked_before.append(True)
        return await self.server.welcome(session)

    @property
    def worked(self) -> bool:
        return bool(self.worked_before)

    def crowded(self) -> None:
        """Nothing to be done here: the home gives fewer mailboxes of a server that is too busy."""

    def waits(self, why: Reason, until: datetime) -> None:
        self.story.waits(why, until)

    def goes_on(self) -> None:
        self.story.goes_on()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a visit: of the mailbox, what was learnt beside the ledger, and the error of the connection, if any."""

    result: MailboxResult
    learnt: Mapping[str, Any]
    error: ConnectError | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "result": protocol.result_as_json(self.result),
            "learnt": dict(self.learnt),
            "error": self.error and protocol.error_as_json(self.error),
        }


class MailboxVisit:
    """The visit of the mailbox of a claimed job. ``progress`` and ``telling`` may be read at any time."""

    def __init__(self, claimed: Claimed, values: MailboxValues, hand: LaneHand, asked: HomeAsked, runs: KnownRuns) -> None:
        self.job = claimed.id
        self._claimed = claimed
        self._values = values
        self._hand = hand
        self._asked = asked
        self._runs = runs
        mailbox = values.mailbox
        source = mailbox.source(values.profile.server)
        self.progress = MailboxProgress(MailboxResult(mailbox.top, mailbox.user.name), source=source)
        self.telling = Telling()
        #: True while it waits for its entries to become part of the archive: that is no standstill of its own.
        self.delivering = False
        #: True once the mailbox was visited: only the report is left.
        self.over = False

    async def run(self, key: Path, budget: Budget, name: str) -> Outcome:
        """Visit the mailbox. Raises what concerns the worker as a whole; all else is in the result."""
        values, source = self._values, self.progress.source
        database = await self._runs.catalog(self._claimed.run)
        try:
            await known.put(database, values.known, source, values.mailbox.user.id)
            archive = LaneArchive(database, self._hand, self._asked, self.job)
            try:
                password = worker_key.unseal(key, self._claimed.secret, purpose=purpose(values.common))
                with tempfile.TemporaryDirectory(prefix="archivar-") as folder:
                    error = await self._visit(archive, _with_authority(values, Path(folder)), password, budget)
            except ConnectError:
                raise
            except ArchivarError as fault:
                if not _is_of_mailbox(fault):
                    raise
                error = None
                self._fail(name, fault.reason)
            return Outcome(self.progress.result, await known.learnt(database, source), error)
        finally:
            await database.close()

    def _fail(self, name: str, why: Reason) -> None:
        result = self.progress.result
        result.problems.append(Problem("", None, WORKER_FAULT(worker=name, why=why)))
        result.status = RunStatus.FAILED
        self.progress.phase = Phase.DONE

    async def _visit(
        self, archive: LaneArchive, values: MailboxValues, password: Secret, budget: Budget
    ) -> ConnectError | None:
        mailbox, common, profile = values.mailbox, values.common, values.profile
        settings, moment = Settings(**common["settings"]), datetime.fromisoformat(common["now"])
        story = Story(self.progress, self.telling)
        server = await KnownServer.load(archive, profile.server, self.telling)
        link = Link(WorkerLine(self._asked, values, password, server, story, []))
        to = Destination(common["run"], self.progress.source, mailbox.user.id, mailbox.top, login=mailbox.login)
        rules = replace(rules_of(profile, settings, moment, ageless=common["ageless"]), early=values.early)
        if values.shared:
            rules = replace(rules, deletion=Deletion())
        try:
            error = await archive_mailbox(Visit(link, OwnFiling(archive, to), rules, budget, server, story))
        except BaseException:
            await link.drop()
            raise
        finally:
            self.progress.waits_until = None
        await link.close()
        return error if isinstance(error, ConnectError) else None


def _with_authority(values: MailboxValues, folder: Path) -> MailboxValues:
    """The values with the file of the certificate authority, whose content came with the job."""
    if not values.common["authority"]:
        return values
    path = folder / "authority.pem"
    path.write_text(values.common["authority"], encoding="utf-8")
    return replace(values, profile=replace(values.profile, server=replace(values.profile.server, ca_file=str(path))))


def _is_of_mailbox(error: ArchivarError) -> bool:
    """True when an error ends one visit, and the worker can go on with the next."""
    from core.cluster.session import FencedError

    return not isinstance(error, FencedError)


def purpose(common: Mapping[str, Any]) -> str:
    """The purpose that a sealed password is bound to: the archive, and the run."""
    return f"{common['archive']}:{common['run']}:{common['profile']['name']}"


def progress_as_json(progress: MailboxProgress) -> dict[str, Any]:
    """The progress of a visit, to be reported."""
    return {
        "phase": progress.phase.value,
        "folder": progress.folder,
        "waits_until": timestamp(progress.waits_until) if progress.waits_until else "",
        "tally": progress.tally.as_json(),
        **{name: getattr(progress, name) for name in protocol.COUNTED},
    }


def take_progress(progress: MailboxProgress, value: Mapping[str, Any]) -> None:
    """Put into ``progress`` what ``progress_as_json`` has written."""
    progress.phase = protocol.PHASES.get(value["phase"], progress.phase)
    progress.folder = value["folder"]
    progress.waits_until = datetime.fromisoformat(value["waits_until"]) if value["waits_until"] else None
    progress.result.tally = protocol.tally_of(value["tally"])
    for name in protocol.COUNTED:
        setattr(progress, name, int(value[name]))
