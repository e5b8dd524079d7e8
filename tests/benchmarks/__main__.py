"""``python -m tests.benchmarks``: measures and prints the table. ``--messages`` and ``--rounds`` make it shorter.

``--speed`` measures a first archive alone, of usual mail and of small.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from core.text.format import size
from tests.benchmarks import backups, folders, large, mail, progress, reading, scale, search, searching, start
from tests.benchmarks import console as on_a_terminal
from tests.benchmarks.console import FAST, verdict
from tests.benchmarks.contestant import Home, Measured
from tests.benchmarks.server import PASSWORD, drain, fill, mbsync
from tests.servers import slapd
from tests.servers.dovecot import Dovecot, missing
from tests.servers.proxy import Proxy

CROWD = tuple(f"person{number}@example.test" for number in range(10))
MASTER = ("archive", PASSWORD)
LOGINS = ("office@example.test", "sales@example.test", "support@example.test")
LARGE = "archive-of-all@example.test"
SMALL = "notices@example.test"
MEMORY_BAR = 250 * 1000 * 1000
LARGE_MESSAGE = 100_000_000
PEOPLE, SYNC_SECONDS = 5000, 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--messages", type=int, default=3000, help="messages of the large mailbox")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which the contestants take turns")
    parser.add_argument("--speed", action="store_true", help="a first archive alone")
    options = parser.parse_args()
    console = Console(width=max(Console().width, 150) if not sys.stdout.isatty() else None)
    if needed := missing() or (None if shutil.which("mbsync") else "isync"):
        console.print(f"The benchmarks need the Debian package {needed}.", markup=False)
        return 2
    begun, told = time.perf_counter(), Console(stderr=True)
    table = Table("what", "figure", "reference", "ratio", "bar", "", title="Archivar beside its references, medians of one run")
    with (
        _folder() as folder,
        Dovecot(
            folder / "server",
            dict.fromkeys((*LOGINS, *CROWD, *FAST, LARGE, SMALL, start.LOGIN, folders.MANY), PASSWORD),
            master=MASTER,
        ) as server,
    ):
        for rows in _speed_alone(folder, server, options) if options.speed else _all(folder, server, options):
            for row in rows:
                # Each figure at once: the whole takes long, and what was measured shall outlast a failure.
                seconds = time.perf_counter() - begun
                told.print(f"{seconds:5.0f} s  {'; '.join(filter(None, row))}", markup=False, highlight=False, soft_wrap=True)
                table.add_row(*row)
    console.print(table)
    return 0


def _speed_alone(folder: Path, server: Dovecot, options: argparse.Namespace) -> tuple[Iterator[tuple[str, ...]], ...]:
    return (
        _speed(folder, server, options.messages, options.rounds),
        _small(folder, server, 3 * options.messages, options.rounds),
    )


def _all(folder: Path, server: Dovecot, options: argparse.Namespace) -> tuple[Iterator[tuple[str, ...]], ...]:
    return (
        start.measure(folder, server),
        *_speed_alone(folder, server, options),
        _many(folder, server, options.messages, options.rounds),
        _memory_and_disk(folder, server),
        on_a_terminal.measure(folder, server, options.messages),
        progress.measure(folder),
        mail.measure(folder / "home-mail"),
        reading.measure(folder / "reading", 30 * options.messages),
        backups.measure(folder / "backups", 10 * options.messages),
        search.measure(folder / "home-search"),
        searching.measure(folder / "home-searching"),
        large.measure(folder / "large", min(options.messages // 6, large.MEGABYTES)),
        _beside_indexing(folder, server, 4 * options.messages, options.rounds),
        folders.measure(folder, server, options.messages, options.rounds),
        _directory(folder, server),
    )


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="archivar-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _speed(folder: Path, server: Dovecot, messages: int, rounds: int) -> Iterator[tuple[str, ...]]:
    mailbox = fill(server, LOGINS[0], messages)
    drained, synced, ours = [], [], list[Measured]()
    # A warm-up: the server then has its files in memory and its indexes made, for all contestants.
    drain(server, mailbox.login)
    for number in range(rounds):
        drained.append(drain(server, mailbox.login))
        synced.append(mbsync(server, mailbox.login, folder / f"mbsync{number}"))
        home = Home(folder / f"home{number}", server)
        profile = home.add(mailbox.login)
        ours.append(home.run(profile))
        home.stop()
        assert ours[-1].result["totals"]["archived"] == messages
    wall, run = median(one.wall for one in ours), median(one.run for one in ours)
    yield (
        f"first archive, {messages:,} messages / {size(mailbox.bytes)}, whole command",
        f"{wall:.2f} s ({messages / wall:,.0f} msg/s)",
        f"mbsync {median(synced):.2f} s",
        f"{wall / median(synced):.2f}",
        *_at_most(wall / median(synced), 0.5),
    )
    yield (
        "messages per second, from the run's start to its end",
        f"{messages / run:,.0f} msg/s",
        f"bare socket {messages / median(drained):,.0f} msg/s",
        f"{median(drained) / run:.2f}",
        *_at_least(median(drained) / run, 0.4),
    )
    with Proxy(server.host, server.plain_port) as proxy:
        home = Home(folder / "home0", server, port=proxy.port)
        profile = home.apply(mailbox.login)
        home.run(profile)
        proxy.reset_counters()
        again = home.run(profile)
        home.stop()
    assert again.result["totals"]["archived"] == 0
    yield (
        "a run with nothing new, round trips from connect to logout",
        f"{proxy.turns} ({again.run:.2f} s)",
        f"{len(server.folders(mailbox.login))} folders; 3 of them before and for the login",
        "",
        "at most 3 after login",
        verdict(proxy.turns - 3 <= 3),
    )
    home = Home(folder / "home-memory", server)
    peak = home.run(home.add(mailbox.login), memory=True).peak
    home.stop()
    yield _memory(f"peak memory of the service, {messages:,} messages", peak)


def _small(folder: Path, server: Dovecot, messages: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """Messages of about 2.3 kB, of which the cost is the program's own more than that of bytes."""
    for raw in scale.Mail(scale.SEED).take(messages):
        server.deliver(SMALL, "INBOX", raw)
    drain(server, SMALL)
    drained, ours = [], list[Measured]()
    for number in range(rounds):
        drained.append(drain(server, SMALL))
        home = Home(folder / f"home-small{number}", server)
        ours.append(home.run(home.add(SMALL)))
        home.stop()
        assert ours[-1].result["totals"]["archived"] == messages
    run = median(one.run for one in ours)
    yield (
        f"messages of 2.3 kB per second, {messages:,} of them, from the run's start to its end",
        f"{messages / run:,.0f} msg/s",
        f"bare socket {messages / median(drained):,.0f} msg/s",
        f"{median(drained) / run:.2f}",
        "",
        "",
    )


def _many(folder: Path, server: Dovecot, messages: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """As many messages in ten mailboxes as in the one, which takes its turn with them."""
    for login in CROWD:
        fill(server, login, messages // len(CROWD))
    drain(server, CROWD[0])
    one, ten = list[Measured](), list[Measured]()
    for number in range(rounds):
        for name, found in (("one", one), ("ten", ten)):
            home = Home(folder / f"home-{name}{number}", server)
            found.append(home.run(home.add(LOGINS[0]) if name == "one" else home.add_many(CROWD)))
            home.stop()
    assert all(measured.result["totals"]["archived"] == messages // len(CROWD) * len(CROWD) for measured in ten)
    single, many = median(messages / measured.run for measured in one), median(messages / measured.run for measured in ten)
    yield (
        f"ten mailboxes, 4 connections, {messages:,} messages",
        f"{many:,.0f} msg/s",
        f"one mailbox {single:,.0f} msg/s",
        f"{many / single:.2f}",
        *_at_least(many / single, 0.9),
    )
    home = Home(folder / "home-memory-ten", server)
    peak = home.run(home.add_many(CROWD), memory=True).peak
    home.stop()
    yield _memory("peak memory of the service, ten mailboxes, 4 connections", peak)


def _memory(what: str, peak: int) -> tuple[str, ...]:
    return (what, size(peak), "", f"{peak / MEMORY_BAR:.2f}", f"under {size(MEMORY_BAR)}", verdict(peak < MEMORY_BAR))


def _at_most(ratio: float, bar: float) -> tuple[str, str]:
    return f"at most {bar}", verdict(ratio <= bar)


def _at_least(ratio: float, bar: float) -> tuple[str, str]:
    return f"at least {bar}", verdict(ratio >= bar)


def _memory_and_disk(folder: Path, server: Dovecot) -> Iterator[tuple[str, ...]]:
    raw = 0
    home = Home(folder / "home-shared", server)
    for login in LOGINS[1:]:
        raw += fill(server, login, 1000).bytes
    for login in LOGINS[1:]:
        home.run(home.add(login))
    yield (
        "bytes on disk against raw, two mailboxes with shared attachments",
        size(home.volume_bytes()),
        f"raw {size(raw)}",
        f"{home.volume_bytes() / raw:.2f}",
        *_at_most(home.volume_bytes() / raw, 0.6),
    )
    line = b"A message that is far too large for a mailbox, as they come all the same.\r\n"
    server.deliver(LOGINS[1], "INBOX", b"Subject: large\r\n\r\n" + line * (LARGE_MESSAGE // len(line)))
    measured = home.run(LOGINS[1].split("@", 1)[0], memory=True)
    home.stop()
    assert measured.result["totals"]["archived"] == 1
    yield _memory(f"peak memory of the service, one message of {size(LARGE_MESSAGE)}", measured.peak)


def _beside_indexing(folder: Path, server: Dovecot, messages: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """A larger mailbox than the others have, since what works beside it works a tenth of the time only."""
    fill(server, LARGE, messages)
    drain(server, LARGE)
    (folder / "indexing").mkdir()
    yield from search.beside_a_run(folder / "indexing", server, LARGE, messages, rounds)


def _directory(folder: Path, server: Dovecot) -> Iterator[tuple[str, ...]]:
    """Users of an LDAP directory, by a command of its own each time, from its start to its end."""
    if slapd.missing():
        return
    home = Home(folder / "home-directory", server)
    with slapd.Slapd(folder / "ldap", [slapd.person(number) for number in range(PEOPLE)]) as directory:
        file = folder / "directory.toml"
        file.write_text(
            f"""type = "ldap"
[server]
host = "{directory.host}"
port = {directory.ssl_port}
ca_file = "{directory.ca_file}"
[search]
base_dn = "{slapd.BASE}"
"""
        )
        home.command("directory", "apply", str(file))
        for what, new in (("first", PEOPLE), ("second, nothing to change", 0)):
            begun = time.perf_counter()
            result = home.command("directory", "sync")
            seconds = time.perf_counter() - begun
            assert result["created"] == new
            yield (
                f"{PEOPLE:,} LDAP users synchronised, {what}",
                f"{seconds:.2f} s",
                "",
                "",
                f"under {SYNC_SECONDS} s",
                verdict(seconds < SYNC_SECONDS),
            )


if __name__ == "__main__":
    sys.exit(main())
