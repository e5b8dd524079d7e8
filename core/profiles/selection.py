"""Selection of users whose mailboxes a profile opens: all users, all but some, or only some. Pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from core.model import User
from core.values import dataclass


class SelectionMode(StrEnum):
    ALL = "all"
    ALL_EXCEPT = "all-except"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class UserSelection:
    """``names`` are user names or addresses, as written."""

    mode: SelectionMode = SelectionMode.ALL
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"mode": self.mode.value, "list": list(self.names)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> UserSelection:
        return cls(SelectionMode(value["mode"]), tuple(value["list"]))


#: Names of users without an address that a count lists beside their number.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """The numbers of a selection now: ``users`` to archive, ``of`` all; the first of those ``without_address`` by name."""

    users: int
    of: int
    without_address: int
    without_names: tuple[str, ...]
    unknown: tuple[str, ...]

    def sentence(self) -> str:
        """``42 of 45 users, 3 have no e-mail address``."""
        text = f"{self.users} of {self.of} users"
        if self.without_address:
            text += f", {self.without_address} {'has' if self.without_address == 1 else 'have'} no e-mail address"
        return text


@dataclass(frozen=True, slots=True)
class SelectedUsers:
    """The users of a selection now: ``users`` to archive, those without an address, and ``unknown`` names."""

    users: tuple[User, ...]
    without_address: tuple[User, ...]
    unknown: tuple[str, ...]
    of: int

    def counted(self) -> Chosen:
        """The same as numbers."""
        names = tuple(user.name for user in self.without_address[:NAMED])
        return Chosen(len(self.users), self.of, len(self.without_address), names, self.unknown)

    def sentence(self) -> str:
        """``42 of 45 users, 3 have no e-mail address``."""
        return self.counted().sentence()


def select(selection: UserSelection, users: Sequence[User]) -> SelectedUsers:
    """Apply ``selection`` to ``users`` (no removed ones), in the order of their names.

    Disabled users, who left the directory, are skipped, unless the selection names its users.
    """
    found, unknown = match(selection.names, users)
    if selection.mode is SelectionMode.ONLY:
        chosen = [user for user in users if user.id in found]
    else:
        chosen = [user for user in users if user.id not in found and not user.disabled]
    return SelectedUsers(
        tuple(user for user in chosen if user.addresses),
        tuple(user for user in chosen if not user.addresses),
        tuple(unknown),
        len(users),
    )


def match(names: Iterable[str], users: Sequence[User]) -> tuple[set[str], list[str]]:
    """The ids of the users with these names or addresses, and the unmatched names. A name comes before an address."""
    by_name = {user.name.casefold(): user.id for user in users}
    by_address = {address.casefold(): user.id for user in users for address in user.addresses}
    found: set[str] = set()
    unknown: list[str] = []
    for name in names:
        key = name.strip().casefold()
        user = by_name.get(key) or by_address.get(key)
        if user is None:
            unknown.append(name)
        else:
            found.add(user)
    return found, unknown
