"""Tampering by an account that may write to the archive's files, and its detection: the table of docs/format.md, as code."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.archive.store.items import EntryItems
from core.archive.store.ledger import COLUMNS, ZERO_HASH, Entry, chain, compress, decompress, items
from core.archive.store.volume_format import pack
from core.config import Home
from tests import homes
from tests.homes import change, message

TRIGGER = "CREATE TRIGGER quiet AFTER INSERT ON ledger BEGIN INSERT INTO meta VALUES ('ran', new.seq); END"


@dataclass(frozen=True, slots=True)
class Act:
    """One of them. ``opening``, ``verify``, ``seal`` and ``stamp`` are parts of what is said then; empty: nothing is found.

    ``do`` gets the archive, a copy of it as it was some entries ago, and another archive.
    """

    name: str
    do: Callable[[Home, Home, Home], None]
    opening: str
    verify: str
    seal: str
    stamp: str


def _edit(home: Home, older: Home, other: Home) -> None:
    change(home.volume(1), "UPDATE ledger SET actor = 'nobody' WHERE seq = 3")


def _cut(home: Home, older: Home, other: Home) -> None:
    change(home.volume(home.volume_numbers()[-1]), "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)")


def _lose(home: Home, older: Home, other: Home) -> None:
    change(home.volume(1), "DELETE FROM message WHERE sha256 = (SELECT min(sha256) FROM message)")


def chain_anew(home: Home) -> None:
    """Change entry 3 and compute all hashes after it anew, through all volumes; the catalog goes."""
    forged = ZERO_HASH
    for number in home.volume_numbers():
        home.volume(number).chmod(0o600)
        with closing(sqlite3.connect(home.volume(number))) as connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'previous_hash'", (forged,))
            rows = connection.execute(f"SELECT {COLUMNS} FROM ledger ORDER BY seq").fetchall()
            for seq, at, kind, actor, payload, _, digests in rows:
                content = EntryItems.of_row(digests, payload, decompress)
                if seq == 3:
                    content = items(json.loads(Entry(3, "", "", "", content, b"").plain.replace(b"INBOX", b"Inbox")) | {"v": 1})
                forged = chain(forged, at, kind, actor, content.digest)
                anew, salted = content.row(compress)
                values = (salted, forged, anew, seq)
                connection.execute("UPDATE ledger SET payload = ?, hash = ?, digests = ? WHERE seq = ?", values)
            connection.commit()
    _forget_catalog(home)


def _chain_anew(home: Home, older: Home, other: Home) -> None:
    chain_anew(home)
    assert homes.rebuild(home) > 0


def _forget_catalog(home: Home) -> None:
    for path in home.path.glob("archive.sqlite*"):
        path.unlink()


def _roll_back(home: Home, older: Home, other: Home) -> None:
    shutil.rmtree(home.path)
    shutil.copytree(older.path, home.path)


def _trigger(home: Home, older: Home, other: Home) -> None:
    change(home.volume(home.volume_numbers()[-1]), TRIGGER)


def smuggle(path: Path) -> tuple[str, int]:
    """Put a message with its part into a volume past the ledger: its SHA-256 and the part's id."""
    raw = message(4711)
    digest = hashlib.sha256(raw).digest()
    with closing(sqlite3.connect(path)) as connection:
        part = connection.execute("INSERT INTO part (sha256, codec, size, data) VALUES (?, 0, ?, ?)", (digest, len(raw), raw))
        assert part.lastrowid is not None
        values = (digest, len(raw), pack([part.lastrowid]))
        connection.execute("INSERT INTO message (sha256, size, recipe) VALUES (?, ?, ?)", values)
        connection.commit()
    return digest.hex(), part.lastrowid


def _smuggle(home: Home, older: Home, other: Home) -> None:
    smuggle(home.volume(home.volume_numbers()[-1]))


def _swap(home: Home, older: Home, other: Home) -> None:
    shutil.copyfile(other.volume(1), home.volume(1).with_suffix(".new"))
    home.volume(1).with_suffix(".new").rename(home.volume(1))


def _put_back(home: Home, older: Home, other: Home) -> None:
    last = home.volume_numbers()[-1]
    shutil.copyfile(older.volume(last), home.volume(last).with_suffix(".new"))
    home.volume(last).with_suffix(".new").rename(home.volume(last))


ACTS = (
    Act(
        "an entry is edited",
        _edit,
        "",
        "entry 3 (archived) does not follow from the entry before",
        "entry 3 (archived) does not follow from the entry before",
        "entry 3 (archived) does not follow from the entry before",
    ),
    Act(
        "the last entry is cut off",
        _cut,
        "but the catalog has seen entry",
        "the end is missing",
        "the end is missing",
        "is of no entry that is in the ledger",
    ),
    Act(
        "an entry is edited, all hashes after it are computed anew, the catalog is rebuilt",
        _chain_anew,
        "",
        "",
        "has another hash than the seal",
        "is of no entry that is in the ledger",
    ),
    Act(
        "the whole home is put back to an older state",
        _roll_back,
        "",
        "",
        "the end is missing",
        "is of no entry that is in the ledger",
    ),
    Act(
        "a message is taken out",
        _lose,
        "",
        "is in the ledger, but in no volume",
        "missing or not whole",
        "missing or not whole",
    ),
    Act(
        "a trigger is put into a volume",
        _trigger,
        "trigger quiet on ledger does not belong there",
        "trigger quiet on ledger does not belong there",
        "trigger quiet on ledger does not belong there",
        "trigger quiet on ledger does not belong there",
    ),
    Act(
        "a message is put in past the ledger",
        _smuggle,
        "",
        "is named by no entry of the ledger",
        "",
        "",
    ),
    Act(
        "a volume is swapped for one of another archive",
        _swap,
        "",
        "It belongs to another archive than the volume before",
        "is another volume, or one of another archive",
        "is another volume, or one of another archive",
    ),
    Act(
        "a volume is swapped for an older copy of itself",
        _put_back,
        "but the catalog has seen entry",
        "the end is missing",
        "the end is missing",
        "is of no entry that is in the ledger",
    ),
)
