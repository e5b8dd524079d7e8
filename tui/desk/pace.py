"""How far a run is and how fast, in words. Pure functions."""

from __future__ import annotations

from core.engine.run import progress_words
from core.engine.visit.progress import Snapshot
from core.text import format as texts


def brief(snapshot: Snapshot) -> tuple[str, ...]:
    """A run in the line of its profile: how far it is, how long it will take, how fast it goes."""
    said = (progress_words.left(snapshot), progress_words.silence(snapshot), progress_words.rate(snapshot))
    return tuple(fact for fact in (_percent(snapshot), *said, progress_words.basis(snapshot)) if fact)


def counts(snapshot: Snapshot) -> tuple[str, ...]:
    """A run on its own page, the most important first."""
    found = [f"{texts.number(snapshot.messages_done)} of {texts.number(snapshot.messages_total)} messages"]
    if snapshot.bytes_total:
        found.append(done_of(snapshot.bytes_done, snapshot.bytes_total))
    said = (progress_words.left_by(snapshot), progress_words.silence(snapshot), progress_words.rate(snapshot))
    found += [fact for fact in said if fact]
    return (*found, f"{texts.size(snapshot.byte_rate)}/s") if snapshot.byte_rate else tuple(found)


def done_of(done: int, total: int, between: str = " of ") -> str:
    """``84 of 137 MB``: the unit once when it is the same."""
    (number, unit), whole = texts.size(done).split(" "), texts.size(total)
    same = whole.endswith(f" {unit}") or done == 0
    return f"{number if same else texts.size(done)}{between}{whole}"


def _percent(snapshot: Snapshot) -> str:
    return "listing folders" if snapshot.fraction is None else f"{int(snapshot.fraction * 100)} %"
