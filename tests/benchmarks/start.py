"""The start of commands: a run of a tiny mailbox, without and with a service, up to its row in the queue; help and reading.

The reference of each is Python itself with Typer, or with nothing, in turn with it. Seconds of a run and of the help count as
they pass; those up to the queue and of commands that read are processor time, of which nothing else on the machine takes a
share.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from statistics import median

from core.service.alarms.alarm import Weight
from tests.benchmarks.console import verdict
from tests.benchmarks.contestant import Home, environment
from tests.benchmarks.server import fill
from tests.servers.dovecot import Dovecot

LOGIN = "tiny@example.test"
MESSAGES, ROUNDS = 10, 7
MOST_COLD, MOST_WARM, MOST_QUEUED, MOST_HELP = 0.250, 0.120, 0.060, 2.0
#: Ends ``archivar run`` at the moment at which its row is in the queue.
_QUEUED = (
    "import os, sys\n"
    "from tui import __main__\n"
    "from core.service.ahead import QueuedAhead\n"
    "QueuedAhead.__init__ = lambda *given: os._exit(0)\n"
    "__main__.main()\n"
)
#: Commands that read a small archive, each with the most of its processor time, in times of ``import typer``.
READING = (
    (("status",), 4.5),
    (("search", "message"), 4.0),
    (("show", "1"), 4.0),
    (("ledger", "show"), 4.0),
    (("user", "list"), 4.0),
    (("profile", "list"), 4.0),
    (("export", "--user", "tiny", "--format", "eml"), 4.5),
)
_IDLE = ("-c", "pass")
_TYPER = ("-c", "import typer")
#: What any service of this kind has to load, and what any client of IMAP.
_LOOP, _IMAP = ("-c", "import asyncio, sqlite3"), ("-c", "import imapclient")


def measure(folder: Path, server: Dovecot) -> Iterator[tuple[str, ...]]:
    """The rows of the table."""
    fill(server, LOGIN, MESSAGES)
    home = Home(folder / "home-start", server)
    profile = home.add(LOGIN)
    home.run(profile)
    words = ("run", profile, "--home", str(home.path))
    cold, warm, queued, idle, helped, typer, loop, imap = (list[float]() for _ in range(8))
    for _ in range(ROUNDS):
        home.stop()
        cold.append(home.run(profile).wall)
        warm.append(home.run(profile).wall)
        queued.append(_python(("-c", _QUEUED, *words))[1])
        # The row that was left.
        home.run(profile)
        idle.append(_python(_IDLE)[1])
        helped.append(_python(("-m", "tui", "--help"))[0])
        typer.append(_python(_TYPER)[0])
        loop.append(_python(_LOOP)[0])
        imap.append(_python(_IMAP)[0])
    home.stop()
    beside = f"import asyncio, sqlite3 {median(loop) * 1000:.0f} ms, imapclient {median(imap) * 1000:.0f} ms"
    yield _row("archivar run of a tiny mailbox, no service", median(cold), MOST_COLD, beside)
    yield _row("the same, while a service idles", median(warm), MOST_WARM, beside)
    yield _row(
        "up to its row in the queue, processor time", median(queued), MOST_QUEUED, f"python {median(idle) * 1000:.0f} ms"
    )
    ratio = median(helped) / median(typer)
    reference = f"import typer {median(typer) * 1000:.0f} ms"
    yield (
        *("archivar --help", f"{median(helped) * 1000:.0f} ms", reference, f"{ratio:.2f}"),
        *(f"at most {MOST_HELP}", verdict(ratio <= MOST_HELP)),
    )
    for command, most in READING:
        yield _reading(home, command, most)


def _reading(home: Home, command: Sequence[str], most: float) -> tuple[str, ...]:
    taken, typer = list[float](), list[float]()
    for number in range(ROUNDS):
        # An export takes no folder that there is.
        into = (str(home.path.with_name(f"export-{number}")),) if command[0] == "export" else ()
        # The archive of the benchmarks needs attention: it takes any certificate.
        words = ("-m", "tui", "--home", str(home.path), *command, *into)
        taken.append(_python(words, codes=(0, Weight.ATTENTION))[1])
        typer.append(_python(_TYPER)[1])
    ratio = median(taken) / median(typer)
    return (
        f"archivar {' '.join(command[:2])}, processor time",
        *(f"{median(taken) * 1000:.0f} ms", f"import typer {median(typer) * 1000:.0f} ms", f"{ratio:.2f}"),
        *(f"at most {most}", verdict(ratio <= most)),
    )


def _row(what: str, seconds: float, most: float, reference: str = "") -> tuple[str, ...]:
    return (what, f"{seconds * 1000:.0f} ms", reference, "", f"at most {most * 1000:.0f} ms", verdict(seconds <= most))


def _python(words: Sequence[str], codes: Collection[int] = (0,)) -> tuple[float, float]:
    """Seconds that an interpreter takes with these words: as they pass, and of a processor; ``codes`` may be its exit codes."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in codes, words
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime
