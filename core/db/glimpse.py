"""A quick read of a database file outside any event loop: read-only, and without files beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from core.db.database import Row

PATIENCE_SECONDS = 0.05


def rows(path: Path, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
    """All rows of a query; none when the file is missing, damaged, locked or has no such table."""
    try:
        with closing(sqlite3.connect(_uri(path), uri=True, timeout=PATIENCE_SECONDS)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            return connection.execute(sql, tuple(parameters)).fetchall()
    except (sqlite3.Error, OSError):
        return []


def _uri(path: Path) -> str:
    # With a log but without its shared-memory file, SQLite would create that file, also when it only reads.
    shared = all(path.with_name(f"{path.name}{suffix}").exists() for suffix in ("-wal", "-shm"))
    return f"{path.absolute().as_uri()}?{'mode=ro' if shared else 'mode=ro&immutable=1'}"
