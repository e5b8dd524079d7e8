"""The stage of the cluster's benchmark: a mail server with mailboxes of several kinds, and runs that are measured on it.

The mail server, PostgreSQL and the programs are real. The bucket is moto's S3 server, a stand-in: it keeps objects in memory
and checks no signature, so that its processor time says nothing of another server, and it has no latency of a network.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from core import config
from core.demo.mail import sample_mailbox
from tests import homes
from tests.benchmarks import processor, scale
from tests.benchmarks.cluster_costs import MeasuredRun
from tests.benchmarks.cluster_model import Load
from tests.benchmarks.contestant import Home, seconds_of
from tests.clusters import MASTER, PROFILE, ClusterHome, address, cluster, filled, wait
from tests.servers.bucket import BUCKET, BucketServer, bucket_server
from tests.servers.dovecot import Dovecot

SEED = 16
#: Mailboxes that a worker visits at once, and connections to the server for each worker.
AT_ONCE = 4
#: Seconds for which a run is watched that waits, and the programs that look for something to do meanwhile.
IDLE_SECONDS, LOOKING = 4.0, ("home", "worker", "database")
#: The least share of a machine that counts as left by other programs.
LEAST = 0.1
#: Seconds after which PostgreSQL has counted the rows of a session that is idle.
COUNTED_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Kind:
    """Mailboxes of one kind: from the number ``first`` on ``count``, each with so many ``small`` messages and ``usual`` ones.

    Small ones have about 2.3 kB; usual ones are as in offices, with attachments, some 45 kB on the average.
    """

    first: int
    count: int
    small: int
    usual: int = 0

    @property
    def messages(self) -> int:
        return self.small + self.usual

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True, slots=True)
class Found:
    """A measured run, with what it left behind: requests to the bucket, statements and rows in PostgreSQL, volumes."""

    run: MeasuredRun
    requests: Mapping[str, int] = field(default_factory=dict)
    statements: int = 0
    rows: int = 0
    volumes: int = 0
    stored: int = 0
    #: The share of the machine's processor time that other programs took meanwhile.
    others: float = 0.0

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.run.load.mailboxes * self.run.load.messages / self.run.wall


class Stage:
    """The mail server, with mailboxes of the kinds that were put there. ``folder``: for homes, which are made as needed."""

    def __init__(self, folder: Path, server: Dovecot) -> None:
        self.folder = folder
        self._server = server
        self._mail = scale.Mail(SEED)
        self._sizes: dict[Kind, float] = {}
        self._homes = 0

    def fill(self, kind: Kind) -> None:
        """Put the mail of a kind of mailboxes on the server."""
        usual = (one.raw for one in sample_mailbox("office@example.test", kind.count * kind.usual, seed=SEED) if one.raw)
        total = 0
        for number in kind.numbers:
            raws = [*self._mail.take(kind.small), *islice(usual, kind.usual)]
            self._server.fill(address(number), "INBOX", dict(enumerate(raws, 1)))
            total += sum(map(len, raws))
        self._sizes[kind] = total / kind.count / kind.messages

    def add(self, kind: Kind, messages: int) -> Load:
        """Put ``messages`` new ones into each mailbox; the load of the next run."""
        for number in kind.numbers:
            self._server.fill(address(number), "INBOX", dict(enumerate(self._mail.take(messages), 1 + kind.messages)))
        return Load(kind.count, messages, 2300.0, known=kind.messages)

    def load(self, kind: Kind) -> Load:
        """The load of the first run of a kind of mailboxes."""
        return Load(kind.count, kind.messages, self._sizes[kind])

    def _path(self) -> Path:
        self._homes += 1
        return self.folder / f"archive{self._homes}"

    def local(self, kind: Kind, connections: int = AT_ONCE) -> Found:
        """The first run by the service itself."""
        home = config.find_or_create(self._path())
        asyncio.run(filled(home, self._server, kind.numbers, connections, workers=False))
        watch = {"server": lambda: processor.together(self._server.pid)}
        return Runner(home.path, watch).run(self.load(kind))

    @contextmanager
    def cluster(self, kind: Kind, workers: int) -> Iterator[ClusterRunner]:
        """Context of an archive of these mailboxes with so many workers, which are ready."""
        folder = self._path()
        secret = self.folder / "secret"
        secret.write_text("the secret of a stand-in\n")
        with bucket_server() as bucket:
            words = ["--place", f"s3://{BUCKET}/lanes", "--endpoint", bucket.endpoint, "--access-key", "workers"]
            words += ["--secret-file", str(secret)]
            many = {"connections": AT_ONCE * workers, "place": words, "first": kind.first}
            with cluster(folder, self._server, kind.count, **many) as made:  # type: ignore[arg-type]
                _count_statements(made)
                for number in range(workers):
                    made.worker(f"worker{number}", mailboxes=AT_ONCE)
                ready = "SELECT count(*) FROM session"
                wait(lambda: made.change(ready) == str(workers), made, "the workers are ready")
                runner = ClusterRunner(made, bucket, self._server)
                try:
                    yield runner
                finally:
                    runner.stop()


def _count_statements(made: ClusterHome) -> None:
    """Have PostgreSQL count what it is asked."""
    made.database.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    made.database.stop()
    made.database.start()
    made.database.query("CREATE EXTENSION pg_stat_statements SCHEMA public")


class Runner:
    """Runs of the service of a home, with the processor time of it and the ``programs`` beside it."""

    def __init__(self, path: Path, programs: Mapping[str, Any]) -> None:
        self.home = Home(path)
        self._programs = programs
        self._start()

    def _start(self) -> None:
        self.home.command("service", "start")
        process = int((self.home.path / "service.lock").read_text().split()[0])
        self._clocks = {"home": lambda: processor.together(process), **self._programs}

    def run(self, load: Load) -> Found:
        """One run, which must succeed with all new messages archived."""
        whole, watch = processor.Watch({"machine": processor.machine}), processor.Watch(self._clocks)
        result = self.home.command("run", PROFILE)
        seconds, machine = watch.passed(), whole.passed()["machine"]
        assert result["status"] == "succeeded", result
        assert result["totals"]["archived"] == load.mailboxes * load.messages, result["totals"]
        wall = seconds_of(result["finished"]) - seconds_of(result["started"])
        cores = os.cpu_count() or 1
        others = min(1.0, max(0.0, machine - sum(seconds.values())) / wall / cores)
        return Found(MeasuredRun(load, wall, seconds, max(LEAST, 1 - others) * cores), others=others)

    def stop(self) -> None:
        self.home.stop()


class ClusterRunner(Runner):
    """Runs by the workers of a cluster."""

    def __init__(self, made: ClusterHome, bucket: BucketServer, server: Dovecot) -> None:
        self.made = made
        self._bucket = bucket
        workers = [process.pid for process in made.workers.values()]
        own = os.getpid()
        programs = {
            "server": lambda: processor.together(server.pid),
            "worker": lambda: sum(map(processor.alone, workers)),
            "beside": lambda: sum(processor.together(one) - processor.alone(one) for one in workers),
            "database": lambda: processor.together(made.database.pid),
            "place": lambda: processor.together(bucket.pid) + processor.alone(own),
        }
        super().__init__(made.home.path, programs)

    def run(self, load: Load) -> Found:
        self._bucket.moods.requests.clear()
        statements, rows = self._asked()
        found = super().run(load)
        requests = Counter(method for method, _ in self._bucket.moods.requests)
        time.sleep(COUNTED_SECONDS)
        now, written = self._asked()
        stored = [path.stat().st_size for path in (self.made.home.path / "volumes").glob("*/*.sqlite")]
        asked = replace(found, requests=dict(requests), statements=now - statements, rows=written - rows)
        return replace(asked, volumes=len(stored), stored=sum(stored))

    def _asked(self) -> tuple[int, int]:
        """Statements that PostgreSQL was asked so far, and rows that it wrote."""
        asked = self.made.database.query(
            "SELECT (SELECT sum(calls) FROM public.pg_stat_statements), "
            "tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = 'archivar'"
        )
        statements, rows = asked.split("|")
        return int(statements), int(rows)

    def idle(self) -> dict[str, float]:
        """Seconds of processor time in a second of a run that waits for workers which take nothing."""
        self.home.command("cluster", "drain")
        number = self.home.command("run", PROFILE, "--detach")["run"]
        queued = "SELECT 1 FROM job WHERE state = 'todo'"
        wait(lambda: self.made.change(queued), self.made, "a mailbox waits for a worker")
        watch = processor.Watch(self._clocks)
        time.sleep(IDLE_SECONDS)
        passed = watch.passed()
        self.home.command("cluster", "drain", "--back")
        self.home.command("watch", str(number))
        return {name: seconds / IDLE_SECONDS for name, seconds in passed.items() if name in LOOKING}

    def index(self) -> float:
        """Have the index made, with nothing else at work; messages a second."""
        self.stop()
        begun = time.perf_counter()
        self.home.command("index")
        seconds = time.perf_counter() - begun
        self._start()
        [(count,)] = homes.rows(self.made.home.catalog, "SELECT count(*) FROM message")
        return int(count) / seconds

    def sizes(self) -> tuple[float, float]:
        """Bytes of catalog and index for each message."""
        [(count,)] = homes.rows(self.made.home.catalog, "SELECT count(*) FROM message")
        path = self.made.home.path
        return _size(path, "archive") / count, _size(path, "search") / count


def _size(path: Path, name: str) -> int:
    return sum(file.stat().st_size for file in path.glob(f"{name}.sqlite*"))


@contextmanager
def stage(folder: Path, *kinds: Kind) -> Iterator[Stage]:
    """Context of a mail server with these kinds of mailboxes."""
    logins = {address(number): "bench" for kind in kinds for number in kind.numbers}
    with Dovecot(folder / "server", logins, master=MASTER) as server:
        made = Stage(folder, server)
        for kind in kinds:
            made.fill(kind)
        yield made
