"""A run that is queued before the program is loaded: the service begins with it while the command line is still being imported.

Only where nothing is doubtful: the archive belongs to this account, is of this program's version and whole as far as its ends
tell, and the profile has no run under way. Anything else is left to the command itself, which tells what is wrong. For the sake
of time only the standard library is imported here, and no module that imports more; see the tests of the architecture.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from core.service import starting

if TYPE_CHECKING:
    from typing import Any

    from core.service.starting import StartedService

#: SQL: queue a run of a profile without an active one.
ADD = "INSERT INTO run (profile, status, requested, dry_run, automatic) VALUES (?, 'queued', ?, ?, ?)"
#: Seconds to wait for a lock: the command itself waits longer.
PATIENCE_SECONDS = 0.1
_MIGRATIONS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "db", "migrations")
_DIGITS = 6


class QueuedAhead:
    """The queued run ``run`` in the catalog ``place``. ``launched``: a service was started for it."""

    def __init__(self, connection: sqlite3.Connection, place: str, run: int) -> None:
        self._connection = connection
        self.place = place
        self.run = run
        self.launched = False

    def rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """The rows of a question to the catalog; none when it cannot be read now."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error:
            return []

    def close(self) -> None:
        """Close the catalog. Called once it is open elsewhere, since the last one to close it copies its log."""
        self._connection.close()

    def withdraw(self) -> None:
        """Request the end of the run, which the service may have begun; then close."""
        with closing(self._connection), suppress(sqlite3.Error):
            self._connection.execute("UPDATE run SET cancel_requested = 1 WHERE id = ? AND finished IS NULL", (self.run,))


def queue(home: str, profile: str, *, dry_run: bool, service: StartedService | None = None) -> QueuedAhead | None:
    """Queue a run of ``profile`` of the archive in ``home``, and start the service if none is running; None where in doubt.

    ``service``: the one that was started for the run, and waits for it.
    """
    try:
        queued = _queue(home, profile, dry_run=dry_run)
        if queued is not None:
            queued.launched = service.serve() if service is not None else False
            if not queued.launched and not starting.is_served(home):
                # The one that was there has ended since, or it is the first.
                service = starting.start(home, first=True)
                queued.launched = service is not None and service.serve()
        return queued
    finally:
        if service is not None:
            service.leave()


def _queue(home: str, profile: str, *, dry_run: bool) -> QueuedAhead | None:
    try:
        connection = _opened(home)
    except (OSError, sqlite3.Error, ValueError):
        return None
    try:
        if not _is_current(connection) or not _is_whole(connection, home):
            connection.close()
            return None
        row = connection.execute("SELECT name FROM profile WHERE name = ?", (profile,)).fetchone()
        added = connection.execute(ADD, (*row, _now(), dry_run, False)) if row else None
    except (OSError, sqlite3.Error, ValueError):
        # One of the profile's runs may be under way, or the disk may be full.
        added = None
    if added is None or added.lastrowid is None:
        connection.close()
        return None
    return QueuedAhead(connection, _catalog(home), added.lastrowid)


def _opened(home: str) -> sqlite3.Connection:
    """The catalog, if it is ours to write to. Raises ``OSError``, ``sqlite3.Error``, ``ValueError``."""
    if os.stat(home).st_uid != os.geteuid() or os.path.exists(os.path.join(home, "backup.json")):
        raise ValueError(home)
    place = _catalog(home)
    if os.path.islink(place) or not os.access(home, os.W_OK):
        raise ValueError(place)
    return _connected(place, "rw")


def _catalog(home: str) -> str:
    return os.path.join(home, "archive.sqlite")


def _connected(place: str, mode: str) -> sqlite3.Connection:
    name = place.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(f"file:{name}?mode={mode}", uri=True, isolation_level=None, timeout=PATIENCE_SECONDS)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _is_current(connection: sqlite3.Connection) -> bool:
    """True for a catalog of this program's version, that runs no code of its own when a run is queued."""
    newest = max(int(name[:4]) for name in os.listdir(_MIGRATIONS) if name.endswith(".sql"))
    if connection.execute("PRAGMA user_version").fetchone()[0] != newest:
        return False
    # The tables of mail have triggers, and are not written here.
    code = "SELECT 1 FROM sqlite_schema WHERE type = 'view' OR type = 'trigger' AND tbl_name NOT IN ('message', 'placement')"
    return connection.execute(code).fetchone() is None


def _is_whole(connection: sqlite3.Connection, home: str) -> bool:
    """True when all volumes are there, and the ledger ends where the catalog has followed it to."""
    folder = os.path.join(home, "volumes")
    numbers = {int(stem) for name in os.listdir(folder) if (stem := name.removesuffix(".sqlite")) != name and stem.isdecimal()}
    reached = connection.execute("SELECT volume, seq, hash FROM applied").fetchone()
    if not numbers or reached is None or numbers != set(range(1, max(numbers) + 1)):
        return False
    volume = _connected(os.path.join(folder, f"{max(numbers):0{_DIGITS}}.sqlite"), "ro")
    try:
        last = volume.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    finally:
        volume.close()
    return bool(last == reached[1:])


def _now() -> str:
    """The present time as ``model.timestamp`` writes it."""
    moment = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment * 1000) % 1000:03}Z"
