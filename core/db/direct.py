"""A connection to a database file for one thread: for reading much without a crossing of threads for each statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from core.db.database import LOCK_SECONDS, Database, translated


@contextmanager
def reading(database: Database, pragmas: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """A read-only connection to the file of ``database``, with ``pragmas``. Errors are those of a ``Database``."""
    with translated(database.path, database.damaged):
        connection = sqlite3.connect(database.uri, uri=True, isolation_level=None, timeout=LOCK_SECONDS)
        with closing(connection):
            for pragma in ("trusted_schema = OFF", *pragmas):
                connection.execute(f"PRAGMA {pragma}")
            yield connection
