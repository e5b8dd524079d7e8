"""The service's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.system import log


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("logging_as_before")
def test_what_a_server_says_cannot_control_the_terminal_that_shows_the_log(tmp_path: Path) -> None:
    """Escapes, direction marks and lines that look like the log's own come out harmless (P7)."""
    path = tmp_path / "log" / "service.log"
    log.to_file(path)
    logging.getLogger("archivar.test").error("it said %s", "\x1b]0;owned\x07\u202e\x9b2J")
    text = path.read_text()
    assert "owned" in text
    assert not any(character in text for character in "\x1b\x07\u202e\x9b")
    assert text.count("\n") == 1


def test_a_note_is_written_and_one_that_cannot_be_stops_nobody(tmp_path: Path) -> None:
    """A full or read-only home must not take the console with it."""
    path = tmp_path / "log" / "console.log"
    log.note(path, "archivar.console", "KeyError\n  file:1 in f")
    log.note(path, "archivar.console", "second")
    assert path.read_text().count("archivar.console: ") == 2
    (tmp_path / "file").touch()
    log.note(tmp_path / "file" / "console.log", "archivar.console", "nowhere")
