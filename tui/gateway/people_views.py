"""Users as the console shows and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user in a list. ``key`` is the true name and ``keys`` the true addresses, for the gateway and for selections only."""

    key: str
    keys: tuple[str, ...]
    name: str
    full_name: str
    login: str
    addresses: str


class Users(Protocol):
    """Whose mail is archived. Every method may raise ``Refused``."""

    async def count(self, contains: str) -> int:
        """How many users there are with ``contains`` in name, full name, login or an address."""

    async def page(self, contains: str, offset: int, limit: int) -> Sequence[UserRow]:
        """Some of them, in the order of their names."""

    async def of_address(self, address: str) -> UserRow | None:
        """Whose address it is."""

    async def find(self, key: str) -> UserRow:
        """The user with this true name."""

    async def add(self, name: str, addresses: str, login: str, full_name: str) -> str:
        """Add a user; its key. ``addresses`` have blanks or commas between them, the first is the primary one."""

    async def edit(self, key: str, name: str, addresses: str, login: str, full_name: str) -> str:
        """Change a user; its key."""

    async def remove(self, key: str) -> None:
        """Take a user from the list; the archive stays."""
