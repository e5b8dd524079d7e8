"""Keys from pieces: a sequence is one key however slowly it comes, and no other key waits for more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.message import Message

from tui.keys import PatientParser, patience


class Line:
    """A parser with a clock of its own."""

    def __init__(self) -> None:
        self.time = 0.0
        self.parser = PatientParser(clock=lambda: self.time)

    def send(self, *pieces: str, apart: float = 0.0) -> list[str]:
        """The keys after all ``pieces``, which come ``apart`` seconds from each other, and after a second of silence."""
        found: list[str] = []
        for piece in pieces:
            found += _told(self.parser.feed(piece))
            self.time += apart
            found += _told(self.parser.tick())
        self.time += 1.0
        return found + _told(self.parser.tick())


def _told(messages: Iterable[Message]) -> list[str]:
    return [
        one.key if isinstance(one, events.Key) else f"paste {one.text}" if isinstance(one, events.Paste) else type(one).__name__
        for one in messages
    ]


SEQUENCES = [
    ("\x1b[A", "up"),
    ("\x1bOB", "down"),
    ("\x1b[15~", "f5"),
    ("\x1b[1;5C", "ctrl+right"),
    ("\x1b[3~", "delete"),
    ("\x1b[Z", "shift+tab"),
    ("\x1bOP", "f1"),
    ("\x1b[[A", "f1"),
    ("\x1b[27u", "escape"),
    ("\x1b[<0;10;5M", "MouseDown"),
    ("\x1b[?2026;2$y", "TerminalSupportsSynchronizedOutput"),
]


@pytest.mark.parametrize(("sequence", "key"), SEQUENCES)
def test_a_sequence_in_pieces_of_300_ms_is_one_key(sequence: str, key: str) -> None:
    """At once, character by character, and with other keys around it."""
    assert Line().send(sequence) == [key]
    assert Line().send(*sequence, apart=0.3) == [key]
    assert Line().send("a", *sequence, "b", apart=0.3) == ["a", key, "b"]
    assert Line().send(f"{sequence}{sequence}q") == [key, key, "q"]


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("\x1bn", ["escape", "n"]),
        ("\x1b\r", ["escape", "enter"]),
        ("\x1b1", ["escape", "1"]),
        ("\x1b\x1b[B", ["escape", "down"]),
        ("\x1b\x1b\x1b", ["escape", "escape", "escape"]),
        ("x\x1bb", ["x", "escape", "b"]),
        ("\x1bO", ["escape", "O"]),
        ("\x1bOz", ["escape", "O", "z"]),
        ("\x1b[", ["escape", "left_square_bracket"]),
        ("\x1b[\r", ["escape", "left_square_bracket", "enter"]),
        # Unknown and incomplete sequences are no keys and take none with them.
        ("\x1b[=5xq", ["q"]),
        ("\x1b[1;2;3;4xq", ["q"]),
        ("\x1b[1;", []),
        ("\x1b[1;\rq", ["enter", "q"]),
    ],
)
def test_what_is_no_sequence_is_the_keys_that_were_pressed(typed: str, keys: Sequence[str]) -> None:
    """In their order, none swallowed and none made up."""
    assert Line().send(typed) == keys


def test_a_bare_escape_alone_waits_for_more() -> None:
    """For less than half a second; a key behind it, and every other one, is there at once."""
    line = Line()
    assert _told(line.parser.feed("\x1b")) == []
    assert line.parser.due == pytest.approx(0.35)
    line.time = 0.34
    assert _told(line.parser.tick()) == []
    line.time = 0.36
    assert _told(line.parser.tick()) == ["escape"]
    assert line.parser.due is None
    assert _told(line.parser.feed("\x1b")) == []
    assert _told(line.parser.feed("j")) == ["escape", "j"]
    for key in ("a", "\r", "\t", "\x05", "ä", "\x1b[A"):
        assert len(_told(line.parser.feed(key))) == 1
        assert line.parser.due is None


def test_alt_with_an_arrow_goes_by_words_when_it_comes_alone() -> None:
    """As some terminals send it."""
    assert [Line().send(text) for text in ("\x1bb", "\x1bf", "\x1b\x7f")] == [["ctrl+left"], ["ctrl+right"], ["ctrl+w"]]


@pytest.mark.parametrize("apart", [0.0, 0.3])
def test_a_paste_is_whole_whatever_is_in_it(apart: float) -> None:
    """In pieces of any size; escapes in it are no keys."""
    text = "\x1b[200~one\x1b[A two\x1b[20 three\x1b[201~q"
    for size in (1, 3, 100):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert Line().send(*pieces, apart=apart) == ["paste one[A two[20 three", "q"]


@given(st.text(st.sampled_from("\x1b[O;?<$M~ABmu1290qb\r\x7f "), max_size=40), st.lists(st.integers(1, 5), min_size=1))
def test_pieces_make_no_difference(text: str, sizes: list[int]) -> None:
    """For any input: the same keys in one piece and in any others, and never a fault."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    # What is sent alone and goes by words depends on its coming alone.
    words = ("\x1bb", "\x1b\x7f")
    if not any(word in text for word in words):
        assert Line().send(*pieces) == Line().send(text)


def test_the_patience_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """In milliseconds, as ncurses has it; nonsense is none."""
    for text, seconds in (("", 0.35), ("50", 0.05), ("-1", 0.35), ("x", 0.35), ("0", 0.35), ("99999", 0.35)):
        monkeypatch.setenv("ESCDELAY", text)
        assert patience() == seconds
