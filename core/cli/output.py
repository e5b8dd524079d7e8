"""Everything that leaves the command line: the only writer to stdout and stderr. Outside text passes through ``safe``.

What holds here: at a terminal no line is wider than it, in a file or pipe none is broken; a reader who has enough (``| head``)
ends nothing and changes no exit code; a stdout that cannot be written is an error, a stderr that cannot is none.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from core.cli.answer import Answer, Line, Note, Part, Raw, Table, Verbatim
from core.errors import ArchivarError, StorageError
from core.problems.usage import OUTPUT_UNWRITTEN
from core.text import layout
from core.text.format import safe

#: Longer lines are cut: no person reads on, and no terminal should have to.
LONGEST = 10_000
#: For terminals and files that know no more than ASCII.
_PLAIN = str.maketrans({"✔": "+", "✘": "x", "●": "*", "○": "-", "■": "#", "▶": ">", "…": "...", "·": "-", "━": "="})


class Output:
    """Where a command writes. With ``json_wanted`` stdout is for the one object alone and text goes to stderr."""

    def __init__(self) -> None:
        self.json_wanted = False
        self._json_written = False

    @property
    def for_person(self) -> bool:
        """Is somebody watching? Then progress may be drawn."""
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @property
    def at_terminal(self) -> bool:
        """True where a person reads what is written beside the result."""
        return sys.stderr is not None and sys.stderr.isatty()

    @property
    def lossy(self) -> bool:
        """True where stdout has an encoding without some characters."""
        return sys.stdout is not None and not (sys.stdout.encoding or "utf-8").lower().startswith("utf")

    @property
    def columns(self) -> int:
        """The columns of the terminal that people read; 80 where it is none."""
        return _width(self._people) or 80

    def show(self, answer: Answer) -> int:
        """Write what a command answers; its exit code. Raises the answer's error, if it has one."""
        if self.json_wanted and answer.json is not None:
            self.json(answer.json())
        else:
            for part in answer.lines:
                self._show(Line(part) if isinstance(part, str) else part)
        for part in answer.notes:
            self._show(Note(part) if isinstance(part, str) else part)
        if answer.error is not None:
            raise answer.error
        return answer.exit_code

    def _show(self, part: Part) -> None:
        match part:
            case Line(text, indent):
                self.line(text, indent=indent)
            case Note(text):
                self.note(text)
            case Verbatim(text):
                self.verbatim(text)
            case Table(head, rows, right):
                self.table(head, rows, right=right)
            case Raw(data):
                self.raw(data)

    def line(self, text: str = "", *, indent: int = 0) -> None:
        """A line for people: to stdout, or to stderr beside JSON. Broken, it goes on after ``indent`` blanks."""
        self._text(self._people, text, indent)

    def note(self, text: str) -> None:
        """A line beside the result: always to stderr."""
        self._text(sys.stderr, text)

    def verbatim(self, text: str) -> None:
        """A line that is to be copied: never broken to fit."""
        self._write(self._people, safe(text, LONGEST) + "\n")

    def progress(self, text: str = "") -> None:
        """A line at the terminal that the next one takes the place of; an empty one clears it."""
        self._write(sys.stderr, f"\r\x1b[K{layout.shortened(safe(text, 200), (_width(sys.stderr) or 80) - 1)}\r")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """A table; the columns headed as in ``right`` are set flush right. A last column without any text is left out."""
        clean = [[safe(cell, LONGEST) for cell in row] for row in (head, *rows)]
        flush = frozenset(head.index(name) for name in right)
        for line in layout.columns(clean, _width(self._people), flush):
            self._write(self._people, line + "\n")

    def json(self, value: Any) -> None:
        """The one object of ``--json``. ASCII only, so that no control character of outside text is in it."""
        self._json_written = True
        self._write(sys.stdout, json.dumps(value, ensure_ascii=True, indent=2) + "\n")

    def raw(self, data: bytes) -> None:
        """Bytes as they are for a file or pipe; made harmless for a terminal."""
        if sys.stdout is None:
            return
        if sys.stdout.isatty():
            for line in data.decode("utf-8", "replace").splitlines():
                self._write(sys.stdout, safe(line, LONGEST) + "\n")
            return
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError as error:
            self._failed(sys.stdout, error)

    def error(self, error: ArchivarError) -> None:
        """What went wrong and what to do; with ``--json`` as the one object too, unless there was one already."""
        self._text(sys.stderr, f"archivar: {safe(error.message, 4000)}")
        if error.hint:
            self._text(sys.stderr, safe(error.hint, 4000))
        for other in error.others:
            self._text(sys.stderr, safe(other, 4000))
        if self.json_wanted and not self._json_written:
            value = {"error": error.message, "hint": error.hint, "code": error.reason.code.word, "exit_code": error.exit_code}
            self.json(value | error.as_json())

    def stdout_failed(self, error: OSError) -> None:
        """Somebody else could not write to stdout: an error, unless the reader had enough. Raises ``StorageError``."""
        self._failed(sys.stdout, error)

    def ask_password(self, prompt: str) -> str:
        """Ask at the terminal without showing what is typed; an empty text when there is no terminal."""
        import getpass

        if sys.stdin is None or not sys.stdin.isatty():
            return ""
        try:
            return getpass.getpass(safe(prompt), stream=sys.stderr)
        except EOFError:
            self.note("")
            return ""

    def ask(self, question: str) -> str | None:
        """Ask at the terminal; what was typed, None when there is no terminal or nothing more comes from it."""
        if sys.stdin is None or not sys.stdin.isatty():
            return None
        self._write(sys.stderr, safe(question))
        # Not ``input``, which would put the question on stdout.
        return sys.stdin.readline() or None

    @property
    def _people(self) -> TextIO | None:
        return sys.stderr if self.json_wanted else sys.stdout

    def _text(self, stream: TextIO | None, text: str, indent: int = 0) -> None:
        for line in layout.wrapped(safe(text, LONGEST), _width(stream), indent):
            self._write(stream, line + "\n")

    def _write(self, stream: TextIO | None, text: str) -> None:
        # None: the program was started without it.
        if stream is None:
            return
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                known = stream.encoding or "ascii"
                stream.write(plain(text).encode(known, "replace").decode(known))
            stream.flush()
        except OSError as error:
            self._failed(stream, error)

    def _failed(self, stream: TextIO, error: OSError) -> None:
        # What is still in the buffer would be tried once more at the end of the program, and complained about.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            self._json_written = True
            raise StorageError(OUTPUT_UNWRITTEN(said=str(error.strerror))) from error


def _width(stream: TextIO | None) -> int | None:
    """The columns of the terminal that ``stream`` is; None when it is none, and lines may be of any length."""
    if stream is None or not stream.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdigit():
        return max(shutil.get_terminal_size().columns, 20)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, 20)
    except OSError:
        return 80


def plain(text: str) -> str:
    """``text`` with glyphs that every terminal has."""
    return text.translate(_PLAIN)


output = Output()
