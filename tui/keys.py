"""Parser of a terminal's input into keys, however slowly its pieces come.

A key such as an arrow is several characters that begin with an escape. On a slow line they arrive in pieces, and Textual then
reads the pieces as keys of their own (an escape, which leaves a page, and letters). Here only a bare escape waits for more;
text that cannot continue a sequence is delivered at once, as the pressed keys.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._parser import ParseTimeout
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

ESCAPE = "\x1b"
#: Alt with an arrow or backspace on some terminals, when nothing else comes with it.
WORDS = ("\x1bb", "\x1bf", "\x1b\x7f")
#: Characters; no terminal has a longer sequence.
LONGEST = 64
#: A control sequence (ECMA-48, 5.4): parameters, intermediates, and the character that ends it.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*([@-~])?")
#: Three characters with the position follow, on terminals without a better mouse protocol.
_MOUSE = "\x1b[M"


def patience(environment: str = "ESCDELAY") -> float:
    """Seconds to wait for the rest of a sequence: 0.35, or the milliseconds in ``ESCDELAY``, as in ncurses."""
    text = os.environ.get(environment, "")
    return int(text) / 1000 if text.isascii() and text.isdigit() and 0 < int(text) <= 5000 else 0.35


class PatientParser(XTermParser):
    """Textual's parser, given only whole sequences. ``tick`` must be called at intervals, by ``due``."""

    def __init__(self, debug: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._patience = patience()
        self._held = ""
        self._deadline = 0.0
        self._pasting = False
        super().__init__(debug)

    @property
    def due(self) -> float | None:
        """Seconds until the held text is given up; None without any."""
        return max(self._deadline - self._clock(), 0.0) if self._held and not self._pasting else None

    def feed(self, data: str) -> Iterable[Message]:
        """The keys that ``data`` completes; an empty text is the end."""
        if not data:
            yield from self._give_up()
            yield from super().feed("")
            return
        alone, text = data, self._held + data
        self._held = ""
        while text:
            if self._pasting:
                found, text = self._paste(text)
            elif text[0] != ESCAPE:
                end = text.find(ESCAPE)
                found, text = self._whole(text if end < 0 else text[:end]), "" if end < 0 else text[end:]
            elif (length := _length(text, alone)) is None:
                break
            elif length == 1:
                found, text = [events.Key("escape", ESCAPE)], text[1:]
            else:
                found, text = self._sequence(text[:length]), text[length:]
            yield from found
            if self._held:
                return
        self._hold(text)

    def tick(self) -> Iterable[Message]:
        if self._held and not self._pasting and self._clock() >= self._deadline:
            yield from self._give_up()

    def _hold(self, text: str) -> None:
        self._held, self._deadline = text, self._clock() + self._patience

    def _give_up(self) -> list[Message]:
        """Give up the held text: it is delivered as pressed keys, or dropped as an incomplete sequence."""
        held, self._held = self._held, ""
        if held not in (ESCAPE, "\x1b[", "\x1bO"):
            return []
        return [events.Key("escape", ESCAPE), *(self._whole(held[1:]) if held[1:] else ())]

    def _whole(self, text: str) -> list[Message]:
        return list(super().feed(text))

    def _sequence(self, text: str) -> list[Message]:
        """The key of a whole sequence; nothing for an unknown one."""
        if text == BRACKETED_PASTE_START:
            self._pasting = True
        found = self._whole(text)
        if self._awaiting.timeout is not None:
            # Textual's parser waits for the rest of a complete sequence.
            self._timeout_time = None
            self._awaiting = self._gen.throw(ParseTimeout())
            self._tokens.clear()
        return found

    def _paste(self, text: str) -> tuple[list[Message], str]:
        """Pasted text, up to its end or to a possible beginning of that; escapes within it are no keys."""
        inside, end, rest = text.partition(BRACKETED_PASTE_END)
        if end:
            self._pasting = False
            return self._whole(inside.replace(ESCAPE, "") + end), rest
        sizes = range(min(len(BRACKETED_PASTE_END) - 1, len(text)), 0, -1)
        kept = next((size for size in sizes if BRACKETED_PASTE_END.startswith(text[-size:])), 0)
        self._hold(text[len(text) - kept :])
        inside = text[: len(text) - kept].replace(ESCAPE, "")
        return (self._whole(inside) if inside else []), ""


def _length(text: str, alone: str) -> int | None:
    """The length of the sequence at the beginning of ``text``: 1 for a bare escape, None while it may continue.

    ``alone`` is the text that came at once.
    """
    if len(text) == 1:
        return None
    if text[1] == "[":
        return _control(text)
    if text[1] == "O":
        if len(text) == 2:
            return None
        return 3 if text[:3] in ANSI_SEQUENCES_KEYS else 1
    return 2 if alone == text and text in WORDS else 1


def _control(text: str) -> int | None:
    known = next((size for size in range(3, 7) if text[:size] in ANSI_SEQUENCES_KEYS and len(text) >= size), 0)
    if known:
        return known
    if text.startswith("\x1b[["):
        # Function keys of the Linux console; any other text was typed.
        return None if len(text) == 3 else 1
    match = _CONTROL.match(text)
    assert match is not None
    if match[1]:
        if match[0] == _MOUSE:
            return match.end() + 3 if len(text) >= match.end() + 3 else None
        return match.end()
    if match.end() == len(text):
        return None if len(text) < LONGEST else len(text)
    # Not part of any sequence: text before it is dropped, except pressed keys.
    return 1 if match.end() == 2 else match.end()
