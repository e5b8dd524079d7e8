"""Numbers of ledger entries as the catalog keeps them: those of all lanes are different, and none depends on another lane.

An entry of the archive's own lane has its seq, one of another lane the lane's number above ``BITS`` bits of seq.
"""

from __future__ import annotations

from collections.abc import Iterable

BITS = 40
#: The first number that is no seq of the archive's own lane.
FIRST_OF_LANES = 1 << BITS


def number_of(lane: int, seq: int) -> int:
    """The number of an entry of a lane, 0 for the archive's own."""
    return lane << BITS | seq


def seqs_of_lanes(numbers: Iterable[int]) -> dict[int, list[int]]:
    """The seqs of entries by their lane."""
    found: dict[int, list[int]] = {}
    for number in numbers:
        found.setdefault(number >> BITS, []).append(number & FIRST_OF_LANES - 1)
    return found
