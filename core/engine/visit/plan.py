"""Plans for a mailbox: pure decisions on UID sets. No input or output, no clock.

Promise P2 is decided here: each UID in a folder is known, new, or excluded; no date, SEARCH result or highest UID counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from core.archive.read.sources import Gone, Recorded
from core.imap.replies import Listed
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """The plan of a folder. ``vanished`` holds UIDs by UIDVALIDITY, ``new`` UIDs in ascending order."""

    new: tuple[int, ...]
    known: frozenset[int]
    vanished: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A message in a folder of the mailbox: the folder's name as on the wire, UIDVALIDITY, UID."""

    folder: str
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Facts by which two messages are the same without their bodies: size, INTERNALDATE, header block and Message-ID."""

    size: int
    internaldate: int | None
    header_sha256: bytes
    message_id: str

    def undated(self) -> Fingerprint:
        """The same without the INTERNALDATE."""
        return replace(self, internaldate=None)


def folder_plan(
    listed: Iterable[int], uidvalidity: int, known: Mapping[int, frozenset[int]], *, complete: bool = True
) -> FolderPlan:
    """Compare a folder's present UIDs with those ``known`` by UIDVALIDITY.

    Under another UIDVALIDITY the old UIDs are invalid (RFC 3501 section 2.3.1.1): all of them vanished, and all listed ones are
    new. UIDs missing in a list that is not ``complete`` have not vanished, since they may still be there.
    """
    now = frozenset(listed)
    before = known.get(uidvalidity, frozenset())
    vanished = {validity: tuple(sorted(uids)) for validity, uids in known.items() if validity != uidvalidity and uids}
    if complete and before - now:
        vanished[uidvalidity] = tuple(sorted(before - now))
    return FolderPlan(tuple(sorted(now - before)), before & now, vanished)


def differs(listed: Listed, recorded: Recorded | Gone) -> bool:
    """True when a UID is listed with other numbers than recorded. Untold numbers are no difference."""
    dated = listed.internaldate is not None and listed.internaldate != recorded.internaldate
    return dated or (not listed.sizeless and listed.size != recorded.size)


def match_moves(
    vanished: Sequence[tuple[ServerPlace, Fingerprint]], arrived: Sequence[tuple[ServerPlace, Fingerprint]]
) -> list[tuple[ServerPlace, ServerPlace]]:
    """Pairs (from, to) of messages that are the same.

    Only a Message-ID unique among both the vanished and the arrived ones identifies a pair.
    """
    origins = _once(vanished)
    return [
        (origins[message_id][0], place)
        for message_id, (place, fingerprint) in _once(arrived).items()
        if message_id in origins and origins[message_id][1] == fingerprint and may_move(origins[message_id][0], place)
    ]


def _once(items: Sequence[tuple[ServerPlace, Fingerprint]]) -> dict[str, tuple[ServerPlace, Fingerprint]]:
    counts = Counter(fingerprint.message_id for _, fingerprint in items)
    return {one.message_id: (place, one) for place, one in items if one.message_id and counts[one.message_id] == 1}


def may_move(origin: ServerPlace, place: ServerPlace) -> bool:
    """True when a message can have moved from ``origin`` to ``place``.

    A new UID in the same folder, under the same UIDVALIDITY, is no move: programs save a changed message there in place of the
    old one.
    """
    return (origin.folder, origin.uidvalidity) != (place.folder, place.uidvalidity)


def batches(sizes: Sequence[tuple[int, int]], *, max_bytes: int, max_messages: int) -> Iterator[list[int]]:
    """Yield UIDs of (UID, size) pairs in batches within both bounds; a message over ``max_bytes`` is a batch of its own."""
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
