"""Large folders, and very many of them: what new mail costs beside what is known already.

Folders are filled by writing the server's files. Those with very many messages are one file each (mbox): a server that has a
file for each message reads their directory anew after every delivery, which takes longer than all else.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from core.text.format import size
from tests.benchmarks.console import verdict
from tests.benchmarks.contestant import Home
from tests.benchmarks.server import PASSWORD, command, greeted
from tests.servers.dovecot import Dovecot, modified_utf7

MANY, FULL, OLD, YOUNG = "many@example.test", "full@example.test", "old@example.test", "young@example.test"
#: Folders with one new message each, messages of a full folder, and folders that share what is known.
FOLDERS, FULL_FOLDER, SHARED = 2000, 250_000, 120
#: Messages known in an old and in a young mailbox, and those that are new in each.
KNOWN, NEW = {OLD: 120_000, YOUNG: 12_000}, 10_000
#: The messages of the large mailbox for which these numbers hold.
WHOLE = 3000
RATE_BAR, SECONDS_BAR, MEMORY_BAR, RATIO_BAR = 600, 0.3, 120 * 1000 * 1000, 1.3
FIRST_BAR = 250 * 1000 * 1000
ONE_FILE_EACH = "mail_location = mbox:~/mbox:INBOX=~/inbox\nmbox_very_dirty_syncs = yes"
_BODY = b"A line of text as it stands in mail, neither short nor long, again and again.\r\n"


def deliver(server: Dovecot, login: str, folder: str, numbers: Iterable[int]) -> None:
    """Put messages into a folder that has a file for each; ``numbers`` name them."""
    server.fill(login, folder, {number: _message(login, folder, number, 25) for number in numbers})


def append(server: Dovecot, login: str, folder: str, numbers: Iterable[int]) -> None:
    """Put messages into a folder that is one file."""
    home = server.maildir(login)
    path = home / "inbox" if folder == "INBOX" else home / "mbox" / folder
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        for number in numbers:
            raw = _message(login, folder, number, 1).replace(b"\r\n", b"\n")
            file.write(b"From a@example.test Thu Feb  1 10:00:00 2024\n" + raw + b"\n")
    server._give(path.parent, path)


def _message(login: str, folder: str, number: int, lines: int) -> bytes:
    head = f"From: a@example.test\r\nTo: {login}\r\nSubject: {folder} {number}\r\n"
    name = f"Message-ID: <{number}.{folder.replace('/', '.').replace(' ', '.')}@example.test>\r\n\r\n"
    return (head + name).encode() + _BODY * lines


def measure(folder: Path, server: Dovecot, messages: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """The rows of the table; with fewer ``messages`` than ``WHOLE`` all numbers shrink alike."""
    share = min(1.0, messages / WHOLE)
    yield _one_each(folder, server, max(int(FOLDERS * share), 50), rounds)
    with Dovecot(folder / "one-file-each", dict.fromkeys((FULL, OLD, YOUNG), PASSWORD), extra=ONE_FILE_EACH) as other:
        yield from _full(folder, other, int(FULL_FOLDER * share), rounds)
        yield _old_and_young(folder, other, share)


def _one_each(folder: Path, server: Dovecot, count: int, rounds: int) -> tuple[str, ...]:
    """One new message in each of many folders, with a few that are known."""
    names = [f"F{number // 100}/f{number}" for number in range(count)]
    home = Home(folder / "home-many-folders", server)
    for name in names:
        deliver(server, MANY, name, [0])
    profile = home.add(MANY)
    home.run(profile)
    ours, bare = [], []
    for turn in range(1, rounds + 1):
        for name in names:
            deliver(server, MANY, name, [turn])
        measured = home.run(profile)
        assert measured.result["totals"]["archived"] == count
        ours.append(measured.run)
        bare.append(_opened_and_read(server, MANY, names))
    home.stop()
    rate = count / median(ours)
    return (
        f"{count:,} folders with one new message each",
        f"{rate:,.0f} msg/s",
        f"bare socket, all listed, opened and read {count / median(bare):,.0f} msg/s",
        f"{median(bare) / median(ours):.2f}",
        f"at least {RATE_BAR} msg/s",
        verdict(rate >= RATE_BAR),
    )


def _opened_and_read(server: Dovecot, login: str, names: Sequence[str]) -> float:
    """List all folders with STATUS, and the messages and the newest body of each, over a bare socket; seconds."""
    with socket.create_connection((server.host, server.plain_port)) as connection:
        greeted(connection)
        command(connection, b"a1", f"LOGIN {login} {PASSWORD}".encode())
        begun = time.perf_counter()
        command(connection, b"a2", b'LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))')
        for number, name in enumerate(names):
            command(connection, b"b%d" % number, b'EXAMINE "' + modified_utf7(name).encode() + b'"')
            command(connection, b"c%d" % number, b"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)")
            command(connection, b"d%d" % number, b"FETCH * (UID BODY.PEEK[])")
        return time.perf_counter() - begun


def _full(folder: Path, server: Dovecot, messages: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """One new message in a folder that is full of known ones."""
    append(server, FULL, "INBOX", range(messages))
    home = Home(folder / "home-full-folder", server)
    profile = home.add(FULL)
    first = home.run(profile, memory=True)
    assert first.result["totals"]["archived"] == messages
    home.stop()
    seconds, peaks, listed = [], [], []
    for turn in range(rounds):
        append(server, FULL, "INBOX", [messages + turn])
        measured = home.run(profile, memory=True)
        assert measured.result["totals"]["archived"] == 1
        seconds.append(measured.run)
        peaks.append(measured.peak)
        listed.append(_opened_and_read(server, FULL, ["INBOX"]))
        home.stop()
    figure, reference = median(seconds), median(listed)
    yield (
        f"one new message in a folder of {messages:,}",
        f"{figure:.2f} s",
        f"bare socket, listed whole {reference:.2f} s",
        f"{figure / reference:.2f}",
        f"under {SECONDS_BAR} s",
        verdict(figure < SECONDS_BAR),
    )
    yield ("peak memory of it", size(max(peaks)), "", "", f"under {size(MEMORY_BAR)}", verdict(max(peaks) < MEMORY_BAR))
    yield (
        f"peak memory of the first archive of a folder of {messages:,}",
        size(first.peak),
        "",
        "",
        f"under {size(FIRST_BAR)}",
        verdict(first.peak < FIRST_BAR),
    )


def _old_and_young(folder: Path, server: Dovecot, share: float) -> tuple[str, ...]:
    """New mail in folders of an old and of a young mailbox: what is known must not cost anything."""
    new = max(int(NEW * share), SHARED)
    known = {login: max(int(count * share), 2 * SHARED) for login, count in KNOWN.items()}
    names = [f"Folder {number}" for number in range(SHARED)]
    costs = {}
    for login, count in known.items():
        home = Home(folder / f"home-{login.partition('@')[0]}", server)
        for number, name in enumerate(names):
            append(server, login, name, range(number, count, SHARED))
        profile = home.add(login)
        assert home.run(profile).result["totals"]["archived"] == count
        for number, name in enumerate(names):
            append(server, login, name, range(count + number, count + new, SHARED))
        measured = home.run(profile)
        assert measured.result["totals"]["archived"] == new
        costs[login] = measured.run / new
        home.stop()
    ratio = costs[OLD] / costs[YOUNG]
    return (
        f"{new:,} new messages over {SHARED} folders, {known[OLD]:,} known",
        f"{costs[OLD] * 1000:.2f} ms each",
        f"{known[YOUNG]:,} known {costs[YOUNG] * 1000:.2f} ms each",
        f"{ratio:.2f}",
        f"at most {RATIO_BAR}",
        verdict(ratio <= RATIO_BAR),
    )
