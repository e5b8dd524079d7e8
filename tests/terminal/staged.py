"""A desk whose archive is made of values in memory, and a console on it: ``python -m tests.terminal.staged SCENE``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.archive.read.forecast import Growth
from core.archive.read.statistics import MailSum
from core.archive.store.space import DiskUse
from core.archive.transfer.last_backup import LastBackup
from core.engine.visit.progress import UNLISTED, MailboxLine, Snapshot
from core.model import COUNTERS, Phase, Run, RunEvent, RunStatus, Told, User, now
from core.profiles.profile import Access, Login, Profile, Server, Target
from core.profiles.selection import Chosen, UserSelection, select
from core.service.alarms import rules
from core.service.alarms.alarm import Alarm, alike
from tests.terminal.staged_mail import NoJobs, StagedMail
from tui.desk import face, home, present
from tui.desk.desk import Desk
from tui.desk.home import HomeView, ProfileView, attention
from tui.desk.present import own, text
from tui.desk.profiles.described import facts
from tui.desk.refusals import Refused
from tui.desk.runs import runs
from tui.desk.runs.runs import RunView
from tui.desk.strip import Fact, strip

#: Escapes that set a title, move, colour and clear; markup; direction and width tricks; and length.
HOSTILE = (
    "\x1b]2;OWNED\x07\x1b[2J\x1b[31m\x9b5A[/b][red]x[/] {bad}\u202egnp.exe\u2066\u200b\u200d\ufeff\U000e0041"
    "\r\n\t\x00\x7f" + "Z" + "\u0301" * 40 + "\U0001f468\u200d\U0001f469\u200d\U0001f467\u2764\ufe0f\U0001f44d\U0001f3fd"
    "\u0939\u093f\u2630\u3164\ud800漢字" + "long " * 2000
)


def profile(name: str, login: str = "", *, host: str = "mail.example.test", **server: Any) -> Profile:
    login = login or f"{name.lower()}@example.test"
    return Profile(name, Server(host, **server), Login(login), Target("alice", login))


def result(problems: list[dict[str, Any]] | None = None, *, status: str = "succeeded", **totals: int) -> dict[str, Any]:
    counts = dict.fromkeys(COUNTERS, 0) | totals
    mailbox = {"mailbox": "anna@example.test", "user": "anna", "status": status, **counts, "problems": problems or []}
    return {"status": status, "warnings": [], "totals": counts, "mailboxes": [mailbox]}


def line(
    mailbox: str = "anna@example.test", *, phase: Phase = Phase.ARCHIVING, folder: str = "INBOX", done: float = 0.61
) -> MailboxLine:
    status = RunStatus.SUCCEEDED if phase is Phase.DONE else RunStatus.RUNNING
    messages, size = int(2030 * done), int(137e6 * done)
    return MailboxLine(mailbox, "anna", phase.value, status.value, folder, 2030, messages, 137_000_000, size, messages, 0, 0)


def snapshot(run: int = 7, *lines: MailboxLine, problems: tuple[dict[str, Any], ...] = (), name: str = "Staff") -> Snapshot:
    lines = lines or (line(),)
    return Snapshot(
        run=run,
        profile=name,
        elapsed=12.0,
        messages_total=sum(each.messages_total for each in lines),
        messages_done=sum(each.messages_done for each in lines),
        bytes_total=sum(each.bytes_total for each in lines),
        bytes_done=sum(each.bytes_done for each in lines),
        message_rate=1240.4,
        byte_rate=31e6,
        seconds_left=200.0,
        mailboxes_total=len(lines),
        mailboxes_done=sum(each.phase == "done" for each in lines),
        mailboxes_unlisted=sum(each.phase in ("waiting", "connecting", "listing") for each in lines),
        totals=dict.fromkeys(COUNTERS, 0) | {"failed": len(problems)},
        share=sum(map(share, lines)) / len(lines),
        moving=dict(enumerate(lines)),
        problems=problems,
    )


def share(line: MailboxLine) -> float:
    """The share done of a mailbox."""
    if line.phase in UNLISTED:
        return 0.0
    return 1.0 if line.phase == "done" or not line.bytes_total else line.bytes_done / line.bytes_total


def problem(folder: str = "INBOX", uid: int | None = 17, reason: str = "The server sent nothing for it.") -> dict[str, Any]:
    return {"mailbox": "anna@example.test", "folder": folder, "uid": uid, "reason": reason}


class StagedDesk(Desk):
    """Holds profiles, runs and snapshots; ``touch`` makes the console look again."""

    def __init__(self, *profiles: Profile, moment: datetime | None = None) -> None:
        self.profiles = list(profiles)
        self.people: list[User] = []
        self.runs: dict[int, Run] = {}
        self.snapshots: dict[int, Snapshot] = {}
        self.events: list[RunEvent] = []
        self.service_running = False
        self.refusal: Refused | None = None
        self.scheduled = 0
        self.strip: tuple[Fact, ...] = ()
        self.moment = moment or now()
        self.mail = StagedMail(self.moment)
        self.jobs = NoJobs()
        self.closed = False
        self._changed = True

    def __getattr__(self, name: str) -> Any:
        raise Refused(text(f"There are no {name} on this stage."))

    def touch(self) -> None:
        self._changed = True

    def add_run(self, profile: str, status: RunStatus, *, run: int = 7, **values: Any) -> Run:
        values = {
            "requested": self.moment - timedelta(minutes=3),
            "started": self.moment - timedelta(minutes=2, seconds=10),
        } | values
        self.runs[run] = Run(run, profile, status, **values)
        self.touch()
        return self.runs[run]

    def _ask(self) -> None:
        if self.refusal:
            raise self.refusal

    async def home(self) -> HomeView:
        self._ask()
        latest = {run.profile: run for run in sorted(self.runs.values(), key=lambda run: run.id) if not run.dry_run}
        rows = [(each, latest.get(each.name)) for each in self.profiles]
        selections = [each.selection for each in self.profiles if each.selection is not None]
        chosen = {one: select(one, self.people).counted() for one in selections}
        return HomeView(
            path=own("/var/lib/archivar"),
            service_running=self.service_running,
            busy=sum(not run.status.final for run in latest.values()),
            profiles=tuple(
                home.profile_row(each, home.LastRun(run, self.snapshots.get(run.id) if run else None), self.moment, chosen)
                for each, run in rows
            ),
            attention=tuple(map(attention, alike(self._staged_alarms(latest, chosen)))),
            strip=self.strip,
        )

    def _staged_alarms(self, latest: Mapping[str, Run], chosen: Mapping[UserSelection, Chosen]) -> Iterator[Alarm]:
        if (service := rules.of_service(None, self.service_running, self.scheduled, 0, False)) is not None:
            yield service
        for each in self.profiles:
            if (ended := rules.of_run(each.name, latest.get(each.name))) is not None:
                yield ended
            yield from rules.of_profile(each, True, chosen.get(each.selection) if each.selection else None)

    async def profile(self, key: str) -> ProfileView:
        self._ask()
        [found] = [each for each in self.profiles if each.name == key]
        last_runs = sorted((run for run in self.runs.values() if run.profile == key), key=lambda run: -run.id)
        chosen = {found.selection: select(found.selection, self.people).counted()} if found.selection else {}
        last = last_runs[0] if last_runs else None
        return ProfileView(
            home.profile_row(found, home.LastRun(last, self.snapshots.get(last.id) if last else None), self.moment, chosen),
            present.named(facts(found)),
            tuple(present.text(face.told(warning)) for warning in found.warnings()),
            tuple(runs.run_row(run, self.snapshots.get(run.id), self.moment) for run in last_runs),
        )

    async def set_automatic(self, key: str, on: bool) -> None:
        self._ask()
        for index, each in enumerate(self.profiles):
            if each.name == key and each.schedule is not None:
                self.profiles[index] = replace(each, schedule=replace(each.schedule, automatic=on))
        self.touch()

    async def start_service(self) -> None:
        self._ask()
        self.service_running = True
        self.touch()

    async def run(self, run_id: int) -> RunView:
        self._ask()
        return runs.run_view(self.runs[run_id], self.snapshots.get(run_id), self.events, self.moment)

    async def start(self, profile: str) -> int:
        self._ask()
        for run in self.runs.values():
            if run.profile == profile and not run.status.final:
                return run.id
        self.service_running = True
        return self.add_run(profile, RunStatus.QUEUED, run=max(self.runs, default=0) + 1, started=None).id

    async def compare(self, profile: str, how: str) -> int:
        raise NotImplementedError

    def comparing(self, profile: str) -> int | None:
        return None

    async def cancel(self, run_id: int) -> None:
        self._ask()
        self.runs[run_id] = replace(self.runs[run_id], cancel_requested=True)
        self.touch()

    async def changed(self) -> bool:
        self._ask()
        changed, self._changed = self._changed, False
        return changed

    async def close(self) -> None:
        self.closed = True


def ordinary(moment: datetime | None = None) -> StagedDesk:
    """A morning: one runs, one is fine, one has problems, one has never run."""
    desk = StagedDesk(
        profile("Staff", "anna@example.test"),
        profile("Alice"),
        profile("Journal", access=Access.IMAP_TLS, accept_all_certificates=True),
        profile("New one", "sales@example.test"),
        moment=moment,
    )
    day = timedelta(days=1)
    desk.add_run("Staff", RunStatus.RUNNING, run=7)
    desk.snapshots[7] = snapshot(7, problems=(problem(), problem("Archive/2019", 4711, "It is not there any more.")))
    fine = result(found=1240, archived=12, known=1228, bytes=3_400_000)
    desk.add_run("Alice", RunStatus.SUCCEEDED, run=5, finished=desk.moment - day, result=fine)
    bad = result(
        [problem(), problem("Junk", 9)], status="completed_with_errors", found=312, archived=310, failed=2, bytes=44_000_000
    )
    desk.add_run("Journal", RunStatus.WITH_ERRORS, run=6, finished=desk.moment, result=bad)
    desk.service_running = True
    today = desk.moment.date()
    days = {today - timedelta(days=ago): MailSum(900, (30 - ago % 7 * 4) * 1_000_000) for ago in range(31) if ago % 7 < 5}
    desk.strip = strip(
        Growth(MailSum(48_211, 3_100_000_000), days, today - timedelta(days=400)),
        DiskUse(volumes=1_800_000_000, catalog=90_000_000, log=1_000_000, other=210_000_000, free=6 * 10**9, total=10**11),
        LastBackup(desk.moment - day, "/srv/backup", 4711),
        {"Alice": desk.moment + timedelta(hours=12)},
        desk.moment,
    )
    return desk


def hostile() -> StagedDesk:
    """Names, folders and reasons of an attacker of the terminal."""
    desk = StagedDesk(profile(HOSTILE, HOSTILE, host=HOSTILE, accept_all_certificates=True), profile("Alice"))
    desk.add_run(HOSTILE, RunStatus.RUNNING, run=7)
    problems = (problem(HOSTILE, 17, HOSTILE), problem())
    desk.snapshots[7] = snapshot(7, line(HOSTILE, folder=HOSTILE), line("bob@example.test"), problems=problems, name=HOSTILE)
    desk.events = [RunEvent(1, 7, desk.moment, "warning", HOSTILE, Told.kept(HOSTILE))]
    desk.add_run("Alice", RunStatus.FAILED, run=6, finished=desk.moment, reason=HOSTILE)
    desk.service_running = True
    return desk


class BusyDesk(StagedDesk):
    """Four mailboxes at full speed: every look finds all of them further on."""

    looks = 0

    async def changed(self) -> bool:
        self.looks += 1
        return True

    async def run(self, run_id: int) -> RunView:
        done = min(self.looks / 400, 0.99)
        lines = [line(f"box{number}@example.test", folder=f"Archive/{self.looks // 8}", done=done) for number in range(4)]
        self.snapshots[run_id] = snapshot(run_id, *lines)
        return await super().run(run_id)


def busy() -> StagedDesk:
    """One profile with four mailboxes at full speed."""
    desk = BusyDesk(profile("Staff"))
    desk.add_run("Staff", RunStatus.RUNNING)
    desk.snapshots[7] = snapshot(7)
    return desk


class FaultyDesk(StagedDesk):
    """Has an unforeseen program fault; ``password`` is a local value that must not be shown."""

    async def start(self, profile: str) -> int:
        password = "hunter2"
        raise KeyError(password + profile)


def faulty() -> StagedDesk:
    """Running fails in the background, opening the last result fails in the screen itself."""
    from tui.places.home.home import HomePlace

    desk = FaultyDesk(profile("Staff"))
    desk.add_run("Staff", RunStatus.SUCCEEDED, run=1, finished=desk.moment, result=result())
    desk.service_running = True

    async def fail(self: HomePlace) -> None:
        password = "hunter2"
        raise KeyError(password + str(self))

    HomePlace.action_result = fail  # type: ignore[assignment, method-assign]
    return desk


def many() -> StagedDesk:
    """A thousand mailboxes: four run, some went wrong, most are done or wait."""
    desk = StagedDesk(profile("Staff"))
    desk.add_run("Staff", RunStatus.RUNNING)
    lines = []
    for number in range(1000):
        phase = Phase.DONE if number < 400 else Phase.ARCHIVING if number < 404 else Phase.WAITING
        one = line(f"person{number:04}@example.test", phase=phase, folder=f"Projects/{number}" if 400 <= number < 404 else "")
        if number % 100 == 50 and phase is Phase.DONE:
            one = one._replace(status=RunStatus.FAILED.value)
        lines.append(one._replace(messages_total=0, messages_done=0, bytes_total=0, bytes_done=0) if number > 403 else one)
    problems = tuple(problem("", None, f"mail.example.test does not open person{number:04}.") for number in (50, 150, 250, 350))
    desk.snapshots[7] = replace(snapshot(7, *lines, problems=problems), seconds_left=None)
    desk.service_running = True
    return desk


SCENES = {"ordinary": ordinary, "hostile": hostile, "empty": StagedDesk, "busy": busy, "faulty": faulty, "many": many}


def main(scene: str) -> None:
    """The real start of the console, with a staged archive behind it."""
    import tui.desk.desk
    from tui.app import run

    async def open_desk(_path: object = None) -> StagedDesk:
        return SCENES[scene]()

    tui.desk.desk.open_desk = open_desk  # type: ignore[assignment]
    run()


if __name__ == "__main__":
    main(sys.argv[1])
