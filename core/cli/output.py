"""Output of the command line: the only writer to stdout and stderr. Outside text passes through ``safe``.

What holds here: at a terminal no line is wider than it, in a file or pipe none is wrapped; a closed pipe (``| head``) stops no
work and changes no exit code; an unwritable stdout is an error, an unwritable stderr is not.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from core.cli.answer import Answer, Line, Note, Part, Raw, Table, Verbatim
from core.errors import ArchivarError, StorageError
from core.problems.usage import OUTPUT_UNWRITTEN
from core.text import layout
from core.text.format import safe

#: Characters; longer lines are cut, as no person reads them.
LONGEST = 10_000
#: Substitutes for terminals and files limited to ASCII.
_PLAIN = str.maketrans({"✔": "+", "✘": "x", "●": "*", "○": "-", "■": "#", "▶": ">", "…": "...", "·": "-", "━": "="})


class Output:
    """The output of a command. With ``json_wanted`` stdout is for the one object alone and text goes to stderr."""

    def __init__(self) -> None:
        self.json_wanted = False
        self._json_written = False

    @property
    def for_person(self) -> bool:
        """True at a terminal where progress may be drawn."""
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @property
    def at_terminal(self) -> bool:
        """True where stderr is a terminal."""
        return sys.stderr is not None and sys.stderr.isatty()

    @property
    def lossy(self) -> bool:
        """True where the encoding of stdout lacks some characters."""
        return sys.stdout is not None and not (sys.stdout.encoding or "utf-8").lower().startswith("utf")

    @property
    def columns(self) -> int:
        """The columns of the terminal; 80 where it is none."""
        return _width(self._people) or 80

    def show(self, answer: Answer) -> int:
        """Write a command's answer; its exit code. Raises the answer's error, if it has one."""
        if self.json_wanted and answer.json is not None:
            self.json(answer.json())
        else:
            for part in answer.lines:
                self.tell(Line(part) if isinstance(part, str) else part)
        for part in answer.notes:
            self.tell(Note(part) if isinstance(part, str) else part)
        if answer.error is not None:
            raise answer.error
        return answer.exit_code

    def tell(self, part: Part) -> None:
        """Write a part of an answer."""
        match part:
            case Line(text, indent):
                self.line(text, indent=indent)
            case Note(text):
                self.note(text)
            case Verbatim(text):
                self.verbatim(text)
            case Table(head, rows, right):
                self.table(head, rows, right=right)
            case Raw(pieces):
                self.raw(pieces)

    def line(self, text: str = "", *, indent: int = 0) -> None:
        """Write a line: to stdout, or to stderr beside JSON. Wrapped, it continues after ``indent`` blanks."""
        self._text(self._people, text, indent)

    def note(self, text: str) -> None:
        """Write a line beside the result: always to stderr."""
        self._text(sys.stderr, text)

    def verbatim(self, text: str) -> None:
        """Write a line for copying: never wrapped."""
        self._write(self._people, safe(text, LONGEST) + "\n")

    def progress(self, text: str = "") -> None:
        """Show a line at the terminal that the next one replaces; an empty one clears it."""
        self._write(sys.stderr, f"\r\x1b[K{layout.shortened(safe(text, 200), (_width(sys.stderr) or 80) - 1)}\r")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """Write a table; the columns headed as in ``right`` are aligned right. An empty last column is left out."""
        clean = [[safe(cell, LONGEST) for cell in row] for row in (head, *rows)]
        flush = frozenset(head.index(name) for name in right)
        for line in layout.columns(clean, _width(self._people), flush):
            self._write(self._people, line + "\n")

    def json(self, value: Any) -> None:
        """Write the one object of ``--json``. ASCII only, so that it has no control characters of outside text."""
        self._json_written = True
        self._write(sys.stdout, json.dumps(value, ensure_ascii=True, indent=2) + "\n")

    def raw(self, pieces: Iterable[bytes]) -> None:
        """Write bytes unchanged to a file or pipe; made harmless for a terminal."""
        if sys.stdout is None:
            return
        if sys.stdout.isatty():
            for line in _lines(pieces):
                self._write(sys.stdout, safe(line, LONGEST) + "\n")
            return
        try:
            sys.stdout.flush()
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        except OSError as error:
            self._failed(sys.stdout, error)

    def error(self, error: ArchivarError) -> None:
        """Write an error with its remedy; with ``--json`` as the one object too, unless there was one already."""
        self._text(sys.stderr, f"archivar: {safe(error.message, 4000)}")
        if error.hint:
            self._text(sys.stderr, safe(error.hint, 4000))
        for other in error.others:
            self._text(sys.stderr, safe(other, 4000))
        if self.json_wanted and not self._json_written:
            value = {"error": error.message, "hint": error.hint, "code": error.reason.code.word, "exit_code": error.exit_code}
            self.json(value | error.as_json())

    def stdout_failed(self, error: OSError) -> None:
        """Handle a failed write to stdout by other code: an error, unless the pipe was closed. Raises ``StorageError``."""
        self._failed(sys.stdout, error)

    def ask_password(self, prompt: str) -> str:
        """Ask at the terminal without echo; an empty text when there is no terminal."""
        import getpass

        if sys.stdin is None or not sys.stdin.isatty():
            return ""
        try:
            return getpass.getpass(safe(prompt), stream=sys.stderr)
        except EOFError:
            self.note("")
            return ""

    def ask(self, question: str) -> str | None:
        """Ask at the terminal; the typed text, None when there is no terminal or at its end."""
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
        # Buffered text would be written once more at exit, and cause another error.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            self._json_written = True
            raise StorageError(OUTPUT_UNWRITTEN(said=str(error.strerror))) from error


def _width(stream: TextIO | None) -> int | None:
    """The columns of the terminal that ``stream`` is; None when it is none, and lines are not limited."""
    if stream is None or not stream.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdigit():
        return max(shutil.get_terminal_size().columns, 20)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, 20)
    except OSError:
        return 80


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a text, each as far as it is written at most."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for piece in pieces:
        # The last one may go on, if only by the LF after its CR.
        *whole, rest = (rest + decoder.decode(piece)).splitlines(keepends=True) or [""]
        yield from whole
        ended = rest[len(rest.rstrip("\r\n")) :]
        rest = rest if ended else rest[: LONGEST + 1]
    yield from (rest + decoder.decode(b"", final=True)).splitlines()


def plain(text: str) -> str:
    """``text`` with glyphs of every terminal."""
    return text.translate(_PLAIN)


output = Output()
