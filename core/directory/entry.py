"""What a directory says of one person, whatever kind of directory it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """``id`` is permanent and survives renames: ``keriodb://user/...``, ``objectGUID:...`` or ``entryUUID:...``.

    ``addresses`` have the primary one first; ``login`` is empty where the directory does not tell it. ``groups`` are names or
    DNs, as the directory has them.
    """

    id: str
    name: str
    full_name: str = ""
    addresses: tuple[str, ...] = ()
    login: str = ""
    enabled: bool = True
    groups: tuple[str, ...] = ()

    @property
    def scheme(self) -> str:
        """What kind of id it is."""
        return scheme(self.id)


def scheme(directory_id: str) -> str:
    """What kind of permanent id this is: ids of two kinds are never of the same directory."""
    return directory_id.partition(":")[0]


def distinct(addresses: list[str]) -> tuple[str, ...]:
    """Each address once, in order, without regard to case."""
    return tuple({address.casefold(): address for address in reversed(addresses)}.values())[::-1]
