"""What is to be done with a mailbox: pure decisions on UID sets. No input or output, no clock.

Promise P2 is decided here: of every folder each UID on the server is known, new, or excluded, and nothing else; no date, no
SEARCH result and no highest UID has a say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

    A message that comes back to the folder and UID where it was, or to its old folder under another UIDVALIDITY, is preferred
    to any other pair. A new UID in the folder that it vanished from, under the same UIDVALIDITY, is no move: there programs
    save a changed message in place of the old one.
    """
    waiting: dict[Fingerprint, _Waiting] = {}
    for place, fingerprint in vanished:
        waiting.setdefault(fingerprint, _Waiting()).add(place)
    pairs = []
    left = list(arrived)
    for choose in (_Waiting.same_place, _Waiting.same_folder, _Waiting.any_place):
        unmatched = []
        for place, fingerprint in left:
            origin = choose(waiting[fingerprint], place) if fingerprint in waiting else None
            if origin is None:
                unmatched.append((place, fingerprint))
            else:
                pairs.append((origin, place))
        left = unmatched
    return pairs


class _Waiting:
    """Places of equal messages that vanished, by folder and UIDVALIDITY, in the order in which they came."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int], dict[Place, None]] = {}

    def add(self, place: Place) -> None:
        self._groups.setdefault((place.folder, place.uidvalidity), {})[place] = None

    def same_place(self, place: Place) -> Place | None:
        group = self._groups.get((place.folder, place.uidvalidity), {})
        return self._take(group, place) if place in group else None

    def same_folder(self, place: Place) -> Place | None:
        return self._first(lambda folder, validity: folder == place.folder and validity != place.uidvalidity)

    def any_place(self, place: Place) -> Place | None:
        return self._first(lambda folder, validity: folder != place.folder)

    def _first(self, fits: Callable[[str, int], bool]) -> Place | None:
        for (folder, validity), group in self._groups.items():
            if group and fits(folder, validity):
                return self._take(group, next(iter(group)))
        return None

    @staticmethod
    def _take(group: dict[Place, None], place: Place) -> Place:
        del group[place]
        return place


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
