"""Slowness: only of a begun and unfinished unit, and only while it is on its way."""

from __future__ import annotations

import pytest

from core.imap.pace import CRAWL, WINDOW_SECONDS, Pace


class Slow(Exception):
    """Raised when it is too slow."""


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def paced(clock: Clock, timeout: float = 300.0) -> Pace:
    return Pace(1000.0, timeout, Slow, clock)


def test_a_message_that_drips_is_too_slow_after_a_minute() -> None:
    """A byte a second: the timeout never strikes, the floor does."""
    clock = Clock()
    pace = paced(clock)
    pace.literal()

    def go() -> None:
        for _ in range(100):
            clock.now += 1
            pace.arrived(1)

    with pytest.raises(Slow):
        go()
    assert clock.now == pytest.approx(WINDOW_SECONDS)


def test_many_small_messages_that_drip_count_together() -> None:
    """Each is whole within the window, and together they are too slow."""
    clock = Clock()
    pace = paced(clock)

    def go() -> None:
        for _ in range(100):
            pace.literal()
            for _ in range(10):
                clock.now += 1
                pace.arrived(90)
            pace.whole()

    with pytest.raises(Slow):
        go()
    assert clock.now <= 2 * WINDOW_SECONDS


def test_an_answer_that_is_fast_enough_may_take_any_time() -> None:
    """A day of 2 kB a second."""
    clock = Clock()
    pace = paced(clock)
    pace.literal()
    for _ in range(86_400):
        clock.now += 1
        pace.arrived(2000)


def test_thinking_is_not_dripping() -> None:
    """A server may take its time before an answer, and between messages and lines that come whole."""
    clock = Clock()
    pace = paced(clock)
    pace.answer()
    for _ in range(100):
        clock.now += 100
        pace.line()
        pace.arrived(20_000)
        pace.whole()


def test_a_line_that_drips_is_too_slow() -> None:
    """From its first byte on."""
    clock = Clock()
    pace = paced(clock)
    pace.line()
    clock.now += 200

    def go() -> None:
        for _ in range(100):
            pace.arrived(1)
            clock.now += 1

    with pytest.raises(Slow):
        go()
    assert clock.now < 200 + WINDOW_SECONDS + 3


def test_small_talk_alone_is_no_answer() -> None:
    """Whole lines that only keep the connection open are believed for twice the timeout."""
    clock = Clock()
    pace = paced(clock)
    pace.answer()

    def go() -> None:
        for _ in range(1000):
            clock.now += 10
            pace.line()
            pace.arrived(17)
            pace.whole()

    with pytest.raises(Slow):
        go()
    assert 600 <= clock.now <= 620
    assert CRAWL > 17 / 10


def test_a_short_timeout_makes_the_window_short() -> None:
    """A user who waits for five seconds does not want to wait for a minute."""
    clock = Clock()
    pace = paced(clock, timeout=5)
    pace.literal()

    def go() -> None:
        for _ in range(100):
            clock.now += 0.5
            pace.arrived(1)

    with pytest.raises(Slow):
        go()
    assert clock.now == pytest.approx(5)
