"""What is to be done with a mailbox: pure decisions on UID sets. No input or output, no clock.

Promise P2 is decided here: of every folder each UID on the server is known, new, or excluded, and nothing else; no date, no
SEARCH result and no highest UID has a say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What one look at a folder says. ``vanished`` holds UIDs by UIDVALIDITY, ``new`` UIDs in ascending order."""

    new: tuple[int, ...]
    known: frozenset[int]
    vanished: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A message in a folder of the mailbox: the folder's name as on the wire, UIDVALIDITY, UID."""

    folder: str
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells that two messages are the same without their bodies: size, INTERNALDATE, SHA-256 of the header block."""

    size: int
    internaldate: int | None
    header_sha256: bytes


def folder_plan(
    listed: Iterable[int], uidvalidity: int, known: Mapping[int, frozenset[int]], *, complete: bool = True
) -> FolderPlan:
    """Compare the UIDs that a folder has now with those ``known`` by UIDVALIDITY.

    Under another UIDVALIDITY the old UIDs mean nothing any more (RFC 3501 section 2.3.1.1): all of them vanished, and all that
    is listed is new. What is not in a list that is not ``complete`` may still be there, so it has not vanished.
    """
    now = frozenset(listed)
    before = known.get(uidvalidity, frozenset())
    vanished = {validity: tuple(sorted(uids)) for validity, uids in known.items() if validity != uidvalidity and uids}
    if complete and before - now:
        vanished[uidvalidity] = tuple(sorted(before - now))
    return FolderPlan(tuple(sorted(now - before)), before & now, vanished)


def match_moves(
    vanished: Sequence[tuple[Place, Fingerprint]], arrived: Sequence[tuple[Place, Fingerprint]]
) -> list[tuple[Place, Place]]:
    """Pairs (from, to) of messages that are the same. Each vanished one is used once; a copy too many is simply new.

    A message that comes back to the folder and UID where it was, or to its old folder, is preferred to any other pair.
    """
    waiting: dict[Fingerprint, list[Place]] = {}
    for place, fingerprint in vanished:
        waiting.setdefault(fingerprint, []).append(place)
    pairs = []
    left = list(arrived)
    for fits in (_same_place, _same_folder, _any_place):
        unmatched = []
        for place, fingerprint in left:
            candidates = waiting.get(fingerprint, [])
            origin = next((origin for origin in candidates if fits(origin, place)), None)
            if origin is None:
                unmatched.append((place, fingerprint))
                continue
            candidates.remove(origin)
            pairs.append((origin, place))
        left = unmatched
    return pairs


def _same_place(origin: Place, place: Place) -> bool:
    return origin == place


def _same_folder(origin: Place, place: Place) -> bool:
    return origin.folder == place.folder


def _any_place(origin: Place, place: Place) -> bool:
    return True


def batches(sizes: Sequence[tuple[int, int]], *, max_bytes: int, max_messages: int) -> Iterator[list[int]]:
    """UIDs of (UID, size) pairs in batches within both bounds; a message over ``max_bytes`` is a batch of its own."""
    batch: list[int] = []
    total = 0
    for uid, size in sizes:
        if batch and (total + size > max_bytes or len(batch) >= max_messages):
            yield batch
            batch, total = [], 0
        batch.append(uid)
        total += size
    if batch:
        yield batch
