"""A directory's entry for one person, in any kind of directory."""

from __future__ import annotations

from core.values import dataclass


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
        """The kind of its id."""
        return scheme(self.id)


def scheme(directory_id: str) -> str:
    """The kind of a permanent id: ids of two kinds are never of the same directory."""
    return directory_id.partition(":")[0]


def distinct(addresses: list[str]) -> tuple[str, ...]:
    """Each address once, in order, without regard to case."""
    return tuple({address.casefold(): address for address in reversed(addresses)}.values())[::-1]
