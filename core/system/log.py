"""The service's log: times in UTC, one line an event, old files rotated. Never a password, never a message's content."""

from __future__ import annotations

import logging
import logging.handlers
import os
import time
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Any

from core.masking import masked
from core.text.format import safe

MAX_BYTES = 2 * 1024 * 1024
KEEP = 3
LONGEST = 4000


def note(path: Path, name: str, text: str) -> None:
    """Write one entry to ``path``, which has no other logging in this process. An unwritable log is ignored."""
    try:
        handler = _handler(path)
    except OSError:
        return
    try:
        handler.handle(logging.LogRecord(name, logging.ERROR, "", 0, text, None, None))
    finally:
        handler.close()


def _handler(path: Path) -> logging.Handler:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handler = _Private(path, maxBytes=MAX_BYTES, backupCount=KEEP, encoding="utf-8")
    formatter = _Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    return handler


class _Private(logging.handlers.RotatingFileHandler):
    """Log files with mode 0600, whatever the umask. One that was replaced is written to its end: the other is not ours."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        return self._is_there() and bool(super().shouldRollover(record))

    def _is_there(self) -> bool:
        try:
            return self.stream is not None and os.path.samestat(os.fstat(self.stream.fileno()), os.stat(self.baseFilename))
        except OSError:
            return False

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return TextIOWrapper(FileIO(descriptor, "a"), encoding=self.encoding, errors=self.errors, write_through=True)


class _Formatter(logging.Formatter):
    """Lines that are safe at a terminal: they may contain a server's text."""

    def formatException(self, ei: Any) -> str:
        # A library's error may contain a server's text, not masked yet.
        return masked(super().formatException(ei))

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(safe(line, LONGEST) for line in super().format(record).split("\n"))


def to_file(path: Path) -> None:
    """Log to ``path`` from now on."""
    logging.basicConfig(level=logging.INFO, handlers=[_handler(path)], force=True)
    # Their debug output contains all traffic.
    for name in ("imapclient", "aiosqlite", "asyncio", "procrastinate", "psycopg"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It tells of each try to connect; that PostgreSQL is away is told once by ``core.cluster``.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
